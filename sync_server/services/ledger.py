"""The records one write transaction touches: loaded at once, merged in memory, written in bulk.

Every road by which a record changes goes through here. Each touched record gets one new change_no.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.kind import Action, Kind
from sync_server.domain.duplicates import chain_of, known_beyond
from sync_server.domain.envelope import Arrival
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
from sync_server.services.ids import new_id
from sync_server.services.issue_life import touched_issues
from sync_server.services.lines import Lines, saw_former
from sync_server.services.record_rows import write_state
from sync_server.services.record_writing import RecordWriting
from sync_server.store import duplicates, writing

Row = dict[str, Any]


class Effect(NamedTuple):
    """What became of one change: its outcome, the record's version, a waiting conflict."""

    outcome: str
    version: int | None
    conflict_id: str | None = None
    into_id: str | None = None
    """The record it was passed on to, because its own was merged into that one."""
    into_version: int | None = None


class Writer(NamedTuple):
    """Where in which log a change stands, and the version it was before the centre was restored."""

    stream: str
    seq: int
    former_version: int | None = None


def state_of(row: Row, floor: int) -> State:
    """Return a record's row as the merge sees it, in the run whose versions are above ``floor``."""
    return State(
        row["fields"], row["origins"], row["version"], row["voided"], floor,
        tuple(row["trail"] or ()),
    )  # fmt: skip


def next_version(state: State) -> Row:
    """Return the columns by which a record gets its next version."""
    return {"version": state.next_version, "trail": list(state.next_trail) or None}


class VoidedRecord(Exception):
    """The change edits a record its writer knew to be void."""


class Ledger:
    """One transaction's working copy of the records it touches."""

    def __init__(
        self,
        connection: sa.Connection,
        district: str,
        now: datetime,
        numbers: writing.Numbers | None = None,
    ) -> None:
        """``numbers``: as the transaction knows them that holds the district's turn already."""
        self._connection = connection
        self._district = district
        self.now = now
        self._rows: dict[str, Row] = {}
        self.stood: dict[str, Row] = {}  # the loaded records as they were before it
        self._known_ids: set[str] = set()
        self._standing: set[str] = set()
        self._settled: set[str] = set()
        self._new: dict[str, Row] = {}
        self._touched: dict[str, Row] = {}
        # Waiting conflict entries: (record, path) -> {conflict_id: change_id}.
        self._entries: dict[tuple[str, str], dict[str, str]] = {}
        self._conflicts: dict[str, Row] = {}
        self._conflict_changes: dict[str, Row] = {}
        self._numbers = numbers or writing.lock_numbers(connection, district)
        self._floor = self._numbers.floor
        self._writing = RecordWriting(connection, district, self._numbers.change_no)
        self.lines = Lines(connection, district)
        self.decided: set[str] = set()
        """The conflict entries that were settled in this transaction: by time, or withdrawn."""
        self._links: dict[str, Row] = {}

    def knows_of(
        self, *, missing: Collection[str], standing: Collection[str], settled: Collection[str]
    ) -> None:
        """Be told of ids that no record has, of ids that were not merged into others, and of those
        about which no conflict waits."""
        self._known_ids.update(missing)
        self._standing.update(standing)
        self._settled.update(settled)

    def load(self, record_ids: Collection[str]) -> None:
        """Read these records and their waiting conflict entries, those not read before."""
        wanted = set(record_ids) - self._known_ids
        self._known_ids |= wanted
        found = writing.load_records(self._connection, self._district, wanted)
        self._rows |= found
        self.stood |= {one: dict(row) for one, row in found.items()}
        disputed = found.keys() - self._settled
        for entry in writing.open_entries(self._connection, self._district, disputed):
            path = (entry["record_id"], entry["path"])
            self._entries.setdefault(path, {})[entry["conflict_id"]] = entry["change_id"]
        if merged := {one: row["merged_into"] for one, row in found.items() if row["merged_into"]}:
            links = duplicates.standing_merges(self._connection, self._district, merged)
            self._links |= {one: row["carried"] for one, row in links.items()}
            self.load(merged.values())

    def survivor(self, record_id: str | None) -> Row | None:
        """Return the record that a loaded one was merged into in the end; None for any other."""
        row = self.record(record_id)
        if row is None or row["merged_into"] is None:
            return None
        return self._rows[self._chain(row["record_id"])[-1]]

    def _chain(self, record_id: str) -> list[str]:
        return chain_of(record_id, lambda one: self._rows[one]["merged_into"])

    def record(self, record_id: str | None) -> Row | None:
        """Return a loaded record as it stands in this transaction, None when there is none."""
        return self._rows.get(record_id) if record_id else None

    def touched(self, kind: str) -> list[Row]:
        """Return the records of a kind that this transaction made or changed, as they stand."""
        return [row for row in self._touched.values() if row["kind"] == kind]

    def create(
        self,
        kind: type[Kind],
        edit: Edit,
        record_id: str,
        grid: str,
        made_at: str,
        fields: Mapping[str, Any],
        offset_s: int = 0,
        received_at: datetime | None = None,
        ahead: Arrival | None = None,
    ) -> Effect:
        """Add a new record from the checked wire ``fields`` of its create or step; received now
        unless said otherwise. ``ahead``: the change for which more was worked out already."""
        stored = ahead.stored if ahead else None
        state = created(kind, edit, fields, self._floor, stored)
        row: Row = {
            "district": self._district,
            "record_id": record_id,
            "kind": kind.info.name,
            "schema": kind.info.version,
            "grid": grid,
            "author": edit.author,
            "made_at": made_at,
            "received_at": received_at or self.now,
            "device_id": edit.device_id,
            "merged_into": None,
            "last_author": edit.author,
            "last_made_at": made_at,
            "happened_at": edit.happened_at,
        }
        self._rows[record_id] = self._new[record_id] = self._touched[record_id] = row
        self._known_ids.add(record_id)
        found_by = ahead.found_by if ahead and stored is not None else None
        write_state(row, kind, state, offset_s, found_by)
        return Effect("applied", state.version)

    def change(
        self,
        edit: Edit,
        record_id: str,
        action: Action,
        made_at: str,
        fields: Mapping[str, Any],
        offset_s: int = 0,
        writer: Writer | None = None,
    ) -> Effect:
        """Merge an update or a void of a loaded record; ``writer`` None: made at the centre.

        Raises VoidedRecord when its writer knew the record to be void.
        """
        trail, row = (*edit.trail, edit.base_version), self._rows[record_id]
        state = state_of(row, self._floor)
        believed = self._numbers.believed(edit.base_version, edit.trail, state)
        edit = edit._replace(base_version=believed, trail=trail)
        if writer is not None and row["merged_into"] is not None:
            return self._pass_on(edit, record_id, action, made_at, fields, offset_s, writer)
        seen = (record_id, edit.base_version)
        return self._merge(edit, record_id, action, made_at, fields, offset_s, writer, seen)

    def _pass_on(
        self,
        edit: Edit,
        record_id: str,
        action: Action,
        made_at: str,
        fields: Mapping[str, Any],
        offset_s: int,
        writer: Writer,
    ) -> Effect:
        """Merge a change of a merged record into its survivor, by the ordinary rule.

        Its versions say nothing of the survivor's: what the writer had seen there is told by the
        values the two had alike when they were merged. The merged record gets a version of its own
        for it, so that the writer's laptop knows when the answer has come.
        """
        *before, root = self._chain(record_id)
        links = [self._links.get(one, {}) for one in before]
        named = {entry["change_id"] for carried in links for entry in carried.values()}
        held = self.lines.held_before(writer.stream, writer.seq, edit.change_id, named)
        aware = known_beyond(links, edit.base_version, held, self.lines.made_other(held))
        effect = self._merge(
            edit._replace(base_version=0, trail=(), aware=aware),
            root, action, made_at, fields, offset_s, writer._replace(former_version=None),
            (record_id, edit.base_version),
        )  # fmt: skip
        row = self._rows[record_id]
        row |= next_version(state_of(row, self._floor))
        self._touched[record_id] = row
        return effect._replace(version=row["version"], into_id=root, into_version=effect.version)

    def _merge(
        self,
        edit: Edit,
        record_id: str,
        action: Action,
        made_at: str,
        fields: Mapping[str, Any],
        offset_s: int,
        writer: Writer | None,
        seen: tuple[str, int],
    ) -> Effect:
        """Merge a change into a record; ``seen`` is which record, in which version, its writer
        looked at."""
        row = self._rows[record_id]
        kind = kind_of(row["kind"])
        state = state_of(row, self._floor)
        if writer is not None:
            edit = self._with_knowledge(edit, record_id, state, writer, seen[0])
        mine = self._own_paths(record_id, edit)
        if action == "void":
            merged = merge_void(state, edit, fields["reason"], mine)
        elif void_was_seen(state, edit):
            raise VoidedRecord
        else:
            merged = merge_update(kind, state, edit, fields, mine)
        if merged.state.version != state.version:
            write_state(row, kind, merged.state, offset_s)
            row |= {"last_author": edit.author, "last_made_at": made_at}
            self._touched[record_id] = row
        return Effect(merged.outcome, row["version"], self._keep(record_id, edit, merged, seen))

    def _with_knowledge(
        self, edit: Edit, record_id: str, state: State, writer: Writer, spoken_of: str
    ) -> Edit:
        """Return the edit with what its writer had before him beyond its base version;
        ``spoken_of`` is the record he wrote of."""
        unseen = {
            path: entry
            for path, entry in state.origins.items()
            if entry["version"] > edit.base_version
        }
        beyond = any(edit.trail) and not state.gave_out(edit.trail[-1])
        asked = state.origins if beyond else unseen
        # Of any laptop he has had: his log may go on in another.
        own = {one["change_id"] for one in asked.values() if one["author"] == edit.author}
        waiting = {
            change_id
            for (one, _), entries in self._entries.items()
            if one == record_id
            for change_id in entries.values()
        }
        held = self.lines.held_before(writer.stream, writer.seq, edit.change_id, own | waiting)
        held = self.lines.spoke_of(held, spoken_of)
        edit = edit._replace(held=held, beyond=beyond, strange=self.lines.made_other(held))
        strange = {path: one for path, one in unseen.items() if one["change_id"] not in held}
        if not self._floor or not strange:
            return edit
        return self._across_epochs(edit, record_id, strange, writer)

    def _across_epochs(
        self,
        edit: Edit,
        record_id: str,
        strange: Mapping[str, Mapping[str, Any]],
        writer: Writer,
    ) -> Edit:
        """Add what versions of a lost epoch tell: a restored centre is refilled in any order.

        ``strange``: what stands, by path, that the writer is not known to have seen.
        """
        places = self.lines.former({entry["change_id"] for entry in strange.values()})
        seen = {
            one for one, place in places.items() if saw_former(edit.trail, place.former_version)
        }
        former = writer.former_version
        later: set[tuple[str, str]] = set()
        if former is not None:
            followed = [
                row
                for row in writing.counting_changes(self._connection, self._district, record_id)
                if saw_former(writing.seen_by(row), former)
            ]
            for path, entry in strange.items():
                one = entry["change_id"]
                if (one in places and saw_former(places[one].seen, former)) or any(
                    row["version"] <= entry["version"] and writing.names_path(row["fields"], path)
                    for row in followed
                ):
                    later.add((path, one))
        by_former = frozenset(seen)
        return edit._replace(
            held=edit.held | seen, by_former=by_former, overtaken_by=frozenset(later)
        )

    def _own_paths(self, record_id: str, edit: Edit) -> frozenset[str]:
        """Return the paths where a waiting entry is the writer's own, and so overtaken by him."""
        return frozenset(
            path
            for (one, path), entries in self._entries.items()
            if one == record_id and not edit.held.isdisjoint(entries.values())
        )

    def _keep(
        self, record_id: str, edit: Edit, merged: Merged, seen: tuple[str, int]
    ) -> str | None:
        """Keep what a merge left beside the record; return the first entry's id, waiting first."""
        for path in merged.withdrawn:
            for conflict_id in self._take_own(record_id, path, edit):
                self._amend(conflict_id, {"decision": "withdrawn", "decided_at": self.now})
        ids = [
            self._keep_clash(record_id, edit, clash, seen)
            for clash in sorted(merged.clashes, key=lambda clash: clash.decision is not None)
        ]
        return ids[0] if ids else None

    def _take_own(self, record_id: str, path: str, edit: Edit) -> list[str]:
        """Take the waiting entries of ``path`` that are the writer's own from the working copy."""
        entries = self._entries.get((record_id, path), {})
        mine = [one for one, change_id in entries.items() if change_id in edit.held]
        for conflict_id in mine:
            del entries[conflict_id]
        return mine

    def _keep_clash(self, record_id: str, edit: Edit, clash: Clash, seen: tuple[str, int]) -> str:
        values: Row = {
            "visible": clash.visible,
            "visible_change_id": clash.visible_change_id,
            "other": clash.other,
            "change_id": edit.change_id,
            "author": edit.author,
            "happened_at": edit.happened_at,
            "decision": clash.decision,
            "automatic": clash.decision is not None,
            "decided_at": self.now if clash.decision else None,
        }
        entries = self._entries.setdefault((record_id, clash.path), {})
        if clash.decision is None:
            mine = self._take_own(record_id, clash.path, edit)
            for conflict_id in mine[1:]:
                self._amend(conflict_id, {"decision": "withdrawn", "decided_at": self.now})
            if mine:  # the writer's later value takes the place of his own entry
                self._amend(mine[0], values)
                entries[mine[0]] = edit.change_id
                return mine[0]
        conflict_id = new_id()
        self._conflicts[conflict_id] = values | {
            "district": self._district,
            "conflict_id": conflict_id,
            "record_id": record_id,
            "path": clash.path,
            "base": writing.value_at(
                self._connection, self._district, seen[0], clash.path, seen[1]
            ),
            "device_id": edit.device_id,
            "opened_at": self.now,
        }
        if clash.decision is None:
            entries[conflict_id] = edit.change_id
        else:
            self.decided.add(conflict_id)
        return conflict_id

    def _amend(self, conflict_id: str, values: Row) -> None:
        if values.get("decision"):
            self.decided.add(conflict_id)
        if conflict_id in self._conflicts:
            self._conflicts[conflict_id] |= values
        else:
            self._conflict_changes.setdefault(conflict_id, {}).update(values)

    @property
    def issues(self) -> set[str]:
        """The issues that records of this transaction are or belong to."""
        return touched_issues(self._touched.values())

    @property
    def new_issues(self) -> dict[str, Row]:
        """The issues that this transaction made and no step of which it brought, as they stand."""
        stepped = {row["parent_id"] for row in self.touched("issue_step")}
        return {
            one: row
            for one, row in self._new.items()
            if row["kind"] == "issue" and one not in stepped
        }

    def hand_over(self) -> None:
        """Write the records made so far ahead of ``write``: nothing that is still to come of this
        transaction speaks of them."""
        self._writing.hand_over(self._new, self._standing)

    def write(self) -> int:
        """Number and write everything touched; return how many records changed."""
        writing.insert_conflicts(self._connection, list(self._conflicts.values()))
        for conflict_id, values in self._conflict_changes.items():
            writing.change_conflict(self._connection, self._district, conflict_id, values)
        self._writing.write(self._touched, self._new, self._standing)
        return len(self._touched)
