"""The four clocks of a service request, "2341".

From acceptance: response within 20 minutes, reply within 30 minutes, solved within 4 hours, or
else a plan within one working day. Which limits hold and from when they count is the centre's to
say; here its due times meet what the steps say was reached.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.clock import read_moment, written
from schemas.labels import Label
from schemas.service_flow import CANCELLED, DUES, REQUESTED, Case

Name = Literal["respond", "reply", "solve", "plan"]
State = Literal["met", "late", "running", "waived"]
NAMES: tuple[Name, ...] = ("respond", "reply", "solve", "plan")
LABELS: dict[Name, Label] = {
    "respond": Label("响应", "Response"),
    "reply": Label("回复", "Reply"),
    "solve": Label("解决", "Solved"),
    "plan": Label("方案", "Plan"),
}
STATE_LABELS: dict[State, Label] = {
    "met": Label("达标", "Met"),
    "late": Label("超时", "Late"),
    "running": Label("计时中", "Running"),
    "waived": Label("无须", "Not needed"),
}
USUAL = {
    "respond": timedelta(minutes=20),
    "reply": timedelta(minutes=30),
    "solve": timedelta(hours=4),
    "plan": timedelta(days=1),
}
"""The usual limits, the last one by the clock instead of by working days."""


@dataclass(frozen=True)
class Clock:
    """One clock: when it runs out, when it was reached, how it stands.

    ``waived``: no plan is needed for what was solved in time. ``certain``: the due time is the
    centre's own word; else a late clock may turn out to be in time, because outside desk hours the
    clocks begin at the next opening.
    """

    name: Name
    due: datetime
    reached: datetime | None
    state: State
    certain: bool = True


def clocks(
    case: Case, now: datetime, dues: Mapping[Name, datetime] | None = None
) -> tuple[Clock, ...]:
    """Return the four clocks of a case; none before it was accepted or when it was cancelled.

    ``dues`` are the due times as the centre works them out. Without them those that a step of the
    centre says count, and else the usual limits from acceptance, which are not certain.
    """
    if case.accepted_at is None or case.state in (REQUESTED, CANCELLED):
        return ()
    told = dues if dues is not None else said_dues(case)
    accepted = read_moment(case.accepted_at)
    usual = {name: accepted + USUAL[name] for name in NAMES}
    return judged(usual | dict(told), reached_by(case), now, set(told))


def reached_by(case: Case) -> dict[Name, datetime | None]:
    """Return when each clock of a case was reached; a solution is a plan as well."""
    solved = _moment(case.solved_at)
    return {
        "respond": _moment(case.responded_at),
        "reply": _moment(case.replied_at),
        "solve": solved,
        "plan": _earlier(_moment(case.planned_at), solved),
    }


def judged(
    dues: Mapping[Name, datetime],
    reached: Mapping[Name, datetime | None],
    now: datetime,
    sure: Collection[Name] = NAMES,
) -> tuple[Clock, ...]:
    """Return the four clocks from when each is due and was reached; ``sure`` names those whose due
    times are the centre's own word."""
    found: list[Clock] = []
    for name in NAMES:
        due, at = dues[name], reached[name]
        state: State = "running"
        if at is not None:
            state = "met" if at <= due else "late"
        elif now > due:
            state = "late"
        certain = name in sure or (state == "met" and name != "plan")
        if name == "plan" and found[2].state == "met":
            state, certain = "waived", True
        found.append(Clock(name, due, at, state, certain))
    return tuple(found)


def reaches(found: tuple[Clock, ...]) -> bool | None:
    """Tell whether a request keeps the whole standard: response and reply in time, and solved in
    time or a plan in time instead. None while that is not decided."""
    if not found:
        return None
    respond, reply, solve, plan = (one.state for one in found)
    parts = (respond, reply, "met" if solve == "met" else plan)
    if "late" in parts:
        return False
    return None if "running" in parts else True


def said_dues(case: Case) -> dict[Name, datetime]:
    """Return the due times a step of the centre says."""
    return {
        name: read_moment(case.dues[member])
        for name, member in zip(NAMES, DUES, strict=True)
        if member in case.dues
    }


def as_fields(dues: Mapping[Name, datetime]) -> dict[str, str]:
    """Return due times as a step of the centre says them."""
    return {member: written(dues[name]) for name, member in zip(NAMES, DUES, strict=True)}


def _moment(text: str | None) -> datetime | None:
    return read_moment(text) if text else None


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
