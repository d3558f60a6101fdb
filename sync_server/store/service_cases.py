"""Reading and writing where service requests stand. Every query names the district."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.service_clocks import NAMES
from schemas.service_flow import CANCELLED, REQUESTED
from sync_server.domain.service_counts import SATISFIED
from sync_server.store.scope import chunks, within
from sync_server.store.service_tables import service_cases as cases
from sync_server.store.service_tables import service_marks as marks
from sync_server.store.tables import districts, records

Row = dict[str, Any]
SERVICE, STEP = "service", "service_step"
STANDARD = "standard"
"""Stands for the four clocks together."""
CLOCK_STATES = ("met", "late", "decided", "running")
"""What a figure asks of a clock; one is decided once it is met or late."""


@dataclass(frozen=True)
class Wanted:
    """Which requests are wanted; all conditions hold together, an empty one is none.

    ``late_at``: only those of which a running clock has run out by then. ``since`` is included,
    ``before`` is not; both are about when the request was made. ``figure`` is what ``narrowing``
    returns.
    """

    areas: tuple[str, ...]
    states: tuple[str, ...] = ()
    kind: str = ""
    taker_id: str = ""
    late_at: datetime | None = None
    since: datetime | None = None
    before: datetime | None = None
    item: str = ""
    point: str = ""
    figure: sa.ColumnElement[bool] | None = None


def narrowing(figure: str, now: datetime) -> sa.ColumnElement[bool] | None:
    """Return the condition of the requests that make a figure of clocks or ratings, as
    ``domain/service_counts.py`` counts them; None for a name that is none.

    ``respond_met``, ``_late``, ``_decided`` and ``_running`` of each clock, the same of
    ``standard``, the whole of it; ``rated`` and ``satisfied``.
    """
    if figure in ("rated", "satisfied"):
        least = SATISFIED if figure == "satisfied" else 0
        return sa.and_(cases.c.state != CANCELLED, cases.c.rating >= least)
    name, _, state = figure.rpartition("_")
    if state not in CLOCK_STATES or name not in (*NAMES, STANDARD):
        return None
    runs = sa.and_(cases.c.accepted_at.is_not(None), cases.c.state.not_in((REQUESTED, CANCELLED)))
    met, late = _standard(now) if name == STANDARD else _clock(name, now)
    running = sa.not_(sa.or_(met, late))
    if name == "plan":
        running = sa.and_(running, sa.not_(_clock("solve", now)[0]))
    wanted = {"met": met, "late": late, "decided": sa.or_(met, late), "running": running}
    return sa.and_(runs, wanted[state])


def _clock(name: str, now: datetime) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Return the conditions of a clock met and of one that is late, of an accepted request; neither
    is ever unknown. A plan is asked for only of what was not solved in time."""
    at, due = cases.c[f"{name}_at"], cases.c[f"{name}_due"]
    met = sa.and_(at.is_not(None), at <= due)
    late = sa.or_(sa.and_(at.is_not(None), at > due), sa.and_(at.is_(None), due < now))
    if name == "plan":
        asked = sa.not_(_clock("solve", now)[0])
        return sa.and_(met, asked), sa.and_(late, asked)
    return met, late


def _standard(now: datetime) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    respond, reply, solve, plan = (_clock(name, now) for name in NAMES)
    met = sa.and_(respond[0], reply[0], sa.or_(solve[0], plan[0]))
    return met, sa.or_(respond[1], reply[1], plan[1])


def worked_out(connection: sa.Connection, district: str) -> tuple[int, int]:
    """Return the change number up to which the rows are worked out, and the district's last."""
    mark = connection.scalar(sa.select(marks.c.change_no).where(marks.c.district == district))
    last = connection.scalar(
        sa.select(districts.c.change_no).where(districts.c.district == district)
    )
    return int(mark or 0), int(last or 0)


def touched(
    connection: sa.Connection, district: str, after: int, size: int
) -> list[tuple[int, str]]:
    """Return the next ``size`` changes of requests and their steps after a change number, as
    ``(change number, request)`` in order."""
    request = sa.case((records.c.kind == SERVICE, records.c.record_id), else_=records.c.parent_id)
    query = (
        sa.select(records.c.change_no, request)
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.kind.in_((SERVICE, STEP)),
        )
        .order_by(records.c.change_no)
        .limit(size)
    )
    return [(int(number), str(one)) for number, one in connection.execute(query)]


def put_mark(connection: sa.Connection, district: str, change_no: int) -> None:
    """Note up to which change the rows are worked out (the district must be locked)."""
    connection.execute(sa.delete(marks).where(marks.c.district == district))
    connection.execute(sa.insert(marks), {"district": district, "change_no": change_no})


def put_rows(
    connection: sa.Connection, district: str, service_ids: Collection[str], rows: Sequence[Row]
) -> None:
    """Write where these requests stand; one without a row here has none any more."""
    for run in chunks(service_ids):
        connection.execute(
            sa.delete(cases).where(cases.c.district == district, cases.c.service_id.in_(run))
        )
    if rows:
        connection.execute(sa.insert(cases), list(rows))


def page(
    connection: sa.Connection, district: str, wanted: Wanted, *, urgent_first: bool, start: int,
    size: int,
) -> list[Row]:  # fmt: skip
    """Return a page of the wanted requests: those to be accepted, then by what is due next, or from
    the newest."""
    newest = (cases.c.requested_at.desc(), cases.c.service_id)
    taken = sa.case((cases.c.state == REQUESTED, 0), else_=1)
    order = (taken, cases.c.next_due.asc().nulls_last(), *newest) if urgent_first else newest
    query = sa.select(cases).where(*_conditions(district, wanted)).order_by(*order)
    found = connection.execute(query.offset(start).limit(size)).mappings()
    return [dict(row) for row in found]


def count(connection: sa.Connection, district: str, wanted: Wanted) -> int:
    """Return how many requests are wanted."""
    query = sa.select(sa.func.count()).select_from(cases).where(*_conditions(district, wanted))
    return int(connection.scalar(query) or 0)


def count_by_state(connection: sa.Connection, district: str, wanted: Wanted) -> dict[str, int]:
    """Return how many of the wanted requests stand in each state."""
    query = (
        sa.select(cases.c.state, sa.func.count())
        .where(*_conditions(district, wanted))
        .group_by(cases.c.state)
    )
    return {state: int(total) for state, total in connection.execute(query)}


def walk(connection: sa.Connection, district: str, wanted: Wanted) -> Iterator[sa.Row[Any]]:
    """Yield every wanted request, in no order."""
    query = sa.select(cases).where(*_conditions(district, wanted))
    yield from connection.execute(query, execution_options={"yield_per": 2000})


def points(connection: sa.Connection, district: str, areas: tuple[str, ...]) -> list[str]:
    """Return the names of the service points that requests of these areas were made at."""
    query = (
        sa.select(cases.c.point)
        .where(
            cases.c.district == district, within(cases.c.grid, areas), cases.c.point.is_not(None)
        )
        .distinct()
    )
    return sorted(connection.execute(query).scalars())


def _conditions(district: str, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found = [cases.c.district == district, within(cases.c.grid, wanted.areas)]
    if wanted.states:
        found.append(cases.c.state.in_(wanted.states))
    if wanted.kind:
        found.append(cases.c.kind == wanted.kind)
    if wanted.item:
        found.append(cases.c.item == wanted.item)
    if wanted.point:
        found.append(cases.c.point == wanted.point)
    if wanted.taker_id:
        found.append(cases.c.taker_id == wanted.taker_id)
    if wanted.late_at is not None:
        found.append(cases.c.next_due < wanted.late_at)
    if wanted.since is not None:
        found.append(cases.c.requested_at >= wanted.since)
    if wanted.before is not None:
        found.append(cases.c.requested_at < wanted.before)
    if wanted.figure is not None:
        found.append(wanted.figure)
    return found
