"""What the centre adds to a step taken there: what it came after, acting role and unit, the issue's
number, due times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from schemas.cases import Case
from schemas.clock import written
from schemas.guards import Actor
from schemas.steps_order import heads
from sync_server.domain.case_clocks import due_of_step, due_of_whistle
from sync_server.domain.time_limits import Clockwork


def completed(
    issue_id: str,
    action: str,
    said: Mapping[str, Any],
    actor: Actor,
    at: datetime,
    case: Case,
    clockwork: Clockwork,
    number: Callable[[datetime], str],
) -> dict[str, Any]:
    """Return the wire fields of a step that ``actor`` is about to take at the centre.

    ``number`` gives the next number of the moment's year, asked for when the issue has none yet.
    """
    whole: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    whole |= {
        "issue_id": issue_id,
        "action": action,
        "at": written(at),
        "after": heads(issue_id, case.steps),
        "central": True,
        "role": actor.role,
    }
    if actor.unit_id:
        whole["unit_id"] = actor.unit_id
    if action == "whistle" and "calls" in whole:
        until = written(due_of_whistle(case, at, clockwork))
        calls = whole["calls"].get("add", {})
        whole["calls"] = {"add": {unit: {"due_at": until} | call for unit, call in calls.items()}}
    whole |= due_of_step(case, action, whole, at, clockwork)
    if action in ("accept", "close") and case.no is None:
        whole["no"] = number(at)
    return whole
