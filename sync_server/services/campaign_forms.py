"""Making, changing and withdrawing a knock campaign at the centre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import SHANGHAI
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.values import difference, to_wire
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.campaigns import KIND, QUESTIONS
from sync_server.services.central import CentralChange, apply_central_change, withdraw
from sync_server.services.ids import new_id
from sync_server.services.record_page import checked_reason
from sync_server.store import records_read
from sync_server.store.engine import Store
from sync_server.store.records_read import Row


@dataclass(frozen=True)
class Form:
    """A campaign being written: its id (sending twice makes one), controls, what is wrong."""

    record_id: str
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    questions: str
    problems: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None
    """The version being changed, None for a new one."""


def begin_campaign(person: User, now: datetime, lang: str) -> Form:
    """Return an empty form that starts today; raise Refusal ``not_allowed``."""
    _require(person)
    today = now.astimezone(SHANGHAI).date().isoformat()
    return _form(new_id(), {"starts_on": today}, "", {}, lang)


def begin_change(connection: sa.Connection, person: User, campaign_id: str, lang: str) -> Form:
    """Return the form of a campaign that stands; raise Refusal: not_allowed, unknown_record."""
    row = _own(connection, person, campaign_id)
    fields = row["fields"]
    asked = "\n".join(str(one["text"]) for _, one in sorted((fields.get(QUESTIONS) or {}).items()))
    return _form(campaign_id, fields, asked, {}, lang, row["version"])


def send_campaign(
    store: Store,
    person: User,
    record_id: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
    *,
    version: int | None = None,
) -> Form | None:
    """Make the posted campaign, or change the one of ``version``; return None when that was done,
    else the form with what is wrong.

    The same form sent twice makes one campaign. Raises Refusal: not_allowed, unknown_record,
    out_of_date when somebody changed it meanwhile.
    """
    _require(person)
    if not UUID.match(record_id):
        raise Refusal("bad_request")
    kind = kind_of(KIND)
    with store.writing() as connection:
        row = records_read.get(connection, person.district, record_id)
        if version is not None or (row is not None and row["kind"] != KIND):
            row = _own(connection, person, record_id)
        before = row["fields"] if row is not None else {}
        values = forms.read(kind, getlist, [one for one in names if one != QUESTIONS])
        typed = "\n".join(getlist(QUESTIONS))
        values[QUESTIONS] = _asked(typed, before.get(QUESTIONS) or {})
        unasked = {name: one for name, one in before.items() if not kind.declared()[name].ask}
        said = {**unasked, **{name: one for name, one in values.items() if one is not None}}
        checked = check(kind, "create", to_wire(kind, said))
        problems: dict[str, str] = {}
        for one in checked.problems:
            problems.setdefault(([*one.pointer.split("/"), ""])[1], one.problem.text(lang))
        area = str(said.get("area_code") or "")
        if "area_code" not in problems and not inside(area, person.scope_codes):
            problems["area_code"] = ""
        if problems:
            return _form(record_id, values, typed, problems, lang, version)
        if version is None:
            if row is None:
                change = CentralChange(
                    KIND, record_id, "create", checked.fields, person.user_id, grid=area
                )
                apply_central_change(connection, person.district, change, now)
            return None
        assert row is not None
        if row["version"] != version:
            raise Refusal("out_of_date")
        changed = difference(kind, before, said)
        changed.pop("area_code", None)  # a record stays where it lies
        if changed:
            update = CentralChange(
                KIND, record_id, "update", changed, person.user_id, base_version=version
            )
            apply_central_change(connection, person.district, update, now)
    return None


def void_campaign(store: Store, person: User, record_id: str, reason: str, now: datetime) -> None:
    """Withdraw a campaign: the laptops stop listing it after their next sync, its visits stay.

    Raises Refusal: not_allowed, unknown_record, reason_needed.
    """
    _require(person)
    why = checked_reason(reason)
    with store.writing() as connection:
        row = _own(connection, person, record_id)
        withdraw(connection, person.district, person.user_id, row, why, now)


def _own(connection: sa.Connection, person: User, record_id: str) -> Row:
    _require(person)
    row = records_read.get(connection, person.district, record_id)
    if row is None or row["kind"] != KIND or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    return row


def _asked(typed: str, before: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the questions typed one a line; one that stood keeps its key, and so its answers."""
    kept = {str(one["text"]): key for key, one in before.items()}
    texts = list(dict.fromkeys(line.strip() for line in typed.splitlines() if line.strip()))
    return {kept.get(text) or new_id(): {"text": text} for text in texts} or None


def _form(
    record_id: str,
    values: Mapping[str, Any],
    questions: str,
    problems: Mapping[str, str],
    lang: str,
    version: int | None = None,
) -> Form:
    controls = forms.controls(kind_of(KIND), dict(values), lang)
    shown = tuple(one for one in controls if one.name != QUESTIONS)
    return Form(record_id, shown, values, questions, problems, version)


def _require(person: User) -> None:
    if not may(person.role, "campaigns"):
        raise Refusal("not_allowed")
