"""Reading and writing what field work comes to by grid and month, and by household. Every query
names the district."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sync_server.store.field_tables import (
    COUNTS,
    DAYS,
    field_homes,
    field_months,
    material_lines,
    patrol_lines,
    visit_lines,
)
from sync_server.store.scope import chunks, within
from sync_server.store.tables import records

Row = dict[str, Any]
Pair = tuple[str, date]
"""A grid and the first day of a month."""
_WORKED_OUT = (*DAYS, *COUNTS, "newest")


class Touched(NamedTuple):
    """The grids and months, and the households, about which rows tell."""

    months: set[Pair]
    homes: set[str]


def told_by(
    connection: sa.Connection, district: str, record_ids: Mapping[str, Collection[str]]
) -> Touched:
    """Return what the rows tell of that there are of these records, given by kind."""
    found = Touched(set(), set())
    visits = record_ids.get("visit", ())
    for table, key, ids in (
        (patrol_lines, "patrol_id", record_ids.get("patrol", ())),
        (visit_lines, "visit_id", visits),
        (material_lines, "record_id", [*visits, *record_ids.get("material_move", ())]),
    ):
        home = table.c.household_id if table is visit_lines else sa.null()
        for some in chunks(ids):
            query = sa.select(table.c.base_grid, table.c.day, home).where(
                table.c.district == district, table.c[key].in_(some)
            )
            for grid, day, household in connection.execute(query):
                found.months.add((grid, day.replace(day=1)))
                if household:
                    found.homes.add(household)
    return found


def households_of(
    connection: sa.Connection, district: str, rooms: Collection[str]
) -> Iterator[str]:
    """Yield the households that are listed under these rooms."""
    for some in chunks(rooms):
        query = sa.select(records.c.record_id).where(
            records.c.district == district,
            records.c.kind == "household",
            records.c.parent_id.in_(some),
        )
        yield from connection.execute(query).scalars()


def mark_stale(connection: sa.Connection, district: str, touched: Touched) -> None:
    """Note that these months and households are to be worked out anew."""
    nothing = dict.fromkeys((*DAYS, *COUNTS), 0)
    _mark(
        connection, field_months,
        [{"district": district, "base_grid": grid, "month": month, **nothing}
         for grid, month in sorted(touched.months)],
    )  # fmt: skip
    _mark(
        connection, field_homes,
        [{"district": district, "household_id": one} for one in sorted(touched.homes)],
    )  # fmt: skip


def _mark(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(
            _insert(connection, table).on_conflict_do_update(
                index_elements=list(table.primary_key.columns), set_={"stale": True}
            ),
            [row | {"stale": True} for row in rows],
        )


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def stale_months(
    connection: sa.Connection, district: str, before: date, size: int
) -> tuple[date, list[str]] | None:
    """Return a month before a day and up to ``size`` of its grids that are to be worked out anew,
    the last month first; None when there is none."""
    c = field_months.c
    here = (c.district == district, c.stale, c.month < before)
    month = connection.scalar(sa.select(sa.func.max(c.month)).where(*here))
    if month is None:
        return None
    query = sa.select(c.base_grid).where(*here, c.month == month).order_by(c.base_grid).limit(size)
    return month, list(connection.execute(query).scalars())


def put_months(connection: sa.Connection, district: str, month: date, rows: Iterable[Row]) -> None:
    """Write what grids come to in a month: ``base_grid``, DAYS and COUNTS."""
    c = field_months.c
    statement = (
        sa.update(field_months)
        .where(
            c.district == district, c.month == month, c.base_grid == sa.bindparam("this")
        )
        .values({name: sa.bindparam(f"new_{name}") for name in _WORKED_OUT} | {"stale": False})
    )  # fmt: skip
    every = [
        {"this": row["base_grid"], **{f"new_{name}": row[name] for name in _WORKED_OUT}}
        for row in rows
    ]
    if every:
        connection.execute(statement, every)


def months_of(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Sequence[sa.Row[Any]]:
    """Return the rows of the months that begin within a period, stale ones too."""
    c = field_months.c
    query = sa.select(c.base_grid, c.month, c.stale, *(c[name] for name in (*DAYS, *COUNTS))).where(
        c.district == district, within(c.base_grid, areas), c.month >= first, c.month <= last
    )
    return connection.execute(query).all()


def newest(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> tuple[datetime | None, list[date]]:
    """Return when the newest patrol or visit of the months that are added up came in, and the
    months of which some still has to be."""
    c = field_months.c
    here = (c.district == district, within(c.base_grid, areas))
    last = connection.scalar(sa.select(sa.func.max(c.newest)).where(*here, sa.not_(c.stale)))
    months = sa.select(c.month).where(*here, c.stale).distinct().order_by(c.month)
    return last, list(connection.execute(months).scalars())


def stale_homes(connection: sa.Connection, district: str, size: int) -> list[str]:
    """Return up to ``size`` households that are to be looked at anew."""
    c = field_homes.c
    query = sa.select(c.household_id).where(c.district == district, c.stale).limit(size)
    return list(connection.execute(query).scalars())


def standing_homes(
    connection: sa.Connection, district: str, households: Collection[str]
) -> dict[str, tuple[str, str | None]]:
    """Return grid and room of those of these households that stand."""
    return {
        row.record_id: (row.grid, row.parent_id)
        for row in _standing(connection, district, "household", households)
    }


def vacant(connection: sa.Connection, district: str, rooms: Collection[str]) -> set[str]:
    """Return those of these rooms that are vacant."""
    is_vacant = records.c.fields["state"].as_string() == "vacant"
    return {row.record_id for row in _standing(connection, district, "room", rooms, is_vacant)}


def _standing(
    connection: sa.Connection,
    district: str,
    kind: str,
    ids: Collection[str],
    *more: sa.ColumnElement[bool],
) -> Iterator[Any]:
    for some in chunks(ids):
        query = sa.select(records.c.record_id, records.c.grid, records.c.parent_id).where(
            records.c.district == district, records.c.record_id.in_(some),
            records.c.kind == kind, records.c.voided.is_(False), records.c.merged_into.is_(None),
            *more,
        )  # fmt: skip
        yield from connection.execute(query)


def put_homes(connection: sa.Connection, district: str, rows: Sequence[Row]) -> None:
    """Write what is known of households: ``household_id``, ``grid``, ``met_on``."""
    if rows:
        added = _insert(connection, field_homes)
        connection.execute(
            added.on_conflict_do_update(
                index_elements=list(field_homes.primary_key.columns),
                set_={name: added.excluded[name] for name in ("grid", "met_on", "stale")},
            ),
            [row | {"district": district, "stale": False} for row in rows],
        )


class Homes(NamedTuple):
    """The occupied households of a grid: how many, and how many of them were met in a period."""

    grid: str
    homes: int
    met: int


def homes_met(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> tuple[list[Homes], bool]:
    """Return the occupied households by grid, with how many were met from ``first`` to ``last``,
    calls included; and whether any was met after it.

    The day a household was last met tells that at once, but of those met after the period as well:
    their own visits are looked up, not yet those of households merged into them.
    """
    c, v = field_homes.c, visit_lines.c
    here = (c.district == district, within(c.grid, areas))
    in_time = sa.case((c.met_on.between(first, last), 1), else_=0)
    after = sa.case((c.met_on > last, 1), else_=0)
    query = (
        sa.select(c.grid, sa.func.count(), sa.func.sum(in_time), sa.func.sum(after))
        .where(*here)
        .group_by(c.grid)
    )
    rows = connection.execute(query).all()
    later = any(number for *_, number in rows)
    more: dict[str, int] = {}
    if later:
        visited = sa.exists().where(
            v.district == district, v.household_id == c.household_id, v.met,
            v.day.between(first, last),
        )  # fmt: skip
        query = sa.select(c.grid, sa.func.count()).where(*here, c.met_on > last, visited)
        more = {grid: int(met) for grid, met in connection.execute(query.group_by(c.grid))}
    found = [Homes(grid, int(n), int(met) + more.get(grid, 0)) for grid, n, met, _ in rows]
    return found, later


def met_later(
    connection: sa.Connection, district: str, areas: Collection[str], households: Collection[str],
    after: date,
) -> dict[str, str]:  # fmt: skip
    """Return the grid of those of these households, occupied and in these areas, that were met
    after a day."""
    c = field_homes.c
    found: dict[str, str] = {}
    for some in chunks(households):
        query = sa.select(c.household_id, c.grid).where(
            c.district == district, c.household_id.in_(some), within(c.grid, areas),
            c.met_on > after,
        )  # fmt: skip
        found |= {row.household_id: row.grid for row in connection.execute(query)}
    return found


def met_in(
    connection: sa.Connection, district: str, households: Collection[str], first: date, last: date
) -> set[str]:
    """Return which of these households a visit of a period met, calls included."""
    c = visit_lines.c
    found: set[str] = set()
    for some in chunks(households):
        query = sa.select(c.household_id).where(
            c.district == district, c.household_id.in_(some), c.met, c.day.between(first, last)
        )
        found.update(connection.execute(query).scalars())
    return found
