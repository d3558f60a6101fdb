"""Reading the area tree: area records, who holds what, how much lies where. Every query names the
district."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from schemas.workflow import WORKERS
from sync_server.store.base_read import live
from sync_server.store.case_tables import cases
from sync_server.store.moving import Lying
from sync_server.store.scope import chunks, within
from sync_server.store.service_tables import service_cases
from sync_server.store.tables import records, users

Row = sa.RowMapping


def area_rows(connection: sa.Connection, district: str, areas: Collection[str]) -> Sequence[Row]:
    """Return the area records inside ``areas``, whole, by code."""
    query = (
        sa.select(records)
        .where(*live(district, "area"), within(records.c.grid, areas))
        .order_by(records.c.grid, records.c.record_id)
    )
    return [
        row
        for row in connection.execute(query).mappings()
        if row["fields"].get("code") == row["grid"]
    ]


def anything_in(connection: sa.Connection, district: str, area: str) -> bool:
    """Tell whether an area record, or base data, lies inside ``area``."""
    for kind in ("area", "building", "household"):  # an index serves one kind
        query = sa.select(records.c.record_id).where(
            *live(district, kind), within(records.c.grid, [area])
        )
        if connection.execute(query.limit(1)).first():
            return True
    return False


def counted(
    connection: sa.Connection, district: str, kind: str, areas: Collection[str]
) -> dict[str, int]:
    """Return how many records of ``kind`` stand in each area code inside ``areas``."""
    query = (
        sa.select(records.c.grid, sa.func.count())
        .where(*live(district, kind), within(records.c.grid, areas))
        .group_by(records.c.grid)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def holders(connection: sa.Connection, district: str) -> list[Row]:
    """Return everybody active who works with a laptop, by number."""
    query = (
        sa.select(users.c.user_id, users.c.no, users.c.name, users.c.kind, users.c.role,
                  users.c.scope_codes)
        .where(
            users.c.district == district,
            users.c.active.is_(True),
            users.c.role.in_(sorted(WORKERS)),
        )
        .order_by(users.c.no)
    )  # fmt: skip
    return list(connection.execute(query).mappings())


def lying_within(
    connection: sa.Connection, district: str, kinds: Collection[str], area: str
) -> list[Lying]:
    """Return every record of these kinds inside ``area``, void and merged ones too: they go where
    the others go."""
    query = sa.select(records.c.record_id, records.c.kind, records.c.grid).where(
        records.c.district == district,
        records.c.kind.in_(sorted(kinds)),
        within(records.c.grid, [area]),
    )
    return [Lying(*row) for row in connection.execute(query)]


def living_issues(
    connection: sa.Connection, district: str, area: str, building_ids: Collection[str] | None = None
) -> list[str]:
    """Return the issues inside ``area`` that are not over; those of some buildings alone when
    these are named."""
    here = [cases.c.district == district, cases.c.over.is_(False), within(cases.c.grid, [area])]
    if building_ids is None:
        return list(connection.scalars(sa.select(cases.c.issue_id).where(*here)))
    return [
        issue_id
        for run in chunks(building_ids)
        for issue_id in connection.scalars(
            sa.select(cases.c.issue_id).where(*here, cases.c.building_id.in_(run))
        )
    ]


def living_services(
    connection: sa.Connection, district: str, area: str, open_states: Collection[str]
) -> list[str]:
    """Return the service requests inside ``area`` in one of ``open_states``, also those whose state
    is not worked out yet."""
    done = sa.select(service_cases.c.service_id).where(
        service_cases.c.district == district, service_cases.c.state.not_in(sorted(open_states))
    )
    query = sa.select(records.c.record_id).where(
        *live(district, "service"),
        within(records.c.grid, [area]),
        records.c.record_id.not_in(done),
    )
    return list(connection.scalars(query))
