"""How soon after it happened the field work came in: counted by area, and what came late listed.

Patrols and visits are read from their narrow rows, the other kinds, which are few, from the
records. Only what a laptop brought is looked at; every query names the district and the areas.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from sync_server.domain.working_calendar import midnight
from sync_server.store.field_tables import patrol_lines, visit_lines
from sync_server.store.scope import within
from sync_server.store.tables import records

LINES: Mapping[str, sa.Table] = {"patrol": patrol_lines, "visit": visit_lines}
OTHERS = ("issue", "service", "material_move")
KINDS = (*LINES, *OTHERS)
"""The kinds of field work that tell when something happened."""


class a_day_after(FunctionElement[Any]):
    """The moment 24 hours after a column's, to be compared with another stored moment."""

    inherit_cache = True


@compiles(a_day_after)
def _a_day_after(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"({compiler.process(element.clauses, **kwargs)} + INTERVAL '24 hours')"


@compiles(a_day_after, "sqlite")
def _a_day_after_on_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    moment = compiler.process(element.clauses, **kwargs)
    # The microseconds are put on again, which the database's function drops.
    return f"(datetime({moment}, '+1 day') || substr({moment}, 20))"


def came_in(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Iterator[tuple[str, str, int, int]]:
    """Yield ``(area, kind, records, those that came late)`` of a period."""
    for kind, table in LINES.items():
        c = table.c
        query = (
            sa.select(
                c.base_grid, sa.func.count(c.came_late),
                sa.func.sum(sa.case((c.came_late, 1), else_=0)),
            )
            .where(*_of(table, district, areas, first, last))
            .group_by(c.base_grid)
        )  # fmt: skip
        for area, every, late in connection.execute(query):
            yield area, kind, int(every), int(late)
    c = records.c
    others = (
        sa.select(c.grid, c.kind, sa.func.count(), sa.func.sum(sa.case((_late(), 1), else_=0)))
        .where(*_others(district, OTHERS, areas, first, last))
        .group_by(c.grid, c.kind)
    )
    for area, kind, every, late in connection.execute(others):
        yield area, kind, int(every), int(late)


def listed(
    connection: sa.Connection,
    district: str,
    kind: str,
    areas: Collection[str],
    first: date,
    last: date,
    *,
    late: bool | None,
    start: int,
    size: int,
) -> list[str]:
    """Return the ids of ``size`` records of one kind from number ``start`` (0: the first) on, the
    latest days first: those that came late, those that came in time, or (None) all."""
    query: sa.Select[tuple[str]]
    if kind in LINES:
        table = LINES[kind]
        key = next(one for one in table.primary_key.columns if one.name != "district")
        came = table.c.came_late
        # Of what came late in the words its index has.
        wanted = (
            sa.text(f"{table.name}.came_late") if late
            else came.is_not(None) if late is None else came.is_(False)
        )  # fmt: skip
        query = (
            sa.select(key)
            .where(*_of(table, district, areas, first, last), wanted)
            .order_by(table.c.day.desc(), table.c.base_grid, table.c.at, key)
        )
    else:
        c = records.c
        how = [] if late is None else [_late() if late else sa.not_(_late())]
        query = (
            sa.select(c.record_id)
            .where(*_others(district, (kind,), areas, first, last), *how)
            .order_by(c.happened_at.desc(), c.record_id)
        )
    return list(connection.scalars(query.offset(start).limit(size)))


def _late() -> sa.ColumnElement[bool]:
    return records.c.received_at > a_day_after(records.c.happened_at)


def _of(
    table: sa.Table, district: str, areas: Collection[str], first: date, last: date
) -> list[sa.ColumnElement[bool]]:
    c = table.c
    return [c.district == district, within(c.base_grid, areas), c.day >= first, c.day <= last]


def _others(
    district: str, kinds: Sequence[str], areas: Collection[str], first: date, last: date
) -> list[sa.ColumnElement[bool]]:
    c = records.c
    return [
        c.district == district,
        c.kind.in_(kinds),
        c.happened_at >= midnight(first),
        c.happened_at < midnight(last + timedelta(days=1)),
        within(c.grid, areas),
        c.device_id.is_not(None),
        c.voided.is_(False),
        c.merged_into.is_(None),
    ]
