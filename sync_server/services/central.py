"""Changes made at the centre itself: notices, staff edits, marks that a record was looked at.

They go the same road as a laptop's: checked by the declaration, merged by the same rule, kept in
the same log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.cases import Case
from schemas.catalogue import kind_of
from schemas.check import broken_rules, check
from schemas.clock import written
from schemas.kind import Action, Kind
from schemas.values import apply, difference
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import VOIDED, Edit, origin
from sync_server.services.central_log import central_row
from sync_server.services.decision_records import tell_decisions
from sync_server.services.ids import new_id
from sync_server.services.issue_life import touched_issues
from sync_server.services.ledger import Effect, Ledger, VoidedRecord, next_version, state_of
from sync_server.services.steps import follow_up
from sync_server.store import retention, writing

Row = dict[str, Any]


@dataclass(frozen=True)
class CentralChange:
    """One change by staff. ``fields`` as on the wire; ``grid`` counts for creates alone.

    ``base_version`` is the version the person was looking at. ``settles``: it carries out what was
    decided about a conflict, ``by_rule``: what a rule of the centre asks for in a worker's name;
    every kind takes both.
    """

    kind: str
    record_id: str
    action: Action
    fields: Mapping[str, Any]
    author: str
    grid: str = ""
    base_version: int | None = None
    settles: bool = False
    by_rule: bool = False


def apply_central_change(
    connection: sa.Connection, district: str, change: CentralChange, now: datetime
) -> Effect:
    """Apply one change in the running write transaction and return what became of it.

    Raises Refusal: not_allowed (the kind does not take this action from staff), bad_fields with
    ``problems``, unknown_record, out_of_date (the id exists already, the record was voided, or what
    ``settles`` does not reach it). Whether the person may is for the caller to judge.
    """
    kind = kind_of(change.kind)
    if not change.settles and not change.by_rule and change.action not in kind.info.staff:
        raise Refusal("not_allowed")
    checked = check(kind, change.action, dict(change.fields))
    if not checked.ok:
        raise Refusal("bad_fields", problems=[one.as_json() for one in checked.problems])
    ledger = Ledger(connection, district, now)
    ledger.load([change.record_id])
    row = ledger.record(change.record_id)
    edit = Edit(new_id(), change.author, None, change.base_version or 0, now, False)
    if change.action in ("create", "step"):
        if row is not None:
            raise Refusal("out_of_date")
        effect = ledger.create(
            kind, edit, change.record_id, change.grid, written(now), checked.fields
        )
    else:
        effect = _edit(ledger, kind, change, checked.fields, edit, row, now)
    if change.settles and effect.outcome == "conflict":
        raise Refusal("out_of_date")  # what was decided must not be written down as done
    ledger.write()
    doubts = [one.as_json() for one in checked.doubts]
    row = central_row(
        district, kind, change.record_id, change.action, change.fields, edit, effect, now,
        grid=change.grid, base_version=change.base_version, doubts=doubts,
    )  # fmt: skip
    writing.insert_changes(connection, [row])
    tell_decisions(connection, district, ledger.decided, now)
    follow_up(connection, district, ledger.issues, now)
    return effect


def withdraw(
    connection: sa.Connection,
    district: str,
    author: str,
    row: sa.RowMapping,
    reason: str,
    now: datetime,
) -> None:
    """Void a record that staff keep, as they saw it; one that is void already stays so.

    Raises Refusal as ``apply_central_change``. Whether the person may is for the caller to judge.
    """
    if row["voided"]:
        return
    change = CentralChange(
        row["kind"], row["record_id"], "void", {"reason": reason}, author,
        base_version=row["version"],
    )  # fmt: skip
    apply_central_change(connection, district, change, now)


def create_in_past(
    connection: sa.Connection, district: str, wanted: Sequence[tuple[CentralChange, datetime]],
    now: datetime,
) -> dict[str, Case]:  # fmt: skip
    """Make new records, each as of its own time of receipt; return the cases of the issues.

    For what happened before this centre kept it. Raises Refusal as ``apply_central_change``.
    """
    ledger, log, times = Ledger(connection, district, now), [], {}
    ledger.load([change.record_id for change, _ in wanted])
    for change, at in wanted:
        kind = kind_of(change.kind)
        if not change.by_rule and change.action not in kind.info.staff:
            raise Refusal("not_allowed")
        checked = check(kind, change.action, dict(change.fields))
        if not checked.ok:
            raise Refusal("bad_fields", problems=[one.as_json() for one in checked.problems])
        if ledger.record(change.record_id) is not None:
            raise Refusal("out_of_date")
        edit = Edit(new_id(), change.author, None, 0, at, False)
        effect = ledger.create(
            kind, edit, change.record_id, change.grid, written(at), checked.fields, received_at=at
        )
        log.append(
            central_row(
                district, kind, change.record_id, change.action, change.fields, edit, effect, at,
                grid=change.grid, doubts=[one.as_json() for one in checked.doubts],
            )
        )  # fmt: skip
        times[change.record_id] = at
    ledger.write()
    writing.insert_changes(connection, log)
    return follow_up(connection, district, ledger.issues, now, times)


def _edit(
    ledger: Ledger,
    kind: type[Kind],
    change: CentralChange,
    fields: dict[str, Any],
    edit: Edit,
    row: Row | None,
    now: datetime,
) -> Effect:
    if row is None or row["kind"] != change.kind:
        raise Refusal("unknown_record")
    if row["merged_into"] is not None:
        raise Refusal("out_of_date")
    if change.action == "update":
        faults = broken_rules(kind, apply(kind, row["fields"], fields))
        if faults:
            raise Refusal("bad_fields", problems=[one.as_json() for one in faults])
    try:
        return ledger.change(edit, change.record_id, change.action, written(now), fields)
    except VoidedRecord:
        raise Refusal("out_of_date") from None


def restore_record(
    connection: sa.Connection, district: str, record_id: str, author: str, now: datetime
) -> int:
    """Let a void record stand again, because staff decided so, and return its version.

    No laptop can do it; in the log it is an action ``restore`` without fields.
    Raises Refusal: out_of_date when the record is not void (any more), retention_emptied.
    """
    last, floor, _ = writing.lock_numbers(connection, district)
    row = writing.load_records(connection, district, [record_id]).get(record_id)
    if row is None or not row["voided"]:
        raise Refusal("out_of_date")
    if retention.emptied_at(connection, district, [record_id]):
        raise Refusal("retention_emptied")
    kind, base = kind_of(row["kind"]), row["version"]
    state = state_of(row, floor)
    edit = Edit(new_id(), author, None, base, now, False)
    row |= next_version(state) | {
        "voided": False,
        "origins": {**row["origins"], VOIDED: origin(edit, state.next_version)},
        "change_no": last + 1,
        "last_author": author,
        "last_made_at": written(now),
    }
    writing.update_records(connection, [row])
    writing.set_change_no(connection, district, last + 1)
    effect = Effect("applied", row["version"])
    log = central_row(
        district, kind, record_id, "restore", {}, edit, effect, now, base_version=base
    )
    writing.insert_changes(connection, [log])
    follow_up(connection, district, touched_issues([row]), now)
    return int(row["version"])


def mark_seen(
    connection: sa.Connection, district: str, user_id: str, record_id: str, now: datetime
) -> bool:
    """Note that staff have opened a record, so that its author's laptop can show 已查看.

    One mark per record, moved forward when a newer version is opened. Returns whether there was
    anything to tell: nothing for a record no laptop ever wrote, or a version seen before.
    """
    row = writing.load_records(connection, district, [record_id]).get(record_id)
    if row is None or row["kind"] == "seen" or not _from_laptop(row):
        return False
    seen_id = seen_id_of(record_id)
    if _is_marked(writing.load_records(connection, district, [seen_id]).get(seen_id), row):
        return False
    writing.lock_district(connection, district)
    mark = writing.load_records(connection, district, [seen_id]).get(seen_id)
    if _is_marked(mark, row):  # by somebody else, while this one waited for his turn
        return False
    said = {
        "target_kind": row["kind"],
        "target_id": record_id,
        "target_version": row["version"],
        "seen_by": user_id,
        "seen_at": written(now),
    }
    kind = kind_of("seen")
    change = CentralChange(
        kind="seen",
        record_id=seen_id,
        action="update" if mark else "create",
        fields=difference(kind, mark["fields"], said) if mark else said,
        author=user_id,
        grid=row["grid"],
        base_version=mark["version"] if mark else None,
    )
    apply_central_change(connection, district, change, now)
    return True


def seen_id_of(record_id: str) -> str:
    """Return the id of a record's one seen mark."""
    tail = hashlib.sha256(f"seen {record_id}".encode()).hexdigest()
    return f"{record_id[:19]}{tail[:4]}-{tail[4:16]}"


def _is_marked(mark: Row | None, row: Row) -> bool:
    return mark is not None and bool(mark["fields"]["target_version"] >= row["version"])


def _from_laptop(row: Row) -> bool:
    return any(entry["device_id"] for entry in row["origins"].values())
