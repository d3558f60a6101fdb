"""Which figures of care are not told outside the community, for its files and its printed pages
(``domain/small_cells.py``, decision 0027).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from schemas.coverage import MARKS
from sync_server.domain.rates import Rate
from sync_server.domain.small_cells import Hidden, Sum, hidden, is_small
from sync_server.services.accounts import User
from sync_server.services.coverage import Coverage
from sync_server.services.field_figures import Report

COMMUNITY_LENGTH = 12
CARE = ("care", "care_month")
"""The rates of care: shares of the same households (``field_figures.DEFINITIONS``)."""
WHOLE, REST, ELSEWHERE = "whole", "rest", "elsewhere"
Figures = Mapping[str, tuple[int, int]]
"""Rates by name as part and whole."""


@dataclass(frozen=True)
class HiddenCare:
    """Which counts of care are hidden, by area."""

    cells: Mapping[Hashable, Hidden]
    outside: bool = True
    """Whether it was asked for at all: what is told leaves the community."""

    def whole(self, area: str) -> Hidden | None:
        """Return why the number of an area's care households is hidden; None: it is shown."""
        return self.cells.get((area, WHOLE))

    def part(self, area: str, name: Hashable) -> Hidden | None:
        """Return why the part of a rate (CARE), or another count of an area, is hidden."""
        return self.cells.get((area, name))

    def rest(self, area: str, name: str) -> Hidden | None:
        """Return why what a rate leaves out is hidden."""
        return self.cells.get((area, name, REST))

    def late(self, people: int) -> Hidden | None:
        """Return why the number of people overdue in the area ``""`` is hidden: they are few, or
        their households are hidden."""
        if not self.outside:
            return None
        return "few" if is_small(people) else self.rest("", CARE[0])

    def rate(self, area: str, name: str) -> bool:
        """Tell whether a rate is hidden: one of CARE, with a count it is made of, or leaves out."""
        return name in CARE and any(
            (self.whole(area), self.part(area, name), self.rest(area, name))
        )


NOTHING = HiddenCare({}, outside=False)


def beyond_community(person: User) -> bool:
    """Tell whether what somebody takes away leaves the community: his areas are no part of one."""
    codes = person.scope_codes
    return (
        any(len(code) < COMMUNITY_LENGTH for code in codes)
        or len({code[:COMMUNITY_LENGTH] for code in codes}) > 1
    )


def hidden_care(areas: Mapping[str, Figures], above: Mapping[str, str]) -> HiddenCare:
    """Return what is hidden of the rates of care (CARE) of areas that stand in one file.

    ``above``: of each area the one it is counted in, where that stands in the file as well.
    """
    counts: dict[Hashable, int] = {}
    sums: list[Sum] = []
    for area, figures in areas.items():
        for name in CARE:
            if name in figures:
                part, whole = figures[name]
                sides = (area, name), (area, name, REST)
                counts |= {(area, WHOLE): whole, sides[0]: part, sides[1]: whole - part}
                sums.append(Sum((area, WHOLE), sides, split=True))
    below: dict[str, list[str]] = {}
    for area, parent in above.items():
        below.setdefault(parent, []).append(area)
    unseen: set[Hashable] = set()
    for parent, inner in below.items():
        for cell in [cell for cell in counts if isinstance(cell, tuple) and cell[0] == parent]:
            parts: list[Hashable] = [
                other for area in inner if (other := (area, *cell[1:])) in counts
            ]
            more: Hashable = (ELSEWHERE, *cell)
            counts[more] = max(0, counts[cell] - sum(counts[one] for one in parts))
            unseen.add(more)
            sums.append(Sum(cell, (*parts, more)))
    return HiddenCare(hidden(counts, sums, unseen))


def of_statistics(person: User, found: Report) -> HiddenCare:
    """Return what a printed page of figures of field work hides; the whole page's counts are those
    of the area ``""``, others those of its grids."""
    if not beyond_community(person):
        return NOTHING
    areas: dict[str, Figures] = {
        "": {one.name: (one.part, one.whole) for one in found.rates if one.name in CARE}
    }
    areas |= {
        one.grid.code: {"care": (one.care_in_time, one.care_homes)} for one in found.grids
    }  # fmt: skip
    return hidden_care(areas, {code: "" for code in areas if code})


def of_rates(person: User, rates: Mapping[str, Rate]) -> HiddenCare:
    """Return what a printed page hides of single rates, as those of the area ``""``."""
    if not beyond_community(person):
        return NOTHING
    told = {name: (one.part, one.whole) for name, one in rates.items() if name in CARE}
    return hidden_care({"": told}, {})


def of_coverage(person: User, found: Coverage) -> HiddenCare:
    """Return what a printed page of the coverage of care hides: of the area ``""``, and of every
    grid, the counts by mark."""
    if not beyond_community(person):
        return NOTHING
    rows = {"": found.counts, **{code: counts for code, _, counts in found.grids}}
    counts: dict[Hashable, int] = {
        (code, mark): some.get(mark, 0) for code, some in rows.items() for mark in MARKS
    }
    sums = [Sum(("", mark), tuple((code, mark) for code in rows if code)) for mark in MARKS if rows]
    return HiddenCare(hidden(counts, sums))


def of_lists(person: User, whole: int, *lists: Sequence[int]) -> HiddenCare:
    """Return what a printed page hides of a number of people (the area ``""``) and of the lists of
    counts it is divided into, by the list's number and the count's: ``part("0", 3)``."""
    if not beyond_community(person):
        return NOTHING
    counts: dict[Hashable, int] = {("", WHOLE): whole}
    sums, unseen = [], set[Hashable]()
    for number, some in enumerate(lists):
        names: list[Hashable] = [(str(number), place) for place in range(len(some))]
        counts |= dict(zip(names, some, strict=True))
        more: Hashable = (str(number), ELSEWHERE)
        counts[more] = max(0, whole - sum(some))
        unseen.add(more)
        sums.append(Sum(("", WHOLE), (*names, more)))
    return HiddenCare(hidden(counts, sums, unseen))
