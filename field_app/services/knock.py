"""Knock campaigns (敲门行动) on the laptop: the doors of the grid with what is left to do.

What became of a door is read off the visits that name the campaign, those of colleagues included
as far as they have been pulled; nothing is typed twice (``schemas/knock.py``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from field_app.domain.doors import natural
from field_app.services.overview import is_present, look
from field_app.services.records import get_view
from field_app.services.survivors import named, survivors
from field_app.services.workspace import Workspace
from schemas.clock import local_day, read_moment
from schemas.codes import code_list
from schemas.knock import DONE, LEFT, NOBODY, REFUSED, Progress, door_state

View = Mapping[str, Any]
LEFT_DOORS, ALL = "left", "all"
SHOWN = (LEFT_DOORS, NOBODY, REFUSED, DONE, ALL)
"""What the list of doors can be narrowed to."""
SHOWN_AFTER = timedelta(days=30)
"""How long a campaign is listed after its end."""
NO_UNIT = ""


@dataclass(frozen=True)
class Campaign:
    """A campaign in the own grids: what it says, how it stands, how far it has come here."""

    view: View
    state: str
    """``coming``, ``running`` or ``over``."""
    progress: Progress

    @property
    def record_id(self) -> str:
        """Its id."""
        return str(self.view["record_id"])

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.view["fields"].get("name") or "")

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says."""
        fields: Mapping[str, Any] = self.view["fields"]
        return fields


@dataclass(frozen=True)
class Door:
    """One door: its room, who lives there, its state, when it was last tried and how often."""

    household_id: str
    label: str
    people: tuple[str, ...]
    phone: str
    state: str
    last_at: str
    tries: int


@dataclass(frozen=True)
class Building:
    """A building with its doors by entrance, and how far it has come."""

    record_id: str
    name: str
    progress: Progress
    units: tuple[tuple[str, tuple[Door, ...]], ...] = ()


@dataclass(frozen=True)
class Doors:
    """A campaign's buildings, the chosen one with its doors."""

    campaign: Campaign
    buildings: tuple[Building, ...]
    chosen: Building | None
    shown: str


def campaigns(ws: Workspace) -> list[Campaign]:
    """Return the campaigns of the own grids: running ones first, then coming, then those over."""
    day = local_day(ws.now())
    since = (date.fromisoformat(day) - SHOWN_AFTER).isoformat()
    held = [
        view
        for view in look(ws, "campaign")
        if (view["fields"].get("ends_on") or day) >= since and _here(ws, view)
    ]
    states = _states(ws, {view["record_id"] for view in held})
    homes = _homes(ws)
    found = []
    for view in held:
        counts = Counter(
            door_state(states[view["record_id"]].get(one, ()))
            for one, grid in homes.items()
            if _covers(view, grid)
        )
        found.append(Campaign(view, _state(view, day), Progress(counts)))
    order = ("running", "coming", "over")
    return sorted(found, key=lambda one: (order.index(one.state), one.fields.get("ends_on", "")))


def running(ws: Workspace) -> list[Campaign]:
    """Return the campaigns that run today."""
    if not look(ws, "campaign"):
        return []
    return [one for one in campaigns(ws) if one.state == "running"]


def campaign(ws: Workspace, campaign_id: str) -> Campaign | None:
    """Return one campaign this laptop holds, None when it does not."""
    view = get_view(ws, "campaign", campaign_id)
    if view is None or not _here(ws, view):
        return None
    states = _states(ws, {campaign_id})[campaign_id]
    counts = Counter(
        door_state(states.get(one, ())) for one, grid in _homes(ws).items() if _covers(view, grid)
    )
    return Campaign(view, _state(view, local_day(ws.now())), Progress(counts))


def doors(
    ws: Workspace, campaign_id: str, building_id: str = "", shown: str = LEFT_DOORS
) -> Doors | None:
    """Return a campaign's doors by building and entrance, those of one building in full: the asked
    one, else the first with something left. None when this laptop does not hold the campaign."""
    found = campaign(ws, campaign_id)
    if found is None:
        return None
    shown = shown if shown in SHOWN else LEFT_DOORS
    visits = _states(ws, {campaign_id})[campaign_id]
    rooms = {view["record_id"]: view["fields"] for view in look(ws, "room")}
    into = survivors(ws, "room")
    inside: dict[str, list[tuple[View, Mapping[str, Any]]]] = defaultdict(list)
    for home in look(ws, "household"):
        if _covers(found.view, home["grid"]):
            room = rooms.get(named(home, "room_id", into), {})
            inside[room.get("building_id") or ""].append((home, room))
    buildings = sorted(
        (
            Building(one, _building_name(ws, one), _progress(homes, visits))
            for one, homes in inside.items()
        ),
        key=lambda one: natural(one.name),
    )
    wanted = next((one for one in buildings if one.record_id == building_id), None)
    wanted = wanted or next((one for one in buildings if one.progress.left), None)
    wanted = wanted or next(iter(buildings), None)
    if wanted is None:
        return Doors(found, tuple(buildings), None, shown)
    members = _members(ws, {home["record_id"] for home, _ in inside[wanted.record_id]})
    units: dict[str, list[Door]] = defaultdict(list)
    for home, room in inside[wanted.record_id]:
        door = _door(home, room, visits.get(home["record_id"], []), members)
        if _fits(door, shown):
            units[str(room.get("unit_no") or NO_UNIT)].append(door)
    listed = tuple(
        (unit, tuple(sorted(units[unit], key=lambda one: natural(one.label))))
        for unit in sorted(units, key=natural)
    )
    chosen = Building(wanted.record_id, wanted.name, wanted.progress, listed)
    return Doors(found, tuple(buildings), chosen, shown)


def building_of(ws: Workspace, household_id: str) -> str:
    """Return the building a household lives in, empty when it is not known."""
    home = get_view(ws, "household", household_id)
    room = get_view(ws, "room", home["fields"].get("room_id") or "") if home else None
    return str(room["fields"].get("building_id") or "") if room else ""


def plan_of(ws: Workspace, campaign_id: str) -> dict[str, dict[str, int]]:
    """Return the leaflets a campaign plans for each household, as a visit stores them."""
    view = get_view(ws, "campaign", campaign_id)
    planned = (view["fields"].get("materials") or {}) if view else {}
    return {material: {"qty": int(one["qty"])} for material, one in planned.items()}


def plan_words(ws: Workspace, campaign_id: str) -> str:
    """Return the leaflets a campaign plans for each household in words."""
    codes = code_list("MATERIAL")
    joint = ", " if ws.lang == "en" else "、"
    return joint.join(
        f"{codes.text(material, ws.lang)} × {one['qty']}"
        for material, one in plan_of(ws, campaign_id).items()
    )


def questions_of(ws: Workspace, campaign_id: str) -> dict[str, str]:
    """Return a campaign's questions by their key."""
    view = get_view(ws, "campaign", campaign_id)
    asked = (view["fields"].get("questions") or {}) if view else {}
    return {key: str(one.get("text") or "") for key, one in sorted(asked.items())}


def _here(ws: Workspace, view: View) -> bool:
    return any(_covers(view, grid) for grid in ws.grids)


def _covers(view: View, grid: str) -> bool:
    """Whether a campaign's area holds a grid; a smaller area than a grid is a part of it."""
    return grid.startswith(view["grid"]) or view["grid"].startswith(grid)


def _state(view: View, day: str) -> str:
    fields = view["fields"]
    if (fields.get("starts_on") or "") > day:
        return "coming"
    return "over" if (fields.get("ends_on") or day) < day else "running"


def _homes(ws: Workspace) -> dict[str, str]:
    return {view["record_id"]: view["grid"] for view in look(ws, "household")}


def _states(ws: Workspace, wanted: set[str]) -> dict[str, dict[str, list[tuple[str, str, str]]]]:
    """Return, by campaign and household, the visits as ``door_state`` takes them."""
    found: dict[str, dict[str, list[tuple[str, str, str]]]] = {one: {} for one in wanted}
    into = survivors(ws, "household")

    def linked(view: View) -> bool:
        return is_present(view) and view["fields"].get("campaign_id") in wanted

    for view in look(ws, "visit", linked):
        fields = view["fields"]
        if home := named(view, "household_id", into):
            at = read_moment(fields["visited_at"]).isoformat()
            one = (at, view["record_id"], str(fields.get("result") or ""))
            found[fields["campaign_id"]].setdefault(home, []).append(one)
    return found


def _progress(
    homes: Iterable[tuple[View, Mapping[str, Any]]], visits: Mapping[str, Any]
) -> Progress:
    return Progress(Counter(door_state(visits.get(home["record_id"], ())) for home, _ in homes))


def _door(
    home: View,
    room: Mapping[str, Any],
    visits: list[tuple[str, str, str]],
    members: Mapping[str, tuple[str, ...]],
) -> Door:
    fields = home["fields"]
    return Door(
        household_id=home["record_id"],
        label=str(room.get("label") or fields.get("code") or ""),
        people=members.get(home["record_id"], ()),
        phone=str(fields.get("phone") or ""),
        state=door_state(visits),
        last_at=max((at for at, _, _ in visits), default=""),
        tries=len(visits),
    )


def _members(ws: Workspace, homes: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of who lives in these households, the head first."""
    found: dict[str, list[tuple[bool, str, str]]] = defaultdict(list)
    into = survivors(ws, "household")
    for view in look(ws, "resident"):
        fields = view["fields"]
        home = named(view, "household_id", into)
        if home in homes and not fields.get("moved_out_at"):
            head = fields.get("relation") not in ("01", "02")
            found[home].append((head, str(fields.get("birth") or ""), str(fields.get("name", ""))))
    return {home: tuple(name for _, _, name in sorted(some)) for home, some in found.items()}


def _fits(door: Door, shown: str) -> bool:
    if shown == ALL:
        return True
    return door.state in LEFT if shown == LEFT_DOORS else door.state == shown


def _building_name(ws: Workspace, building_id: str) -> str:
    building = get_view(ws, "building", building_id) if building_id else None
    if building is None:
        return "…"
    compound = get_view(ws, "compound", building["fields"].get("compound_id") or "")
    words = [str(compound["fields"].get("name") or "")] if compound else []
    return " ".join([*words, str(building["fields"].get("no") or "")])
