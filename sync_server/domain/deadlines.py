"""Deadlines: when something is due, how much of its time is used, and why it is late.

A limit counts in its own unit (decision 0012). Natural units run day and night; working hours run
in working hours only. Of limits in days the day of the start does not count: working days end with
the working hours of the last of them, natural days at 24:00. A same-day limit ends at 24:00 of the
day of the start. 24:00 is written as 00:00 of the next day; ``words`` shows it as people say it.

Pauses are (from, until) with ``until`` None while one lasts. While a clock stands still nothing
is used up and nothing becomes late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from schemas.labels import Label
from sync_server.domain.working_calendar import DAY, NONE, Calendar, end_of_day, local

Unit = Literal[
    "minutes", "natural_hours", "working_hours", "working_days", "natural_days", "same_day"
]
UNITS: tuple[Unit, ...] = get_args(Unit)
UNIT_LABELS: dict[Unit, Label] = {
    "minutes": Label("分钟", "minutes"),
    "natural_hours": Label("小时", "hours"),
    "working_hours": Label("工作小时", "working hours"),
    "working_days": Label("个工作日", "working days"),
    "natural_days": Label("天", "days"),
    "same_day": Label("当日24:00前", "by 24:00 the same day"),
}
Light = Literal["green", "yellow", "red"]
Cause = Literal["undelivered", "handling"]
CAUSES: dict[Cause, Label] = {
    "undelivered": Label("未送达", "Not delivered"),
    "handling": Label("处置中", "Being handled"),
}
YELLOW_FROM = 0.7
Pause = tuple[datetime, datetime | None]


@dataclass(frozen=True)
class Limit:
    """An amount of a unit; a same-day limit has the amount 1.

    Raises ValueError for an unknown unit or an amount that is not above 0.
    """

    amount: float
    unit: Unit

    def __post_init__(self) -> None:
        """Check that it is a limit at all."""
        if self.unit not in UNITS or not self.amount > 0:
            raise ValueError("a limit has an amount above 0 of a known unit")
        if self.unit == "same_day" and self.amount != 1:
            raise ValueError("same day is one day")

    def text(self, lang: str) -> str:
        """Return the limit in words: 3个工作日."""
        label = UNIT_LABELS[self.unit].text(lang)
        if self.unit == "same_day":
            return label
        if lang == "en":
            return f"{self.amount:g} {label[:-1] if self.amount == 1 else label}"
        return f"{self.amount:g}{label}"


class Dues(NamedTuple):
    """The due time counted from when work was given out, and from when its laptop had it."""

    from_issue: datetime
    from_delivery: datetime | None


def due(start: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """Return when work begun at ``start`` is due."""
    if limit.unit == "same_day":
        return end_of_day(start)
    return _advance(_counts_from(start, limit), _amount(limit, calendar), limit, calendar)


def dues(
    issued_at: datetime, delivered_at: datetime | None, limit: Limit, calendar: Calendar
) -> Dues:
    """Return the due time counted from each; none from a delivery that has not been."""
    late = None if delivered_at is None else due(delivered_at, limit, calendar)
    return Dues(due(issued_at, limit, calendar), late)


def length(limit: Limit, start: datetime, calendar: Calendar) -> timedelta:
    """Return how much counted time the limit gives work begun at ``start``."""
    return elapsed(limit, start, due(start, limit, calendar), (), calendar)


def elapsed(
    limit: Limit, start: datetime, until: datetime, pauses: Sequence[Pause], calendar: Calendar
) -> timedelta:
    """Return the time that counts for the limit between ``start`` and ``until`` without pauses:
    working time for working units, else time by the clock."""
    begin = _counts_from(start, limit)
    used = _between(begin, until, limit, calendar)
    for since, end in _merged(pauses):
        stopped = max(since, begin)
        used -= _between(stopped, min(end or until, until), limit, calendar)
    return used


def remaining(
    limit: Limit,
    start: datetime,
    due_at: datetime,
    now: datetime,
    pauses: Sequence[Pause],
    calendar: Calendar,
) -> timedelta:
    """Return the counted time that is left until ``due_at``, below zero when it has passed.

    While a pause lasts it is what was left when it began.
    """
    now, past = _standing(now, pauses)
    total = elapsed(limit, start, due_at, past, calendar)
    if now <= due_at:
        return total - elapsed(limit, start, now, past, calendar)
    return -_between(due_at, now, limit, calendar)


def after_pause(
    due_at: datetime,
    paused_at: datetime,
    resumed_at: datetime,
    limit: Limit,
    calendar: Calendar,
    start: datetime | None = None,
) -> datetime:
    """Return the new due time: what was left when it was paused counts on from the resumption.

    Of a day that did not count (``start`` says which) a pause takes nothing away. What was late
    already stays as late as it was.
    """
    if start is not None:
        begin = _counts_from(start, limit)
        if resumed_at <= begin:
            return due_at
        paused_at = max(paused_at, begin)
    left = _between(paused_at, due_at, limit, calendar)
    if paused_at > due_at or resumed_at <= paused_at:
        return due_at
    return max(due_at, _advance(resumed_at, left, limit, calendar))


def extended(due_at: datetime, more: Limit, calendar: Calendar) -> datetime:
    """Return the due time put off by ``more``, counted on from where it stood.

    A same-day extension reaches to 24:00 of that day; at 24:00 already, to that of the next.
    """
    if more.unit == "same_day":
        return end_of_day(due_at)
    return _advance(due_at, _amount(more, calendar), more, calendar)


def half(limit: Limit) -> Limit:
    """Return half the limit, for work that has to be done again; of a day, 12 hours."""
    if limit.unit == "same_day":
        return Limit(12, "natural_hours")
    return Limit(limit.amount / 2, limit.unit)


def light(
    now: datetime,
    start: datetime,
    due_at: datetime,
    pauses: Sequence[Pause],
    limit: Limit,
    calendar: Calendar,
) -> Light:
    """Return red when ``due_at`` has passed, yellow from 70 % of the time used, else green."""
    now, past = _standing(now, pauses)
    if now > due_at:
        return "red"
    total = elapsed(limit, start, due_at, past, calendar)
    used = elapsed(limit, start, now, past, calendar)
    return "yellow" if used >= total * YELLOW_FROM else "green"


def yellow_at(start: datetime, due_at: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """Return from when on the light is yellow, for work without pauses."""
    used = elapsed(limit, start, due_at, (), calendar) * YELLOW_FROM
    return min(_advance(_counts_from(start, limit), used, limit, calendar), due_at)


def cause(due_at: datetime, delivered_at: datetime | None, now: datetime) -> Cause | None:
    """Return why work is late at ``now``: its laptop had not got it by the due time, or it is being
    handled; None while it is not late."""
    if now <= due_at:
        return None
    return "undelivered" if delivered_at is None or delivered_at > due_at else "handling"


def words(moment: datetime) -> str:
    """Return a due time as people say it: 2026-09-30 24:00, not 00:00 of the day after."""
    here = local(moment)
    if here.hour == here.minute == here.second == 0:
        return f"{(here - DAY).date().isoformat()} 24:00"
    return here.strftime("%Y-%m-%d %H:%M")


def _counts_from(start: datetime, limit: Limit) -> datetime:
    """Return when the limit begins to count: the day of the start is not one of its days."""
    return end_of_day(start) if limit.unit in ("working_days", "natural_days") else start


def _works(limit: Limit) -> bool:
    return limit.unit in ("working_hours", "working_days")


def _amount(limit: Limit, calendar: Calendar) -> timedelta:
    one = {
        "minutes": timedelta(minutes=1),
        "natural_hours": timedelta(hours=1),
        "working_hours": timedelta(hours=1),
        "working_days": calendar.day_length,
        "natural_days": DAY,
        "same_day": DAY,
    }[limit.unit]
    return one * limit.amount


def _advance(start: datetime, by: timedelta, limit: Limit, calendar: Calendar) -> datetime:
    return calendar.after(start, by) if _works(limit) else start + by


def _between(start: datetime, end: datetime, limit: Limit, calendar: Calendar) -> timedelta:
    """Return the counted time between two moments, none when they are out of order."""
    if end <= start:
        return NONE
    return calendar.worked(end) - calendar.worked(start) if _works(limit) else end - start


def _merged(pauses: Sequence[Pause]) -> list[Pause]:
    """Return the pauses in order, those that overlap made one."""
    merged: list[Pause] = []
    for since, end in sorted(pauses, key=lambda pause: pause[0]):
        last = merged[-1] if merged else None
        if last is None or (last[1] is not None and last[1] < since):
            merged.append((since, end))
        elif last[1] is not None:
            merged[-1] = (last[0], None if end is None else max(last[1], end))
    return merged


def _standing(now: datetime, pauses: Sequence[Pause]) -> tuple[datetime, list[Pause]]:
    """Return when the clock stands at ``now``, and the pauses that ended before."""
    past: list[Pause] = []
    for since, end in _merged(pauses):
        if end is None or end > now:
            if since < now:
                now = since
            break
        past.append((since, end))
    return now, past
