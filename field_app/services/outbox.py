"""What the worker entered and what became of it at the centre."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from field_app.domain import conflicts
from field_app.domain.views import change_state, is_elsewhere, parent_field
from field_app.services import corrections, memory_index
from field_app.services.corrections import Asked
from field_app.services.left_waiting import give_up_waiting
from field_app.services.notices import MARK as READ_MARK
from field_app.services.records import (
    CORRECTION,
    changes_of,
    find_view,
    get_view,
    refresh_view,
    seen_version,
)
from field_app.services.rulings import Pair, Reason, Ruling, pairs, path_name, reasons, rulings
from field_app.services.rulings import value_words as words_of
from field_app.services.titles import title_of
from field_app.services.workspace import CHANGES, CONFLICTS, Workspace, plain
from schemas.catalogue import kind_of, kinds
from schemas.clock import written
from schemas.describe import title
from schemas.kind import Kind
from schemas.labels import Label
from schemas.values import paths

SHOWN_DAYS = 14
ACTIONS: dict[str, Label] = {
    "create": Label("新建", "New"),
    "update": Label("修改", "Changed"),
    "void": Label("作废", "Voided"),
    "step": Label("流转", "Step"),
}
CASES = {
    kind.info.name: (getattr(kind.declared()[parent_field(kind)], "kind", ""), parent_field(kind))
    for kind in kinds()
    if "step" in kind.info.laptop
}
"""By kind of step, the kind of its case and the field that names it."""
STATES: dict[str, Label] = {
    "local": Label("仅本机", "On this laptop only"),
    "received": Label("已收到", "Received"),
    "stored": Label("已入库", "Stored"),
    "seen": Label("已查看", "Seen by staff"),
    "conflict": Label("待裁决", "To be decided"),
    "refused": Label("被退回", "Sent back"),
    "declined": Label("不予采纳", "Not taken"),
    "corrected": Label("已更正", "Corrected"),
    "withdrawn": Label("已撤回", "Withdrawn"),
}
MEANINGS: dict[str, Label] = {
    "local": Label("只在这台电脑上，服务器还没有确认收到。",
                   "Only on this laptop; the centre has not confirmed it."),
    "received": Label("服务器已收到，正在等它前面的记录。",
                      "The centre has it and waits for a record it belongs to."),
    "stored": Label("服务器已收到并写入记录。", "The centre has it and the record says so."),
    "seen": Label("已入库，工作人员已查看。", "Stored, and staff have looked at it."),
    "conflict": Label("有人同时改了同一项，等社区裁决。两个值都已保留。",
                      "Somebody changed the same thing; staff will decide. Both values are kept."),
    "refused": Label("服务器没有采用。请按原因改正后重新提交，或撤回。",
                     "The centre did not take it. Correct it and send it again, or withdraw it."),
    "declined": Label("社区决定不采用，理由见下。内容仍留存备查。",
                      "Staff decided not to take it, for the reasons below. It is kept on file."),
    "corrected": Label("已由您后来的更正代替。", "Your later correction took its place."),
    "withdrawn": Label("您已撤回，不再提交。", "You have withdrawn it."),
}  # fmt: skip
ONLY_WITHDRAWN = Label("服务器没有采用。这样的填报不能改正，请撤回；需要的话再做一次。",
                       "The centre did not take it. It cannot be corrected: withdraw it, and do it "
                       "again if need be.")  # fmt: skip
"""What a refused change means that has no form."""
OPEN_STATES = ("local", "refused", "conflict")


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
    """What became of them (domain/conflicts.py), empty while that is open."""
    rulings: tuple[Ruling, ...] = ()
    unread: bool = False
    """Whether the worker must be told: values met, or were decided against him, unnoted."""
    version: int | None = None
    hidden: bool = False
    """Whether its record left the worker's grids, so that its values are not shown."""

    held: bool = True
    """Whether its record has a page here."""
    case: str = ""
    """Of a step: what the issue or service request it belongs to is called."""

    @property
    def told(self) -> str:
        """What a line says behind the title: what was done, of a step to what."""
        return self.case if self.kind in CASES else self.action

    @property
    def correctable(self) -> bool:
        """Whether it was sent back and there is a form to put it right in."""
        return self.state == "refused" and self.held

    def meaning(self, lang: str) -> str:
        """Return what its state means, in words."""
        only_withdrawn = self.state == "refused" and not self.held
        return (ONLY_WITHDRAWN if only_withdrawn else MEANINGS[self.state]).text(lang)

    @property
    def unsent(self) -> bool:
        """Whether the centre has not confirmed it."""
        return self.state == "local"


@dataclass(frozen=True)
class Line:
    """What a change said of one field; ``text`` is empty for a field that was emptied."""

    field: str
    text: str


@dataclass(frozen=True)
class Detail:
    """One change with all that became of it."""

    item: Item
    lines: tuple[Line, ...]
    asked: tuple[Asked, ...]


def outbox(
    ws: Workspace, *, only_unsent: bool = False, state: str = "", days: int = SHOWN_DAYS
) -> list[Item]:
    """Return the worker's changes, newest first: those of the last ``days`` and all open ones.

    ``state`` keeps those in one state, ``only_unsent`` those the centre has not confirmed.
    """
    since = written(ws.now() - timedelta(days=days))
    if only_unsent:
        found = plain(ws.table(CHANGES).find_by("acked", False))
    else:
        found = plain(ws.table(CHANGES))
    items = (
        item(ws, change)
        for change in reversed(found)
        if not state or shown_state(ws, change) == state
    )
    return [one for one in items if one.made_at >= since or _waits(one)]


def _waits(one: Item) -> bool:
    """Whether something is still to come of a change, however old it is."""
    return one.unread or (one.state in OPEN_STATES and not one.hidden)


def state_counts(ws: Workspace, days: int = SHOWN_DAYS) -> dict[str, int]:
    """Return how many changes `outbox` lists in each state."""
    return counts(outbox(ws, days=days))


def detail(ws: Workspace, change_id: str) -> Detail | None:
    """Return one of the worker's changes with what it said and what became of it, None for an
    unknown one. Of a record that left the worker's grids no value is told."""
    change = ws.table(CHANGES).get(doc_id=change_id)
    if change is None:
        return None
    one = item(ws, change)
    about = corrections.corrections_about(ws, change["record_id"])
    return Detail(
        item=one,
        lines=() if one.hidden else tuple(_lines(ws, kind_of(change["kind"]), change)),
        asked=tuple(asked for asked in about if asked.change_id == change_id),
    )


def _lines(ws: Workspace, kind: type[Kind], change: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what a change said, path by path, masked."""
    if change["action"] == "void":
        yield Line(Label("原因", "Reason").text(ws.lang), str(change["fields"].get("reason") or ""))
        return
    for path, value in paths(kind, change["fields"]):
        yield Line(path_name(kind, path, ws.lang) or path, words_of(ws, kind, path, value))


def item(ws: Workspace, change: Mapping[str, Any]) -> Item:
    """Return one stored change with its words."""
    kind, lang, state = kind_of(change["kind"]), ws.lang, shown_state(ws, change)
    conflict = ws.table(CONFLICTS).get(doc_id=change["change_id"])
    here = get_view(ws, change["kind"], change["record_id"]) is not None
    hidden = not here and is_elsewhere(None, changes_of(ws, change["record_id"]))
    return Item(
        change_id=change["change_id"],
        record_id=change["record_id"],
        kind=change["kind"],
        kind_label=kind.info.label.text(lang),
        title=_title(ws, change, hidden=hidden),
        action=ACTIONS[change["action"]].text(lang),
        made_at=change["made_at"],
        state=state,
        state_label=STATES[state].text(lang),
        reasons=tuple(reasons(kind, change, lang)) if _was_refused(state) and not hidden else (),
        pairs=tuple(pairs(ws, kind, conflict)) if conflict and not hidden else (),
        noted=bool(conflict and conflict["noted"]),
        decision=(conflict["decision"] or "") if conflict else "",
        rulings=tuple(rulings(ws, kind, conflict)) if conflict else (),
        unread=bool(conflict and conflicts.unread(conflict)) and not change.get("let_go"),
        version=(change["receipt"] or {}).get("version"),
        hidden=hidden,
        case="" if hidden else _case(ws, change),
        held=here and change["kind"] not in (CORRECTION, READ_MARK),
    )


def _title(ws: Workspace, change: Mapping[str, Any], *, hidden: bool) -> str:
    """Return what a change is about: its record, of an answer what was asked about. A record that
    was never made is called as it was written."""
    kind, record_id = change["kind"], change["record_id"]
    if kind == CORRECTION and (view := get_view(ws, kind, record_id)) is not None:
        kind, record_id = view["fields"]["target_kind"], view["fields"]["target_id"]
    words = title_of(ws, kind, record_id, ws.lang)
    if not words and not hidden and change["action"] in ("create", "step"):
        words = title(kind_of(kind), change["fields"], ws.lang, lambda kind, record_id: None)
    return words or f"…{record_id[-6:]}"


def _case(ws: Workspace, change: Mapping[str, Any]) -> str:
    """Return what the case of a step is called, empty for anything else or when it is not here."""
    kind, name = CASES.get(change["kind"], ("", ""))
    view = get_view(ws, change["kind"], change["record_id"]) if kind else None
    record_id = (view["fields"] if view else change["fields"]).get(name) if kind else None
    return title_of(ws, kind, record_id, ws.lang) if record_id else ""


def _was_refused(state: str) -> bool:
    return state in ("refused", "declined")


def shown_state(ws: Workspace, change: Mapping[str, Any]) -> str:
    """Return the state of a stored change as the screen names it."""
    state = change_state(change, seen_version(ws, change["record_id"]))
    if state == "refused" and change.get("corrected_by"):
        return "corrected"
    gone = change.get("withdrawn") and state in ("refused", "received")
    return "withdrawn" if gone else state


def counts(items: list[Item]) -> dict[str, int]:
    """Return how many items are in each state, in the order a change goes through them."""
    return {
        state: number
        for state in STATES
        if (number := sum(1 for one in items if one.state == state))
    }


def open_conflicts(ws: Workspace) -> list[Item]:
    """Return the changes whose values wait for a decision, or were decided against the worker and
    not taken note of, newest first."""
    return _of_documents(ws, lambda one: one["decision"] is None or conflicts.unread(one))


def unread_decisions(ws: Workspace) -> list[Item]:
    """Return the changes decided against the worker that he has not taken note of, newest first."""
    return _of_documents(ws, lambda one: one["decision"] is not None and conflicts.unread(one))


def _of_documents(ws: Workspace, fits: Callable[[Mapping[str, Any]], bool]) -> list[Item]:
    waiting = [one["change_id"] for one in plain(ws.table(CONFLICTS)) if fits(one)]
    found = plain(ws.table(CHANGES).get(doc_ids=waiting)) if waiting else []
    items = (item(ws, one) for one in reversed(found) if not one.get("let_go"))
    return [one for one in items if not one.hidden]


def note_conflict(ws: Workspace, change_id: str) -> bool:
    """Keep that the worker has seen a conflict or its decision; False when there is none.

    With an open one of a record that left his grids he lets go of the record, which only stayed
    for it; the value stays at the centre for staff to decide.
    """
    with ws.db.transaction():
        document = ws.table(CONFLICTS).get(doc_id=change_id)
        change = ws.table(CHANGES).get(doc_id=change_id)
        if document is None or change is None:
            return False
        ws.put(CONFLICTS, change_id, conflicts.noted(document))
        view = get_view(ws, change["kind"], change["record_id"])
        if document["decision"] is None and view and (view["copy"] or {}).get("gone"):
            ws.put(CHANGES, change_id, {**change, "let_go": True})
            _refresh(ws, change)
    return True


def withdraw(ws: Workspace, change_id: str) -> bool:
    """Give up a change the centre sent back; it stays readable here and at the centre.

    Whoever asked to correct it is told. False when there is no such open refused change.
    """
    with ws.db.transaction():
        change = ws.table(CHANGES).get(doc_id=change_id)
        if change is None or shown_state(ws, change) != "refused":
            return False
        ws.put(CHANGES, change_id, {**change, "withdrawn": True, "settled": True})
        corrections.withdrawn(ws, change_id)
        for one in (change, *give_up_waiting(ws, change)):
            _refresh(ws, one)
    return True


def _refresh(ws: Workspace, change: Mapping[str, Any]) -> None:
    """Write a record's view anew; when that removes it, no search finds it and no value of it stays
    in its conflict documents."""
    refresh_view(ws, change["kind"], change["record_id"])
    if get_view(ws, change["kind"], change["record_id"]) is not None:
        return
    memory_index.forget(ws)
    if is_elsewhere(None, changes_of(ws, change["record_id"])):
        for one in plain(ws.table(CONFLICTS).find_by("record_id", change["record_id"])):
            ws.put(CONFLICTS, one["change_id"], conflicts.stripped(one))


def history_of(ws: Workspace, record_id: str) -> list[Item]:
    """Return the worker's own changes of a record, oldest first; empty for an unknown record."""
    if find_view(ws, record_id) is None:
        return []
    return [item(ws, change) for change in changes_of(ws, record_id)]
