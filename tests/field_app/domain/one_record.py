"""One record on a laptop: its worker's changes and what the centre answers, without a store."""

from __future__ import annotations

import copy as copying
from typing import Any

from field_app.domain.changes import Head, Occasion, sealed
from field_app.domain.reconcile import Result, World, reconcile
from field_app.domain.views import build_view, change_state
from schemas.catalogue import kind_of

AT = "2026-09-30T08:41:00+08:00"
ME, OTHER, STAFF = (f"01998a00-0000-7000-8000-00000000{end}" for end in ("aaaa", "bbbb", "5555"))
RECORD = "01998a00-0000-7000-8000-000000000001"
STREAM = "01998a00-0000-7000-8000-00000000eeee"
GRID, OTHER_GRID = "990101100009003", "990101100009004"
VISIT = kind_of("visit")
BASE = {"visited_at": AT, "purposes": ["routine"], "mode": "door", "result": "met"}


class Laptop:
    """A laptop's documents of one record and of what is said about it."""

    def __init__(self) -> None:
        self.head = Head(STREAM)
        self.changes: dict[str, dict[str, Any]] = {}
        self.conflicts: dict[str, dict[str, Any]] = {}
        self.views: dict[str, dict[str, Any]] = {}

    def write(self, fields: dict[str, Any], action: str = "update", base: int | None = 1) -> Any:
        """Save a change and return it as it travels."""
        number = self.head.seq + 1
        occasion = Occasion(f"01998a00-0000-7000-9000-{number:012d}", RECORD, GRID, AT, ME, base)
        change = sealed(VISIT, action, fields, occasion, self.head)
        self.head = Head(STREAM, change["seq"], change["hash"])
        own = {"stream": STREAM, "acked": False, "settled": False, "outcome": None, "receipt": None}
        self.changes[change["change_id"]] = change | own
        view = build_view(self.views.get(RECORD, {}).get("copy"), list(self.changes.values()))
        assert view is not None
        self.views[RECORD] = view
        return change

    def answer(
        self,
        receipts: list[dict[str, Any]] = [],  # noqa: B006 (never changed)
        updates: list[dict[str, Any]] = [],  # noqa: B006
        grids: tuple[str, ...] = (GRID,),
    ) -> Result:
        """Take an answer in, as the service does."""
        sent = [
            one for one in self.changes.values() if not one["acked"] or one["outcome"] == "held"
        ]
        world = World({RECORD: list(self.changes.values())}, dict(self.views),
                      conflicts={RECORD: list(self.conflicts.values())}, grids=grids)  # fmt: skip
        before = copying.deepcopy(world)
        result = reconcile(world, sent, receipts, updates, AT)
        assert before == world, "an answer changes no document in place"
        self.changes |= result.changes
        for documents, found in ((self.conflicts, result.conflicts), (self.views, result.views)):
            for name, document in found.items():
                documents.pop(name, None)
                if document is not None:
                    documents[name] = document
        return result

    def state(self, change: dict[str, Any]) -> str:
        return change_state(self.changes[change["change_id"]])


def receipt(change, outcome="applied", version=1, **more):
    return {"seq": change["seq"], "change_id": change["change_id"], "outcome": outcome,
            "version": version, **more}  # fmt: skip


def update(fields, version=1, kind="visit", record_id=RECORD, **more):
    return {"kind": kind, "schema": 1, "record_id": record_id, "version": version, "grid": GRID,
            "voided": False, "fields": dict(fields), "last": {"author": OTHER, "made_at": AT},
            **more}  # fmt: skip


def decision(change_id, outcome, version=1, *, path="met", subject="conflict", stood=None,
             name="d", at=AT, **more):  # fmt: skip
    said = {"subject": subject, "outcome": outcome, "target_kind": "visit", "target_id": RECORD,
            "change_id": change_id, "visible_change_id": stood, "path": path, "decided_by": STAFF,
            "decided_at": at, "words": "查过了", **more}  # fmt: skip
    fields = {name: value for name, value in said.items() if value is not None}
    return update(fields, version, "decision", f"01998a00-0000-7000-8000-dddddddd000{name}")


def gone(record_id=RECORD):
    return {"record_id": record_id, "gone": True}
