"""The records behind figures of field work. Every query names the district."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

import sqlalchemy as sa

from sync_server.store.field_tables import patrol_lines, visit_lines
from sync_server.store.scope import chunks
from sync_server.store.tables import records

PRESENT = "present"
LEAST_RATING = 4
"""The least rating that counts as satisfied."""


def narrowing(district: str, kind: str, figure: str) -> sa.ColumnElement[bool] | None:
    """Return the condition of the patrols or visits that make a figure, by their narrow rows as
    ``field_counts`` counts them, or of the residents who have not moved out; None for a name that
    is none."""
    c = visit_lines.c
    if (kind, figure) == ("resident", PRESENT):
        moved: sa.ColumnElement[str] = records.c.fields["moved_out_at"].as_string()
        return moved.is_(None)
    tables = {"patrol": (patrol_lines, "patrol_id"), "visit": (visit_lines, "visit_id")}
    if kind not in tables:
        return None
    table, key = tables[kind]
    tests: dict[str, sa.ColumnElement[bool]] = {"late": table.c.late}
    if kind == "visit":
        tests |= {
            "met": sa.or_(c.met, c.rating.is_not(None)),
            "rated": c.rating.is_not(None),
            "satisfied": c.rating >= LEAST_RATING,
        }
    if figure not in tests:
        return None
    wanted = sa.select(table.c[key]).where(table.c.district == district, tests[figure])
    return records.c.record_id.in_(wanted)


def met_at(
    connection: sa.Connection, district: str, households: Collection[str], first: date, last: date
) -> Iterator[tuple[str, date, str, str]]:
    """Yield ``(household, day, visit, grid)`` of the visits of a period that met somebody of these
    households, the last ones last."""
    c = visit_lines.c
    for some in chunks(households):
        query = (
            sa.select(c.household_id, c.day, c.visit_id, c.base_grid)
            .where(
                c.district == district,
                c.household_id.in_(some),
                c.met,
                c.day >= first,
                c.day <= last,
            )
            .order_by(c.at, c.visit_id)
        )
        for row in connection.execute(query):
            yield row.household_id, row.day, row.visit_id, row.base_grid
