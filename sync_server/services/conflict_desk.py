"""The conflict desk: the open conflicts of somebody's areas by record, and one record's with all
that deciding them takes: who wrote what and when, what can be chosen, who was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import UnknownKind, kind_of
from schemas.clock import read_moment
from schemas.codes import code_list
from schemas.fields import Declared, Keyed, Paragraph
from schemas.fields.base import UUID
from schemas.forms import Control
from schemas.kind import Kind
from sync_server.domain import deciding
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.deciding import Choice
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import origin_of
from sync_server.services import audit, history
from sync_server.services.accounts import User, require_records
from sync_server.services.history import Reader
from sync_server.services.places import names_for
from sync_server.services.record_page import Link, checked_reason
from sync_server.services.titles import Titles
from sync_server.services.values import Value, show_path
from sync_server.store import desks_read, history_read, records_read
from sync_server.store.engine import Store

PAGE = 20
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Group:
    """One record with its open conflicts, for the list; ``asked`` of them wait for a worker."""

    record: Link
    area: str
    disputes: tuple[history.Dispute, ...]
    asked: int


@dataclass(frozen=True)
class GroupPage:
    """A page of records with open conflicts."""

    groups: tuple[Group, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Said:
    """A worker was asked: who, in which words, when; and what he answered, empty until he does."""

    of: str
    words: str
    at: str
    answer: str
    reply: str


@dataclass(frozen=True)
class Entry:
    """One conflict of the desk. ``seen`` marks what is shown; ``controls`` write a new value;
    ``askable`` are the writers as ``(user id, name)``."""

    dispute: history.Dispute
    current: Value
    current_by: str
    current_at: datetime | None
    current_doubtful: bool
    other_device: str
    choices: tuple[Choice, ...]
    seen: str
    about_void: bool
    controls: tuple[Control, ...]
    askable: tuple[tuple[str, str], ...]
    asked: tuple[Said, ...]

    @property
    def conflict_id(self) -> str:
        """The conflict's id."""
        return str(self.dispute.row["conflict_id"])

    @property
    def decided(self) -> bool:
        """Whether it was decided before."""
        return self.dispute.row["decision"] is not None

    @property
    def start(self) -> Any:
        """What the controls for a new value start with, in stored form; None when empty."""
        path = self.dispute.row["path"]
        if "." not in path:
            return self.controls[0].value if self.controls else None
        members = {one.name.rpartition(".")[2]: one.value for one in self.controls}
        return {name: value for name, value in members.items() if value is not None} or None


@dataclass(frozen=True)
class Desk:
    """One record's conflicts, open ones first."""

    record: Row
    title: str
    label: str
    area: str
    entries: tuple[Entry, ...]
    unmasked: bool
    hides: bool
    may_unmask: bool

    @property
    def open_entries(self) -> tuple[Entry, ...]:
        """The entries that wait for a decision."""
        return tuple(one for one in self.entries if not one.decided)


def open_groups(connection: sa.Connection, person: User, page: int, lang: str) -> GroupPage:
    """Return a page of the records with open conflicts, the longest waiting first.

    Raises Refusal ``not_allowed``.
    """
    require_records(person)
    district = person.district
    ids, total = desks_read.disputed_records(
        connection, district, person.scope_codes, start=(page - 1) * PAGE, size=PAGE
    )
    records = records_read.by_ids(connection, district, ids)
    rows = desks_read.open_conflicts_of(connection, district, ids)
    titles = Titles(connection, person, lang)
    titles.preload(("record", one) for one in ids)
    reader, behind = _reader(connection, person, lang, titles, rows)
    areas = names_for(connection, district, {row["grid"] for row in records.values()})
    groups = []
    for record_id in ids:
        record = records[record_id]
        kind = known_kind(record["kind"])
        mine = [row for row in rows if row["record_id"] == record_id]
        title = titles.lookup("record", record_id) or f"…{record_id[-6:]}"
        groups.append(
            Group(
                Link(kind.info.label.text(lang), title, record["kind"], record_id),
                areas.get(record["grid"], record["grid"]),
                tuple(reader.dispute(kind, row, behind) for row in mine),
                sum(row["asked_at"] is not None for row in mine),
            )
        )
    return GroupPage(tuple(groups), total, page, max(1, -(-total // PAGE)))


def open_desk(
    connection: sa.Connection, person: User, record_id: str, lang: str, *, unmask: bool = False
) -> Desk:
    """Return one record's conflicts; raise Refusal not_allowed or unknown_record (also for a record
    that never had a conflict)."""
    kind, record = find(connection, person, record_id)
    district = person.district
    rows = history_read.conflicts_of(connection, district, record_id)
    if not rows:
        raise Refusal("unknown_record")
    titles = Titles(connection, person, lang, unmask=unmask)
    titles.preload([("record", record_id)])
    reader, behind = _reader(connection, person, lang, titles, rows, record, unmask=unmask)
    corrections = [
        row
        for row in desks_read.corrections_about(connection, district, [record_id])
        if not row["fields"].get("closed") or row["fields"].get("answer")
    ]
    titles.preload(("user", row["fields"]["asked_of"]) for row in corrections)
    naming = naming_keys(connection, district, rows)
    entries = tuple(_entry(kind, record, row, reader, behind, corrections, naming) for row in rows)
    areas = names_for(connection, district, [record["grid"]])
    return Desk(
        record=record,
        title=titles.lookup("record", record_id) or f"…{record_id[-6:]}",
        label=kind.info.label.text(lang),
        area=areas[record["grid"]],
        entries=entries,
        unmasked=unmask,
        hides=any(_hides(one) for one in entries),
        may_unmask=may(person.role, "unmask"),
    )


def unmask_desk(
    store: Store, person: User, record_id: str, reason: str, now: datetime, lang: str
) -> Desk:
    """Return one record's conflicts unmasked, after writing down who looked and why.

    Raises Refusal as ``open_desk``, and reason_needed.
    """
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        kind, record = find(connection, person, record_id)
        detail = {"kind": kind.info.name, "version": record["version"], "reason": why}
        audit.note(
            connection, person.district, now, "unmask",
            user_id=person.user_id, target=record_id, detail=detail,
        )  # fmt: skip
        return open_desk(connection, person, record_id, lang, unmask=True)


def find(connection: sa.Connection, person: User, record_id: str) -> tuple[type[Kind], Row]:
    """Return a record of the person's areas with its kind; raise Refusal not_allowed or
    unknown_record."""
    require_records(person)
    row = records_read.get(connection, person.district, record_id)
    if row is None or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    return known_kind(row["kind"]), row


def known_kind(name: str) -> type[Kind]:
    """Return a kind; raise Refusal ``unknown_record`` for one this program does not know."""
    try:
        return kind_of(name)
    except UnknownKind:
        raise Refusal("unknown_record") from None


def standing(record: Row, row: Row) -> deciding.Dispute:
    """Return a conflict beside its record as it is today."""
    return deciding.Dispute(
        path=row["path"],
        visible=row["visible"],
        other=row["other"],
        fields=record["fields"],
        voided=record["voided"],
        decided=row["decision"],
        automatic=row["automatic"] and row["decided_by"] is None,
    )


def naming_keys(connection: sa.Connection, district: str, rows: Sequence[Row]) -> frozenset[str]:
    """Return the keys of keyed lists among these conflicts' paths that are ids of records."""
    keys = {row["path"].partition(".")[2] for row in rows}
    found = records_read.by_ids(connection, district, [key for key in keys if UUID.match(key)])
    return frozenset(found)


def value_name(conflict_id: str) -> str:
    """Return the name of the control that writes a new value."""
    return f"value-{conflict_id}"


def _reader(
    connection: sa.Connection,
    person: User,
    lang: str,
    titles: Titles,
    rows: Sequence[Row],
    record: Row | None = None,
    *,
    unmask: bool = False,
) -> tuple[Reader, dict[str, Any]]:
    """Return what shows these conflicts, and the changes behind them by id."""
    wanted = {row["visible_change_id"] for row in rows} | {row["change_id"] for row in rows}
    if record is not None:
        wanted |= {entry["change_id"] for entry in record["origins"].values()}
    behind = history_read.by_change_ids(connection, person.district, wanted - {None})
    reader = Reader(connection, person, lang, titles, unmask)
    reader.preload(list(behind.values()), list(rows))  # type: ignore[arg-type]
    if record is not None:
        titles.preload(("user", entry["author"]) for entry in record["origins"].values())
    return reader, behind


def _entry(
    kind: type[Kind],
    record: Row,
    row: Any,
    reader: Reader,
    behind: Mapping[str, Any],
    corrections: Sequence[Any],
    naming: frozenset[str],
) -> Entry:
    state = standing(record, row)
    source = origin_of(record["fields"], record["origins"], row["path"]) or {}
    first = behind.get(row["visible_change_id"] or "")
    titles, path = reader.titles, row["path"]
    shown = reader.dispute(kind, row, behind)
    at = source.get("happened_at")
    writers = {row["author"]: shown.other_by}
    if first is not None and first["device_id"]:
        writers.setdefault(first["author"], shown.visible_by)
    return Entry(
        dispute=shown,
        current=Value("")
        if state.about_void
        else show_path(kind, path, state.current, reader.lang, titles, unmask=reader.unmask),
        current_by=titles.lookup("user", source.get("author", "")) or "",
        current_at=read_moment(at) if at else None,
        current_doubtful=bool(source.get("doubtful")),
        other_device=reader.devices.get(row["device_id"] or "", ""),
        choices=deciding.choices(kind, state, names_record=path.partition(".")[2] in naming),
        seen=deciding.seen_mark(row, state),
        about_void=state.about_void,
        controls=_controls(kind, row["conflict_id"], path, state.current),
        askable=tuple(writers.items()),
        asked=tuple(
            Said(
                titles.lookup("user", one["fields"]["asked_of"]) or "",
                one["fields"]["words"],
                one["fields"]["asked_at"],
                _answer(one["fields"].get("answer"), reader.lang),
                one["fields"].get("reply") or "",
            )
            for one in corrections
            if one["fields"].get("conflict_id") == row["conflict_id"]
        ),
    )


def _answer(code: str | None, lang: str) -> str:
    return code_list("CORRECTION_ANSWER").text(code, lang) if code else ""


def _controls(kind: type[Kind], conflict_id: str, path: str, current: Any) -> tuple[Control, ...]:
    """Return the controls that write a new value; texts and entries start from what stands."""
    name, dot, _ = path.partition(".")
    declared = kind.declared().get(name)
    if declared is None:
        return ()
    control = value_name(conflict_id)
    if isinstance(declared, Keyed) and dot:
        inside_entry = current if isinstance(current, Mapping) else {}
        return tuple(
            Control(f"{control}.{member}", inner, _start(inner, inside_entry.get(member)))
            for member, inner in declared.entry_fields.items()
        )
    start = _start(declared, current) if isinstance(declared, Paragraph) else None
    return (Control(control, declared, start),)


def _start(declared: Declared, value: Any) -> Any:
    """Return what a control starts with: nothing where the value is personal."""
    return value if declared.privacy == "open" else None


def _hides(entry: Entry) -> bool:
    shown = entry.dispute
    return any(one.masked for one in (shown.base, shown.visible, shown.other, entry.current))
