"""Who holds what: area codes nest by prefix (district 6, street 9, community 12, grid 15, 17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.kind import Reach

LEVELS = (6, 9, 12, 15, 17)


def inside(area: str, codes: Iterable[str]) -> bool:
    """Whether ``area`` is one of ``codes`` or lies in one (an empty code holds nothing)."""
    for code in codes:  # noqa: SIM110 - asked of every change, several times as fast as any()
        if code and area.startswith(code):
            return True
    return False


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


def joined(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the codes sorted, without those that lie in another one."""
    kept: list[str] = []
    for code in sorted({code for code in codes if code}):  # a code comes before what is inside it
        if not kept or not code.startswith(kept[-1]):
            kept.append(code)
    return tuple(kept)


def common(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Return the areas that lie in both."""
    mine, theirs = joined(some), joined(others)
    return joined(
        [code for code in mine if inside(code, theirs)]
        + [code for code in theirs if inside(code, mine)]
    )
