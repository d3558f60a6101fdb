"""Who holds what: area codes nest by prefix (district 6, street 9, community 12, grid 15, 17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.kind import Reach

LEVELS = (6, 9, 12, 15, 17)


def inside(area: str, codes: Iterable[str]) -> bool:
    """Whether ``area`` is one of ``codes`` or lies in one (an empty code holds nothing)."""
    return any(area.startswith(code) for code in codes if code)


def holds(grids: Sequence[str], area: str, reach: Reach) -> bool:
    """Whether a laptop with ``grids`` holds the records of ``area``.

    Records of ``grid`` reach must lie in one of the grids; those of ``community`` reach may also
    lie at a level above one.
    """
    if not area:
        return False
    if inside(area, grids):
        return True
    return reach == "community" and any(grid.startswith(area) for grid in grids)


def above(grids: Iterable[str]) -> list[str]:
    """Return every area above the grids, without the grids themselves, sorted."""
    return sorted({grid[:length] for grid in grids for length in LEVELS if length < len(grid)})
