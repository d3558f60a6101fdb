"""Issues on the laptop: reporting one, where each stands, and what the worker may add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from field_app.services.drafts import (
    MAIN,
    Draft,
    DraftGone,
    Finished,
    Typed,
    finish,
    new_part,
    open_draft,
)
from field_app.services.overview import look
from field_app.services.records import children, get_view, views
from field_app.services.workspace import Workspace
from schemas import workflow
from schemas.cases import Case, Reading, fold
from schemas.clock import written
from schemas.guards import Actor, failing
from schemas.steps_order import Step, heads

NOTE = "note"
RETURNED = workflow.RETURNED
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


def returned_issues(ws: Workspace) -> list[Standing]:
    """Return the worker's own issues that came back to be completed."""
    return [
        one
        for one in own_issues(ws)
        if one.state == RETURNED and one.view["author"] == ws.worker_id
    ]


def to_verify(ws: Workspace) -> list[Standing]:
    """Return the issues said to be resolved by somebody, which a worker on site can verify."""
    return [
        one
        for one in own_issues(ws)
        if one.state == workflow.RESOLVED and not one.view["fields"].get("self_handled")
    ]


def offered_steps(ws: Workspace, found: Standing) -> list[str]:
    """Return the actions this worker may take offline as the issue stands, notes last."""
    actor = Actor(ws.worker_id)
    offered = [
        row.action
        for row in workflow.TRANSITIONS
        if row.offline
        and row.source == found.state
        and ws.identity.role in row.roles
        and failing(row, found.case, actor) is None
    ]
    return sorted(offered, key=lambda action: action == NOTE)


def start_issue(
    ws: Workspace, grid: str | None = None, values: Mapping[str, Any] | None = None
) -> str:
    """Open the draft of an issue found just now and return its id."""
    now = written(ws.now().replace(second=0, microsecond=0))
    begin = {"happened_at": now, "urgency": "normal", "source": "resident", **(values or {})}
    return open_draft(ws, "issue", {MAIN: new_part("issue", values=begin, grid=grid)})


def start_step(ws: Workspace, issue_id: str, action: str) -> str:
    """Open the draft of a step of an issue and return its id.

    Raises DraftGone when the issue is not here or does not allow ``action`` in its state.
    """
    found = standing(ws, issue_id)
    if found is None or action not in offered_steps(ws, found):
        raise DraftGone(issue_id)
    part = new_part(
        "issue_step",
        values={"action": action},
        fixed={"issue_id": issue_id, "action": action, "at": _now(ws)},
        action="step",
        grid=found.view["grid"],
        only=["text"],
    )
    return open_draft(ws, "step", {MAIN: part})


def finish_step(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Append the step; it happens now, and its words are needed. Raises as `drafts.keep`."""

    def stamp(draft: Draft) -> None:
        fixed = draft["parts"][MAIN]["fixed"]
        fixed["at"] = _now(ws)
        found = standing(ws, fixed["issue_id"])
        if found is not None:
            fixed["after"] = heads(fixed["issue_id"], found.case.steps)
            fixed["from_state"] = found.state
            rows = workflow.rows_for(fixed["action"], found.state)
            if rows:
                fixed["to_state"] = rows[0].target

    return finish(ws, draft_id, typed, stamp)


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
