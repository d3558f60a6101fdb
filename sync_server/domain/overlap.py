"""How compounds and grids lie over each other, from where the buildings are (the joint of the two).

The sources know three cases: equal, larger, smaller; whatever is none of them crosses and is listed
for review. Micro-grids count as the grid they lie in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

COMMUNITY_DIGITS, GRID_DIGITS = 12, 15
EQUAL, LARGER, SMALLER, CROSSING = "equal", "compound_larger", "compound_smaller", "crossing"


@dataclass(frozen=True)
class Lie:
    """Where one compound lies: its grids with the number of its buildings in each, and the case;
    the case is empty for a compound without buildings in a grid."""

    grids: Mapping[str, int]
    case: str = ""

    @property
    def communities(self) -> tuple[str, ...]:
        """The communities it lies in."""
        return tuple(sorted({code[:COMMUNITY_DIGITS] for code in self.grids}))


def lies(buildings: Iterable[tuple[str, str]]) -> dict[str, Lie]:
    """Return where each compound lies, from ``(compound, area code)`` of every building.

    Equal: one grid, and nothing else in it. Smaller: one grid that others share. Larger: several
    grids, all its own. Crossing: several grids, of which it shares one, or in two communities.
    """
    found: dict[str, dict[str, int]] = {}
    inside: dict[str, set[str]] = {}
    for compound, area in buildings:
        grids = found.setdefault(compound, {})
        if len(area) < GRID_DIGITS:
            continue
        grid = area[:GRID_DIGITS]
        grids[grid] = grids.get(grid, 0) + 1
        inside.setdefault(grid, set()).add(compound)
    return {one: Lie(dict(sorted(grids.items())), _case(one, grids, inside))
            for one, grids in found.items()}  # fmt: skip


def _case(compound: str, grids: Mapping[str, int], inside: Mapping[str, set[str]]) -> str:
    if not grids:
        return ""
    shared = any(inside[grid] != {compound} for grid in grids)
    if len(grids) == 1:
        return SMALLER if shared else EQUAL
    apart = len({code[:COMMUNITY_DIGITS] for code in grids}) > 1
    return CROSSING if shared or apart else LARGER
