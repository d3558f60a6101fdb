"""The time limits: which clock runs how long for which work, with the defaults of the product.

A rule holds for a clock and a category, level and urgency, each of which may be ANY. The rule that
names most of the three wins; of two that name as many, the one that names the category, then the
urgency. A district's own rules replace the defaults one by one (decision 0012).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from schemas.labels import Label
from schemas.service_clocks import Name
from sync_server.domain import deadlines
from sync_server.domain.deadlines import Limit
from sync_server.domain.working_calendar import Calendar

Clock = Literal[
    "accept", "take", "handle", "verify", "confirm", "report_in", "close_unrated", "lookback",
    "suspend", "care_change", "service_respond", "service_answer", "service_solve", "service_plan",
    "close_month", "privacy_answer",
]  # fmt: skip
CLOCKS: tuple[Clock, ...] = get_args(Clock)
CLOCK_LABELS: dict[Clock, Label] = {
    "accept": Label("受理（上报后）", "Accept (after the report)"),
    "take": Label("接单（派发后）", "Take on (after dispatch)"),
    "handle": Label("处置（受理后）", "Handle (after acceptance)"),
    "verify": Label("核查（处置后）", "Verify (after handling)"),
    "confirm": Label("确认自行处置", "Confirm self-handled work"),
    "report_in": Label("吹哨报到", "Report in after a whistle"),
    "close_unrated": Label("无评价办结（核查后）", "Close without a rating (after verification)"),
    "lookback": Label("回头看（办结后）", "Look back (after closing)"),
    "suspend": Label("挂账最长", "Longest suspension"),
    "care_change": Label("关怀对象情况突变后探访", "Care visit after a serious change"),
    "service_respond": Label("服务：响应", "Service: respond"),
    "service_answer": Label("服务：回复", "Service: answer"),
    "service_solve": Label("服务：协调解决", "Service: solve"),
    "service_plan": Label("服务：给出方案", "Service: present a plan"),
    "close_month": Label("统计月份封存（月末后）", "Close a month's figures (after its end)"),
    "privacy_answer": Label("答复个人信息请求", "Answer a privacy request"),
}
BY_ISSUE: frozenset[Clock] = frozenset({"accept", "take", "handle", "verify", "report_in"})
"""Clocks whose limit may depend on the issue's category, level and urgency."""
SERVICE_CLOCKS: Mapping[Name, Clock] = MappingProxyType(
    {
        "respond": "service_respond",
        "reply": "service_answer",
        "solve": "service_solve",
        "plan": "service_plan",
    }
)
"""The time limit behind each of the four clocks of a service request."""
ANY = "*"


class Key(NamedTuple):
    """What a rule holds for."""

    clock: str
    category: str = ANY
    level: str = ANY
    urgency: str = ANY

    @property
    def rank(self) -> tuple[int, bool, bool]:
        """How particular it is; of two rules that fit, the greater rank wins."""
        named = [part != ANY for part in self[1:]]
        return sum(named), named[0], named[2]


def _defaults() -> dict[Key, Limit]:
    return {
        # The 20 minutes of an emergency are how soon somebody answers it, by day and night.
        Key("accept"): Limit(4, "working_hours"),
        Key("accept", urgency="emergency"): Limit(20, "minutes"),
        Key("take"): Limit(4, "working_hours"),
        Key("take", urgency="emergency"): Limit(20, "minutes"),
        Key("handle"): Limit(3, "working_days"),
        Key("handle", level="1"): Limit(1, "same_day"),
        Key("handle", level="2"): Limit(3, "working_days"),
        Key("handle", level="3"): Limit(7, "working_days"),
        Key("handle", level="4"): Limit(15, "working_days"),
        # Refuse is cleared the same day; what street and district have to arrange is more.
        Key("handle", "ENV", "1"): Limit(1, "same_day"),
        Key("handle", "ENV", "2"): Limit(1, "same_day"),
        Key("verify"): Limit(2, "working_days"),
        Key("confirm"): Limit(1, "working_days"),
        Key("report_in"): Limit(4, "working_hours"),
        Key("report_in", urgency="urgent"): Limit(1, "working_hours"),
        Key("report_in", urgency="emergency"): Limit(20, "minutes"),
        Key("close_unrated"): Limit(3, "natural_days"),
        Key("lookback"): Limit(30, "natural_days"),
        Key("suspend"): Limit(90, "natural_days"),
        Key("care_change"): Limit(24, "natural_hours"),
        Key("service_respond"): Limit(20, "minutes"),
        Key("service_answer"): Limit(30, "minutes"),
        Key("service_solve"): Limit(4, "natural_hours"),
        Key("service_plan"): Limit(1, "working_days"),
        Key("close_month"): Limit(5, "natural_days"),
        Key("privacy_answer"): Limit(15, "natural_days"),
    }


DEFAULTS: Mapping[Key, Limit] = MappingProxyType(_defaults())


@dataclass(frozen=True)
class Found:
    """A limit and the rule it comes from; ``own`` when the district set it."""

    key: Key
    limit: Limit
    own: bool


@dataclass(frozen=True)
class Limits:
    """A district's limits: the defaults with its own rules over them."""

    own: Mapping[Key, Limit]

    def find(
        self, clock: Clock, category: str = ANY, level: str = ANY, urgency: str = ANY
    ) -> Found:
        """Return the limit that holds for a piece of work; KeyError for an unknown clock."""
        wanted = Key(clock, category, level, urgency)
        fitting = [key for key in _fitting(wanted) if key in self.own or key in DEFAULTS]
        if not fitting:
            raise KeyError(clock)
        key = max(fitting, key=lambda one: one.rank)
        own = self.own.get(key)
        return Found(key, own or DEFAULTS[key], own is not None)


@lru_cache(maxsize=1024)
def _fitting(wanted: Key) -> tuple[Key, ...]:
    """Return every rule that would hold for such work."""
    return tuple(
        Key(wanted.clock, category, level, urgency)
        for category in {wanted.category, ANY}
        for level in {wanted.level, ANY}
        for urgency in {wanted.urgency, ANY}
    )


@dataclass(frozen=True)
class Clockwork:
    """All that deadlines of a district are worked out with: its calendar and its limits.

    ``desk_hours``: a service request taken in outside working hours counts from the next opening.
    """

    calendar: Calendar
    limits: Limits
    desk_hours: bool = True

    def limit(
        self, clock: Clock, category: str = ANY, level: str = ANY, urgency: str = ANY
    ) -> Limit:
        """Return how long a clock runs for a piece of work."""
        return self.limits.find(clock, category, level, urgency).limit

    def due(
        self,
        clock: Clock,
        start: datetime,
        category: str = ANY,
        level: str = ANY,
        urgency: str = ANY,
    ) -> datetime:
        """Return when a clock that starts at ``start`` is due."""
        limit = self.limit(clock, category, level, urgency)
        return deadlines.due(start, limit, self.calendar)

    def service_start(self, taken_at: datetime) -> datetime:
        """Return from when the clocks of a service request count (t0)."""
        return self.calendar.next_opening(taken_at) if self.desk_hours else taken_at

    def service_dues(self, taken_at: datetime) -> dict[Name, datetime]:
        """Return when the four clocks of a service request taken on then run out."""
        start = self.service_start(taken_at)
        return {name: self.due(clock, start) for name, clock in SERVICE_CLOCKS.items()}


def rules_in_order(own: Iterable[Key]) -> list[Key]:
    """Return every rule of a district, clock by clock, the general ones first."""
    return sorted({*DEFAULTS, *own}, key=_place)


def _place(key: Key) -> tuple[int, tuple[int, bool, bool], Key]:
    clock = CLOCKS.index(key.clock) if key.clock in CLOCKS else len(CLOCKS)
    return clock, key.rank, key
