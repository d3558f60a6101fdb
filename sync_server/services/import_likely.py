"""Records that a new row of a register likely is, though no key says so (``duplicates.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.likeness.blocks import COMPARED
from sync_server.services.centre import Centre, Clock
from sync_server.services.duplicates import Likely as Same
from sync_server.services.duplicates import likely_same, search_duplicates
from sync_server.services.import_rows import FindLikely, Likely, Task
from sync_server.store import duplicates, feed, records_read
from sync_server.store import imports as store_imports


class NotCompared(Exception):
    """A row has to be compared with what is there, and what is there was not looked through yet."""


def refresh(centre: Centre) -> bool:
    """Compare what was changed since the last look, so that everything there is can be found;
    return whether it can: not while another program compares everything anew."""
    with centre.store.reading() as connection:
        last = feed.last_change_no(connection, centre.code)
    search_duplicates(centre.store, centre.code, centre.clock())
    with centre.store.reading() as connection:
        mark = duplicates.mark(connection, centre.code)
    return mark is not None and mark["change_no"] >= last and not _is_busy(mark, centre.clock())


def _is_busy(mark: Mapping[Any, Any], now: datetime) -> bool:
    """Whether everything is being compared anew: what records are found by is not there then."""
    return mark["busy_until"] is not None and mark["busy_until"] > now


def find_likely(
    connection: sa.Connection, task: Task, row: Mapping[str, Any], clock: Clock, *, ready: bool
) -> FindLikely | None:
    """Return what finds them for one import; None when nothing of its kind was there before it.

    Among the rows of one file keys alone tell who is who: members of a family are alike. Asked
    before it is ``ready``, it raises NotCompared: a file with nothing new costs no search. So it
    does when everything began to be compared anew since.
    """
    kind, before = task.plan.kind, row["first_no"]
    if kind not in COMPARED:
        return None
    if not store_imports.any_of_kind(connection, task.district, kind, before):
        return None

    def find(
        connection: sa.Connection, kind: str, fields: Mapping[str, Any], area: str
    ) -> Sequence[Likely]:
        mark = duplicates.mark(connection, task.district)
        if not ready or mark is None or _is_busy(mark, clock()):
            raise NotCompared
        found = likely_same(connection, task.district, kind, fields, grid=area)
        mine = store_imports.made_by(
            connection, task.district, task.import_id, [one.record_id for one in found]
        )
        others = [one for one in found if one.record_id not in mine]
        stand = records_read.told_by_ids(
            connection, task.district, [one.record_id for one in others]
        )
        return [_told(one, int(stand[one.record_id]["version"])) for one in others]

    return find


def _told(one: Same, version: int) -> Likely:
    return {
        "record_id": one.record_id,
        "area": one.grid,
        "version": version,
        "score": one.likeness.score,
        "reason": [one.likeness.text("zh"), one.likeness.text("en")],
    }
