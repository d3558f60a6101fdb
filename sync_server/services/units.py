"""The register of departments and property companies: listing, adding, changing, ending them.

A unit stands at the district or at the community it serves. Personal details of whoever is in
charge are masked here as everywhere; left empty in a form, they stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.codes import code_list
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.values import difference, to_wire
from schemas.workflow import UNITS
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, require, require_records
from sync_server.services.central import CentralChange, apply_central_change, withdraw
from sync_server.services.ids import new_id
from sync_server.services.places import names_for
from sync_server.services.record_page import checked_reason
from sync_server.store import records_read, units, writing
from sync_server.store.engine import Store
from sync_server.store.records_read import Row
from sync_server.store.units import UNIT, Living

COMMUNITY_LENGTH = 12
CLEAR = "clear"
"""The control that empties personal fields: a form never shows what they hold."""


@dataclass(frozen=True)
class Unit:
    """One unit in words; ``waiting`` are issues of the reader's areas that are not over, ``people``
    who act for it."""

    row: Row
    name: str
    kind: str
    categories: str
    area: str
    people: tuple[Row, ...]
    waiting: Living

    @property
    def ended(self) -> bool:
        """Whether nothing can be dispatched to it any more."""
        return bool(self.row["voided"])


@dataclass(frozen=True)
class UnitPage:
    """One unit with its fields as ``(label, text)``, personal ones masked."""

    unit: Unit
    fields: tuple[tuple[str, str], ...]
    opens: bool
    """Whether the person may open its record and history."""


@dataclass(frozen=True)
class Form:
    """A unit being written. ``notes`` say what personal fields hold, masked; ``area`` is chosen
    when it is new and stays afterwards. ``stale``: somebody changed it meanwhile; ``stands`` says
    of what was typed otherwise how it stands now."""

    record_id: str
    version: int
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    notes: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    area: str = ""
    clear: tuple[str, ...] = ()
    stale: bool = False
    stands: Mapping[str, str] = field(default_factory=dict)


def list_units(
    connection: sa.Connection, person: User, lang: str, *, ended: bool = False
) -> list[Unit]:
    """Return the district's units by kind and name; raise Refusal ``not_allowed``."""
    require_records(person)
    rows = [
        row for row in units.all_units(connection, person.district) if bool(row["voided"]) == ended
    ]
    found = _units(connection, person, rows, lang)
    return sorted(found, key=lambda one: (one.row["fields"].get("unit_kind") != "department",
                                          one.name))  # fmt: skip


def open_unit(connection: sa.Connection, person: User, unit_id: str, lang: str) -> UnitPage:
    """Return one unit; raise Refusal ``not_allowed``, ``unknown_record``."""
    require_records(person)
    row = _find(connection, person, unit_id)
    [unit] = _units(connection, person, [row], lang)
    shown = tuple(
        (one.label.text(lang), one.show_masked(row["fields"].get(name), lang))
        for name, one in kind_of(UNIT).declared().items()
        if name != "name" and row["fields"].get(name) not in (None, "", [])
    )
    return UnitPage(unit, shown, inside(row["grid"], person.scope_codes))


def unit_names(connection: sa.Connection, district: str) -> dict[str, str]:
    """Return the names of a district's units by id, ended ones too."""
    return {
        row["record_id"]: str(row["fields"].get("name") or "")
        for row in units.all_units(connection, district)
    }


def unit_for(connection: sa.Connection, district: str, role: str, wanted: str) -> str | None:
    """Return the id of the unit that somebody of ``role`` is to act for, by its name or id; None
    for a role that acts for none.

    Raises Refusal: unit_needed, unit_needless, unknown_unit (also for one of the other kind).
    """
    wanted = wanted.strip()
    if role not in UNITS:
        if wanted:
            raise Refusal("unit_needless", role=role)
        return None
    if not wanted:
        raise Refusal("unit_needed", role=role)
    found = [
        row["record_id"]
        for row in units.all_units(connection, district)
        if not row["voided"]
        and row["fields"].get("unit_kind") == role
        and wanted in (row["record_id"], row["fields"].get("name"))
    ]
    if not found:
        raise Refusal("unknown_unit", unit=wanted)
    return str(found[0])


def begin_unit(person: User, lang: str) -> Form:
    """Return an empty form; raise Refusal ``not_allowed``."""
    _require(person)
    return _form(new_id(), 0, {}, {}, lang)


def change_unit(connection: sa.Connection, person: User, unit_id: str, lang: str) -> Form:
    """Return the form of a unit as it stands; raise Refusal ``not_allowed``, ``unknown_record``,
    ``out_of_date`` for one that was ended."""
    _require(person)
    row = _find(connection, person, unit_id)
    if row["voided"]:
        raise Refusal("out_of_date")
    return _form(unit_id, row["version"], row["fields"], row["fields"], lang)


def save_unit(
    store: Store,
    person: User,
    unit_id: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> Form | None:
    """Add or change the posted unit; return None when it was saved, else the form with what is
    wrong, or ``stale`` with what was typed when somebody changed the unit meanwhile.

    The same form sent twice makes one unit. Raises Refusal: not_allowed, bad_request, out_of_date
    for a unit that was ended.
    """
    _require(person)
    if not UUID.match(unit_id):
        raise Refusal("bad_request")
    kind = kind_of(UNIT)
    typed = forms.read(kind, getlist, names)
    area, version = _first(getlist("area")), _number(_first(getlist("version")))
    clear = tuple(getlist(CLEAR))
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        row = records_read.get(connection, person.district, unit_id)
        if row is not None and (row["kind"] != UNIT or row["voided"]):
            raise Refusal("out_of_date")
        if row is not None and version == 0:
            return None  # the same form once more
        stored = dict(row["fields"]) if row is not None else {}
        wanted = _wanted(stored, typed, clear)
        if row is None:
            said = to_wire(kind, wanted)
        else:
            said = difference(kind, stored, wanted)
            if not said:
                return None
            if row["version"] != version:
                form = _form(unit_id, row["version"], stored, {**stored, **typed}, lang)
                return replace(form, clear=clear, stale=True, stands=_stands(stored, said, lang))
        checked = check(kind, "update" if row is not None else "create", said)
        problems = {
            one.pointer.split("/")[1]: one.problem.text(lang)
            for one in checked.problems
            if one.pointer
        }
        if "name" not in problems and _named_alike(connection, person, unit_id, wanted):
            problems["name"] = ""
        if row is None and (
            len(area) > COMMUNITY_LENGTH or not area or not inside(area, person.scope_codes)
        ):
            problems["area"] = ""
        if problems:
            values = {**stored, **typed}
            return _form(unit_id, version, stored, values, lang, problems, area, clear)
        change = CentralChange(
            kind=UNIT,
            record_id=unit_id,
            action="update" if row is not None else "create",
            fields=checked.fields,
            author=person.user_id,
            grid=area if row is None else "",
            base_version=version or None,
        )
        apply_central_change(connection, person.district, change, now)
    return None


def end_unit(store: Store, person: User, unit_id: str, reason: str, now: datetime) -> None:
    """End a unit: it stands in no list of units to dispatch to any more.

    Raises Refusal: not_allowed, unknown_record, reason_needed; unit_has_work with ``count`` while
    issues wait for it.
    """
    _require(person)
    why = checked_reason(reason)
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        row = _find(connection, person, unit_id)
        if row["voided"]:
            return
        living = units.living_cases(connection, person.district, (person.district,))
        if unit_id in living:
            raise Refusal("unit_has_work", count=living[unit_id].both)
        withdraw(connection, person.district, person.user_id, row, why, now)


def _find(connection: sa.Connection, person: User, unit_id: str) -> Row:
    row = records_read.get(connection, person.district, unit_id)
    if row is None or row["kind"] != UNIT or row["merged_into"]:
        raise Refusal("unknown_record")
    return row


def _units(connection: sa.Connection, person: User, rows: Sequence[Row], lang: str) -> list[Unit]:
    people: dict[str, list[Row]] = {}
    for one in units.people_of(connection, person.district):
        people.setdefault(one["unit_id"], []).append(one)
    waiting = units.living_cases(connection, person.district, person.scope_codes)
    areas = names_for(connection, person.district, {row["grid"] for row in rows})
    declared = kind_of(UNIT).declared()
    return [
        Unit(
            row=row,
            name=str(row["fields"].get("name") or ""),
            kind=code_list("UNIT_KIND").text(row["fields"].get("unit_kind") or "", lang),
            categories=declared["categories"].show(row["fields"].get("categories") or [], lang),
            area=areas.get(row["grid"], row["grid"]),
            people=tuple(people.get(row["record_id"], ())),
            waiting=waiting.get(row["record_id"], Living()),
        )
        for row in rows
    ]


def _named_alike(
    connection: sa.Connection, person: User, unit_id: str, wanted: Mapping[str, Any]
) -> bool:
    """Whether another unit in use has the same name: accounts are given by name."""
    return any(
        not row["voided"] and row["record_id"] != unit_id
        and row["fields"].get("name") == wanted.get("name")
        for row in units.all_units(connection, person.district)
    )  # fmt: skip


def _personal() -> tuple[str, ...]:
    return tuple(name for name, one in kind_of(UNIT).declared().items() if one.privacy != "open")


def _wanted(
    stored: Mapping[str, Any], typed: Mapping[str, Any], clear: Sequence[str]
) -> dict[str, Any]:
    """Return the stored fields after what was typed; personal ones left empty stay."""
    wanted = dict(stored)
    for name, value in typed.items():
        if value is not None:
            wanted[name] = value
        elif name not in _personal():
            wanted.pop(name, None)
    for name in clear:
        if name in _personal() and typed.get(name) is None:
            wanted.pop(name, None)
    return wanted


def _stands(stored: Mapping[str, Any], said: Mapping[str, Any], lang: str) -> dict[str, str]:
    """Return how the open fields of ``said`` stand in the record; of personal ones notes tell."""
    declared = kind_of(UNIT).declared()
    return {
        name: declared[name].show(stored.get(name), lang)
        for name in said
        if name not in _personal()
    }


def _form(
    record_id: str,
    version: int,
    stored: Mapping[str, Any],
    values: Mapping[str, Any],
    lang: str,
    problems: Mapping[str, str] | None = None,
    area: str = "",
    clear: tuple[str, ...] = (),
) -> Form:
    kind, personal = kind_of(UNIT), _personal()
    declared = kind.declared()
    shown = {
        name: value
        for name, value in values.items()
        if name not in personal or value != stored.get(name)
    }
    notes = {
        name: declared[name].show_masked(stored[name], lang) for name in personal if name in stored
    }
    return Form(
        record_id=record_id,
        version=version,
        controls=tuple(forms.controls(kind, dict(shown), lang)),
        values=shown,
        notes=notes,
        problems=problems or {},
        area=area,
        clear=clear,
    )


def _first(texts: Sequence[str]) -> str:
    return texts[0].strip() if texts else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else 0


def _require(person: User) -> None:
    require(person, "units")
