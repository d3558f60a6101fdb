"""The demo's working days and times of day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from schemas.clock import SHANGHAI

HOLIDAYS = frozenset({date(2026, 9, 25), *(date(2026, 10, day) for day in (1, 2, 5, 6, 7))})
"""Weekdays off in the months a demo may show (Mid-Autumn and National Day 2026)."""
MAKE_UP_DAYS = frozenset({date(2026, 9, 20), date(2026, 10, 10)})
"""Weekend days worked in exchange."""


def is_duty_day(day: date) -> bool:
    """Tell whether grid workers are on duty on ``day``."""
    return day in MAKE_UP_DAYS or (day.weekday() < 5 and day not in HOLIDAYS)


def duty_days(first: date, last: date) -> list[date]:
    """Return the duty days from ``first`` to ``last``, both included."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if is_duty_day(day)]


def duty_day_at_or_before(day: date) -> date:
    """Return the latest duty day that is not after ``day``."""
    while not is_duty_day(day):
        day -= timedelta(days=1)
    return day


def duty_day_at_or_after(day: date) -> date:
    """Return the earliest duty day that is not before ``day``."""
    while not is_duty_day(day):
        day += timedelta(days=1)
    return day


def moment(day: date, minutes: float) -> datetime:
    """Return the time ``minutes`` after midnight of ``day`` in Shanghai, to the second."""
    return datetime.combine(day, time(), SHANGHAI) + timedelta(seconds=round(minutes * 60))
