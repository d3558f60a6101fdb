"""Finding what the rows of a register belong to: compound, building, room, household, resident.

All rows of a run are looked up together, level by level from the top. What is missing is made along
where the plan says so; while a file is only being checked, an id that follows from its key stands
for it.

A record outside the importer's areas does not exist for him. By a number or a name that anybody may
write into a file it is not found; only one that lies elsewhere now although it belongs to a record
of his (a building of his compound that was given away) is told to be outside, and not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.domain import natural_keys as keys
from sync_server.domain.areas import holds
from sync_server.domain.sheets.columns import LOCATORS, MADE_ALONG, PARENT
from sync_server.domain.sheets.completing import household_code, room_label
from sync_server.services.ids import new_id
from sync_server.services.import_reading import Said
from sync_server.store import duplicates, record_keys, records_read

GRID_DIGITS = 15
REFERENCE = {"building": "compound_id", "room": "building_id", "household": "room_id",
             "resident": "household_id", "care": "resident_id"}  # fmt: skip
"""The field by which each kind names what it belongs to."""


@dataclass(frozen=True)
class Found:
    """A record that is there: its id, the area it lies in, what it says, its version."""

    record_id: str
    area: str
    fields: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    through: tuple[str, ...] = ()
    """The merged records whose keys led to it, each with what it went into on the way."""
    known_as: tuple[str, ...] = ()
    """Its id and those of all that went into it, as a file may name it, the likeliest first."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids under which what belongs to it may be kept: no reference is rewritten when
        records are merged."""
        return self.known_as or (self.record_id,)


@dataclass(frozen=True)
class Along:
    """A record to be made because a row needs it; ``keys`` it is known by from then on."""

    kind: str
    record_id: str
    area: str
    fields: dict[str, Any]
    keys: tuple[str, ...]


@dataclass
class Item:
    """One row on its way: what it says and the records above it, by kind."""

    said: Said
    at: dict[str, Found] = field(default_factory=dict)

    def text(self, column: str) -> str:
        """Return what the row says in a column that names something above."""
        return self.said.around.get(column, "")

    @property
    def failed(self) -> bool:
        """Whether something is wrong with it already."""
        return bool(self.said.problems)


class Places:
    """Looks things up by their keys for one run of rows."""

    def __init__(
        self, connection: sa.Connection, district: str, scope: Sequence[str], *, along: bool,
        trial: bool,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._district = district
        self._scope = tuple(scope)
        self._along = along
        self._trial = trial
        self._any_merged = duplicates.any_merged(connection, district)
        self._made: dict[str, list[Found]] = {}
        """What was made along or anew in this run, by key."""
        self._pending: dict[str, Along] = {}
        """What was made along, by id, until a row that is new brings it."""

    def find(self, items: Sequence[Item], kind: str, *, optional: bool = False) -> None:
        """Find the record of ``kind`` that each row names, and those above it on the way.

        A row whose record cannot be told has a problem afterwards; ``optional``: a row that names
        none is left alone.
        """
        some = [one for one in items if not one.failed and kind not in one.at]
        if optional:
            some = [one for one in some if any(one.text(name) for name, _ in LOCATORS[kind])]
        direct = [one for one in some if _direct_key(one, kind)]
        self._take(direct, kind, lambda one: [_direct_key(one, kind)], below=False)
        rest = [one for one in some if not _direct_key(one, kind)]
        if kind == "compound":
            self._compounds(rest)
            return
        if rest:
            self.find(rest, PARENT[kind])
            below = [one for one in rest if not one.failed]
            for one in below:
                if not _has_own_name(one, kind):
                    self._unnamed(one, kind)
            below = [one for one in below if not one.failed]
            if kind == "household":
                self._households(below)
            else:
                self._take(below, kind, lambda one: _keys_below(one, kind), below=True)

    def is_mine(self, kind: str, found: Found) -> bool:
        """Whether a record of ``kind`` lies in the importer's areas."""
        return holds(self._scope, found.area, kind_of(kind).info.reach)

    def standing(self, kind: str, record_id: str) -> Found | None:
        """Return a record of the importer's areas as it stands now; None when it is void, merged,
        or lies elsewhere."""
        rows = records_read.told_by_ids(self._connection, self._district, [record_id])
        row = rows.get(record_id)
        if row is None or row["voided"] or row["merged_into"]:
            return None
        found = Found(record_id, row["grid"], row["fields"], row["version"])
        return found if self.is_mine(kind, found) else None

    def lookup(self, kind: str, wanted: Collection[str], *, below: bool) -> dict[str, list[Found]]:
        """Return the records of ``kind`` in the importer's areas that are known by each of these
        keys, merged ones by their survivors.

        ``below``: the keys are of what belongs to records of his; where such a key leads out of his
        areas alone, what lies there is returned, to be refused.
        """
        held = record_keys.holders(self._connection, self._district, wanted)
        ids = {one for some in held.values() for one in some}
        into, members = self._merged(ids)
        standing = {into[one][-1] if one in into else one for one in ids}
        rows = records_read.told_by_ids(self._connection, self._district, standing)
        found: dict[str, list[Found]] = {}
        for key in wanted:
            led: dict[str, list[str]] = {}
            for record_id in held.get(key, ()):
                *on_the_way, last = [record_id, *into.get(record_id, [])]
                led.setdefault(last, []).extend(on_the_way)
            mine: dict[str, Found] = {}
            for last, through in led.items():
                row = rows.get(last)
                if row is None or row["voided"] or row["merged_into"]:
                    continue
                first = [last] if last in held[key] else []
                mine[last] = Found(
                    last, row["grid"], row["fields"], row["version"],
                    tuple(dict.fromkeys(through)),
                    tuple(dict.fromkeys([*first, *through, last, *members.get(last, ())])),
                )  # fmt: skip
            hits = [one for one in mine.values() if self.is_mine(kind, one)]
            hits += self._made.get(key, ())
            found[key] = hits or (list(mine.values()) if below else [])
        return found

    def _merged(self, ids: Collection[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return what each of these went into, one after the other, and by the record that stands
        all that went into it."""
        if not self._any_merged:
            return {}, {}
        into = duplicates.chains(self._connection, self._district, ids)
        standing = {into[one][-1] if one in into else one for one in ids}
        members: dict[str, list[str]] = {}
        gathered = duplicates.gathered(self._connection, self._district, standing)
        for one, last in sorted(gathered.items()):
            members.setdefault(last, []).append(one)
        return into, members

    def made(self, kind: str, record_id: str, area: str, fields: dict[str, Any]) -> None:
        """Know a record that a row of this run makes, for the rows after it."""
        for key in keys.keys_of(kind, fields):
            self._made.setdefault(key, []).append(Found(record_id, area, fields))

    def bring(self, record_id: str) -> list[Along]:
        """Return what a new row below this record has to bring along, the uppermost first: what was
        made along and no row before it has brought."""
        found: list[Along] = []
        while (one := self._pending.pop(record_id, None)) is not None:
            found.append(one)
            record_id = str(one.fields[REFERENCE[one.kind]])
        return found[::-1]

    def _compounds(self, items: Sequence[Item]) -> None:
        for one in items:
            if not one.text("compound.name"):
                one.said.wrong("compound.name", "parent_empty", what=_words("compound"))
        named = [one for one in items if not one.failed]
        self._take(named, "compound", _compound_keys, below=False)

    def _take(
        self, items: Sequence[Item], kind: str, keys_for: Callable[[Item], list[str]], *,
        below: bool,
    ) -> None:  # fmt: skip
        """Give each row the one record its first answering key leads to."""
        wanted = {id(one): keys_for(one) for one in items}
        found = self.lookup(kind, {key for some in wanted.values() for key in some}, below=below)
        for one in items:
            hits: list[Found] = []
            for key in wanted[id(one)]:
                # What a row before it made is known by now, though it is in no index yet.
                hits = found[key] or self._made.get(key, [])
                if hits:
                    break
            if len(hits) == 1:
                self._put(one, kind, hits[0])
            elif hits:
                one.said.wrong(
                    _first_column(one, kind), "parent_several", what=_words(kind),
                    value=_name_of(one, kind),
                )  # fmt: skip
            else:
                self._make(one, kind)

    def _put(self, one: Item, kind: str, found: Found) -> None:
        """Let a row belong to this record, or say that it lies elsewhere, without telling where."""
        if self.is_mine(kind, found):
            one.at[kind] = found
        else:
            one.said.wrong(_first_column(one, kind), "outside", value=_name_of(one, kind))

    def _households(self, items: Sequence[Item]) -> None:
        """The household of a room: by its head where several live there, or none is known yet."""
        rooms = {keys.household_in(room) for one in items for room in one.at["room"].ids}
        in_room = self.lookup("household", rooms, below=True)
        asked = set()
        for one in items:
            head = one.text("household.head")
            for found in _in(one, in_room):
                asked |= set(members_called(found, head)) if head else set()
            asked |= set(_along_keys(one))
        heads = self.lookup("resident", asked, below=True)
        unknown = {home for some in in_room.values() for found in some for home in found.ids}
        peopled = self._peopled(unknown)
        for one in items:
            here = _in(one, in_room)
            head = one.text("household.head")
            known: Sequence[Found] = next(
                (some for key in _along_keys(one) if (some := heads[key] or self._made.get(key))),
                [],
            )  # made by a row before it perhaps, since it was looked up
            if not known and head:
                known = [
                    found for found in here
                    if any(heads[key] for key in members_called(found, head))
                ] or [found for found in here if peopled.isdisjoint(found.ids)]  # fmt: skip
            elif not known:
                known = here
            if len(known) == 1:
                self._put(one, "household", known[0])
            elif known:
                one.said.wrong(
                    "household.head", "parent_several", what=_words("household"),
                    value=head or one.at["room"].fields.get("label", ""),
                )  # fmt: skip
            else:
                self._make(one, "household")

    def _peopled(self, household_ids: Collection[str]) -> set[str]:
        found = records_read.children_of(
            self._connection, self._district, "resident", list(household_ids)
        )
        return {one for one, people in found.items() if people}

    def _unnamed(self, one: Item, kind: str) -> None:
        one.said.wrong(LOCATORS[kind][0][0], "parent_empty", what=_words(kind))

    def _make(self, one: Item, kind: str) -> None:
        """Make a missing record along with the row, or say that it is missing."""
        fields = self._fields_of(one, kind) if self._along and kind in MADE_ALONG else None
        if fields is None:
            one.said.wrong(
                _first_column(one, kind), "parent_missing", what=_words(kind),
                value=_name_of(one, kind),
            )  # fmt: skip
            return
        area = one.said.area if kind == "building" else one.at[PARENT[kind]].area
        if kind == "building" and len(area) < GRID_DIGITS:
            one.said.wrong("grid", "area_missing")
            return
        known_by = keys.keys_of(kind, fields)
        record_id = trial_id(known_by[0]) if self._trial else new_id()
        self._pending[record_id] = Along(kind, record_id, area, fields, tuple(known_by))
        one.at[kind] = Found(record_id, area, fields)
        for key in known_by:
            self._made.setdefault(key, []).append(one.at[kind])

    def _fields_of(self, one: Item, kind: str) -> dict[str, Any] | None:
        """Return the fields of a record that is made along; None when the row says too little."""
        if kind == "building":
            compound, no = one.at.get("compound"), one.text("building.no")
            return {"compound_id": compound.record_id, "no": no} if compound and no else None
        if kind == "room":
            building = one.at.get("building")
            no, label = one.text("room.no"), one.text("room.label")
            if building is None or not (no or label):
                return None
            unit = one.text("room.unit_no")
            full = label or room_label(str(building.fields.get("no") or ""), unit, no)
            fields = {"building_id": building.record_id, "no": no or label[-20:], "label": full,
                      "state": "unknown"}  # fmt: skip
            return fields | ({"unit_no": keys.plain_no(unit)} if unit else {})
        room = one.at.get("room")
        if room is None or one.text("household.code"):
            return None
        code = household_code(room.record_id, one.text("household.head"))
        return {"code": code, "room_id": room.record_id, "kind": "family"}


def trial_id(key: str) -> str:
    """Return the id that stands for a record which is not made yet, from one of its keys."""
    return "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))


def _words(kind: str) -> list[str]:
    label = kind_of(kind).info.label
    return [label.zh, label.en.lower()]


def _direct_key(one: Item, kind: str) -> str:
    """Return the key of a record the row names by a number of its own; empty when it does not."""
    if kind == "household" and one.text("household.code"):
        return keys.household_by_code(one.text("household.code"))
    if kind == "resident" and one.text("resident.id_no"):
        return keys.resident_numbered(one.text("resident.id_no"))
    if kind == "compound" and one.text("compound.code"):
        return keys.compound_by_code(one.text("compound.code"))
    return ""


def _compound_keys(one: Item) -> list[str]:
    name, area = one.text("compound.name"), one.said.area
    if len(area) >= 12:
        return [keys.compound_in(area[:12], name)]
    return [keys.compound_called(name)]


def _has_own_name(one: Item, kind: str) -> bool:
    if kind == "building":
        return bool(one.text("building.no"))
    if kind == "room":
        return bool(one.text("room.no") or one.text("room.label"))
    if kind == "resident":
        return bool(one.text("resident.name"))
    return True


def _keys_below(one: Item, kind: str) -> list[str]:
    if kind == "building":
        return [keys.building_in(one.at["compound"].record_id, one.text("building.no"))]
    if kind == "resident":
        return members_called(one.at["household"], one.text("resident.name"))
    building = one.at["building"].record_id
    found = []
    if one.text("room.no"):
        found.append(keys.room_in(building, one.text("room.unit_no"), one.text("room.no")))
    if one.text("room.label"):
        found.append(keys.room_labelled(building, one.text("room.label")))
    return found


def _along_keys(one: Item) -> list[str]:
    """The number a household gets that comes without one tells it again by room and head."""
    head = one.text("household.head")
    return [keys.household_by_code(household_code(room, head)) for room in one.at["room"].ids]


def _in(one: Item, in_room: Mapping[str, Sequence[Found]]) -> list[Found]:
    """Return the households of a row's room."""
    some = [found for room in one.at["room"].ids for found in in_room[keys.household_in(room)]]
    return list({found.record_id: found for found in some}.values())


def members_called(household: Found, name: str) -> list[str]:
    """Return the keys of a household's members of this name, also of those who came to it with a
    household that went into it."""
    return [keys.resident_in(one, name) for one in household.ids]


def _first_column(one: Item, kind: str) -> str:
    named = [name for name, _ in LOCATORS[kind] if one.text(name)]
    return named[0] if named else LOCATORS[kind][0][0]


def _name_of(one: Item, kind: str) -> str:
    return " ".join(text for name, _ in LOCATORS[kind] if (text := one.text(name)))
