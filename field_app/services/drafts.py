"""Half-filled forms: kept while the worker types, found again after a crash, saved once.

A draft holds one or more *parts*, each the form of one record: a patrol and the issues reported on
it, a visit and what it changes in the household. A part knows the record it was opened on
(``base``) and what was typed (``texts``); saving turns the parts into changes in one commit. The
id of a new record's draft is the id the record will have, so two windows on one draft make one
record. ``revision`` counts what was kept, so that a window that has not seen the latest is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from field_app.domain.duty import late_problem
from field_app.domain.errors import Trouble
from field_app.domain.taken_back import marks_of
from field_app.domain.typed import (
    asked,
    changed_paths,
    laid_over,
    overtaken,
    rebased,
    rewritten,
    texts_of,
    values_of,
)
from field_app.services import photos
from field_app.services.doubts import doubts_about
from field_app.services.draft_shape import Draft as Draft
from field_app.services.draft_shape import Journey as Journey
from field_app.services.draft_shape import Part as Part
from field_app.services.draft_shape import Typed as Typed
from field_app.services.draft_shape import remember_sent
from field_app.services.records import Entry, Saved, get_view, new_id, save_records
from field_app.services.workspace import DRAFTS, Workspace
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.clock import read_moment, written
from schemas.kind import Action
from schemas.messages import Problem
from schemas.purposes import is_collected

MAIN = ""
"""The prefix of a draft's first part."""

UNTOUCHED_FOR = timedelta(hours=12)
SAVED_FOR = timedelta(days=30)
DELETED_FOR = timedelta(days=7)
"""How long untouched forms stay open, and marks of saved drafts and deleted drafts are kept."""


@dataclass
class Finished:
    """What became of a draft: saved, or by part what was refused or overtaken."""

    saved: bool
    problems: dict[str, list[FieldProblem]] = field(default_factory=dict)
    overtaken: dict[str, list[str]] = field(default_factory=dict)
    results: dict[str, Saved] = field(default_factory=dict)
    likely: dict[str, Any] = field(default_factory=dict)
    """By part, the records a new one may be (services/likely.py)."""
    left_out: int = 0
    """How many items have no answer, where that is asked about before anything is saved."""


Judge = Callable[[Draft], dict[str, list[FieldProblem]]]
"""Says by part what else is wrong with a draft that is to be saved."""


class DraftGone(LookupError):
    """There is no such draft: it was deleted, or never was."""


class DraftSaved(Exception):
    """The draft was saved already; ``draft`` tells what it became."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft["draft_id"])
        self.draft = draft


class DraftNewer(Exception):
    """Another window kept a newer content, which this one has not seen."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft["draft_id"])
        self.draft = draft


def new_part(
    kind: str,
    record_id: str | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    action: Action = "create",
    grid: str | None = None,
    only: list[str] | None = None,
) -> Part:
    """Return the part of a record to be made, its form starting with ``values`` (stored form); a
    new record's without those that the district does not collect."""
    declared = kind_of(kind).declared()
    start = {
        name: one
        for name, one in (values or {}).items()
        if action != "create" or (name in declared and is_collected(declared[name]))
    }
    return Part(
        kind=kind,
        record_id=record_id or new_id(),
        action=action,
        grid=grid,
        base={},
        fixed=dict(fixed or {}),
        texts=texts_of(kind_of(kind), start),
        finds={},
        spare={},
        only=only,
        last={},
        corrects=None,
    )


def edit_part(
    ws: Workspace,
    kind: str,
    record_id: str,
    *,
    only: list[str] | None = None,
    corrects: str | None = None,
) -> Part:
    """Return the part of a change to a record; raises DraftGone when the laptop has no such one.

    With ``corrects`` it takes the place of that refused change, whatever is edited.
    """
    view = get_view(ws, kind, record_id)
    if view is None:
        raise DraftGone(record_id)
    part = new_part(kind, record_id, values=view["fields"], action="update", only=only)
    part["base"], part["corrects"] = view["fields"], corrects
    part["grid"] = view["grid"]
    return part


def open_draft(
    ws: Workspace, journey: Journey, parts: Mapping[str, Part], *, kept: bool = False
) -> str:
    """Store a new draft and return its id: that of the record it will make, if it makes one.

    With ``kept`` it counts as begun at once (a patrol begins when it is started); others are
    listed when something was typed.
    """
    main = parts[MAIN]
    draft_id = main["record_id"] if main["action"] != "update" else new_id()
    present = find(ws, draft_id)
    if present is not None:
        return draft_id
    moment = written(ws.now())
    draft = Draft(
        draft_id=draft_id,
        journey=journey,
        state="open",
        opened_at=moment,
        kept_at=moment,
        revision=1 if kept else 0,
        tab="",
        tab_since=0,
        parts=dict(parts),
        became={},
    )
    with ws.db.transaction():
        _prune(ws)
        _put(ws, draft)
    return draft_id


def find(ws: Workspace, draft_id: str) -> Draft | None:
    """Return a draft, open or saved, or None."""
    stored = ws.table(DRAFTS).get(doc_id=draft_id)
    return cast(Draft, dict(stored)) if stored is not None else None


def opened(ws: Workspace, draft_id: str, journey: Journey) -> Draft:
    """Return an open draft of one page; raises DraftGone, DraftSaved."""
    draft = _open(ws, draft_id)
    if draft["journey"] != journey:
        raise DraftGone(draft_id)
    return draft


def begun(ws: Workspace) -> list[Draft]:
    """Return the open drafts something was typed in, the latest first."""
    found = [
        cast(Draft, dict(one))
        for one in ws.table(DRAFTS)
        if one["state"] == "open" and one["revision"] > 0
    ]
    return sorted(found, key=lambda draft: draft["kept_at"], reverse=True)


def keep(ws: Workspace, draft_id: str, typed: Typed) -> Draft:
    """Keep what was typed so far, durably, and return the draft.

    Raises DraftGone, DraftSaved, and DraftNewer when another window kept something this one has
    not seen (unless it says ``force``); then nothing is kept.
    """
    return alter(ws, draft_id, typed, lambda draft: None)


def alter(ws: Workspace, draft_id: str, typed: Typed, change: Callable[[Draft], None]) -> Draft:
    """Keep what was typed, then ``change`` the draft, in one commit; raises as :func:`keep`."""
    with ws.db.transaction():
        draft = _open(ws, draft_id)
        _lay(ws, draft, typed)
        parts = dict(draft["parts"])
        change(draft)
        for prefix in parts.keys() - draft["parts"].keys():
            part = parts[prefix]
            marks = marks_of(draft_id, kind_of(part["kind"]), part["base"], part["texts"])
            draft.setdefault("taken_back", {})[prefix] = [part["kind"], marks]
        _put(ws, draft)
    return draft


def add_photo(ws: Workspace, draft_id: str, prefix: str, raw: bytes, use: str) -> Draft:
    """Keep a photo with an open form; it belongs to the record the part ``prefix`` will make.

    What a window has seen of the draft stays as it is. The same picture again changes nothing.
    Raises Trouble as `photos.attach`, DraftGone, DraftSaved.
    """
    taken = photos.take_in(ws, raw, use) | {"prefix": prefix}
    with ws.db.transaction():
        draft = _open(ws, draft_id, deleted_too=True)
        if prefix not in draft["parts"]:
            raise DraftGone(draft_id)
        present = [one for one in draft.get("photos", []) if one["prefix"] == prefix]
        if any(one["sha256"] == taken["sha256"] for one in present):
            return draft
        if len(present) >= photos.MOST_OF_ONE:
            raise Trouble("too_many_photos", most=photos.MOST_OF_ONE)
        draft["photos"] = [*draft.get("photos", []), taken]
        _put(ws, draft)
    return draft


def drop_photo(ws: Workspace, draft_id: str, typed: Typed, photo_id: str) -> Draft:
    """Take a photo out of an open form again; raises as :func:`keep`."""

    def drop(draft: Draft) -> None:
        draft["photos"] = [one for one in draft.get("photos", []) if one["photo_id"] != photo_id]

    return alter(ws, draft_id, typed, drop)


def discard(ws: Workspace, draft_id: str) -> None:
    """Delete an open draft; one that is gone or saved is left as it is.

    It is kept out of sight for a week: a window in which it still stands open may save it.
    """
    with ws.db.transaction():
        draft = find(ws, draft_id)
        if draft is not None and draft["state"] == "open":
            draft["state"], draft["kept_at"] = "deleted", written(ws.now())
            _put(ws, draft)


def bring_back(ws: Workspace, draft_id: str) -> None:
    """Open a deleted draft again, for a window in which somebody goes on with it."""
    with ws.db.transaction():
        draft = find(ws, draft_id)
        if draft is not None and draft["state"] == "deleted":
            _put(ws, Draft(**{**draft, "state": "open"}))


def finish(
    ws: Workspace,
    draft_id: str,
    typed: Typed,
    prepare: Callable[[Draft], None] = lambda draft: None,
    judge: Judge = lambda draft: {},
) -> Finished:
    """Save the draft's records and photos in one commit, all of them or none.

    What was typed is kept in any case. ``prepare`` fills in what saving itself tells (the end of a
    patrol), ``judge`` says by part what a page asks beyond the kinds' own rules. Fields that came
    to say something else since the form was opened are not overwritten: they are named in
    ``overtaken`` and the form starts from their present values, so that saving once more is a
    choice. A deleted draft whose window still stands open is saved too. Raises as
    :func:`keep`.
    """
    with ws.db.transaction():
        draft = _open(ws, draft_id, deleted_too=True)
        _lay(ws, draft, typed)
        before = {prefix: dict(part["texts"]) for prefix, part in draft["parts"].items()}
        prepare(draft)
        filled = {
            prefix: rewritten(before.get(prefix, {}), part["texts"], part["fixed"])
            for prefix, part in draft["parts"].items()
        }
        outcome = _save(ws, draft, judge(draft))
        if outcome.saved:
            draft["became"] = {
                prefix: [part["kind"], part["record_id"]] for prefix, part in draft["parts"].items()
            }
            draft["state"], draft["parts"], draft["photos"] = "saved", {}, []
            draft["filled"] = filled
        _put(ws, draft)
    return outcome


class _NotSaved(Exception):
    """Leaves the inner transaction so that no record of the draft stands."""


def _save(ws: Workspace, draft: Draft, judged: dict[str, list[FieldProblem]]) -> Finished:
    outcome = Finished(saved=False, problems=judged)
    entries: dict[str, Entry] = {}
    for prefix, part in draft["parts"].items():
        entry = _entry(ws, prefix, part, outcome)
        if entry is not None:
            entries[prefix] = entry
    try:
        with ws.db.transaction():
            results = save_records(ws, list(entries.values()))
            outcome.results = dict(zip(entries, results, strict=True))
            for prefix, result in outcome.results.items():
                outcome.problems.setdefault(prefix, []).extend(result.problems)
                if result.change_id:
                    entry = entries[prefix]
                    result.doubts.extend(doubts_about(ws, kind_of(entry.kind), entry.values))
            if all(one.saved for one in results):
                _save_photos(ws, draft, outcome)
            outcome.problems = {name: said for name, said in outcome.problems.items() if said}
            if outcome.problems or outcome.overtaken or not all(one.saved for one in results):
                raise _NotSaved
    except _NotSaved:
        return outcome
    outcome.saved = True
    return outcome


def _save_photos(ws: Workspace, draft: Draft, outcome: Finished) -> None:
    """Give the photos of an open form to the records it has just made."""
    for taken in draft.get("photos", []):
        part = draft["parts"].get(taken["prefix"])
        if part is None:  # its part was taken out of the form
            continue
        try:
            photos.keep_taken(ws, part["kind"], part["record_id"], taken)
        except Trouble:
            problem = FieldProblem("", Problem("photo_not_saved"))
            outcome.problems.setdefault(taken["prefix"], []).append(problem)


def _entry(ws: Workspace, prefix: str, part: Part, outcome: Finished) -> Entry | None:
    """Return what a part asks to save, None for a change that changes nothing."""
    kind = kind_of(part["kind"])
    if part["action"] != "update":
        read = {name: value for name, value in values_of(kind, part["texts"]).items()
                if value is not None}  # fmt: skip
        values = read | part["fixed"]
        if late := late_problem(kind, values, ws.now()):
            outcome.problems.setdefault(prefix, []).append(late)
        return Entry(part["kind"], part["action"], values, part["record_id"], part["grid"])
    view = get_view(ws, part["kind"], part["record_id"])
    if view is None:
        outcome.problems[prefix] = [FieldProblem("", Problem("out_of_area"))]
        return None
    current = view["fields"]
    paths = changed_paths(kind, texts_of(kind, part["base"]), part["texts"])
    values = laid_over(kind, current, part["texts"], paths) | part["fixed"]
    passed = overtaken(part["base"], current, values, paths)
    if passed:
        outcome.overtaken[prefix] = passed
        part["texts"] = rebased(kind, current, part["texts"], paths)
        part["base"] = current
    if not paths and not part["fixed"] and not part["corrects"]:
        return None
    return Entry(part["kind"], "update", values, part["record_id"], corrects=part["corrects"])


def _open(ws: Workspace, draft_id: str, *, deleted_too: bool = False) -> Draft:
    draft = find(ws, draft_id)
    if draft is None:
        raise DraftGone(draft_id)
    # One nothing was typed in was put away for its age, not by the worker: its window goes on.
    if draft["state"] == "deleted" and draft["revision"] and not deleted_too:
        raise DraftGone(draft_id)
    if draft["state"] == "saved":
        raise DraftSaved(draft)
    draft["state"] = "open"
    return draft


def _lay(ws: Workspace, draft: Draft, typed: Typed) -> None:
    """Put what a window sent into the draft, unless it has not seen the latest."""
    same_window = bool(typed.tab) and typed.tab == draft["tab"]
    seen = typed.revision == draft["revision"] or (
        same_window and typed.revision >= draft["tab_since"]
    )
    if not seen:
        if not typed.force:
            raise DraftNewer(draft)
        draft["forced_over"] = draft["revision"]
    if not same_window:
        draft["tab"], draft["tab_since"] = typed.tab, draft["revision"]
    draft["revision"] += 1
    draft["kept_at"] = written(ws.now())
    remember_sent(draft, typed)
    for prefix, texts in typed.texts.items():
        part = draft["parts"].get(prefix)
        if part is not None:
            part["texts"] = asked(kind_of(part["kind"]), texts)
            part["finds"] = dict(typed.finds.get(prefix, {}))
    if typed.apart:
        draft["apart"] = sorted({*draft.get("apart", ()), *typed.apart})
    if typed.no_photo is not None:
        draft["no_photo"] = typed.no_photo
    if typed.grid is not None and draft["parts"][MAIN]["action"] != "update":
        draft["parts"][MAIN]["grid"] = typed.grid or None


def _put(ws: Workspace, draft: Draft) -> None:
    ws.put(DRAFTS, draft["draft_id"], draft)


def _prune(ws: Workspace) -> None:
    """Forget old drafts that are saved or deleted, and put away forms that were never typed in.

    Such a form may stand open in a window still, and a corrected clock ages it in a moment: it is
    deleted only, so that what is typed there is kept and saved like any other.
    """
    moment = ws.now()
    limits = {"open": UNTOUCHED_FOR, "saved": SAVED_FOR, "deleted": DELETED_FOR}
    for stored in list(ws.table(DRAFTS)):
        if moment - read_moment(stored["kept_at"]) <= limits[stored["state"]]:
            continue
        if stored["state"] != "open":
            ws.table(DRAFTS).remove(doc_ids=[stored["draft_id"]])
        elif not stored["revision"] and not stored.get("photos"):
            away = {**stored, "state": "deleted", "kept_at": written(moment)}
            ws.put(DRAFTS, stored["draft_id"], away)
