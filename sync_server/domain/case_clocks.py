"""Which clock of an issue runs, from when, and until when.

The matter as a whole is due once it is accepted; besides, each stage has a clock of its own:
acceptance, taking on, verification, confirmation, the days without a rating. Due times that a step
sets are worked out here and travel in the step, so that an edited table of limits changes nothing
that was promised before.

Field work is timed by when it happened, central work from when the centre received it:
what a laptop's step asks of others counts from when they could know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import workflow as flow
from schemas.cases import Case
from schemas.clock import read_moment, written
from schemas.steps_order import Step
from sync_server.domain import deadlines
from sync_server.domain.deadlines import Limit
from sync_server.domain.time_limits import Clock, Clockwork


@dataclass(frozen=True)
class Stage:
    """The clock that runs now: which, since when, until when, and the limit behind it."""

    clock: Clock
    start: datetime
    due_at: datetime
    limit: Limit


def due_of_step(
    case: Case, action: str, said: Mapping[str, Any], at: datetime, clockwork: Clockwork
) -> dict[str, Any]:
    """Return ``due_at`` and ``due_rule`` of a step that is about to be taken at the centre, empty
    when it sets none or says its own."""
    if said.get("due_at") or action in ("ask_extend", "extend"):
        return {}
    level = str(said.get("level") or case.level)
    category = str(said.get("category") or case.category)
    urgency = str(said.get("urgency") or case.urgency)
    limit = clockwork.limit("handle", category, level, urgency)
    if action == "accept":
        return _set(deadlines.due(at, limit, clockwork.calendar), limit)
    if action == "classify":
        changed = (level, category, urgency) != (case.level, case.category, case.urgency)
        start = read_moment(case.accepted_at) if case.accepted_at else at
        return _set(deadlines.due(start, limit, clockwork.calendar), limit) if changed else {}
    if action == "escalate":
        higher = clockwork.limit("handle", category, str(_one_up(case)), urgency)
        return _set(deadlines.due(at, higher, clockwork.calendar), higher)
    if action == "resume" and case.due_at and case.suspended_at:
        due_at = deadlines.after_pause(
            read_moment(case.due_at), read_moment(case.suspended_at), at, limit,
            clockwork.calendar, clock_from(case),
        )  # fmt: skip
        return _set(due_at, limit)
    if action == "rework":
        again = deadlines.half(limit)
        return _set(deadlines.due(at, again, clockwork.calendar), again)
    relapsed = action == "lookback" and said.get("lookback") == "relapse"
    if action == "reopen" or relapsed:
        return _set(deadlines.due(at, limit, clockwork.calendar), limit)
    return {}


def due_of_whistle(case: Case, at: datetime, clockwork: Clockwork) -> datetime:
    """Return until when a unit called now shall report in."""
    return clockwork.due("report_in", at, case.category, case.level, case.urgency)


def due_afterwards(case: Case, clockwork: Clockwork) -> dict[str, Any]:
    """Return the due time that a step made without a calendar leaves to be set, empty when none.

    So it is with a laptop's rework and relapse, and with the second refusal, which goes up by
    itself.
    """
    pending = None
    for one in case.readings:
        step = one.step
        if not one.counted:
            continue
        if step.action in ("due", "accept") or step.fields.get("due_at"):
            pending = None
        elif step.action in ("rework", "reopen", "refuse") or (
            step.action == "lookback" and one.after == flow.HANDLING
        ):
            pending = step
    if pending is None or case.state in (*flow.OVER_STATES, flow.REPORTED, flow.RETURNED):
        return {}
    if pending.action == "refuse" and case.refusals % 2:
        return {}
    return due_of_step(
        case,
        "reopen" if pending.action == "refuse" else pending.action,
        {"lookback": pending.fields.get("lookback")},
        known_at(pending),
        clockwork,
    )


def known_at(step: Step) -> datetime:
    """Return since when the centre knows of a step: when it was made there, else when it came.

    A laptop's clock, late or ahead, moves nothing here.
    """
    return read_moment(step.at) if step.central else step.received_at or read_moment(step.at)


def clock_from(case: Case) -> datetime | None:
    """Return since when the handling's clock runs: acceptance, or what began it again."""
    start = _read(case.accepted_at)
    for one in case.readings:
        again = one.step.action in ("escalate", "reopen", "rework") or (
            one.step.action == "lookback" and one.after == flow.HANDLING
        )
        if one.counted and again:
            start = known_at(one.step)
    return start


def stage_of(case: Case, received_at: datetime, clockwork: Clockwork) -> Stage | None:
    """Return the clock that runs as the case stands, None when none does."""
    clock: Clock
    start: datetime | None
    if case.state == flow.REPORTED:
        clock, start = "accept", max(received_at, _last(case, "resend") or received_at)
    elif case.state == flow.DISPATCHED:
        clock, start = "take", _read(case.dispatched_at)
    elif case.state in (flow.ACCEPTED, flow.HANDLING):
        return _handling(case, clockwork)
    elif case.state == flow.RESOLVED and case.self_handled:
        clock, start = "confirm", received_at
    elif case.state == flow.RESOLVED:
        clock, start = "verify", _last(case, "resolve") or _read(case.resolved_at)
    elif case.state == flow.VERIFIED:
        clock, start = "close_unrated", _last(case, "verify") or _read(case.verified_at)
    else:
        return None
    if start is None:
        return None
    limit = clockwork.limit(clock, case.category, case.level, case.urgency)
    return Stage(clock, start, deadlines.due(start, limit, clockwork.calendar), limit)


def _handling(case: Case, clockwork: Clockwork) -> Stage | None:
    start = clock_from(case)
    if case.due_at is None or start is None:
        return None
    limit = clockwork.limit("handle", case.category, case.level, case.urgency)
    return Stage("handle", start, read_moment(case.due_at), limit)


def _last(case: Case, action: str) -> datetime | None:
    """Return since when the centre knows of the last such step that counted."""
    steps = [one.step for one in case.readings if one.counted and one.step.action == action]
    return known_at(steps[-1]) if steps else None


def _read(text: str | None) -> datetime | None:
    return read_moment(text) if text else None


def _one_up(case: Case) -> int:
    return min(max(2, int(case.level)) + 1, flow.HIGHEST_LEVEL)


def _set(due_at: datetime, limit: Limit) -> dict[str, Any]:
    return {"due_at": written(due_at), "due_rule": f"{limit.amount:g} {limit.unit}"}
