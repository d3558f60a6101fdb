"""Counting cases by source, by how they were handled, by unit and by compound, beside the
same counts of earlier periods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    columns: Sequence[str],
    spans: Sequence[Span],
    now: datetime,
    *,
    source: str = "",
    compound: str = "",
) -> list[Mapping[str, Any]]:
    """Return the counts of the cases that happened in the first span, by some of COLUMNS together
    (empty where nothing is said): SUMMED, ``reminders`` and ``complaints``; and of the others, by
    number from 1, ``valid_1`` and ``complaints_1``. ``source`` and ``compound``: of those alone.
    """
    tests = {name: narrowing(name, now) for name in (*SUMMED, "complaints")}
    keys = [sa.func.coalesce(COLUMNS[name], "").label(name) for name in columns]

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
    for name, only in (("source", source), ("compound_id", compound)):
        if only:
            wanted.append(cases.c[name] == only)
    query = sa.select(*keys, *sums).where(*wanted).group_by(*keys)
    return [dict(row) for row in connection.execute(query).mappings()]


def added_up(rows: Iterable[Mapping[str, Any]], column: str) -> dict[str, Counter[str]]:
    """Return the sums of some rows of ``count_groups`` by one of their columns."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        counts = {name: int(row[name] or 0) for name in row if name not in COLUMNS}
        found.setdefault(row[column], Counter()).update(counts)
    return found


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
