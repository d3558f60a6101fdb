"""What goes along with a merged record that stands for itself again.

While two records are one, what names the merged one is listed under the survivor and moves with it
from grid to grid; the merged record itself stays where it lies. When they part, its own go back
below it, and home to its grid if they were taken away from it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.services.going_along import GROUPS, with_all_below
from sync_server.services.issue_life import ISSUE
from sync_server.services.readers import reach
from sync_server.services.steps import follow_up
from sync_server.store import merge_log, moving
from sync_server.store.moving import Lying


def own_children(
    connection: sa.Connection, district: str, survivor_id: str, family: Collection[str]
) -> list[str]:
    """Return what is listed under a survivor and names one of ``family`` itself."""
    found = []
    for row in merge_log.listed_under(connection, district, survivor_id):
        kind = kind_of(row["kind"])
        named = row["fields"].get(kind.info.parent) if kind.info.parent else None
        if named in family:
            found.append(str(row["record_id"]))
    return found


def bring_home(
    connection: sa.Connection, district: str, merged: Lying, survivor: Lying,
    children: Collection[str], since: datetime, now: datetime, by: str,
) -> int:  # fmt: skip
    """Put those of a merged record's own ``children`` that a move parted from it ``since`` the
    merge into its grid, with all that hangs below them there; return how many records moved.

    Such are those that lie with the survivor: moved there since, or made there since, or left
    there when the merged record moved away. The transaction must hold the district's turn.
    """
    if merged.area == survivor.area or not children:
        return 0
    there = [
        one
        for one in moving.lying(connection, district, children)
        if one.area == survivor.area
    ]  # fmt: skip
    steps = moving.moves_of(
        connection, district, [merged.record_id, *(one.record_id for one in there)]
    )
    left = any(
        one.from_area == survivor.area and one.at >= since
        for one in steps.get(merged.record_id, ())
    )
    came = {
        record_id
        for record_id, some in steps.items()
        if any(one.to_area == survivor.area and one.at >= since for one in some)
    }
    made = merge_log.received_after(connection, district, [one.record_id for one in there], since)
    parted = [
        one
        for one in there
        if left
        or one.record_id in came
        or (one.record_id in made and kind_of(one.kind).info.group in GROUPS)
    ]
    going = [
        one
        for one in with_all_below(connection, district, parted)
        if one.area != merged.area
    ]  # fmt: skip
    if not going:
        return 0
    moving.put_into(connection, district, going, merged.area, now, by)
    reach(connection, district, merged.area, now, by)
    issues = {one.record_id for one in going if one.kind == ISSUE}
    follow_up(connection, district, issues, now)
    return len(going)
