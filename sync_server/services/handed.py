"""What a department or property company sees and does: the issues handed to it, and nothing else.

Of an issue it is shown what handling it needs. Whoever reported it, who works in the grid and what
lies there stay out; people are named by their office or unit. Of the steps it is shown the official
ones, the words of offices, of itself, and of those who judged the work on site; of an issue that
was taken from it (recalled, handed on, taken a level up) those until then, and its own (decision
35).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.cases import Case, Reading, begin, take
from schemas.catalogue import kind_of
from schemas.clock import read_moment
from schemas.codes import code_list
from schemas.forms import GetList
from schemas.kinds.issue_step import label_of
from schemas.labels import Label
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import issue_acts, photo_pages
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.issue_life import ISSUE, STEP, case_of, state_of
from sync_server.services.issues import may_do, open_case
from sync_server.services.photo_pages import ShownPhoto, photos_of
from sync_server.services.step_forms import StepForm
from sync_server.services.step_words import leading, words_of_action
from sync_server.services.units import unit_names
from sync_server.store import handed, photo_rows
from sync_server.store.records_read import Row, children_of

MOST, PAGE = 500, 50
ENDED = (flow.RESOLVED, flow.VERIFIED, *flow.OVER_STATES)
UNDER_WAY = tuple(state for state in flow.OPEN_STATES if state != flow.REPORTED)
OFFICIAL = frozenset({
    "accept", "classify", "dispatch", "take", "handle", "whistle", "report_in", "conclude",
    "remind", "suspend", "extend", "decline", "resume", "resolve", "rework", "verify", "close",
    "reopen", "escalate", "recall", "due",
})  # fmt: skip
"""Steps that every unit an issue was handed to may know of; others' asking and notes it may not."""
JUDGED = frozenset({"resolve", "rework", "recall"})
"""Whose words every unit needs, whoever took them: what was done, what is wrong, why it went."""
GONE = Label("已不由本单位办理", "No longer with this unit")
Light = Literal["", "green", "yellow", "red"]


@dataclass(frozen=True)
class Item:
    """One issue of the list; ``due_at`` is until when the unit shall do the next thing."""

    row: Row
    title: str
    place: str
    category: str
    level: str
    state: str
    due_at: datetime | None
    light: Light
    part: str


@dataclass(frozen=True)
class Handed:
    """A unit's list: what waits to be taken on, whistles to report in to, what it handles, what
    others do about issues it has a part in, a page of what is done, and the latest of those taken
    from it."""

    unit: str
    waiting: tuple[Item, ...]
    called: tuple[Item, ...]
    handling: tuple[Item, ...]
    others: tuple[Item, ...]
    done: tuple[Item, ...]
    gone: tuple[Item, ...]
    gone_total: int
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Told:
    """One official step: what was done by which office or unit, its words, its photos."""

    step_id: str
    action: str
    at: str
    by: str
    text: str
    facts: tuple[tuple[str, str], ...]
    photos: tuple[ShownPhoto, ...]


@dataclass(frozen=True)
class HandedIssue:
    """The page of one issue: its own fields and due times as ``(label, text)``, photos of the
    scene, official steps, and what the unit may do as ``(action, words)``; ``gone``: it was taken
    from the unit, and all is as it was then."""

    issue_id: str
    title: str
    no: str
    state: str
    text: str
    fields: tuple[tuple[str, str], ...]
    due_at: datetime | None
    light: Light
    report_by: datetime | None
    photos: tuple[ShownPhoto, ...]
    steps: tuple[Told, ...]
    may: tuple[tuple[str, str], ...]
    gone: bool

    @property
    def lead(self) -> str:
        """The action whose button stands out."""
        return leading(self.may)


def list_handed(
    connection: sa.Connection, person: User, page: int, now: datetime, lang: str
) -> Handed:
    """Return the list of the person's unit; raise Refusal ``not_allowed``."""
    unit = _unit_of(person)
    if unit is None:
        return Handed("", (), (), (), (), (), (), 0, 0, 1, 1)
    district = person.district
    rows, _ = handed.of_unit(
        connection, district, unit, UNDER_WAY, start=0, size=MOST, latest=False
    )
    done, total = handed.of_unit(
        connection, district, unit, ENDED, start=(page - 1) * PAGE, size=PAGE, latest=True
    )
    gone, gone_total = handed.of_unit(
        connection, district, unit, (), start=0, size=PAGE, latest=True, gone=True
    )
    calls = _calls(connection, person, [row for row in rows if unit in row["called"]])
    items: dict[str, list[Item]] = {"waiting": [], "called": [], "handling": [], "others": []}
    for row in rows:
        leads = row["unit_id"] == unit
        if leads and row["state"] == flow.DISPATCHED:
            items["waiting"].append(_item(row, row["stage_due_at"], now, lang))
        elif leads:
            items["handling"].append(_item(row, row["stage_due_at"], now, lang))
        if row["issue_id"] in calls:
            called = _item(row, calls[row["issue_id"]], now, lang)
            items["called"].append(replace(called, light=_light(None, called.due_at, now)))
        elif not leads:
            items["others"].append(replace(_item(row, None, now, lang), light=""))
    items["called"].sort(key=lambda one: (one.due_at is None, one.due_at or now))
    return Handed(
        unit=unit_names(connection, district).get(unit, ""),
        **{name: tuple(some) for name, some in items.items()},
        done=tuple(replace(_item(row, None, now, lang), light="") for row in done),
        gone=tuple(_gone_item(row, lang) for row in gone),
        gone_total=gone_total,
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE)),
    )


def open_handed(
    connection: sa.Connection, person: User, issue_id: str, now: datetime, lang: str
) -> HandedIssue:
    """Return the page of an issue handed to the person's unit.

    Raises Refusal: not_allowed, unknown_record for any other issue.
    """
    unit = _unit_of(person)
    row, case = open_case(connection, person, issue_id)
    assert unit is not None
    names = unit_names(connection, person.district)
    roles = {one["record_id"]: str(one["fields"].get("role") or "")
             for one in _steps(connection, person, issue_id)}  # fmt: skip
    seen, gone = _seen(case, unit)
    if gone:
        case = _as_it_was(case, row["fields"], seen)
    fields, declared = row["fields"], kind_of(ISSUE).declared()
    facts = {**fields, "category": case.category, "level": case.level, "urgency": case.urgency}
    shown = [
        (declared[name].label.text(lang), declared[name].show(facts.get(name), lang))
        for name in ("category", "sub", "level", "urgency", "place", "happened_at")
        if facts.get(name) not in (None, "")
    ]
    if case.unit_id == unit and case.mode:
        mode = kind_of(STEP).declared()["mode"]
        shown.append((mode.label.text(lang), mode.show(case.mode, lang)))
    due_at = read_moment(case.due_at) if case.due_at and not gone else None
    living = case.state in flow.OPEN_STATES and case.unit_id == unit
    report_by = _report_by(case, unit)
    return HandedIssue(
        issue_id=issue_id,
        title=str(fields.get("title") or ""),
        no=case.no or "",
        state=GONE.text(lang) if gone else code_list("ISSUE_STATE").text(state_of(row, case), lang),
        text=str(fields.get("text") or ""),
        fields=tuple(shown),
        due_at=due_at,
        light=_light(None, due_at, now) if living and case.state != flow.SUSPENDED else "",
        report_by=report_by,
        photos=photos_of(connection, person.district, ISSUE, issue_id, lang),
        steps=tuple(
            _told(connection, person, one, unit, names, roles, lang)
            for one in seen
            if _shown(one, unit)
        ),
        gone=gone,
        may=tuple(
            (one.action, words_of_action(one.action, one.source, lang))
            for one in may_do(person, case)
            if not gone
        ),
    )


def picture(centre: Centre, person: User, issue_id: str, photo_id: str, *, small: bool) -> bytes:
    """Return a photo of an issue handed to the person's unit, or of a step it is shown.

    Raises Refusal: not_allowed; unknown_record for every other photo.
    """
    unit = _unit_of(person)
    with centre.store.reading() as connection:
        _, case = open_case(connection, person, issue_id)
        assert unit is not None
        seen, _ = _seen(case, unit)
        owners = {issue_id, *(one.step.step_id for one in seen if _shown(one, unit))}
        row = photo_rows.photo(connection, person.district, photo_id)
    if row is None or row["voided"] or not row["here"]:
        raise Refusal("unknown_record")
    if row["fields"].get("owner_id") not in owners:
        raise Refusal("unknown_record")
    return photo_pages.encoded(centre, row, small=small)


def begin_step(
    connection: sa.Connection, person: User, issue_id: str, action: str, now: datetime, lang: str
) -> StepForm:
    """Return the empty form of an action; one that is not possible says why in ``general``.

    Raises Refusal: not_allowed, unknown_record.
    """
    _unit_of(person)
    return issue_acts.begin_step(connection, person, issue_id, action, now, lang)


def act(
    centre: Centre,
    person: User,
    issue_id: str,
    action: str,
    getlist: GetList,
    photos: Sequence[bytes],
    now: datetime,
    lang: str,
) -> StepForm | None:
    """Take the posted step with its photos; return None when it was taken, else the form with what
    is wrong. Raises Refusal: not_allowed, unknown_record."""
    _unit_of(person)
    return issue_acts.act(centre, person, issue_id, action, getlist, photos, now, lang)


def _unit_of(person: User) -> str | None:
    if not may(person.role, "handed"):
        raise Refusal("not_allowed")
    return person.unit_id


def _steps(connection: sa.Connection, person: User, issue_id: str) -> list[Row]:
    return children_of(connection, person.district, STEP, [issue_id])[issue_id]


def _seen(case: Case, unit: str) -> tuple[list[Reading], bool]:
    """Return the steps a unit may know of, and whether the issue was taken from it: then those up
    to the one that took it, and its own. A unit that a whistle called has a part for good."""
    called = any(unit in one.calls for one in case.whistles)
    if case.unit_id == unit or called:
        return case.readings, False
    had = [place for place, one in enumerate(case.readings) if one.unit_id == unit]
    until = had[-1] + 1 if had else -1
    return [
        one
        for place, one in enumerate(case.readings)
        if place <= until or one.step.fields.get("unit_id") == unit
    ], True


def _as_it_was(case: Case, fields: Mapping[str, object], seen: Sequence[Reading]) -> Case:
    """Return the case as it stood after these steps."""
    then = begin(case.issue_id, case.author, fields)
    for one in seen:
        if one.counted:
            take(then, one.step)
    return then


def _shown(one: Reading, unit: str) -> bool:
    if not one.counted:
        return False
    own = one.step.fields.get("unit_id") == unit
    return own or (one.step.action in OFFICIAL)


def _told(
    connection: sa.Connection,
    person: User,
    one: Reading,
    unit: str,
    names: Mapping[str, str],
    roles: Mapping[str, str],
    lang: str,
) -> Told:
    step, declared = one.step, kind_of(STEP).declared()
    role = roles.get(step.step_id, "")
    said = step.fields
    speaks = said.get("unit_id") == unit or role in flow.OFFICES or step.action in JUDGED
    facts = [
        (
            label_of(name, declared[name], step.action).text(lang),
            declared[name].show(said.get(name), lang),
        )
        for name in ("level", "due_at", "until", "refuse", "result", "remind")
        if said.get(name) not in (None, "")
    ]
    by = names.get(str(said.get("unit_id") or "")) or code_list("ROLE").text(role or "worker", lang)
    return Told(
        step_id=step.step_id,
        action=declared["action"].show(step.action, lang),
        at=step.at,
        by=by,
        text=str(said.get("text") or "") if speaks else "",
        facts=tuple(facts),
        photos=photos_of(connection, person.district, STEP, step.step_id, lang),
    )


def _calls(
    connection: sa.Connection, person: User, rows: Collection[Row]
) -> dict[str, datetime | None]:
    """Return until when the unit shall report in, by issue."""
    unit = str(person.unit_id)
    steps = children_of(connection, person.district, STEP, [row["issue_id"] for row in rows])
    found = {}
    for row in rows:
        issue = {"record_id": row["issue_id"], "author": row["author"], "fields": row["fields"]}
        found[row["issue_id"]] = _report_by(case_of(issue, steps[row["issue_id"]]), unit)
    return found


def _report_by(case: Case, unit: str) -> datetime | None:
    for whistle in case.whistles:
        call = None if whistle.concluded else whistle.calls.get(unit)
        if call is not None and call.reported_at is None and call.due_at:
            return read_moment(call.due_at)
    return None


def _item(row: Row, due_at: datetime | None, now: datetime, lang: str) -> Item:
    fields = row["fields"]
    return Item(
        row=row,
        title=str(fields.get("title") or ""),
        place=str(fields.get("place") or ""),
        category=code_list("ISSUE_CAT").text(row["category"], lang),
        level=code_list("ISSUE_LEVEL").text(row["level"], lang),
        state=code_list("ISSUE_STATE").text(row["state"], lang),
        due_at=due_at,
        light="" if row["state"] == flow.SUSPENDED else _light(row["yellow_at"], due_at, now),
        part=row["part"],
    )


def _gone_item(row: Row, lang: str) -> Item:
    """Return an issue taken from the unit: where it stands now is no matter of its."""
    fields = row["fields"]
    return Item(
        row=row,
        title=str(fields.get("title") or ""),
        place=str(fields.get("place") or ""),
        category=code_list("ISSUE_CAT").text(str(fields.get("category") or ""), lang),
        level="",
        state=GONE.text(lang),
        due_at=None,
        light="",
        part=row["part"],
    )


def _light(yellow_at: datetime | None, due_at: datetime | None, now: datetime) -> Light:
    if due_at is None:
        return ""
    if now > due_at:
        return "red"
    return "yellow" if yellow_at is not None and now >= yellow_at else "green"
