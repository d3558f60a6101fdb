"""Saving and reading records: the one road by which anything the worker enters becomes durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from uuid6 import uuid7

from field_app.domain import views as rules
from field_app.domain.changes import Head, Occasion, propose, sealed, unfit
from field_app.services import memory_index, streams
from field_app.services.left_waiting import give_up_waiting
from field_app.services.survivors import gathered_for
from field_app.services.workspace import CHANGES, Workspace, plain
from schemas.catalogue import kind_of, kinds
from schemas.check import Checked, FieldProblem
from schemas.clock import written
from schemas.kind import Action, Kind
from schemas.messages import Problem
from schemas.values import apply
from schemas.worker_rights import may_write


@dataclass(frozen=True)
class Saved:
    """What became of one entry.

    ``saved`` tells whether the record now stands as asked; ``change_id`` is None when nothing had
    to change or nothing was saved. Nothing is ever half saved.
    """

    record_id: str
    change_id: str | None = None
    problems: list[FieldProblem] = field(default_factory=list)
    doubts: list[FieldProblem] = field(default_factory=list)
    saved: bool = False


@dataclass(frozen=True)
class Entry:
    """One thing to save; see :func:`save_record` for the meaning of its members."""

    kind: str
    action: Action
    values: Mapping[str, Any]
    record_id: str | None = None
    grid: str | None = None
    corrects: str | None = None


CORRECTION = "correction"


class _NotSaved(Exception):
    """Leaves the transaction so that none of its entries stands."""


def new_id() -> str:
    """Return a fresh record or change id (UUIDv7)."""
    return str(uuid7())


def save_record(
    ws: Workspace,
    kind_name: str,
    action: Action,
    values: Mapping[str, Any],
    *,
    record_id: str | None = None,
    grid: str | None = None,
    corrects: str | None = None,
    warn_ok: bool = True,
) -> Saved:
    """Save what the worker entered: its view, its change and the stream's head in one commit.

    ``values`` are in stored form: all of them on create and step, any new values on update (only
    the difference becomes the change), ``{"reason"}`` on void. A create of a record that exists
    already becomes an update of it, or nothing when it says the same. ``corrects`` names a refused
    change this one takes the place of. With ``warn_ok`` false doubtful values are not saved yet.

    What is refused stands in ``problems`` and nothing is saved. Raises UnknownKind and what the
    store raises (StoreFull, StoreClosed …).
    """
    entry = Entry(kind_name, action, values, record_id, grid, corrects)
    return save_records(ws, [entry], warn_ok=warn_ok)[0]


def save_records(ws: Workspace, entries: Sequence[Entry], *, warn_ok: bool = True) -> list[Saved]:
    """Save several entries, in their order, in one commit: all of them or none.

    Raises as :func:`save_record` does.
    """
    results: list[Saved] = []
    try:
        with ws.db.transaction():
            results.extend(_save(ws, entry, warn_ok) for entry in entries)
            if not all(one.saved for one in results):
                raise _NotSaved
    except _NotSaved:
        return [Saved(one.record_id, None, one.problems, one.doubts) for one in results]
    return results


def _save(ws: Workspace, entry: Entry, warn_ok: bool) -> Saved:
    kind = kind_of(entry.kind)
    record_id = entry.record_id or new_id()
    refused = _refused_change(ws, entry.corrects) or refused_create(ws, entry.kind, record_id)
    if refused is not None and entry.action == "void" and entry.corrects is None:
        return _take_back(ws, refused, str(entry.values.get("reason") or ""))
    whole = get_view(ws, entry.kind, record_id)
    view = _view_without(ws, entry.kind, record_id, refused)
    action = _action(entry.action, view, refused)
    if action == "void" and view is not None and view["voided"]:
        return Saved(record_id, saved=True)
    barred = _barred(ws, kind, action, view)
    if barred:
        return Saved(record_id, problems=[FieldProblem("", barred)])
    if entry.action == "step" and view is not None:
        return _step_again(entry, kind, view)
    before = view["fields"] if view else {}
    checked = propose(kind, action, _values(entry, kind, refused, before, whole), before)
    grid = _grid(ws, kind, entry, view, refused)
    if grid is None:
        unknown = entry.grid is None and len(ws.grids) > 1
        problem = Problem("grid_required" if unknown else "out_of_area")
        return Saved(record_id, problems=[FieldProblem("", problem), *checked.problems])
    if not checked.ok or (checked.doubts and not warn_ok):
        return Saved(record_id, problems=checked.problems, doubts=checked.doubts)
    if not checked.fields:
        return Saved(record_id, saved=True)
    fields = checked.fields if action != "void" else (view or {"fields": {}})["fields"]
    mine = changes_of(ws, record_id)
    base = rules.base_of(view, mine, fields)
    trail = rules.trail_of(view, mine, base)
    occasion = _occasion(ws, record_id, grid, base, refused)
    saved = _keep(ws, kind, action, checked, occasion, refused, trail)
    if saved.change_id and kind.info.addressee is None:
        _answer(ws, saved, action, checked.fields)
    return saved


def is_asked(ws: Workspace, view: Mapping[str, Any]) -> bool:
    """Whether a correction is addressed to this worker and neither closed nor taken back."""
    fields = view["fields"]
    mine = fields.get("asked_of") == ws.worker_id
    return mine and not fields.get("closed") and not view["voided"]


def _answer(ws: Workspace, saved: Saved, action: Action, fields: Mapping[str, Any]) -> None:
    """Answer what the worker was asked about a value of the record he has just changed there.

    The centre judges it likewise: whoever was asked, a marked field (any, where none is marked).
    """
    for view in ws.table(CORRECTION).find_by("parent_id", saved.record_id):
        if not is_asked(ws, view) or not view["fields"].get("conflict_id"):
            continue
        named = {path.partition(".")[0] for path in view["fields"].get("marked") or ()}
        if action == "void" or not named or not named.isdisjoint(fields):
            said = {"answer": "corrected", "answer_id": saved.change_id, "closed": True}
            _save(ws, Entry(CORRECTION, "update", said, view["record_id"]), True)


def _refused_change(ws: Workspace, change_id: str | None) -> dict[str, Any] | None:
    if change_id is None:
        return None
    change = ws.table(CHANGES).get(doc_id=change_id)
    if change is None or change["outcome"] != "quarantined" or change["settled"]:
        return None
    return dict(change)


def refused_create(ws: Workspace, kind_name: str, record_id: str) -> dict[str, Any] | None:
    """Return the refused change by which a record was to begin that the centre does not have.

    Whoever edits such a record corrects that change: an update of it could never arrive anywhere.
    """
    view = get_view(ws, kind_name, record_id)
    if view is None or view["copy"] is not None:
        return None
    return next(
        (
            one
            for one in changes_of(ws, record_id)
            if one["action"] in ("create", "step")
            and one["outcome"] == "quarantined"
            and not one["settled"]
        ),
        None,
    )


def _take_back(ws: Workspace, refused: Mapping[str, Any], reason: str) -> Saved:
    """Void a record the centre never had: its refused change is given up and stays readable, no
    search finds the record, and whoever asked to correct it is told, with the ``reason``."""
    ws.put(CHANGES, refused["change_id"], {**refused, "withdrawn": True, "settled": True})
    for view in ws.table(CORRECTION).find_by("parent_id", refused["record_id"]):
        if is_asked(ws, view) and view["fields"].get("change_id") == refused["change_id"]:
            said = {"answer": "withdrawn", "closed": True, "reply": reason.strip()[:500] or None}
            _save(ws, Entry(CORRECTION, "update", said, view["record_id"]), True)
    for one in (refused, *give_up_waiting(ws, refused)):
        refresh_view(ws, one["kind"], one["record_id"])
    memory_index.forget(ws)
    return Saved(refused["record_id"], refused["change_id"], saved=True)


def _view_without(
    ws: Workspace, kind_name: str, record_id: str, refused: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return the view as it would be without the refused change that is being replaced."""
    view = get_view(ws, kind_name, record_id)
    if view is None or refused is None:
        return view
    others = [
        one for one in changes_of(ws, record_id) if one["change_id"] != refused["change_id"]
    ]  # fmt: skip
    return rules.build_view(view["copy"], others)


def _action(
    asked: Action, view: Mapping[str, Any] | None, refused: Mapping[str, Any] | None
) -> Action:
    """Return what the change will do: a second create is an update of the one record."""
    if refused is not None and view is None and refused["action"] in ("create", "step"):
        return cast(Action, refused["action"])
    if asked == "create" and view is not None:
        return "update"
    return asked


def _values(
    entry: Entry,
    kind: type[Kind],
    refused: Mapping[str, Any] | None,
    before: Mapping[str, Any],
    whole: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """Return the values to propose; a corrected change starts from what it would have made of
    the record ``before`` it. ``whole`` is the view with everything on top."""
    if refused is None or "void" in (entry.action, refused["action"]):
        return entry.values
    if refused["action"] in ("create", "step") and not before and whole is not None:
        # What was changed since goes into the new beginning: the centre, which put those changes
        # aside, takes it for the whole record.
        return {**whole["fields"], **entry.values}
    said = apply(kind, before, refused["fields"])
    return {**{name: said.get(name) for name in refused["fields"]}, **entry.values}


def _barred(
    ws: Workspace, kind: type[Kind], action: Action, view: Mapping[str, Any] | None
) -> Problem | None:
    """Return why this worker may not do this to this record, or None."""
    if action not in kind.info.laptop:
        return Problem("not_allowed")
    if not may_write(ws.identity.worker_kind, kind.info, action):
        return Problem("not_your_kind")
    if view is None:
        return Problem("not_allowed") if action in ("update", "void") else None
    if view["voided"]:
        return Problem("record_voided")
    if kind.info.addressee and view["fields"].get(kind.info.addressee) != ws.worker_id:
        return Problem("not_allowed")
    if kind.info.only_author and action != "step" and view["author"] != ws.worker_id:
        return Problem("wrong_author")
    return None


def _grid(
    ws: Workspace,
    kind: type[Kind],
    entry: Entry,
    view: Mapping[str, Any] | None,
    refused: Mapping[str, Any] | None,
) -> str | None:
    """Return the area of the change: the record's own, else asked for, that of the refused change
    it corrects, the parent's, the only."""
    if view is not None:
        return str(view["grid"])
    grids = ws.grids
    if entry.grid is not None:
        return entry.grid if _reached(kind, grids, entry.grid) else None
    if refused is not None and _reached(kind, grids, refused["grid"]):
        return str(refused["grid"])
    return parent_area(ws, kind, entry.values) or (grids[0] if len(grids) == 1 else None)


def parent_area(ws: Workspace, kind: type[Kind], values: Mapping[str, Any]) -> str | None:
    """Return the area of the record that ``values`` name as their parent; None when they name none
    held here, or one where a record of the kind may not be written."""
    named = values.get(kind.info.parent or "")
    above = find_view(ws, named) if isinstance(named, str) else None
    return str(above["grid"]) if above and _reached(kind, ws.grids, above["grid"]) else None


def _reached(kind: type[Kind], grids: Sequence[str], area: str) -> bool:
    """Tell whether a record of the kind may be written in an area: a grid of the worker's, or an
    area above one where the kind reaches that far."""
    above = kind.info.reach == "community" and any(grid.startswith(area) for grid in grids)
    return area in grids or (bool(area) and above)


def _step_again(entry: Entry, kind: type[Kind], view: Mapping[str, Any]) -> Saved:
    """Answer a step whose id exists: the same step is saved already, another one may not be."""
    again = propose(kind, "step", entry.values, {})
    if again.ok and apply(kind, {}, again.fields) == view["fields"]:
        return Saved(view["record_id"], saved=True)
    return Saved(view["record_id"], problems=[FieldProblem("", Problem("already_exists"))])


def _occasion(
    ws: Workspace,
    record_id: str,
    grid: str,
    base_version: int | None,
    refused: Mapping[str, Any] | None,
) -> Occasion:
    return Occasion(
        change_id=new_id(),
        record_id=record_id,
        grid=grid,
        made_at=written(ws.now()),
        author=ws.worker_id,
        base_version=base_version,
        corrects=refused["change_id"] if refused else None,
    )


def _keep(
    ws: Workspace,
    kind: type[Kind],
    action: Action,
    checked: Checked,
    occasion: Occasion,
    refused: Mapping[str, Any] | None,
    trail: Sequence[int] = (),
) -> Saved:
    """Seal the change and write it with the stream's head and the view; ``trail`` is that of the
    copy it is based on."""
    head: Head = streams.head(ws)
    change = sealed(kind, action, checked.fields, occasion, head)
    faults = unfit(change)
    if faults:
        return Saved(occasion.record_id, problems=faults)
    own = {"stream": head.stream, "acked": False, "settled": False, "outcome": None,
           "receipt": None}  # fmt: skip
    if trail:
        own["base_trail"] = list(trail)
    ws.put(CHANGES, occasion.change_id, change | own)
    streams.advance(ws, change)
    if refused is not None:
        ws.put(
            CHANGES,
            refused["change_id"],
            {**refused, "settled": True, "corrected_by": occasion.change_id},
        )
    refresh_view(ws, kind.info.name, occasion.record_id)
    return Saved(occasion.record_id, occasion.change_id, [], checked.doubts, saved=True)


def refresh_view(ws: Workspace, kind_name: str, record_id: str) -> None:
    """Write the view of a record anew from the centre's copy and the worker's changes."""
    table = ws.table(kind_name)
    old = table.get(doc_id=record_id)
    view = rules.build_view(
        old["copy"] if old else None, changes_of(ws, record_id), seen_version(ws, record_id)
    )
    if view is None:
        table.remove(doc_ids=[record_id])
    else:
        ws.put(kind_name, record_id, view)


def changes_of(ws: Workspace, record_id: str) -> list[dict[str, Any]]:
    """Return the worker's stored changes of a record, in the order they were made."""
    return plain(ws.table(CHANGES).find_by("record_id", record_id))


def seen_version(ws: Workspace, record_id: str) -> int:
    """Return the newest version of a record that staff have opened; 0 when none."""
    marks = ws.table("seen").find_by("parent_id", record_id)
    return max((mark["fields"].get("target_version") or 0 for mark in marks), default=0)


def get_view(ws: Workspace, kind_name: str, record_id: str) -> dict[str, Any] | None:
    """Return the worker's view of a record, None when there is none."""
    found = ws.table(kind_name).get(doc_id=record_id)
    return None if found is None else dict(found)


def find_view(ws: Workspace, record_id: str) -> dict[str, Any] | None:
    """Return the view of a record whose kind is not known, None when there is none."""
    for name in kind_names():
        found = get_view(ws, name, record_id)
        if found is not None:
            return found
    return None


def kind_names() -> list[str]:
    """Return the names of all kinds of the catalogue."""
    return [kind.info.name for kind in kinds()]


def views(
    ws: Workspace, kind_name: str, *, voided: bool | None = False, **equals: Any
) -> list[dict[str, Any]]:
    """Return the views of a kind in the order they came.

    ``equals`` compares stored fields or, where the kind declares none of that name, members of the
    view. ``voided`` None gives voided and merged records too. Raises UnknownKind.
    """
    declared = kind_of(kind_name).declared()

    def fits(value: Mapping[Any, Any]) -> bool:
        if voided is not None and (value["voided"] or bool(value["merged_into"])) != voided:
            return False
        return all(
            (value["fields"] if name in declared else value).get(name) == wanted
            for name, wanted in equals.items()
        )

    return plain(ws.table(kind_name).search(fits))


def children(
    ws: Workspace, kind_name: str, parent_field: str, record_id: str
) -> list[dict[str, Any]]:
    """Return the views of a kind that refer to a record by ``parent_field``, or to one that was
    merged into it; voided ones left out.

    Through an index where the reference is the kind's parent, else by looking at each.
    """
    ids = gathered_for(ws, kind_name, parent_field, record_id)
    named: list[dict[str, Any]] = [{parent_field: one} for one in ids]
    if parent_field != rules.parent_field(kind_of(kind_name)):
        return [view for one in named for view in views(ws, kind_name, **one)]
    try:
        found = plain(view for one in ids for view in ws.table(kind_name).find_by("parent_id", one))
    except ValueError:  # a kind added while the store was open has no index yet
        return [view for one in named for view in views(ws, kind_name, **one)]
    return [view for view in found if not view["voided"] and not view["merged_into"]]


def unsent_count(ws: Workspace) -> int:
    """Return how many saved changes the centre has not confirmed yet."""
    return len(ws.table(CHANGES).find_by("acked", False))
