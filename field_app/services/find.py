"""Finding households and shops by room, name, pinyin, initials or the end of a phone number.

The index lives in memory (``memory_index``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from field_app.domain.doors import (
    Door,
    Query,
    as_heard,
    fit,
    heard,
    natural,
    numbers_of,
    read_query,
    words_of,
)
from field_app.services.memory_index import MemoryIndex, current
from field_app.services.overview import look
from field_app.services.records import children, get_view
from field_app.services.survivors import survivor_of, survivors
from field_app.services.workspace import Workspace

LIMIT = 30
Part = TypeVar("Part")


@dataclass(frozen=True)
class Hit:
    """One door found: what it is called, who lives there, whose name was typed."""

    kind: str
    record_id: str
    title: str
    people: tuple[str, ...]
    matched: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """The best hits, best first, and how many there are in all."""

    hits: tuple[Hit, ...] = ()
    total: int = 0
    by_sound: bool = False
    """Whether nothing is written as it was typed, and these only sound like it."""


class _Shared:
    """What many doors have in common (the compound, a number, a name), held once."""

    def __init__(self) -> None:
        self._parts: dict[Any, Any] = {}
        self._people: dict[str, tuple[str, tuple[str, ...]]] = {}

    def parts(self, given: tuple[Part, ...]) -> tuple[Part, ...]:
        """Return a tuple with each part that an earlier one had too taken from there."""
        return tuple(map(self._parts.setdefault, given, given))

    def person(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return a name with the forms it is found by."""
        found = self._people.get(name)
        if found is None:
            name = self._parts.setdefault(name, name)
            found = self._people[name] = (name, self.parts(words_of(name)))
        return found


class _Index(MemoryIndex):
    def __init__(self) -> None:
        super().__init__()
        self.doors: dict[str, Door] = {}
        self.home_of: dict[str, str] = {}

    def draw_all(self, ws: Workspace) -> None:
        _draw_all(ws, self)

    def touch(self, ws: Workspace, kind: str, record_id: str) -> None:
        _touch(ws, self, kind, record_id)


def find_doors(ws: Workspace, text: str, limit: int = LIMIT) -> Found:
    """Return the households and shops that what was typed fits, best first.

    Every word and number must be found: in the room's label, the compound's name, a member's
    name or a phone. Where none fits, those that sound like it are returned. An empty query finds
    nothing.
    """
    query = read_query(text)
    if not query:
        return Found()
    doors = _doors(ws)
    found = _fitting(query, doors, limit)
    if not found.hits and (spoken := heard(query)):
        return replace(_fitting(spoken, map(as_heard, doors), limit), by_sound=True)
    return found


def _fitting(query: Query, doors: Iterable[Door], limit: int) -> Found:
    fitting = []
    for door in doors:
        found = fit(query, door)
        if found is not None:
            fitting.append((-found.score, door.order, door, found))
    fitting.sort(key=lambda one: one[:2])
    hits = tuple(
        Hit(door.kind, door.record_id, door.title, tuple(name for name, _ in door.people),
            found.persons)
        for _, _, door, found in fitting[:limit]
    )  # fmt: skip
    return Found(hits, len(fitting))


def warm(ws: Workspace) -> int:
    """Build the index if it is not there or behind, and return how many doors it holds.

    A page with a search calls it, so that the first word typed finds the index ready.
    """
    return len(_doors(ws))


def _doors(ws: Workspace) -> list[Door]:
    """Return every door, the index brought up to date first."""
    with current(ws, _Index) as index:
        return list(index.doors.values())


def _touch(ws: Workspace, index: _Index, kind: str, record_id: str) -> None:
    """Draw anew the doors that one changed record shows in."""
    if kind in ("compound", "building"):
        _draw_all(ws, index)
    elif kind == "room":
        _draw(ws, index, (home["record_id"] for home in children(ws, "household", "room_id",
                                                                 record_id)))  # fmt: skip
    elif kind == "resident":
        view = get_view(ws, kind, record_id)
        homes = {index.home_of.get(record_id), view["fields"].get("household_id") if view else None}
        _draw(ws, index, (survivor_of(ws, "household", home) for home in homes if home))
    elif kind == "household":
        _draw(ws, index, [record_id])
    elif kind == "shop":
        view = get_view(ws, kind, record_id)
        index.doors.pop(record_id, None)
        if view is not None and not view["voided"]:
            index.doors[record_id] = _shop_door(view, _Shared())


def _draw_all(ws: Workspace, index: _Index) -> None:
    """Draw every door from scratch, reading each table once."""
    index.doors, index.home_of = {}, {}
    shared = _Shared()
    places = {
        view["record_id"]: view["fields"]
        for kind in ("compound", "building", "room")
        for view in look(ws, kind, lambda one: True)
    }
    members: dict[str, list[Mapping[str, Any]]] = {}
    into = survivors(ws, "household")
    for view in look(ws, "resident"):
        home = view["fields"].get("household_id", "")
        members.setdefault(into.get(home, home), []).append(view)
    for view in look(ws, "household"):
        _put(index, view, members.get(view["record_id"], []), places, shared)
    for view in look(ws, "shop"):
        index.doors[view["record_id"]] = _shop_door(view, shared)


def _draw(ws: Workspace, index: _Index, household_ids: Iterable[str]) -> None:
    """Draw some households anew."""
    shared = _Shared()
    for household_id in set(household_ids):
        index.doors.pop(household_id, None)
        view = get_view(ws, "household", household_id)
        if view is None or view["voided"] or view["merged_into"]:
            continue
        places: dict[str, Mapping[str, Any]] = {}
        wanted = view["fields"].get("room_id")
        for kind, above in (("room", "building_id"), ("building", "compound_id"),
                            ("compound", "")):  # fmt: skip
            found = get_view(ws, kind, wanted) if wanted else None
            if found is None:
                break
            places[wanted] = found["fields"]
            wanted = found["fields"].get(above)
        people = children(ws, "resident", "household_id", household_id)
        _put(index, view, people, places, shared)


def _put(
    index: _Index,
    view: Mapping[str, Any],
    members: Iterable[Mapping[str, Any]],
    places: Mapping[str, Mapping[str, Any]],
    shared: _Shared,
) -> None:
    """Put one household's door into the index."""
    nothing: Mapping[str, Any] = {}
    fields = view["fields"]
    room = places.get(fields.get("room_id", ""), nothing)
    building = places.get(room.get("building_id", ""), nothing)
    compound = places.get(building.get("compound_id", ""), nothing)
    label, name = str(room.get("label") or ""), str(compound.get("name") or "")
    present = [one for one in members if not one["fields"].get("moved_out_at")]
    for one in members:
        index.home_of[one["record_id"]] = view["record_id"]
    phones = [fields.get("phone"), *(one["fields"].get("phone") for one in present)]
    title = " ".join(word for word in (name, label) if word) or str(fields.get("code", ""))
    index.doors[view["record_id"]] = Door(
        kind="household",
        record_id=view["record_id"],
        title=title,
        numbers=shared.parts(numbers_of(label)),
        places=shared.parts(words_of(name, label, str(fields.get("code") or ""))),
        people=tuple(shared.person(str(one["fields"].get("name", ""))) for one in present),
        digits=tuple(_digits(phone) for phone in phones if phone),
        order=shared.parts(natural(title)),
    )


def _shop_door(view: Mapping[str, Any], shared: _Shared) -> Door:
    fields = view["fields"]
    keeper = fields.get("keeper")
    return Door(
        kind="shop",
        record_id=view["record_id"],
        title=str(fields.get("name", "")),
        numbers=shared.parts(numbers_of(str(fields.get("address", "")))),
        places=shared.parts(words_of(fields.get("name"), fields.get("address"))),
        people=(shared.person(keeper),) if keeper else (),
        digits=(_digits(fields["phone"]),) if fields.get("phone") else (),
        order=shared.parts(natural(str(fields.get("name", "")))),
    )


def _digits(phone: str) -> str:
    return "".join(char for char in phone if char.isdigit())
