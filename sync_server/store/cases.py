"""Reading and writing where issues stand: the rows folded from their steps, and what hangs on them.

Every query names the district and, where people look, the areas or the unit they may see.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.bulk import insert_rows
from sync_server.store.case_tables import (
    case_numbers,
    case_units,
    cases,
    deliveries,
    overtaken_steps,
)
from sync_server.store.scope import Texts, among, chunks
from sync_server.store.tables import records

Row = dict[str, Any]
ISSUE, STEP = "issue", "issue_step"


def put_cases(
    connection: sa.Connection, district: str, rows: Sequence[Row], *, new: bool = False
) -> None:
    """Write where these issues stand, in the place of what was said before (``new``: nothing)."""
    ids = [] if new else [row["issue_id"] for row in rows]
    for table in (cases, case_units):
        for run in chunks(ids):
            connection.execute(
                sa.delete(table).where(table.c.district == district, table.c.issue_id.in_(run))
            )
    if not rows:
        return
    units = [
        {"district": district, "unit_id": unit, "issue_id": row["issue_id"], "part": part}
        for row in rows
        for unit, part in row["units"].items()
    ]
    plain = [{name: value for name, value in row.items() if name != "units"} for row in rows]
    insert_rows(connection, cases, plain)
    if units:
        connection.execute(sa.insert(case_units), units)


def case_rows(
    connection: sa.Connection, district: str, issue_ids: Collection[str]
) -> dict[str, Row]:
    """Return where these issues stand, by id; unknown ids are left out."""
    found: dict[str, Row] = {}
    for run in chunks(issue_ids):
        query = sa.select(cases).where(cases.c.district == district, cases.c.issue_id.in_(run))
        found |= {row["issue_id"]: dict(row) for row in connection.execute(query).mappings()}
    return found


def without_case(connection: sa.Connection, district: str, size: int) -> list[str]:
    """Return the ids of some issues that have no row yet."""
    query = (
        sa.select(records.c.record_id)
        .outerjoin(
            cases,
            sa.and_(
                cases.c.district == records.c.district, cases.c.issue_id == records.c.record_id
            ),
        )
        .where(
            records.c.district == district,
            records.c.kind == ISSUE,
            cases.c.issue_id.is_(None),
        )
        .limit(size)
    )
    return list(connection.execute(query).scalars())


def next_numbers(connection: sa.Connection, district: str, year: int, count: int) -> int:
    """Take ``count`` numbers of a year and return the first (the district must be locked)."""
    here = sa.and_(case_numbers.c.district == district, case_numbers.c.year == year)
    last = connection.scalar(sa.select(case_numbers.c.last).where(here))
    if last is None:
        connection.execute(
            sa.insert(case_numbers), {"district": district, "year": year, "last": count}
        )
        return 1
    connection.execute(sa.update(case_numbers).where(here).values(last=last + count))
    return int(last) + 1


def skip_numbers(connection: sa.Connection, district: str, count: int) -> None:
    """Leave out the next ``count`` numbers of every year begun: a lost history may have given them
    out."""
    connection.execute(
        sa.update(case_numbers)
        .where(case_numbers.c.district == district)
        .values(last=case_numbers.c.last + count)
    )


def waiting_for_time(
    connection: sa.Connection, district: str, *, verified: str, suspended: str,
    now: datetime, today: date, size: int,
) -> list[Row]:  # fmt: skip
    """Return cases whose time has come: verified ones nobody rated, suspensions that end."""
    query = (
        sa.select(cases)
        .where(
            cases.c.district == district,
            sa.or_(
                sa.and_(
                    cases.c.state == verified,
                    cases.c.stage_due_at <= now,
                    cases.c.rating.is_(None),  # one that was rated low is for staff to close
                ),
                sa.and_(cases.c.state == suspended, cases.c.suspended_until <= today),
            ),
        )
        .limit(size)
    )
    found = connection.execute(query).mappings()
    return sorted((dict(row) for row in found), key=lambda row: str(row["issue_id"]))


def overtaken_of(
    connection: sa.Connection, district: str, issue_ids: Collection[str]
) -> dict[str, Row]:
    """Return what is kept of these issues' steps that did not count, by step id."""
    found: dict[str, Row] = {}
    for run in chunks(issue_ids):
        query = sa.select(overtaken_steps).where(
            overtaken_steps.c.district == district, overtaken_steps.c.issue_id.in_(run)
        )
        found |= {row["step_id"]: dict(row) for row in connection.execute(query).mappings()}
    return found


def add_overtaken(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Keep steps that did not count, for staff to look at."""
    if rows:
        connection.execute(sa.insert(overtaken_steps), list(rows))


def settle_overtaken(
    connection: sa.Connection,
    district: str,
    step_ids: Collection[str],
    at: datetime,
    by: str | None,
) -> int:
    """Mark open ones as settled, by a person or (None) because they count after all; return how
    many."""
    settled = 0
    for run in chunks(step_ids):
        done = connection.execute(
            sa.update(overtaken_steps)
            .where(
                overtaken_steps.c.district == district,
                overtaken_steps.c.step_id.in_(run),
                overtaken_steps.c.settled_at.is_(None),
            )
            .values(settled_at=at, settled_by=by)
        )
        settled += done.rowcount
    return settled


def add_deliveries(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Note that a worker was given something to do."""
    if rows:
        connection.execute(sa.insert(deliveries), list(rows))


_UNDELIVERED = (
    sa.select(deliveries.c.user_id)
    .where(
        deliveries.c.district == sa.bindparam("here"),
        among(deliveries.c.user_id, sa.bindparam("users", type_=Texts())),
        deliveries.c.delivered_at.is_(None),
    )
    .distinct()
)


def mark_delivered(
    connection: sa.Connection, district: str, places: Mapping[str, tuple[int, datetime]]
) -> int:
    """Mark what the laptops of these workers say to hold, by the place in the feed they have come
    to and when they said so; return how many steps were delivered with it."""
    if not places:
        return 0
    asked = {"here": district, "users": list(places)}
    delivered = 0
    for user_id in connection.execute(_UNDELIVERED, asked).scalars().all():
        change_no, at = places[user_id]
        mine = sa.and_(
            deliveries.c.district == district,
            deliveries.c.user_id == user_id,
            deliveries.c.delivered_at.is_(None),
        )
        had = sa.select(records.c.record_id).where(
            records.c.district == district,
            records.c.record_id == deliveries.c.step_id,
            records.c.change_no <= change_no,
        )
        done = connection.execute(
            sa.update(deliveries).where(mine, had.exists()).values(delivered_at=at)
        )
        delivered += int(done.rowcount)
    return delivered


def deliveries_of(
    connection: sa.Connection, district: str, issue_ids: Collection[str]
) -> dict[str, Row]:
    """Return the deliveries of these issues' steps, by step id."""
    found: dict[str, Row] = {}
    for run in chunks(issue_ids):
        query = sa.select(deliveries).where(
            deliveries.c.district == district, deliveries.c.issue_id.in_(run)
        )
        found |= {row["step_id"]: dict(row) for row in connection.execute(query).mappings()}
    return found


def unit_sees(connection: sa.Connection, district: str, unit_id: str, issue_id: str) -> bool:
    """Tell whether an issue was dispatched to a unit (and not refused), or the unit was called."""
    query = sa.select(sa.literal(1)).where(
        case_units.c.district == district,
        case_units.c.unit_id == unit_id,
        case_units.c.issue_id == issue_id,
    )
    return connection.execute(query).first() is not None


def facts_of(row: Mapping[str, Any]) -> Row:
    """Return the columns of an issue's own fields that lists are narrowed by."""
    fields = row["fields"]
    spot = fields.get("location") or {}
    return {
        "source": fields.get("source") or "",
        "compound_id": fields.get("compound_id"),
        "building_id": fields.get("building_id"),
        "lat": spot.get("lat"),
        "lon": spot.get("lon"),
    }


def units_around(connection: sa.Connection, district: str, areas: Collection[str]) -> list[Row]:
    """Return the units in use that stand at one of ``areas``, in the order they came."""
    query = (
        sa.select(records.c.record_id, records.c.fields)
        .where(
            records.c.district == district,
            records.c.kind == "unit",
            records.c.grid.in_(sorted(areas)),
            records.c.voided.is_(False),
            records.c.merged_into.is_(None),
        )
        .order_by(records.c.record_id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def issue_of_no(connection: sa.Connection, district: str, no: str) -> str | None:
    """Return the id of the issue with this number, None when there is none."""
    query = sa.select(cases.c.issue_id).where(cases.c.district == district, cases.c.no == no)
    return connection.execute(query).scalars().first()


def merged_into(connection: sa.Connection, district: str, issue_id: str) -> list[str]:
    """Return the ids of the issues merged into this one, the oldest first."""
    query = (
        sa.select(cases.c.issue_id)
        .where(cases.c.district == district, cases.c.into_id == issue_id)
        .order_by(cases.c.happened_at, cases.c.issue_id)
    )
    return list(connection.execute(query).scalars())
