"""What is due or overdue in the own grids: households, people in care, patrol points, extinguishers
of shops, checks of Party members; as a list and as a drawing that needs no network
(``schemas/coverage.py``, ``schemas/plane.py``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from field_app.services.areas import area_name
from field_app.services.choices import names
from field_app.services.doubts import last_day
from field_app.services.level_labels import district_fields
from field_app.services.overview import look
from field_app.services.survivors import named, survivors
from field_app.services.today import care_due
from field_app.services.workspace import Workspace
from schemas import party
from schemas.care_contact import MET
from schemas.clock import SHANGHAI, local_day, read_moment
from schemas.codes import code_list
from schemas.coverage import (
    MARKS,
    Limits,
    Mark,
    care_mark,
    extinguisher_mark,
    household_mark,
    limits_of,
    member_mark,
    point_mark,
    worst,
)
from schemas.plane import Plane, Point, degrees, outline, plane_for, size_of

View = Mapping[str, Any]
HOUSEHOLD, CARE, POINT, SHOP, MEMBER = "household", "care", "point", "shop", "member"
SUBJECTS = (CARE, HOUSEHOLD, POINT, SHOP, MEMBER)
FAR = timedelta(days=3650)
LISTED = 200
GRID_DIGITS = 15


@dataclass(frozen=True)
class Item:
    """One thing that is covered or not: ``last`` is the day of the last contact or patrol, of a
    shop the last good day of its extinguisher. A Party member is the entry ``key`` of his
    organisation."""

    record_id: str
    building_id: str
    compound_id: str
    mark: Mark
    last: str
    title: str = ""
    note: str = ""
    key: str = ""


@dataclass(frozen=True)
class Spot:
    """A building or compound in the drawing: where, how it stands, how many are overdue there."""

    record_id: str
    x: float
    y: float
    size: float
    mark: Mark
    name: str
    overdue: int
    total: int


@dataclass(frozen=True)
class Drawing:
    """The drawing: its height (``plane.WIDTH`` wide), the outline of each grid, its spots."""

    height: int
    areas: tuple[tuple[str, str, tuple[Point, ...], Point], ...]
    """Code, name, corners of each grid and where its name stands."""
    spots: tuple[Spot, ...]
    labels: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class Coverage:
    """How one subject stands: counts by mark, the items of the chosen mark, the drawing."""

    subject: str
    shown: str
    counts: Mapping[Mark, int]
    items: tuple[Item, ...]
    left: int
    drawing: Drawing | None
    unplaced: int
    """Buildings (or compounds) without a position, which the drawing lacks."""


def coverage(ws: Workspace, subject: str, shown: str = "", building_id: str = "") -> Coverage:
    """Return how ``subject`` (SUBJECTS) stands; ``shown`` is the mark listed, or ``all``, or empty
    for what presses most; only what lies in a building or compound when ``building_id`` names
    one."""
    day = date.fromisoformat(local_day(ws.now()))
    places = _Places(ws)
    make = {HOUSEHOLD: _households, CARE: _care, POINT: _points, SHOP: _shops, MEMBER: _members}
    limits = limits_here(ws)
    every = make[subject](ws, places, day, limits)
    counts: dict[Mark, int] = dict.fromkeys(MARKS, 0)
    for one in every:
        counts[one.mark] += 1
    shown = shown or next((mark for mark in MARKS[:-1] if counts[mark]), MARKS[0])
    wanted = [
        one
        for one in every
        if shown in ("all", one.mark)
        and (not building_id or building_id in (one.building_id, one.compound_id))
    ]
    wanted.sort(key=lambda one: (one.last, one.record_id))
    # Where a member lives is not known.
    drawing, unplaced = _draw(ws, places, every, subject) if subject != MEMBER else (None, 0)
    listed = tuple(_titled(ws, one, subject) for one in wanted[:LISTED])
    return Coverage(subject, shown, counts, listed, len(wanted) - len(listed), drawing, unplaced)


def limits_here(ws: Workspace) -> Limits:
    """Return the limits of the worker's district, as the centre last sent them."""
    return limits_of(district_fields(ws))


class _Places:
    """The places of the own grids, read once."""

    def __init__(self, ws: Workspace) -> None:
        self.rooms = {view["record_id"]: view["fields"] for view in look(ws, "room")}
        self.buildings = {view["record_id"]: view for view in look(ws, "building")}
        self.compounds = {view["record_id"]: view["fields"] for view in look(ws, "compound")}
        into = survivors(ws, "room")
        self.homes = {
            view["record_id"]: named(view, "room_id", into) for view in look(ws, "household")
        }

    def room_of(self, household_id: str) -> Mapping[str, Any]:
        """Return the fields of a household's room, none where it is not known."""
        found: Mapping[str, Any] = self.rooms.get(self.homes.get(household_id, ""), {})
        return found

    def of_home(self, household_id: str) -> tuple[str, str]:
        """Return building and compound of a household, empty where they are not known."""
        building_id = self.room_of(household_id).get("building_id") or ""
        return building_id, self.compound_of(building_id)

    def compound_of(self, building_id: str) -> str:
        """Return the compound of a building."""
        building = self.buildings.get(building_id)
        return str(building["fields"].get("compound_id") or "") if building else ""


def _households(ws: Workspace, places: _Places, day: date, limits: Limits) -> list[Item]:
    met: dict[str, date] = {}
    into, until = survivors(ws, "household"), date.fromisoformat(last_day(ws))
    for view in look(ws, "visit"):
        fields = view["fields"]
        home = named(view, "household_id", into)
        if home and fields.get("result") in MET:
            on = read_moment(fields["visited_at"]).astimezone(SHANGHAI).date()
            if on > until:
                continue
            met[home] = max(on, met.get(home, on))
    found = []
    for home in places.homes:
        if places.room_of(home).get("state") == "vacant":
            continue
        last = met.get(home)
        mark = household_mark(last, day, limits)
        found.append(Item(home, *places.of_home(home), mark, last.isoformat() if last else ""))
    return found


def _care(ws: Workspace, places: _Places, day: date, limits: Limits) -> list[Item]:
    found = []
    for one in care_due(ws, within=FAR):
        home = one.household_id or ""
        mark = care_mark(date.fromisoformat(one.due), day, limits)
        found.append(Item(home, *places.of_home(home), mark, one.due, note=one.name))
    return found


def _points(ws: Workspace, places: _Places, day: date, limits: Limits) -> list[Item]:
    """Return the points of each own grid: of a compound in two grids, a patrol of either covers
    that grid's part alone."""
    covered: dict[tuple[str, str], date] = {}
    until = date.fromisoformat(last_day(ws))
    for view in look(ws, "patrol"):
        on = read_moment(view["fields"]["started_at"]).astimezone(SHANGHAI).date()
        if on > until:
            continue
        for compound in view["fields"].get("covered_ids") or ():
            point = (_base(view), compound)
            covered[point] = max(on, covered.get(point, on))
    here = {(_base(view), places.compound_of(one)) for one, view in places.buildings.items()}
    several = len({grid for grid, _ in here}) > 1
    found = []
    for grid, compound in sorted(here):
        if compound:
            last = covered.get((grid, compound))
            mark, on_day = point_mark(last, day, limits), last.isoformat() if last else ""
            note = area_name(ws, grid) if several else ""
            found.append(Item(compound, "", compound, mark, on_day, note=note))
    return found


def _shops(ws: Workspace, places: _Places, day: date, limits: Limits) -> list[Item]:
    """Return the shops whose extinguisher's end is known."""
    found = []
    for view in look(ws, "shop"):
        fields = view["fields"]
        until = fields.get("extinguisher_until")
        if until:
            building = str(
                places.rooms.get(fields.get("room_id") or "", {}).get("building_id") or ""
            )
            mark = extinguisher_mark(date.fromisoformat(until), day)
            found.append(
                Item(view["record_id"], building, places.compound_of(building), mark, until,
                     note=str(fields.get("address") or ""))
            )  # fmt: skip
    return found


def _members(ws: Workspace, places: _Places, day: date, limits: Limits) -> list[Item]:
    """Return the Party members to be looked up, of the organisations that are not those of other
    grids' compounds alone."""
    here = {places.compound_of(one) for one in places.buildings} - {""}
    classes = code_list("PARTY_CLASS")
    found = []
    for view in look(ws, "org"):
        covered = view["fields"].get("compound_ids") or ()
        if covered and here.isdisjoint(covered):
            continue
        for one in party.to_check(view["fields"], day.isoformat()):
            last = date.fromisoformat(one.checked_on) if one.checked_on else None
            said = classes.text(one.member_class, ws.lang) if one.member_class else ""
            note = " ".join(word for word in (str(one.member.get("name") or ""), said) if word)
            mark = member_mark(last, day, limits)
            found.append(
                Item(view["record_id"], "", "", mark, one.checked_on, note=note, key=one.key)
            )
    return found


def extinguishers_due(ws: Workspace) -> dict[Mark, int]:
    """Return how many shops of the own grids have an extinguisher that expired, or will soon."""
    day = date.fromisoformat(local_day(ws.now()))
    counts: dict[Mark, int] = dict.fromkeys(MARKS, 0)
    for view in look(ws, "shop"):
        if until := view["fields"].get("extinguisher_until"):
            counts[extinguisher_mark(date.fromisoformat(until), day)] += 1
    return counts


def _base(view: View) -> str:
    return str(view["grid"])[:GRID_DIGITS]


def _titled(ws: Workspace, one: Item, subject: str) -> Item:
    kind = {POINT: "compound", SHOP: "shop", MEMBER: party.ORG}.get(subject, "household")
    title = names(ws)(kind, one.record_id) if one.record_id else None
    return replace(one, title=title or "…")


def _draw(
    ws: Workspace, places: _Places, every: list[Item], subject: str
) -> tuple[Drawing | None, int]:
    """Return the drawing of the own grids' buildings (or compounds), and how many lack a
    position."""
    at = {
        one: point
        for one, view in places.buildings.items()
        if (point := degrees(view["fields"].get("location")))
    }
    plane = plane_for(at.values())
    by_place: dict[str, list[Item]] = defaultdict(list)
    for one in every:
        by_place[one.compound_id if subject == POINT else one.building_id].append(one)
    if plane is None:
        return None, len(by_place)
    positions = _compound_points(places, at) if subject == POINT else at
    spots = tuple(
        _spot(places, plane, place, positions[place], items)
        for place, items in sorted(by_place.items())
        if place in positions
    )
    areas = tuple(_areas(ws, places, plane, at))
    labels = tuple(
        (str((places.compounds.get(one) or {}).get("name") or ""), *plane.place(point))
        for one, point in sorted(_compound_points(places, at).items())
    )
    unplaced = sum(1 for place in by_place if place and place not in positions)
    return Drawing(plane.height, areas, spots, labels if len(labels) <= 60 else ()), unplaced


def _compound_points(places: _Places, at: Mapping[str, Point]) -> dict[str, Point]:
    """Return the middle of each compound's buildings."""
    inside: dict[str, list[Point]] = defaultdict(list)
    for one, point in at.items():
        inside[places.compound_of(one)].append(point)
    return {
        compound: (
            sum(x for x, _ in points) / len(points),
            sum(y for _, y in points) / len(points),
        )
        for compound, points in inside.items()
        if compound
    }


def _spot(places: _Places, plane: Plane, place: str, point: Point, items: list[Item]) -> Spot:
    building = places.buildings.get(place)
    compound = places.compounds.get(places.compound_of(place) if building else place) or {}
    words = [str(compound.get("name") or "")]
    if building:
        words.append(str(building["fields"].get("no") or ""))
    x, y = plane.place(point)
    overdue = sum(one.mark == "overdue" for one in items)
    mark = worst({one.mark for one in items})
    return Spot(place, x, y, size_of(len(items)), mark, " ".join(words), overdue, len(items))


def _areas(
    ws: Workspace, places: _Places, plane: Plane, at: Mapping[str, Point]
) -> list[tuple[str, str, tuple[Point, ...], Point]]:
    named = {
        view["fields"].get("code"): str(view["fields"].get("name") or "")
        for view in look(ws, "area")
    }
    found = []
    for grid in ws.grids:
        inside = [
            plane.place(point)
            for one, point in at.items()
            if places.buildings[one]["grid"].startswith(grid)
        ]
        corners = outline(inside, by=26)
        if corners:
            top = min(corners, key=lambda point: point[1])
            found.append((grid, named.get(grid) or grid, tuple(corners), top))
    return found
