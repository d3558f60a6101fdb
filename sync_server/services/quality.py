"""The data-quality report (数据质量): what of the base data cannot be right, counted and listed, so
that somebody can put it right. It judges records, never people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kinds
from schemas.clock import local_day
from schemas.codes import code_list
from schemas.kinds.care import INTERVAL_DAYS
from schemas.kinds.compound import three_none
from schemas.kinds.resident import GUARDIAN_AGE, standing_consents
from schemas.labels import Label
from schemas.purposes import BASIC, fields_of
from schemas.purposes import CARE as CARE_GROUP
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.overlap import CROSSING, Lie, lies
from sync_server.domain.quality import CHECKS, DIFFERENCE, Check
from sync_server.services import area_tree, purposes
from sync_server.services.accounts import User, require_records
from sync_server.services.going_along import GROUPS
from sync_server.services.places import names_for
from sync_server.services.quality_at_once import check_numbers, homes_and_people
from sync_server.services.titles import Titles
from sync_server.store import area_read, base_read, quality_read

PAGE = 50
FEW = 5
"""How many records of a check stand on the report itself."""


@dataclass(frozen=True)
class Line:
    """One record at fault."""

    kind: str
    record_id: str
    title: str
    area: str
    opens: bool


@dataclass(frozen=True)
class Result:
    """What a check found: how many, and the first of them."""

    check: Check
    total: int
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Report:
    """The whole report; ``overlap`` tells how many compounds lie how over the grids."""

    results: tuple[Result, ...]
    overlap: tuple[tuple[str, int], ...]
    at: datetime

    @property
    def groups(self) -> list[tuple[Label, list[Result]]]:
        """The results by their group, in order."""
        found: list[tuple[Label, list[Result]]] = []
        for one in self.results:
            if not found or found[-1][0] != one.check.group:
                found.append((one.check.group, []))
            found[-1][1].append(one)
        return found


@dataclass(frozen=True)
class ListPage:
    """A page of what one check found."""

    check: Check
    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int


def report(connection: sa.Connection, person: User, now: datetime, lang: str) -> Report:
    """Return what every check finds inside the person's areas; raise Refusal ``not_allowed``."""
    require_records(person)
    looking = _Looking(connection, person, now, lang)
    at_once = homes_and_people(
        connection, person.district, person.scope_codes, looking.born_after()
    )
    results = []
    for check in CHECKS:
        ids = at_once[check.code] if check.code in at_once else looking.find(check)
        results.append(Result(check, len(ids), looking.lines(ids[:FEW])))
    return Report(tuple(results), looking.overlap(), now)


def list_of(
    connection: sa.Connection, person: User, code: str, page: int, now: datetime, lang: str
) -> ListPage:
    """Return a page of what one check finds.

    Raises Refusal: not_allowed, unknown_record for no such check. A page beyond the last one is the
    last one.
    """
    require_records(person)
    check = next((one for one in CHECKS if one.code == code), None)
    if check is None:
        raise Refusal("unknown_record")
    looking = _Looking(connection, person, now, lang)
    ids = looking.find(check)
    pages = max(1, -(-len(ids) // PAGE))
    page = min(max(1, page), pages)
    lines = looking.lines(ids[(page - 1) * PAGE : page * PAGE])
    return ListPage(check, lines, len(ids), page, pages)


class _Looking:
    """Looks for what is wrong, reading what several checks need once."""

    def __init__(self, connection: sa.Connection, person: User, now: datetime, lang: str) -> None:
        self.connection, self.person, self.lang = connection, person, lang
        self.district, self.areas = person.district, person.scope_codes
        self.day = local_day(now)
        self.today = date.fromisoformat(self.day)
        self._lies: dict[str, Lie] | None = None
        self._nodes: list[area_tree.Node] | None = None

    def find(self, check: Check) -> list[str]:
        """Return the ids of the records at fault."""
        found = _FINDERS[check.code](self)
        return list(found)

    def lines(self, ids: Sequence[str]) -> tuple[Line, ...]:
        """Return records as the report names them, masked."""
        rows = base_read.rows_by_ids(self.connection, self.district, ids)
        titles = Titles(self.connection, self.person, self.lang)
        titles.preload(("record", one) for one in ids)
        names = names_for(self.connection, self.district, [row["grid"] for row in rows.values()])
        return tuple(
            Line(
                kind=rows[one]["kind"],
                record_id=one,
                title=titles.title(rows[one]["kind"], rows[one]["fields"]) or f"…{one[-6:]}",
                area=names[rows[one]["grid"]],
                opens=inside(rows[one]["grid"], self.areas),
            )
            for one in ids
            if one in rows
        )

    def overlap(self) -> tuple[tuple[str, int], ...]:
        """Return how many of the compounds lie how over the grids."""
        mine = set(self._compounds)
        count = Counter(lie.case for one, lie in self.lie.items() if one in mine and lie.case)
        return tuple(
            (item.label.text(self.lang), count[item.code]) for item in code_list("OVERLAP").items
        )

    @property
    def lie(self) -> dict[str, Lie]:
        """Where every compound of the district lies."""
        if self._lies is None:
            self._lies = lies(base_read.building_places(self.connection, self.district))
        return self._lies

    @property
    def nodes(self) -> list[area_tree.Node]:
        """The grids of the person's areas."""
        if self._nodes is None:
            every = area_tree.tree(self.connection, self.person, self.lang)
            self._nodes = [one for one in every if one.is_grid]
        return self._nodes

    @cached_property
    def _compounds(self) -> list[str]:
        """The compounds that lie in the person's areas, by record or by a building."""
        every = base_read.whole_of_kind(self.connection, self.district, "compound")
        return [row["record_id"] for row in every
                if any(inside(area, self.areas) for area in self._places_of(row))]  # fmt: skip

    def _places_of(self, row: base_read.Row) -> tuple[str, ...]:
        return (row["grid"], *self.lie.get(row["record_id"], Lie({})).grids)

    def grids_with(self, warning: str) -> list[str]:
        """Return the area records of the grids with a warning."""
        codes = {one.code for one in self.nodes if warning in one.warnings}
        rows = area_read.area_rows(self.connection, self.district, self.areas)
        return [row["record_id"] for row in rows if row["grid"] in codes]

    def compounds_that(self, fits: Callable[[Lie], bool]) -> list[str]:
        """Return the compounds whose lie fits."""
        return [one for one in self._compounds if fits(self.lie.get(one, Lie({})))]

    def overlap_differs(self) -> list[str]:
        """Return the compounds whose record says another overlap than their buildings."""
        mine = self._compounds
        said = base_read.said_by(self.connection, self.district, "compound", mine, "overlap")
        return [
            one for one in mine
            if (lie := self.lie.get(one)) and lie.case and said.get(one) != lie.case
        ]  # fmt: skip

    def households_differ(self) -> Iterator[str]:
        """Yield the compounds wholly inside the areas whose households differ from the register."""
        counted = base_read.households_by_compound(self.connection, self.district)
        for row in base_read.whole_of_kind(self.connection, self.district, "compound", self.areas):
            said, here = row["fields"].get("households"), counted.get(row["record_id"], 0)
            if said and abs(said - here) * 100 > DIFFERENCE * max(said, here):
                yield row["record_id"]

    def three_none(self) -> list[str]:
        """Return the 三无 compounds."""
        every = base_read.whole_of_kind(self.connection, self.district, "compound", self.areas)
        return [row["record_id"] for row in every if three_none(row["fields"])]

    @cached_property
    def id_numbers(self) -> tuple[list[str], list[str]]:
        """The people whose number fails its check, and those whose number says another birth or sex
        than is filed of them."""
        every = quality_read.id_numbers(self.connection, self.district, self.areas)
        return check_numbers(every)

    def keepers_gone(self) -> Iterator[str]:
        """Yield the care whose keeper does not hold the grid it lies in."""
        held = {
            one["user_id"]: one["scope_codes"]
            for one in area_read.holders(self.connection, self.district)
        }
        for row in quality_read.care_by_keeper(self.connection, self.district, self.areas):
            if not inside(row["grid"], held.get(row["keeper_id"], ())):
                yield row["record_id"]

    def children_without_consent(self) -> Iterator[str]:
        """Yield the children held by consent for whom no guardian's consent holds today."""
        for one, is_young, fields in self.by_consent:
            if is_young and "guardian" not in standing_consents(fields, BASIC, self.day):
                yield one

    def consents_withdrawn(self) -> Iterator[str]:
        """Yield the people held by consent whose consents were all withdrawn."""
        for one, _, fields in self.by_consent:
            said = (fields.get("consents") or {}).values()
            if said and all(each.get("ended") and each["ended"] <= self.day for each in said):
                yield one

    def care_without_consent(self) -> Iterator[str]:
        """Yield the care that stands on a consent nobody wrote down, or that was withdrawn."""
        for one, fields in quality_read.care_by_consent(self.connection, self.district, self.areas):
            if not standing_consents(fields, CARE_GROUP, self.day):
                yield one

    @cached_property
    def by_consent(self) -> list[tuple[str, bool, Mapping[str, Any]]]:
        """The people whose consents are looked at."""
        return list(quality_read.held_by_consent(
            self.connection, self.district, self.areas, self.born_after()))  # fmt: skip

    def not_collected(self) -> list[str]:
        """Return the records that hold what the district does not collect."""
        fields = [
            field
            for group in sorted(purposes.left_out(self.connection, self.district))
            for field in fields_of(group)
        ]
        return quality_read.with_any(self.connection, self.district, self.areas, fields)

    def nowhere(self) -> list[str]:
        """Return the base data that lie in an area that has ended or was never registered."""
        names = {
            kind.info.name for kind in kinds()
            if kind.info.group in GROUPS and kind.info.name != "area"
        }  # fmt: skip
        rows = area_read.area_rows(self.connection, self.district, [self.district])
        standing = {row["grid"] for row in rows if not row["fields"].get("valid_to")}
        used = quality_read.areas_in_use(self.connection, self.district, names, self.areas)
        return quality_read.lying_exactly_in(self.connection, self.district, names, used - standing)

    def rows(self, look: Callable[..., list[str]], *more: object) -> list[str]:
        """Return what a query of the store finds."""
        return look(self.connection, self.district, self.areas, *more)

    def born_after(self) -> str:
        """Return the month after which somebody was born who is too young to consent himself."""
        return f"{self.today.year - GUARDIAN_AGE:04d}-{self.today.month:02d}"


def _crossing(lie: Lie) -> bool:
    return lie.case == CROSSING


def _in_communities(lie: Lie) -> bool:
    return len(lie.communities) > 1


def _nowhere_built(lie: Lie) -> bool:
    return not lie.grids


_FINDERS: dict[str, Callable[[_Looking], Sequence[str] | Iterator[str]]] = {
    **{
        code: partial(_Looking.grids_with, warning=code)
        for code in ("small", "large", "no_worker", "no_leader")
    },
    "crossing": lambda one: one.compounds_that(_crossing),
    "communities": lambda one: one.compounds_that(_in_communities),
    "no_buildings": lambda one: one.compounds_that(_nowhere_built),
    "overlap_differs": _Looking.overlap_differs,
    "households_differ": _Looking.households_differ,
    "three_none": _Looking.three_none,
    "building_alone": lambda one: one.rows(quality_read.orphans, "building", "compound"),
    "room_alone": lambda one: one.rows(quality_read.orphans, "room", "building"),
    "household_alone": lambda one: one.rows(quality_read.orphans, "household", "room"),
    "vacant_lived": lambda one: one.rows(quality_read.vacant_but_lived_in),
    "empty": lambda one: quality_read.childless(
        one.connection, one.district, one.areas, "household", "resident", present=True
    ),
    "heads": lambda one: one.rows(quality_read.without_one_head),
    "resident_alone": lambda one: one.rows(quality_read.orphans, "resident", "household"),
    "guardian": lambda one: one.rows(quality_read.children_without_guardian, one.born_after()),
    "id_no": lambda one: one.id_numbers[0],
    "id_differs": lambda one: one.id_numbers[1],
    "notice": lambda one: one.rows(quality_read.without_notice),
    "consent_child": _Looking.children_without_consent,
    "consent_gone": _Looking.consents_withdrawn,
    "unused": _Looking.not_collected,
    "consent_care": _Looking.care_without_consent,
    "extinguisher": lambda one: one.rows(quality_read.shops_with_old_extinguisher, one.day),
    "care_nobody": lambda one: one.rows(quality_read.care_of_nobody),
    "care_keeper": _Looking.keepers_gone,
    "care_seldom": lambda one: one.rows(quality_read.care_too_seldom, INTERVAL_DAYS),
    "nowhere": _Looking.nowhere,
}
"""How each check looks."""
