"""What staff or the rule decided, told to every laptop concerned; and what workers were asked.

A ``decision`` record has its conflict's id (a refused change gives it another), so that deciding
anew is a new version of it; a ``correction`` asks one worker to look at a change or a value again.
Both lie where the record they speak of lies, or in a grid of the worker who is to read them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import written
from schemas.fields.base import UUID
from schemas.values import difference, to_wire
from sync_server.domain.areas import holds
from sync_server.domain.merge import Edit
from sync_server.services.central_log import central_row
from sync_server.services.ids import new_id
from sync_server.services.ledger import Effect, Ledger
from sync_server.store import desks_read, streams, writing

log = logging.getLogger(__name__)

Row = sa.RowMapping | Mapping[str, Any]

DECISION, CORRECTION = "decision", "correction"
AREA_DIGITS = 6


@dataclass(frozen=True)
class Asked:
    """A worker is asked to look again: which change, in which words, ``marked`` fields by name."""

    target_kind: str
    target_id: str
    change_id: str
    asked_of: str
    words: str
    marked: Mapping[str, str]
    conflict_id: str | None = None


@dataclass(frozen=True)
class _Told:
    """A record of the centre's own: created when its id is new, else brought to ``fields``."""

    kind: str
    record_id: str
    grid: str
    author: str
    fields: Mapping[str, Any]


def tell_decisions(
    connection: sa.Connection,
    district: str,
    conflict_ids: Collection[str],
    now: datetime,
    words: Mapping[str, str] | None = None,
) -> None:
    """Write the decision records of those of these conflicts that are decided.

    Within the running write transaction, after the conflicts and their records were written. What
    somebody else was asked about them is closed. ``words`` are what staff said about a decision, by
    conflict id.
    """
    if not conflict_ids:
        return
    rows = [
        row
        for row in desks_read.conflicts_by_id(connection, district, conflict_ids)
        if row["decision"] is not None
    ]
    targets = writing.load_records(connection, district, {row["record_id"] for row in rows})
    readers = readers_of(connection, district, rows)
    scopes = streams.scopes_of(connection, district, set(readers.values()))
    _write(
        connection,
        district,
        [
            _Told(
                DECISION,
                row["conflict_id"],
                # With its record, unless the writer of the value beside it holds that no more.
                _place(
                    district,
                    scopes.get(readers[row["change_id"]], ()),
                    targets[row["record_id"]]["grid"],
                ),
                row["decided_by"] or row["author"],
                _about_conflict(row, targets[row["record_id"]], (words or {}).get, now),
            )
            for row in rows
            if row["record_id"] in targets
        ],
        now,
    )
    _close_settled(connection, district, rows, now)


def _close_settled(
    connection: sa.Connection, district: str, rows: Sequence[Row], now: datetime
) -> None:
    """Close what was asked about these settled conflicts, unless their own writer was asked: his
    writing again is the answer (``close_answered``)."""
    by_id = {row["conflict_id"]: row for row in rows if row["asked_at"] is not None}
    corrections = open_corrections(
        connection, district, {row["record_id"] for row in by_id.values()}
    )
    for one in corrections:
        row = by_id.get(one["fields"].get("conflict_id") or "")
        if row and (row["decision"] != "withdrawn" or one["fields"]["asked_of"] != row["author"]):
            close_corrections(connection, district, [one], row["decided_by"] or row["author"], now)


def tell_refused(
    connection: sa.Connection,
    district: str,
    change: Row,
    outcome: str,
    now: datetime,
    *,
    area: str,
    decided_by: str | None = None,
    words: str = "",
) -> None:
    """Write the decision record of a refused change (``change`` as it is now): released,
    released_fixed or dismissed. ``area`` is where its record lies; by nobody: by the system."""
    said = {
        "subject": "refused",
        "outcome": outcome,
        "target_kind": change["kind"],
        "target_id": change["record_id"],
        "change_id": change["change_id"],
        "version": change["version"],
        "words": words or None,
        "automatic": decided_by is None,
        "decided_by": decided_by,
        "decided_at": written(now),
    }
    reader = reader_of(connection, district, change)
    told = _Told(
        DECISION,
        decision_id_of(change["change_id"]),
        place_for(connection, district, reader, area),
        decided_by or reader,
        said,
    )
    _write(connection, district, [told], now)


def ask(
    connection: sa.Connection, district: str, asked: Asked, by: str, area: str, now: datetime
) -> str:
    """Ask a worker to correct or to check; return the correction's id."""
    record_id = new_id()
    said = {
        "target_kind": asked.target_kind,
        "target_id": asked.target_id,
        "change_id": asked.change_id,
        "conflict_id": asked.conflict_id,
        "asked_of": asked.asked_of,
        "words": asked.words,
        "marked": {name: {"words": words} for name, words in asked.marked.items()} or None,
        "asked_by": by,
        "asked_at": written(now),
        "closed": False,
    }
    grid = place_for(connection, district, asked.asked_of, area)
    _write(connection, district, [_Told(CORRECTION, record_id, grid, by, said)], now)
    return record_id


def open_corrections(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the corrections about these records that nobody has answered or closed."""
    rows = desks_read.corrections_about(connection, district, record_ids)
    return [row for row in rows if not row["fields"].get("closed")]


def close_corrections(
    connection: sa.Connection,
    district: str,
    corrections: Iterable[Row],
    by: str,
    now: datetime,
    answers: Mapping[str, str] | None = None,
) -> None:
    """Close these corrections; ``answers`` names the answering change by correction id."""
    told = []
    for row in corrections:
        said = {**row["fields"], "closed": True}
        if answer := (answers or {}).get(row["record_id"]):
            said["answer_id"] = answer
        told.append(_Told(CORRECTION, row["record_id"], row["grid"], by, said))
    _write(connection, district, told, now)


def close_answered(
    connection: sa.Connection, district: str, rows: Sequence[Row], now: datetime
) -> None:
    """Close what the just received changes answer: a refused change sent again, a value checked.

    ``rows`` are the changes as stored, within the running write transaction.
    """
    corrected = {row["corrects"] for row in rows if row["corrects"]}
    refused = {
        row["change_id"]: row for row in desks_read.refused_changes(connection, district, corrected)
    }
    targets = {row["record_id"] for row in rows} | {row["record_id"] for row in refused.values()}
    closing: dict[str, list[Row]] = {}
    answers: dict[str, str] = {}
    asked = open_corrections(connection, district, targets)
    # What is asked about a change that was not refused is answered by another one of the record.
    about = {one["fields"]["change_id"] for one in asked if not one["fields"].get("conflict_id")}
    waiting = desks_read.refused_changes(connection, district, about) if about else ()
    unanswered = {row["change_id"] for row in waiting}
    for correction in asked:
        taken = correction["fields"]["change_id"] not in unanswered
        for row in rows:
            if _answers(row, correction, taken):
                closing.setdefault(row["author"], []).append(correction)
                answers[correction["record_id"]] = row["change_id"]
                break
    for author, corrections in closing.items():
        close_corrections(connection, district, corrections, author, now, answers)
    done = [
        row["corrects"]
        for row in rows
        if row["corrects"] in refused and refused[row["corrects"]]["author"] == row["author"]
    ]
    desks_read.set_desk(connection, district, done, "answered")


def reader_of(connection: sa.Connection, district: str, change: Row) -> str:
    """Return the worker who is to read what becomes of a change: its device's, else its author."""
    return readers_of(connection, district, [change])[change["change_id"]]


def readers_of(
    connection: sa.Connection, district: str, changes: Collection[Row]
) -> dict[str, str]:
    """Return by change id who is to read what becomes of these changes."""
    devices = {row["device_id"] for row in changes if row["device_id"]}
    workers = desks_read.workers_of(connection, district, devices)
    return {
        row["change_id"]: workers.get(row["device_id"] or "", str(row["author"])) for row in changes
    }


def place_for(connection: sa.Connection, district: str, user_id: str, area: str) -> str:
    """Return where a record for somebody must lie so that his laptop gets it: in ``area``, or,
    where he does not hold that, in his own first grid."""
    codes = streams.scopes_of(connection, district, [user_id]).get(user_id, ())
    return _place(district, codes, area)


def _place(district: str, codes: Sequence[str], area: str) -> str:
    if len(area) >= AREA_DIGITS and (not codes or holds(codes, area, "community")):
        return area
    return codes[0] if codes else district


def decision_id_of(change_id: str) -> str:
    """Return the id of the one decision record about a refused change."""
    tail = hashlib.sha256(f"decision {change_id}".encode()).hexdigest()
    return f"{change_id[:19]}{tail[:4]}-{tail[4:16]}"


def _about_conflict(row: Row, target: Row, words: Any, now: datetime) -> dict[str, Any]:
    visible = row["visible_change_id"]
    return {
        "subject": "conflict",
        "outcome": row["decision"],
        "target_kind": target["kind"],
        "target_id": row["record_id"],
        "path": row["path"],
        "change_id": row["change_id"],
        "visible_change_id": visible if visible and UUID.match(visible) else None,
        "version": target["version"],
        "words": words(row["conflict_id"]) or None,
        "automatic": row["decided_by"] is None,
        "decided_by": row["decided_by"],
        "decided_at": written(row["decided_at"] or now),
    }


def _answers(row: Row, correction: Row, taken: bool) -> bool:
    """Whether a change answers a correction, from the worker who was asked; ``taken``: the change
    that it is about was not refused."""
    asked = correction["fields"]
    if row["author"] != asked["asked_of"]:
        return False
    if row["corrects"] == asked["change_id"]:
        return True
    if not (asked.get("conflict_id") or taken) or row["record_id"] != asked["target_id"]:
        return False
    named = {path.partition(".")[0] for path in asked.get("marked") or ()}
    return row["outcome"] not in ("quarantined", "held") and (
        row["action"] == "void" or not named or not named.isdisjoint(row["fields"])
    )


def _write(connection: sa.Connection, district: str, told: Sequence[_Told], now: datetime) -> None:
    """Create or change the centre's own records, all in one go."""
    if not told:
        return
    ledger = Ledger(connection, district, now)
    ledger.load([one.record_id for one in told])
    log = [row for one in told if (row := _enter(ledger, district, one, now))]
    ledger.write()
    writing.insert_changes(connection, log)


def _enter(ledger: Ledger, district: str, told: _Told, now: datetime) -> dict[str, Any] | None:
    """Enter one record into the ledger; return the log's row, None when it says so already."""
    kind, row = kind_of(told.kind), ledger.record(told.record_id)
    if row is not None and row["kind"] != told.kind:
        # A laptop made a record of its own under this id; what was decided must not hang on that.
        log.error("a %s cannot be told: its id %s is taken", told.kind, told.record_id)
        return None
    said = {name: value for name, value in told.fields.items() if value is not None}
    wire = to_wire(kind, said) if row is None else difference(kind, row["fields"], said)
    if not wire:
        return None
    action, base = ("create", 0) if row is None else ("update", row["version"])
    checked = check(kind, "create" if row is None else "update", wire)
    if not checked.ok:
        raise ValueError(f"{told.kind}: {[one.pointer for one in checked.problems]}")
    edit = Edit(new_id(), told.author, None, base, now, False)
    made_at, fields = written(now), checked.fields
    effect: Effect
    if row is None:
        effect = ledger.create(kind, edit, told.record_id, told.grid, made_at, fields)
    else:
        effect = ledger.change(edit, told.record_id, "update", made_at, fields)
    return central_row(
        district, kind, told.record_id, action, fields, edit, effect, now,
        grid=told.grid, base_version=base or None,
    )  # fmt: skip
