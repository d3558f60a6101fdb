"""Taking issues in at a desk of the centre: what a hotline, an inspection, a mailbox or somebody at
the counter brings. They lie in a grid like those of laptops, and go the same way from there.

What the community enters is accepted with it; what street and district enter waits for the
community it lies in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import read_moment, written
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.labels import Label
from schemas.values import to_wire
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.ids import new_id
from sync_server.services.issue_life import ISSUE
from sync_server.services.issues import actor_of
from sync_server.services.steps import NewStep, take_steps
from sync_server.store import base_read, case_lists, records_read, writing
from sync_server.store.engine import Store

GRID_DIGITS = 15
ASKED = (
    "source", "source_no", "happened_at", "category", "sub", "title", "text", "level", "urgency",
    "place", "reporter", "reporter_phone", "people",
)  # fmt: skip
"""What the form asks besides where it is."""
LATER = Label("不能晚于现在。", "It cannot be later than now.")
AREA = Label("请选择您辖区内的网格。", "Choose a grid of your areas.")
SEVERAL = Label(
    "这个小区跨几个网格，请选是哪一个。", "The compound lies in several grids: say which."
)
ELSEWHERE = Label("这个小区不在所选的网格。", "The compound does not lie in the chosen grid.")
KNOWN = Label(
    "这个来源的这个单号已经登记过：{what}。", "This number of this source is here already: {what}."
)


@dataclass(frozen=True)
class Intake:
    """An issue being taken in: its id (sending twice makes one), controls, and what is wrong."""

    record_id: str
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    area: str
    compound_id: str
    compounds: tuple[tuple[str, str], ...]
    accepts: bool
    """Whether saving accepts it as well."""
    problems: Mapping[str, str] = field(default_factory=dict)


def begin(connection: sa.Connection, person: User, now: datetime, lang: str) -> Intake:
    """Return an empty form, dated now; raise Refusal ``not_allowed``."""
    _require(person)
    values = {"happened_at": written(now), "urgency": "normal", "source": "hotline"}
    return _form(connection, person, new_id(), values, ("", ""), {}, lang)


def take_in(
    store: Store,
    person: User,
    record_id: str,
    where: tuple[str, str],
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> Intake | None:
    """Write the posted issue; return None when it is in, else the form with what is wrong.

    ``where``: the grid's code and the compound's id, either may be empty. The same form sent twice
    makes one issue. Raises Refusal: not_allowed, bad_request.
    """
    _require(person)
    if not UUID.match(record_id):
        raise Refusal("bad_request")
    kind, district = kind_of(ISSUE), person.district
    values = forms.read(kind, getlist, [one for one in names if one in ASKED])
    said = {name: value for name, value in values.items() if value is not None}
    with store.writing() as connection:
        writing.lock_district(connection, district)
        if records_read.get(connection, district, record_id) is not None:
            return None
        area, wrong = _lies_in(connection, person, where)
        if where[1] and "compound" not in wrong:
            said["compound_id"] = where[1]
        checked = check(kind, "create", to_wire(kind, {**said, "at_centre": True}))
        problems = {
            one.pointer.split("/")[1]: one.problem.text(lang)
            for one in checked.problems if one.pointer
        }  # fmt: skip
        problems |= {name: words.text(lang) for name, words in wrong.items()}
        if "happened_at" not in problems and read_moment(said["happened_at"]) > now:
            problems["happened_at"] = LATER.text(lang)
        if "source" not in problems and (
            known := _known(connection, person, said["source"], str(said.get("source_no") or ""))
        ):
            problems["source_no"] = KNOWN.text(lang).format(what=known)
        if problems:
            return _form(connection, person, record_id, values, where, problems, lang)
        change = CentralChange(ISSUE, record_id, "create", checked.fields, person.user_id, area)
        apply_central_change(connection, district, change, now)
        if _accepts(person):
            step = NewStep(record_id, "accept", actor_of(person), {"level": said["level"]}, now)
            take_steps(connection, district, [step], now)
    return None


def _require(person: User) -> None:
    if not may(person.role, "intake"):
        raise Refusal("not_allowed")


def _accepts(person: User) -> bool:
    return person.role == "community"


def _lies_in(
    connection: sa.Connection, person: User, where: tuple[str, str]
) -> tuple[str, dict[str, Label]]:
    """Return the grid an issue lies in, and what is wrong with what was chosen."""
    area, compound_id = where
    if area and (len(area) < GRID_DIGITS or not inside(area, person.scope_codes)):
        return area, {"area": AREA}
    if not compound_id:
        return area, {} if area else {"area": AREA}
    if compound_id not in {one for one, _ in _compounds(connection, person)}:
        return area, {"compound": ELSEWHERE}
    buildings = base_read.whole_under(connection, person.district, "building", compound_id)
    grids = {one["grid"] for one in buildings if inside(one["grid"], person.scope_codes)}
    if not area:
        return (grids.pop(), {}) if len(grids) == 1 else ("", {"area": SEVERAL if grids else AREA})
    if grids and not any(inside(one, [area]) or inside(area, [one]) for one in grids):
        return area, {"compound": ELSEWHERE}
    return area, {}


def _known(connection: sa.Connection, person: User, source: str, number: str) -> str:
    """Return the issue of the person's areas that has this number at its source, in words."""
    if not number:
        return ""
    found = case_lists.numbered_at_source(
        connection, person.district, person.scope_codes, source, number
    )
    if found is None:
        return ""
    return " ".join(one for one in (found["no"], found["title"]) if one)


def _compounds(connection: sa.Connection, person: User) -> list[tuple[str, str]]:
    rows = base_read.lying_in(connection, person.district, "compound", person.scope_codes, "name")
    return sorted(
        ((row["record_id"], str(row["name"] or "")) for row in rows), key=lambda one: one[1]
    )


def _form(
    connection: sa.Connection,
    person: User,
    record_id: str,
    values: Mapping[str, Any],
    where: tuple[str, str],
    problems: Mapping[str, str],
    lang: str,
) -> Intake:
    controls = {one.name: one for one in forms.controls(kind_of(ISSUE), dict(values), lang)}
    return Intake(
        record_id, tuple(controls[name] for name in ASKED), values, where[0], where[1],
        tuple(_compounds(connection, person)), _accepts(person), problems,
    )  # fmt: skip
