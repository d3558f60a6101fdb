"""Drawing places on a plane without a map service: positions to picture coordinates, the outline
around some points. Pure arithmetic, the same on both sides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]
WIDTH = 1000
"""Width of the picture in its own units; its height follows from what is drawn."""
MARGIN = 40
LOWEST, HIGHEST = 420, 1000
"""Least and greatest height, so that a row of houses does not become a line."""


def degrees(location: Mapping[str, Any] | None) -> Point | None:
    """Return longitude and latitude of a stored location in degrees, None when there is none."""
    if not location:
        return None
    return location["lon"] / 1e6, location["lat"] / 1e6


@dataclass(frozen=True)
class Plane:
    """How degrees become picture coordinates: ``x`` to the right, ``y`` down."""

    west: float
    north: float
    scale: float
    squeeze: float
    left: float
    top: float
    height: int

    def place(self, point: Point) -> Point:
        """Return where a position lies in the picture, to one decimal."""
        lon, lat = point
        x = self.left + (lon - self.west) * self.squeeze * self.scale
        y = self.top + (self.north - lat) * self.scale
        return round(x, 1), round(y, 1)


def plane_for(points: Iterable[Point]) -> Plane | None:
    """Return the plane in which all of these fit, None for none."""
    some = list(points)
    if not some:
        return None
    west, east = min(x for x, _ in some), max(x for x, _ in some)
    south, north = min(y for _, y in some), max(y for _, y in some)
    squeeze = max(0.05, math.cos(math.radians((south + north) / 2)))
    across = max((east - west) * squeeze, 1e-4)  # at least some ten metres
    down = max(north - south, 1e-4)
    inner = WIDTH - 2 * MARGIN
    scale = min(inner / across, (HIGHEST - 2 * MARGIN) / down)
    height = max(LOWEST, min(HIGHEST, round(down * scale + 2 * MARGIN)))
    left = (WIDTH - (east - west) * squeeze * scale) / 2
    top = (height - (north - south) * scale) / 2
    return Plane(west, north, scale, squeeze, left, top, height)


def size_of(things: int) -> float:
    """Return how large a spot is drawn that stands for so many things."""
    return round(min(22.0, 7 + math.sqrt(things) * 1.4), 1)


def outline(points: Sequence[Point], by: float = 0.0) -> list[Point]:
    """Return the corners of the convex outline around some points, pushed outwards ``by``; a
    square around one or two."""
    corners = _hull(sorted(set(points)))
    if not corners:
        return []
    cx = sum(x for x, _ in corners) / len(corners)
    cy = sum(y for _, y in corners) / len(corners)
    if len(corners) < 3:
        half_x = max(abs(x - cx) for x, _ in corners) + by
        half_y = max(abs(y - cy) for _, y in corners) + by
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return [(round(cx + i * half_x, 1), round(cy + j * half_y, 1)) for i, j in signs]
    pushed = []
    for x, y in corners:
        far = math.hypot(x - cx, y - cy) or 1.0
        pushed.append((round(x + (x - cx) / far * by, 1), round(y + (y - cy) / far * by, 1)))
    return pushed


def _hull(points: Sequence[Point]) -> list[Point]:
    """Return the convex hull of sorted points, counter-clockwise (Andrew's monotone chain)."""
    if len(points) < 3:
        return list(points)
    lower = _chain(points)
    upper = _chain(list(reversed(points)))
    return lower[:-1] + upper[:-1]


def _chain(points: Sequence[Point]) -> list[Point]:
    found: list[Point] = []
    for point in points:
        while len(found) > 1 and _turn(found[-2], found[-1], point) <= 0:
            found.pop()
        found.append(point)
    return found


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
