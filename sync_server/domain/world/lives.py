"""What becomes of an issue: the next step, drawn from how its case stands.

The case is whoever's: folded by this package for a world that is drawn, by the centre's own
services for one that is lived through. Steps keep office hours; what a story must bring about by
the end of the history is brought about, in a hurry if need be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from schemas import workflow as flow
from schemas.cases import Case, Whistle
from schemas.clock import local_day, read_moment
from schemas.guards import Actor, owning_level
from sync_server.domain.time_limits import Clockwork
from sync_server.domain.working_calendar import Calendar, midnight
from sync_server.domain.world.issue_texts import RETURN_WORDS
from sync_server.domain.world.seeds import chosen, poisson

MEDIAN_DAYS = {"1": 0.3, "2": 1.4, "3": 4.5, "4": 9.0}
"""Working days from acceptance to resolution."""
SIGMA_DAYS = {"1": 1.1, "2": 0.8, "3": 0.6, "4": 0.5}
ON_TIME = {"1": 0.91, "2": 0.88, "3": 0.82, "4": 0.75}
ESCALATED, RETURNED, REFUSED, REWORKED = 0.07, 0.05, 0.04, 0.05
REFUSED_AGAIN, NEVER_REPORTED_IN = 0.25, 0.06
WHISTLED, SUSPENDED = {"3": 0.22, "4": 0.40}, {"4": 0.18}
REMINDERS, RATED = 0.4, 0.46
RATINGS = {5: 62, 4: 27, 3: 7, 2: 2, 1: 2}
LOOKED_BACK, RELAPSED = 0.9, 0.06
DAY_HOURS = 7.0
ENOUGH_LEFT = timedelta(minutes=30)
"""A day that is to see a matter of level 1 settled has so much left when the next step begins."""
ROOM_FOR_MORE = timedelta(days=14)
"""A story that must end well goes round again only with so much time left."""
SYSTEM = Actor(flow.SYSTEM_ID, flow.SYSTEM)
OFFICE = {2: "community", 3: "street", 4: "district"}


@dataclass(frozen=True)
class Hands:
    """Who may lay hands on an issue: user ids, and units with the user who acts for each."""

    worker: str
    leader: str
    community: tuple[str, str]
    street: str
    district: str
    lead: tuple[str, str]
    """The department in charge: unit id and user id."""
    company: tuple[str, str] | None
    others: tuple[tuple[str, str], ...]
    """Departments that may be called or asked besides."""

    def unit(self, unit_id: str, role: str = "department") -> Actor:
        """Return who acts for a unit."""
        if self.company and unit_id == self.company[0]:
            return Actor(self.company[1], "company", unit_id)
        user = next(user for unit, user in (self.lead, *self.others) if unit == unit_id)
        return Actor(user, role, unit_id)

    def office(self, level: int) -> Actor:
        """Return who acts for the office of a level (2 community, 3 street, 4 district)."""
        users = {2: self.community[0], 3: self.street, 4: self.district}
        return Actor(users[level], OFFICE[level])


@dataclass(slots=True)
class Story:
    """What a life brings, drawn before it begins; what has happened is taken out.

    ``solved``: True: by the end of the history, whatever comes; False: never; None: as it comes.
    """

    level: str
    handled: str
    urgency: str = "normal"
    solved: bool | None = None
    on_time: bool = True
    day_ends: datetime | None = None
    """Of level 1, when the day ends on which it happened: what is done in time is done by then,
    if it is known early enough."""
    returned: bool = False
    void: bool = False
    into_id: str | None = None
    unit: str = ""
    """"" for the office itself, else lead or company."""
    assigned: bool = False
    refusals: int = 0
    escalated: bool = False
    whistled: bool = False
    suspended: int = 0
    """For how many days."""
    reminders: int = 0
    reworked: bool = False
    rating: int | None = None
    looked_back: bool = False
    relapses: bool = False
    stuck: str = ""
    """The state it never leaves."""
    absent: set[str] = field(default_factory=set)
    """Units that never report in."""


@dataclass(frozen=True)
class Decided:
    """The next step: the action, who takes it, when, and what it says (wire fields)."""

    action: str
    actor: Actor
    at: datetime
    said: Mapping[str, Any]


def draw_story(rng: Random, fields: Mapping[str, Any], handled: str) -> Story:
    """Return how an issue with these fields goes on, by the shares of the plan."""
    level, category = str(fields["level"]), fields["category"]
    low = level in ("1", "2")
    to_unit = not low or rng.random() < 0.4
    story = Story(
        level=level,
        handled=handled,
        urgency=str(fields.get("urgency") or "normal"),
        on_time=rng.random() < ON_TIME[level],
        returned=rng.random() < RETURNED,
        unit=("company" if category == "PROP" and low else "lead") if to_unit else "",
        assigned=not to_unit and rng.random() < 0.5,
        whistled=rng.random() < WHISTLED.get(level, 0.0),
        suspended=rng.randint(5, 40) if rng.random() < SUSPENDED.get(level, 0.0) else 0,
        reminders=min(poisson(rng, REMINDERS), 3),
        reworked=rng.random() < REWORKED,
        rating=chosen(rng, RATINGS) if rng.random() < RATED else None,
        looked_back=rng.random() < LOOKED_BACK,
        relapses=rng.random() < RELAPSED,
    )
    if level == "1" and story.on_time:
        found_on = local_day(read_moment(str(fields["happened_at"])))
        story.day_ends = midnight(date.fromisoformat(found_on) + timedelta(days=1))
    if to_unit and rng.random() < REFUSED:
        story.refusals = 2 if rng.random() < REFUSED_AGAIN else 1
    return story


class Lives:
    """Draws steps with a district's clockwork, up to the end of the history."""

    def __init__(self, clockwork: Clockwork, end: datetime) -> None:
        self.clockwork = clockwork
        self.calendar: Calendar = clockwork.calendar
        self.end = end

    def next(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided | None:
        """Return the next step after ``last``, None when nothing more happens by the end."""
        if case.state == story.stuck:
            return None
        draw = {
            flow.REPORTED: self._reported,
            flow.RETURNED: self._returned,
            flow.ACCEPTED: self._accepted,
            flow.DISPATCHED: self._dispatched,
            flow.HANDLING: self._handling,
            flow.SUSPENDED: self._suspended,
            flow.RESOLVED: self._resolved,
            flow.VERIFIED: self._verified,
            flow.CLOSED: self._closed,
        }.get(case.state)
        found = draw(rng, story, case, hands, last) if draw else None
        if found is None:
            return None
        at = self._kept(rng, story, case, found, last)
        at = self._same_day(rng, story, case, found.action, at, last)
        at = max(at, last + timedelta(seconds=20)).replace(microsecond=0)
        if at > self.end:
            hurry = story.solved and case.state in flow.OPEN_STATES
            if not hurry or self.end - last < timedelta(minutes=2):
                return None
            at = (last + (self.end - last) * rng.uniform(0.05, 0.3)).replace(microsecond=0)
        return Decided(found.action, found.actor, at, found.said)

    def _kept(
        self, rng: Random, story: Story, case: Case, found: Decided, last: datetime
    ) -> datetime:
        """Return when a step is taken where the whole is to be done in time: soon enough."""
        on_the_way = (flow.ACCEPTED, flow.DISPATCHED, flow.HANDLING)
        if not story.on_time or case.state not in on_the_way or found.action == "resolve":
            return found.at
        due = read_moment(case.due_at) if case.due_at else last
        if due <= last:
            return found.at
        return min(found.at, last + (due - last) * rng.uniform(0.1, 0.3))

    def _same_day(
        self, rng: Random, story: Story, case: Case, action: str, at: datetime, last: datetime
    ) -> datetime:
        """Return when a step is taken where a matter of level 1 is not to be left overnight."""
        wanted = action in ("accept", "handle", "dispatch", "take", "resolve")
        if story.day_ends is None or case.level != "1" or not wanted:
            return at
        left = story.day_ends - last
        if left < ENOUGH_LEFT:
            return at
        share = rng.uniform(0.3, 0.9) if action == "resolve" else rng.uniform(0.05, 0.2)
        return min(at, last + left * share)

    def _later(self, rng: Random, at: datetime, days: float) -> datetime:
        """Return a moment of office hours about so many working days after ``at``."""
        hours = max(days * DAY_HOURS * rng.uniform(0.6, 1.4), 0.05)
        return self.calendar.after(at, timedelta(hours=hours))

    def _office(self, hands: Hands, case: Case) -> Actor:
        return hands.office(owning_level(case))

    def _handler(self, hands: Hands, case: Case) -> Actor:
        if case.unit_id:
            return hands.unit(case.unit_id)
        if case.assignee_id:
            return Actor(case.assignee_id, "worker")
        return self._office(hands, case)

    def _reported(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided:
        first, second = (Actor(one, "community") for one in hands.community)
        soon = self._later(rng, last, 0.12 if story.urgency == "normal" else 0.03)
        if story.void:
            if "void" not in case.asked:
                return Decided("ask_void", first, soon, {"text": "核实后不属实，申请作废。"})
            return Decided("void", second, soon, {"text": "同意作废。"})
        if story.into_id:
            said = {"into_id": story.into_id, "text": "与邻近网格上报为同一问题，并案处理。"}
            return Decided("merge", first, self._later(rng, last, 0.5), said)
        if story.returned:
            story.returned = False
            return Decided("return", first, soon, {"text": RETURN_WORDS})
        if story.urgency == "emergency":
            soon = last + timedelta(minutes=rng.uniform(3, 18))
        elif rng.random() < 0.06:
            soon = self._later(rng, last, 0.9)
        path = {"1": "quick", "2": "deliberate"}.get(story.level, "escalate")
        said = {"level": story.level, "path": path, "text": "情况属实，予以受理。"}
        return Decided("accept", first, soon, said)

    def _returned(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided:
        worker = Actor(hands.worker, "worker")
        return Decided("resend", worker, self._later(rng, last, 0.6), {"text": "已补充具体位置。"})

    def _accepted(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided:
        office, at = self._office(hands, case), self._later(rng, last, 0.12)
        wanted = story.unit or ("lead" if owning_level(case) > 2 else "")
        if not wanted:
            said: dict[str, Any] = {"mode": "onsite", "text": "社区安排处置。"}
            if story.assigned:
                said |= {"assignee_id": hands.worker, "text": "请网格员现场处置。"}
            return Decided("handle", office, at, said)
        company = hands.company if wanted == "company" and owning_level(case) == 2 else None
        unit = company or hands.lead
        if case.refusals:
            unit = hands.others[(case.refusals - 1) % len(hands.others)]
        mode = "property_order" if company else "department"
        said = {"target_id": unit[0], "mode": mode, "text": "请按职责办理。"}
        return Decided("dispatch", office, at, said)

    def _dispatched(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided:
        unit = hands.unit(str(case.unit_id))
        at = self._later(rng, last, 0.25)
        if story.refusals > 0:
            story.refusals -= 1
            said = {"refuse": "not_ours", "text": "不属于本单位职责，建议转相关部门。"}
            return Decided("refuse", unit, at, said)
        return Decided("take", unit, at, {"text": "已接单。"})

    def _handling(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided | None:
        handler, office = self._handler(hands, case), self._office(hands, case)
        if story.escalated and owning_level(case) < flow.HIGHEST_LEVEL:
            at = self._later(rng, last, 0.5)
            if "escalate" not in case.asked and handler != office and rng.random() < 0.6:
                return Decided("ask_escalate", handler, at, {"text": "需上级协调，申请提级。"})
            story.escalated = False
            return Decided("escalate", office, at, {"text": "需上级协调，提级办理。"})
        if whistling := self._whistle(rng, story, case, hands, last):
            return whistling
        if story.reminders and rng.random() < 0.8:
            story.reminders -= 1
            said = {"remind": "department" if case.unit_id else "onsite", "text": "请抓紧办理。"}
            return Decided("remind", office, self._later(rng, last, 0.6), said)
        if story.suspended:
            return self._suspend(rng, story, case, hands, last)
        if story.solved is False:
            return None
        said = {"result": "solved", "text": story.handled}
        if rng.random() < 0.06:
            said["result"] = "partly" if rng.random() < 0.5 else "explained"
        return Decided("resolve", handler, self._resolved_at(rng, story, case, last), said)

    def _resolved_at(self, rng: Random, story: Story, case: Case, last: datetime) -> datetime:
        """Return when it is resolved: as long as such things take, before or after it is due."""
        days = MEDIAN_DAYS[case.level] * math.exp(rng.gauss(0, SIGMA_DAYS[case.level]))
        start = read_moment(case.accepted_at) if case.accepted_at else last
        at = max(self.calendar.after(start, timedelta(hours=days * DAY_HOURS)), last)
        if case.due_at is None:
            return at
        due = read_moment(case.due_at)
        if story.on_time and at > due > last:
            return last + (due - last) * rng.uniform(0.3, 0.95)
        if not story.on_time and at <= due:
            return self._later(rng, due, rng.uniform(0.4, 2.5))
        return at

    def _whistle(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided | None:
        street = hands.office(3)
        if story.whistled:
            story.whistled = False
            units = rng.sample([unit for unit, _ in hands.others], 2)
            called = sorted({hands.lead[0], *units})
            story.absent = {unit for unit in called if rng.random() < NEVER_REPORTED_IN}
            said = {"text": "请相关部门到场会商。", "calls": {"add": {unit: {} for unit in called}}}
            return Decided("whistle", street, self._later(rng, last, 0.3), said)
        whistle: Whistle | None = next((one for one in case.whistles if not one.concluded), None)
        if whistle is None:
            return None
        awaited = [
            unit
            for unit, call in whistle.calls.items()
            if call.reported_at is None and unit not in story.absent
        ]
        if awaited:
            unit = hands.unit(awaited[0])
            return Decided("report_in", unit, self._later(rng, last, 0.15), {"text": "已到场。"})
        came = [unit for unit, call in whistle.calls.items() if call.reported_at]
        said = {"text": "各部门分工处置，限期完成。"}
        if came:
            said["scores"] = {"add": {unit: {"score": rng.randint(3, 5)} for unit in came}}
        return Decided("conclude", street, self._later(rng, last, 0.4), said)

    def _suspend(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided | None:
        at = self._later(rng, last, 0.5)
        if "suspend" not in case.asked:
            until = local_day(at + timedelta(days=story.suspended))
            if story.solved and date.fromisoformat(until) >= self.end.date() - timedelta(days=3):
                story.suspended = 0
                return self._handling(rng, story, case, hands, last)
            said = {"until": until, "text": "需等待材料，申请挂账。"}
            return Decided("ask_suspend", self._handler(hands, case), at, said)
        story.suspended = 0
        above = hands.office(min(owning_level(case) + 1, flow.HIGHEST_LEVEL))
        return Decided("suspend", above, at, {"text": "同意挂账。"})

    def _suspended(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided | None:
        until = midnight(date.fromisoformat(str(case.suspended_until)))
        if rng.random() < 0.3 and until - last > timedelta(days=4):
            at = self._later(rng, last, 2)
            return Decided(
                "resume", self._handler(hands, case), at, {"text": "条件具备，恢复处置。"}
            )
        return Decided("resume", SYSTEM, max(until, last) + timedelta(minutes=1), {})

    def _resolved(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided:
        more = self.end - last > ROOM_FOR_MORE or story.solved is None
        if case.self_handled:
            leader, at = Actor(hands.leader, "leader"), self._later(rng, last, 0.5)
            if story.returned and more:
                story.returned = False
                return Decided("return", leader, at, {"text": RETURN_WORDS})
            return Decided("close", leader, at, {"text": "情况属实，予以办结。"})
        worker, at = Actor(hands.worker, "worker"), self._later(rng, last, 0.8)
        if story.reworked and more:
            story.reworked = False
            return Decided("rework", worker, at, {"text": "现场查看未处理到位，请返工。"})
        return Decided("verify", worker, at, {"text": "现场核查，问题已解决。"})

    def _verified(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided:
        if case.rating is not None:  # a low one: staff decide
            office = hands.office(2)
            said = {"text": "已向居民说明情况，予以办结。"}
            return Decided("close", office, self._later(rng, last, 1), said)
        if story.rating:
            return self._rate(rng, story, hands, last)
        verified = read_moment(str(case.verified_at))
        due = self.clockwork.due("close_unrated", verified)
        return Decided("close", SYSTEM, due + timedelta(minutes=1), {})

    def _rate(self, rng: Random, story: Story, hands: Hands, last: datetime) -> Decided:
        said = {"rating": story.rating}
        story.rating = None
        at = self._later(rng, last, rng.uniform(0.2, 1.5))
        return Decided("rate", Actor(hands.worker, "worker"), at, said)

    def _closed(
        self, rng: Random, story: Story, case: Case, hands: Hands, last: datetime
    ) -> Decided | None:
        if story.rating and case.rating is None:
            return self._rate(rng, story, hands, last)
        planned = next((one for one in case.lookbacks if one.result is None), None)
        if planned is None or not story.looked_back:
            return None
        day = midnight(date.fromisoformat(planned.planned))
        at = self.calendar.after(max(day, last), timedelta(hours=rng.uniform(0.2, 4)))
        found = "pass"
        if story.relapses and (self.end - at > ROOM_FOR_MORE or story.solved is None):
            found, story.relapses, story.rating = "relapse", False, None
        text = "现场复查，问题反弹。" if found == "relapse" else "现场复查，未见反弹。"
        worker = Actor(hands.worker, "worker")
        return Decided("lookback", worker, at, {"lookback": found, "text": text})
