"""What campaigns achieved (成果): noting a result, correcting it, taking it back; totals of a
campaign, and of an area and period.

Results are entries of the campaign's record, so that a correction is a change like any other: kept
with its author, merged with what somebody else noted meanwhile, sent to the laptops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import local_day
from schemas.codes import code_list
from schemas.fields import Declared, Keyed
from schemas.fields.base import KEY, UUID
from schemas.forms import Control, GetList
from schemas.messages import Problem
from sync_server.domain.access import may, narrowed
from sync_server.domain.areas import above, inside
from sync_server.domain.errors import Refusal
from sync_server.domain.result_totals import Entry, Total, add_up
from sync_server.services.accounts import User, require_records
from sync_server.services.campaigns import KIND
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.ids import new_id
from sync_server.services.places import COMMUNITY_LENGTH, Place, names_for, places_of
from sync_server.store import campaigns as stored
from sync_server.store import records_read
from sync_server.store.engine import Store
from sync_server.store.records_read import Row

RESULTS = "results"
PAGE = 50


@dataclass(frozen=True)
class Form:
    """A result being written: of which campaign, under which key, the version that was seen; new or
    one that stands. ``known`` are the items noted before, to be chosen again."""

    campaign_id: str
    campaign: str
    key: str
    version: int
    new: bool
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    areas: tuple[Place, ...]
    known: tuple[str, ...]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One result in words; ``area`` is where, the campaign's own where it says nothing."""

    campaign_id: str
    campaign: str
    key: str
    item: str
    qty: str
    unit: str
    on: str
    area: str
    note: str


@dataclass(frozen=True)
class Sum:
    """What an item comes to, in words."""

    item: str
    qty: str
    unit: str
    results: int
    campaigns: int


@dataclass(frozen=True)
class Results:
    """The totals of results, and the results themselves, the latest first; of a page."""

    totals: tuple[Sum, ...]
    lines: tuple[Line, ...]
    total: int
    page: int = 1
    pages: int = 1


def of_campaign(
    connection: sa.Connection, district: str, row: Row, areas: tuple[str, ...], lang: str
) -> Results:
    """Return what a campaign achieved in these areas."""
    return _results(connection, district, _entries([row], areas), lang)


def over_campaigns(
    connection: sa.Connection, person: User, *, area: str, first: date, last: date, page: int,
    lang: str,
) -> Results:  # fmt: skip
    """Return what the campaigns that stand achieved in an area from ``first`` to ``last``, by the
    day each result says. A result that names no place counts where its campaign's whole area does.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    rows = [
        row
        for row in stored.campaigns_for(connection, person.district, areas, above(areas))
        if not row["voided"]
    ]
    within = first.isoformat(), last.isoformat()
    found = [one for one in _entries(rows, areas) if within[0] <= one[2]["on"] <= within[1]]
    return _results(connection, person.district, found, lang, page)


def begin_result(
    connection: sa.Connection, person: User, campaign_id: str, key: str, now: datetime, lang: str
) -> Form:
    """Return the form of a new result (no ``key``), with the day of today, or of one that stands.

    Raises Refusal: not_allowed, unknown_record, out_of_date for a campaign that was withdrawn.
    """
    row = _own(connection, person, campaign_id)
    entry = (row["fields"].get(RESULTS) or {}).get(key) if key else {"on": local_day(now)}
    if entry is None:
        raise Refusal("unknown_record")
    return _form(connection, person, row, key or new_id(), entry, {}, row["version"], not key, lang)


def send_result(
    store: Store, person: User, campaign_id: str, key: str, getlist: GetList, version: int,
    now: datetime, lang: str, *, new: bool,
) -> Form | bool:  # fmt: skip
    """Note a posted result, or correct the one under ``key``, as the person saw the campaign in
    ``version``; return whether somebody else corrected it meanwhile, so that both wait for a
    decision; the form with what is wrong when nothing was saved.

    The same form sent twice notes one result. Raises Refusal: not_allowed, unknown_record,
    out_of_date (the campaign was withdrawn, the result taken back), bad_request.
    """
    if not (UUID if new else KEY).match(key):
        raise Refusal("bad_request")
    with store.writing() as connection:
        row = _own(connection, person, campaign_id)
        before = (row["fields"].get(RESULTS) or {}).get(key)
        if not new and before is None:
            raise Refusal("out_of_date")
        typed = {
            name: value
            for name, one in _members().items()
            if (value := one.from_form(getlist(name))) is not None
        }
        said = {RESULTS: {"add": {key: typed}}}
        checked = check(kind_of(KIND), "update", said)
        problems = {
            (one.pointer.split("/") + [""] * 4)[4]: one.problem.text(lang)
            for one in checked.problems
        }
        problems |= _beyond(typed, problems, row, now, lang)
        if problems:
            return _form(connection, person, row, key, typed, problems, version, new, lang)
        if before == checked.fields[RESULTS]["add"][key] or (new and before is not None):
            return False  # the same once more
        effect = apply_central_change(
            connection, person.district,
            CentralChange(KIND, campaign_id, "update", said, person.user_id, base_version=version),
            now,
        )  # fmt: skip
        return effect.outcome == "conflict"


def take_back(store: Store, person: User, campaign_id: str, key: str, now: datetime) -> None:
    """Take a result back; it stays in the campaign's history. One that is gone already stays so.

    Raises Refusal: not_allowed, unknown_record, out_of_date for a campaign that was withdrawn.
    """
    with store.writing() as connection:
        row = _own(connection, person, campaign_id)
        if key in (row["fields"].get(RESULTS) or {}):
            change = CentralChange(
                KIND, campaign_id, "update", {RESULTS: {"remove": [key]}}, person.user_id,
                base_version=row["version"],
            )  # fmt: skip
            apply_central_change(connection, person.district, change, now)


def _own(connection: sa.Connection, person: User, campaign_id: str) -> Row:
    if not may(person.role, "campaigns"):
        raise Refusal("not_allowed")
    row = records_read.get(connection, person.district, campaign_id)
    if row is None or row["kind"] != KIND or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    if row["voided"] or row["merged_into"] is not None:
        raise Refusal("out_of_date")
    return row


def _members() -> Mapping[str, Declared]:
    return cast(Keyed, kind_of(KIND).declared()[RESULTS]).entry_fields


def _beyond(
    typed: Mapping[str, Any], problems: Mapping[str, str], row: Row, now: datetime, lang: str
) -> dict[str, str]:
    """Return what is wrong with a result beside its campaign: a day to come, a place elsewhere."""
    found = {}
    if "on" not in problems and str(typed.get("on") or "") > local_day(now):
        found["on"] = Problem("in_future").text(lang)
    if typed.get("area_code") and not inside(str(typed["area_code"]), (row["grid"],)):
        found["area_code"] = ""
    return found


def _form(
    connection: sa.Connection, person: User, row: Row, key: str, values: Mapping[str, Any],
    problems: Mapping[str, str], version: int, new: bool, lang: str,
) -> Form:  # fmt: skip
    areas = tuple(
        place
        for place in places_of(connection, person, longest=COMMUNITY_LENGTH)
        if inside(place.code, (row["grid"],)) and place.code != row["grid"]
    )
    controls = tuple(
        Control(name, one, values.get(name))
        for name, one in _members().items()
        if name != "area_code" or areas or values.get(name)
    )
    others = stored.campaigns_for(
        connection, person.district, person.scope_codes, above(person.scope_codes)
    )
    known = {
        str(entry["item"])
        for one in others
        for entry in (one["fields"].get(RESULTS) or {}).values()
    }
    name = str(row["fields"].get("name") or "")
    return Form(
        row["record_id"], name, key, version, new, controls, values, areas, tuple(sorted(known)),
        problems,
    )  # fmt: skip


Found = tuple[Row, str, Mapping[str, Any], str]
"""A campaign, the key and entry of a result of it, and the area it counts in."""


def _entries(rows: list[Row], areas: tuple[str, ...]) -> list[Found]:
    return list(_inside(rows, areas))


def _inside(rows: list[Row], areas: tuple[str, ...]) -> Iterator[Found]:
    for row in rows:
        for key, entry in (row["fields"].get(RESULTS) or {}).items():
            area = str(entry.get("area_code") or row["grid"])
            if inside(area, areas):
                yield row, key, entry, area


def _results(
    connection: sa.Connection, district: str, found: list[Found], lang: str, page: int = 0
) -> Results:
    """Return results in words, ``page`` 0: all of them at once."""
    found = sorted(found, key=lambda one: (str(one[2].get("on") or ""), one[1]), reverse=True)
    pages = max(1, -(-len(found) // PAGE))
    page = min(page, pages)
    some = found[(page - 1) * PAGE : page * PAGE] if page else found
    names = names_for(connection, district, {area for _, _, _, area in some})
    units = code_list("RESULT_UNIT")
    totals = add_up(
        Entry(row["record_id"], str(one["item"]), str(one["qty"]), str(one["unit"]))
        for row, _, one, _ in found
    )
    return Results(
        totals=tuple(_in_words(one, units.text(one.unit, lang)) for one in totals),
        lines=tuple(
            Line(
                row["record_id"], str(row["fields"].get("name") or ""), key, str(one["item"]),
                _number(Decimal(str(one["qty"]))), units.text(str(one["unit"]), lang),
                str(one["on"]), names[area], str(one.get("note") or ""),
            )
            for row, key, one, area in some
        ),
        total=len(found),
        page=max(page, 1),
        pages=pages,
    )  # fmt: skip


def _in_words(one: Total, unit: str) -> Sum:
    return Sum(one.item, _number(one.qty), unit, one.results, one.campaigns)


def _number(qty: Decimal) -> str:
    """Return a quantity with its thousands parted: 4,000 or 3.95."""
    said = f"{qty:,f}"
    return said.rstrip("0").rstrip(".") if "." in said else said
