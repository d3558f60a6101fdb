"""What staff do to service requests: taking one in at a desk, and every step of its life.

A request and its steps are records made at the centre; each is a change in the log, with its author
and time, so that the audit of a request is its own history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import forms
from schemas.catalogue import kind_of
from schemas.check import Checked, check
from schemas.clock import read_moment, written
from schemas.fields.base import UUID
from schemas.forms import Control, GetList
from schemas.kinds.service_step import NEEDED
from schemas.service_clocks import as_fields
from schemas.service_flow import Case, blocked, offered
from schemas.steps_order import heads
from schemas.values import to_wire
from sync_server.domain.access import may
from sync_server.domain.areas import holds, inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import LAPTOP_ROLES, User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.ids import new_id
from sync_server.services.service_cases import case_of, dues_of
from sync_server.services.time_limits import load_clockwork
from sync_server.store import people_read, records_read, writing
from sync_server.store.engine import Store
from sync_server.store.records_read import Row
from sync_server.store.service_cases import SERVICE, STEP

COMMUNITY_DIGITS = 12
ASKED = {
    "assign": ("taker_id", "text"),
    "solve": ("result", "person_times", "text"),
    "rate": ("rating", "text"),
    "accept": (),
    "claim": (),
}
"""What the form of a step asks; words alone where nothing is said here."""
TAKERS = LAPTOP_ROLES | {"community"}
"""Who can be given a request."""


@dataclass(frozen=True)
class Intake:
    """A request being taken in: its id (sending twice makes one), controls, and what is wrong."""

    record_id: str
    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    area: str
    household_id: str = ""
    household: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StepForm:
    """A step that could be taken: its action, the id it will have, its controls, what was typed
    and what is wrong with it."""

    action: str
    label: str
    step_id: str
    controls: tuple[Control, ...]
    needed: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def begin_intake(
    connection: sa.Connection, person: User, household_id: str, now: datetime, lang: str
) -> Intake:
    """Return an empty form, dated now; of a household, its area and phone are filled in.

    Raises Refusal: not_allowed, unknown_record for a household outside the person's areas.
    """
    _require(person)
    values: dict[str, Any] = {"requested_at": written(now), "kind": "order", "channel": "desk"}
    area = ""
    if household_id:
        area = _household(connection, person, household_id)["grid"]
    return _intake(new_id(), values, area, household_id, {}, lang)


def take_in(
    store: Store,
    person: User,
    record_id: str,
    area: str,
    household_id: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> Intake | None:
    """Write the posted request and accept it; return None when it is in, else the form with what is
    wrong.

    The same form sent twice makes one request. Raises Refusal: not_allowed, bad_request,
    unknown_record for a household outside the person's areas.
    """
    _require(person)
    if not UUID.match(record_id):
        raise Refusal("bad_request")
    kind = kind_of(SERVICE)
    values = forms.read(kind, getlist, names)
    said = {name: value for name, value in values.items() if value is not None}
    if household_id:
        with store.reading() as connection:
            area = _household(connection, person, household_id)["grid"]
        said["household_id"] = household_id
    checked = check(kind, "create", to_wire(kind, said))
    problems = _problems(checked, lang)
    if "requested_at" not in problems and read_moment(said["requested_at"]) > now:
        problems["requested_at"] = ""
    if len(area) < COMMUNITY_DIGITS or not inside(area, person.scope_codes):
        problems["area"] = ""
    if problems:
        return _intake(record_id, values, area, household_id, problems, lang)
    change = CentralChange(SERVICE, record_id, "create", checked.fields, person.user_id, area)
    with store.writing() as connection:
        if records_read.get(connection, person.district, record_id) is None:
            apply_central_change(connection, person.district, change, now)
            _append(connection, person, record_id, new_id(), "accept", {}, now)
    return None


def step_forms(case: Case, person: User, lang: str) -> list[StepForm]:
    """Return a form for each step the person may take as the case stands."""
    return [
        _step_form(action, new_id(), {}, {}, lang)
        for action in offered(case, person.role, person.user_id)
    ]


def takers(connection: sa.Connection, person: User, area: str) -> list[Row]:
    """Return who can be given a request of an area, by name: the workers and leaders whose laptops
    hold it, then the staff of its community."""
    found = [
        row
        for row in people_read.everybody(connection, person.district)
        if row["active"] and row["role"] in TAKERS and _can_have(row, area)
    ]
    return sorted(found, key=lambda row: (row["role"] not in LAPTOP_ROLES, row["name"]))


def take_step(
    store: Store,
    person: User,
    service_id: str,
    step_id: str,
    action: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> StepForm | None:
    """Append a step to a request; return None when it is done, else its form with what is wrong.

    The same form sent twice makes one step. Raises Refusal: not_allowed, unknown_record,
    bad_request, step_overtaken when the case does not allow it as it stands.
    """
    _require(person)
    asked = ASKED.get(action, ("text",))
    values = forms.read(kind_of(STEP), getlist, names)
    said = {name: values[name] for name in asked if values.get(name) is not None}
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        service = find(connection, person, service_id)
        if records_read.get(connection, person.district, step_id) is not None:
            return None
        if _why_not(connection, person, service, action):
            raise Refusal("step_overtaken")
        if not UUID.match(step_id):
            raise Refusal("bad_request")
        taker = said.get("taker_id")
        wrong: dict[str, str] = {}
        if taker and all(row["user_id"] != taker for row in takers(connection, person,
                                                                   service["grid"])):  # fmt: skip
            wrong["taker_id"] = ""
        checked = _checked(service_id, action, said, person, now)
        wrong |= {
            name: text for name, text in _problems(checked, lang).items() if name not in wrong
        }
        if wrong:
            return _step_form(action, step_id, values, wrong, lang)
        _append(connection, person, service_id, step_id, action, said, now)
    return None


def find(connection: sa.Connection, person: User, service_id: str) -> Row:
    """Return a request's row; raise Refusal ``unknown_record`` outside the person's areas."""
    row = records_read.get(connection, person.district, service_id)
    if row is None or row["kind"] != SERVICE or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    return row


def _append(
    connection: sa.Connection,
    person: User,
    service_id: str,
    step_id: str,
    action: str,
    said: Mapping[str, Any],
    now: datetime,
) -> None:
    district = person.district
    service = find(connection, person, service_id)
    case = _case(connection, person, service)
    fields = _fields(service_id, action, said, person, now)
    fields["after"] = heads(service_id, case.steps)
    if action == "accept":
        case.accepted_at = written(now)
    if case.accepted_at is not None and not case.dues:
        fields |= as_fields(dues_of(case, load_clockwork(connection, district)))
    change = CentralChange(STEP, step_id, "step", fields, person.user_id, service["grid"])
    apply_central_change(connection, district, change, now)


def _case(connection: sa.Connection, person: User, service: Row) -> Case:
    one = service["record_id"]
    return case_of(service, records_read.children_of(connection, person.district, STEP, [one])[one])


def _why_not(connection: sa.Connection, person: User, service: Row, action: str) -> str:
    """Return why the person may not take a step as the case stands; empty when he may."""
    if service["voided"] or service["merged_into"] is not None:
        return "state"
    return blocked(_case(connection, person, service), action, person.role, person.user_id)


def _fields(
    service_id: str, action: str, said: Mapping[str, Any], person: User, now: datetime
) -> dict[str, Any]:
    own = {
        "service_id": service_id, "action": action, "role": person.role, "central": True,
        "at": written(now),
    }  # fmt: skip
    return {**own, **said}


def _checked(
    service_id: str, action: str, said: Mapping[str, Any], person: User, now: datetime
) -> Checked:
    return check(kind_of(STEP), "step", _fields(service_id, action, said, person, now))


def _problems(checked: Checked, lang: str) -> dict[str, str]:
    return {
        one.pointer.split("/")[1]: one.problem.text(lang) for one in checked.problems if one.pointer
    }


def _can_have(row: Row, area: str) -> bool:
    if row["role"] in LAPTOP_ROLES:
        return holds(row["scope_codes"], area, "community")
    return inside(area, row["scope_codes"])


def _household(connection: sa.Connection, person: User, household_id: str) -> Row:
    row = records_read.get(connection, person.district, household_id)
    outside = row is None or not inside(row["grid"], person.scope_codes)
    if row is None or outside or row["kind"] != "household" or row["voided"]:
        raise Refusal("unknown_record")
    return row


def _intake(
    record_id: str,
    values: Mapping[str, Any],
    area: str,
    household_id: str,
    problems: Mapping[str, str],
    lang: str,
) -> Intake:
    asked = [
        one
        for one in forms.controls(kind_of(SERVICE), dict(values), lang)
        if one.name != "household_id"
    ]
    return Intake(record_id, tuple(asked), values, area, household_id, "", problems)


def _step_form(
    action: str, step_id: str, values: Mapping[str, Any], problems: Mapping[str, str], lang: str
) -> StepForm:
    kind = kind_of(STEP)
    asked = ASKED.get(action, ("text",))
    if action == "solve" and not values:
        values = {"result": "solved", "person_times": 1}
    controls = {one.name: one for one in forms.controls(kind, dict(values), lang)}
    return StepForm(
        action,
        kind.declared()["action"].show(action, lang),
        step_id,
        tuple(controls[name] for name in asked),
        NEEDED.get(action, ()),
        values,
        problems,
    )


def _require(person: User) -> None:
    if not may(person.role, "services"):
        raise Refusal("not_allowed")
