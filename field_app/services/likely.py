"""Who or what a new record may be: looked for among what the laptop holds, before it is saved.

The same rule as at the centre (``schemas/likeness``), over an index in memory
(``memory_index``). It warns and never keeps anything
from being saved: the worker says that it is somebody else, once for each record named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.typed import texts_of, values_of
from field_app.services.choices import names
from field_app.services.draft_shape import Draft, Part
from field_app.services.drafts import MAIN, Finished, Typed, discard, edit_part, finish, open_draft
from field_app.services.memory_index import MemoryIndex, current
from field_app.services.overview import look
from field_app.services.records import children, get_view
from field_app.services.survivors import survivor_of
from field_app.services.workspace import DRAFTS, Workspace
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.fields import Ref
from schemas.likeness.blocks import COMPARED, Blocks, Facts
from schemas.likeness.homes import read_door, read_home, read_trade
from schemas.likeness.people import Person, read_person
from schemas.messages import Problem

MOST = 5
CODE = "likely_same"


@dataclass(frozen=True)
class Likely:
    """A record that a new one may be: what it is called, where it is, why."""

    kind: str
    record_id: str
    title: str
    where: str
    score: str
    why: str


class _Index(MemoryIndex):
    def __init__(self) -> None:
        super().__init__()
        self.blocks: dict[str, Blocks] = {}

    def draw_all(self, ws: Workspace) -> None:
        _draw_all(ws, self)

    def touch(self, ws: Workspace, kind: str, record_id: str) -> None:
        _touch(ws, self, kind, record_id)


def likely_same(
    ws: Workspace, kind_name: str, values: Mapping[str, Any], without: Collection[str] = ()
) -> tuple[Likely, ...]:
    """Return the records that a new one with these stored values may be, the likeliest first, at
    most five; none for a kind that is not compared."""
    if kind_name not in COMPARED:
        return ()
    with current(ws, _Index) as index:
        found = index.blocks[kind_name].like(_facts(ws, kind_name, values), without=without)
    name_of = names(ws)
    return tuple(
        Likely(
            kind_name, record_id, name_of(kind_name, record_id) or f"…{record_id[-6:]}",
            _where(ws, kind_name, record_id), f"{likeness.score:.2f}", likeness.text(ws.lang),
        )
        for record_id, likeness in found[:MOST]
    )  # fmt: skip


def warm(ws: Workspace) -> None:
    """Build the index if it is not there or behind, so that saving need not wait for it."""
    with current(ws, _Index):
        pass


def _where(ws: Workspace, kind_name: str, record_id: str) -> str:
    """Return where a found person lives, or what else tells a record from its likes."""
    view = get_view(ws, kind_name, record_id)
    if view is None or kind_name != "resident":
        return str(view["fields"].get("address") or "") if view else ""
    home = view["fields"].get("household_id")
    return (names(ws)("household", home) or "") if home else ""


# The index ---------------------------------------------------------------------------------


def _draw_all(ws: Workspace, index: _Index) -> None:
    index.blocks = {name: Blocks(name) for name in COMPARED}
    for name, blocks in index.blocks.items():
        for view in look(ws, name):
            blocks.put(view["record_id"], _facts_of(ws, view))


def _touch(ws: Workspace, index: _Index, kind_name: str, record_id: str) -> None:
    """Compare one changed record anew, with the people whose home it is or the home it lives in."""
    if kind_name not in COMPARED:
        return
    _put(ws, index, kind_name, record_id)
    if kind_name == "household":
        for one in children(ws, "resident", "household_id", record_id):
            _put(ws, index, "resident", one["record_id"])
    elif kind_name == "resident":
        view = get_view(ws, kind_name, record_id)
        home = view["fields"].get("household_id") if view else None
        if home:
            _put(ws, index, "household", survivor_of(ws, "household", home))


def _put(ws: Workspace, index: _Index, kind_name: str, record_id: str) -> None:
    view = get_view(ws, kind_name, record_id)
    if view is None or view["voided"] or view["merged_into"]:
        index.blocks[kind_name].drop(record_id)
    else:
        index.blocks[kind_name].put(record_id, _facts_of(ws, view))


def _facts_of(ws: Workspace, view: Mapping[str, Any]) -> Facts:
    people: list[Person] = []
    if view["kind"] == "household":
        found = children(ws, "resident", "household_id", view["record_id"])
        people = [read_person(one["fields"]) for one in found]
    return _facts(ws, view["kind"], view["fields"], view["grid"], people)


def _facts(
    ws: Workspace,
    kind_name: str,
    fields: Mapping[str, Any],
    grid: str = "",
    people: Collection[Person] = (),
) -> Facts:
    """Return what is compared of stored fields, with the place they name."""
    if kind_name == "room":
        building = str(fields.get("building_id") or "")
        return read_door({**fields, "building_id": building})
    if kind_name == "shop":
        return read_trade(fields, grid=grid, room=_named(ws, "room", fields.get("room_id")))
    home = _named(ws, "household", fields.get("household_id"))
    lives = fields if kind_name == "household" else _fields(ws, "household", home)
    room = _named(ws, "room", lives.get("room_id"))
    building = str(_fields(ws, "room", room).get("building_id") or "")
    if kind_name == "resident":
        return read_person(fields, home=home, room=room, building=building, grid=grid)
    return read_home(fields, building=building, grid=grid, people=list(people), room=room)


def _named(ws: Workspace, kind_name: str, record_id: Any) -> str:
    return survivor_of(ws, kind_name, record_id) if isinstance(record_id, str) else ""


def _fields(ws: Workspace, kind_name: str, record_id: str) -> Mapping[str, Any]:
    found = ws.table(kind_name).get(doc_id=record_id) if record_id else None
    return found["fields"] if found is not None else {}


# The form's check step -----------------------------------------------------------------------


def finish_checked(ws: Workspace, draft_id: str, typed: Typed, **how: Any) -> Finished:
    """Save a draft unless one of its new records may be one that is held here already and the
    worker has not said that it is another; then ``likely`` names them, by the part's prefix.

    Takes and raises what ``drafts.finish`` does.
    """
    found: dict[str, tuple[Likely, ...]] = {}
    given = how.pop("judge", lambda draft: {})

    def judge(draft: Draft) -> dict[str, list[FieldProblem]]:
        said: dict[str, list[FieldProblem]] = given(draft)
        found.update(unanswered(ws, draft))
        for prefix in found:
            said.setdefault(prefix, []).append(FieldProblem("", Problem(CODE)))
        return said

    outcome = finish(ws, draft_id, typed, judge=judge, **how)
    for prefix in found:
        left = [one for one in outcome.problems.get(prefix, []) if one.problem.code != CODE]
        outcome.problems[prefix] = left
        if not left:
            del outcome.problems[prefix]
    outcome.likely = {} if outcome.saved else found
    return outcome


def unanswered(ws: Workspace, draft: Draft) -> dict[str, tuple[Likely, ...]]:
    """Return by part what its new record may be, what the worker said is another left out."""
    answered = set(draft.get("apart", ()))
    found = {}
    for prefix, part in draft["parts"].items():
        if part["action"] != "create" or part["kind"] not in COMPARED:
            continue
        mine = likely_same(ws, part["kind"], _values(part), without={part["record_id"]})
        if left := tuple(one for one in mine if one.record_id not in answered):
            found[prefix] = left
    return found


def _values(part: Part) -> dict[str, Any]:
    kind = kind_of(part["kind"])
    read = {
        name: value for name, value in values_of(kind, part["texts"]).items() if value is not None
    }
    return read | part["fixed"]


def into_existing(ws: Workspace, draft: Draft, record_id: str) -> str:
    """Open what was typed for a new record as a change of one that exists, for the worker to look
    through and save, and put the draft of the new one out of sight; return the new draft's id.

    What the existing record refers to (its household, its room) stays. Raises DraftGone when it is
    not held here.
    """
    part = draft["parts"][MAIN]
    kind = kind_of(part["kind"])
    edit = edit_part(ws, part["kind"], record_id)
    typed = texts_of(kind, _values(part))
    for name, declared in kind.declared().items():
        if (
            not isinstance(declared, Ref)
            and declared.widget != "keyed"
            and any(typed.get(name, ()))
        ):
            edit["texts"][name] = typed[name]
    edited = open_draft(ws, "record", {MAIN: edit}, kept=True)
    photos = [one for one in draft.get("photos", []) if one["prefix"] == MAIN]
    if photos:
        stored = dict(ws.table(DRAFTS).get(doc_id=edited) or {})
        ws.put(DRAFTS, edited, stored | {"photos": photos})
    discard(ws, draft["draft_id"])
    return edited
