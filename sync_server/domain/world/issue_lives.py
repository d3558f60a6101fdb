"""What became of an issue: steps drawn one by one along the workflow's table, up to yesterday."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from schemas import workflow
from schemas.clock import SHANGHAI
from sync_server.domain.world.duty import duty_day_at_or_after, moment
from sync_server.domain.world.issue_texts import DEPARTMENTS, RETURN_WORDS
from sync_server.domain.world.issues import Issue
from sync_server.domain.world.records import Pen, WorldRecord, WorldUser
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.staff import PERSONA_GRID, Staff

OPENING_MINUTES, CLOSING_MINUTES = 8 * 60 + 30, 17 * 60 + 30
MEDIAN_DAYS = {"1": 0.25, "2": 1.4, "3": 4.5, "4": 9.0}
SIGMA_DAYS = {"1": 1.1, "2": 0.8, "3": 0.6, "4": 0.5}
CALENDAR_FACTOR = 1.4
"""Calendar days for each working day."""
RETURNED, REFUSED, ESCALATED, REWORKED, VOIDED = 0.05, 0.04, 0.07, 0.05, 0.006
WHISTLED = {"3": 0.22, "4": 0.40}
SUSPENDED = {"4": 0.18}
CLOCKS = {
    "accept": "start",
    "return": "stop",
    "resend": "start",
    "suspend": "stop",
    "resume": "start",
    "escalate": "reset",
    "resolve": "stop",
    "rework": "start",
}
WORDS = {
    "accept": "情况属实，予以受理。",
    "return": RETURN_WORDS,
    "resend": "已补充具体位置。",
    "handle": "社区安排处置。",
    "take": "已接单。",
    "refuse": "不属于本单位职责，建议转相关部门。",
    "escalate": "需上级协调，提级办理。",
    "whistle": "请相关部门到场会商。",
    "suspend": "需等待材料，申请挂账。",
    "resume": "条件具备，恢复处置。",
    "verify": "现场核查，问题已解决。",
    "rework": "现场查看未处理到位，请返工。",
    "close": "回访满意，予以办结。",
    "merge": "与邻近网格上报为同一问题，并案处理。",
    "void": "核实后不属实，作废。",
}


@dataclass(slots=True)
class _Case:
    """An issue on its way: state, clock, who handles it, what may happen only once."""

    issue: Issue
    state: str
    at: datetime
    level: str
    handler: WorldUser | None = None
    once: set[str] = field(default_factory=set)


class Desk:
    """The people who move a community's issues on, and the end of time."""

    def __init__(self, seed: Seed, staff: Staff, end: datetime) -> None:
        self.seed = seed
        self.staff = staff
        self.end = end

    def steps(self, issue: Issue) -> Iterator[WorldRecord]:
        """Yield an issue's steps in order, none later than the end of the period."""
        rng = self.seed.stream("issue", issue.record_id)
        pen = Pen("issue_step", self.seed.ids("issue", issue.record_id))
        opening = workflow.opening_state(issue.fields)
        level = issue.fields["level"]
        case = _Case(issue, opening, issue.made_at, level)
        while decided := self._next(rng, case):
            action, author, at = decided
            target = workflow.next_state(case.state, action)
            if target is None or at > self.end:
                return
            fields = {
                "issue_id": issue.record_id,
                "action": action,
                "from_state": case.state,
                "to_state": target,
                "at": at.isoformat(),
                "text": self._words(case, action, author),
                "clock": CLOCKS.get(action),
            }
            yield pen.write(issue.grid.code, author.user_id, at, fields)
            case.state, case.at = target, at

    def _words(self, case: _Case, action: str, author: WorldUser) -> str:
        if action == "dispatch" and case.handler:
            return f"派发{case.handler.name}办理。"
        if action == "resolve":
            return case.issue.matter.handled
        return WORDS[action]

    def _next(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime] | None:
        """Return what happens next: the action, who takes it and when; None at the end."""
        step = {
            workflow.REPORTED: self._reported,
            workflow.RETURNED: self._returned,
            workflow.ACCEPTED: self._accepted,
            workflow.DISPATCHED: self._dispatched,
            workflow.HANDLING: self._handling,
            workflow.SUSPENDED: self._suspended,
            workflow.RESOLVED: self._resolved,
            workflow.VERIFIED: self._verified,
        }.get(case.state)
        return step(rng, case) if step else None

    def _community(self, case: _Case) -> WorldUser:
        return self.staff.community[case.issue.grid.community]

    def _superior(self, case: _Case) -> WorldUser:
        """Return who decides at the issue's level."""
        if case.level == "4":
            return self.staff.district
        return self.staff.street if case.level == "3" else self._community(case)

    def _reported(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        author = self._community(case)
        urgent = case.issue.fields["urgency"] != "normal"
        at = later(rng, case.at, 0.02 if urgent else 0.15)
        if case.issue.scripted:
            return "return", author, at
        if case.issue.duplicate:
            return "merge", author, later(rng, case.at, 0.8)
        chance = rng.random()
        if chance < VOIDED:
            return "void", author, at
        may_return = case.issue.grid.code != PERSONA_GRID and "return" not in case.once
        if chance < VOIDED + RETURNED and may_return:
            case.once.add("return")
            return "return", author, at
        return "accept", author, at

    def _returned(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime] | None:
        if case.issue.scripted:
            return None
        return "resend", case.issue.grid.worker, later(rng, case.at, 0.6)

    def _accepted(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        at = later(rng, case.at, 0.1)
        if case.level in ("1", "2") and rng.random() < 0.6:
            case.handler = self._community(case)
            return "handle", case.handler, at
        case.handler = self._unit(rng, case)
        return "dispatch", self._superior(case), at

    def _unit(self, rng: Random, case: _Case) -> WorldUser:
        if case.issue.fields["category"] == "PROP" and case.level in ("1", "2"):
            return rng.choice(self.staff.companies)
        name = DEPARTMENTS[case.issue.fields["category"]]
        return next(unit for unit in self.staff.departments if unit.name == name)

    def _dispatched(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        assert case.handler is not None
        at = later(rng, case.at, 0.2)
        if "refuse" not in case.once and rng.random() < REFUSED:
            case.once.add("refuse")
            return "refuse", case.handler, at
        return "take", case.handler, at

    def _handling(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        assert case.handler is not None
        chances = {
            "escalate": ESCALATED if case.level != "4" else 0.0,
            "whistle": WHISTLED.get(case.level, 0.0),
            "suspend": SUSPENDED.get(case.level, 0.0),
        }
        for action, chance in chances.items():
            if action not in case.once and rng.random() < chance:
                case.once.add(action)
                author = self.staff.street if action == "whistle" else self._superior(case)
                if action == "escalate":
                    case.level = str(int(case.level) + 1)
                return action, author, later(rng, case.at, 0.5)
        case.once |= set(chances)
        days = MEDIAN_DAYS[case.level] * math.exp(rng.gauss(0, SIGMA_DAYS[case.level]))
        return "resolve", case.handler, later(rng, case.at, days)

    def _suspended(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        return "resume", self._superior(case), later(rng, case.at, rng.uniform(5, 20))

    def _resolved(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        if case.issue.fields.get("self_handled"):
            return self._confirmed(rng, case)
        if "rework" not in case.once and rng.random() < REWORKED:
            case.once.add("rework")
            return "rework", case.issue.grid.worker, later(rng, case.at, 0.8)
        return "verify", case.issue.grid.worker, later(rng, case.at, 0.8)

    def _confirmed(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        """Return the leader's answer to what the worker says he settled himself."""
        at = later(rng, case.at, 0.7)
        may_return = case.issue.grid.code != PERSONA_GRID and "return" not in case.once
        if may_return and rng.random() < RETURNED:
            case.once.add("return")
            return "return", case.issue.grid.leader, at
        return "close", case.issue.grid.leader, at

    def _verified(self, rng: Random, case: _Case) -> tuple[str, WorldUser, datetime]:
        return "close", self._community(case), later(rng, case.at, rng.uniform(0.5, 3))


def later(rng: Random, at: datetime, working_days: float) -> datetime:
    """Return a moment in office hours about ``working_days`` after ``at``."""
    minutes = working_days * CALENDAR_FACTOR * 24 * 60 * rng.uniform(0.6, 1.4)
    then = (at + timedelta(minutes=max(minutes, 5))).astimezone(SHANGHAI)
    day = then.date()
    of_day = then.hour * 60 + then.minute + then.second / 60
    if of_day > CLOSING_MINUTES:
        day += timedelta(days=1)
        of_day = 0
    duty = duty_day_at_or_after(day)
    if duty != day or of_day < OPENING_MINUTES:
        of_day = OPENING_MINUTES + rng.uniform(0, 150)
    return moment(duty, of_day)
