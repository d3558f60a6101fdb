"""The household file (一户一档): who lives there, who is looked after, when somebody called, what
changed. Masked like every page; unmasked for a reason that is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.care_contact import at_survivors, reached, told_last
from schemas.care_due import next_due
from schemas.catalogue import kind_of
from schemas.clock import local_day
from schemas.codes import code_list
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.services.accounts import User
from sync_server.services.history import Entry, read_history
from sync_server.services.photo_pages import ShownPhoto, photos_of
from sync_server.services.places import names_for
from sync_server.services.record_page import Shown, find, shown_fields, unmasked
from sync_server.services.titles import Titles, references
from sync_server.store import base_read, care_read, duplicates, moving
from sync_server.store.engine import Store
from sync_server.store.records_read import Row

HOUSEHOLD = "household"
Contact = tuple[datetime, Mapping[str, Any]]
"""When a visit was, and what it says."""
DAYS = 730
"""How far back visits are listed."""
VISITS_SHOWN, SERVICES_SHOWN, CHANGES_SHOWN = 20, 20, 30


@dataclass(frozen=True)
class Care:
    """Somebody's care: fields as shown, when he was last reached and is due next (2026-09-30)."""

    record_id: str
    fields: tuple[Shown, ...]
    last: str
    due: str
    overdue: bool


@dataclass(frozen=True)
class Member:
    """A person of the household; ``moved`` says when and why somebody left."""

    record_id: str
    name: str
    relation: str
    sex: str
    age: str
    phone: str
    id_no: str
    reside: str
    guardian: str
    notice: str
    moved_in: str
    moved: str
    care: tuple[Care, ...]


@dataclass(frozen=True)
class VisitLine:
    """One visit with what was found."""

    record_id: str
    at: datetime
    by: str
    result: str
    purposes: str
    findings: str


@dataclass(frozen=True)
class ServiceLine:
    """One service request of the household."""

    record_id: str
    at: datetime
    words: str


@dataclass(frozen=True)
class Moved:
    """One way of the household from a grid to another."""

    at: datetime
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """One change of the household or of somebody of it."""

    about: str
    entry: Entry


@dataclass(frozen=True)
class HouseholdFile:
    """Everything the file of a household shows."""

    row: Row
    title: str
    area: str
    fields: tuple[Shown, ...]
    room_fields: tuple[Shown, ...]
    members: tuple[Member, ...]
    gone: tuple[Member, ...]
    visits: tuple[VisitLine, ...]
    visits_total: int
    since: str
    services: tuple[ServiceLine, ...]
    photos: tuple[ShownPhoto, ...]
    moves: tuple[Moved, ...]
    changes: tuple[Change, ...]
    changes_total: int
    unmasked: bool
    hides: bool
    may_unmask: bool


def open_file(
    connection: sa.Connection, person: User, record_id: str, now: datetime, lang: str
) -> HouseholdFile:
    """Return a household's file, masked.

    Raises Refusal: not_allowed for a role without records; unknown_record for none, or one outside
    the person's areas.
    """
    _, row = find(connection, person, HOUSEHOLD, record_id)
    return _Filing(connection, person, row, now, lang, unmask=False).file()


def unmask_file(
    store: Store, person: User, record_id: str, reason: str, now: datetime, lang: str
) -> HouseholdFile:
    """Return a household's file unmasked, after writing down who looked and why.

    Raises Refusal as ``open_file``, and reason_needed.
    """
    return unmasked(
        store, person, reason, now,
        lambda connection: find(connection, person, HOUSEHOLD, record_id)[1],
        lambda connection, row: _Filing(connection, person, row, now, lang, unmask=True).file(),
        page="file",
    )  # fmt: skip


def age_on(birth: object, today: str) -> str:
    """Return full years on a day (2026-09-30) of somebody born in a month (1951-04)."""
    if not isinstance(birth, str) or len(birth) < 7:
        return ""
    months = (int(today[:4]) - int(birth[:4])) * 12 + int(today[5:7]) - int(birth[5:7])
    return str(months // 12)


class _Filing:
    """Gathers one file."""

    def __init__(
        self, connection: sa.Connection, person: User, row: Row, now: datetime, lang: str, *,
        unmask: bool,
    ) -> None:  # fmt: skip
        self.connection, self.person, self.row = connection, person, row
        self.district, self.lang, self.unmask = person.district, lang, unmask
        self.now, self.today, self.since = now, local_day(now), now - timedelta(days=DAYS)
        self.titles = Titles(connection, person, lang, unmask=unmask)
        self.masked = False

    def file(self) -> HouseholdFile:
        """Return the file."""
        connection, row, record_id = self.connection, self.row, self.row["record_id"]
        kind, stored = kind_of(HOUSEHOLD), row["fields"]
        people = base_read.whole_under(connection, self.district, "resident", record_id)
        here = [record_id, *(one["record_id"] for one in people)]
        self.into = duplicates.gathered(connection, self.district, here)
        self.names = {record_id, *(one for one, into in self.into.items() if into == record_id)}
        moved = moving.moves_of(connection, self.district, [record_id]).get(record_id, ())
        lay_in = care_read.lying(connection, self.district, self.names).grids
        self.grids = [one for one in lay_in if inside(one, self.person.scope_codes)]
        visits = self._visits()
        contacts = self._contacts(people)
        members = [self._member(one, contacts) for one in sorted(people, key=_head_first)]
        self.titles.preload([(HOUSEHOLD, record_id), *references(kind, stored)])
        room = base_read.whole_by_ids(connection, self.district, [str(stored.get("room_id"))])
        room_row = next(iter(room.values()), None)
        fields = tuple(shown_fields(kind, stored, self.lang, self.titles, self.unmask))
        changes = self._changes(people)
        codes = {row["grid"], *(code for one in moved for code in (one.from_area, one.to_area))}
        names = names_for(connection, self.district, codes)
        return HouseholdFile(
            row=row,
            title=self.titles.title(HOUSEHOLD, stored) or str(stored.get("code") or ""),
            area=names[row["grid"]],
            fields=fields,
            room_fields=self._room(room_row),
            members=tuple(one for one in members if not one.moved),
            gone=tuple(one for one in members if one.moved),
            visits=tuple(self._told(visits[:VISITS_SHOWN])),
            visits_total=len(visits),
            since=local_day(self.since),
            services=tuple(self._services()),
            photos=photos_of(connection, self.district, HOUSEHOLD, record_id, self.lang),
            moves=tuple(
                Moved(one.at, names[one.from_area], names[one.to_area]) for one in reversed(moved)
            ),
            changes=tuple(changes[:CHANGES_SHOWN]),
            changes_total=len(changes),
            unmasked=self.unmask,
            hides=self.masked or any(one.masked for one in fields),
            may_unmask=may(self.person.role, "unmask"),
        )

    def _room(self, fields: Mapping[str, Any] | None) -> tuple[Shown, ...]:
        if fields is None:
            return ()
        kind = kind_of("room")
        self.titles.preload(references(kind, fields))
        return tuple(shown_fields(kind, fields, self.lang, self.titles, self.unmask))

    def _show(self, fields: Mapping[str, Any], name: str, kind: str = "resident") -> str:
        declared, value = kind_of(kind).declared()[name], fields.get(name)
        if value in (None, "", [], {}):
            return ""
        full = declared.show(value, self.lang, self.titles.lookup)
        shown = full if self.unmask else declared.show_masked(value, self.lang, self.titles.lookup)
        self.masked = self.masked or shown != full
        return shown

    def _member(self, row: Row, contacts: Sequence[Contact]) -> Member:
        fields = row["fields"]
        gone = fields.get("moved_out_at")
        notice = " ".join(
            word
            for word in (
                self._show(fields, "notice_version"),
                str(fields.get("notice_at") or "")[:10],
                self._show(fields, "basis"),
                self._show(fields, "consents"),
            )
            if word
        )
        return Member(
            record_id=row["record_id"],
            name=self._show(fields, "name"),
            relation=self._show(fields, "relation"),
            sex=self._show(fields, "sex"),
            age=age_on(fields.get("birth"), self.today),
            phone=self._show(fields, "phone"),
            id_no=self._show(fields, "id_no"),
            reside=self._show(fields, "reside"),
            guardian=self._show(fields, "guardian"),
            notice=notice,
            moved_in=str(fields.get("moved_in_at") or ""),
            moved=f"{gone} {self._show(fields, 'move_reason')}".strip() if gone else "",
            care=tuple(self._care(row["record_id"], contacts)),
        )

    def _care(self, resident_id: str, contacts: Sequence[Contact]) -> Iterator[Care]:
        """Yield the care that holds today, with the last contact and the next due day."""
        kind, home = kind_of("care"), self.row["record_id"]
        reaching = [one for one in contacts if reached(resident_id, home, one[1])]
        last = max(reaching, key=lambda one: told_last(resident_id, *one), default=(None, None))[1]
        for row in base_read.whole_under(self.connection, self.district, "care", resident_id):
            stored = row["fields"]
            if stored.get("until") and stored["until"] < self.today:
                continue
            self.titles.preload(references(kind, stored))
            fields = tuple(shown_fields(kind, stored, self.lang, self.titles, self.unmask))
            self.masked = self.masked or any(one.masked for one in fields)
            due = next_due({"resident_id": resident_id, **stored}, last)
            yield Care(
                row["record_id"],
                fields,
                str((last or {}).get("visited_at") or "")[:10],
                due,
                due < self.today,
            )

    def _contacts(self, people: Sequence[Row]) -> list[Contact]:
        """Return the visits to the household, and those to any door that checked one of its people,
        up to today: a date may be mistyped."""
        persons = {one["record_id"] for one in people}
        persons |= {one for one, into in self.into.items() if into in persons}
        lay_in = care_read.lying(self.connection, self.district, persons | self.names).grids
        found = care_read.visits_about(
            self.connection, self.district, lay_in, self.now, sorted(self.names), sorted(persons)
        )
        return [
            (one["happened_at"], at_survivors(one["fields"], self.into, self.into))
            for one in found
            if local_day(one["happened_at"]) <= self.today
        ]

    def _visits(self) -> list[dict[str, Any]]:
        """Return the visits to the household, or to one that was merged into it, the newest first,
        whole; merged people stand there as those left."""
        found = base_read.lying_in(
            self.connection, self.district, "visit", self.grids, "household_id",
            since=self.since,
        )  # fmt: skip
        mine = [one for one in found if one["household_id"] in self.names]
        whole = base_read.whole_by_ids(
            self.connection, self.district, [one["record_id"] for one in mine]
        )
        told = {one: at_survivors(fields, self.into, self.into) for one, fields in whole.items()}
        return [dict(one) | {"fields": told[one["record_id"]]} for one in mine]

    def _told(self, visits: Sequence[Mapping[str, Any]]) -> Iterator[VisitLine]:
        self.titles.preload(("user", one["author"]) for one in visits)
        for one in visits:
            fields = one["fields"]
            yield VisitLine(
                record_id=one["record_id"],
                at=one["happened_at"],
                by=self.titles.lookup("user", one["author"]) or "",
                result=self._show(fields, "result", "visit"),
                purposes=self._show(fields, "purposes", "visit"),
                findings=self._show(fields, "findings", "visit"),
            )

    def _services(self) -> Iterator[ServiceLine]:
        """Yield the newest service requests of the household."""
        found = base_read.lying_in(
            self.connection, self.district, "service", self.grids, "household_id",
            "item",
        )  # fmt: skip
        mine = [one for one in found if one["household_id"] in self.names]
        items = code_list("SERVICE_ITEM")
        for one in mine[:SERVICES_SHOWN]:
            words = items.text(one["item"], self.lang) if one["item"] else ""
            yield ServiceLine(one["record_id"], one["happened_at"], words)

    def _changes(self, people: Sequence[Row]) -> list[Change]:
        """Return the changes of the household and its people, the newest first."""
        every: list[Change] = []
        for kind_name, row in ((HOUSEHOLD, self.row), *(("resident", one) for one in people)):
            kind = kind_of(kind_name)
            about = (
                self._show(row["fields"], "name")
                if kind_name == "resident"
                else kind.info.label.text(self.lang)
            )
            found = read_history(
                self.connection, self.person, kind, row["record_id"], self.titles, self.lang,
                unmask=self.unmask,
            )  # fmt: skip
            every += [Change(about, entry) for entry in found.entries]
        return sorted(every, key=lambda one: one.entry.row["happened_at"], reverse=True)


def _head_first(row: Row) -> tuple[bool, str]:
    fields = row["fields"]
    return fields.get("relation") not in ("01", "02"), str(fields.get("birth") or "")
