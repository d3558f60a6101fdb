"""Correcting on request: what is to be changed in a resident's record, and the worker's task.

Residents are written by the workers who know the door, not at the centre (decision 0004), so a
correction is asked of the worker who holds the grid: a task that travels to his laptop like any
value he is asked to look at again. Whether the record says so by now is read off the record.
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
from schemas.fields import Declared, Keyed, Ref
from schemas.forms import Control, GetList
from schemas.values import to_wire
from sync_server.domain import privacy as rule
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import DEFAULT
from sync_server.services import audit
from sync_server.services.accounts import LAPTOP_ROLES, User
from sync_server.services.decision_records import Asked, ask, close_corrections, open_corrections
from sync_server.services.privacy_acts import facts_of, handled, require_identity
from sync_server.services.privacy_requests import PERSON, find, handles, person_of
from sync_server.store import devices_read, privacy, records_read
from sync_server.store.engine import Store
from sync_server.store.privacy import Row

LONGEST_WHY = 200
MARK = 200
"""The longest words a marked field of a task can have."""


@dataclass(frozen=True)
class Worker:
    """Somebody who may be asked to correct: how many laptops he uses."""

    user_id: str
    name: str
    devices: int


@dataclass(frozen=True)
class Task:
    """What became of the task: who was asked, whether it is closed, what he replied."""

    name: str
    closed: bool
    reply: str


@dataclass(frozen=True)
class Correction:
    """The correction of a request: the fields that can be chosen, the control of the one chosen,
    what is wanted (masked), whether the record says so, who can be asked, what became of it."""

    fields: tuple[tuple[str, str], ...]
    chosen: str
    control: Control | None
    label: str
    wanted: str
    stands: str
    why: str
    done: bool
    workers: tuple[Worker, ...]
    task: Task | None
    problems: Mapping[str, str] = field(default_factory=dict)


def correctable() -> tuple[str, ...]:
    """Return the fields of a resident that a request can ask to correct."""
    declared = kind_of(PERSON).declared()
    return tuple(
        name for name, one in declared.items() if one.ask and not isinstance(one, Ref | Keyed)
    )


def correction_of(
    connection: sa.Connection, person: User, request_id: str, chosen: str, lang: str
) -> Correction | None:
    """Return how the correction of a request stands, None when there is nothing to correct.

    Raises Refusal: not_allowed, unknown_record.
    """
    row = find(connection, person, request_id)
    record = person_of(connection, person, row)
    if row["asked"] != rule.CORRECT or record is None:
        return None
    said = row["wanted"] or {}
    name = chosen if chosen in correctable() else str(said.get("field") or "")
    declared = kind_of(PERSON).declared()
    one = declared.get(str(said.get("field") or ""))
    present = record["fields"].get(said.get("field"))
    return Correction(
        fields=tuple((each, declared[each].label.text(lang)) for each in correctable()),
        chosen=name,
        control=_control(name, {}, lang) if name and handles(person, row["area"]) else None,
        label=one.label.text(lang) if one else "",
        wanted=_shown(one, said.get("value"), lang),
        stands=_shown(one, present, lang),
        why=str(said.get("why") or ""),
        done=bool(one) and present == said.get("value"),
        workers=workers_of(connection, person, record["grid"]),
        task=_task(connection, person, row["task_id"]),
    )


def _shown(declared: Declared | None, value: Any, lang: str) -> str:
    return declared.show_masked(value, lang) if declared and value not in (None, "") else ""


def want(
    store: Store, person: User, request_id: str, version: str, name: str, getlist: GetList,
    why: str, now: datetime, lang: str,
) -> Mapping[str, str]:  # fmt: skip
    """Keep what is to be corrected; return what is wrong by control, nothing when it is kept.

    Raises Refusal as ``handled``, and bad_request.
    """
    if name not in correctable():
        raise Refusal("bad_request")
    kind = kind_of(PERSON)
    value = forms.read(kind, getlist, [name]).get(name)  # None: it is to be emptied
    checked = check(kind, "update", to_wire(kind, {name: value}) or {name: None})
    if checked.problems:
        return {name: checked.problems[0].problem.text(lang)}
    with store.writing() as connection:
        row = handled(connection, person, request_id, version)
        reason = " ".join(why.split())[:LONGEST_WHY]
        wanted = {"field": name, "value": checked.fields[name], "why": reason}
        if row["wanted"] != wanted:
            _close_task(connection, person, row, now)
            values = {"wanted": wanted, "task_id": None}
            privacy.change(connection, person.district, request_id, values)
            audit.note(
                connection,
                person.district,
                now,
                "privacy_want",
                **facts_of(person, row, fields=[name]),
            )
    return {}


def send_task(
    store: Store, person: User, request_id: str, version: str, worker_id: str, now: datetime,
    lang: str,
) -> None:  # fmt: skip
    """Ask a worker of the grid to correct the record as wanted.

    Raises Refusal as ``handled``; identity_first; out_of_date when nothing is wanted or the record
    stands no more; choose_worker for somebody who does not work there.
    """
    with store.writing() as connection:
        row = handled(connection, person, request_id, version)
        require_identity(row)
        record, said = person_of(connection, person, row), row["wanted"]
        if record is None or record["voided"] or not said:
            raise Refusal("out_of_date")
        if worker_id not in {one.user_id for one in workers_of(connection, person, record["grid"])}:
            raise Refusal("choose_worker")
        _close_task(connection, person, row, now)
        name = said["field"]
        declared = kind_of(PERSON).declared()[name]
        origins = record["origins"]
        asked = Asked(
            target_kind=PERSON,
            target_id=record["record_id"],
            change_id=(origins.get(name) or origins[DEFAULT])["change_id"],
            asked_of=worker_id,
            words=TASK[lang].format(no=row["no"], label=declared.label.text(lang)),
            marked={name: _mark(declared, said["value"], lang)},
        )
        task_id = ask(
            connection, person.district, asked, person.user_id, record["grid"], now
        )  # fmt: skip
        privacy.change(connection, person.district, request_id, {"task_id": task_id})
        audit.note(
            connection,
            person.district,
            now,
            "privacy_task",
            **facts_of(person, row, fields=[name], worker=worker_id),
        )


TASK = {
    "zh": "个人信息请求 {no}：本人要求更正“{label}”。请向本人核对后修改；不对就答复说明。",
    "en": "Privacy request {no}: the person asks to correct “{label}”."
    " Please check with the person and change it; if it is not right, say so in your answer.",
}
VALUE = {"zh": "应为：", "en": "Should be: "}
EMPTY = {"zh": "请清空", "en": "Please empty it"}


def _mark(declared: Declared, value: Any, lang: str) -> str:
    return (VALUE[lang] + declared.show(value, lang))[:MARK] if value is not None else EMPTY[lang]


def workers_of(connection: sa.Connection, person: User, grid: str) -> tuple[Worker, ...]:
    """Return who works in a grid with a laptop of his own, those that use one first."""
    rows = devices_read.workers_in(connection, person.district, (grid,), LAPTOP_ROLES)
    found = [Worker(row["user_id"], f"{row['name']} {row['no']}", row["devices"]) for row in rows]
    return tuple(sorted(found, key=lambda one: one.devices == 0))


def with_problems(
    found: Correction, name: str, problems: Mapping[str, str], getlist: GetList, lang: str
) -> Correction:
    """Return the correction with what was typed and what is wrong with it."""
    values = forms.read(kind_of(PERSON), getlist, [name])
    kept = {each: getattr(found, each) for each in found.__dataclass_fields__}
    kept |= {"chosen": name, "control": _control(name, values, lang), "problems": problems}
    return Correction(**kept)


def _control(name: str, values: Mapping[str, Any], lang: str) -> Control:
    every: Sequence[Control] = forms.controls(kind_of(PERSON), dict(values), lang)
    return next(one for one in every if one.name == name)


def _close_task(connection: sa.Connection, person: User, row: Row, now: datetime) -> None:
    """Close a task that somebody was given before."""
    if not row["task_id"] or not row["record_id"]:
        return
    record = person_of(connection, person, row)
    targets = {row["record_id"], record["record_id"] if record is not None else row["record_id"]}
    mine = [
        one
        for one in open_corrections(connection, person.district, targets)
        if one["record_id"] == row["task_id"]
    ]
    close_corrections(connection, person.district, mine, person.user_id, now)


def _task(connection: sa.Connection, person: User, task_id: str | None) -> Task | None:
    found = records_read.get(connection, person.district, task_id) if task_id else None
    if found is None:
        return None
    fields = found["fields"]
    names = devices_read.workers_in(
        connection, person.district, (person.district,), LAPTOP_ROLES
    )  # fmt: skip
    name = next((one["name"] for one in names if one["user_id"] == fields["asked_of"]), "")
    return Task(name, bool(fields.get("closed")), str(fields.get("reply") or ""))
