"""Deciding conflicts: every choice about one record in one write transaction.

The record is changed by the centre where the visible value changes, the conflict's row says who
decided what and when, and a decision record tells every laptop concerned. Nothing is done when
anything moved since the page was drawn.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast, get_args

import sqlalchemy as sa

from schemas.check import check
from schemas.clock import SHANGHAI
from schemas.fields import Keyed
from schemas.forms import GetList
from schemas.kind import Kind
from sync_server.domain import deciding
from sync_server.domain.access import may
from sync_server.domain.deciding import Choice, Plan, TwoValues
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import VOIDED
from sync_server.services import audit, care_alarms, central, decision_records
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange
from sync_server.services.conflict_desk import (
    Entry,
    Row,
    find,
    naming_keys,
    standing,
    value_name,
)
from sync_server.services.decision_records import Asked
from sync_server.services.ids import new_id
from sync_server.store import history_read, people_read, writing
from sync_server.store.engine import Store

LONGEST_WORDS = 1000


@dataclass(frozen=True)
class Pick:
    """What somebody chose for one conflict. ``seen`` marks what he saw, ``value`` is what he wrote
    (stored form), ``asked_of`` whom he asks, ``words`` what he says about it, ``sure`` what of his
    writing he stands by although it is doubted."""

    choice: Choice
    seen: str
    words: str = ""
    asked_of: str = ""
    value: Any = None
    sure: str = ""

    @property
    def written(self) -> str:
        """What he wrote, as ``sure`` repeats it."""
        return json.dumps(self.value, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True)
class Trouble:
    """Why a choice was not taken: a code of the pages' sentences, or a field's own sentence;
    ``doubt``: it is taken when it is sent once more."""

    code: str = ""
    text: str = ""
    doubt: bool = False


@dataclass
class _Work:
    """The choices about one record under way."""

    connection: sa.Connection
    person: User
    kind: type[Kind]
    record: Row
    now: datetime
    plan: Plan = field(default_factory=Plan)
    outcomes: dict[str, str] = field(default_factory=dict)
    asks: dict[str, Pick] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)

    @property
    def district(self) -> str:
        """The district's code."""
        return self.person.district


class _Wrong(Exception):
    """Choices cannot be taken as they are; everything is undone."""


def read_picks(
    kind: type[Kind], entries: Sequence[Entry], getlist: GetList, names: Sequence[str]
) -> dict[str, Pick]:
    """Return the posted choices by conflict; a new value typed without a choice is one."""
    picks: dict[str, Pick] = {}

    def first(name: str) -> str:
        return (list(getlist(name)) or [""])[0].strip()

    for entry in entries:
        conflict_id = entry.conflict_id
        if f"choice-{conflict_id}" not in names:
            continue
        value = _posted(kind, entry.dispute.row["path"], value_name(conflict_id), getlist)
        choice = first(f"choice-{conflict_id}")
        if not choice and value not in (None, entry.start):
            choice = "write"
        if choice in get_args(Choice):
            picks[conflict_id] = Pick(
                cast(Choice, choice),
                first(f"seen-{conflict_id}"),
                first(f"words-{conflict_id}").replace("\r\n", "\n"),
                first(f"asked_of-{conflict_id}"),
                value,
                first(f"sure-{conflict_id}"),
            )
    return picks


def decide(
    store: Store, person: User, record_id: str, picks: Mapping[str, Pick], now: datetime, lang: str
) -> dict[str, Trouble]:
    """Carry out choices about one record's conflicts, all of them or none.

    Returns what is wrong by conflict; empty when done. Raises Refusal: not_allowed, unknown_record,
    out_of_date when a conflict or its record is not what the person saw.
    """
    if not may(person.role, "decide"):
        raise Refusal("not_allowed")
    work: _Work | None = None
    try:
        with store.writing() as connection:
            writing.lock_district(connection, person.district)
            kind, record = find(connection, person, record_id)
            work = _Work(connection, person, kind, record, now)
            _collect(work, picks)
            if work.troubles:
                raise _Wrong
            version = _carry_out(work, picks, lang)
            _write_down(work, picks, version)
    except _Wrong:
        assert work is not None
        return work.troubles
    return {}


def _collect(work: _Work, picks: Mapping[str, Pick]) -> None:
    """Check every choice against what stands now and put it into the plan."""
    rows: dict[str, Any] = {
        row["conflict_id"]: row
        for row in history_read.conflicts_of(
            work.connection, work.district, work.record["record_id"]
        )
    }
    if not picks.keys() <= rows.keys():
        raise Refusal("out_of_date")
    naming = naming_keys(work.connection, work.district, list(rows.values()))
    for conflict_id, pick in picks.items():
        row = rows[conflict_id]
        state = standing(work.record, row)
        if pick.seen != deciding.seen_mark(row, state):
            raise Refusal("out_of_date")
        names_record = row["path"].partition(".")[2] in naming
        if pick.choice not in deciding.choices(work.kind, state, names_record=names_record):
            raise Refusal("out_of_date")
        if trouble := _lacking(pick):
            work.troubles[conflict_id] = trouble
        elif pick.choice == "ask":
            work.asks[conflict_id] = replace(pick, asked_of=_writer(work, row, pick.asked_of))
        else:
            _add(work, row, state, pick)


def _add(work: _Work, row: Any, state: deciding.Dispute, pick: Pick) -> None:
    line = _line(work, row) if pick.choice == "both" else ""
    try:
        outcome = deciding.plan(
            work.plan, work.kind, state, pick.choice, value=pick.value, key=new_id(), line=line
        )
    except TwoValues:
        work.troubles[row["conflict_id"]] = Trouble("two_values")
        return
    work.outcomes[row["conflict_id"]] = outcome


def _lacking(pick: Pick) -> Trouble | None:
    if len(pick.words) > LONGEST_WORDS:
        return Trouble("words_too_long")
    if pick.choice == "ask" and not pick.words:
        return Trouble("words_needed")
    if pick.choice == "write" and pick.value is None:
        return Trouble("value_needed")
    return None


def _carry_out(work: _Work, picks: Mapping[str, Pick], lang: str) -> int:
    """Change the record as planned and return its version."""
    plan, record = work.plan, work.record
    version = int(record["version"])
    author, record_id = work.person.user_id, record["record_id"]
    if plan.restore:
        version = central.restore_record(
            work.connection, work.district, record_id, author, work.now
        )
    base = CentralChange(
        record["kind"], record_id, "update", {}, author, base_version=version, settles=True
    )
    if plan.values:
        wire = deciding.wire(work.kind, plan.values)
        unsure = {
            cid: one
            for cid, one in picks.items()
            if one.choice == "write" and one.sure != one.written
        }
        if unsure:
            doubts = [one.as_json() for one in check(work.kind, "update", wire).doubts]
            _blame(work, doubts, lang, among=unsure)
            if work.troubles:
                raise _Wrong
        try:
            effect = central.apply_central_change(
                work.connection, work.district, replace(base, fields=wire), work.now
            )
        except Refusal as refusal:
            if refusal.code != "bad_fields":
                raise
            _blame(work, refusal.facts["problems"], lang)
            raise _Wrong from None
        version = effect.version or version
    if plan.void:
        void = replace(base, action="void", fields={"reason": plan.void}, base_version=version)
        effect = central.apply_central_change(work.connection, work.district, void, work.now)
        version = effect.version or version
    if record["kind"] == care_alarms.VISIT:
        after = writing.load_records(work.connection, work.district, [record_id])[record_id]
        _ask_how_they_are(work, after)
        care_alarms.sound_after(work.connection, work.district, record, after, work.now)
    return version


def _ask_how_they_are(work: _Work, after: Row) -> None:
    """Refuse what lets a visit meet somebody in care without a word on how they were: only its
    worker knows whom he saw."""
    if care_alarms.left_unsaid(work.connection, work.district, work.record, after, work.now):
        work.troubles.update({one: Trouble("states_needed") for one in work.outcomes})
        raise _Wrong


def _blame(
    work: _Work,
    problems: Sequence[Mapping[str, Any]],
    lang: str,
    among: Collection[str] | None = None,
) -> None:
    """Put each problem beside the choices about its field (all of them when it names none); each
    doubt beside those ``among`` the ones that wrote something."""
    rows = history_read.conflicts_of(work.connection, work.district, work.record["record_id"])
    paths = {row["conflict_id"]: row["path"].partition(".")[0] for row in rows}
    for one in problems:
        name = str(one["pointer"]).strip("/").partition("/")[0]
        mine = [cid for cid in work.outcomes if paths[cid] == name]
        if among is not None:
            mine = [cid for cid in mine if cid in among]
        elif not mine:
            mine = list(work.outcomes)
        for conflict_id in mine:
            text = str(one["en" if lang == "en" else "zh"])
            work.troubles[conflict_id] = Trouble(text=text, doubt=among is not None)


def _write_down(work: _Work, picks: Mapping[str, Pick], version: int) -> None:
    """Write who decided what: conflicts, corrections, decision records, the audit."""
    connection, district, now = work.connection, work.district, work.now
    record_id, person = work.record["record_id"], work.person
    rows: dict[str, Any] = {
        row["conflict_id"]: row
        for row in history_read.conflicts_of(connection, district, record_id)
    }
    touched = work.outcomes.keys() | work.asks.keys()
    asked_before = [
        one
        for one in decision_records.open_corrections(connection, district, [record_id])
        if one["fields"].get("conflict_id") in touched
    ]
    decision_records.close_corrections(connection, district, asked_before, person.user_id, now)
    for conflict_id, outcome in work.outcomes.items():
        row = rows[conflict_id]
        values: dict[str, Any] = {
            "decision": outcome,
            "decided_by": person.user_id,
            "decided_at": now,
        }
        if row["automatic"] and row["first_decision"] is None:
            values["first_decision"] = row["decision"]
        writing.change_conflict(connection, district, conflict_id, values)
        detail = {"record_id": record_id, "outcome": outcome, "version": version}
        _note(work, "decide", conflict_id, detail)
    words = {conflict_id: picks[conflict_id].words for conflict_id in work.outcomes}
    decision_records.tell_decisions(connection, district, list(work.outcomes), now, words)
    for conflict_id, pick in work.asks.items():
        row = rows[conflict_id]
        change_id = row["change_id"]
        if pick.asked_of != row["author"]:
            change_id = row["visible_change_id"]
        asked = Asked(
            work.record["kind"], record_id, change_id, pick.asked_of, pick.words,
            _marked(row["path"], pick.words), conflict_id,
        )  # fmt: skip
        decision_records.ask(connection, district, asked, person.user_id, work.record["grid"], now)
        writing.change_conflict(connection, district, conflict_id, {"asked_at": now})
        _note(work, "ask_worker", conflict_id, {"record_id": record_id})


def _marked(path: str, words: str) -> dict[str, str]:
    """Return the field to be marked for the worker; none when the record as a whole is in doubt."""
    return {} if path == VOIDED else {path.partition(".")[0]: words[:200].replace("\n", " ")}


def _note(work: _Work, action: str, conflict_id: str, detail: Mapping[str, Any]) -> None:
    audit.note(
        work.connection, work.district, work.now, action,
        user_id=work.person.user_id, target=conflict_id, detail=detail,
    )  # fmt: skip


def _writer(work: _Work, row: Any, wanted: str) -> str:
    """Return whom to ask: the wanted one of the two writers, else who wrote the other value."""
    behind = history_read.by_change_ids(
        work.connection, work.district, [row["visible_change_id"] or ""]
    )
    writers = {row["author"]} | {one["author"] for one in behind.values()}
    return wanted if wanted in writers else str(row["author"])


def _line(work: _Work, row: Any) -> str:
    """Return the line over the second of two texts: whose it is and when he wrote it."""
    names = people_read.names_of(work.connection, work.district, [row["author"]])
    at = row["happened_at"].astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return f"【{names.get(row['author'], '')} {at}】"


def _posted(kind: type[Kind], path: str, control: str, getlist: GetList) -> Any:
    """Return what was posted as a new value, in stored form; None when nothing was."""
    name, dot, _ = path.partition(".")
    declared = kind.declared().get(name)
    if declared is None:
        return None
    if isinstance(declared, Keyed) and dot:
        entry = {
            member: inner.from_form(getlist(f"{control}.{member}"))
            for member, inner in declared.entry_fields.items()
        }
        return {member: value for member, value in entry.items() if value is not None} or None
    value = declared.from_form(getlist(control))
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
