"""The desk for refused changes: one of them whole, with why; put right and released, sent back to
its writer with words, or not taken. Each is one write transaction, told by a record of the centre.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.check import check
from schemas.forms import GetList
from schemas.kind import Kind
from schemas.seal import canonical
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import audit, decision_records, left_waiting
from sync_server.services.accounts import User, require_records
from sync_server.services.decision_records import Asked
from sync_server.services.history import Entry, Reader
from sync_server.services.places import names_for
from sync_server.services.record_page import Link, checked_reason
from sync_server.services.refused_form import (
    Form,
    flagged,
    form_of,
    kept_as_text,
    made_of,
    read_typed,
    typed_form,
)
from sync_server.services.releasing import Releasing
from sync_server.services.titles import Titles
from sync_server.services.uploads import link_to
from sync_server.services.values import understood
from sync_server.store import desks_read, records_read, uploads_read, writing
from sync_server.store.engine import Store

LONGEST_WORDS, LONGEST_MARK = 1000, 200
Row = sa.RowMapping


@dataclass(frozen=True)
class Markable:
    """A field a worker can be asked to correct: its name and label, and what is wrong with it."""

    name: str
    label: str
    words: str


@dataclass(frozen=True)
class Case:
    """One refused change. ``seen`` marks what is shown; ``form`` None when nothing can be fixed."""

    row: Row
    entry: Entry
    kind: str
    record: Link
    state: str
    seen: str
    reader: str
    form: Form | None
    marks: tuple[Markable, ...]
    asked: tuple[Mapping[str, Any], ...]
    decision_id: str
    unmasked: bool
    hides: bool
    may_unmask: bool

    @property
    def open(self) -> bool:
        """Whether staff can still do something about it."""
        return bool(self.row["outcome"] == "quarantined" and self.row["desk"] != "answered")


def open_case(
    connection: sa.Connection, person: User, change_id: str, lang: str, *, unmask: bool = False
) -> Case:
    """Return one change that was refused; raise Refusal not_allowed or unknown_record."""
    row, record = _find(connection, person, change_id)
    kind, fields = understood(row)
    titles = Titles(connection, person, lang, unmask=unmask)
    titles.preload([("record", row["record_id"])])
    reader = Reader(connection, person, lang, titles, unmask)
    reader.preload([row])
    reader.areas = names_for(connection, person.district, [row["grid"]] if row["grid"] else [])
    asked_of = decision_records.reader_of(connection, person.district, row)
    titles.preload([("user", asked_of)])
    entry = reader.alone(row)
    corrections = [
        one["fields"]
        for one in decision_records.open_corrections(
            connection, person.district, [row["record_id"]]
        )
        if one["fields"]["change_id"] == change_id
    ]
    told = decision_records.decision_id_of(change_id)
    return Case(
        row=row,
        entry=entry,
        kind=kind.info.label.text(lang) if kind else row["kind"],
        record=link_to(titles, row["kind"], row["record_id"], lang),
        state=_state(row),
        seen=_seen(row, record),
        reader=titles.lookup("user", asked_of) or "",
        form=flagged(
            form_of(kind, row["action"], fields, titles, lang) if kind else None,
            row["problem"] or (),
            lang,
        ),
        marks=tuple(_marks(kind, row, fields, lang)) if kind else (),
        asked=tuple(corrections),
        decision_id=told if records_read.get(connection, person.district, told) else "",
        unmasked=unmask,
        hides=any(one.new.masked for one in entry.deltas),
        may_unmask=may(person.role, "unmask"),
    )


def unmask_case(
    store: Store, person: User, change_id: str, reason: str, now: datetime, lang: str
) -> Case:
    """Return one refused change unmasked, after writing down who looked and why.

    Raises Refusal as ``open_case``, and reason_needed.
    """
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        row, _ = _find(connection, person, change_id)
        detail = {"kind": row["kind"], "reason": why}
        _note(connection, person, now, "unmask", change_id, detail)
        return open_case(connection, person, change_id, lang, unmask=True)


def release(
    store: Store,
    person: User,
    change_id: str,
    seen: str,
    getlist: GetList,
    names: Sequence[str],
    now: datetime,
    lang: str,
) -> Form | None:
    """Put a refused change right with what was posted and judge it again, as its writer's.

    Areas of the person count as the writer's: whoever releases answers for them. Returns None when
    it was released (or is held for its record), else the form as typed with what is wrong. Raises
    Refusal: not_allowed, unknown_record, out_of_date.
    """
    try:
        with store.writing() as connection:
            row, _ = _take(connection, person, change_id, seen)
            kind, sent = understood(row)
            if kind is None or kept_as_text(kind, sent):
                raise Refusal("out_of_date")  # no form was shown for it
            typed = read_typed(kind, row["action"], getlist, names)
            problems = _release(connection, person, row, kind, sent, typed, now)
            if problems:
                form = form_of(kind, row["action"], sent, Titles(connection, person, lang), lang)
                raise _Wrong(typed_form(form, row["action"], typed, problems, lang))
    except _Wrong as wrong:
        return wrong.form
    return None


def _release(
    connection: sa.Connection,
    person: User,
    row: Row,
    kind: type[Kind],
    sent: Mapping[str, Any],
    typed: Mapping[str, Any],
    now: datetime,
) -> Sequence[Mapping[str, Any]]:
    """Judge a change again with what was typed; return what is wrong, as in a receipt."""
    made = made_of(kind, row["action"], sent, typed)
    if problems := check(kind, row["action"], made).problems:
        return [one.as_json() for one in problems]
    district, change_id = person.district, row["change_id"]
    fixed = {"schema": kind.info.version, "fields": made} if made != sent else row["fixed"]
    values = {"fixed": fixed, "desk": "released"}
    desks_read.change_row(connection, district, change_id, values)
    [done] = Releasing(connection, district, now, person.scope_codes).take([{**row, **values}])
    if done["outcome"] == "quarantined":
        return list(done["problem"])
    changed = sorted(name for name in {*made, *sent} if made.get(name) != sent.get(name))
    record = records_read.get(connection, district, row["record_id"])
    outcome = "released_fixed" if changed else "released"
    decision_records.tell_refused(
        connection, district, done, outcome, now,
        area=_area(row, record), decided_by=person.user_id,
    )  # fmt: skip
    _close(connection, person, row, now)
    detail = {
        "record_id": row["record_id"],
        "outcome": done["outcome"],
        "version": done["version"],
        "fields": [name for name in changed if name in kind.declared()],
        "problems": sorted({str(one.get("code")) for one in row["problem"] or ()}),
    }
    _note(connection, person, now, "release_change", change_id, detail)
    return []


def send_back(
    store: Store,
    person: User,
    change_id: str,
    seen: str,
    words: str,
    marked: Mapping[str, str],
    now: datetime,
) -> None:
    """Ask the writer of a refused change to correct it, in words and by marked fields.

    Raises Refusal: not_allowed, unknown_record, out_of_date, words_needed, words_too_long.
    """
    said = _checked_words(words)
    with store.writing() as connection:
        row, record = _take(connection, person, change_id, seen)
        kind, fields = understood(row)
        known = {one.name for one in _marks(kind, row, fields, "zh")} if kind else set()
        reader = decision_records.reader_of(connection, person.district, row)
        _close(connection, person, row, now)
        asked = Asked(
            target_kind=row["kind"],
            target_id=row["record_id"],
            change_id=change_id,
            asked_of=reader,
            words=said,
            marked={
                name: text[:LONGEST_MARK] for name, text in marked.items() if text and name in known
            },
        )
        decision_records.ask(
            connection, person.district, asked, person.user_id, _area(row, record), now
        )
        desks_read.set_desk(connection, person.district, [change_id], "returned")
        _note(connection, person, now, "return_change", change_id, {"record_id": row["record_id"]})


def dismiss(
    store: Store, person: User, change_id: str, seen: str, words: str, now: datetime
) -> None:
    """Do not take a refused change, and say why; it stays kept as it was sent. What waits for the
    record it was to make is not taken either.

    Raises Refusal as ``send_back``.
    """
    said = _checked_words(words)
    with store.writing() as connection:
        row, record = _take(connection, person, change_id, seen)
        _close(connection, person, row, now)
        desks_read.set_desk(connection, person.district, [change_id], "dismissed")
        decision_records.tell_refused(
            connection, person.district, row, "dismissed", now,
            area=_area(row, record), decided_by=person.user_id, words=said,
        )  # fmt: skip
        waited = left_waiting.settle_waiting(
            connection, person.district, row["record_id"], now, by=person.user_id, words=said
        )
        detail = {"record_id": row["record_id"]} | ({"waited": waited} if waited else {})
        _note(connection, person, now, "dismiss_change", change_id, detail)


class _Wrong(Exception):
    """The change cannot be released as it is; everything is undone."""

    def __init__(self, form: Form | None) -> None:
        super().__init__()
        self.form = form


def _find(connection: sa.Connection, person: User, change_id: str) -> tuple[Row, Row | None]:
    """Return a change that is or was refused with its record; raise Refusal."""
    require_records(person)
    row = uploads_read.refused_change(connection, person.district, person.scope_codes, change_id)
    if row is None:
        raise Refusal("unknown_record")
    return row, records_read.get(connection, person.district, row["record_id"])


def _take(
    connection: sa.Connection, person: User, change_id: str, seen: str
) -> tuple[Row, Row | None]:
    """Take the district's turn and return the change, unless it moved on; raise Refusal."""
    if not may(person.role, "decide"):
        raise Refusal("not_allowed")
    writing.lock_district(connection, person.district)
    row, record = _find(connection, person, change_id)
    if row["outcome"] != "quarantined" or seen != _seen(row, record):
        raise Refusal("out_of_date")
    return row, record


def _close(connection: sa.Connection, person: User, row: Row, now: datetime) -> None:
    """Close what was asked about a change before."""
    district = person.district
    mine = [
        one
        for one in decision_records.open_corrections(connection, district, [row["record_id"]])
        if one["fields"]["change_id"] == row["change_id"]
    ]
    decision_records.close_corrections(connection, district, mine, person.user_id, now)


def _area(row: Row, record: Row | None) -> str:
    return str(record["grid"]) if record else row["grid"] or ""


def _state(row: Row) -> str:
    """Return how it stands: waiting | returned | dismissed | answered | settled."""
    if row["outcome"] != "quarantined":
        return "settled"
    return row["desk"] or "waiting"


def _seen(row: Row, record: Row | None) -> str:
    said = [row["outcome"], row["desk"], row["problem"], record["version"] if record else 0]
    return hashlib.sha256(canonical(said)).hexdigest()[:16]


def _note(
    connection: sa.Connection, person: User, now: datetime, action: str, target: str,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    audit.note(
        connection, person.district, now, action,
        user_id=person.user_id, target=target, detail=detail,
    )  # fmt: skip


def _checked_words(words: str) -> str:
    said = words.strip().replace("\r\n", "\n")
    if not said:
        raise Refusal("words_needed")
    if len(said) > LONGEST_WORDS:
        raise Refusal("words_too_long")
    return said


def _marks(kind: type[Kind] | None, row: Row, fields: Mapping[str, Any], lang: str) -> Any:
    """Yield the fields that can be marked: those the change names or that are wrong."""
    wrong: dict[str, str] = {}
    for one in row["problem"] or ():
        name = str(one.get("pointer") or "").strip("/").partition("/")[0]
        wrong.setdefault(name, str(one.get("zh") or ""))
    for name, declared in kind.declared().items() if kind else ():
        if name in fields or name in wrong:
            yield Markable(name, declared.label.text(lang), wrong.get(name, ""))
