"""Reading what is known of people in care at one door: the visits there, who lives there, where."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sync_server.domain.judging import GRID_DIGITS
from sync_server.store import duplicates, moving
from sync_server.store.records_read import Row, by_ids, children_of
from sync_server.store.scope import chunks, containing, within
from sync_server.store.tables import changes, records

FURTHEST = timedelta(days=400)
"""How far back contacts are looked at: the longest interval between care visits is a year."""
_EARLIEST = datetime.min.replace(tzinfo=UTC) + FURTHEST
"""A change may say that it was made in the year 1."""
_ABOVE = (("household", "room_id"), ("room", "building_id"), ("building", "compound_id"))


@dataclass(frozen=True)
class Lying:
    """Where records lie, by id, and every grid they lie in or ever lay in: visits stay where they
    were made, whatever becomes of the grid or of whom they were made to."""

    area: Mapping[str, str]
    grids: frozenset[str]


def lying(connection: sa.Connection, district: str, record_ids: Collection[str]) -> Lying:
    """Return where these records lie and lay, and which grids they were made for: what is made for
    a grid that has ended lies in the one that took it in. A refused change may name any area."""
    moves = moving.moves_of(connection, district, record_ids).values()
    area = {one.record_id: one.area for one in moving.lying(connection, district, record_ids)}
    lay_in = {step.from_area for steps in moves for step in steps}
    lay_in |= {grid for grid, _ in _creates(connection, district, record_ids) if grid}
    whole = (one for one in {*area.values(), *lay_in} if len(one) >= GRID_DIGITS)
    return Lying(area, frozenset(one[:GRID_DIGITS] for one in whole))


def _creates(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[tuple[str | None, datetime]]:
    """Return for which grid, and when, each of these records was made, as its writer said."""
    found: list[tuple[str | None, datetime]] = []
    for some in chunks(record_ids):
        query = sa.select(changes.c.grid, changes.c.happened_at).where(
            changes.c.district == district,
            changes.c.record_id.in_(some),
            changes.c.action == "create",
        )
        found += [(grid, at) for grid, at in connection.execute(query)]
    return found


def visits_about(
    connection: sa.Connection,
    district: str,
    grids: Collection[str],
    since: datetime,
    households: Collection[str],
    residents: Collection[str],
) -> list[Row]:
    """Return the visits in these grids that went to one of the households or checked one of the
    residents, from so long before ``since`` on."""
    fields = records.c.fields
    about = [containing(sa.cast(fields["care_checks"], sa.Text), one) for one in residents]
    about.append(fields["household_id"].as_string().in_(list(households)))
    found: list[Row] = []
    for grid in sorted(grids):  # one by one: an index serves one range of areas
        query = sa.select(
            records.c.record_id, records.c.happened_at, records.c.author, records.c.fields
        ).where(*_visits(district, grid, since), sa.or_(*about))
        found += connection.execute(query).mappings().all()
    return found


def visits_naming(connection: sa.Connection, district: str, issue_ids: Set[str]) -> list[Row]:
    """Return the visits that say they raised one of these issues, by where and when the issues were
    made."""
    since = min((at for _, at in _creates(connection, district, issue_ids)), default=None)
    if since is None:
        return []
    said = records.c.fields["issue_ids"].as_string().is_not(None)
    found: list[Row] = []
    for grid in sorted(lying(connection, district, issue_ids).grids):
        query = sa.select(records).where(*_visits(district, grid, since), said)
        found += connection.execute(query).mappings().all()
    return [row for row in found if not issue_ids.isdisjoint(row["fields"]["issue_ids"])]


def visits_alike(connection: sa.Connection, district: str, issue_id: str, length: int) -> list[Row]:
    """Return the visits whose ids begin with the first ``length`` characters of an alarm's id."""
    start = issue_id[:length]
    first, last = (start + re.sub(r"[^-]", digit, issue_id[length:]) for digit in "0f")
    query = sa.select(records).where(
        records.c.district == district,
        records.c.record_id.between(first, last),
        records.c.kind == "visit",
    )
    return list(connection.execute(query).mappings().all())


def refused(connection: sa.Connection, district: str, record_ids: Collection[str]) -> set[str]:
    """Return which of these records were to be made by a change that waits for staff, refused."""
    found: set[str] = set()
    for some in chunks(record_ids):
        query = sa.select(changes.c.record_id).where(
            changes.c.district == district,
            changes.c.record_id.in_(some),
            changes.c.action == "create",
            changes.c.outcome == "quarantined",
        )
        found |= set(connection.execute(query).scalars())
    return found


def _visits(district: str, grid: str, since: datetime) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of a grid's visits that stand, from so long before ``since`` on."""
    return [
        records.c.district == district,
        records.c.kind == "visit",
        within(records.c.grid, [grid]),
        records.c.happened_at >= max(since, _EARLIEST) - FURTHEST,
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
    ]


def in_care(connection: sa.Connection, district: str, household_id: str, day: str) -> list[str]:
    """Return the residents of a household who are looked after on ``day`` (2026-09-30)."""
    there = children_of(connection, district, "resident", [household_id])[household_id]
    present = [
        row["record_id"]
        for row in there
        if not row["merged_into"] and not row["fields"].get("moved_out_at")
    ]
    cares = children_of(connection, district, "care", present)
    return [
        one
        for one in present
        if any((care["fields"].get("until") or day) >= day for care in cares[one])
    ]


def homes(connection: sa.Connection, district: str, residents: Mapping[str, Row]) -> dict[str, str]:
    """Return by resident (their rows by id) the household they live in, as it stands today."""
    found = {
        one: str(row["parent_id"])
        for one, row in residents.items()
        if row["kind"] == "resident" and row["parent_id"]
    }
    into = duplicates.roots(connection, district, set(found.values()))
    return {one: into.get(home, home) for one, home in found.items()}


def door(connection: sa.Connection, district: str, household_id: str) -> dict[str, Any]:
    """Return by kind the fields of a household and of the room, building and compound around it,
    as far as they are known."""
    found: dict[str, Any] = {}
    record_id = household_id
    for kind, above in (*_ABOVE, ("compound", "")):
        row = by_ids(connection, district, [record_id]).get(record_id)
        if row is None or row["kind"] != kind:
            break
        found[kind] = row["fields"]
        record_id = row["fields"].get(above) or ""
        if not record_id:
            break
    return found
