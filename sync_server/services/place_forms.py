"""Places written at the centre: compounds, organisations, buildings and rooms, added and changed by
staff with forms that follow from the declarations.

What staff write is a change like any other, merged with what laptops write: who was not seen makes
a conflict, which both sides see. Personal values are masked here as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.fields import Keyed, Ref, Refs
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.kind import Kind
from schemas.labels import Label
from schemas.messages import Problem
from schemas.values import difference, to_wire
from sync_server.domain import place_forms as rule
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.natural_keys import plain_no
from sync_server.services import compound_tags
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change, withdraw
from sync_server.services.ids import new_id
from sync_server.services.place_drawing import (
    BUILDING,
    COMPOUND,
    KINDS,
    ORG,
    ROOM,
    Drawing,
    Form,
    asked_of,
)
from sync_server.services.record_page import Link, checked_reason
from sync_server.store import base_read, records_read, writing
from sync_server.store.engine import Store
from sync_server.store.records_read import Row

MORE, LOOK = "more:", "look"
"""What a button asks for instead of saving: another entry of a list, other choices."""
TAKEN = {
    "code": Label("已有这个编码的小区。", "There is a compound with this code."),
    "name": Label("同一处已有同名的。", "There is one of this name already."),
    "no": Label("这个小区已有这个楼号。", "This compound has a building of this number."),
    "label": Label("这栋楼已有这个门牌。", "This building has a room of this label."),
    "area": Label("请选择您辖区内的区域。", "Choose one of your areas."),
}


@dataclass(frozen=True)
class Saved:
    """What became of a form: the record, and whether something somebody else wrote meanwhile now
    waits for a decision."""

    record_id: str
    conflict: bool


def may_write(person: User, kind: str, action: str = "update") -> bool:
    """Whether somebody may write records of this kind at the centre."""
    return (
        kind in KINDS and may(person.role, "places") and action in kind_of(kind).info.staff
    )  # fmt: skip


def begin(
    connection: sa.Connection, person: User, name: str, parent_id: str, lang: str
) -> Form:  # fmt: skip
    """Return an empty form; ``parent_id`` names what a building or room belongs to, or the compound
    an organisation is to cover.

    Raises Refusal: not_allowed, unknown_record (also for what it belongs to).
    """
    kind = _kind(person, name, "create")
    return Drawing(connection, person, kind, lang).new(new_id(), parent_id)


def change(
    connection: sa.Connection, person: User, name: str, record_id: str, lang: str
) -> Form:  # fmt: skip
    """Return the form of a place as it stands; raise Refusal: not_allowed, unknown_record,
    out_of_date for one that is void or merged."""
    kind = _kind(person, name, "update")
    return Drawing(connection, person, kind, lang).old(_find(connection, person, name, record_id))


def save(
    store: Store, person: User, name: str, record_id: str, getlist: GetList, names: Sequence[str],
    now: datetime, lang: str,
) -> Form | Saved:  # fmt: skip
    """Add or change the posted place; return what became of it, else the form with what is wrong,
    or with what a button asked for.

    The same form sent twice makes one place. Raises Refusal: not_allowed, bad_request,
    unknown_record, out_of_date.
    """
    if not UUID.match(record_id):
        raise Refusal("bad_request")
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        stands = records_read.get(connection, person.district, record_id)
        version = _number(_first(getlist("version")))
        if version and (stands is None or stands["kind"] != name):
            raise Refusal("unknown_record")
        kind = _kind(person, name, "update" if version else "create")
        if stands is not None and not version:
            return Saved(record_id, False)  # the same form once more
        row = _find(connection, person, name, record_id) if version else None
        work = _Saving(connection, person, kind, row, record_id, version, getlist, names, lang)
        return work.save(now)


def end(store: Store, person: User, name: str, record_id: str, reason: str, now: datetime) -> None:
    """Withdraw a place for a reason; one that is void already stays so.

    Raises Refusal: not_allowed, unknown_record, reason_needed.
    """
    _kind(person, name, "void")
    why = checked_reason(reason)
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        row = _one(connection, person, name, record_id)
        withdraw(connection, person.district, person.user_id, row, why, now)


class _Saving:
    """One posted form on its way into the store."""

    def __init__(
        self, connection: sa.Connection, person: User, kind: type[Kind], row: Row | None,
        record_id: str, version: int, getlist: GetList, names: Sequence[str], lang: str,
    ) -> None:  # fmt: skip
        self.connection, self.person, self.kind, self.row = connection, person, kind, row
        self.record_id, self.version, self.lang = record_id, version, lang
        self.getlist = getlist
        self.drawing = Drawing(connection, person, kind, lang)
        self.asked = asked_of(kind, new=row is None)
        controls = [one for one in names if one.partition(".")[0] in kind.declared()]
        self.posted = rule.Posted(
            typed=forms.read(kind, getlist, controls),
            texts=rule.posted_texts(controls, getlist),
            shown=rule.read_shown(_first(getlist("shown"))) if row is not None else {},
            clear=frozenset(getlist("clear")),
            gone=frozenset(getlist("gone")),
        )
        self.stored: dict[str, Any] = dict(row["fields"]) if row is not None else {}
        self.wanted = rule.wanted(kind, self.stored, self.posted, self.asked)
        self.parent: Row | None = None
        self.area = _first(getlist("area"))
        if row is None:
            self._place()

    def _place(self) -> None:
        """Let a new record lie where it was put."""
        info = self.kind.info
        if info.parent:
            self.parent = self.drawing.parent(_first(self.getlist("parent")))
            self.wanted[info.parent] = self.parent["record_id"]
        if info.name == ROOM and self.parent is not None:
            self.area = str(self.parent["grid"])
        if info.name == COMPOUND:
            self.area = str(self.wanted.get("community_code") or "")

    def save(self, now: datetime) -> Form | Saved:
        """Write it, or return the form."""
        act = _first(self.getlist("act"))
        if act.startswith(MORE):
            return self._again({}, (), more=act.removeprefix(MORE))
        if act == LOOK:
            return self._again({}, ())
        new = self.row is None
        said = to_wire(self.kind, self.wanted) if new else difference(
            self.kind, self.stored, self.wanted
        )  # fmt: skip
        if not new and not said:
            return Saved(self.record_id, False)
        checked = check(self.kind, "create" if new else "update", said)
        known = {one.name for one in rule.every_control(self._controls())}
        problems: dict[str, str] = {}
        general = []
        for fault in checked.problems:
            name = _control_at(fault.pointer)
            words = fault.problem.text(self.lang)
            if name in known:
                problems[name] = words
            else:
                general.append(words)
        for name, label in self._taken():
            problems.setdefault(name, label.text(self.lang))
        problems |= self._strange_references(said)
        if problems or general:
            return self._again(problems, general)
        change = CentralChange(
            kind=self.kind.info.name, record_id=self.record_id,
            action="create" if new else "update", fields=checked.fields,
            author=self.person.user_id, grid=self.area if new else "",
            base_version=self.version or None,
        )  # fmt: skip
        effect = apply_central_change(self.connection, self.person.district, change, now)
        if self.kind.info.name == COMPOUND:
            compound_tags.settle(self.connection, self.person.district, [self.record_id], now)
        return Saved(self.record_id, effect.outcome == "conflict")

    def _controls(self) -> list[Control]:
        spare = {
            name: rule.keys_of(name, self.posted.texts)
            for name, one in self.kind.declared().items()
            if isinstance(one, Keyed)
        }
        return forms.controls(self.kind, self.wanted, self.lang, new_keys=spare)

    def _again(
        self, problems: Mapping[str, str], general: Sequence[str], more: str = ""
    ) -> Form:  # fmt: skip
        finds = {
            name: _first(self.getlist(f"find.{name}"))
            for name, one in self.kind.declared().items()
            if isinstance(one, Ref)
        }
        base = Form(self.kind, self.record_id, self.version, "", (), {}, "",
                    above=self._above())  # fmt: skip
        return self.drawing.typed(
            base, self.stored, self.wanted, self.posted, shown=_first(self.getlist("shown")),
            more=more, finds=finds, problems=problems, general=general, area=self.area,
            row=self.row,
        )  # fmt: skip

    def _above(self) -> Link | None:
        if self.row is not None:
            return self.drawing.old(self.row).above
        return self.drawing.link(self.parent) if self.parent is not None else None

    def _taken(self) -> list[tuple[str, Label]]:
        """Return what is the name or number of another record, or no place one may write in."""
        found = []
        name = self.kind.info.name
        where = str(self.row["grid"]) if self.row is not None else self.area
        if self.row is None and not _may_lie(self.person, name, where):
            found.append(("community_code" if name == COMPOUND else "area", TAKEN["area"]))
        others = [one for one in self._beside(where) if one["record_id"] != self.record_id]
        said = self.wanted
        for control, alike in _ALIKE[name].items():
            mine = alike(said, where)
            if mine and any(alike(one["fields"], one["grid"]) == mine for one in others):
                changed = self.row is None or alike(self.stored, where) != mine
                if changed:
                    found.append((control, TAKEN[control]))
        return found

    def _beside(self, where: str) -> Sequence[Row]:
        """Return the records one of these might be entered twice as."""
        district, info = self.person.district, self.kind.info
        if info.parent:
            return base_read.whole_under(
                self.connection, district, info.name, str(self.wanted.get(info.parent) or "")
            )
        areas = () if info.name == COMPOUND else (where,)
        return base_read.whole_of_kind(self.connection, district, info.name, areas)

    def _strange_references(self, said: Mapping[str, Any]) -> dict[str, str]:
        """Return the references that name what the person cannot see or what is not there."""
        found = {}
        for name, declared in self.kind.declared().items():
            if not isinstance(declared, Ref) or not said.get(name) or name == self.kind.info.parent:
                continue
            value = said[name]
            before = self.stored.get(name) or []
            ids = value if isinstance(declared, Refs) else [value]
            fresh = [one for one in ids if one not in before and isinstance(one, str)]
            rows = records_read.by_ids(self.connection, self.person.district, fresh)
            if any(one not in rows or not self.drawing.seen(declared.kind, rows[one])
                   for one in fresh):  # fmt: skip
                found[name] = Problem("bad_reference").text(self.lang)
        return found


_ALIKE: Mapping[str, Mapping[str, Callable[[Mapping[str, Any], str], object]]] = {
    COMPOUND: {
        "code": lambda said, _: str(said.get("code") or "").strip().lower(),
        "name": lambda said, _: (
            str(said.get("community_code") or ""), str(said.get("name") or "").strip()
        ),
    },
    ORG: {
        "name": lambda said, area: (
            area, str(said.get("org_kind") or ""), str(said.get("name") or "").strip()
        ),
    },
    BUILDING: {"no": lambda said, _: plain_no(str(said.get("no") or ""))},
    ROOM: {"label": lambda said, _: str(said.get("label") or "").strip()},
}  # fmt: skip
"""By kind and control: what no two records of one place may have alike."""


def _may_lie(person: User, name: str, area: str) -> bool:
    digits = {COMPOUND: (12,), BUILDING: (15,), ROOM: (15, 17), ORG: (6, 9, 12, 15)}[name]
    return len(area) in digits and area.isdecimal() and inside(area, person.scope_codes)


def _kind(person: User, name: str, action: str) -> type[Kind]:
    if name not in KINDS or not may_write(person, name, action):
        raise Refusal("not_allowed")
    return kind_of(name)


def _one(connection: sa.Connection, person: User, name: str, record_id: str) -> Row:
    row = records_read.get(connection, person.district, record_id)
    if row is None or row["kind"] != name or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    return row


def _find(connection: sa.Connection, person: User, name: str, record_id: str) -> Row:
    """Return a record that can be changed."""
    row = _one(connection, person, name, record_id)
    if row["voided"] or row["merged_into"] is not None:
        raise Refusal("out_of_date")
    return row


def _control_at(pointer: str) -> str:
    steps = pointer.strip("/").split("/")
    return ".".join(step for place, step in enumerate(steps) if place != 1 or step != "add")


def _first(texts: Sequence[str]) -> str:
    return texts[0].strip() if texts else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
