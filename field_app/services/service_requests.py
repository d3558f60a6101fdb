"""Service requests on the laptop: taking one at the door, taking one on, doing it, its rating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from field_app.services.drafts import (
    MAIN,
    Draft,
    DraftGone,
    Finished,
    Part,
    Typed,
    finish,
    new_part,
    open_draft,
)
from field_app.services.households import age_on, members_of
from field_app.services.overview import look
from field_app.services.records import Entry, Saved, children, get_view, new_id, save_records
from field_app.services.workspace import Workspace
from schemas import service_flow as flow
from schemas.clock import local_day, written
from schemas.service_clocks import Clock, clocks
from schemas.service_flow import Case, Reading
from schemas.steps_order import heads

KIND, STEP = "service", "service_step"
SERVICE = "service:"
"""Prefix of the request taken during a visit."""
TAKEN = ("accept", "claim")
"""What taking a request on at the door amounts to."""
AT_ONCE = frozenset({"accept", "claim", "respond"})
"""Steps that need no words: one press takes them."""
ASKED = {
    "solve": ["result", "person_times", "text"],
    "rate": ["rating", "text"],
}
"""What the form of a step asks; words alone where nothing is said here."""
SHORT = ["kind", "item", "words", "applicant", "phone", "urgency"]
"""What the form of a request asks when its household is known already."""


@dataclass(frozen=True)
class Told:
    """One step of the timeline: its view, how it counted, who took it."""

    view: Mapping[str, Any]
    reading: Reading
    by: str


@dataclass(frozen=True)
class Standing:
    """A request, what its steps amount to, its clocks, and its steps in the order they count."""

    view: Mapping[str, Any]
    case: Case
    clocks: tuple[Clock, ...]
    steps: tuple[Told, ...]
    taker: str
    """Who has it, by name as far as this laptop knows; empty for nobody."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The stored fields."""
        fields: Mapping[str, Any] = self.view["fields"]
        return fields

    @property
    def open(self) -> bool:
        """Whether something is still to be done for the resident."""
        return self.case.open and not self.view["voided"]

    @property
    def next_due(self) -> datetime | None:
        """When the next running clock runs out; None when none runs."""
        return min((one.due for one in self.clocks if one.state == "running"), default=None)


def standing(ws: Workspace, service_id: str) -> Standing | None:
    """Return where a request stands, None when this laptop does not hold it."""
    view = get_view(ws, KIND, service_id)
    return None if view is None else _standing(ws, view)


def _standing(ws: Workspace, view: Mapping[str, Any]) -> Standing:
    held = {one["record_id"]: one for one in children(ws, STEP, "service_id", view["record_id"])}
    case = flow.fold(str(view["author"]), flow.steps_of(held.values()))
    told = tuple(
        Told(held[one.step.step_id], one, _name(ws, one.step.author)) for one in case.readings
    )
    return Standing(view, case, clocks(case, ws.now()), told, _name(ws, case.taker_id))


def _name(ws: Workspace, user_id: str | None) -> str:
    if not user_id:
        return ""
    if user_id == ws.worker_id:
        return ws.identity.worker_name
    return str(ws.setting("people").get(user_id) or "") or f"…{user_id[-6:]}"


def held_requests(ws: Workspace) -> list[Standing]:
    """Return the requests this laptop holds: open ones first by what is due next, then the others
    from the newest."""
    found = [_standing(ws, dict(view)) for view in look(ws, KIND)]
    closed = sorted((one for one in found if not one.open), key=_requested, reverse=True)
    return [*sorted((one for one in found if one.open), key=_urgency), *closed]


def _requested(one: Standing) -> str:
    return str(one.fields.get("requested_at") or "")


def _urgency(one: Standing) -> tuple[bool, float, str]:
    due = one.next_due
    return due is None, due.timestamp() if due else 0.0, _requested(one)


def my_requests(ws: Workspace) -> list[Standing]:
    """Return the open requests this worker has or was given."""
    return [one for one in held_requests(ws) if one.open and one.case.taker_id == ws.worker_id]


def claimable(ws: Workspace) -> list[Standing]:
    """Return the open requests nobody has, which this worker may take on."""
    return [
        one
        for one in held_requests(ws)
        if one.open and one.case.taker_id is None and "claim" in offered_steps(ws, one)
    ]


def offered_steps(ws: Workspace, found: Standing) -> list[str]:
    """Return the actions this worker may take offline as the request stands, a note last."""
    if found.view["voided"] or found.view["merged_into"]:
        return []
    return flow.offered(found.case, ws.identity.role, ws.worker_id, offline=True)


def start_request(
    ws: Workspace, household_id: str | None = None, values: Mapping[str, Any] | None = None
) -> str:
    """Open the draft of a request made just now and return its id.

    From a household its head (or eldest) is the applicant until another name is written. Raises
    DraftGone for an unknown household.
    """
    begin = {"kind": "proxy", "channel": "door", "requested_at": _now(ws)}
    fixed: dict[str, Any] = {}
    grid = None
    if household_id:
        household = get_view(ws, "household", household_id)
        if household is None:
            raise DraftGone(household_id)
        grid, fixed = household["grid"], {"household_id": household_id}
        begin |= of_household(ws, household)
    part = new_part(KIND, values={**begin, **(values or {})}, fixed=fixed, grid=grid)
    return open_draft(ws, "service", {MAIN: part})


def of_household(ws: Workspace, household: Mapping[str, Any]) -> dict[str, Any]:
    """Return who is taken for the applicant of a household's request, and the phone."""
    today = local_day(ws.now())
    adults = [
        one
        for one in members_of(ws, household["record_id"])
        if not one.fields.get("moved_out_at")
        and (age_on(one.fields.get("birth"), today) or 18) >= 14
    ]
    first: Mapping[str, Any] = adults[0].fields if adults else {}
    said = {
        "applicant": first.get("name"),
        "phone": first.get("phone") or household["fields"].get("phone"),
    }
    return {name: value for name, value in said.items() if value}


def finish_and_take(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the request, accepted and taken on by this worker, in one commit; raises as `keep`."""
    return finish(ws, draft_id, typed, lambda draft: _with_steps(ws, draft, TAKEN))


def finish_and_hand_over(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the request for the community to accept and assign; raises as `drafts.keep`."""
    return finish(ws, draft_id, typed, lambda draft: _with_steps(ws, draft, ()))


def _with_steps(ws: Workspace, draft: Draft, actions: tuple[str, ...]) -> None:
    for prefix in [one for one in draft["parts"] if one != MAIN]:
        del draft["parts"][prefix]
    add_steps(ws, draft, MAIN, actions)


def add_steps(ws: Workspace, draft: Draft, prefix: str, actions: tuple[str, ...]) -> None:
    """Add to a draft the first steps, one upon the other, of the request in its part ``prefix``."""
    request = draft["parts"][prefix]
    after = request["record_id"]
    for action in actions:
        record_id = new_id()
        fixed = _said(ws, request["record_id"], action, [after])
        step = new_part(STEP, record_id, fixed=fixed, action="step", grid=request["grid"], only=[])
        draft["parts"][f"{prefix}{action}:"] = step
        after = record_id


def step_part(prefix: str) -> bool:
    """Tell whether a part of a visit's draft is a first step of the request taken there."""
    return prefix.startswith(SERVICE) and prefix != SERVICE


def _said(ws: Workspace, service_id: str, action: str, after: list[str]) -> dict[str, Any]:
    return {
        "service_id": service_id,
        "action": action,
        "role": ws.identity.role,
        "after": after,
        "at": _now(ws),
    }


def take_at_once(ws: Workspace, service_id: str, action: str) -> Saved:
    """Append a step that needs no words; raises DraftGone when the request does not allow it."""
    found = standing(ws, service_id)
    if found is None or action not in AT_ONCE or action not in offered_steps(ws, found):
        raise DraftGone(service_id)
    said = _said(ws, service_id, action, heads(service_id, found.case.steps))
    return save_records(ws, [Entry(STEP, "step", said, grid=found.view["grid"])])[0]


def start_step(ws: Workspace, service_id: str, action: str) -> str:
    """Open the draft of a step of a request and return its id.

    Raises DraftGone when the request is not here or does not allow ``action`` as it stands.
    """
    found = standing(ws, service_id)
    if found is None or action not in offered_steps(ws, found):
        raise DraftGone(service_id)
    values = {"result": "solved", "person_times": 1} if action == "solve" else {}
    part: Part = new_part(
        STEP,
        values=values,
        fixed=_said(ws, service_id, action, []),
        action="step",
        grid=found.view["grid"],
        only=ASKED.get(action, ["text"]),
    )
    return open_draft(ws, "service_step", {MAIN: part})


def finish_step(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Append the step; it happens now, upon all that is known here. Raises as `drafts.keep`."""

    def stamp(draft: Draft) -> None:
        fixed = draft["parts"][MAIN]["fixed"]
        service_id = fixed["service_id"]
        found = standing(ws, service_id)
        steps = found.case.steps if found else []
        fixed |= _said(ws, service_id, fixed["action"], heads(service_id, steps))

    return finish(ws, draft_id, typed, stamp)


def request_of_step(ws: Workspace, step_id: str) -> str:
    """Return the id of the request a step belongs to; raises DraftGone for an unknown step."""
    step = get_view(ws, STEP, step_id)
    if step is None:
        raise DraftGone(step_id)
    return str(step["fields"]["service_id"])


def _now(ws: Workspace) -> str:
    return written(ws.now())
