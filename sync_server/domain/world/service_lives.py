"""What became of a service request: its steps up to yesterday, drawn from a stream of its own.

Drawn are which of the four clocks it keeps (2341), how many people it served, how it was rated; its
steps are those of laptops and of the centre, each upon the one before, and every one counts by the
table of ``schemas/service_flow.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from schemas.clock import SHANGHAI, read_moment, written
from schemas.service_clocks import Name, as_fields
from sync_server.domain.official_days import PUBLISHED, official_days
from sync_server.domain.time_limits import Clockwork, Limits
from sync_server.domain.working_calendar import Calendar
from sync_server.domain.world.duty import moment
from sync_server.domain.world.records import Pen, WorldRecord, WorldUser, minutes_later
from sync_server.domain.world.seeds import Seed, chosen
from sync_server.domain.world.service_requests import OFFICE
from sync_server.domain.world.staff import Staff
from sync_server.domain.world.visits import RATINGS

COMMUNITY_DIGITS = 12
TAKEN_SHARE = 0.60
"""Of the requests of care visits, how many the worker takes on himself at the door."""
IN_TIME: dict[Name, float] = {"respond": 0.90, "reply": 0.90, "solve": 0.78, "plan": 0.88}
"""How many keep each clock, the plan's of those not solved in time. What is taken on at the door is
a response at once, so that 93 % of all respond in time."""
PERSON_TIMES = {1: 39, 2: 30, 3: 15, 4: 9, 5: 5, 6: 2}
"""Mean 2.17."""
RESULTS = {"solved": 86, "partly": 6, "explained": 5, "transferred": 2, "impossible": 1}
RATED, RATED_AT_DESK = 0.46, 0.40
CANCELLED = 0.02
BY_DESK = 0.30
"""Of those taken in at a desk, how many the desk does itself."""
PLANNED = 0.50
"""Of those with a plan in time, how many have one; the others are solved by then."""
RELEASED = 0.15
"""Of those a worker cannot solve in time, how many he gives back, for the leader to do."""
SPOKEN = {
    "reply": "已联系居民，说明办理办法。",
    "plan": "需另约时间，已与居民商定办理方案。",
    "release": "需要专业人员，请另行派单。",
    "cancel": "居民已自行解决，不再需要。",
    "solve": "已办理完成，居民确认。",
}


@dataclass(frozen=True)
class Move:
    """One step: what, by whom, when, what else it says."""

    action: str
    author: WorldUser
    at: datetime
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def central(self) -> bool:
        """Whether it is made at the centre; laptops are the workers' and leaders'."""
        return self.author.role not in ("worker", "leader")


@dataclass(frozen=True)
class Life:
    """A whole life as drawn, with what lies after the end of the period.

    ``kept`` says of each clock whether it is kept, None for a plan that is not needed; it is empty
    for a request that is cancelled, which has no person-times either.
    """

    moves: tuple[Move, ...]
    kept: dict[Name, bool | None]
    person_times: int | None = None
    rating: int | None = None

    @property
    def ends_at(self) -> datetime:
        """When its last step is taken."""
        return self.moves[-1].at


class Lives:
    """The people who do what was asked for, the usual calendar and limits, and the end of time."""

    def __init__(self, seed: Seed, staff: Staff, end: datetime) -> None:
        self.seed = seed
        self.staff = staff
        self.end = end
        calendar = Calendar(official_days(), published=PUBLISHED)
        self._clockwork = Clockwork(calendar, Limits({}))

    def steps(
        self, request: WorldRecord, worker: WorldUser, leader: WorldUser
    ) -> Iterator[WorldRecord]:
        """Yield a request's steps in order, none later than the end of the period."""
        pen = Pen("service_step", self.seed.ids("service", request.record_id))
        after = request.record_id
        dues: dict[str, str] | None = None
        for move in self.life(request, worker, leader).moves:
            if move.at > self.end:
                return
            fields: dict[str, Any] = {
                "service_id": request.record_id,
                "action": move.action,
                "role": move.author.role,
                "central": move.central or None,
                "after": [after],
                "at": written(move.at),
                **move.said,
            }
            if move.action == "accept":
                dues = as_fields(self._clockwork.service_dues(move.at))
            if move.central and dues is not None:
                # The centre says the due times once, in its first step upon acceptance.
                fields, dues = fields | dues, None
            step = pen.write(request.grid, move.author.user_id, move.at, fields)
            after = step.record_id
            yield step

    def life(self, request: WorldRecord, worker: WorldUser, leader: WorldUser) -> Life:
        """Return the whole life of a request of the grid where these two work."""
        rng = self.seed.stream("service", request.record_id)
        desk = self.staff.community[request.grid[:COMMUNITY_DIGITS]]
        moves = self._begun(rng, request, worker, desk)
        by_desk = moves[-1].action == "accept" and request.fields["kind"] != "wish"
        doer = desk if by_desk else worker
        accepted_at = moves[0].at
        dues = self._clockwork.service_dues(accepted_at)
        opened_at = self._clockwork.service_start(accepted_at)
        kept: dict[Name, bool | None] = {
            name: rng.random() < share for name, share in IN_TIME.items()
        }
        if moves[-1].action == "claim":
            kept["respond"] = True
        else:
            start = max(opened_at, moves[-1].at)
            in_time = bool(kept["respond"])
            at = _within(rng, start, dues["respond"]) if in_time else _past(rng, dues["respond"], 7)
            moves.append(Move("respond" if by_desk else "claim", doer, at))
        start = max(opened_at, moves[-1].at)
        at = _within(rng, start, dues["reply"]) if kept["reply"] else _past(rng, dues["reply"], 60)
        moves.append(_spoken("reply", doer, at))
        if rng.random() < CANCELLED:
            moves.append(_spoken("cancel", doer, _past(rng, at, 90)))
            return Life(tuple(moves), {})
        if kept["solve"]:
            kept["plan"] = None
            solved_at = _within(rng, at, dues["solve"])
        else:
            planned = bool(kept["plan"]) and rng.random() < PLANNED
            if planned:
                moves.append(_spoken("plan", doer, _within(rng, at, dues["solve"])))
            days = rng.randint(1, 3) if planned or not kept["plan"] else 0
            solved_at = self._office_time(rng, dues["plan"].astimezone(SHANGHAI).date(), days)
            if doer is worker and rng.random() < RELEASED:
                doer = leader
                moves += _handed_on(rng, worker, leader, desk, moves[-1].at)
        people = chosen(rng, PERSON_TIMES)
        said = {"result": chosen(rng, RESULTS), "person_times": people}
        moves.append(_spoken("solve", doer, solved_at, **said))
        if rng.random() >= RATED:
            return Life(tuple(moves), kept, people)
        rating = chosen(rng, RATINGS)
        asker = desk if by_desk or rng.random() < RATED_AT_DESK else worker
        at = self._office_time(rng, solved_at.astimezone(SHANGHAI).date(), rng.randint(1, 2))
        moves.append(Move("rate", asker, at, {"rating": rating}))
        return Life(tuple(moves), kept, people, rating)

    def _begun(
        self, rng: Random, request: WorldRecord, worker: WorldUser, desk: WorldUser
    ) -> list[Move]:
        """Return how it was accepted, and how it came to the worker unless the desk keeps it or
        somebody takes a wish from the tree."""
        at = read_moment(request.made_at)
        if request.fields["channel"] == "door":
            if rng.random() < TAKEN_SHARE:
                claim = Move("claim", worker, minutes_later(at, 2))
                return [Move("accept", worker, minutes_later(at, 1)), claim]
            seen_at = self._clockwork.calendar.next_opening(minutes_later(at, 20))
            accept = Move("accept", desk, _past(rng, seen_at, 25))
        else:
            accept = Move("accept", desk, at)
            if request.fields["kind"] == "wish" or rng.random() < BY_DESK:
                return [accept]
        at = minutes_later(accept.at, rng.uniform(0.5, 4))
        return [accept, Move("assign", desk, at, {"taker_id": worker.user_id})]

    def _office_time(self, rng: Random, day: date, days: int) -> datetime:
        """Return a time in office hours, so many worked days after ``day``; on it for none."""
        while days > 0:
            day += timedelta(days=1)
            days -= self._clockwork.calendar.works(day)
        return moment(day, rng.uniform(*rng.choice(OFFICE)))


def _handed_on(
    rng: Random, worker: WorldUser, leader: WorldUser, desk: WorldUser, since: datetime
) -> list[Move]:
    """Return how a worker gives a request back and the leader of the grid gets it."""
    release = _spoken("release", worker, _past(rng, since, 40))
    said = {"taker_id": leader.user_id}
    assign = Move("assign", desk, _past(rng, release.at, 15), said)
    return [release, assign, Move("claim", leader, _past(rng, assign.at, 30))]


def _spoken(action: str, author: WorldUser, at: datetime, **said: Any) -> Move:
    return Move(action, author, at, said | {"text": SPOKEN[action]})


def _within(rng: Random, start: datetime, due: datetime) -> datetime:
    """Return a time after ``start`` that is still in time, to the second."""
    seconds = (due - start).total_seconds()
    return start + timedelta(seconds=max(1, int(seconds * rng.uniform(0.05, 0.9))))


def _past(rng: Random, at: datetime, minutes: float) -> datetime:
    """Return a time after ``at``, by one minute to ``minutes``."""
    return minutes_later(at, rng.uniform(1, minutes))
