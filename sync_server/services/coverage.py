"""Coverage: which households, people in care, patrol points and Party members are due or overdue:
a list and a drawing that needs no map service (``schemas/coverage.py``, ``schemas/plane.py``)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from schemas import party
from schemas.codes import code_list
from schemas.coverage import (
    MARKS,
    Limits,
    Mark,
    care_mark,
    household_mark,
    member_mark,
    point_mark,
)
from schemas.privacy import mask_text
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.services import contacts
from sync_server.services.accounts import User, require_records
from sync_server.services.care_standing import care_standing
from sync_server.services.coverage_limits import limits
from sync_server.services.coverage_map import Drawing, Placed, draw
from sync_server.services.field_figures import grids_in
from sync_server.services.places import GRID_LENGTH, names_for
from sync_server.services.titles import Titles
from sync_server.store import base_read, field_counts, places_read

HOUSEHOLD, CARE, POINT, MEMBER = "household", "care", "point", "member"
SUBJECTS = (CARE, HOUSEHOLD, POINT, MEMBER)
PAGE = 50


@dataclass(frozen=True)
class Item:
    """One thing that is covered or not. ``day`` is when a household was last met or a point last
    patrolled, a Party member last looked up, or when the visit of somebody in care is due. A member
    is named by his organisation's record, ``name`` and ``member_class``."""

    record_id: str
    grid: str
    building_id: str
    compound_id: str
    mark: Mark
    day: date | None
    household_id: str = ""
    risk: str = ""
    keeper_id: str = ""
    name: str = ""
    member_class: str = ""


@dataclass(frozen=True)
class Line:
    """An item in words, personal names masked; ``home`` of a Party member is his name."""

    item: Item
    title: str
    home: str
    area: str
    keeper: str


@dataclass(frozen=True)
class Coverage:
    """How one subject stands in an area: counts by mark, by grid, a page of lines, the drawing."""

    counts: Mapping[Mark, int]
    grids: tuple[tuple[str, str, Mapping[Mark, int]], ...]
    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int
    drawing: Drawing | None
    classes: tuple[tuple[str, Mapping[Mark, int]], ...] = ()
    """Of Party members: the counts by class of member, those of no known class last (empty)."""


def coverage(
    connection: sa.Connection,
    person: User,
    *,
    subject: str,
    area: str,
    shown: str,
    place: str,
    member_class: str = "",
    page: int,
    day: date,
    lang: str,
) -> Coverage:
    """Return how ``subject`` (SUBJECTS) stands on ``day`` in an area.

    ``shown`` is the mark listed or ``all``; ``place`` narrows the list to a building or compound,
    ``member_class`` to Party members of a class (PARTY_CLASS).
    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    district = person.district
    places = _Places(connection, district, areas)
    make = {HOUSEHOLD: _households, CARE: _care, POINT: _points, MEMBER: _members}[subject]
    every = make(connection, district, areas, places, day, limits(connection, district))
    counts: Counter[Mark] = Counter(dict.fromkeys(MARKS, 0))
    by_grid: dict[str, Counter[Mark]] = defaultdict(Counter)
    by_class: dict[str, Counter[Mark]] = defaultdict(Counter)
    for one in every:
        counts[one.mark] += 1
        by_grid[one.grid[:GRID_LENGTH]][one.mark] += 1
        by_class[one.member_class][one.mark] += 1
    wanted = [
        one
        for one in every
        if shown in ("all", one.mark)
        and (not place or place in (one.building_id, one.compound_id))
        and (not member_class or member_class == one.member_class)
    ]
    wanted.sort(key=lambda one: (one.day or date.min, one.grid, one.record_id))
    pages = max(1, -(-len(wanted) // PAGE))
    page = min(max(page, 1), pages)
    grids = grids_in(connection, district, areas)
    names = names_for(connection, district, by_grid) | {one.code: one.name for one in grids}
    some = wanted[(page - 1) * PAGE : page * PAGE]
    return Coverage(
        counts=counts,
        grids=tuple((code, names.get(code, code), by_grid[code]) for code in sorted(by_grid)),
        lines=tuple(_lines(connection, person, subject, some, names, lang)),
        total=len(wanted),
        page=page,
        pages=pages,
        drawing=None
        if subject == MEMBER  # where a member lives is not known
        else draw(
            connection,
            district,
            places.buildings,
            names,
            [Placed(one.building_id, one.compound_id, one.mark) for one in every],
            by_compound=subject == POINT,
        ),
        classes=_classes(by_class) if subject == MEMBER else (),
    )


def _classes(
    counts: Mapping[str, Mapping[Mark, int]],
) -> tuple[tuple[str, Mapping[Mark, int]], ...]:
    known = [item.code for item in code_list("PARTY_CLASS").items]
    others = sorted(counts.keys() - {*known, ""})
    return tuple((code, counts[code]) for code in (*known, *others, "") if code in counts)


class _Places:
    """The places of an area, each table read once."""

    def __init__(self, connection: sa.Connection, district: str, areas: Sequence[str]) -> None:
        self.buildings = places_read.buildings(connection, district, areas)
        self._compounds = {one.building_id: one.compound_id for one in self.buildings}
        self._of_room = places_read.room_buildings(connection, district, areas)

    def of_room(self, room_id: str | None) -> tuple[str, str]:
        """Return building and compound of a room, empty where they are not known."""
        building = self._of_room.get(room_id or "", "")
        return building, self._compounds.get(building, "")


def _households(
    connection: sa.Connection, district: str, areas: Sequence[str], places: _Places, day: date,
    within: Limits,
) -> list[Item]:  # fmt: skip
    homes = list(field_counts.homes(connection, district, areas))
    met = contacts.last_met(connection, district, areas, [one for one, _, _ in homes], day)
    found = []
    for home, grid, room in homes:
        last = met.get(home)
        mark = household_mark(last, day, within)
        found.append(Item(home, grid, *places.of_room(room), mark, last, household_id=home))
    return found


def _care(
    connection: sa.Connection, district: str, areas: Sequence[str], places: _Places, day: date,
    within: Limits,
) -> list[Item]:  # fmt: skip
    rooms = places_read.home_rooms(connection, district, areas)
    return [
        Item(
            one.resident_id, one.grid, *places.of_room(rooms.get(one.household_id)),
            care_mark(one.due, day, within), one.due, one.household_id, one.risk, one.keeper_id,
        )
        for one in care_standing(connection, district, areas, day)
    ]  # fmt: skip


def _points(
    connection: sa.Connection, district: str, areas: Sequence[str], places: _Places, day: date,
    within: Limits,
) -> list[Item]:  # fmt: skip
    covered = field_counts.points_covered(connection, district, areas, day)
    points = {(one.grid[:GRID_LENGTH], one.compound_id) for one in places.buildings}
    found = []
    for grid, compound in sorted(points):
        if compound:
            last = covered.get((grid, compound))
            mark = point_mark(last, day, within)
            found.append(Item(compound, grid, "", compound, mark, last))
    return found


def _members(
    connection: sa.Connection, district: str, areas: Sequence[str], places: _Places, day: date,
    within: Limits,
) -> list[Item]:  # fmt: skip
    found = []
    for row in base_read.whole_of_kind(connection, district, party.ORG, areas):
        for one in party.to_check(row["fields"], day.isoformat()):
            last = date.fromisoformat(one.checked_on) if one.checked_on else None
            mark = member_mark(last, day, within)
            found.append(
                Item(row["record_id"], row["grid"], "", "", mark, last,
                     name=str(one.member.get("name") or ""), member_class=one.member_class)
            )  # fmt: skip
    return found


def _lines(
    connection: sa.Connection,
    person: User,
    subject: str,
    some: Sequence[Item],
    names: Mapping[str, str],
    lang: str,
) -> Iterable[Line]:
    titles = Titles(connection, person, lang)
    kind = {HOUSEHOLD: "household", CARE: "resident", POINT: "compound", MEMBER: party.ORG}[subject]
    titles.preload((kind, one.record_id) for one in some)
    titles.preload(("household", one.household_id) for one in some if one.household_id)
    titles.preload(("user", one.keeper_id) for one in some if one.keeper_id)
    for one in some:
        home = titles.lookup("household", one.household_id) if one.household_id else None
        yield Line(
            item=one,
            title=titles.lookup(kind, one.record_id) or f"…{one.record_id[-6:]}",
            home=(home or "") if subject == CARE else mask_text(one.name, "name"),
            area=names.get(one.grid[:GRID_LENGTH], one.grid),
            keeper=(titles.lookup("user", one.keeper_id) or "") if one.keeper_id else "",
        )
