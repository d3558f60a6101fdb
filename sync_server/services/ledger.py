"""The records one write transaction touches: loaded at once, merged in memory, written in bulk.

Every road by which a record changes goes through here: a laptop's batch, staff, an import's later
corrections. Each touched record gets one new change_no when the ledger is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.kind import Action, Kind
from schemas.search import search_text
from sync_server.domain.merge import (
    Clash,
    Edit,
    Merged,
    State,
    created,
    merge_update,
    merge_void,
    void_was_seen,
)
from sync_server.domain.times import corrected, moment
from sync_server.services.ids import new_id
from sync_server.store import writing

Row = dict[str, Any]


@dataclass(frozen=True)
class Effect:
    """What became of one change: its outcome, the record's version, a waiting conflict."""

    outcome: str
    version: int | None
    conflict_id: str | None = None


class VoidedRecord(Exception):
    """The change edits a record its writer knew to be void."""


class Ledger:
    """One transaction's working copy of the records it touches."""

    def __init__(self, connection: sa.Connection, district: str, now: datetime) -> None:
        self._connection = connection
        self._district = district
        self._now = now
        self._rows: dict[str, Row] = {}
        self._known_ids: set[str] = set()
        self._new: dict[str, Row] = {}
        self._touched: dict[str, Row] = {}
        self._entries: dict[tuple[str, str, str], str] = {}
        self._conflicts: dict[str, Row] = {}
        self._conflict_changes: dict[str, Row] = {}
        self._last_change_no = writing.lock_district(connection, district)

    def load(self, record_ids: Collection[str]) -> None:
        """Read these records and their waiting conflict entries, those not read before."""
        wanted = set(record_ids) - self._known_ids
        self._known_ids |= wanted
        found = writing.load_records(self._connection, self._district, wanted)
        self._rows |= found
        self._entries |= writing.open_entries(self._connection, self._district, found)

    def record(self, record_id: str | None) -> Row | None:
        """Return a loaded record as it stands in this transaction, None when there is none."""
        return self._rows.get(record_id) if record_id else None

    def create(
        self,
        kind: type[Kind],
        edit: Edit,
        record_id: str,
        grid: str,
        made_at: str,
        fields: Mapping[str, Any],
        offset_s: int = 0,
    ) -> Effect:
        """Add a new record from the checked wire ``fields`` of its create or step."""
        state = created(kind, edit, fields)
        row: Row = {
            "district": self._district,
            "record_id": record_id,
            "kind": kind.info.name,
            "schema": kind.info.version,
            "grid": grid,
            "author": edit.author,
            "made_at": made_at,
            "received_at": self._now,
            "device_id": edit.device_id,
            "last_author": edit.author,
            "last_made_at": made_at,
            "happened_at": edit.happened_at,
        }
        self._rows[record_id] = self._new[record_id] = self._touched[record_id] = row
        self._known_ids.add(record_id)
        _write_state(row, kind, state, offset_s)
        return Effect("applied", 1)

    def change(
        self,
        edit: Edit,
        record_id: str,
        action: Action,
        made_at: str,
        fields: Mapping[str, Any],
        offset_s: int = 0,
    ) -> Effect:
        """Merge an update or a void of a loaded record.

        Raises VoidedRecord when its writer knew the record to be void.
        """
        row = self._rows[record_id]
        kind = kind_of(row["kind"])
        state = State(row["fields"], row["origins"], row["version"], row["voided"])
        mine = self._open_paths(record_id, edit.device_id)
        if action == "void":
            merged = merge_void(state, edit, fields["reason"], mine)
        elif void_was_seen(state, edit):
            raise VoidedRecord
        else:
            merged = merge_update(kind, state, edit, fields, mine)
        if merged.state.version != state.version:
            _write_state(row, kind, merged.state, offset_s)
            row |= {"last_author": edit.author, "last_made_at": made_at}
            self._touched[record_id] = row
        return Effect(merged.outcome, row["version"], self._keep(record_id, edit, merged))

    def _open_paths(self, record_id: str, device_id: str | None) -> frozenset[str]:
        return frozenset(
            path
            for (one, path, device) in self._entries
            if one == record_id and device == device_id
        )

    def _keep(self, record_id: str, edit: Edit, merged: Merged) -> str | None:
        """Keep what a merge left beside the record; return the first entry's id, waiting first."""
        for path in merged.withdrawn:
            conflict_id = self._entries.pop((record_id, path, edit.device_id or ""))
            self._amend(conflict_id, {"decision": "withdrawn", "decided_at": self._now})
        ids = [
            self._keep_clash(record_id, edit, clash)
            for clash in sorted(merged.clashes, key=lambda clash: clash.decision is not None)
        ]
        return ids[0] if ids else None

    def _keep_clash(self, record_id: str, edit: Edit, clash: Clash) -> str:
        key = (record_id, clash.path, edit.device_id or "")
        values: Row = {
            "visible": clash.visible,
            "visible_change_id": clash.visible_change_id,
            "other": clash.other,
            "change_id": edit.change_id,
            "author": edit.author,
            "happened_at": edit.happened_at,
            "decision": clash.decision,
            "automatic": clash.decision is not None,
            "decided_at": self._now if clash.decision else None,
        }
        if clash.decision is None and key in self._entries:
            # The writer's later value takes the place of his own entry.
            self._amend(self._entries[key], values)
            return self._entries[key]
        conflict_id = new_id()
        self._conflicts[conflict_id] = values | {
            "district": self._district,
            "conflict_id": conflict_id,
            "record_id": record_id,
            "path": clash.path,
            "base": writing.value_at(
                self._connection, self._district, record_id, clash.path, edit.base_version
            ),
            "device_id": edit.device_id,
            "opened_at": self._now,
        }
        if clash.decision is None and edit.device_id is not None:
            self._entries[key] = conflict_id
        return conflict_id

    def _amend(self, conflict_id: str, values: Row) -> None:
        if conflict_id in self._conflicts:
            self._conflicts[conflict_id] |= values
        else:
            self._conflict_changes.setdefault(conflict_id, {}).update(values)

    def write(self) -> int:
        """Number and write everything touched; return how many records changed."""
        number = self._last_change_no
        for row in self._touched.values():
            number += 1
            row["change_no"] = number
        writing.insert_records(self._connection, list(self._new.values()))
        changed = [row for key, row in self._touched.items() if key not in self._new]
        writing.update_records(self._connection, changed)
        writing.insert_conflicts(self._connection, list(self._conflicts.values()))
        for conflict_id, values in self._conflict_changes.items():
            writing.change_conflict(self._connection, self._district, conflict_id, values)
        if self._touched:
            writing.set_change_no(self._connection, self._district, number)
        return len(self._touched)


def _write_state(row: Row, kind: type[Kind], state: State, offset_s: int) -> None:
    """Write a merged state into the row, with what follows from its fields."""
    before = row.get("fields") or {}
    row |= {
        "fields": dict(state.fields),
        "origins": dict(state.origins),
        "version": state.version,
        "voided": state.voided,
    }
    info = kind.info
    row["parent_id"] = state.fields.get(info.parent) if info.parent else None
    searched = [name for name, field in kind.declared().items() if field.search]
    if "search_text" not in row or any(
        before.get(name) != state.fields.get(name) for name in searched
    ):
        row["search_text"] = search_text(kind, state.fields)
    dated = state.fields.get(info.dated_by) if info.dated_by else None
    if isinstance(dated, str) and dated != before.get(info.dated_by):
        when = moment(dated)
        row["happened_at"] = corrected(when, offset_s) if when else row["happened_at"]
