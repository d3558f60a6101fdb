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
from schemas.clock import read_moment, written

NOTE = "note"
RETURNED = workflow.RETURNED
OVER = frozenset({workflow.CLOSED, workflow.MERGED, workflow.VOIDED})
"""States in which nothing more is asked of the worker."""


@dataclass(frozen=True)
class Standing:
    """An issue with its state and its steps in the order they count."""

    view: Mapping[str, Any]
    state: str
    steps: tuple[Mapping[str, Any], ...]

    @property
    def reason(self) -> str:
        """What the last return said."""
        for step in reversed(self.steps):
            if step["fields"].get("action") == "return":
                return str(step["fields"].get("text") or "")
        return ""


def standing(ws: Workspace, issue_id: str) -> Standing | None:
    """Return where an issue stands, None when this laptop does not hold it."""
    view = get_view(ws, "issue", issue_id)
    return None if view is None else _standing(ws, view)


def _standing(ws: Workspace, view: Mapping[str, Any]) -> Standing:
    steps = sorted(children(ws, "issue_step", "issue_id", view["record_id"]), key=_order)
    if view["voided"]:
        return Standing(view, workflow.VOIDED, tuple(steps))
    if view["merged_into"]:
        return Standing(view, workflow.MERGED, tuple(steps))
    state = workflow.fold(view["fields"], (step["fields"] for step in steps))
    return Standing(view, state, tuple(steps))


def _order(step: Mapping[str, Any]) -> tuple[bool, float, str]:
    """Return the order steps count in: those the centre has first, then by their time."""
    try:
        at = read_moment(step["fields"]["at"]).timestamp()
    except (KeyError, ValueError):
        at = 0.0
    return step["version"] is None, at, step["record_id"]


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


def offered_steps(ws: Workspace, state: str) -> list[str]:
    """Return the actions this worker may take offline from ``state``; a note is always one."""
    role = ws.identity.role
    rows = [row for row in workflow.TRANSITIONS if row.offline and row.source == state]
    return [*(row.action for row in rows if role in row.roles), NOTE]


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
    if found is None or action not in offered_steps(ws, found.state):
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
        main = draft["parts"][MAIN]
        found = standing(ws, main["fixed"]["issue_id"])
        main["fixed"]["at"] = _now(ws)
        if found is not None:
            action = main["fixed"]["action"]
            target = workflow.next_state(found.state, action)
            main["fixed"]["from_state"] = found.state
            if target is not None:
                main["fixed"]["to_state"] = target

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
