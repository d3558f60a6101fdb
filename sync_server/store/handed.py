"""Reading the issues handed to one unit: where each stands, with what the issue itself says."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from sync_server.store.case_tables import case_units, cases
from sync_server.store.records_read import Row
from sync_server.store.tables import records

CALLED = "called"
"""The part of a unit that a whistle called; another one was dispatched to."""


def of_unit(
    connection: sa.Connection, district: str, unit_id: str, states: Sequence[str], *,
    start: int, size: int, latest: bool, gone: bool = False,
) -> tuple[Sequence[Row], int]:  # fmt: skip
    """Return a page of the unit's issues in these states (none: in any) and how many there
    are: the latest first, or those first that are due first. ``gone``: those taken from it instead,
    which it has no part in any more."""
    has = sa.or_(case_units.c.part == CALLED, cases.c.unit_id == unit_id)
    lost = sa.and_(case_units.c.part != CALLED, cases.c.unit_id.is_distinct_from(unit_id))
    condition = sa.and_(
        case_units.c.district == district,
        case_units.c.unit_id == unit_id,
        cases.c.state.in_(list(states)) if states else sa.true(),
        lost if gone else has,
    )
    joined = case_units.join(
        cases,
        sa.and_(
            cases.c.district == case_units.c.district, cases.c.issue_id == case_units.c.issue_id
        ),
    ).join(
        records,
        sa.and_(records.c.district == cases.c.district, records.c.record_id == cases.c.issue_id),
    )
    total = connection.execute(
        sa.select(sa.func.count()).select_from(joined).where(condition)
    ).scalar_one()
    first = cases.c.happened_at.desc() if latest else cases.c.stage_due_at.asc().nulls_last()
    query = (
        sa.select(cases, case_units.c.part, records.c.fields)
        .select_from(joined)
        .where(condition)
        .order_by(first, cases.c.issue_id)
        .offset(start)
        .limit(size)
    )
    return connection.execute(query).mappings().all(), total
