"""Small cells: which counts of people in care a file that leaves the community may not show, so
that nobody is known by them (decision 0027).

A count of 1 to 4 is hidden. So is as much beside it as keeps it from being worked out: of what a
shown sum leaves open there are two counts at least, and any number from 1 to 4 fits the small one.
0 is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

FEWEST = 5
"""The least number of people that is shown."""
MOST_HIDDEN = FEWEST - 1
Hidden = Literal["few", "also"]
"""Why a count is hidden: it is small itself, or a small one could be worked out with it."""


@dataclass(frozen=True)
class Sum:
    """A count that others add up to. ``split``: into the two sides of one thing (in time, late),
    neither of which is told where the whole is not."""

    total: Hashable
    parts: tuple[Hashable, ...]
    split: bool = False


def is_small(count: int) -> bool:
    """Tell whether so few people could be known by their number."""
    return 0 < count < FEWEST


def hidden(
    counts: Mapping[Hashable, int], sums: Sequence[Sum], unseen: Collection[Hashable] = ()
) -> dict[Hashable, Hidden]:
    """Return which counts are hidden, and why.

    ``unseen``: counts no file shows but everybody can work out (what lies in none of the areas
    listed); they are protected, but hiding them protects nothing.
    """
    gone: dict[Hashable, Hidden] = {one: "few" for one, count in counts.items() if is_small(count)}
    more = True
    while more:
        before = len(gone)
        for one in sums:
            _protect(one, counts, gone, unseen)
        more = len(gone) > before
    return gone


def _protect(
    one: Sum, counts: Mapping[Hashable, int], gone: dict[Hashable, Hidden],
    unseen: Collection[Hashable],
) -> None:  # fmt: skip
    """Hide as much of a sum as is needed."""
    shown = sorted(
        (part for part in one.parts if counts[part] and part not in gone and part not in unseen),
        key=lambda part: (counts[part], str(part)), reverse=True,
    )  # fmt: skip
    if one.total not in gone:
        while not _is_safe([part for part in one.parts if part in gone], counts, gone):
            if not shown:
                gone[one.total] = "also"
                break
            gone[shown.pop()] = "also"
    if one.total in gone:
        lacking = not any(part in gone for part in one.parts)
        for part in shown if one.split else shown[-1:] if lacking else ():
            gone[part] = "also"


def _is_safe(
    parts: Sequence[Hashable], counts: Mapping[Hashable, int], gone: Mapping[Hashable, Hidden]
) -> bool:
    """Tell whether the hidden parts of a shown sum leave every number open that each may have:
    1 to 4 where it is small, 0 or 5 and more where it is not. What they add up to is known."""
    if not parts:
        return True
    if len(parts) == 1:
        return False
    small = sum(gone[part] == "few" for part in parts)
    whole = sum(counts[part] for part in parts)
    if small < len(parts) and whole >= small + MOST_HIDDEN + FEWEST - 1:
        return True
    return small + MOST_HIDDEN - 1 <= whole <= MOST_HIDDEN * small - MOST_HIDDEN + 1
