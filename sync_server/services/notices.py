"""Notices from the centre to the grids of an area: writing one, and how far each has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import written
from schemas.describe import title
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.values import to_wire
from sync_server.domain.access import may
from sync_server.domain.areas import above, inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import LAPTOP_ROLES, User, require_records
from sync_server.services.central import CentralChange, apply_central_change, withdraw
from sync_server.services.ids import new_id
from sync_server.services.places import names_for
from sync_server.services.record_page import checked_reason
from sync_server.store import devices_read, people_read, records_read
from sync_server.store.engine import Store
from sync_server.store.records_read import Order, Row, Selection

KIND, MARK = "notice", "notice_read"
PAGE = 50


@dataclass(frozen=True)
class Sent:
    """One notice: its title and area, how many devices in use are there and how many of them have
    synced since it was sent, how many workers there are and how many people have read it."""

    row: Row
    title: str
    level: str
    area: str
    author: str
    devices: int
    reached: int
    workers: int
    readers: int
    state: str
    """``voided``, ``over`` when it holds no longer, else ``live``."""


@dataclass(frozen=True)
class Reached:
    """One worker: when one of his laptops last synced since the notice was sent, when he first
    opened it; None for not yet. ``devices`` is how many laptops he uses."""

    no: str
    name: str
    devices: int
    synced_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True)
class NoticePage:
    """One notice with how far it has come: by grid the workers there, and who read it besides."""

    row: Row
    title: str
    text: str
    level: str
    area: str
    author: str
    until: str
    state: str
    grids: tuple[tuple[str, str, tuple[Reached, ...]], ...]
    """Code and name of each grid, and its workers by number."""
    others: tuple[tuple[str, datetime], ...]
    """Readers who work elsewhere by now: name and when."""
    workers: int
    reached: int
    readers: int


@dataclass(frozen=True)
class Received:
    """A notice to a larger area that the person's areas lie in."""

    record_id: str
    title: str
    text: str
    level: str
    area: str
    author: str
    at: datetime
    until: str


@dataclass(frozen=True)
class SentPage:
    """A page of notices, the newest first."""

    notices: tuple[Sent, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Form:
    """A notice being written: its id (sending twice makes one), controls, and what is wrong."""

    record_id: str
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)


def list_notices(
    connection: sa.Connection, person: User, page: int, day: str, lang: str
) -> SentPage:
    """Return the notices to areas inside the person's, as they stand on ``day`` (2026-09-30);
    raise Refusal ``not_allowed``."""
    require_records(person)
    district, kind = person.district, kind_of(KIND)
    wanted = Selection(KIND, person.scope_codes, state="all")
    rows, total = records_read.page(
        connection, district, wanted, Order(), start=(page - 1) * PAGE, size=PAGE
    )
    names = names_for(connection, district, {row["grid"] for row in rows})
    people = people_read.names_of(connection, district, {row["author"] for row in rows})
    in_use = _in_use(connection, district, person.scope_codes)
    workers = devices_read.workers_in(connection, district, person.scope_codes, LAPTOP_ROLES)
    read = records_read.first_marks(connection, district, MARK, [row["record_id"] for row in rows])
    notices = []
    for row in rows:
        there = [one for one in in_use if _works_in(one["grids"], row["grid"])]
        notices.append(
            Sent(
                row=row,
                title=title(kind, row["fields"], lang, lambda *_: None),
                level=kind.declared()["level"].show(row["fields"].get("level"), lang),
                area=names[row["grid"]],
                author=people.get(row["author"], ""),
                devices=len(there),
                reached=sum(1 for one in there if _since(one, row)),
                workers=sum(1 for one in workers if _works_in(one["scope_codes"], row["grid"])),
                readers=len(read[row["record_id"]]),
                state=_state(row, day),
            )
        )
    return SentPage(tuple(notices), total, page, max(1, -(-total // PAGE)))


def received(connection: sa.Connection, person: User, day: str, lang: str) -> tuple[Received, ...]:
    """Return the newest notices that hold on ``day`` and went to areas around the person's: what
    offices above have told him. Raises Refusal ``not_allowed``."""
    require_records(person)
    district, kind = person.district, kind_of(KIND)
    areas = above(person.scope_codes)
    rows = [
        row
        for row in records_read.at_areas(connection, district, KIND, areas, PAGE)
        if _state(row, day) == "live"
    ]
    names = names_for(connection, district, {row["grid"] for row in rows})
    people = people_read.names_of(connection, district, {row["author"] for row in rows})
    return tuple(
        Received(
            record_id=row["record_id"],
            title=title(kind, row["fields"], lang, lambda *_: None),
            text=str(row["fields"].get("text") or ""),
            level=kind.declared()["level"].show(row["fields"].get("level"), lang),
            area=names[row["grid"]],
            author=people.get(row["author"], ""),
            at=row["happened_at"],
            until=str(row["fields"].get("valid_to") or ""),
        )
        for row in rows
    )


def open_notice(
    connection: sa.Connection, person: User, record_id: str, day: str, lang: str
) -> NoticePage:
    """Return one notice with everybody it is for.

    Raises Refusal: not_allowed, unknown_record for one that is not to an area of the person's.
    """
    require_records(person)
    district, kind = person.district, kind_of(KIND)
    row = _find(connection, person, record_id)
    area, fields = row["grid"], row["fields"]
    read = records_read.first_marks(connection, district, MARK, [record_id])[record_id]
    synced: dict[str, datetime] = {}
    for one in _in_use(connection, district, (area,)):
        if _since(one, row):
            worker_id, at = one["worker_id"], one["last_sync_at"]
            synced[worker_id] = max(at, synced.get(worker_id, at))
    workers = devices_read.workers_in(connection, district, (area,), LAPTOP_ROLES)
    by_grid: dict[str, list[Reached]] = {}
    for one in workers:
        reached = Reached(
            no=one["no"],
            name=one["name"],
            devices=one["devices"],
            synced_at=synced.get(one["user_id"]),
            read_at=read.get(one["user_id"]),
        )
        for grid in one["scope_codes"]:
            if inside(grid, (area,)):
                by_grid.setdefault(grid, []).append(reached)
    here = {one["user_id"] for one in workers}
    elsewhere = {one: at for one, at in read.items() if one not in here}
    people = people_read.names_of(connection, district, {row["author"], *elsewhere})
    names = names_for(connection, district, {area, *by_grid})
    return NoticePage(
        row=row,
        title=title(kind, fields, lang, lambda *_: None),
        text=str(fields.get("text") or ""),
        level=kind.declared()["level"].show(fields.get("level"), lang),
        area=names[area],
        author=people.get(row["author"], ""),
        until=str(fields.get("valid_to") or ""),
        state=_state(row, day),
        grids=tuple((grid, names[grid], tuple(by_grid[grid])) for grid in sorted(by_grid)),
        others=tuple((people.get(one, ""), at) for one, at in elsewhere.items()),
        workers=len(workers),
        reached=len(here & synced.keys()),
        readers=len(here & read.keys()),
    )


def void_notice(store: Store, person: User, record_id: str, reason: str, now: datetime) -> None:
    """Withdraw a notice: the laptops stop listing it after their next sync. One that is void
    already stays so.

    Raises Refusal: not_allowed, unknown_record, reason_needed.
    """
    _require(person)
    why = checked_reason(reason)
    with store.writing() as connection:
        row = _find(connection, person, record_id)
        withdraw(connection, person.district, person.user_id, row, why, now)


def _find(connection: sa.Connection, person: User, record_id: str) -> Row:
    row = records_read.get(connection, person.district, record_id)
    if row is None or row["kind"] != KIND or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    return row


def _in_use(connection: sa.Connection, district: str, codes: Sequence[str]) -> list[Row]:
    devices = devices_read.devices_in(connection, district, codes)
    return [one for one in devices if one["state"] == "active"]


def _works_in(grids: Sequence[str], area: str) -> bool:
    return any(inside(grid, (area,)) for grid in grids)


def _since(device: Row, notice: Row) -> bool:
    """Whether a laptop has synced since a notice was sent."""
    last = device["last_sync_at"]
    return last is not None and bool(last > notice["received_at"])


def _state(row: Row, day: str) -> str:
    if row["voided"]:
        return "voided"
    until = row["fields"].get("valid_to")
    return "over" if until and until < day else "live"


def begin_notice(person: User, now: datetime, lang: str) -> Form:
    """Return an empty form, dated now; raise Refusal ``not_allowed``."""
    _require(person)
    values = {"issued_at": written(now), "level": "normal"}
    return _form(new_id(), values, {}, lang)


def send_notice(
    store: Store,
    person: User,
    record_id: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> Form | None:
    """Write the posted notice; return None when it was sent, else the form with what is wrong.

    The same form sent twice makes one notice. Raises Refusal ``not_allowed``.
    """
    _require(person)
    if not UUID.match(record_id):
        raise Refusal("bad_request")
    kind = kind_of(KIND)
    values = forms.read(kind, getlist, names)
    said = {name: value for name, value in values.items() if value is not None}
    checked = check(kind, "create", to_wire(kind, said))
    problems = {
        one.pointer.split("/")[1]: one.problem.text(lang) for one in checked.problems if one.pointer
    }
    area = str(said.get("area_code") or "")
    if "area_code" not in problems and not inside(area, person.scope_codes):
        problems["area_code"] = ""
    if problems:
        return _form(record_id, values, problems, lang)
    change = CentralChange(
        kind=KIND,
        record_id=record_id,
        action="create",
        fields=checked.fields,
        author=person.user_id,
        grid=area,
    )
    with store.writing() as connection:
        if records_read.get(connection, person.district, record_id) is None:
            apply_central_change(connection, person.district, change, now)
    return None


def _form(
    record_id: str, values: Mapping[str, Any], problems: Mapping[str, str], lang: str
) -> Form:
    controls = forms.controls(kind_of(KIND), dict(values), lang)
    return Form(record_id, tuple(controls), values, problems)


def _require(person: User) -> None:
    if not may(person.role, "notices"):
        raise Refusal("not_allowed")
