"""The compound file (一小区一档案): all that is known of one compound, on one page, to be printed.

Personal values are masked as everywhere; whoever may unmask gives a reason, which is written down.
What lies outside the person's areas is neither counted nor named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import local_day
from schemas.codes import code_list
from schemas.fields import Keyed
from schemas.kinds.compound import three_none
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.overlap import Lie, lies
from sync_server.services.accounts import User, require_records
from sync_server.services.care_standing import risk_of
from sync_server.services.compound_checks import Standing, standing
from sync_server.services.compound_people import (
    COMPOUND,
    CompoundPeople,
    Group,
    Role,
    TagSince,
    by_number,
)
from sync_server.services.history import Entry, read_history
from sync_server.services.photo_pages import ShownPhoto, photos_of
from sync_server.services.places import names_for
from sync_server.services.record_page import Shown, Table, shown_fields, shown_tables, unmasked
from sync_server.services.small_cells import HiddenCare, of_lists
from sync_server.services.titles import Titles, references
from sync_server.store import base_read, care_read, records_read
from sync_server.store.duplicates import gathered
from sync_server.store.engine import Store
from sync_server.store.records_read import Row

DAYS = 90
"""How far back patrols and visits are told."""
PATROLS_SHOWN, VISITS_SHOWN, ISSUES_SHOWN, CHANGES_SHOWN = 10, 10, 50, 20
IN_OTHER_PLACES = frozenset({"overlap", "tag", "tag_from"})
"""Fields that the file says in words of its own."""
LISTS = ("problems", "sites")


@dataclass(frozen=True)
class BuildingLine:
    """One building with what is in it."""

    record_id: str
    no: str
    grid: str
    floors: str
    entrances: str
    rooms: int
    households: int
    people: int
    care: int


@dataclass(frozen=True)
class IssueLine:
    """One problem of the compound."""

    issue_id: str
    title: str
    no: str
    category: str
    level: str
    state: str
    at: datetime
    over: bool


@dataclass(frozen=True)
class Done:
    """A patrol or visit: when, by whom, in words."""

    record_id: str
    kind: str
    at: datetime
    by: str
    words: str


@dataclass(frozen=True)
class Counts:
    """What is in the compound, as far as it lies in the person's areas."""

    buildings: int
    rooms: int
    rooms_by_state: tuple[tuple[str, int], ...]
    households: int
    people: int
    tenants: int
    care: int
    care_by_risk: tuple[tuple[str, int], ...]
    shops: int
    paper: HiddenCare
    """Which counts of care are not printed: the sum, of list 0 by risk, of list 1 by building."""


@dataclass(frozen=True)
class CompoundFile:
    """Everything the file of a compound shows; ``since`` is from when patrols and visits count."""

    row: Row
    opens: bool
    """Whether the person may open its record and history."""
    title: str
    area: str
    overlap: str
    stored_overlap: str
    """What the record says of the overlap, where that is something else."""
    grids: tuple[tuple[str, str, int], ...]
    """Its grids: code, name, buildings of it there."""
    elsewhere: int
    """How many buildings lie outside the person's areas."""
    three_none: bool
    fields: tuple[Shown, ...]
    tag: str
    """Today's tag in words, empty for none."""
    tags: tuple[TagSince, ...]
    tables: tuple[Table, ...]
    """Its problem list and its sites."""
    counts: Counts
    buildings: tuple[BuildingLine, ...]
    roles: tuple[Role, ...]
    linked: tuple[Role, ...]
    groups: tuple[Group, ...]
    issues: tuple[IssueLine, ...]
    issues_total: int
    issues_open: int
    by_category: tuple[tuple[str, int], ...]
    photos: tuple[ShownPhoto, ...]
    since: str
    patrols: tuple[Done, ...]
    patrols_total: int
    visits: tuple[Done, ...]
    visits_total: int
    visited: int
    """How many of its households somebody visited and met."""
    standing: Standing
    history: tuple[Entry, ...]
    changes: int
    unmasked: bool
    hides: bool
    may_unmask: bool


def open_file(
    connection: sa.Connection, person: User, record_id: str, now: datetime, lang: str
) -> CompoundFile:
    """Return a compound's file, masked.

    Raises Refusal: not_allowed for a role without records; unknown_record for none, or one outside
    the person's areas.
    """
    row = _find(connection, person, record_id)
    return _Filing(connection, person, row, now, lang, unmask=False).file()


def unmask_file(
    store: Store, person: User, record_id: str, reason: str, now: datetime, lang: str
) -> CompoundFile:
    """Return a compound's file unmasked, after writing down who looked and why.

    Raises Refusal as ``open_file``, and reason_needed.
    """
    return unmasked(
        store, person, reason, now,
        lambda connection: _find(connection, person, record_id),
        lambda connection, row: _Filing(connection, person, row, now, lang, unmask=True).file(),
        page="file",
    )  # fmt: skip


def _find(connection: sa.Connection, person: User, record_id: str) -> Row:
    """Return a compound of the person's areas, or one around a grid of his with buildings there."""
    require_records(person)
    row = records_read.get(connection, person.district, record_id)
    if row is None or row["kind"] != COMPOUND:
        raise Refusal("unknown_record")
    buildings = base_read.whole_under(connection, person.district, "building", record_id)
    areas = [row["grid"], *(one["grid"] for one in buildings)]
    if not any(inside(area, person.scope_codes) for area in areas):
        raise Refusal("unknown_record")
    return row


class _Filing:
    """Gathers one file: what hangs below is read level by level, never more than once."""

    def __init__(
        self, connection: sa.Connection, person: User, row: Row, now: datetime, lang: str, *,
        unmask: bool,
    ) -> None:  # fmt: skip
        self.connection, self.person, self.row = connection, person, row
        self.district, self.lang, self.unmask = person.district, lang, unmask
        self.now, self.today = now, local_day(now)
        self.since = now - timedelta(days=DAYS)
        self.titles = Titles(connection, person, lang, unmask=unmask)

    def file(self) -> CompoundFile:
        """Return the file."""
        row, stored, record_id = self.row, self.row["fields"], self.row["record_id"]
        kind = kind_of(COMPOUND)
        every = base_read.whole_under(self.connection, self.district, "building", record_id)
        buildings = [one for one in every if inside(one["grid"], self.person.scope_codes)]
        lie = self._lie([one["grid"] for one in every])
        grids = tuple(code for code in lie.grids if inside(code, self.person.scope_codes))
        names = names_for(self.connection, self.district, {row["grid"], *grids})
        self.titles.preload(references(kind, stored))
        lines, counts, households = self._inside(buildings, names, grids)
        fields = tuple(
            one
            for name, one in zip(
                (name for name, declared in kind.declared().items()
                 if not isinstance(declared, Keyed)),
                shown_fields(kind, stored, self.lang, self.titles, self.unmask),
                strict=True,
            )
            if name not in IN_OTHER_PLACES
        )  # fmt: skip
        listed = {name: stored[name] for name in LISTS if stored.get(name)}
        tables = tuple(shown_tables(kind, listed, self.lang, self.titles, self.unmask))
        issues = base_read.issues_at(
            self.connection, self.district, record_id, [one["record_id"] for one in buildings],
            self.person.scope_codes,
        )  # fmt: skip
        lay_in = self._lay_in(grids, [*(one["record_id"] for one in every), *households])
        patrols, visits = self._patrols(lay_in), self._visits(lay_in, households)
        history = read_history(
            self.connection, self.person, kind, record_id, self.titles, self.lang,
            unmask=self.unmask,
        )  # fmt: skip
        categories = code_list("ISSUE_CAT")
        by_category = Counter(one["category"] for one in issues)
        met = {visit["household_id"] for visit in visits if visit["result"] == "met"}
        people = CompoundPeople(
            self.connection, self.person, row, self.titles, self.today, self.lang,
            unmask=self.unmask,
        )  # fmt: skip
        roles, linked = tuple(people.roles(buildings)), tuple(people.linked())
        groups = tuple(people.groups())
        overlap = code_list("OVERLAP")
        said = str(stored.get("overlap") or "")
        return CompoundFile(
            row=row,
            opens=inside(row["grid"], self.person.scope_codes),
            title=self.titles.title(COMPOUND, stored) or f"…{record_id[-6:]}",
            area=names[row["grid"]],
            overlap=overlap.text(lie.case, self.lang) if lie.case else "",
            stored_overlap=overlap.text(said, self.lang) if said and said != lie.case else "",
            grids=tuple((code, names[code], lie.grids[code]) for code in grids),
            elsewhere=len(every) - len(buildings),
            three_none=three_none(stored),
            fields=fields,
            tag=kind.declared()["tag"].show(stored.get("tag"), self.lang),
            tags=tuple(people.tags()),
            tables=tables,
            counts=counts,
            buildings=lines,
            roles=roles,
            linked=linked,
            groups=groups,
            issues=tuple(self._issues(issues[:ISSUES_SHOWN])),
            issues_total=len(issues),
            issues_open=sum(not one["over"] for one in issues),
            by_category=tuple(
                (categories.text(code, self.lang), count)
                for code, count in by_category.most_common()
            ),
            photos=photos_of(self.connection, self.district, COMPOUND, record_id, self.lang),
            since=local_day(self.since),
            patrols=tuple(self._told_patrols(patrols[:PATROLS_SHOWN])),
            patrols_total=len(patrols),
            visits=tuple(self._told_visits(visits[:VISITS_SHOWN])),
            visits_total=len(visits),
            visited=len(met),
            standing=standing(self.connection, self.person, row, self.now, self.lang),
            history=history.entries[:CHANGES_SHOWN],
            changes=len(history.entries),
            unmasked=self.unmask,
            hides=people.masked
            or any(one.masked for one in fields)
            or any(cell.masked for table in tables for _, cells in table.rows for cell in cells),
            may_unmask=may(self.person.role, "unmask"),
        )

    def _lay_in(self, grids: Iterable[str], record_ids: Collection[str]) -> list[str]:
        """Return ``grids`` and those where these records lay before: field work stays where it was
        done when grids are redrawn."""
        lay_in = care_read.lying(self.connection, self.district, record_ids).grids
        return sorted({*grids, *(one for one in lay_in if inside(one, self.person.scope_codes))})

    def _lie(self, areas: Iterable[str]) -> Lie:
        """Return where the compound lies among the others of its grids."""
        record_id = self.row["record_id"]
        own = lies((record_id, area) for area in areas).get(record_id)
        if own is None or not own.grids:
            return Lie({})
        around = base_read.building_places(self.connection, self.district, tuple(own.grids))
        mine = ((record_id, code) for code, count in own.grids.items() for _ in range(count))
        others = (pair for pair in around if pair[0] != record_id)
        return lies([*mine, *others])[record_id]

    def _inside(
        self, buildings: Sequence[Row], names: Mapping[str, str], grids: Sequence[str]
    ) -> tuple[tuple[BuildingLine, ...], Counts, set[str]]:
        """Return the buildings with what is in them, the sums, and the ids of the households."""
        connection, district = self.connection, self.district
        scope = self.person.scope_codes
        rooms = base_read.hanging(
            connection, district, "room", [one["record_id"] for one in buildings], "state"
        )
        of_room = {one["record_id"]: one["parent_id"] for one in rooms}
        homes = [
            one for one in base_read.hanging(connection, district, "household", of_room)
            if inside(one["grid"], scope)
        ]  # fmt: skip
        of_home = {one["record_id"]: of_room[one["parent_id"]] for one in homes}
        people = [
            one
            for one in base_read.hanging(
                connection, district, "resident", of_home, "moved_out_at", "reside"
            )
            if not one["moved_out_at"]
        ]
        of_person = {one["record_id"]: of_home[one["parent_id"]] for one in people}
        care = risk_of(connection, district, of_person, self.today)
        shops = base_read.lying_in(connection, district, "shop", grids, "room_id") if grids else []
        gone = gathered(connection, district, of_room) if shops else {}
        rooms_in = Counter(of_room.values())
        homes_in, people_in = Counter(of_home.values()), Counter(of_person.values())
        care_in = Counter(of_person[one] for one in care)
        lines = tuple(
            BuildingLine(
                record_id=one["record_id"],
                no=str(one["fields"].get("no") or ""),
                grid=names.get(one["grid"][:15], one["grid"]),
                floors=str(one["fields"].get("floors") or ""),
                entrances=str(one["fields"].get("entrances") or ""),
                rooms=rooms_in[one["record_id"]],
                households=homes_in[one["record_id"]],
                people=people_in[one["record_id"]],
                care=care_in[one["record_id"]],
            )
            for one in sorted(buildings, key=by_number)
        )
        states, risks = Counter(one["state"] for one in rooms), Counter(care.values())
        in_care, by_risk = len(care), self._coded("CARE_RISK", risks)
        counts = Counts(
            buildings=len(buildings),
            rooms=len(rooms),
            rooms_by_state=self._coded("ROOM_STATE", states),
            households=len(homes),
            people=len(people),
            tenants=sum(one["reside"] == "tenant" for one in people),
            care=in_care,
            care_by_risk=by_risk,
            shops=sum(one["room_id"] in of_room or one["room_id"] in gone for one in shops),
            paper=of_lists(
                self.person, in_care, [count for _, count in by_risk], [one.care for one in lines]
            ),
        )
        return lines, counts, set(of_home)

    def _coded(self, codes_name: str, counted: Mapping[Any, int]) -> tuple[tuple[str, int], ...]:
        codes = code_list(codes_name)
        order = {item.code: place for place, item in enumerate(codes.items)}
        return tuple(
            (codes.text(code, self.lang), counted[code])
            for code in sorted((one for one in counted if one), key=lambda one: order.get(one, 99))
        )

    def _issues(self, rows: Sequence[Mapping[Any, Any]]) -> Iterator[IssueLine]:
        fields = base_read.whole_by_ids(
            self.connection, self.district, [row["issue_id"] for row in rows]
        )
        for row in rows:
            yield IssueLine(
                issue_id=row["issue_id"],
                title=str(fields.get(row["issue_id"], {}).get("title") or "…"),
                no=row["no"] or "",
                category=code_list("ISSUE_CAT").text(row["category"], self.lang),
                level=code_list("ISSUE_LEVEL").text(row["level"], self.lang),
                state=code_list("ISSUE_STATE").text(row["state"], self.lang),
                at=row["happened_at"],
                over=row["over"],
            )

    def _patrols(self, grids: Sequence[str]) -> list[Row]:
        """Return the patrols of its grids that covered it, the newest first."""
        if not grids:
            return []
        found = base_read.lying_in(
            self.connection, self.district, "patrol", grids, "covered_ids", "slot",
            since=self.since,
        )  # fmt: skip
        record_id = self.row["record_id"]
        return [one for one in found if record_id in (one["covered_ids"] or "")]

    def _visits(self, grids: Sequence[str], households: set[str]) -> list[Mapping[str, Any]]:
        """Return the visits to its households, the newest first: one made to a household that was
        merged since counts for the one it went into."""
        if not grids:
            return []
        found = base_read.lying_in(
            self.connection, self.district, "visit", grids, "household_id", "result",
            since=self.since,
        )  # fmt: skip
        into = {one: one for one in households}
        into |= gathered(self.connection, self.district, households)
        return [
            {**one, "household_id": into[one["household_id"]]}
            for one in found
            if one["household_id"] in into
        ]

    def _told_patrols(self, rows: Sequence[Row]) -> Iterator[Done]:
        self.titles.preload(("user", one["author"]) for one in rows)
        for one in rows:
            words = code_list("SLOT").text(one["slot"] or "", self.lang)
            yield self._done(one, "patrol", words)

    def _told_visits(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[Done]:
        self.titles.preload(("user", one["author"]) for one in rows)
        self.titles.preload(("household", one["household_id"]) for one in rows)
        for one in rows:
            result = code_list("VISIT_RESULT").text(one["result"] or "", self.lang)
            home = self.titles.lookup("household", one["household_id"]) or ""
            yield self._done(one, "visit", f"{home} {result}".strip())

    def _done(self, row: Mapping[Any, Any], kind: str, words: str) -> Done:
        by = self.titles.lookup("user", row["author"]) or ""
        return Done(row["record_id"], kind, row["happened_at"], by, words)
