"""The households behind the figures of field work: those met and not met in a period, and those
with people in care, in time or late, reached in the month or not. By the very rule of the figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.rates import Rate
from sync_server.services.accounts import User, require_records
from sync_server.services.care_standing import Standing, care_standing
from sync_server.services.field_figures import care_homes, care_rates, homes_met
from sync_server.services.issue_figures import LONGEST_MONTHS
from sync_server.services.places import GRID_LENGTH, names_for
from sync_server.services.titles import Titles
from sync_server.store import field_counts, field_lists

T = TypeVar("T")
PAGE = 50
HOMES: Mapping[str, Label] = {
    "homes": Label("有人住的家庭户", "Occupied households"),
    "homes_met": Label("期内见到本人的家庭户", "Households met in the period"),
    "homes_unmet": Label("期内没有见到的家庭户", "Occupied households not met in the period"),
}
CARE: Mapping[str, Label] = {
    "care_homes": Label("关怀户", "Households with people in care"),
    "care_in_time": Label("没有人超期的关怀户", "Households in care with nobody overdue"),
    "care_late": Label("有人超期的关怀户", "Households in care with somebody overdue"),
    "care_reached": Label("当月探访到的关怀户", "Households in care reached in the month"),
    "care_unreached": Label(
        "当月没有探访到的关怀户", "Households in care not reached in the month"
    ),
}
FIGURES: Mapping[str, Label] = {**HOMES, **CARE}
"""What a list of the households that make a figure is called."""


@dataclass(frozen=True)
class Person:
    """Somebody in care: masked name, when they were last reached, when they are due, for how many
    days that is past, who is in charge."""

    standing: Standing
    name: str
    keeper: str
    days: int


@dataclass(frozen=True)
class Line:
    """One household. ``met_on`` is when it was last met in the period, at ``visit_id`` (empty when
    that visit lies outside the person's areas); ``people`` are those in care."""

    record_id: str
    kind: str
    """``household``, or ``resident`` for somebody in care who is in no household."""
    title: str
    grid: str
    area: str
    met_on: date | None
    visit_id: str
    people: tuple[Person, ...]


@dataclass(frozen=True)
class HomeList:
    """A page of the households of a figure; ``care_rates`` are the rates of care of the same area
    and ``as_of`` the day they stand on, for figures of CARE; ``late_people`` counts those overdue
    in all households listed."""

    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int
    as_of: date
    care_rates: tuple[Rate, ...] = ()
    late_people: int = 0


def households(
    connection: sa.Connection,
    person: User,
    figure: str,
    first: date,
    last: date,
    area: str,
    page: int,
    now: datetime,
    lang: str,
    *,
    phone: bool = True,
) -> HomeList:
    """Return a page of the households that make a figure (FIGURES) of ``field_figures.report``.

    ``area`` empty: everything the person may see; ``phone``: whether calls count as care contact.
    Raises Refusal: not_allowed, bad_period, unknown_record for an area outside the person's.
    """
    require_records(person)
    if last < first or (last - first).days > 31 * LONGEST_MONTHS:
        raise Refusal("bad_period", most=LONGEST_MONTHS)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    as_of = min(last, now.astimezone(SHANGHAI).date())
    if figure in CARE:
        return _cared_for(connection, person, figure, areas, as_of, page, lang, phone=phone)
    return _occupied(connection, person, figure, areas, (first, last), page, as_of, lang)


def _occupied(
    connection: sa.Connection,
    person: User,
    figure: str,
    areas: Sequence[str],
    period: tuple[date, date],
    page: int,
    as_of: date,
    lang: str,
) -> HomeList:
    found = [
        one
        for one in homes_met(connection, person.district, areas, *period)
        if figure == "homes" or (one[2] is not None) == (figure == "homes_met")
    ]
    found.sort(key=lambda one: (one[1], one[2] or date.min, one[0]))
    some, page, pages = _page(found, page)
    titles = _titles(connection, person, lang, [home for home, _, _ in some])
    visits = _visits(connection, person, [home for home, _, _ in some], *period)
    names = names_for(connection, person.district, {grid[:GRID_LENGTH] for _, grid, _ in some})
    lines = tuple(
        Line(
            home, "household", titles.lookup("household", home) or f"…{home[-6:]}", grid,
            names[grid[:GRID_LENGTH]], met_on, visits.get(home, ""), (),
        )
        for home, grid, met_on in some
    )  # fmt: skip
    return HomeList(lines, len(found), page, pages, as_of)


def _visits(
    connection: sa.Connection, person: User, homes: Sequence[str], first: date, last: date
) -> dict[str, str]:
    """Return the last visit of the period that met each household, or one merged into it; without
    those outside the person's areas."""
    into = field_counts.survivors(connection, person.district)
    every = field_counts.gathered(homes, into)
    found: dict[str, tuple[date, str, str]] = {}
    for home, day, visit, grid in field_lists.met_at(
        connection, person.district, every, first, last
    ):
        left = into.get(home, home)
        found[left] = max(found.get(left, (day, visit, grid)), (day, visit, grid))
    return {
        home: visit for home, (_, visit, grid) in found.items() if inside(grid, person.scope_codes)
    }


def _cared_for(
    connection: sa.Connection,
    person: User,
    figure: str,
    areas: Sequence[str],
    as_of: date,
    page: int,
    lang: str,
    *,
    phone: bool,
) -> HomeList:
    everybody = care_standing(connection, person.district, areas, as_of, phone=phone)
    wanted = care_homes(everybody, as_of)[figure]
    at_home: dict[str, list[Standing]] = defaultdict(list)
    for one in everybody:
        if one.household_id in wanted:
            at_home[one.household_id].append(one)
    found = sorted(at_home.items(), key=lambda pair: (min(one.due for one in pair[1]), pair[0]))
    some, page, pages = _page(found, page)
    titles = _titles(connection, person, lang, [home for home, _ in some])
    here = [one for _, people in some for one in people]
    titles.preload(("resident", one.resident_id) for one in here)
    titles.preload(("user", one.keeper_id) for one in here if one.keeper_id)
    names = names_for(connection, person.district, {one.grid[:GRID_LENGTH] for one in here})
    lines = []
    for home, people in some:
        grid = people[0].grid
        alone = all(one.resident_id == home for one in people)  # in no household
        lines.append(
            Line(
                home, "resident" if alone else "household",
                "" if alone else titles.lookup("household", home) or f"…{home[-6:]}",
                grid, names[grid[:GRID_LENGTH]], None, "", tuple(_people(people, titles, as_of)),
            )
        )  # fmt: skip
    return HomeList(
        tuple(lines), len(found), page, pages, as_of,
        care_rates=care_rates(everybody, as_of),
        late_people=sum(bool(one.overdue(as_of)) for some in at_home.values() for one in some),
    )  # fmt: skip


def _people(people: Sequence[Standing], titles: Titles, as_of: date) -> Iterable[Person]:
    for one in sorted(people, key=lambda one: (one.due, one.resident_id)):
        yield Person(
            standing=one,
            name=titles.lookup("resident", one.resident_id) or "",
            keeper=titles.lookup("user", one.keeper_id) or "" if one.keeper_id else "",
            days=one.overdue(as_of),
        )


def _page(found: Sequence[T], page: int) -> tuple[Sequence[T], int, int]:
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(page, 1), pages)
    return found[(page - 1) * PAGE : page * PAGE], page, pages


def _titles(connection: sa.Connection, person: User, lang: str, homes: Sequence[str]) -> Titles:
    titles = Titles(connection, person, lang)
    titles.preload(("household", home) for home in homes)
    return titles
