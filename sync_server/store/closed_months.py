"""Reading and writing the figures of closed months, and where a district's figures begin."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from sync_server.store.case_tables import cases
from sync_server.store.field_tables import patrol_lines, visit_lines
from sync_server.store.frozen_tables import frozen_figures as frozen
from sync_server.store.scope import within
from sync_server.store.service_tables import service_cases


def months(connection: sa.Connection, district: str) -> dict[str, datetime]:
    """Return the months (2026-09) whose figures are stored, and when they were."""
    query = sa.select(frozen.c.month, frozen.c.frozen_at).where(
        frozen.c.district == district, frozen.c.area == district
    )
    return {row.month: row.frozen_at for row in connection.execute(query)}


def of_month(
    connection: sa.Connection, district: str, month: str, areas: Collection[str], *,
    exactly: bool = False,
) -> Sequence[sa.RowMapping]:  # fmt: skip
    """Return what is stored of a month and these areas and all inside them, or of these areas
    exactly, by code."""
    here = frozen.c.area.in_(list(areas)) if exactly else within(frozen.c.area, areas)
    query = sa.select(frozen).where(
        frozen.c.district == district, frozen.c.month == month, here
    )  # fmt: skip
    return connection.execute(query.order_by(frozen.c.area)).mappings().all()


def add(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store a month's figures, which must not be stored yet (the district must be locked)."""
    connection.execute(sa.insert(frozen), [dict(row) for row in rows])


def earliest_day(connection: sa.Connection, district: str) -> date | None:
    """Return the day of the earliest thing that figures count; None of nothing."""
    days = [
        connection.scalar(sa.select(sa.func.min(table.c.day)).where(table.c.district == district))
        for table in (patrol_lines, visit_lines)
    ]
    times = [
        connection.scalar(sa.select(sa.func.min(column)).where(column.table.c.district == district))
        for column in (cases.c.happened_at, service_cases.c.requested_at)
    ]
    days += [at.astimezone(SHANGHAI).date() for at in times if at is not None]
    return min((day for day in days if day is not None), default=None)
