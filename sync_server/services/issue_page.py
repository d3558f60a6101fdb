"""One issue with all that happened to it: facts (masked), people, photos, timeline, due times.

The case page and the printed case file show the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.cases import Case, Whistle
from schemas.catalogue import kind_of
from schemas.clock import read_moment
from schemas.codes import code_list
from schemas.fields import Keyed
from schemas.kinds.issue_step import label_of
from schemas.stages import Stage, stages
from sync_server.domain import deadlines
from sync_server.domain.areas import inside
from sync_server.services.accounts import User
from sync_server.services.alarm_origin import Origin, origin_of
from sync_server.services.issue_duplicates import Similar, similar_to
from sync_server.services.issue_life import ISSUE, STEP, Told, life_of
from sync_server.services.issue_queue import Due, delivered_at, due_of
from sync_server.services.issues import find_issue, may_do
from sync_server.services.photo_pages import ShownPhoto, shown_photos
from sync_server.services.places import names_for
from sync_server.services.step_words import leading, words_of_action, words_of_why
from sync_server.services.time_limits import load_clockwork
from sync_server.services.titles import Titles, references
from sync_server.store import cases, photo_rows, records_read

Row = Mapping[Any, Any]

UNTOLD = frozenset(
    {"issue_id", "action", "from_state", "to_state", "at", "text", "clock", "after", "central",
     "role", "unit_id", "due_rule", "calls", "scores", "declines"}
)  # fmt: skip
"""Fields of a step that the timeline shows in another way, or not at all."""


@dataclass(frozen=True)
class Event:
    """One step of the timeline: ``said`` are its fields in words, ``unit`` whom it was taken for,
    ``why`` tells why it did not count; ``delivered`` whether a worker's laptop has it (None: it
    gave no worker anything to do)."""

    told: Told
    role: str
    unit: str
    said: tuple[tuple[str, str], ...]
    why: str
    photos: tuple[ShownPhoto, ...]
    to: str = ""
    delivered: bool | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True)
class CalledUnit:
    """One unit of a whistle: until when it shall report in, when it did, whether that was late."""

    name: str
    due: str
    reported_at: str
    late: bool
    score: int | None


@dataclass(frozen=True)
class WhistleShown:
    """One whistle with its units."""

    at: str
    text: str
    conclusion: str
    concluded: bool
    units: tuple[CalledUnit, ...]


@dataclass(frozen=True)
class Link:
    """Another issue by name; ``open`` whether the person may open it."""

    issue_id: str
    title: str
    no: str
    open: bool


@dataclass(frozen=True)
class IssuePage:
    """All there is to show of one issue."""

    row: Row
    stands: Row
    case: Case
    title: str
    area: str
    author: str
    state: str
    facts: tuple[tuple[str, str, bool], ...]
    standing: tuple[tuple[str, str], ...]
    due: Due | None
    due_issued: str
    due_delivered: str
    former_dues: tuple[str, ...]
    opening: str
    stages: tuple[Stage, ...]
    events: tuple[Event, ...]
    photos: tuple[ShownPhoto, ...]
    whistles: tuple[WhistleShown, ...]
    lookbacks: tuple[tuple[str, str, str], ...]
    asked: tuple[tuple[str, str, str], ...]
    actions: tuple[tuple[str, str], ...]
    similar: tuple[Similar, ...]
    into: Link | None
    merged: tuple[Link, ...]
    origin: Origin | None
    opens_record: bool

    @property
    def lead(self) -> str:
        """The action whose button stands out."""
        return leading(self.actions)


def open_page(
    connection: sa.Connection, person: User, issue_id: str, now: datetime, lang: str
) -> IssuePage:
    """Return an issue's page, masked; raises Refusal as ``find_issue``."""
    row = find_issue(connection, person, issue_id)
    district = person.district
    stands = cases.case_rows(connection, district, [issue_id])[issue_id]
    life = life_of(connection, person, row, lang)
    case = life.case
    deliveries = cases.deliveries_of(connection, district, [issue_id])
    titles = Titles(connection, person, lang)
    titles.preload(_around(row, case))
    delivered = delivered_at(list(deliveries.values()), case.assignee_id)
    states = code_list("ISSUE_STATE")
    by_owner = photo_rows.photos_of_many(
        connection, district, [issue_id, *(one.row["record_id"] for one in life.steps)]
    )
    asked = code_list("STEP_ACTION")
    return IssuePage(
        row=row,
        stands=stands,
        case=case,
        title=str(row["fields"].get("title") or f"…{issue_id[-6:]}"),
        area=names_for(connection, district, [row["grid"]])[row["grid"]],
        author=titles.lookup("user", row["author"]) or "",
        state=states.text(stands["state"], lang),
        facts=tuple(_facts(row, titles, lang)),
        standing=tuple(_standing(case, titles, lang)),
        due=due_of(stands, delivered, bool(case.assignee_id), now, lang),
        due_issued=_when(case.due_at),
        due_delivered=_from_delivery(connection, district, case, delivered),
        former_dues=tuple(_when(one) for one in case.former_dues),
        opening=life.opening,
        stages=()
        if row["voided"] or row["merged_into"]
        else stages(case, str(row["fields"].get("happened_at") or "")),
        events=tuple(_event(one, titles, deliveries, by_owner, lang) for one in life.steps),
        photos=shown_photos(by_owner.get(issue_id, ()), lang),
        whistles=tuple(_whistle(one, titles, now, lang) for one in case.whistles),
        lookbacks=tuple(
            (
                one.planned,
                titles.lookup("user", one.checker_id) or "" if one.checker_id else "",
                code_list("LOOKBACK").text(one.result, lang) if one.result else "",
            )
            for one in case.lookbacks
        ),
        asked=tuple(
            (
                asked.text(f"ask_{name}", lang),
                titles.lookup("user", one.by) or "",
                str(one.step.fields.get("text") or ""),
            )
            for name, one in sorted(case.asked.items())
        ),
        actions=tuple(
            (one.action, words_of_action(one.action, one.source, lang))
            for one in may_do(person, case)
        )
        if not row["voided"] and not row["merged_into"]
        else (),
        similar=similar_to(connection, person, issue_id, lang)
        if not stands["over"] and person.role not in flow.UNITS
        else (),
        into=next(iter(_links(connection, person, [case.into_id])), None) if case.into_id else None,
        merged=tuple(_links(connection, person, cases.merged_into(connection, district, issue_id))),
        origin=origin_of(connection, district, row, titles)
        if person.role not in flow.UNITS
        else None,
        opens_record=person.role not in flow.UNITS,
    )


def _around(row: Row, case: Case) -> Iterator[tuple[str, str]]:
    """Yield everybody and everything the page names."""
    yield from references(kind_of(ISSUE), row["fields"])
    yield "user", row["author"]
    for one in case.readings:
        yield "user", one.step.author
        fields = one.step.fields
        for name in ("target_id", "unit_id", "into_id"):
            if fields.get(name):
                yield "record", fields[name]
        if fields.get("assignee_id"):
            yield "user", fields["assignee_id"]
        for unit in fields.get("calls") or ():
            yield "record", unit


def _facts(row: Row, titles: Titles, lang: str) -> Iterator[tuple[str, str, bool]]:
    """Yield what was reported: label, masked text, whether it wants a whole line."""
    for declared_name, one in kind_of(ISSUE).declared().items():
        value = row["fields"].get(declared_name)
        if declared_name == "title" or value in (None, "", [], {}) or isinstance(one, Keyed):
            continue
        text = one.show_masked(value, lang, titles.lookup)
        yield one.label.text(lang), text, one.widget == "paragraph"


def _standing(case: Case, titles: Titles, lang: str) -> Iterator[tuple[str, str]]:
    """Yield how the case stands beyond its state."""
    declared = kind_of(STEP).declared()

    def shown(name: str, value: object) -> tuple[str, str]:
        label = label_of(name, declared[name], "suspend")
        return label.text(lang), declared[name].show_masked(value, lang, titles.lookup)

    for name, value in (
        ("no", case.no), ("level", case.level), ("category", case.category),
        ("urgency", case.urgency), ("path", case.path), ("mode", case.mode),
        ("std_code", case.std_code), ("target_id", case.unit_id),
        ("assignee_id", case.assignee_id), ("until", case.suspended_until),
        ("result", case.result), ("resolved_level", case.resolved_level),
        ("rating", case.rating), ("rated_by", case.rated_by),
    ):  # fmt: skip
        if value not in (None, ""):
            yield shown(name, value)


def _event(
    told: Told,
    titles: Titles,
    deliveries: Mapping[str, Row],
    photos: Row,
    lang: str,
) -> Event:
    fields, step_id = told.row["fields"], told.row["record_id"]
    declared = kind_of(STEP).declared()
    said = []
    for name, one in declared.items():
        if name in UNTOLD or fields.get(name) in (None, "", [], {}):
            continue
        text = one.show_masked(fields[name], lang, titles.lookup)
        label = label_of(name, one, str(fields.get("action")))
        said.append((label.text(lang), _when(fields[name]) if name == "due_at" else text))
    if fields.get("declines"):
        words = code_list("STEP_ACTION").text(f"ask_{fields['declines']}", lang)
        said.append((declared["declines"].label.text(lang), words))
    given = deliveries.get(step_id)
    role = fields.get("role")
    return Event(
        told=told,
        role=code_list("ROLE").text(role, lang) if role and role != flow.SYSTEM else "",
        unit=titles.lookup("unit", fields["unit_id"]) or "" if fields.get("unit_id") else "",
        said=tuple(said),
        why="" if told.counted else words_of_why(told.reading.why, lang),
        photos=shown_photos(photos.get(step_id, ()), lang),
        to=titles.lookup("user", given["user_id"]) or "" if given else "",
        delivered=None if given is None else given["delivered_at"] is not None,
        delivered_at=given["delivered_at"] if given else None,
    )


def _whistle(one: Whistle, titles: Titles, now: datetime, lang: str) -> WhistleShown:
    units = []
    for unit, call in one.calls.items():
        end = read_moment(call.reported_at) if call.reported_at else now
        units.append(
            CalledUnit(
                name=titles.lookup("unit", unit) or f"…{unit[-6:]}",
                due=_when(call.due_at),
                reported_at=call.reported_at or "",
                late=bool(call.due_at) and end > read_moment(str(call.due_at)),
                score=call.score,
            )
        )
    text = str(one.step.fields.get("text") or "")
    return WhistleShown(one.step.at, text, one.conclusion, one.concluded, tuple(units))


def _from_delivery(
    connection: sa.Connection, district: str, case: Case, delivered: datetime | None
) -> str:
    """Return the due time counted from when the worker's laptop had the work, empty without one."""
    if case.assignee_id is None or delivered is None or case.due_at is None:
        return ""
    clockwork = load_clockwork(connection, district)
    limit = clockwork.limit("handle", case.category, case.level, case.urgency)
    return deadlines.words(deadlines.due(delivered, limit, clockwork.calendar))


def _links(
    connection: sa.Connection, person: User, issue_ids: Sequence[str | None]
) -> Iterator[Link]:
    wanted = [one for one in issue_ids if one]
    rows = records_read.by_ids(connection, person.district, wanted)
    stands = cases.case_rows(connection, person.district, wanted)
    for one in wanted:
        row = rows.get(one)
        opens = (
            row is not None
            and person.role not in flow.UNITS
            and inside(row["grid"], person.scope_codes)
        )
        title = str(row["fields"].get("title") or "") if row is not None and opens else ""
        yield Link(one, title or f"…{one[-6:]}", (stands.get(one) or {}).get("no") or "", opens)


def _when(text: object) -> str:
    """Return a due time as people say it."""
    if not isinstance(text, str) or not text:
        return ""
    try:
        return deadlines.words(read_moment(text))
    except (ValueError, OverflowError):
        return text
