"""Ledgers (台账): saved views of records, with name, filters and columns of the district's own.

Nothing is entered into a ledger: a fact is entered once, where it belongs, and fills every ledger
that shows it. A district begins with eight, which are our default and may be changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import UnknownKind, kind_of
from schemas.codes import CodeList
from schemas.fields import Code, Codes, Flag
from schemas.kind import Kind
from schemas.party import KINDS as PARTY_KINDS
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.services import layouts
from sync_server.services.accounts import User, require, require_records
from sync_server.services.ids import new_id
from sync_server.services.layouts import Column, Sheet
from sync_server.services.listing import lineage
from sync_server.store import ledgers as store_ledgers
from sync_server.store import records_read
from sync_server.store.records_read import Choice, Order, Selection
from sync_server.store.writing import lock_district

PAGE = 50
AT_ONCE = 1_000
"""Records counted at once for a page that has a row for each entry of a list of theirs."""
LONGEST_NAME = 60
FILLED, YES, NO = "*", "yes", "no"
OR = "|"
PARTY = OR.join(PARTY_KINDS)
ROOM = "household_id.room_id."
PLACE = ("room_id.building_id.compound_id.name", "room_id.building_id.no", "room_id.unit_no",
         "room_id.no")  # fmt: skip
DEFAULTS: tuple[tuple[str, tuple[tuple[str, Mapping[str, str], tuple[str, ...]], ...]], ...] = (
    ("住户台账", (("household", {}, ("code", *PLACE, "kind", "head_id", "size", "phone",
                                  "care_risk", "@area", "@community")),)),
    ("居民台账", (("resident", {}, (*(f"household_id.{one}" for one in PLACE), "household_id.code",
                                 "name", "sex", "birth", "id_no", "relation", "phone", "reside",
                                 "guardian", "moved_out_at", "@area")),)),
    ("党员台账", (
        ("org", {"org_kind": PARTY}, ("members.name", "members.post", "members.phone",
                                      "members.since", "members.until",
                                      "member_checks.member_class", "member_checks.checked_on",
                                      "name", "org_kind", "compound_ids", "@area")),
        ("household", {"centre": YES}, ("code", *PLACE, "head_id", "phone", "@area")),
    )),
    ("关怀对象台账", (("care", {}, ("resident_id", "resident_id.birth", "cats", "risk",
                              "visit_every_days", "contact", "needs", "keeper_id", "since",
                              "until", "@area")),)),
    ("出租房台账", (("room", {"state": "rent"}, ("building_id.compound_id.name", "building_id.no",
                                             "unit_no", "no", "label", "use", "@area")),)),
    ("商铺台账", (("shop", {}, ("name", "kind", "address", "uscc", "keeper", "phone", "staff",
                            "sleep_in", "gas", "fumes", "extinguisher_until", "@area")),)),
    ("隐患台账", (
        ("room", {"hazards": FILLED}, ("label", "building_id.compound_id.name", "hazards",
                                       "@area")),
        ("issue", {"category": "FIRE"}, ("title", "category", "place", "text", "@happened",
                                         "@area", "@author")),
    )),
    ("诉求台账", (
        ("service", {}, ("kind", "item", "words", "applicant", "phone", "channel", "requested_at",
                         "@area")),
        ("issue", {"source": "resident"}, ("title", "category", "text", "reporter",
                                           "reporter_phone", "@happened", "@area")),
    )),
)  # fmt: skip
"""The eight a district begins with: name, and by part kind, filters, columns."""


@dataclass(frozen=True)
class Part:
    """One kind of records a ledger shows: which, and as which columns. ``filters``: by field a
    code (or several: ``branch|group``), ``yes``/``no`` for a flag, or ``*`` for anything filled
    in."""

    kind: type[Kind]
    filters: Mapping[str, str]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Ledger:
    """One ledger."""

    ledger_id: str
    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class LedgerPage:
    """A page of one part of a ledger."""

    ledger: Ledger
    part: int
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Any, ...]], ...]
    """Each with its record's id."""
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class FilterChoice:
    """One field a ledger can be narrowed by, what it is narrowed to, and what it can be."""

    name: str
    label: str
    value: str
    codes: CodeList | None
    flag: bool


def every(connection: sa.Connection, person: User) -> list[Ledger]:
    """Return the district's ledgers; raise Refusal ``not_allowed``."""
    require_records(person)
    rows = store_ledgers.every(connection, person.district) or default_rows(person.district)
    return [_read(row) for row in rows]


def get(connection: sa.Connection, person: User, ledger_id: str) -> Ledger:
    """Return one ledger; raise Refusal: not_allowed, unknown_ledger."""
    for one in every(connection, person):
        if one.ledger_id == ledger_id:
            return one
    raise Refusal("unknown_ledger")


def named(connection: sa.Connection, person: User, name: str) -> Ledger:
    """Return the ledger of this name; raise Refusal: not_allowed, unknown_ledger."""
    for one in every(connection, person):
        if one.name == name:
            return one
    raise Refusal("unknown_ledger", name=name)


def default_rows(district: str) -> list[dict[str, Any]]:
    """Return the eight ledgers a district begins with, as they are stored when one is changed."""
    rows = []
    for place, (name, parts) in enumerate(DEFAULTS):
        stored = []
        for kind, filters, paths in parts:
            known = set(layouts.paths_of(kind_of(kind)))
            columns = [[path, ""] for path in paths if path in known]
            stored.append({"kind": kind, "filters": dict(filters), "columns": columns})
        ledger_id = f"00000000-0000-7000-8000-0000000000{place + 16:02x}"
        rows.append({"district": district, "ledger_id": ledger_id, "name": name, "place": place,
                     "parts": stored})  # fmt: skip
    return rows


def _read(row: Mapping[str, Any]) -> Ledger:
    parts = []
    for stored in row["parts"]:
        try:
            kind = kind_of(stored["kind"])
        except UnknownKind:
            continue
        columns = layouts.read_columns(kind, stored["columns"]) or layouts.usual(kind)
        known = kind.declared()
        filters = {name: text for name, text in stored["filters"].items() if name in known}
        parts.append(Part(kind, filters, columns))
    return Ledger(row["ledger_id"], row["name"], tuple(parts))


def open_page(
    connection: sa.Connection, person: User, ledger_id: str, part: int, page: int, lang: str, *,
    area: str = "",
) -> LedgerPage:  # fmt: skip
    """Return a page of one part of a ledger, masked.

    Raises Refusal: not_allowed, unknown_ledger, unknown_record (an area outside the person's).
    """
    ledger = get(connection, person, ledger_id)
    part = part if 0 <= part < len(ledger.parts) else 0
    wanted = selection(person, ledger.parts[part], area)
    mine = ledger.parts[part]
    sheet = Sheet(connection, person, mine.kind, mine.columns, lang)
    start, order = (page - 1) * PAGE, Order("happened_at")
    if sheet.each is not None:
        lines, total = _entries(connection, person, sheet, sheet.each, wanted, order, start)
    else:
        rows, total = records_read.page(
            connection, person.district, wanted, order, start=start, size=PAGE
        )
        lines = sheet.lines(rows)
    return LedgerPage(
        ledger, part, sheet.heads,
        tuple((row["record_id"], tuple(cells)) for row, cells in lines),
        total, page, max(1, -(-total // PAGE)),
    )  # fmt: skip


def _entries(
    connection: sa.Connection, person: User, sheet: Sheet, field: str, wanted: Selection,
    order: Order, start: int,
) -> tuple[list[tuple[Mapping[Any, Any], list[Any]]], int]:  # fmt: skip
    """Return a page of the rows that stand for entries of a list, from row ``start`` on, with the
    record of each, and how many rows there are in all."""
    some: list[str] = []
    before = total = 0
    for record_id, count in records_read.entry_counts(
        connection, person.district, wanted, order, field, size=AT_ONCE
    ):
        if total < start + PAGE and total + count > start:
            before = before if some else total
            some.append(record_id)
        total += count
    rows = records_read.by_ids(connection, person.district, some)
    lines = sheet.lines([rows[one] for one in some])
    return lines[start - before :][:PAGE], total


def selection(person: User, part: Part, area: str = "") -> Selection:
    """Return which records a part shows somebody; raise Refusal ``unknown_record`` for an area
    outside his."""
    areas = narrowed(person.scope_codes, area) if area else person.scope_codes
    if area and not areas:
        raise Refusal("unknown_record")
    declared = part.kind.declared()
    choices, filled, flags = [], [], []
    for name, text in part.filters.items():
        field = declared[name]
        if text == FILLED:
            filled.append(name)
        elif isinstance(field, Flag):
            flags.append((name, text == YES))
        else:
            choices.append(Choice(name, text, isinstance(field, Codes)))
    return Selection(
        kind=part.kind.info.name, areas=areas, lineage=lineage(part.kind),
        scope=person.scope_codes, choices=tuple(choices), filled=tuple(filled),
        flags=tuple(flags),
    )  # fmt: skip


def filter_choices(part: Part, lang: str) -> list[FilterChoice]:
    """Return by what a part can be narrowed: open code lists, flags, whether it is filled in."""
    found = []
    for name, field in part.kind.declared().items():
        if field.privacy != "open":
            continue
        codes = field.codes if isinstance(field, Code) else None
        flag = isinstance(field, Flag)
        if codes is None and not flag and field.widget not in ("paragraph", "day"):
            continue
        found.append(
            FilterChoice(name, field.label.text(lang), part.filters.get(name, ""), codes, flag)
        )
    return found


def posted_filters(kind: type[Kind], form: Mapping[str, str]) -> dict[str, str]:
    """Return the filters a posted form says; several codes at once stay as they were."""
    found = {}
    for one in filter_choices(Part(kind, {}, ()), "zh"):
        text = form.get(f"filter-{one.name}", "")
        allowed = text == FILLED or (one.flag and text in (YES, NO))
        codes = text.split(OR)
        if allowed or (one.codes is not None and all(code in one.codes for code in codes)):
            found[one.name] = text
    return found


def save(
    connection: sa.Connection, person: User, ledger_id: str, name: str, part: int,
    filters: Mapping[str, str], columns: Sequence[Column], now: datetime,
) -> None:  # fmt: skip
    """Keep a ledger's name, and filters and columns of one of its parts.

    Raises Refusal: not_allowed, unknown_ledger, ledger_name.
    """
    _require(person)
    _settle(connection, person, now)
    ledger = get(connection, person, ledger_id)
    clean = _checked_name(connection, person, name, ledger_id)
    parts = [_stored(one) for one in ledger.parts]
    if 0 <= part < len(parts):
        parts[part] |= {
            "filters": dict(filters),
            "columns": layouts.as_stored(columns or ledger.parts[part].columns),
        }
    store_ledgers.change(
        connection, person.district, ledger_id,
        name=clean, parts=parts, set_by=person.user_id, set_at=now,
    )  # fmt: skip


def add(
    connection: sa.Connection, person: User, name: str, kinds: Sequence[str], now: datetime
) -> str:
    """Add a ledger of these kinds with their usual columns and return its id.

    Raises Refusal: not_allowed, ledger_name, unknown_kind.
    """
    _require(person)
    _settle(connection, person, now)
    clean = _checked_name(connection, person, name)
    try:
        found = [kind_of(kind) for kind in dict.fromkeys(kinds)]
    except UnknownKind:
        raise Refusal("unknown_kind") from None
    if not found:
        raise Refusal("unknown_kind")
    ledger_id = new_id()
    parts = [_stored(Part(kind, {}, layouts.usual(kind))) for kind in found]
    place = len(store_ledgers.every(connection, person.district))
    store_ledgers.add(
        connection,
        [{"district": person.district, "ledger_id": ledger_id, "name": clean, "place": place,
          "parts": parts, "set_by": person.user_id, "set_at": now}],
    )  # fmt: skip
    return ledger_id


def remove(connection: sa.Connection, person: User, ledger_id: str, now: datetime) -> None:
    """Delete a ledger; the records stay. Raises Refusal: not_allowed, unknown_ledger."""
    _require(person)
    _settle(connection, person, now)
    get(connection, person, ledger_id)
    store_ledgers.remove(connection, person.district, ledger_id)


def _stored(part: Part) -> dict[str, Any]:
    return {
        "kind": part.kind.info.name, "filters": dict(part.filters),
        "columns": layouts.as_stored(part.columns),
    }  # fmt: skip


def _require(person: User) -> None:
    require(person, "ledgers")


def _settle(connection: sa.Connection, person: User, now: datetime) -> None:
    """Store the eight the district begins with, once one of them is changed; nobody else changes
    any until this transaction ends."""
    lock_district(connection, person.district)
    if not store_ledgers.every(connection, person.district):
        rows = [{**row, "set_by": None, "set_at": now} for row in default_rows(person.district)]
        store_ledgers.add(connection, rows)


def _checked_name(connection: sa.Connection, person: User, name: str, mine: str = "") -> str:
    clean = " ".join(name.split())
    taken = {one.name for one in every(connection, person) if one.ledger_id != mine}
    if not 1 <= len(clean) <= LONGEST_NAME or not clean.isprintable() or clean in taken:
        raise Refusal("ledger_name")
    return clean
