"""What a worker needs to know of a case: how its time runs, what overtook a step, its number."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from schemas import workflow as flow
from schemas.cases import Case, Lookback, Reading
from schemas.clock import read_moment
from schemas.steps_order import Step

YELLOW_FROM = 0.7
"""Of the time between start and due time."""
ADJUSTING = frozenset({"extend", "due", "classify", "resume"})
"""Actions that move a due time while the clock runs on."""
ASKING = frozenset({"ask_extend"})
"""Actions that say a due time which somebody else has yet to set."""
Light = Literal["", "green", "yellow", "red"]


def clock_runs(case: Case) -> bool:
    """Whether the due time of a case counts at present: not once resolved, nor while suspended."""
    return bool(case.due_at) and case.state in flow.OPEN_STATES and case.state != flow.SUSPENDED


def started_at(case: Case) -> str | None:
    """Return when the time that ends with the present due time began, None when unknown."""
    start = None
    for one in case.readings:
        setting = one.counted and one.step.action not in ASKING
        if setting and one.step.fields.get("due_at"):
            start = one.step.at if one.step.action not in ADJUSTING or start is None else start
    return start


def light(case: Case, now: datetime) -> Light:
    """Return the colour of a case's due time: red when passed, yellow from 70 % of it used.

    The laptop has no calendar of working days: it counts plainly from start to due time.
    """
    if not clock_runs(case):
        return ""
    due, start = read_moment(str(case.due_at)), started_at(case)
    if now > due:
        return "red"
    if start is None:
        return "green"
    begun = read_moment(start)
    whole = (due - begun).total_seconds()
    used = (now - begun).total_seconds()
    return "yellow" if whole <= 0 or used >= YELLOW_FROM * whole else "green"


def open_lookback(case: Case, worker_id: str, day: str) -> Lookback | None:
    """Return the look-back this worker is to make: his own, or nobody's whose day has come."""
    for one in case.lookbacks if case.state == flow.CLOSED else ():
        if one.result is None:
            mine = one.checker_id == worker_id
            return one if mine or (one.checker_id is None and one.planned <= day) else None
    return None


def before_it(case: Case, step_id: str) -> list[Reading]:
    """Return what counted before a step though its maker had not seen it: what overtook it."""
    seen = _seen(case.steps, step_id)
    found: list[Reading] = []
    for one in case.readings:
        if one.step.step_id == step_id:
            break
        if one.counted and one.step.step_id not in seen and one.step.action not in flow.SPEAKING:
            found.append(one)
    return found


def _seen(steps: Iterable[Step], step_id: str) -> set[str]:
    known = {step.step_id: step for step in steps}
    found: set[str] = set()
    waiting = list(known[step_id].after or ()) if step_id in known else []
    while waiting:
        one = waiting.pop()
        if one in known and one not in found:
            found.add(one)
            waiting += known[one].after or ()
    return found


def is_the_authors(case: Case) -> bool:
    """Whether the issue's own fields are still its author's: nobody has accepted it yet."""
    waits = case.state in (flow.REPORTED, flow.RETURNED) or case.self_handled
    return case.accepted_at is None and waits and case.state not in flow.OVER_STATES


def provisional_no(issue_id: str, happened_at: object) -> str:
    """Return the number an issue is called by until the centre numbers it."""
    day = str(happened_at or "")[:10].replace("-", "")
    return f"{day}-{issue_id[-4:].upper()}"
