"""The working calendar: which days are worked, at which hours, and how working time adds up.

Mondays to Fridays are worked, but for exceptions: official holidays, official working weekends
(``official_days.py``), and what the district itself decided. All times are aware; days and hours
are Shanghai's.

Working time is read off like an odometer: ``worked`` says how much of it lies before a moment, so
what lies between two moments is a difference, however far apart they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, pairwise

from schemas.clock import SHANGHAI

Span = tuple[time, time]
MORNING_AND_AFTERNOON: tuple[Span, ...] = ((time(8, 30), time(12)), (time(14), time(17, 30)))
"""The usual hours of an office with a noon break; half a day ends at noon."""

DAY = timedelta(days=1)
NONE = timedelta()
_SATURDAY = 5
MOST_TOLD = 1000


@dataclass(frozen=True)
class Calendar:
    """A district's working days and hours.

    ``exceptions`` says of days that follow no Monday-to-Friday rule whether they are worked;
    ``published`` holds the years whose official days are known. Raises ValueError for hours that
    are empty, overlap, or are out of order.
    """

    exceptions: Mapping[date, bool] = field(default_factory=dict)
    hours: tuple[Span, ...] = MORNING_AND_AFTERNOON
    published: frozenset[int] = frozenset()
    _turns: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _sums: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _told: dict[tuple[datetime, timedelta], datetime] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    """What ``after`` said lately: what comes together is due together."""

    def __post_init__(self) -> None:
        """Check the hours, and count the exceptions once."""
        check_hours(self.hours)
        turned = sorted(day for day, works in self.exceptions.items() if works != _on_weekdays(day))
        gains = (1 if self.exceptions[day] else -1 for day in turned)
        object.__setattr__(self, "_turns", tuple(day.toordinal() for day in turned))
        object.__setattr__(self, "_sums", tuple(accumulate(gains, initial=0)))

    @cached_property
    def day_length(self) -> timedelta:
        """The working time of one working day."""
        return sum((_length(span) for span in self.hours), NONE)

    def works(self, day: date) -> bool:
        """Tell whether ``day`` is worked."""
        return self.exceptions.get(day, _on_weekdays(day))

    def assumed(self, moment: datetime) -> bool:
        """Tell whether the official days of the moment's year are not known, so that plain Mondays
        to Fridays were assumed: whoever shows a time worked out from it says so."""
        return local(moment).year not in self.published

    def open_at(self, moment: datetime) -> bool:
        """Tell whether ``moment`` lies in working hours."""
        here = local(moment)
        inside = any(start <= here.time() < end for start, end in self.hours)
        return inside and self.works(here.date())

    def next_opening(self, moment: datetime) -> datetime:
        """Return ``moment`` itself when it lies in working hours, else when they next begin."""
        if self.open_at(moment):
            return moment
        here = local(moment)
        day = here.date()
        while True:
            for start, _ in self.hours if self.works(day) else ():
                opening = datetime.combine(day, start, SHANGHAI)
                if opening >= here:
                    return opening
            day += DAY

    def worked(self, moment: datetime) -> timedelta:
        """Return all working time before ``moment``; only differences of it mean anything."""
        here = local(moment)
        day = here.date()
        total = self._days_before(day.toordinal()) * self.day_length
        return total + self._worked_on(here) if self.works(day) else total

    def after(self, start: datetime, working_time: timedelta) -> datetime:
        """Return the first moment at which ``working_time`` has gone by since ``start``: the end of
        a span rather than the beginning of the next one. ``start`` itself for none."""
        if working_time <= NONE:
            return start
        known = self._told.get((start, working_time))
        if known is None:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            known = self._told[start, working_time] = self._after(start, working_time)
        return known

    def _after(self, start: datetime, working_time: timedelta) -> datetime:
        target = self.worked(start) + working_time
        first = local(start).date().toordinal()
        days, into = divmod(target, self.day_length)
        if not into:
            days, into = days - 1, self.day_length
        # The day with exactly ``days`` working days before it that is worked itself.
        last = first + 7 * (working_time // self.day_length + 2) + 2 * len(self._turns)
        ordinals = range(first, last + 1)
        ordinal = ordinals[bisect_left(ordinals, days + 1, key=lambda n: self._days_before(n + 1))]
        return self._moment_of(date.fromordinal(ordinal), into)

    def _days_before(self, ordinal: int) -> int:
        """Count the working days before the day of this ordinal (day 1 was a Monday)."""
        weeks, rest = divmod(ordinal - 1, 7)
        return weeks * 5 + min(rest, 5) + self._sums[bisect_left(self._turns, ordinal)]

    def _worked_on(self, here: datetime) -> timedelta:
        """Return the working time of a working day before this time of it."""
        passed = here - midnight(here.date())
        return sum(
            (max(NONE, min(passed, _since_midnight(end)) - _since_midnight(start))
             for start, end in self.hours),
            NONE,
        )  # fmt: skip

    def _moment_of(self, day: date, into: timedelta) -> datetime:
        """Return when ``into`` of a working day's working time has gone by."""
        for start, end in self.hours:
            if into <= _length((start, end)):
                return datetime.combine(day, start, SHANGHAI) + into
            into -= _length((start, end))
        raise ValueError("more than a day's working time")


def check_hours(hours: Iterable[Span]) -> None:
    """Raise ValueError unless the spans of a day are in order, apart, and none is empty."""
    spans = tuple(hours)
    if not spans or any(start >= end for start, end in spans):
        raise ValueError("working hours need a beginning before their end")
    if any(earlier[1] >= later[0] for earlier, later in pairwise(spans)):
        raise ValueError("working hours overlap or are out of order")


def local(moment: datetime) -> datetime:
    """Return an aware time as Shanghai's; raise ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    return moment.astimezone(SHANGHAI)


def midnight(day: date) -> datetime:
    """Return when a day begins in Shanghai."""
    return datetime.combine(day, time(), SHANGHAI)


def end_of_day(moment: datetime) -> datetime:
    """Return 24:00 of the moment's day, which is 00:00 of the next."""
    return midnight(local(moment).date() + DAY)


def _on_weekdays(day: date) -> bool:
    return day.weekday() < _SATURDAY


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)


def _length(span: Span) -> timedelta:
    return _since_midnight(span[1]) - _since_midnight(span[0])
