"""Counting cases for statistics: one query, grouped by month and category."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from schemas import workflow as flow
from sync_server.store.case_tables import cases
from sync_server.store.devices_read import device_ids_in
from sync_server.store.scope import within
from sync_server.store.tables import devices

RESOLVED_STATES = (flow.RESOLVED, flow.VERIFIED, flow.CLOSED)
OUT_STATES = (flow.RETURNED, flow.MERGED, flow.VOIDED)
COUNTS = (
    "valid", "resolved", "closed", "suspended", "merged", "voided", "returned",
    "on_time", "late", "overdue", "not_due", "undated", "level_1", "same_day",
    "closed_grid", "closed_community", "closed_street", "closed_district",
    "reworked", "looked_back", "passed", "relapsed", "to_rate", "rated", "satisfied",
    "calls", "reports", "reports_on_time",
)  # fmt: skip
"""What a row counts, besides the month's number from 0 and the category."""
UNITS = ("calls", "reports", "reports_on_time")
"""Those of COUNTS that count units which whistles called, not issues."""


class local_day(FunctionElement[str]):
    """The calendar day of a moment where everything happens: ``local_day(column)``."""

    inherit_cache = True
    type = sa.String()


@compiles(local_day)
def _local_day(element: Any, compiler: Any, **kwargs: Any) -> str:
    moment = compiler.process(element.clauses, **kwargs)
    return f"to_char({moment} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD')"


@compiles(local_day, "sqlite")
def _local_day_on_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f"date({compiler.process(element.clauses, **kwargs)}, '+8 hours')"


def count_cases(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    bounds: Sequence[datetime],
    now: datetime,
) -> Sequence[sa.RowMapping]:
    """Return the counts of the cases that happened within ``bounds``, by month and category.

    ``bounds`` are the beginnings of the months and the end of the last. What was settled by its
    author on the spot counts as on time; other cases without a due time are ``undated``. The same
    day is the calendar day a thing happened on, whatever limit was set.
    """
    month = sa.case(
        *((cases.c.happened_at < end, no) for no, end in enumerate(bounds[1:])), else_=0
    )
    query = (
        sa.select(
            month.label("month"),
            cases.c.category,
            *_sums(now),
        )
        .where(
            cases.c.district == district,
            within(cases.c.grid, areas),
            cases.c.happened_at >= bounds[0],
            cases.c.happened_at < bounds[-1],
        )
        .group_by(month, cases.c.category)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def count_by_grid(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    since: datetime,
    before: datetime,
    now: datetime,
) -> Sequence[sa.RowMapping]:
    """Return the counts of the cases that happened in a period by the area they lie in: ``grid``
    and COUNTS, as ``count_cases``."""
    query = (
        sa.select(
            cases.c.grid,
            *_sums(now),
        )
        .where(
            cases.c.district == district,
            within(cases.c.grid, areas),
            cases.c.happened_at >= since,
            cases.c.happened_at < before,
        )
        .group_by(cases.c.grid)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def count_by_unit(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    since: datetime,
    before: datetime,
    now: datetime,
) -> Sequence[sa.RowMapping]:
    """Return the counts of the cases of a period by the unit that has them, or had them when they
    were resolved: ``unit_id`` and COUNTS. What was recalled from a unit is none of its."""
    query = (
        sa.select(cases.c.unit_id, *_sums(now))
        .where(
            cases.c.district == district,
            within(cases.c.grid, areas),
            cases.c.happened_at >= since,
            cases.c.happened_at < before,
            cases.c.unit_id.is_not(None),
        )
        .group_by(cases.c.unit_id)
    )
    return connection.execute(query).mappings().all()


def _tests(now: datetime) -> dict[str, sa.ColumnElement[bool]]:
    c = cases.c
    valid = c.state.not_in(OUT_STATES)
    resolved = c.state.in_(RESOLVED_STATES)
    unresolved = sa.and_(valid, sa.not_(resolved))
    suspended = c.state == flow.SUSPENDED
    on_the_spot = sa.and_(c.self_handled, c.due_at.is_(None))
    running = sa.and_(unresolved, sa.not_(suspended), c.due_at.is_not(None))
    closed = c.state == flow.CLOSED
    looked_back = sa.and_(valid, c.lookback_result.is_not(None))
    to_rate = c.state.in_((flow.VERIFIED, flow.CLOSED))
    return {
        "valid": valid,
        "resolved": resolved,
        "closed": closed,
        "suspended": suspended,
        "merged": c.state == flow.MERGED,
        "voided": c.state == flow.VOIDED,
        "returned": c.state == flow.RETURNED,
        "on_time": sa.and_(resolved, sa.or_(on_the_spot, c.resolved_at <= c.due_at)),
        "late": sa.and_(resolved, c.due_at.is_not(None), c.resolved_at > c.due_at),
        "overdue": sa.and_(running, c.due_at < now),
        "not_due": sa.or_(
            sa.and_(running, c.due_at >= now),
            sa.and_(unresolved, sa.or_(suspended, c.due_at.is_(None))),
        ),
        "undated": sa.and_(resolved, c.due_at.is_(None), sa.not_(c.self_handled)),
        "level_1": sa.and_(valid, c.level == "1"),
        "same_day": sa.and_(
            valid, c.level == "1", resolved,
            sa.or_(on_the_spot, local_day(c.resolved_at) <= local_day(c.happened_at)),
        ),
        "closed_grid": sa.and_(closed, c.resolved_level <= 1),
        "closed_community": sa.and_(closed, c.resolved_level == 2),
        "closed_street": sa.and_(closed, c.resolved_level == 3),
        "closed_district": sa.and_(closed, c.resolved_level >= 4),
        "reworked": sa.and_(resolved, c.rework_count > 0),
        "looked_back": looked_back,
        "passed": sa.and_(looked_back, c.lookback_result == "pass"),
        "relapsed": sa.and_(looked_back, c.relapses > 0),
        "to_rate": to_rate,
        "rated": sa.and_(to_rate, c.rating.is_not(None)),
        "satisfied": sa.and_(to_rate, c.rating >= 4),
        **{name: sa.and_(valid, c[name] > 0) for name in UNITS},
    }  # fmt: skip


def _sums(now: datetime) -> list[sa.ColumnElement[Any]]:
    """Return a sum for each of COUNTS: of issues, or of the units they count."""
    return [
        sa.func.sum(sa.case((test, cases.c[name] if name in UNITS else 1), else_=0)).label(name)
        for name, test in _tests(now).items()
    ]


def narrowing(figure: str, now: datetime) -> sa.ColumnElement[bool] | None:
    """Return which cases a figure counts: one of COUNTS (of UNITS: those with such units), or what
    several of them make together; None for a figure there is not."""
    tests, c = _tests(now), cases.c
    closed = tests["closed"]
    together = {
        "self_handled": c.self_handled,
        "unresolved": sa.and_(tests["valid"], sa.not_(tests["resolved"])),
        "judged": sa.or_(tests["on_time"], tests["late"], tests["overdue"]),
        "in_community": sa.and_(closed, c.resolved_level <= 2),
        "in_street": sa.and_(closed, c.resolved_level <= 3),
    }
    return {**tests, **together}.get(figure)


def count_by_level(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    since: datetime,
    before: datetime,
) -> dict[str, tuple[int, int]]:
    """Return how many valid cases of each level happened in the period, and how many of them are
    resolved."""
    resolved = sa.func.sum(sa.case((cases.c.state.in_(RESOLVED_STATES), 1), else_=0))
    query = (
        sa.select(cases.c.level, sa.func.count(), resolved)
        .where(
            cases.c.district == district,
            within(cases.c.grid, areas),
            cases.c.happened_at >= since,
            cases.c.happened_at < before,
            cases.c.state.not_in(OUT_STATES),
        )
        .group_by(cases.c.level)
    )
    return {level: (int(all_), int(done)) for level, all_, done in connection.execute(query)}


def complete_as_of(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> tuple[datetime | None, int, datetime | None]:
    """Return since when nobody's laptop lacks anything: the earliest last sync of the laptops in
    use, how many never synced, and when the newest case came (of areas, by their workers)."""
    in_use = sa.and_(
        devices.c.district == district,
        devices.c.device_id.in_(device_ids_in(district, areas)),
        devices.c.state == "active",
    )
    synced = sa.select(sa.func.min(devices.c.last_sync_at)).where(in_use)
    never = sa.select(sa.func.count()).where(in_use, devices.c.last_sync_at.is_(None))
    newest = sa.select(sa.func.max(cases.c.received_at)).where(
        cases.c.district == district, within(cases.c.grid, areas)
    )
    return (
        connection.scalar(synced), int(connection.scalar(never) or 0), connection.scalar(newest)
    )  # fmt: skip
