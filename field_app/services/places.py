"""Going down from compound to building to door, with who lives there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.doors import by_reading, natural
from field_app.services.households import members_of
from field_app.services.overview import look
from field_app.services.records import children, get_view, views
from field_app.services.survivors import survivors
from field_app.services.workspace import Workspace

View = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A compound or building with how many buildings, rooms and households it holds here."""

    view: View
    name: str
    buildings: int = 0
    rooms: int = 0
    households: int = 0


@dataclass(frozen=True)
class DoorLine:
    """A room with its households and the names of who lives in each."""

    view: View
    label: str
    households: tuple[tuple[View, tuple[str, ...]], ...]


@dataclass(frozen=True)
class BuildingFile:
    """A building with its doors, in order."""

    view: View
    compound: View | None
    doors: tuple[DoorLine, ...]


def compounds(ws: Workspace) -> list[Place]:
    """Return the compounds this laptop knows, those with buildings of the own grids first."""
    buildings = look(ws, "building")
    of_room = {view["record_id"]: view["fields"].get("building_id") for view in look(ws, "room")}
    rooms = Counter(of_room.values())
    into = survivors(ws, "room")
    doors = (view["fields"].get("room_id", "") for view in look(ws, "household"))
    homes = Counter(of_room.get(into.get(door, door)) for door in doors)
    inside: dict[str, list[str]] = defaultdict(list)
    for view in buildings:
        inside[view["fields"].get("compound_id", "")].append(view["record_id"])
    found = [
        Place(
            view,
            str(view["fields"].get("name", "")),
            len(inside[view["record_id"]]),
            sum(rooms[one] for one in inside[view["record_id"]]),
            sum(homes[one] for one in inside[view["record_id"]]),
        )
        for view in views(ws, "compound")
    ]
    return sorted(found, key=lambda one: (one.buildings == 0, by_reading(one.name)))


def building_file(ws: Workspace, building_id: str) -> BuildingFile | None:
    """Return a building with its doors, None when this laptop does not hold it."""
    view = get_view(ws, "building", building_id)
    if view is None:
        return None
    doors = [
        DoorLine(room, str(room["fields"].get("label", "")), tuple(_homes(ws, room["record_id"])))
        for room in children(ws, "room", "building_id", building_id)
    ]
    compound = get_view(ws, "compound", view["fields"].get("compound_id") or "")
    return BuildingFile(view, compound, tuple(sorted(doors, key=lambda one: natural(one.label))))


def _homes(ws: Workspace, room_id: str) -> list[tuple[View, tuple[str, ...]]]:
    """Return the households of a room with the names of their present members, the head first."""
    return [
        (home, tuple(str(one.fields.get("name", "")) for one in members_of(ws, home["record_id"])
                     if not one.fields.get("moved_out_at")))
        for home in children(ws, "household", "room_id", room_id)
    ]  # fmt: skip
