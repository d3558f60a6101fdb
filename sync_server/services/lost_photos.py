"""Photos whose file is not on the disk any more (a folder put back from an older copy, a disk that
failed): noted, so that they count as not come, and the laptops that hold them send them again.

A note is taken back when the file is whole again, whoever put it there; no row is deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile

from sync_server.services.centre import Centre
from sync_server.services.photos import photo_store
from sync_server.store import photo_rows
from sync_server.store.photo_rows import Kept
from sync_server.store.photo_store import PhotoStore

log = logging.getLogger(__name__)

LOOKED_AT = 20_000
"""Photos looked for at once; the next look goes on behind them."""
RUN = 1_000
READ_AT_ONCE = 1_000
"""Files read at once to see whether they are whole again; a photo has a megabyte at most."""
LOOK_EVERY = timedelta(days=1)


@dataclass
class Watch:
    """How far the photos were looked for: behind which hash, and when the last look began."""

    behind: str = ""
    began_at: datetime | None = None


@dataclass
class Look:
    """What a look at the disk found: photos whose file is gone, hashes of those whose file is whole
    again. ``reads`` is how many files may still be read."""

    files: PhotoStore
    reads: int
    gone: list[Kept] = field(default_factory=list)
    back: list[str] = field(default_factory=list)

    def take(self, one: Kept) -> bool:
        """Look for one photo; False when its file would have to be read and no more may be."""
        if one.gone != self.files.lies(one.sha256, one.bytes):
            return True  # as was known
        if not one.gone:
            self.gone.append(one)
            return True
        if not self.reads:
            return False
        self.reads -= 1
        if self.files.photo(one.sha256) is not None:
            self.back.append(one.sha256)
        return True


def look_for_photos(centre: Centre, watch: Watch, now: datetime) -> int:
    """Look for the files of the next photos, all of them once a day; return how many were found to
    be gone, or here again."""
    if not watch.behind:
        if watch.began_at is not None and abs(now - watch.began_at) < LOOK_EVERY:
            return 0
        watch.began_at = now
    changed, reads = 0, READ_AT_ONCE
    for _ in range(LOOKED_AT // RUN):
        with centre.store.reading() as connection:
            rows = photo_rows.kept_photos(connection, centre.code, watch.behind, RUN)
        look = Look(photo_store(centre), reads)
        seen = list(takewhile(look.take, rows))
        changed += _noted(centre, look, now)
        reads = look.reads
        if seen == rows and len(rows) < RUN:
            watch.behind = ""
            break
        if seen:
            watch.behind = seen[-1].sha256
        if seen != rows:
            break
    return changed


def _noted(centre: Centre, look: Look, now: datetime) -> int:
    """Note which photos are gone and which are here again; return how many."""
    if not look.gone and not look.back:
        return 0
    with centre.store.writing() as connection:
        # Whoever has brought one meanwhile had put its file in place before he came to its row.
        gone = [one.sha256 for one in look.gone if not look.files.lies(one.sha256, one.bytes)]
        photo_rows.note_gone(connection, centre.code, gone, now)
        photo_rows.note_back(connection, centre.code, look.back)
        staff = photo_rows.sent_by_staff(connection, centre.code, gone)
    if gone:
        log.warning("%d photos are not on the disk any more; laptops are asked for them", len(gone))
    for sha256 in staff:  # nobody can be asked for these
        log.warning("a photo sent by staff is gone, put it back from a copy: %s", sha256)
    return len(gone) + len(look.back)
