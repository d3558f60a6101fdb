"""Service requests as staff see them: the queue, one request with its life, the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.codes import code_list
from schemas.labels import Label
from schemas.service_clocks import LABELS, Clock, clocks
from schemas.service_flow import CANCELLED, OPEN_STATES, REQUESTED, STATES, Case, Reading
from sync_server.domain.access import may, narrowed
from sync_server.domain.areas import LEVELS
from sync_server.domain.errors import Refusal
from sync_server.domain.service_counts import Counts, clocks_of
from sync_server.services.accounts import User
from sync_server.services.device_pages import is_silent, list_devices
from sync_server.services.places import names_for
from sync_server.services.service_cases import case_of, dues_of
from sync_server.services.service_steps import (
    COMMUNITY_DIGITS,
    StepForm,
    find,
    step_forms,
    takers,
)
from sync_server.services.time_limits import load_clockwork
from sync_server.services.titles import Titles
from sync_server.store import places_read, records_read
from sync_server.store import service_cases as store_cases
from sync_server.store.records_read import Row
from sync_server.store.service_cases import SERVICE, STANDARD, STEP, Wanted

PAGE = 50
OPEN, LATE = "open", "late"
"""Among the states of the queue: all in which something is to be done, and those of them of which a
clock has run out."""
POINT_FACILITIES = ("station", "red_post", "centre", "home")
"""The kinds of registered sites where requests are taken in."""
COUNTED, DONE = "counted", "done"
"""What the figures count as items, and those of them that are not open."""
STANDARD_LABEL = Label("2341 全部", "The whole standard")
FIGURE_STATES: Mapping[str, Label] = {
    "met": Label("达标", "met"),
    "late": Label("超时", "late"),
    "decided": Label("已有结果", "decided"),
    "running": Label("计时中", "running"),
}
FIGURES: Mapping[str, Label] = {
    **{
        f"{name}_{state}": Label(f"{label.zh} {words.zh}", f"{label.en}: {words.en}")
        for name, label in (*LABELS.items(), (STANDARD, STANDARD_LABEL))
        for state, words in FIGURE_STATES.items()
    },
    "rated": Label("有评价", "Rated"),
    "satisfied": Label("评价 4 分及以上", "Rated 4 or 5"),
}
"""What a list of the requests that make a figure is called."""


@dataclass(frozen=True)
class Line:
    """A request in the queue, personal values masked; ``clocks`` as they stand now."""

    record_id: str
    item: str
    applicant: str
    words: str
    kind: str
    urgent: bool
    area: str
    requested_at: datetime
    state: str
    state_words: str
    taker: str
    clocks: tuple[Clock, ...]


@dataclass(frozen=True)
class Queue:
    """A page of the queue; ``counts`` are the requests of each state in the area and kind."""

    lines: tuple[Line, ...]
    counts: Mapping[str, int]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Told:
    """One step in words, and how it counted."""

    row: Row
    reading: Reading
    action: str
    before: str
    after: str
    author: str
    text: str
    more: tuple[str, ...]


@dataclass(frozen=True)
class CasePage:
    """One request: what it says (masked), how it stands, its steps, and the steps to take."""

    row: Row
    title: str
    area: str
    author: str
    household: str
    shown: Mapping[str, str]
    case: Case
    state_words: str
    taker: str
    clocks: tuple[Clock, ...]
    steps: tuple[Told, ...]
    forms: tuple[StepForm, ...]
    takers: tuple[Row, ...]


@dataclass(frozen=True)
class Figures:
    """The figures of a period: all of the area, of the areas inside it, of each item (its code and
    name), and of each service point (its community's code and name, its own name)."""

    whole: Counts
    areas: tuple[tuple[str, str, Counts], ...]
    items: tuple[tuple[str, str, Counts], ...]
    points: tuple[tuple[str, str, str, Counts], ...]
    silent: int
    """Devices in use that have not synced for more than a day: figures may still grow."""
    level: int
    """How long the codes of the areas inside are; what lies in none of them has a shorter one."""


def queue(
    connection: sa.Connection,
    person: User,
    *,
    area: str,
    state: str,
    kind: str,
    page: int,
    now: datetime,
    lang: str,
    item: str = "",
    point: str = "",
    since: datetime | None = None,
    before: datetime | None = None,
    figure: str = "",
) -> Queue:
    """Return a page of the requests of an area in a state (``open``, ``late``, ``counted`` and
    ``done`` among them), made in a period (``before`` not included); with ``figure`` (FIGURES)
    those that make it.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    areas = _areas(person, area)
    every = Wanted(
        areas, kind=kind, item=item, point=point, since=since, before=before,
        figure=store_cases.narrowing(figure, now),
    )  # fmt: skip
    wanted = _wanted(every, state, now)
    district = person.district
    total = store_cases.count(connection, district, wanted)
    counts = store_cases.count_by_state(connection, district, every)
    counts[OPEN] = sum(counts.get(one, 0) for one in OPEN_STATES)
    counts[LATE] = store_cases.count(connection, district, _wanted(every, LATE, now))
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    urgent = state in (OPEN, LATE, *OPEN_STATES)
    rows = store_cases.page(
        connection, district, wanted, urgent_first=urgent, start=(page - 1) * PAGE, size=PAGE
    )
    return Queue(tuple(_lines(connection, person, rows, now, lang)), counts, total, page, pages)


def _wanted(every: Wanted, state: str, now: datetime) -> Wanted:
    items = tuple(one for one in STATES if one != CANCELLED)
    states = {
        OPEN: OPEN_STATES,
        LATE: OPEN_STATES,
        COUNTED: items,
        DONE: tuple(one for one in items if one not in OPEN_STATES),
    }.get(state, (state,) if state in STATES else ())
    return replace(every, states=tuple(states), late_at=now if state == LATE else None)


def _areas(person: User, area: str) -> tuple[str, ...]:
    if not may(person.role, "services"):
        raise Refusal("not_allowed")
    areas = narrowed(person.scope_codes, area) if area else person.scope_codes
    if not areas:
        raise Refusal("unknown_record")
    return areas


def _lines(
    connection: sa.Connection, person: User, rows: list[dict[str, Any]], now: datetime, lang: str
) -> Iterable[Line]:
    district = person.district
    records = records_read.by_ids(connection, district, [row["service_id"] for row in rows])
    names = names_for(connection, district, {row["grid"] for row in rows})
    titles = Titles(connection, person, lang)
    titles.preload(("user", row["taker_id"]) for row in rows if row["taker_id"])
    declared, states = kind_of(SERVICE).declared(), code_list("SERVICE_STATE")
    for row in rows:
        fields = records[row["service_id"]]["fields"]
        said = {name: one.show_masked(fields.get(name), lang) for name, one in declared.items()
                if name in ("item", "applicant", "words", "kind")}  # fmt: skip
        yield Line(
            record_id=row["service_id"],
            **said,
            urgent=fields.get("urgency") in ("urgent", "emergency"),
            area=names.get(row["grid"], row["grid"]),
            requested_at=row["requested_at"],
            state=row["state"],
            state_words=states.text(row["state"], lang),
            taker=(titles.lookup("user", row["taker_id"]) or "") if row["taker_id"] else "",
            clocks=clocks_of(row, now),
        )


def open_case(
    connection: sa.Connection, person: User, service_id: str, now: datetime, lang: str
) -> CasePage:
    """Return one request's page, masked; raise Refusal not_allowed, unknown_record."""
    if not may(person.role, "services"):
        raise Refusal("not_allowed")
    row = find(connection, person, service_id)
    district = person.district
    steps = records_read.children_of(connection, district, STEP, [service_id])[service_id]
    case = case_of(row, steps)
    household = str(row["fields"].get("household_id") or "")
    titles = Titles(connection, person, lang)
    people = {step["author"] for step in steps} | {case.taker_id, row["author"]}
    people |= {step["fields"].get("taker_id") for step in steps}
    titles.preload([("user", one) for one in people if one])
    if household:
        titles.preload([("household", household)])
    declared, states = kind_of(SERVICE).declared(), code_list("SERVICE_STATE")
    shown = {name: one.show_masked(row["fields"].get(name), lang) for name, one in declared.items()}
    dues = dues_of(case, load_clockwork(connection, district))
    by_id = {step["record_id"]: step for step in steps}
    forms = () if row["voided"] or row["merged_into"] else step_forms(case, person, lang)
    return CasePage(
        row=row,
        title=f"{shown['item']} · {shown['applicant']}",
        area=names_for(connection, district, [row["grid"]])[row["grid"]],
        author=titles.lookup("user", row["author"]) or "",
        household=(titles.lookup("household", household) or "") if household else "",
        shown=shown,
        case=case,
        state_words=states.text(case.state, lang),
        taker=(titles.lookup("user", case.taker_id) or "") if case.taker_id else "",
        clocks=clocks(case, now, dues),
        steps=tuple(_told(by_id, one, titles, lang) for one in case.readings),
        forms=tuple(forms),
        takers=tuple(takers(connection, person, row["grid"]) if forms else ()),
    )


def _told(by_id: Mapping[str, Row], reading: Reading, titles: Titles, lang: str) -> Told:
    row = by_id[reading.step.step_id]
    fields, states = kind_of(STEP).declared(), code_list("SERVICE_STATE")
    said = row["fields"]
    more = []
    if said.get("taker_id"):
        more.append(titles.lookup("user", said["taker_id"]) or "")
    for name in ("result", "person_times", "rating"):
        if said.get(name) is not None:
            label = fields[name].label.text(lang)
            more.append(f"{label} {fields[name].show(said[name], lang)}")
    return Told(
        row=row,
        reading=reading,
        action=fields["action"].show(said.get("action"), lang),
        before=states.text(reading.before, lang),
        after=states.text(reading.after, lang),
        author=titles.lookup("user", row["author"]) or "",
        text=fields["text"].show_masked(said.get("text"), lang),
        more=tuple(more),
    )


def figures(
    connection: sa.Connection,
    person: User,
    *,
    area: str,
    since: datetime,
    before: datetime,
    now: datetime,
    lang: str,
) -> Figures:
    """Return the figures of the requests made in a period (``before`` not included).

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    areas = _areas(person, area)
    level = _next_level(areas)
    whole, by_area, by_item, by_point = Counts(), {}, {}, {}  # type: ignore[var-annotated]
    for row in store_cases.walk(connection, person.district, Wanted(areas, since=since,
                                                                    before=before)):  # fmt: skip
        whole.add(row, now)
        by_area.setdefault(row.grid[:level], Counts()).add(row, now)
        by_item.setdefault(row.item, Counts()).add(row, now)
        if row.point:
            point = row.grid[:COMMUNITY_DIGITS], row.point
            by_point.setdefault(point, Counts()).add(row, now)
    names = names_for(connection, person.district, {*by_area, *(code for code, _ in by_point)})
    items = code_list("SERVICE_ITEM")
    order = [item.code for item in items.items]
    devices = list_devices(connection, person, now)
    return Figures(
        whole=whole,
        areas=tuple((code, names[code], counts) for code, counts in sorted(by_area.items())),
        items=tuple(
            (code, items.text(code, lang), by_item[code])
            for code in sorted(by_item, key=lambda one: order.index(one) if one in order else 99)
        ),
        points=tuple(
            (code, names[code], point, counts) for (code, point), counts in sorted(by_point.items())
        ),
        silent=sum(one.row["state"] == "active" and is_silent(one, 1) for one in devices),
        level=level,
    )


def _next_level(areas: tuple[str, ...]) -> int:
    """Return how long the codes of the areas below the chosen ones are."""
    longest = max(len(code) for code in areas)
    return next((length for length in LEVELS if length > longest), LEVELS[-1])


def waiting(connection: sa.Connection, person: User, now: datetime) -> tuple[int, int]:
    """Return how many requests of the person's areas wait to be accepted, and of how many open ones
    a clock has run out."""
    areas = person.scope_codes
    fresh = store_cases.count(connection, person.district, Wanted(areas, (REQUESTED,)))
    late = store_cases.count(connection, person.district, _wanted(Wanted(areas), LATE, now))
    return fresh, late


def known_points(connection: sa.Connection, person: User) -> list[str]:
    """Return the service points of the person's areas: those requests named, and the registered
    sites of its compounds."""
    areas = tuple(person.scope_codes)
    sites = {
        str(one.get("name") or "")
        for one in places_read.sites(connection, person.district, areas)
        if one.get("facility") in POINT_FACILITIES
    }
    found = {*store_cases.points(connection, person.district, areas), *sites}
    return sorted(one for one in found if one)
