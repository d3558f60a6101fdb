"""Drawing coverage: outlines of grids, a spot for every building, or for every compound where there
are too many buildings. Positions are those recorded with the buildings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from schemas.coverage import Mark, worst
from schemas.plane import Plane, Point, degrees, outline, plane_for, size_of
from sync_server.services.places import GRID_LENGTH
from sync_server.store.places_read import Building
from sync_server.store.records_read import by_ids

MOST_BUILDINGS = 300
"""More are drawn compound by compound."""
MOST_NAMES = 45
AROUND = 14.0


@dataclass(frozen=True)
class Placed:
    """A thing with the building and compound it belongs to, and how it stands."""

    building_id: str
    compound_id: str
    mark: Mark


@dataclass(frozen=True)
class Spot:
    """A building or compound: where it is drawn and on earth, how it stands, how many things are
    overdue there."""

    place_id: str
    name: str
    x: float
    y: float
    size: float
    lon: float
    lat: float
    mark: Mark
    overdue: int
    total: int


@dataclass(frozen=True)
class Outline:
    """The outline of a grid around its buildings; ``top`` is where its name stands."""

    code: str
    name: str
    corners: tuple[Point, ...]
    top: Point


@dataclass(frozen=True)
class Drawing:
    """A drawing: its plane, outlines, spots, names of compounds.

    ``by_compound``: spots are compounds; ``unplaced`` is how many places have no position;
    ``earthly``: positions are of the earth, so that a map may lie below.
    """

    plane: Plane
    outlines: tuple[Outline, ...]
    spots: tuple[Spot, ...]
    names: tuple[tuple[str, float, float], ...]
    by_compound: bool
    unplaced: int
    earthly: bool


def draw(
    connection: sa.Connection,
    district: str,
    buildings: Sequence[Building],
    grids: Mapping[str, str],
    placed: Sequence[Placed],
    *,
    by_compound: bool,
) -> Drawing | None:
    """Return the drawing of these buildings with what is placed in them, None when none of them has
    a position. ``grids`` names the grids by code."""
    at = {
        one.building_id: point for one in buildings if (point := degrees(one.location)) is not None
    }
    plane = plane_for(at.values())
    if plane is None:
        return None
    by_compound = by_compound or len(buildings) > MOST_BUILDINGS
    middles = _middles(buildings, at)
    compounds = by_ids(connection, district, set(middles) | {one.compound_id for one in buildings})
    called = {one: str(row["fields"].get("name") or "") for one, row in compounds.items()}
    names = dict(called)
    if not by_compound:
        names |= {
            one.building_id: f"{called.get(one.compound_id, '')} {one.no}".strip()
            for one in buildings
        }
    inside: dict[str, list[Mark]] = defaultdict(list)
    for thing in placed:
        inside[thing.compound_id if by_compound else thing.building_id].append(thing.mark)
    positions = middles if by_compound else at
    spots = tuple(
        _spot(plane, place, names.get(place, ""), positions[place], marks)
        for place, marks in sorted(inside.items())
        if place in positions
    )
    labels = sorted((called.get(one, ""), *plane.place(point)) for one, point in middles.items())
    systems = {one.location["crs"] for one in buildings if one.location}
    return Drawing(
        plane=plane,
        outlines=tuple(_outlines(plane, buildings, at, grids)),
        spots=spots,
        names=tuple(labels) if len(labels) <= MOST_NAMES else (),
        by_compound=by_compound,
        unplaced=sum(1 for place in inside if place not in positions),
        earthly=systems <= {"WGS84", "CGCS2000"},
    )


def _middles(buildings: Sequence[Building], at: Mapping[str, Point]) -> dict[str, Point]:
    """Return the middle of each compound's buildings."""
    inside: dict[str, list[Point]] = defaultdict(list)
    for one in buildings:
        if one.compound_id and one.building_id in at:
            inside[one.compound_id].append(at[one.building_id])
    return {
        compound: (sum(x for x, _ in some) / len(some), sum(y for _, y in some) / len(some))
        for compound, some in inside.items()
    }


def _spot(plane: Plane, place: str, name: str, point: Point, marks: Sequence[Mark]) -> Spot:
    x, y = plane.place(point)
    return Spot(
        place_id=place,
        name=name,
        x=x,
        y=y,
        size=size_of(len(marks)),
        lon=point[0],
        lat=point[1],
        mark=worst(set(marks)),
        overdue=marks.count("overdue"),
        total=len(marks),
    )


def _outlines(
    plane: Plane,
    buildings: Sequence[Building],
    at: Mapping[str, Point],
    grids: Mapping[str, str],
) -> list[Outline]:
    inside: dict[str, list[Point]] = defaultdict(list)
    for one in buildings:
        if one.building_id in at:
            inside[one.grid[:GRID_LENGTH]].append(plane.place(at[one.building_id]))
    found = []
    for code, points in sorted(inside.items()):
        corners = outline(points, by=AROUND)
        top = min(corners, key=lambda point: point[1])
        found.append(Outline(code, grids.get(code, code), tuple(corners), top))
    return found
