"""Writing what was judged of a run of rows: one transaction, changes like any other.

Every record an import makes or changes gets its change in the log, merged by the same rules as a
laptop's; the row keeps which change it made and what stood before, so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.values import to_wire
from sync_server.domain.areas import inside
from sync_server.domain.duplicates import is_live
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import Edit
from sync_server.domain.natural_keys import keys_of
from sync_server.services.central_log import central_row
from sync_server.services.decision_records import tell_decisions
from sync_server.services.ids import new_id
from sync_server.services.import_rows import Judged, Task
from sync_server.services.ledger import Effect, Ledger, VoidedRecord
from sync_server.services.record_keys import key_all
from sync_server.services.steps import follow_up
from sync_server.store import imports as store_imports
from sync_server.store import record_keys, writing

Row = dict[str, Any]


@dataclass
class Written:
    """What a run wrote: rows for the import, changes for the log, keys of new records."""

    rows: list[Row] = field(default_factory=list)
    log: list[Row] = field(default_factory=list)
    keys: dict[str, list[str]] = field(default_factory=dict)


def apply_rows(
    connection: sa.Connection,
    task: Task,
    ledger: Ledger,
    judged: Sequence[Judged],
    now: datetime,
    seen: Mapping[int, Mapping[str, Any]],
) -> None:
    """Write a run of judged rows within the running transaction, whose district ``ledger`` locked.

    ``seen`` are the rows as they were when staff looked at them: a change of theirs starts from the
    version they saw. The caller has brought the keys up to date.
    """
    work = _Work(task, ledger, now, seen)
    changed = [one.record_id for one in judged if one.outcome == "changed" and one.record_id]
    heads = [one.head_of for one in judged if one.outcome == "new" and one.head_of]
    ledger.load([*changed, *heads])
    for one in judged:
        work.take(one)
    ledger.write()
    writing.insert_changes(connection, work.written.log)
    tell_decisions(connection, task.district, ledger.decided, now)
    follow_up(connection, task.district, ledger.issues, now)
    record_keys.add_keys(connection, task.district, work.written.keys)
    last = writing.lock_district(connection, task.district)
    if work.rekeyed:
        key_all(connection, task.district, last)
    else:
        record_keys.put_mark(connection, task.district, last)
    store_imports.put_rows(connection, work.written.rows)


class _Work:
    """One run of rows being written."""

    def __init__(
        self, task: Task, ledger: Ledger, now: datetime, seen: Mapping[int, Mapping[str, Any]]
    ) -> None:
        self.task = task
        self.ledger = ledger
        self.now = now
        self.seen = seen
        self.written = Written()
        self.rekeyed = False
        """Whether a change may have given a record other keys."""

    def take(self, one: Judged) -> None:
        """Write one row."""
        row = row_of(self.task, one)
        if one.outcome == "new":
            self._make(one, row)
        elif one.outcome == "changed":
            self._change(one, row)
        self.written.rows.append(row)

    def _make(self, one: Judged, row: Row) -> None:
        assert one.record_id is not None
        also = []
        for made in one.along:
            change_id = self._create(made.kind, made.record_id, made.area, made.fields)
            self.written.keys[made.record_id] = list(made.keys)
            also.append([made.kind, made.record_id, change_id, None])
        row["change_id"] = self._create(
            self.task.plan.kind, one.record_id, one.area, one.fields, one
        )
        self.written.keys[one.record_id] = keys_of(self.task.plan.kind, one.fields)
        if one.head_of:
            also += self._note_head(one.head_of, one.record_id)
        row["also"] = also or None

    def _create(
        self, name: str, record_id: str, area: str, stored: Mapping[str, Any],
        one: Judged | None = None,
    ) -> str:  # fmt: skip
        kind = kind_of(name)
        wire = to_wire(kind, stored)
        edit = self._edit(0)
        effect = self.ledger.create(kind, edit, record_id, area, written(self.now), wire)
        doubts = [doubt.as_json() for doubt in one.doubts] if one else []
        self._log(name, record_id, "create", wire, edit, effect, area=area, doubts=doubts)
        return edit.change_id

    def _change(self, one: Judged, row: Row) -> None:
        assert one.record_id is not None
        stands = self.ledger.record(one.record_id)
        assert stands is not None
        assert inside(stands["grid"], self.task.scope), "a record outside the importer's areas"
        if stands["merged_into"] is not None:
            raise Refusal("out_of_date")
        looked_at = _version_seen(self.seen.get(one.row.number, {}), one.record_id)
        base = min(stands["version"], looked_at or stands["version"])
        before = {name: stands["fields"].get(name) for name in one.fields}
        edit = self._edit(base)
        try:
            effect = self.ledger.change(
                edit, one.record_id, "update", written(self.now), one.fields
            )
        except VoidedRecord:
            row["outcome"] = "skipped"
            return
        self._log(self.task.plan.kind, one.record_id, "update", one.fields, edit, effect, base=base,
                  doubts=[doubt.as_json() for doubt in one.doubts])  # fmt: skip
        row |= {"change_id": edit.change_id, "before": before, "base_version": base}
        self.rekeyed = True

    def _note_head(self, household_id: str, resident_id: str) -> list[list[Any]]:
        """Note the head of a household that has none."""
        stands = self.ledger.record(household_id)
        if stands is None or stands["fields"].get("head_id") or not is_live(stands):
            return []
        edit = self._edit(stands["version"])
        said = {"head_id": resident_id}
        effect = self.ledger.change(edit, household_id, "update", written(self.now), said)
        self._log("household", household_id, "update", said, edit, effect, base=edit.base_version)
        return [["household", household_id, edit.change_id, {"head_id": None}]]

    def _edit(self, base: int) -> Edit:
        return Edit(new_id(), self.task.author, None, base, self.now, False)

    def _log(
        self, name: str, record_id: str, action: str, wire: Mapping[str, Any], edit: Edit,
        effect: Effect, *, area: str = "", base: int | None = None,
        doubts: Sequence[dict[str, Any]] = (),
    ) -> None:  # fmt: skip
        self.written.log.append(
            central_row(
                self.task.district, kind_of(name), record_id, action, wire, edit, effect, self.now,
                grid=area, base_version=base, doubts=list(doubts),
            )
        )  # fmt: skip


def _version_seen(looked: Mapping[str, Any], record_id: str) -> int | None:
    """Return the version of a record that a row as staff saw it names: as the one it is, or as one
    of those it is likely to be."""
    seen = {one["record_id"]: one.get("version") for one in looked.get("likely") or ()}
    seen |= {looked.get("record_id"): looked.get("base_version")}
    return int(seen[record_id]) if seen.get(record_id) else None


def row_of(task: Task, one: Judged) -> Row:
    """Return a judged row as it is kept."""
    likely = [
        {name: match[name] for name in ("record_id", "version", "score", "reason") if name in match}
        for match in one.likely
    ]
    present = one.present
    return {
        "district": task.district,
        "import_id": task.import_id,
        "row": one.row.number,
        "place": one.row.place,
        "outcome": one.outcome,
        "key": one.key or None,
        "record_id": one.present.record_id if one.present else one.record_id,
        "base_version": one.present.version if one.present else None,
        "change_id": None,
        "before": {name: present.fields.get(name) for name in one.fields}
        if present and one.outcome == "changed"
        else None,
        "also": None,
        "problems": [fault.as_json() for fault in one.problems] or None,
        "likely": likely or None,
        "choice": task.choices.get(one.row.number),
        "undone": None,
        "kept": None,
    }
