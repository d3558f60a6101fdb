"""How compounds and bungalow areas lie in the grids, and the buildings and rooms they have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from sync_server.domain.world.areas import Tile, grid_tile
from sync_server.domain.world.duty import duty_days, moment
from sync_server.domain.world.seeds import Seed, apportion
from sync_server.domain.world.shape import CommunityPlan, CompoundPlan
from sync_server.domain.world.staff import PERSONA_GRID

PERSONA_HOUSEHOLDS = 362
"""The scripted grid has the average size, so that its day is an average day."""
GRIDS_OF_LARGER = 2
LEAST_HOUSEHOLDS = 8
SIZE_SIGMA = 0.9
FLATS_OLD, FLATS_NEW = 2, 4
ENTRANCES_OLD, FLOORS_OLD = 3, 6
NEW_FLOORS = (18, 33)
LANE_DOORS = 16
SURVEY_FROM, SURVEY_TO = 212, 92
"""Days before today between which every door was first registered."""


@dataclass(slots=True, eq=False)
class Room:
    """A flat or a door; ``state`` is decided when households are dealt."""

    building: Building
    unit: int | None
    no: str
    floor: int
    record_id: str = ""
    state: str = "vacant"
    occupied: bool = False
    seen_at: datetime = datetime.min

    @property
    def label(self) -> str:
        """Return the full label within the compound: 3-1-502, or 2巷15号."""
        if self.unit is None:
            return f"{self.building.no}{self.no}"
        return f"{self.building.no}-{self.unit}-{self.no}"


@dataclass(slots=True, eq=False)
class Building:
    """A building or lane; it lies in one grid and so joins compound and grid."""

    site: Site
    grid: str
    no: str
    floors: int
    entrances: int
    tile: Tile
    rooms: list[Room] = field(default_factory=list)
    record_id: str = ""


@dataclass(slots=True, eq=False)
class Site:
    """A compound, or a bungalow area when it has no plan."""

    no: int
    plan: CompoundPlan | None
    parts: list[tuple[int, int]] = field(default_factory=list)
    """Grid number and households there."""
    buildings: list[Building] = field(default_factory=list)
    record_id: str = ""
    name: str = ""
    address: str = ""

    @property
    def households(self) -> int:
        """Return how many households it has."""
        return sum(count for _, count in self.parts)

    @property
    def style(self) -> str:
        """Return how it is built: new, old or bungalow."""
        if self.plan is None:
            return "bungalow"
        return "new" if self.plan.type_ty4 == "residential" else "old"


def lay_out(seed: Seed, plan: CommunityPlan, today: date) -> list[Site]:
    """Return the community's sites with buildings and rooms, rooms marked occupied or not."""
    rng = seed.stream("sites", plan.code)
    sites = _sites(rng, plan)
    parts = [(site, grid, count) for site in sites for grid, count in site.parts]
    spare = apportion(plan.rooms - plan.households, [count for _, _, count in parts])
    per_grid = {no: [s for s, grid, _ in parts if grid == no] for no in range(1, plan.grids + 1)}
    for (site, grid, count), empty in zip(parts, spare, strict=True):
        _build(rng, plan, site, grid, count + empty, per_grid[grid])
    for site, grid, count in parts:
        code = plan.grid_code(grid)
        rooms = [r for b in site.buildings if b.grid == code for r in b.rooms]
        for room in rng.sample(rooms, count):
            room.occupied = True
    _register(seed, plan, sites, today)
    return sites


def _sites(rng: Random, plan: CommunityPlan) -> list[Site]:
    """Deal households to grids and sites: equal ones first, then mixed grids, larger ones last."""
    targets = _grid_targets(rng, plan)
    compounds = [Site(one.no, one) for one in plan.compounds]
    bungalows = [Site(plan.first_bungalow + i, None) for i in range(plan.bungalows)]
    first, last = 1, plan.grids
    for site in compounds:
        case = site.plan.case if site.plan else ""
        if case == "equal":
            site.parts = [(first, targets[first])]
            first += 1
        elif case == "compound_larger":
            own = range(last - GRIDS_OF_LARGER + 1, last + 1)
            site.parts = [(no, targets[no]) for no in own]
            last -= GRIDS_OF_LARGER
    mixed = list(range(first, last + 1))
    smaller = [s for s in compounds if not s.parts]
    weights = [rng.uniform(0.7, 1.3) for _ in bungalows]
    for i, (site, count) in enumerate(
        zip(bungalows, apportion(plan.bungalow_households, weights), strict=True)
    ):
        site.parts = [(mixed[i % len(mixed)], count)]
        targets[mixed[i % len(mixed)]] -= count
    for i, no in enumerate(mixed):
        here = smaller[i :: len(mixed)]
        weights = [math.exp(rng.gauss(0, SIZE_SIGMA)) for _ in here]
        free = targets[no] - LEAST_HOUSEHOLDS * len(here)
        for site, more in zip(here, apportion(free, weights), strict=True):
            site.parts = [(no, LEAST_HOUSEHOLDS + more)]
    return compounds + bungalows


def _grid_targets(rng: Random, plan: CommunityPlan) -> dict[int, int]:
    fixed = {
        no: PERSONA_HOUSEHOLDS
        for no in range(1, plan.grids + 1)
        if plan.grid_code(no) == PERSONA_GRID
    }
    others = [no for no in range(1, plan.grids + 1) if no not in fixed]
    weights = [rng.uniform(0.9, 1.1) for _ in others]
    shares = apportion(plan.households - sum(fixed.values()), weights)
    return fixed | dict(zip(others, shares, strict=True))


def _build(
    rng: Random, plan: CommunityPlan, site: Site, grid: int, rooms: int, neighbours: list[Site]
) -> None:
    """Put up the buildings of a site in one grid for exactly ``rooms`` rooms."""
    columns = math.ceil(math.sqrt(len(neighbours)))
    tile = grid_tile(plan, grid).part(neighbours.index(site), columns, columns)
    sizes = {"new": _new_sizes, "old": _old_sizes, "bungalow": _lane_sizes}[site.style](rng, rooms)
    for size in sizes:
        number = len(site.buildings) + 1
        no = f"{number}巷" if site.style == "bungalow" else str(number)
        flats = {"new": FLATS_NEW, "old": FLATS_OLD, "bungalow": size}[site.style]
        entrances = _entrances(site.style, size)
        floors = math.ceil(size / (entrances * flats))
        building = Building(site, plan.grid_code(grid), no, floors, entrances, tile)
        building.rooms = list(_rooms(building, size, flats))
        site.buildings.append(building)


def _old_sizes(rng: Random, rooms: int) -> list[int]:
    count = math.ceil(rooms / (ENTRANCES_OLD * FLOORS_OLD * FLATS_OLD))
    return apportion(rooms, [1] * count)


def _new_sizes(rng: Random, rooms: int) -> list[int]:
    most = NEW_FLOORS[1] * FLATS_NEW * 2
    count = max(1, round(rooms / (rng.randint(*NEW_FLOORS) * FLATS_NEW * rng.randint(1, 2))))
    return apportion(rooms, [1] * max(count, math.ceil(rooms / most)))


def _lane_sizes(rng: Random, rooms: int) -> list[int]:
    count = max(1, round(rooms / LANE_DOORS))
    return apportion(rooms, [rng.uniform(0.7, 1.3) for _ in range(count)])


def _entrances(style: str, rooms: int) -> int:
    if style == "new":
        return 1 if rooms <= NEW_FLOORS[1] * FLATS_NEW else 2
    if style == "old":
        return math.ceil(rooms / (FLOORS_OLD * FLATS_OLD))
    return 1


def _rooms(building: Building, count: int, flats: int) -> Iterator[Room]:
    """Yield ``count`` rooms, entrance by entrance; the last floor may have fewer flats."""
    if building.site.style == "bungalow":
        for door in range(1, count + 1):
            yield Room(building, None, f"{door}号", 1)
        return
    for unit, here in enumerate(apportion(count, [1] * building.entrances), 1):
        for n in range(here):
            floor, flat = n // flats + 1, n % flats + 1
            yield Room(building, unit, f"{floor}{flat:02d}", floor)


def _register(seed: Seed, plan: CommunityPlan, sites: list[Site], today: date) -> None:
    """Give everything its id and rooms the moment of their first registration."""
    days = duty_days(today - timedelta(days=SURVEY_FROM), today - timedelta(days=SURVEY_TO))
    founded = moment(today - timedelta(days=SURVEY_FROM + 10), 10 * 60)
    site_ids, building_ids = seed.ids("site", plan.code), seed.ids("building", plan.code)
    room_ids = seed.ids("room", plan.code)
    by_grid: dict[str, list[Room]] = {}
    for site in sites:
        site.record_id = site_ids.at(founded + timedelta(minutes=site.no))
        for building in site.buildings:
            by_grid.setdefault(building.grid, []).extend(building.rooms)
    for rooms in by_grid.values():
        for n, room in enumerate(rooms):
            day, part = divmod(n * len(days) / len(rooms), 1)
            room.seen_at = moment(days[int(day)], 9 * 60 + part * 500)
            room.record_id = room_ids.at(room.seen_at)
    for site in sites:
        for building in site.buildings:
            building.record_id = building_ids.at(building.rooms[0].seen_at - timedelta(minutes=5))
