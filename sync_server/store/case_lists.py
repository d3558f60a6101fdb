"""Lists and counts of issues by what is to be done: the queue of staff, duplicates, late steps.

Every query names the district and the areas somebody may see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.issue_groups import GROUPED, MEMBERS
from sync_server.domain.duplicate_issues import WITHIN, span_lat, span_lon
from sync_server.store.case_counts import path_of
from sync_server.store.case_tables import cases, overtaken_steps
from sync_server.store.scope import containing, within
from sync_server.store.tables import records

Row = dict[str, Any]
Condition = sa.ColumnElement[bool]
STEP = "issue_step"
LOOKBACK_AHEAD = timedelta(days=7)
"""How long before its day a look-back is listed."""


@dataclass(frozen=True)
class Filters:
    """What a queue is narrowed by; empty: not. ``words`` are folded search words, ``since`` and
    ``before`` bound when things happened, ``figure`` is what a figure of the statistics counts;
    ``group`` is one of the groups above the categories, ``path`` as ``case_counts.path_of`` has
    it."""

    areas: tuple[str, ...]
    category: str = ""
    level: str = ""
    urgency: str = ""
    unit_id: str = ""
    called_id: str = ""
    """A unit called to them that has not reported in and does not have them."""
    compound_id: str = ""
    source: str = ""
    mode: str = ""
    words: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    figure: Condition | None = None
    group: str = ""
    path: str = ""


@dataclass(frozen=True)
class Desk:
    """Whose queue it is: the role, the levels that are his, and the moment it is asked for."""

    role: str
    levels: tuple[str, ...]
    now: datetime
    today: date


def conditions(district: str, desk: Desk) -> dict[str, Condition]:
    """Return the condition of each tab, by its name; ``mine`` is all that waits for this person."""
    state, living = cases.c.state, cases.c.over.is_(False)
    my_level = cases.c.level.in_(desk.levels)
    parts = {
        "accept": state == flow.REPORTED,
        "assign": sa.and_(state == flow.ACCEPTED, my_level),
        "approve": _approvals(district, desk),
        "handling": state.in_((flow.DISPATCHED, flow.HANDLING)),
        "verify": sa.and_(state == flow.RESOLVED, cases.c.self_handled.is_(False)),
        "confirm": sa.and_(state == flow.RESOLVED, cases.c.self_handled.is_(True)),
        "rate": state == flow.VERIFIED,
        "late": sa.and_(living, state != flow.SUSPENDED, cases.c.stage_due_at < desk.now),
        "soon": sa.and_(
            living,
            state != flow.SUSPENDED,
            cases.c.yellow_at <= desk.now,
            cases.c.stage_due_at >= desk.now,
        ),
        "called": sa.and_(living, sa.cast(cases.c.called, sa.Text) != "[]"),
        "suspended": state == flow.SUSPENDED,
        "lookback": sa.and_(
            state == flow.CLOSED, cases.c.lookback_on <= desk.today + LOOKBACK_AHEAD
        ),
        "returned": state == flow.RETURNED,
        "open": living,
        "all": sa.true(),
    }
    own = _own(desk, parts, my_level)
    return {"mine": sa.or_(*own) if own else sa.false(), **parts}


def _own(desk: Desk, parts: Mapping[str, Condition], my_level: Condition) -> list[Condition]:
    """Return what waits for somebody of this role himself."""
    his_work = sa.and_(
        cases.c.state == flow.HANDLING, my_level, cases.c.unit_id.is_(None),
        cases.c.assignee_id.is_(None),
    )  # fmt: skip
    if desk.role == "community":
        names = ("accept", "assign", "approve", "verify", "confirm", "rate")
        return [*(parts[one] for one in names), his_work]
    if desk.role in ("street", "district"):
        return [*(parts[one] for one in ("assign", "approve", "lookback")), his_work]
    return [parts["confirm"]] if desk.role == "leader" else []


def _approvals(district: str, desk: Desk) -> Condition:
    """Return what was asked for and waits for this role: voids for the community, escalations for
    the owner, suspensions and extensions for the level above, further extensions for the
    district."""
    asks = {name: containing(sa.cast(cases.c.asked, sa.Text), f'"{name}"')
            for name in ("void", "escalate", "suspend", "extend")}  # fmt: skip
    handling = cases.c.state == flow.HANDLING
    mine = sa.and_(handling, asks["escalate"], cases.c.level.in_(desk.levels))
    extended = sa.exists().where(
        records.c.district == district,
        records.c.parent_id == cases.c.issue_id,
        records.c.kind == STEP,
        records.c.fields["action"].as_string() == "extend",
    )
    low = cases.c.level.in_(("1", "2"))
    again = sa.and_(asks["extend"], extended)
    if desk.role == "community":
        return sa.or_(sa.and_(cases.c.state == flow.REPORTED, asks["void"]), mine)
    waits = sa.or_(asks["suspend"], asks["extend"])
    if desk.role == "street":
        return sa.or_(mine, sa.and_(handling, low, waits, sa.not_(again)))
    if desk.role == "district":
        return sa.or_(mine, sa.and_(handling, waits, sa.or_(sa.not_(low), again)))
    if desk.role == "admin":
        return sa.or_(*asks.values())
    return sa.false()


def counts(
    connection: sa.Connection, district: str, filters: Filters, desk: Desk
) -> dict[str, int]:
    """Return how many issues stand under each tab, in one look at the rows."""
    tabs = conditions(district, desk)
    sums = [
        sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0).label(name)
        for name, condition in tabs.items()
    ]
    query = sa.select(*sums).where(*_narrowed(district, filters))
    return {name: int(count) for name, count in connection.execute(query).mappings().one().items()}


def waiting(
    connection: sa.Connection, district: str, areas: tuple[str, ...], desk: Desk, tab: str = "mine"
) -> int:
    """Return how many issues wait for somebody, for the menu, or stand under another tab."""
    condition = conditions(district, desk)[tab]
    query = sa.select(sa.func.count()).select_from(cases)
    filtered = query.where(*_narrowed(district, Filters(areas)), condition)
    return int(connection.execute(filtered).scalar_one())


def waiting_by_urgency(
    connection: sa.Connection, district: str, areas: tuple[str, ...], desk: Desk
) -> dict[str, int]:
    """Return how many issues of each urgency wait for somebody; urgencies without any left out."""
    query = (
        sa.select(cases.c.urgency, sa.func.count())
        .where(*_narrowed(district, Filters(areas)), conditions(district, desk)["mine"])
        .group_by(cases.c.urgency)
    )
    return {urgency: int(count) for urgency, count in connection.execute(query)}


def page(
    connection: sa.Connection,
    district: str,
    filters: Filters,
    desk: Desk,
    tab: str,
    *,
    start: int,
    size: int,
) -> list[Row]:
    """Return a page of a tab: emergencies first, then what is urgent; of these and the others by
    the stage's due time, then the oldest."""
    urgency = sa.case(
        (cases.c.over.is_(True), 2),
        (cases.c.urgency == "emergency", 0),
        (cases.c.urgency == "urgent", 1),
        else_=2,
    )
    order: list[Any] = [urgency, cases.c.stage_due_at.nulls_last(), cases.c.happened_at]
    if tab == "all":
        order = [cases.c.happened_at.desc()]
    elif tab == "lookback":
        order = [cases.c.lookback_on, cases.c.happened_at]
    query = (
        sa.select(cases)
        .where(*_narrowed(district, filters), conditions(district, desk)[tab])
        .order_by(*order, cases.c.issue_id)
        .offset(start)
        .limit(size)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def occurring(
    connection: sa.Connection, district: str, areas: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """Return the units and the compounds that issues of these areas have to do with and are not
    over."""
    here = (cases.c.district == district, within(cases.c.grid, areas), cases.c.over.is_(False))
    found = []
    for column in (cases.c.unit_id, cases.c.compound_id):
        query = sa.select(column).where(*here, column.is_not(None)).distinct()
        found.append(list(connection.execute(query).scalars()))
    return found[0], found[1]


def numbered_at_source(
    connection: sa.Connection, district: str, areas: tuple[str, ...], source: str, number: str
) -> Row | None:
    """Return issue_id, no and title of an issue of these areas that its source calls by this
    number, None when there is none that stands."""
    query = (
        sa.select(
            cases.c.issue_id, cases.c.no, records.c.fields["title"].as_string().label("title")
        )
        .select_from(
            cases.join(
                records,
                sa.and_(
                    records.c.district == cases.c.district,
                    records.c.record_id == cases.c.issue_id,
                ),
            )
        )
        .where(
            cases.c.district == district,
            cases.c.source == source,
            cases.c.state != flow.VOIDED,
            within(cases.c.grid, areas),
            records.c.voided.is_(False),
            records.c.fields["source_no"].as_string() == number,
        )
        .order_by(cases.c.issue_id)
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def near(
    connection: sa.Connection, district: str, areas: tuple[str, ...], one: Mapping[str, Any]
) -> list[Row]:
    """Return issues that are not over, of the same category, found about the same time, at the same
    building or in the square around the position."""
    places: list[Condition] = []
    if one["building_id"]:
        places.append(cases.c.building_id == one["building_id"])
    if one["lat"] is not None and one["lon"] is not None:
        north, east = span_lat(), span_lon(one["lat"])
        places.append(
            sa.and_(
                cases.c.lat.between(one["lat"] - north, one["lat"] + north),
                cases.c.lon.between(one["lon"] - east, one["lon"] + east),
            )
        )
    if not places:
        return []
    at = one["happened_at"]
    query = (
        sa.select(cases)
        .where(
            cases.c.district == district,
            cases.c.category == one["category"],
            cases.c.happened_at.between(at - WITHIN, at + WITHIN),
            cases.c.issue_id != one["issue_id"],
            cases.c.over.is_(False),
            within(cases.c.grid, areas),
            sa.or_(*places),
        )
        .order_by(cases.c.happened_at, cases.c.issue_id)
        .limit(20)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def overtaken(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    *,
    settled: bool,
    start: int,
    size: int,
) -> tuple[list[Row], int]:
    """Return a page of laptops' steps that did not count, open or settled, the newest first, and
    how many there are."""
    joined = overtaken_steps.join(
        cases,
        sa.and_(
            cases.c.district == overtaken_steps.c.district,
            cases.c.issue_id == overtaken_steps.c.issue_id,
        ),
    )
    mark = overtaken_steps.c.settled_at
    here = (
        overtaken_steps.c.district == district,
        within(cases.c.grid, areas),
        mark.is_not(None) if settled else mark.is_(None),
    )
    counted = sa.select(sa.func.count()).select_from(joined).where(*here)
    query = (
        sa.select(overtaken_steps, cases.c.grid, cases.c.state)
        .select_from(joined)
        .where(*here)
        .order_by(overtaken_steps.c.opened_at.desc(), overtaken_steps.c.step_id)
        .offset(start)
        .limit(size)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return rows, int(connection.execute(counted).scalar_one())


def _narrowed(district: str, filters: Filters) -> Sequence[Condition]:
    parts: list[Condition] = [cases.c.district == district, within(cases.c.grid, filters.areas)]
    for name in ("category", "level", "urgency", "unit_id", "compound_id", "source", "mode"):
        if wanted := getattr(filters, name):
            parts.append(cases.c[name] == wanted)
    if filters.group:
        members = MEMBERS.get(filters.group)
        category = cases.c.category
        parts.append(category.in_(members) if members else category.not_in(GROUPED))
    if filters.path:
        parts.append(path_of() == filters.path)
    if filters.called_id:
        parts.append(containing(sa.cast(cases.c.called, sa.Text), f'"{filters.called_id}"'))
        parts.append(cases.c.unit_id.is_distinct_from(filters.called_id))
    if filters.since:
        parts.append(cases.c.happened_at >= filters.since)
    if filters.before:
        parts.append(cases.c.happened_at < filters.before)
    if filters.figure is not None:
        parts.append(filters.figure)
    for word in filters.words:
        found = sa.select(records.c.record_id).where(
            records.c.district == district,
            records.c.kind == "issue",
            within(records.c.grid, filters.areas),
            containing(records.c.search_text, word),
        )
        parts.append(sa.or_(cases.c.issue_id.in_(found), cases.c.no == word.upper()))
    return parts
