"""Counting cases by source, by how they were handled, by unit and by compound, beside the
same counts of earlier periods."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.case_counts import COMPLAINTS, OUT_STATES, narrowing
from sync_server.store.case_tables import cases
from sync_server.store.scope import within

Span = tuple[datetime, datetime]
COLUMNS = {name: cases.c[name] for name in ("source", "mode", "unit_id", "compound_id")}
SUMMED = ("valid", "resolved", "unresolved", "overdue", "to_rate", "reworked")


def complained() -> sa.ColumnElement[bool]:
    """Return the condition that a case is a valid complaint of residents."""
    return sa.and_(cases.c.state.not_in(OUT_STATES), cases.c.source.in_(COMPLAINTS))


def count_groups(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    column: str,
    spans: Sequence[Span],
    now: datetime,
    *,
    mode: str = "",
    source: str = "",
    compound: str = "",
) -> dict[str, Mapping[str, Any]]:
    """Return the counts of the cases that happened in the first span, by one of COLUMNS (empty
    where nothing is said): SUMMED, ``reminders`` and ``complaints``; and of the others, by number
    from 1, ``valid_1`` and ``complaints_1``. ``mode``, ``source`` and
    ``compound``: of those alone.
    """
    tests = {name: narrowing(name, now) for name in (*SUMMED, "complaints")}
    key = sa.func.coalesce(COLUMNS[column], "").label("key")

    def inside(span: Span) -> sa.ColumnElement[bool]:
        return sa.and_(cases.c.happened_at >= span[0], cases.c.happened_at < span[1])

    def summed(name: str, span: Span, value: Any = 1) -> sa.ColumnElement[Any]:
        test = tests[name]
        assert test is not None
        return sa.func.sum(sa.case((sa.and_(test, inside(span)), value), else_=0))

    sums = [summed(name, spans[0]).label(name) for name in tests]
    sums.append(summed("valid", spans[0], cases.c.reminders).label("reminders"))
    for no, span in enumerate(spans[1:], 1):
        sums += [summed(name, span).label(f"{name}_{no}") for name in ("valid", "complaints")]
    wanted = [
        cases.c.district == district,
        within(cases.c.grid, areas),
        sa.or_(*(inside(span) for span in spans)),
    ]
    for name, only in (("mode", mode), ("source", source), ("compound_id", compound)):
        if only:
            wanted.append(cases.c[name] == only)
    query = sa.select(key, *sums).where(*wanted).group_by(key)
    return {row["key"]: dict(row) for row in connection.execute(query).mappings()}


def last_complaints(
    connection: sa.Connection, district: str, areas: Collection[str], before: datetime
) -> tuple[dict[str, datetime], datetime | None]:
    """Return when the last complaint about each compound was made, and when the first case of these
    areas happened at all."""
    here = (cases.c.district == district, within(cases.c.grid, areas))
    query = (
        sa.select(cases.c.compound_id, sa.func.max(cases.c.happened_at))
        .where(*here, complained(), cases.c.compound_id.is_not(None), cases.c.happened_at < before)
        .group_by(cases.c.compound_id)
    )
    first = connection.scalar(sa.select(sa.func.min(cases.c.happened_at)).where(*here))
    return {row[0]: row[1] for row in connection.execute(query)}, first
