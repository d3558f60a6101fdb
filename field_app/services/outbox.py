"""What the worker entered and what became of it at the centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from field_app.domain.views import change_state
from field_app.services.records import (
    changes_of,
    find_view,
    lookup,
    refresh_view,
    seen_version,
    title_of,
)
from field_app.services.workspace import CHANGES, CONFLICTS, Workspace, plain
from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.fields import Keyed
from schemas.kind import Kind
from schemas.labels import Label

SHOWN_DAYS = 14
ACTIONS: dict[str, Label] = {
    "create": Label("新建", "New"),
    "update": Label("修改", "Changed"),
    "void": Label("作废", "Voided"),
    "step": Label("流转", "Step"),
}
STATES: dict[str, Label] = {
    "local": Label("仅本机", "On this laptop only"),
    "received": Label("已收到", "Received"),
    "stored": Label("已入库", "Stored"),
    "seen": Label("已查看", "Seen by staff"),
    "conflict": Label("待裁决", "To be decided"),
    "refused": Label("被退回", "Sent back"),
    "corrected": Label("已更正", "Corrected"),
    "withdrawn": Label("已撤回", "Withdrawn"),
}
OPEN_STATES = ("local", "refused", "conflict")


@dataclass(frozen=True)
class Reason:
    """Why the centre sent a change back: the field's label and what is wrong with it."""

    field: str
    words: str


@dataclass(frozen=True)
class Pair:
    """Two values that stand against each other, as words; personal ones masked."""

    field: str
    mine: str
    theirs: str


@dataclass(frozen=True)
class Item:
    """One change as the outbox shows it; its words are in the workspace's language."""

    change_id: str
    record_id: str
    kind: str
    kind_label: str
    title: str
    action: str
    made_at: str
    state: str
    state_label: str
    reasons: tuple[Reason, ...] = ()
    pairs: tuple[Pair, ...] = ()
    noted: bool = False
    """Whether the worker has taken note of values that stood against each other."""
    decision: str = ""
    """What became of them: kept (another's value), replaced (the worker's), superseded; or open."""
    version: int | None = None

    @property
    def unsent(self) -> bool:
        """Whether the centre has not confirmed it."""
        return self.state == "local"


def outbox(ws: Workspace, *, only_unsent: bool = False, days: int = SHOWN_DAYS) -> list[Item]:
    """Return the worker's changes, newest first: those of the last ``days`` and all open ones."""
    since = written(ws.now() - timedelta(days=days))
    if only_unsent:
        found = plain(ws.table(CHANGES).find_by("acked", False))
    else:
        found = plain(ws.table(CHANGES))
    items = (item(ws, change) for change in reversed(found))
    return [one for one in items if one.made_at >= since or one.state in OPEN_STATES]


def item(ws: Workspace, change: Mapping[str, Any]) -> Item:
    """Return one stored change with its words."""
    kind, lang, state = kind_of(change["kind"]), ws.lang, shown_state(ws, change)
    conflict = ws.table(CONFLICTS).get(doc_id=change["change_id"])
    return Item(
        change_id=change["change_id"],
        record_id=change["record_id"],
        kind=change["kind"],
        kind_label=kind.info.label.text(lang),
        title=title_of(ws, change["kind"], change["record_id"], lang)
        or f"…{change['record_id'][-6:]}",
        action=ACTIONS[change["action"]].text(lang),
        made_at=change["made_at"],
        state=state,
        state_label=STATES[state].text(lang),
        reasons=tuple(_reasons(kind, change, lang)) if state == "refused" else (),
        pairs=tuple(_pairs(ws, kind, conflict)) if conflict else (),
        noted=bool(conflict and conflict["noted"]),
        decision=(conflict["decision"] or "") if conflict else "",
        version=(change["receipt"] or {}).get("version"),
    )


def shown_state(ws: Workspace, change: Mapping[str, Any]) -> str:
    """Return the state of a stored change as the screen names it."""
    state = change_state(change, seen_version(ws, change["record_id"]))
    if state == "refused" and change.get("corrected_by"):
        return "corrected"
    return "withdrawn" if state == "refused" and change.get("withdrawn") else state


def counts(items: list[Item]) -> dict[str, int]:
    """Return how many items are in each state, in the order a change goes through them."""
    return {
        state: number
        for state in STATES
        if (number := sum(1 for one in items if one.state == state))
    }


def _reasons(kind: type[Kind], change: Mapping[str, Any], lang: str) -> list[Reason]:
    told = (change["receipt"] or {}).get("problem")
    found = []
    for problem in told if isinstance(told, list) else []:
        words = problem.get("en" if lang == "en" else "zh") or problem.get("code") or "?"
        found.append(Reason(_field_name(kind, str(problem.get("pointer") or ""), lang), str(words)))
    return found


def _field_name(kind: type[Kind], pointer: str, lang: str) -> str:
    declared = kind.declared().get(pointer.strip("/").split("/")[0])
    return declared.label.text(lang) if declared else ""


def _pairs(ws: Workspace, kind: type[Kind], conflict: Mapping[str, Any]) -> list[Pair]:
    return [
        Pair(
            _path_name(kind, pair["path"], ws.lang),
            _value(ws, kind, pair["path"], pair["mine"]),
            _value(ws, kind, pair["path"], pair["theirs"]),
        )
        for pair in conflict["pairs"]
    ]


def _path_name(kind: type[Kind], path: str, lang: str) -> str:
    if path == "voided":
        return ACTIONS["void"].text(lang)
    name, _, key = path.partition(".")
    field = kind.declared()[name]
    entry = field.entry_name(key, lang) if isinstance(field, Keyed) and key else ""
    return " ".join(word for word in (field.label.text(lang), entry) if word)


def _value(ws: Workspace, kind: type[Kind], path: str, value: Any) -> str:
    if path == "voided":
        return Label("是", "Yes").text(ws.lang) if value else Label("否", "No").text(ws.lang)
    name, _, key = path.partition(".")
    field = kind.declared()[name]
    whole = {key: value} if isinstance(field, Keyed) and value is not None else value
    return field.show_masked(whole, ws.lang, lookup(ws, ws.lang)) if whole is not None else ""


def open_conflicts(ws: Workspace) -> list[Item]:
    """Return the changes whose values wait for a decision, or were decided against the worker and
    not taken note of, newest first."""
    waiting = [
        one["change_id"]
        for one in plain(ws.table(CONFLICTS))
        if one["decision"] is None or (one["decision"] == "kept" and not one["noted"])
    ]
    found = plain(ws.table(CHANGES).get(doc_ids=waiting)) if waiting else []
    return [item(ws, one) for one in reversed(found)]


def note_conflict(ws: Workspace, change_id: str) -> bool:
    """Keep that the worker has seen a conflict; False when there is none."""
    conflict = ws.table(CONFLICTS).get(doc_id=change_id)
    if conflict is None:
        return False
    ws.put(CONFLICTS, change_id, {**conflict, "noted": True})
    return True


def withdraw(ws: Workspace, change_id: str) -> bool:
    """Give up a change the centre sent back; it stays readable here and at the centre.

    False when there is no such open refused change.
    """
    with ws.db.transaction():
        change = ws.table(CHANGES).get(doc_id=change_id)
        if change is None or shown_state(ws, change) != "refused":
            return False
        ws.put(CHANGES, change_id, {**change, "withdrawn": True, "settled": True})
        refresh_view(ws, change["kind"], change["record_id"])
        return True


def history_of(ws: Workspace, record_id: str) -> list[Item]:
    """Return the worker's own changes of a record, oldest first; empty for an unknown record."""
    if find_view(ws, record_id) is None:
        return []
    return [item(ws, change) for change in changes_of(ws, record_id)]
