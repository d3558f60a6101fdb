"""Writing the narrow rows of field work. Every query names the district."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sync_server.store.field_tables import field_marks as marks
from sync_server.store.field_tables import (
    material_lines,
    patrol_lines,
    patrol_points,
    visit_answers,
    visit_checks,
    visit_lines,
    visit_opinions,
)
from sync_server.store.scope import chunks
from sync_server.store.tables import districts, records
from sync_server.store.writing import lock_district

Row = dict[str, Any]
PATROL, VISIT, MOVE = "patrol", "visit", "material_move"
KINDS = (PATROL, VISIT, MOVE, "household", "room")
"""Kinds whose records tell of field work, the last two of where there is any to do."""
TABLES: Mapping[str, sa.Table] = {
    one.name: one
    for one in (
        patrol_lines, patrol_points, visit_lines, visit_checks, visit_opinions, visit_answers,
        material_lines,
    )
}  # fmt: skip
_OF_KIND = {
    PATROL: ((patrol_lines, "patrol_id"), (patrol_points, "patrol_id")),
    VISIT: (
        (visit_lines, "visit_id"), (visit_checks, "visit_id"), (visit_opinions, "visit_id"),
        (visit_answers, "visit_id"), (material_lines, "record_id"),
    ),
    MOVE: ((material_lines, "record_id"),),
}  # fmt: skip


def worked_out(connection: sa.Connection, district: str) -> tuple[int, int]:
    """Return the change number up to which the rows are worked out, and the district's last."""
    mark = connection.scalar(sa.select(marks.c.change_no).where(marks.c.district == district))
    last = connection.scalar(
        sa.select(districts.c.change_no).where(districts.c.district == district)
    )
    return int(mark or 0), int(last or 0)


def take_mark(connection: sa.Connection, district: str) -> int:
    """Return the change number up to which the rows are worked out, and let nobody else work on
    them until the transaction ends. Laptops bring changes meanwhile."""
    wanted = sa.select(marks.c.change_no).where(marks.c.district == district).with_for_update()
    if (mark := connection.scalar(wanted)) is None:
        lock_district(connection, district)  # one begins; the others find it begun
        if (mark := connection.scalar(wanted)) is None:
            mark = 0
            connection.execute(sa.insert(marks), {"district": district, "change_no": mark})
    return int(mark)


def put_mark(connection: sa.Connection, district: str, change_no: int) -> None:
    """Note up to which change the rows are worked out, having taken the mark."""
    here = marks.c.district == district
    connection.execute(sa.update(marks).where(here).values(change_no=change_no))


def touched(
    connection: sa.Connection, district: str, after: int, size: int
) -> Sequence[sa.RowMapping]:
    """Return the next ``size`` records of field work changed after a change number, in order."""
    query = (
        sa.select(
            records.c.change_no, records.c.record_id, records.c.kind, records.c.grid,
            records.c.fields, records.c.voided, records.c.merged_into, records.c.made_at,
            records.c.happened_at, records.c.received_at, records.c.device_id,
        )
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.kind.in_(KINDS),
        )
        .order_by(records.c.change_no)
        .limit(size)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def any_touched(connection: sa.Connection, district: str, after: int) -> bool:
    """Tell whether any record of field work changed after a change number."""
    query = (
        sa.select(records.c.change_no)
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.kind.in_(KINDS),
        )
        .order_by(records.c.change_no)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def replace_rows(
    connection: sa.Connection,
    district: str,
    record_ids: Mapping[str, Collection[str]],
    rows: Mapping[str, Sequence[Row]],
) -> None:
    """Write the rows of these records, given by kind, in the place of those they had; ``rows`` by
    the table's name."""
    for kind, ids in record_ids.items():
        for table, key in _OF_KIND.get(kind, ()):
            for run in chunks(ids):
                connection.execute(
                    sa.delete(table).where(table.c.district == district, table.c[key].in_(run))
                )
    for name, some in rows.items():
        if some:
            connection.execute(sa.insert(TABLES[name]), list(some))
