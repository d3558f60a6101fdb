"""Small cells: what is hidden, and that nothing hidden can be worked out from what is left."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping

import pytest

from sync_server.domain.small_cells import FEWEST, Hidden, Sum, hidden
from sync_server.services.small_cells import CARE, REST, WHOLE, Figures, HiddenCare, hidden_care


def gone(whole: int, *parts: int) -> dict[Hashable, Hidden]:
    counts: dict[Hashable, int] = {"whole": whole, **dict(enumerate(parts))}
    return hidden(counts, [Sum("whole", tuple(range(len(parts))))])


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((20, 5, 15, 0), {}),
        ((20, 0, 20), {}),
        ((3, 3, 0), {"whole": "few", 0: "few"}),
        # One alone is the rest of the sum: the next smallest goes with it.
        ((40, 3, 30, 7), {0: "few", 2: "also"}),
        # 1 and 5 make 6, which only 1 and 5 can: a third goes as well.
        ((36, 1, 5, 30), {0: "few", 1: "also", 2: "also"}),
        # Two of 4 make 8: nothing else fits. Two of 2 and 3 fit in several ways.
        ((28, 4, 4, 20), {0: "few", 1: "few", 2: "also"}),
        ((25, 2, 3, 20), {0: "few", 1: "few"}),
        # Nothing is left to hide but the sum.
        ((7, 2, 5), {0: "few", 1: "also", "whole": "also"}),
    ],
)
def test_a_small_count_goes_with_what_it_could_be_worked_out_from(counts, told):
    assert gone(*counts) == told


def test_neither_side_is_told_where_the_whole_is_not():
    counts = {"all": 9, "in time": 3, "late": 6, "town": 13, "other": 4}
    sums = [Sum("all", ("in time", "late"), split=True), Sum("town", ("all", "other"))]
    assert hidden(counts, sums) == {
        "in time": "few",
        "other": "few",
        "late": "also",
        "all": "also",
    }


def test_zero_and_a_large_count_hide_nothing_of_an_area():
    found = hidden_care({"a": {"care": (12, 12), "care_month": (0, 12)}}, {})
    assert not found.cells
    late = hidden_care({"a": {"care": (10, 12)}}, {})
    assert (late.rest("a", "care"), late.part("a", "care"), late.whole("a")) == (
        "few", "also", None,
    )  # fmt: skip
    assert late.rate("a", "care")


def test_who_lies_in_no_area_listed_is_not_worked_out_either():
    areas: dict[str, Figures] = {"all": {"care": (22, 22)}, "a": {"care": (20, 20)}}
    found = hidden_care(areas, {"a": "all"})
    assert (found.whole("a"), found.whole("all")) == ("also", None)


def drawn(seed: int) -> tuple[dict[str, Figures], dict[str, str]]:
    """Return figures of a town of streets, communities and grids, and which lies in which."""
    chance, above = random.Random(seed), dict[str, str]()
    areas: dict[str, dict[str, tuple[int, int]]] = {}

    def count_in(code: str, figures: Mapping[str, tuple[int, int]]) -> None:
        while True:
            for name, (part, whole) in figures.items():
                some = areas.setdefault(code, {}).get(name, (0, 0))
                areas[code][name] = (some[0] + part, some[1] + whole)
            if not code:
                return
            above[code] = code[:-1]
            code = code[:-1]

    for number in range(chance.randint(2, 9)):
        whole = chance.choice((0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 25))
        late = min(whole, chance.choice((0, 0, 1, 2, 4, 5, 9)))
        figures = {"care": (whole - late, whole), "care_month": (chance.randint(0, whole), whole)}
        count_in(f"{number % 2}{number % 3}{number}", figures)
    return dict(areas), above


def known_beside(
    found: HiddenCare, areas: Mapping[str, Figures], above: Mapping[str, str]
) -> set[Hashable]:
    """Return what of the hidden can be worked out: a way to change it that changes nothing shown
    and breaks no sum does not exist. Elimination over a prime is exact enough for sums of ones."""
    prime, numbers = 1_000_003, {cell: no for no, cell in enumerate(found.cells)}
    rows: list[dict[int, int]] = []

    def add(total: Hashable, parts: list[Hashable]) -> None:
        row: dict[int, int] = {}
        for cell, sign in [(total, prime - 1), *((one, 1) for one in parts)]:
            if cell in numbers:
                row[numbers[cell]] = sign
        rows.append(row)

    for area, figures in areas.items():
        for name in figures:
            add((area, WHOLE), [(area, name), (area, name, REST)])
    for parent in set(above.values()):
        inner = [area for area, one in above.items() if one == parent]
        for cell in ((WHOLE,), *((name,) for name in CARE), *((name, REST) for name in CARE)):
            add((parent, *cell), [(area, *cell) for area in inner])

    def less(row: dict[int, int], factor: int, other: dict[int, int]) -> dict[int, int]:
        left = {no: row.get(no, 0) - factor * other.get(no, 0) for no in row | other}
        return {no: value % prime for no, value in left.items() if value % prime}

    solved: dict[int, dict[int, int]] = {}
    for row in rows:
        for pivot, other in solved.items():
            if factor := row.get(pivot, 0):
                row = less(row, factor, other)
        if not row:
            continue
        pivot = min(row)
        inverse = pow(row[pivot], -1, prime)
        row = {no: value * inverse % prime for no, value in row.items()}
        for key, other in solved.items():
            if factor := other.get(pivot, 0):
                solved[key] = less(other, factor, row)
        solved[pivot] = row
    alone = {pivot for pivot, row in solved.items() if len(row) == 1}
    return {cell for cell, no in numbers.items() if no in alone}


@pytest.mark.parametrize("seed", range(15))
def test_no_hidden_count_of_a_town_can_be_worked_out(seed):
    areas, above = drawn(seed)
    found = hidden_care(areas, above)
    for area, figures in areas.items():
        for name, (part, whole) in figures.items():
            for count, why in (
                (whole, found.whole(area)), (part, found.part(area, name)),
                (whole - part, found.rest(area, name)),
            ):  # fmt: skip
                assert (why == "few") == (0 < count < FEWEST)
                assert count or why is None
    assert known_beside(found, areas, above) == set()
