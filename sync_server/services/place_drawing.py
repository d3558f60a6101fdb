"""Places as forms: what a form of a compound, organisation, building or room shows and offers.

Forms follow from the declarations. Personal values are masked here as everywhere: a form never
shows what they hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.fields import Keyed, Ref
from schemas.forms import Control
from schemas.kind import Kind
from schemas.natural import natural
from schemas.purposes import is_asked
from sync_server.domain import place_forms as rule
from sync_server.domain.areas import above, holds, inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.ids import new_id
from sync_server.services.places import Place, names_for, places_of
from sync_server.services.record_page import Link
from sync_server.services.titles import Titles, references
from sync_server.store import base_read, records_read
from sync_server.store.records_read import Row

COMPOUND, ORG, BUILDING, ROOM = "compound", "org", "building", "room"
KINDS = (COMPOUND, ORG, BUILDING, ROOM)
COMMUNITY_DIGITS, GRID_DIGITS = 12, 15
SPARE = 1
"""Empty entries a list begins with; a button adds more."""
ENTRANCES, MOST_ENTRANCES = "entrance_heads", 20
AT_ONCE = 80
"""So many records a reference offers without being searched."""
FIXED: Mapping[str, frozenset[str]] = {
    COMPOUND: frozenset({"community_code"}), BUILDING: frozenset({"compound_id"}),
    ROOM: frozenset({"building_id"}),
}  # fmt: skip
"""Where a record lies is chosen when it is made; later it is moved, not edited."""


@dataclass(frozen=True)
class Choices:
    """What a reference can name: (id, words); ``left`` more were found than are listed, ``asked``
    is what was typed to find them (None: all are listed)."""

    options: tuple[tuple[str, str], ...]
    left: int = 0
    asked: str | None = None


@dataclass(frozen=True)
class Form:
    """A place being written. ``values`` by control, ``notes`` what personal ones hold, ``shown``
    what the form shows as it travels with it; ``area`` where a new one is to lie."""

    kind: type[Kind]
    record_id: str
    version: int
    title: str
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    shown: str
    notes: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Choices] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()
    clear: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    above: Link | None = None
    areas: tuple[Place, ...] = ()
    area: str = ""
    area_name: str = ""

    @property
    def plain(self) -> tuple[Control, ...]:
        """The controls outside lists."""
        return tuple(one for one in self.controls if not isinstance(one.field, Keyed))

    @property
    def lists(self) -> tuple[Control, ...]:
        """The lists."""
        return tuple(one for one in self.controls if isinstance(one.field, Keyed))


class Drawing:
    """Makes forms of one kind for one person."""

    def __init__(
        self, connection: sa.Connection, person: User, kind: type[Kind], lang: str
    ) -> None:
        self.connection, self.person, self.kind, self.lang = connection, person, kind, lang
        self.name = kind.info.name
        self.titles = Titles(connection, person, lang)

    def new(self, record_id: str, parent_id: str) -> Form:
        """Return the form of a new record."""
        stored: dict[str, Any] = {}
        link, area = None, ""
        if self.kind.info.parent:
            parent = self.parent(parent_id)
            link, area = self.link(parent), self._usual_area(parent)
            stored[self.kind.info.parent] = parent_id
        elif self.name == ORG and parent_id:
            covered = records_read.get(self.connection, self.person.district, parent_id)
            if covered is None or not self.seen(COMPOUND, covered):
                raise Refusal("unknown_record")
            stored["compound_ids"], area = [parent_id], str(covered["grid"])
        return self._form(record_id, 0, {}, stored, area=area, above=link)

    def old(self, row: Row) -> Form:
        """Return the form of a record as it stands."""
        fields = dict(row["fields"])
        link = None
        if self.kind.info.parent:
            over = records_read.get(
                self.connection, self.person.district, str(fields.get(self.kind.info.parent))
            )
            link = self.link(over) if over is not None else None
        return self._form(row["record_id"], row["version"], fields, fields, row=row, above=link)

    def parent(self, parent_id: str) -> Row:
        """Return what a new record belongs to; raise Refusal ``unknown_record``."""
        reference = self.kind.declared()[self.kind.info.parent or ""]
        assert isinstance(reference, Ref)
        row = records_read.get(self.connection, self.person.district, parent_id)
        if row is None or not self.seen(reference.kind, row):
            raise Refusal("unknown_record")
        return row

    def _usual_area(self, parent: Row) -> str:
        """Return where what belongs to a record usually lies: a room where its building does, a
        building in the grid of most of its compound's."""
        if parent["kind"] != COMPOUND:
            return str(parent["grid"])
        beside = base_read.whole_under(
            self.connection, self.person.district, BUILDING, parent["record_id"]
        )
        grids = Counter(str(one["grid"]) for one in beside)
        return grids.most_common(1)[0][0] if grids else ""

    def typed(
        self, base: Form, stored: Mapping[str, Any], wanted: Mapping[str, Any],
        posted: rule.Posted, *, shown: str, more: str = "", finds: Mapping[str, str],
        problems: Mapping[str, str], general: Sequence[str], area: str, row: Row | None,
    ) -> Form:  # fmt: skip
        """Return the form with what was typed."""
        return self._form(
            base.record_id, base.version, stored, wanted, row=row, posted=posted, shown=shown,
            more=more, finds=finds, problems=problems, general=general, area=area,
            above=base.above,
        )  # fmt: skip

    def _form(
        self, record_id: str, version: int, stored: Mapping[str, Any],
        values: Mapping[str, Any], *, row: Row | None = None, posted: rule.Posted | None = None,
        shown: str = "", more: str = "", finds: Mapping[str, str] | None = None,
        problems: Mapping[str, str] | None = None, general: Sequence[str] = (), area: str = "",
        above: Link | None = None,
    ) -> Form:  # fmt: skip
        asked = asked_of(self.kind, new=not version)
        fresh = {
            name: self._spare(name, values, posted, more == name)
            for name, one in self.kind.declared().items()
            if isinstance(one, Keyed)
        }
        controls = tuple(
            one
            for one in forms.controls(self.kind, values, self.lang, new_keys=fresh)
            if one.name in asked and (is_asked(one.field) or values.get(one.name))
        )
        told, notes = self._told(controls, stored, posted)
        self.titles.preload(references(self.kind, values))
        areas = () if version or self.name == ROOM else self._areas()
        names = names_for(self.connection, self.person.district, [row["grid"] if row else area])
        return Form(
            kind=self.kind,
            record_id=record_id,
            version=version,
            title=self.titles.title(self.name, stored) if version else "",
            controls=controls,
            values=told,
            shown=shown or rule.as_shown(controls),
            notes=notes,
            choices={
                one.name: self._choices(one, told.get(one.name), (finds or {}).get(one.name, ""))
                for one in controls
                if isinstance(one.field, Ref)
            },
            problems=problems or {},
            general=tuple(general),
            clear=posted.clear if posted else frozenset(),
            gone=posted.gone if posted else frozenset(),
            above=above,
            areas=areas,
            area=area,
            area_name=names.get(str(row["grid"]) if row else area, ""),
        )

    def _spare(
        self, name: str, values: Mapping[str, Any], posted: rule.Posted | None, more: bool
    ) -> list[str]:
        """Return the keys of the empty entries a list offers: those it offered before, and new."""
        present = values.get(name) or {}
        if posted is None and name == ENTRANCES:  # known by their numbers
            count = min(int(values.get("entrances") or 1), MOST_ENTRANCES)
            return [str(no) for no in range(1, count + 1) if str(no) not in present]
        if posted is None:
            return [new_id() for _ in range(SPARE)]
        offered = [key for key in rule.keys_of(name, posted.texts) if key not in present]
        return [*offered, *([new_id()] if more else [])]

    def _told(
        self, controls: Sequence[Control], stored: Mapping[str, Any], posted: rule.Posted | None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return what the controls show, and what the personal ones among them hold, masked."""
        values: dict[str, Any] = {}
        notes: dict[str, str] = {}
        for one in rule.every_control(controls):
            if one.field.privacy == "open":
                value = one.value
                if posted is not None and one.name in posted.texts:
                    value = _typed_value(one, posted)
                values[one.name] = (
                    one.field.show(value, "zh") if one.field.widget == "location"
                    and isinstance(value, Mapping) else value
                )  # fmt: skip
                continue
            values[one.name] = _typed_value(one, posted) if posted is not None else None
            if (held := _held(stored, one.name)) is not None:
                notes[one.name] = one.field.show_masked(held, self.lang)
        return values, notes

    def _areas(self) -> tuple[Place, ...]:
        """Return where a new record may lie."""
        if self.name == COMPOUND:
            every = places_of(self.connection, self.person, longest=COMMUNITY_DIGITS)
            return tuple(one for one in every if len(one.code) == COMMUNITY_DIGITS)
        every = places_of(self.connection, self.person)
        if self.name == BUILDING:
            standing = [one for one in every if len(one.code) == GRID_DIGITS]
            return tuple(standing)
        return tuple(every)

    def _choices(self, control: Control, chosen: Any, asked: str) -> Choices:
        declared = control.field
        assert isinstance(declared, Ref)
        wanted = chosen if isinstance(chosen, list) else [chosen] if chosen else []
        scope = self.person.scope_codes
        rows = [
            row
            for row in base_read.named_of_kind(
                self.connection, self.person.district, declared.kind, scope, above(scope)
            )
            if self.seen(declared.kind, row)
        ]
        self.titles.preload(("record", one) for one in wanted if isinstance(one, str))
        named = {
            row["record_id"]: self.titles.title(declared.kind, row["fields"]) for row in rows
        }  # fmt: skip
        found = [
            (record_id, words)
            for record_id, words in named.items()
            if asked.strip() in words or record_id in wanted
        ]
        found.sort(key=lambda pair: (pair[0] not in wanted, natural(pair[1])))
        strange = [
            (str(one), self.titles.lookup(declared.kind, str(one)) or f"…{str(one)[-6:]}")
            for one in wanted
            if one not in named
        ]
        options = (*strange, *found[: max(AT_ONCE, len(wanted))])
        many = len(named) > AT_ONCE
        return Choices(options, len(found) + len(strange) - len(options), asked if many else None)

    def seen(self, kind: str, row: Row) -> bool:
        """Whether a record can be named by the person: it stands, and is in or around his areas."""
        return (
            row["kind"] == kind and not row["voided"] and row["merged_into"] is None
            and holds(self.person.scope_codes, row["grid"], kind_of(kind).info.reach)
        )  # fmt: skip

    def link(self, row: Row) -> Link:
        self.titles.preload([("record", row["record_id"])])
        kind = kind_of(row["kind"])
        name = self.titles.title(row["kind"], row["fields"]) or f"…{row['record_id'][-6:]}"
        opens = row["kind"] if inside(row["grid"], self.person.scope_codes) else ""
        return Link(kind.info.label.text(self.lang), name, opens, row["record_id"])


def asked_of(kind: type[Kind], *, new: bool) -> frozenset[str]:
    """Return the fields a form of a kind asks."""
    fixed = FIXED.get(kind.info.name, frozenset())
    parent = {kind.info.parent} if kind.info.parent else set()
    return frozenset(
        name
        for name, one in kind.declared().items()
        if one.ask and name not in parent and (new or name not in fixed)
    )


def _typed_value(control: Control, posted: rule.Posted) -> Any:
    """Return what was typed into a control, in stored form where it can be read."""
    name, dot, rest = control.name.partition(".")
    if not dot:
        return posted.typed.get(name)
    key, _, member = rest.rpartition(".")
    return ((posted.typed.get(name) or {}).get(key) or {}).get(member)


def _held(stored: Mapping[str, Any], control: str) -> Any:
    name, dot, rest = control.partition(".")
    if not dot:
        return stored.get(name)
    key, _, member = rest.rpartition(".")
    return ((stored.get(name) or {}).get(key) or {}).get(member)
