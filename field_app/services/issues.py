"""Issues on the laptop: reporting one, where each stands, and what the worker may add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from field_app.domain.issues import is_the_authors, open_lookback
from field_app.domain.typed import changed_paths, texts_of, values_of
from field_app.services.corrections import corrections_about
from field_app.services.drafts import (
    MAIN,
    Draft,
    DraftGone,
    Finished,
    Part,
    Typed,
    edit_part,
    finish,
    new_part,
    open_draft,
)
from field_app.services.overview import look
from field_app.services.records import children, get_view, views
from field_app.services.titles import lookup
from field_app.services.workspace import Workspace
from schemas import workflow
from schemas.cases import Case, Reading, fold
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.clock import local_day, written
from schemas.codes import code_list
from schemas.guards import Actor, offered
from schemas.labels import Label
from schemas.messages import Problem
from schemas.proof import AFTER, wants_photo
from schemas.steps_order import Step, heads

NOTE = "note"
LEFT_OUT = Label("另有填写，这里不写出", "answered too, not written here")
"""Stands in a note for an answer that is masked on pages."""
RETURNED = workflow.RETURNED
STEP = "issue_step"
ISSUE, WHY = "issue:", "why:"
"""Prefixes of the issue's own fields and of the reason for a missing photo beside a step."""
PHOTO_WANTED = "after_photo_wanted"
ASKED = {
    "resolve": ["result", "text"],
    "rate": ["rating", "rated_by", "text"],
    "lookback": ["lookback", "text"],
}
"""What the form of a step asks; words alone where nothing is named."""
RESENT = [
    "category", "title", "text", "level", "urgency", "place", "compound_id", "building_id",
    "location", "people", "reporter", "reporter_phone",
]  # fmt: skip
"""What of an issue may be corrected when it is reported again."""
OVER = frozenset(workflow.OVER_STATES)
"""States in which nothing more is asked of the worker."""


@dataclass(frozen=True)
class Told:
    """One step of the timeline: its view, and how it counted."""

    view: Mapping[str, Any]
    reading: Reading


@dataclass(frozen=True)
class Standing:
    """An issue, the case its steps make of it, and the steps in the order they count."""

    view: Mapping[str, Any]
    case: Case
    steps: tuple[Told, ...]

    @property
    def state(self) -> str:
        """The state, also of an issue voided or merged as a record."""
        if self.view["voided"]:
            return workflow.VOIDED
        return workflow.MERGED if self.view["merged_into"] else self.case.state

    @property
    def reason(self) -> str:
        """What the last return said."""
        for one in reversed(self.case.readings):
            if one.step.action == "return" and one.counted:
                return str(one.step.fields.get("text") or "")
        return ""


def standing(ws: Workspace, issue_id: str) -> Standing | None:
    """Return where an issue stands, None when this laptop does not hold it."""
    view = get_view(ws, "issue", issue_id)
    return None if view is None else _standing(ws, view)


def _standing(ws: Workspace, view: Mapping[str, Any]) -> Standing:
    held = {one["record_id"]: one for one in _steps_of(ws, view["record_id"])}
    steps = (_step(one) for one in held.values())
    case = fold(view["record_id"], str(view["author"]), view["fields"], steps)
    told = tuple(Told(held[one.step.step_id], one) for one in case.readings)
    return Standing(view, case, told)


def _steps_of(ws: Workspace, issue_id: str) -> list[dict[str, Any]]:
    return [one for one in children(ws, "issue_step", "issue_id", issue_id) if not one["voided"]]


def _step(view: Mapping[str, Any]) -> Step:
    fields = view["fields"]
    return Step(view["record_id"], str(view["author"]), str(fields.get("at") or ""), fields)


def own_issues(ws: Workspace) -> list[Standing]:
    """Return the issues of the worker's grids, own and others', the newest first."""
    grids = ws.grids
    held = look(ws, "issue", lambda view: view["grid"] in grids)
    found = [_standing(ws, dict(view)) for view in held]
    return sorted(found, key=lambda one: str(one.view["fields"].get("happened_at")), reverse=True)


def is_mine(ws: Workspace, one: Standing) -> bool:
    """Whether the worker reported an issue."""
    return bool(one.view["author"] == ws.worker_id)


def is_assigned(ws: Workspace, one: Standing) -> bool:
    """Whether an issue is the worker's to handle and waits for him."""
    return one.case.assignee_id == ws.worker_id and one.state in workflow.OPEN_STATES


def may_change(ws: Workspace, view: Mapping[str, Any]) -> bool:
    """Whether an issue's own fields are still the worker's to change: nobody has accepted it, or
    staff ask him to correct them."""
    asked = any(one.open for one in corrections_about(ws, view["record_id"]))
    return asked or is_the_authors(_standing(ws, view).case)


def offered_steps(ws: Workspace, found: Standing) -> list[str]:
    """Return the actions this worker may take offline as the issue stands, notes last."""
    if found.view["voided"] or found.view["merged_into"]:
        return []
    rows = offered(found.case, Actor(ws.worker_id, ws.identity.role), offline=True)
    day = local_day(ws.true_now())
    return [
        row.action
        for row in rows
        if row.action != "lookback" or open_lookback(found.case, ws.worker_id, day)
    ]


def start_issue(
    ws: Workspace, grid: str | None = None, values: Mapping[str, Any] | None = None
) -> str:
    """Open the draft of an issue found just now and return its id."""
    now = written(ws.now().replace(second=0, microsecond=0))
    begin = {"happened_at": now, "urgency": "normal", "source": "resident", **(values or {})}
    return open_draft(ws, "issue", {MAIN: new_part("issue", values=begin, grid=grid)})


def start_step(ws: Workspace, issue_id: str, action: str) -> str:
    """Open the draft of a step of an issue and return its id.

    Reporting again opens the issue's own fields beside it, when they are the worker's. Raises
    DraftGone when the issue is not here or does not allow ``action`` in its state.
    """
    found = standing(ws, issue_id)
    if found is None or action not in offered_steps(ws, found):
        raise DraftGone(issue_id)
    part = new_part(
        STEP,
        values={"action": action, **({"result": "solved"} if action == "resolve" else {})},
        fixed={"issue_id": issue_id, "action": action, "at": _now(ws)},
        action="step",
        grid=found.view["grid"],
        only=ASKED.get(action, ["text"]),
    )
    parts = {MAIN: part}
    if action == "resend" and is_mine(ws, found):
        # First what is corrected, then the word that it was.
        parts = {ISSUE: edit_part(ws, "issue", issue_id, only=RESENT), MAIN: part}
    return open_draft(ws, "step", parts)


def needs_of(ws: Workspace, action: str, state: str) -> tuple[str, ...]:
    """Return the fields a worker's step cannot do without, as the table says."""
    rows = [row for row in workflow.rows_for(action, state) if row.offline]
    return rows[0].needs if rows else ()


def finish_step(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Append the step with its photos, upon all that is known here; it happens now.

    What the table needs is asked for, and a step that the issue does not allow any more is refused
    with its words kept. Raises as `drafts.keep`.
    """
    return finish(ws, draft_id, typed, partial(_stamp, ws), partial(_judge_step, ws))


def finish_as_note(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Append as a note what was meant as a step that came too late, with all that was answered;
    raises as `drafts.keep`."""

    def turn(draft: Draft) -> None:
        main, issue = draft["parts"][MAIN], draft["parts"].pop(ISSUE, None)
        if main["fixed"]["action"] != NOTE:
            meant = code_list("STEP_ACTION").text(main["fixed"]["action"], ws.lang)
            answers = [*answers_of(ws, main), *(answers_of(ws, issue) if issue else ())]
            words = [_typed(main, "text"), " · ".join([f"（{meant}）", *answers])]
            main["texts"] = {"text": ["\n".join(word for word in words if word)]}
        main["fixed"]["action"], main["only"] = NOTE, ["text"]
        _stamp(ws, draft)

    return finish(ws, draft_id, typed, turn, partial(_judge_step, ws))


def answers_of(ws: Workspace, part: Part) -> list[str]:
    """Return what a part's form answers otherwise than the record says, beside its words; what is
    masked on pages stays out of a note's words, which say that it does."""
    kind = kind_of(part["kind"])
    values = values_of(kind, part["texts"])
    name_of = lookup(ws, ws.lang)
    found = []
    for name in changed_paths(kind, texts_of(kind, part["base"]), part["texts"]):
        field = kind.declared().get(name)
        own_words = part["action"] == "step" and name == "text"
        if field is not None and not own_words:
            value = (
                field.show(values.get(name), ws.lang, name_of)
                if field.privacy == "open"
                else LEFT_OUT.text(ws.lang)
            )
            found.append(f"{field.label.text(ws.lang)}: {value}")
    return found


def _stamp(ws: Workspace, draft: Draft) -> None:
    main = draft["parts"][MAIN]
    fixed = main["fixed"]
    fixed["at"] = _now(ws)
    found = standing(ws, fixed["issue_id"])
    if found is None:
        return
    fixed["after"] = heads(fixed["issue_id"], found.case.steps)
    fixed["from_state"] = found.case.state
    for row in workflow.rows_for(fixed["action"], found.case.state)[:1]:
        swerve = row.swerve[0] if row.swerve else ""
        fixed["to_state"] = row.leads_to(_typed(main, swerve))
    if _why_none(draft) and fixed["action"] == "resolve":
        _explain(ws, draft, fixed["issue_id"], main["record_id"])
    else:
        draft["parts"].pop(WHY, None)


def _judge_step(ws: Workspace, draft: Draft) -> dict[str, list[FieldProblem]]:
    main = draft["parts"][MAIN]
    action = main["fixed"]["action"]
    found = standing(ws, main["fixed"]["issue_id"])
    if found is None or (action != NOTE and action not in offered_steps(ws, found)):
        return {MAIN: [FieldProblem("", Problem("step_not_now"))]}
    said = [
        FieldProblem(f"/{name}", Problem("required"))
        for name in needs_of(ws, action, found.case.state)
        if not _typed(main, name)
    ]
    if action == NOTE and not _typed(main, "text") and not _uses(draft, MAIN):
        said.append(FieldProblem("/text", Problem("note_empty")))
    if action == "resolve":
        said += _proof(draft, found.case.category, _typed(main, "result"))
    return {MAIN: said} if said else {}


def finish_issue(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save an issue with its photos; of one handled by the worker himself, where the category's
    proof is a photo of afterwards, ask for it or for the reason. Raises as `drafts.keep`."""

    def explain(draft: Draft) -> None:
        main = draft["parts"][MAIN]
        if _why_none(draft) and _typed(main, "self_handled") == "1":
            _explain(ws, draft, main["record_id"], main["record_id"])
        else:
            draft["parts"].pop(WHY, None)

    def judge(draft: Draft) -> dict[str, list[FieldProblem]]:
        main = draft["parts"][MAIN]
        if _typed(main, "self_handled") != "1":
            return {}
        said = _proof(draft, _typed(main, "category"), "solved")
        return {MAIN: said} if said else {}

    return finish(ws, draft_id, typed, explain, judge)


def _proof(draft: Draft, category: str, result: str) -> list[FieldProblem]:
    asked = wants_photo(category, result, _uses(draft, MAIN)) and not draft.get("no_photo")
    return [FieldProblem("", Problem(PHOTO_WANTED))] if asked else []


def _why_none(draft: Draft) -> str:
    """Return why there is no photo of afterwards, empty when there is one or nobody said."""
    return "" if AFTER in _uses(draft, MAIN) else draft.get("no_photo") or ""


def _explain(ws: Workspace, draft: Draft, issue_id: str, after: str) -> None:
    """Let the reason for a missing photo travel as a note behind what it explains."""
    fixed = {
        "issue_id": issue_id,
        "action": NOTE,
        "at": _now(ws),
        "after": [after],
        "from_state": workflow.RESOLVED,
        "to_state": workflow.RESOLVED,
        "text": f"未附处置后照片：{draft['no_photo']}",
    }
    main = draft["parts"][MAIN]
    old = draft["parts"].get(WHY)
    draft["parts"][WHY] = new_part(
        STEP, old["record_id"] if old else None, fixed=fixed, action="step", grid=main["grid"],
        only=[],
    )  # fmt: skip


def _uses(draft: Draft, prefix: str) -> list[str]:
    return [one["use"] for one in draft.get("photos", []) if one["prefix"] == prefix]


def _typed(part: Part, name: str) -> str:
    return "".join(part["texts"].get(name, [])[:1]).strip()


def _now(ws: Workspace) -> str:
    return written(ws.now())


def source_of(ws: Workspace, issue: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return ``(kind, record_id)`` of the patrol or visit an issue was reported on, or None."""
    patrol = issue["fields"].get("source_id")
    if patrol and get_view(ws, "patrol", patrol):
        return "patrol", patrol
    for visit in views(ws, "visit"):
        if issue["record_id"] in (visit["fields"].get("issue_ids") or ()):
            return "visit", visit["record_id"]
    return None


def issue_of_step(ws: Workspace, step_id: str) -> str:
    """Return the id of the issue a step belongs to; raises DraftGone for an unknown step."""
    step = get_view(ws, "issue_step", step_id)
    if step is None:
        raise DraftGone(step_id)
    return str(step["fields"]["issue_id"])
