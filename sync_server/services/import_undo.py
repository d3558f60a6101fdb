"""Taking an import back: what it made is voided, what it changed says again what it said before.

All of it are changes with history. What somebody has changed since, or has built upon, is kept and
listed with its reason; nothing of anybody else's work is overwritten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import written
from sync_server.domain.areas import inside
from sync_server.domain.merge import Edit, origin_of
from sync_server.services.central_log import central_row
from sync_server.services.decision_records import tell_decisions
from sync_server.services.ids import new_id
from sync_server.services.ledger import Ledger
from sync_server.services.steps import follow_up
from sync_server.store import imports as store_imports
from sync_server.store import undoing, writing

Row = dict[str, Any]


class Undo:
    """One transaction's part of taking an import back."""

    def __init__(
        self, connection: sa.Connection, district: str, import_: Mapping[str, Any], author: str,
        now: datetime,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._district = district
        self._kind = import_["kind"]
        self._scope = tuple(import_["scope_codes"])
        self._reason = f"撤销导入：{import_['file_name']}"[:200]
        self._first_no = int(import_["first_no"] or 0)
        self._author = author
        self._now = now
        self._ledger = Ledger(connection, district, now)
        self._log: list[Row] = []
        self._gone: set[str] = set()

    def take(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Take these rows back, last first, and return how many were undone and kept."""
        ids = {row["record_id"] for row in rows if row["record_id"]}
        ids |= {also[1] for row in rows for also in row["also"] or ()}
        self._ledger.load(ids)
        below = undoing.children_of(self._connection, self._district, ids)
        used = undoing.referred_since(self._connection, self._district, self._first_no, ids)
        done = [self._take_row(row, below, used) for row in rows]
        self._ledger.write()
        writing.insert_changes(self._connection, self._log)
        tell_decisions(self._connection, self._district, self._ledger.decided, self._now)
        follow_up(self._connection, self._district, self._ledger.issues, self._now)
        store_imports.set_undone(self._connection, done)
        return {what: sum(row["undone"] == what for row in done) for what in ("undone", "kept")}

    def _take_row(
        self, row: Mapping[str, Any], below: Mapping[str, set[str]], used: Collection[str]
    ) -> Row:
        why: list[dict[str, Any]] = []
        if row["change_id"] and row["before"] is None:
            why += self._void(self._kind, row["record_id"], row["change_id"], below, used)
        elif row["change_id"]:
            why += self._put_back(self._kind, row["record_id"], row["change_id"], row["before"])
        for kind, record_id, change_id, before in reversed(row["also"] or ()):
            if before is None:
                why += self._void(kind, record_id, change_id, below, used)
            else:
                self._put_back(kind, record_id, change_id, before)
        return {
            "district": row["district"], "import_id": row["import_id"], "row": row["row"],
            "undone": "kept" if why else "undone", "kept": why or None,
        }  # fmt: skip

    def _void(
        self, kind: str, record_id: str, change_id: str, below: Mapping[str, set[str]],
        used: Collection[str],
    ) -> list[dict[str, Any]]:  # fmt: skip
        stands = self._ledger.record(record_id)
        if stands is None or stands["voided"] or record_id in self._gone:
            return []
        if not inside(stands["grid"], self._scope):
            return [_gone_away(kind, record_id)]
        others = {
            path for path, entry in stands["origins"].items() if entry["change_id"] != change_id
        }
        mine = {"head_id"} if kind == "household" else set()
        if others - mine:
            return [_kept(kind, record_id, "edited", stands)]
        if stands["merged_into"]:
            return [_kept(kind, record_id, "merged", stands)]
        if below.get(record_id, set()) - self._gone:
            return [_kept(kind, record_id, "has_below", stands)]
        if record_id in used:
            return [_kept(kind, record_id, "used", stands)]
        self._write(kind, record_id, "void", {"reason": self._reason}, stands)
        self._gone.add(record_id)
        return []

    def _put_back(
        self, kind: str, record_id: str, change_id: str, before: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        stands = self._ledger.record(record_id)
        if stands is None or stands["voided"] or record_id in self._gone:
            return []
        if stands["merged_into"]:
            return [_kept(kind, record_id, "merged", stands)]
        ours = {
            name: value
            for name, value in before.items()
            if (origin_of(stands["fields"], stands["origins"], name) or {}).get("change_id")
            == change_id
        }
        if ours and not inside(stands["grid"], self._scope):
            return [_gone_away(kind, record_id)]
        if ours:
            self._write(kind, record_id, "update", ours, stands)
        if set(before) - set(ours):
            return [{**_kept(kind, record_id, "edited", stands), "put_back": sorted(ours)}]
        return []

    def _write(
        self, kind: str, record_id: str, action: Any, fields: Mapping[str, Any], stands: Row
    ) -> None:
        edit = Edit(new_id(), self._author, None, stands["version"], self._now, False)
        base = stands["version"]
        effect = self._ledger.change(edit, record_id, action, written(self._now), fields)
        self._log.append(
            central_row(
                self._district, kind_of(kind), record_id, action, fields, edit, effect, self._now,
                base_version=base,
            )
        )  # fmt: skip


def _gone_away(kind: str, record_id: str) -> dict[str, Any]:
    """Keep a record that was given to an area outside the import's, without saying who has it."""
    return {"kind": kind, "record_id": record_id, "why": "given_away", "by": ""}


def _kept(kind: str, record_id: str, why: str, stands: Row) -> dict[str, Any]:
    return {"kind": kind, "record_id": record_id, "why": why, "by": stands["last_author"]}
