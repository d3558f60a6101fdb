"""The sections of a person's extract, each gathered from the records that speak of him."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI
from schemas.codes import code_list
from schemas.fields import Declared, Keyed
from schemas.labels import Label, Lang
from sync_server.domain import privacy as rule
from sync_server.domain.access import narrowed
from sync_server.domain.own_data import Own, names_in
from sync_server.services.accounts import User
from sync_server.services.extract_trail import Trail
from sync_server.services.issue_life import states_of
from sync_server.services.purposes import own_purposes
from sync_server.services.titles import Titles, references
from sync_server.store import base_read, care_read, duplicates, person_read, records_read

Row = sa.RowMapping
RESIDENT, CARE, HOUSEHOLD, PHOTO = "resident", "care", "household", "photo"
OTHERS = {(RESIDENT, "guardian"), (CARE, "contact")}
"""Fields of a person's own records that are about somebody else."""
AT_THE_DOOR = ("visited_at", "purposes", "mode", "result", "notice_given")
"""What of a visit to the household, that met others, is about everybody there."""
COMMUNITY_DIGITS, GRID_DIGITS = 12, 15
MEMBERS = {
    "org": (("members", "name", "phone"),),
    "building": (("entrance_heads", "head", "phone"), ("", "head", "head_phone")),
    "compound": (("contacts", "name", "phone"), ("linked", "name", "phone"),
                 ("sites", "keeper", "phone")),
}  # fmt: skip
"""By kind, where people are named: the list (empty: the record itself), name and number."""
GROUPS = {RESIDENT: "basic", CARE: "care", "visit": "met", "service": "applicant",
          "issue": "reporter", "member": "contact"}  # fmt: skip
"""By section the group of fields whose purpose the district may have said."""
TITLES: Mapping[str, Label] = {
    RESIDENT: Label("居民资料", "Resident's record"),
    "home": Label("住户和房屋", "Household and home"),
    CARE: Label("关怀资料", "Care records"),
    "notice": Label("告知、同意和处理依据", "Notice, consent and legal basis"),
    "visit": Label("走访和关怀随访", "Visits and care checks"),
    "service": Label("服务单", "Service requests"),
    "issue": Label("反映的事件", "Issues reported"),
    "member": Label("组织成员和联系人", "Memberships and contacts"),
    PHOTO: Label("照片", "Photos"),
    "request": Label("个人信息请求", "Privacy requests"),
    "history": Label("资料变更（何人、何时、哪些项）", "Changes (who, when, which fields)"),
    "holder": Label("电脑上有这份资料的人", "Who has the data on a laptop"),
    "looked": Label("何人查看过完整资料", "Who looked at the data in full"),
    "export": Label("可能含本人的完整导出", "Exports in full that may have held the data"),
}


@dataclass(frozen=True)
class Fact:
    """One value: the field's name, its words, the value in words."""

    name: str
    label: str
    text: str


@dataclass(frozen=True)
class Item:
    """One record, or one entry, of a section."""

    title: str
    facts: tuple[Fact, ...]
    voided: bool = False


@dataclass(frozen=True)
class Section:
    """One part of the extract; ``purpose`` says what the data is for."""

    name: str
    title: str
    purpose: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Link:
    """A record that may be about the person."""

    kind: str
    record_id: str
    label: str


class Gathering:
    """Gathers the sections of one person's extract within the areas of who makes it."""

    def __init__(
        self, connection: sa.Connection, person: User, record: Row, lang: Lang
    ) -> None:  # fmt: skip
        self.connection, self.person, self.record = connection, person, record
        self.district, self.lang = person.district, lang
        self.perhaps: list[Link] = []
        district, fields, record_id = self.district, record["fields"], record["record_id"]
        merged = duplicates.gathered(connection, district, [record_id])
        ids = frozenset({record_id, *merged})
        numbers = {str(fields[name]) for name in ("phone", "id_no") if fields.get(name)}
        self.own = Own(ids, str(fields.get("name") or ""), frozenset(numbers))
        self.cares = person_read.under(connection, district, CARE, ids)
        self.home_id = str(fields.get("household_id") or "")
        self.homes = {self.home_id, *duplicates.gathered(connection, district, [self.home_id])}
        grids = {record["grid"]} | care_read.lying(connection, district, ids | self.homes).grids
        inside = {part for one in grids for part in narrowed(person.scope_codes, one)}
        self.grids = {one[:GRID_DIGITS] for one in inside}
        communities = {one[:COMMUNITY_DIGITS] for one in inside}
        self.areas = {part for one in communities for part in narrowed(person.scope_codes, one)}
        family = base_read.whole_under(connection, district, RESIDENT, self.home_id)
        said = [row["fields"].get("name") for row in family if row["record_id"] not in ids]
        said += [fields.get("guardian"), *(row["fields"].get("contact") for row in self.cares)]
        self.others = names_in(said) - {self.own.name}
        self.titles = Titles(connection, person, lang)

    def sections(self) -> tuple[Section, ...]:
        """Return the sections that hold anything."""
        visits = person_read.visits(
            self.connection, self.district, self.grids, self.homes, self.own.ids
        )
        self.others |= names_in(row["fields"].get("met") for row in visits) - {self.own.name}
        trail = Trail(self.connection, self.person, self.record, self.cares, self.own, self.lang)
        parts: dict[str, Iterable[Item]] = {
            RESIDENT: self._records(RESIDENT, [self.record]),
            "home": self._home(),
            CARE: self._records(CARE, self.cares),
            "notice": self._notice(visits),
            "visit": self._visits(visits),
            "service": self._services(),
            "issue": self._issues(),
            "member": self._members(),
            PHOTO: self._photos(),
            **{name: map(_item, found) for name, found in trail.parts(self.home_id).items()},
        }
        found = ((name, tuple(items)) for name, items in parts.items())
        own = own_purposes(self.connection, self.district)
        said = {name: own[group].words for name, group in GROUPS.items() if group in own}
        purposes = {**rule.PURPOSES, **said}
        return tuple(
            Section(
                name,
                TITLES[name].text(self.lang),
                purposes[name].text(self.lang) if name in purposes else "",
                items,
            )
            for name, items in found
            if items
        )

    def _records(self, kind_name: str, rows: Sequence[Row]) -> Iterator[Item]:
        entered = Label("登记于", "Entered").text(self.lang)
        for row in rows:
            yield self._item(kind_name, row, title=f"{entered} {self._when(row)}")

    def _item(
        self, kind_name: str, row: Row, names: Sequence[str] = (), title: str = "",
        more: Sequence[Fact] = (),
    ) -> Item:  # fmt: skip
        """Return one record in words: its filled fields, or those of ``names``."""
        kind, fields = kind_of(kind_name), row["fields"]
        self.titles.preload(references(kind, fields))
        facts = [
            Fact(name, declared.label.text(self.lang), text)
            for name, declared in kind.declared().items()
            if (not names or name in names)
            and (text := self._said(kind_name, name, declared, fields.get(name)))
        ]
        return Item(title or self._when(row), (*facts, *more), bool(row["voided"]))

    def _said(self, kind: str, name: str, declared: Declared, value: Any) -> str:
        """Return one value in words: his own in full, other people's masked."""
        if value in (None, "", [], {}):
            return ""
        if isinstance(declared, Keyed):
            return self._listed(kind, name, declared, value)
        own = kind in (RESIDENT, CARE) and (kind, name) not in OTHERS
        if declared.privacy != "open" and not own and not self.own.says(value):
            return declared.show_masked(value, self.lang, self._lookup)
        text = declared.show(value, self.lang, self._lookup)
        return text if declared.privacy != "open" else self.own.scrub(text, self.others)

    def _listed(self, kind: str, name: str, declared: Keyed, value: Mapping[str, Any]) -> str:
        """Return a keyed list: of care checks his own alone."""
        if kind == "visit" and name == "care_checks":
            return ("; " if self.lang == "en" else "；").join(
                self.own.scrub(inner.show(check.get(member), self.lang, self._lookup), self.others)
                for one, check in value.items() if one in self.own.ids
                for member, inner in declared.entry_fields.items() if check.get(member)
            )  # fmt: skip
        return self.own.scrub(declared.show_masked(value, self.lang, self._lookup), self.others)

    def _lookup(self, kind: str, record_id: str) -> str | None:
        return self.own.name if record_id in self.own.ids else self.titles.lookup(kind, record_id)

    def _home(self) -> Iterator[Item]:
        home = records_read.get(self.connection, self.district, self.home_id)
        if home is not None and home["kind"] == HOUSEHOLD:
            self.titles.preload([(HOUSEHOLD, self.home_id)])
            title = self.titles.lookup(HOUSEHOLD, self.home_id) or ""
            yield self._item(HOUSEHOLD, home, title=title)

    def _notice(self, visits: Sequence[Row]) -> Iterator[Item]:
        yield self._item(
            RESIDENT, self.record, ("notice_version", "notice_at", "basis", "consents"),
            title=TITLES[RESIDENT].text(self.lang),
        )  # fmt: skip
        for row in self.cares:
            yield self._item(CARE, row, ("basis", "since", "until"), TITLES[CARE].text(self.lang))
        for row in visits:
            if row["fields"].get("notice_given") and self._concerned(row):
                yield self._item("visit", row, ("notice_given",))

    def _concerned(self, visit: Row) -> bool:
        """Whether a visit met the person or looked after him."""
        fields = visit["fields"]
        checked = self.own.ids & set(fields.get("care_checks") or ())
        return bool(checked) or bool(self.own.name and fields.get("met") == self.own.name)

    def _visits(self, visits: Sequence[Row]) -> Iterator[Item]:
        self.titles.preload(("user", row["author"]) for row in visits)
        for row in visits:
            names = () if self._concerned(row) else AT_THE_DOOR
            yield self._item("visit", row, names, more=self._by(row))

    def _by(self, row: Row) -> tuple[Fact, ...]:
        label = Label("填报人", "Reported by").text(self.lang)
        return (Fact("author", label, self.titles.lookup("user", row["author"]) or ""),)

    def _services(self) -> Iterator[Item]:
        said = [("resident_id", one) for one in sorted(self.own.ids)]
        said.append(("applicant", self.own.name))
        for row in person_read.naming(self.connection, self.district, "service", self.areas, said):
            fields = row["fields"]
            same = self.own.match(fields.get("applicant"), fields.get("phone"))
            here = (
                fields.get("household_id") in self.homes
                and fields.get("applicant") == self.own.name
            )
            if fields.get("resident_id") in self.own.ids or same == "yes" or here:
                yield self._item("service", row)
            else:
                self._maybe(same, "service", row)

    def _issues(self) -> Iterator[Item]:
        rows = person_read.naming(
            self.connection, self.district, "issue", self.areas, [("reporter", self.own.name)]
        )
        states = states_of(self.connection, self.district, rows, self.lang) if rows else {}
        label = Label("状态", "State").text(self.lang)
        for row in rows:
            fields = row["fields"]
            same = self.own.match(fields.get("reporter"), fields.get("reporter_phone"))
            if same == "yes":
                state = Fact("state", label, states.get(row["record_id"], ""))
                yield self._item("issue", row, more=(state,))
            else:
                self._maybe(same, "issue", row)

    def _maybe(self, same: str, kind: str, row: Row) -> None:
        """Remember a record of the same name for who makes the extract."""
        if same == "perhaps":
            label = kind_of(kind).info.label.text(self.lang)
            self.perhaps.append(Link(kind, row["record_id"], f"{label} {self._when(row)}"))

    def _members(self) -> Iterator[Item]:
        for kind, places in MEMBERS.items():
            for row in base_read.whole_of_kind(self.connection, self.district, kind, self.areas):
                for where, name, phone in places:
                    yield from self._entries(kind, row, where, name, phone)

    def _entries(self, kind: str, row: Row, where: str, name: str, phone: str) -> Iterator[Item]:
        declared: Mapping[str, Declared] = kind_of(kind).declared()
        fields = row["fields"]
        entries: Iterable[Mapping[str, Any]] = [fields]
        if where:
            keyed = declared[where]
            assert isinstance(keyed, Keyed)
            beside = {
                one: other
                for one, other in declared.items()
                if isinstance(other, Keyed) and other.of == where
            }
            entries = [_with_beside(key, entry, fields, beside)
                       for key, entry in (fields.get(where) or {}).items()]  # fmt: skip
            declared = dict(keyed.entry_fields)
            for other in beside.values():
                declared |= other.entry_fields
        else:
            declared = {one: declared[one] for one in (name, phone)}
        for entry in entries:
            same = self.own.match(entry.get(name), entry.get(phone))
            if same != "yes":
                self._maybe(same, kind, row)
                continue
            facts = tuple(
                Fact(
                    one, each.label.text(self.lang), each.show(entry[one], self.lang, self._lookup)
                )
                for one, each in declared.items()
                if entry.get(one) not in (None, "", [])
            )
            self.titles.preload(references(kind_of(kind), fields))
            yield Item(self.titles.title(kind, fields), facts, bool(row["voided"]))

    def _photos(self) -> Iterator[Item]:
        owners = [*self.own.ids, *(row["record_id"] for row in self.cares)]
        for row in person_read.under(self.connection, self.district, PHOTO, owners):
            use = code_list("PHOTO_USE").text(str(row["fields"].get("use") or ""), self.lang)
            yield self._item(PHOTO, row, ("taken_at", "bytes"), title=use)

    def _when(self, row: Row) -> str:
        at: datetime = row["happened_at"]
        return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _item(found: tuple[str, tuple[tuple[str, str, str], ...]]) -> Item:
    title, facts = found
    return Item(title, tuple(Fact(*one) for one in facts if one[2]))


def _with_beside(
    key: str, entry: Mapping[str, Any], fields: Mapping[str, Any], beside: Iterable[str]
) -> Mapping[str, Any]:
    """Return an entry of a list with what other lists of its record say of it."""
    whole: dict[str, Any] = {}
    for other in beside:
        whole |= (fields.get(other) or {}).get(key) or {}
    return {**whole, **entry}
