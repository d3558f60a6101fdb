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
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.ids import new_id
from sync_server.services.places import names_for
from sync_server.services.uploads import require_records
from sync_server.store import devices_read, people_read, records_read
from sync_server.store.engine import Store
from sync_server.store.records_read import Order, Row, Selection

KIND = "notice"
PAGE = 50


@dataclass(frozen=True)
class Sent:
    """One notice: its title and area, how many devices in use are there and how many of them have
    synced since it was sent."""

    row: Row
    title: str
    level: str
    area: str
    author: str
    devices: int
    reached: int


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


def list_notices(connection: sa.Connection, person: User, page: int, lang: str) -> SentPage:
    """Return the notices to areas inside the person's; raise Refusal ``not_allowed``."""
    require_records(person)
    district, kind = person.district, kind_of(KIND)
    wanted = Selection(KIND, person.scope_codes)
    rows, total = records_read.page(
        connection, district, wanted, Order(), start=(page - 1) * PAGE, size=PAGE
    )
    names = names_for(connection, district, {row["grid"] for row in rows})
    people = people_read.names_of(connection, district, {row["author"] for row in rows})
    in_use = [
        one
        for one in devices_read.devices_in(connection, district, person.scope_codes)
        if one["state"] == "active"
    ]
    notices = []
    for row in rows:
        there = [
            one for one in in_use if any(inside(grid, (row["grid"],)) for grid in one["grids"])
        ]
        reached = [
            one for one in there if one["last_sync_at"] and one["last_sync_at"] > row["received_at"]
        ]
        notices.append(
            Sent(
                row=row,
                title=title(kind, row["fields"], lang, lambda *_: None),
                level=kind.declared()["level"].show(row["fields"].get("level"), lang),
                area=names[row["grid"]],
                author=people.get(row["author"], ""),
                devices=len(there),
                reached=len(reached),
            )
        )
    return SentPage(tuple(notices), total, page, max(1, -(-total // PAGE)))


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
