"""Facts of base data that nobody types: how many households a grid has, who works in it, how each
compound lies over the grids, what it is tagged with today. Worked out from the records and written
as changes of the centre, so that laptops have them offline; only what differs is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import local_day
from schemas.kind import Action
from schemas.workflow import SYSTEM_ID
from sync_server.domain.areas import inside
from sync_server.domain.overlap import lies
from sync_server.services import compound_tags
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.store import area_read, base_read, feed
from sync_server.store.engine import Store
from sync_server.store.records_read import Row
from sync_server.store.writing import lock_district

GRID_DIGITS = 15
AT_ONCE = 200
"""How many records are written in one transaction."""


def keep_true(store: Store, district: str, now: datetime, known: int = -1) -> int:
    """Bring the facts up to date where records changed after number ``known``; return the number up
    to which they are true. Doing it twice, or from several processes, does nothing twice."""
    while True:
        with store.reading() as connection:
            last = feed.last_change_no(connection, district)
            if last == known:
                return last
            if not _differing(connection, district, now, None):
                return last
        with store.writing() as connection:
            if not refresh(connection, district, now, most=AT_ONCE):
                return feed.last_change_no(connection, district)


def refresh(
    connection: sa.Connection,
    district: str,
    now: datetime,
    *,
    areas: Collection[str] | None = None,
    most: int | None = None,
) -> int:
    """Write what differs, of the grids inside ``areas`` alone when some are named, in the running
    write transaction; return how many records that were (at most ``most``)."""
    lock_district(connection, district)
    found = _differing(connection, district, now, areas)[:most]
    action: Action = "update"
    for kind, row, said in found:
        change = CentralChange(
            kind, row["record_id"], action, said, SYSTEM_ID, base_version=row["version"],
            by_rule=True,
        )  # fmt: skip
        apply_central_change(connection, district, change, now)
    return len(found)


def _differing(
    connection: sa.Connection, district: str, now: datetime, areas: Collection[str] | None
) -> list[tuple[str, Row, dict[str, Any]]]:
    found = [("area", row, said) for row, said in _areas(connection, district, areas)]
    found += [("compound", row, said) for row, said in _compounds(connection, district, areas)]
    if areas is None:
        day = local_day(now)
        found += [
            ("compound", row, said)
            for row, said in compound_tags.differing(connection, district, day)
        ]
    return found


def _areas(
    connection: sa.Connection, district: str, areas: Collection[str] | None
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield the grids and micro-grids whose facts are not what they should be, and what to say."""
    within = tuple(areas) if areas is not None else (district,)
    homes = area_read.counted(connection, district, "household", within)
    holders = area_read.holders(connection, district)
    laptops = {one["user_id"]: one for one in holders}
    held: dict[str, list[Row]] = {}
    for one in holders:
        for code in one["scope_codes"]:
            held.setdefault(code, []).append(one)
    for row in area_read.area_rows(connection, district, within):
        code, fields = row["grid"], row["fields"]
        if len(code) < GRID_DIGITS or fields.get("valid_to"):
            continue
        said = _people(held.get(code, ()), fields, laptops)
        count = sum(number for area, number in homes.items() if inside(area, [code]))
        if count != (fields.get("household_count") or 0):
            said["household_count"] = count
        if said:
            yield row, said


def _people(
    holders: Sequence[Row], fields: Mapping[str, Any], laptops: Mapping[str, Row]
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    workers = sorted(one["user_id"] for one in holders if one["role"] == "worker")
    if workers != sorted(fields.get("worker_ids") or ()):
        said["worker_ids"] = workers or None
    present = fields.get("leader_id")
    here = {one["user_id"] for one in holders}
    if present not in here and (present is None or present in laptops):
        leader = next((one["user_id"] for one in holders if one["role"] == "leader"), None)
        if leader != present:
            said["leader_id"] = leader
    return said


def _compounds(
    connection: sa.Connection, district: str, areas: Collection[str] | None
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield the compounds whose overlap is not what their buildings say; one without buildings
    keeps what it says."""
    found = lies(base_read.building_places(connection, district))
    wanted = {
        compound: lie.case
        for compound, lie in found.items()
        if lie.case and (areas is None or any(inside(grid, areas) for grid in lie.grids))
    }
    said = base_read.said_by(connection, district, "compound", wanted, "overlap")
    differing = [one for one, case in wanted.items() if one in said and said[one] != case]
    rows = base_read.rows_by_ids(connection, district, differing)
    for record_id in differing:
        yield rows[record_id], {"overlap": wanted[record_id]}
