"""Photos whose file is not on the disk any more (a folder put back from an older copy, a disk that
failed): noted, so that they count as not come, and the laptops that hold them send them again.

A note is taken back when the file is whole again, whoever put it there; no row is deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_server.services.centre import Centre
from sync_server.services.photos import photo_store
from sync_server.store import photo_rows
from sync_server.store.photo_rows import Kept
from sync_server.store.photo_store import PhotoStore

log = logging.getLogger(__name__)

LOOKED_AT = 20_000
"""Photos looked for at once; the next look goes on behind them."""
RUN = 1_000
LOOK_EVERY = timedelta(days=1)


@dataclass
class Watch:
    """How far the photos were looked for: behind which hash, and when the last look began."""

    behind: str = ""
    began_at: datetime | None = None


def look_for_photos(centre: Centre, watch: Watch, now: datetime) -> int:
    """Look for the files of the next photos, all of them once a day; return how many were found to
    be gone, or here again."""
    if not watch.behind:
        if watch.began_at is not None and abs(now - watch.began_at) < LOOK_EVERY:
            return 0
        watch.began_at = now
    changed = 0
    for _ in range(LOOKED_AT // RUN):
        with centre.store.reading() as connection:
            rows = photo_rows.kept_photos(connection, centre.code, watch.behind, RUN)
        changed += _compared(centre, rows, now)
        watch.behind = rows[-1].sha256 if len(rows) == RUN else ""
        if not watch.behind:
            break
    return changed


def _compared(centre: Centre, rows: list[Kept], now: datetime) -> int:
    """Note which of these photos are gone and which are here again; return how many."""
    files = photo_store(centre)
    doubtful = [one for one in rows if one.gone == files.lies(one.sha256, one.bytes)]
    if not doubtful:
        return 0
    with centre.store.writing() as connection:
        gone = [one.sha256 for one in doubtful if not one.gone and not _is_here(files, one)]
        back = [one.sha256 for one in doubtful if one.gone and _is_here(files, one)]
        photo_rows.note_gone(connection, centre.code, gone, now)
        photo_rows.note_back(connection, centre.code, back)
        staff = photo_rows.sent_by_staff(connection, centre.code, gone)
    if gone:
        log.warning("%d photos are not on the disk any more; laptops are asked for them", len(gone))
    for sha256 in staff:  # nobody can be asked for these
        log.warning("a photo sent by staff is gone, put it back from a copy: %s", sha256)
    return len(gone) + len(back)


def _is_here(files: PhotoStore, one: Kept) -> bool:
    """Whether a photo is whole; a look at its bytes, for the few in doubt."""
    return files.photo(one.sha256) is not None
