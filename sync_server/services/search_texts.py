"""What records are found by, redone when a newer program looks for them by other rules.

As long as it takes, records that were entered before are found by what they were found by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.catalogue import KINDS
from schemas.search import RULES, search_text
from sync_server.store import search_texts, writing
from sync_server.store.engine import Store
from sync_server.store.search_texts import Mark

SIZE = 500
"""So many records are looked at in one piece: some ten milliseconds."""
PIECES = 200
"""So many pieces one call takes at most: others have their turn every few seconds."""


def redo_texts(store: Store, district: str, _now: datetime) -> int:
    """Bring search texts that an older program wrote up to today's rules, in pieces, and go on
    where it was left; return how many were redone.

    A piece holds the district's turn only while it writes what reads otherwise.
    """
    with store.reading() as connection:
        mark = search_texts.mark_of(connection, district)
    if mark == Mark(RULES, None):
        return 0
    after = (mark.done_to or "") if mark is not None and mark.rules == RULES else ""
    redone = 0
    for _ in range(PIECES):
        with store.reading() as connection:
            rows = search_texts.texts_after(connection, district, after, SIZE)
        fresh = [new for row in rows if (new := _redone(row)) is not None]
        whole = len(rows) < SIZE
        after = "" if whole else rows[-1]["record_id"]
        if fresh or whole:
            redone += _keep(store, district, fresh, Mark(RULES, None if whole else after))
        if whole:
            return redone
    _keep(store, district, [], Mark(RULES, after))
    return redone


def _keep(store: Store, district: str, fresh: list[dict[str, Any]], mark: Mark) -> int:
    with store.writing() as connection:
        writing.lock_district(connection, district)
        done = search_texts.put_texts(connection, district, fresh)
        search_texts.put_mark(connection, district, mark)
    return done


def _redone(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a record with its text by today's rules; None when that is the one it has."""
    kind = KINDS.get(row["kind"])
    if kind is None:  # of a program newer than this one
        return None
    text = search_text(kind, row["fields"])
    return None if text == row["search_text"] else {**row, "search_text": text}
