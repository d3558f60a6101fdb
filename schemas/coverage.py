"""When a household, a person in care or a patrol point asks for somebody to come again: the same
rule on both sides.

An ordinary household is visited twice a year (domain reference, 3.6); somebody in care by their
interval (``schemas/care_due.py``); a patrol point is a compound of a grid, which a patrol goes
through every duty day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from schemas.labels import Label

Mark = Literal["ok", "due", "overdue"]
MARKS: tuple[Mark, ...] = ("overdue", "due", "ok")
LABELS: dict[Mark, Label] = {
    "overdue": Label("超期", "Overdue"),
    "due": Label("快到期", "Due soon"),
    "ok": Label("正常", "In time"),
}
HOUSEHOLD_DAYS, HOUSEHOLD_SOON = 182, 30
"""After how many days an ordinary household is visited again, and how long before that it is due
soon."""
CARE_SOON = 7
POINT_DUE, POINT_OVERDUE = 2, 4
"""After how many days without a patrol a point is due and overdue: over a free weekend it is
due."""


def household_mark(met_on: date | None, day: date) -> Mark:
    """Return how a household stands on a day; one nobody ever met is overdue."""
    if met_on is None:
        return "overdue"
    return _before(met_on + timedelta(days=HOUSEHOLD_DAYS), day, HOUSEHOLD_SOON)


def care_mark(due: date, day: date) -> Mark:
    """Return how somebody in care stands on a day, from the day their visit is due."""
    return _before(due, day, CARE_SOON)


def point_mark(covered_on: date | None, day: date) -> Mark:
    """Return how a patrol point stands on a day; one no patrol ever went through is overdue."""
    gap = (day - covered_on).days if covered_on else POINT_OVERDUE
    return "overdue" if gap >= POINT_OVERDUE else "due" if gap >= POINT_DUE else "ok"


def worst(marks: set[Mark]) -> Mark:
    """Return the mark that asks most."""
    return next((one for one in MARKS if one in marks), "ok")


def _before(due: date, day: date, soon: int) -> Mark:
    if due < day:
        return "overdue"
    return "due" if (due - day).days <= soon else "ok"
