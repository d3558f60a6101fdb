"""What is compared of records: read with where people live and who lives in a household."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from schemas.likeness.blocks import Facts
from schemas.likeness.homes import Home, read_door, read_home, read_trade
from schemas.likeness.people import Person, read_person
from sync_server.domain.duplicates import is_live
from sync_server.store import duplicates
from sync_server.store.field_counts import survivors

Row = Mapping[Any, Any]


class FactsReader:
    """Reads what is compared, in few queries; what was read once is kept while it lives, but for
    what ``every`` yields: a district has a million records."""

    def __init__(self, connection: sa.Connection, district: str) -> None:
        self._connection = connection
        self._district = district
        self._rows: dict[str, Row] = {}
        self._missing: set[str] = set()
        self._merges = duplicates.any_merged(connection, district)
        self._roots: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}
        self._every_place: dict[str, str] | None = None
        """By room its building, by household its room, once all of them were read."""
        self._everybody: dict[str, list[Person]] | None = None
        """By household its live members, once all of them were read."""

    def every(self, kind: str) -> Iterator[tuple[str, Facts]]:
        """Yield the id of every live record of a kind with what is compared of it."""
        if self._every_place is None:
            self._every_place = self._read_places()
        if kind == "resident":
            yield from self._every_person()
            return
        if kind == "household" and self._everybody is None:
            for _ in self._every_person():
                pass
        for row in duplicates.all_facts(self._connection, self._district, kind):
            yield row["record_id"], self._facts(row)

    def _read_places(self) -> dict[str, str]:
        if self._merges:
            self._roots = survivors(self._connection, self._district)
        return {
            record_id: above
            for kind in ("room", "household")
            for record_id, above in duplicates.all_parents(self._connection, self._district, kind)
        }

    def _every_person(self) -> Iterator[tuple[str, Person]]:
        found: dict[str, list[Person]] = {}
        for row in duplicates.all_facts(self._connection, self._district, "resident"):
            person = self._person(row["fields"], row["grid"])
            found.setdefault(row["parent_id"], []).append(person)
            yield row["record_id"], person
        self._everybody = found

    def take(self, record_ids: Collection[str]) -> None:
        """Read these records, those not read before."""
        wanted = {one for one in record_ids if one} - self._rows.keys() - self._missing
        if not wanted:
            return
        found = duplicates.facts(self._connection, self._district, wanted)
        self._rows |= found
        self._missing |= wanted - found.keys()

    def row(self, record_id: str) -> Row | None:
        """Return a record as read; None when there is none, or it was not asked for."""
        return self._rows.get(record_id)

    def live(self, record_id: str) -> bool:
        """Whether a record that was read counts."""
        row = self._rows.get(record_id)
        return row is not None and is_live(row)

    def root(self, record_id: str) -> str:
        """Return the record that one went into in the end, itself when it was not merged."""
        if not self._merges or not record_id:
            return record_id
        if record_id not in self._roots and self._every_place is None:
            found = duplicates.roots(self._connection, self._district, [record_id])
            self._roots[record_id] = found.get(record_id, record_id)
        return self._roots.get(record_id, record_id)

    def take_around(self, record_ids: Collection[str]) -> None:
        """Read these records with all that comparing them needs."""
        self.take(record_ids)
        rows = [self._rows[one] for one in record_ids if one in self._rows]
        homes = [row["record_id"] for row in rows if row["kind"] == "household"]
        self.take_members(homes)
        self.take_places([row["fields"] for row in rows])

    def take_places(self, stored: Collection[Mapping[str, Any]]) -> None:
        """Read the households and rooms that these fields name."""
        known = self._every_place or {}
        households = {self.root(str(one.get("household_id") or "")) for one in stored}
        self.take(households - known.keys())
        rooms = {self.root(str(one.get("room_id") or "")) for one in stored}
        rooms |= {self._named(one, "room_id") for one in households}
        self.take(rooms - known.keys())

    def take_members(self, households: Collection[str]) -> None:
        """Read who lives in these households."""
        wanted = set(households) - self._members.keys()
        if not wanted:
            return
        found = duplicates.below(self._connection, self._district, "resident", wanted)
        self._members |= {one: found.get(one, []) for one in wanted}
        self.take([one for some in found.values() for one in some])

    def members(self, household_id: str) -> list[str]:
        """Return the live members of a household that were read."""
        return self._members.get(household_id, [])

    def _named(self, record_id: str, name: str) -> str:
        if self._every_place is not None and record_id in self._every_place:
            return self.root(self._every_place[record_id])
        row = self._rows.get(record_id)
        return self.root(str(row["fields"].get(name) or "")) if row else ""

    def of(self, record_id: str) -> Facts:
        """Return what is compared of a record that was read with what is around it."""
        return self._facts(self._rows[record_id])

    def _facts(self, row: Row) -> Facts:
        return self.of_fields(row["kind"], row["fields"], row["grid"], row["record_id"])

    def of_fields(
        self, kind: str, fields: Mapping[str, Any], grid: str = "", record_id: str = ""
    ) -> Facts:
        """Return what is compared of fields, those of a record to be made too."""
        if kind == "resident":
            return self._person(fields, grid)
        if kind == "household":
            return self._home(fields, grid, record_id)
        if kind == "room":
            return read_door({**fields, "building_id": self.root(fields.get("building_id") or "")})
        return read_trade(fields, grid=grid, room=self.root(fields.get("room_id") or ""))

    def _person(self, fields: Mapping[str, Any], grid: str) -> Person:
        home = self.root(str(fields.get("household_id") or ""))
        room = self._named(home, "room_id")
        building = self._named(room, "building_id")
        return read_person(fields, home=home, room=room, building=building, grid=grid)

    def _home(self, fields: Mapping[str, Any], grid: str, record_id: str) -> Home:
        room = self.root(str(fields.get("room_id") or ""))
        building = self._named(room, "building_id")
        people = self._people(record_id)
        return read_home(fields, building=building, grid=grid, people=people, room=room)

    def _people(self, household_id: str) -> list[Person]:
        if self._everybody is not None:
            return self._everybody.get(household_id, [])
        return [
            read_person(row["fields"])
            for one in self.members(household_id)
            if (row := self._rows.get(one)) is not None
        ]
