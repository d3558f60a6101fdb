"""When a household, a person in care, a patrol point or a Party member asks for somebody to come
again: the same rule on both sides. A district may set other limits.

An ordinary household is visited twice a year; somebody in care by their
interval (``schemas/care_due.py``); a Party member is looked up as often as a household is
visited (``schemas/party.py``); a patrol point is a compound of a grid, which a patrol goes
through every duty day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Literal

from schemas.labels import Label

Mark = Literal["ok", "due", "overdue"]
MARKS: tuple[Mark, ...] = ("overdue", "due", "ok")
LABELS: dict[Mark, Label] = {
    "overdue": Label("超期", "Overdue"),
    "due": Label("快到期", "Due soon"),
    "ok": Label("正常", "In time"),
}


@dataclass(frozen=True)
class Limits:
    """The limits of a district, in days; each is named by its code of COVERAGE_LIMIT.

    ``household``: an ordinary household is visited again after so many, and is due soon
    ``household_soon`` before; a care visit is due soon ``care_soon`` before its day; a point is due
    and overdue after so many without a patrol (usually: over a free weekend it is due); a Party
    member is looked up again after ``member`` and is due soon ``member_soon`` before.
    """

    household: int = 182
    household_soon: int = 30
    care_soon: int = 7
    point_due: int = 2
    point_overdue: int = 4
    member: int = 182
    member_soon: int = 30

    @property
    def possible(self) -> bool:
        """Whether they agree with each other."""
        return (
            self.household_soon < self.household
            and self.point_due <= self.point_overdue
            and self.member_soon < self.member
        )


USUAL = Limits()
EXTINGUISHER_SOON = 30
"""So many days before its end a shop's extinguisher is due."""


def limits_of(district: Mapping[str, Any]) -> Limits:
    """Return the limits a district has set (stored fields of its area record), else the usual
    ones."""
    said = district.get("coverage_limits") or {}
    known = {one.name for one in fields(Limits)}
    found = replace(
        USUAL, **{code: int(one["days"]) for code, one in said.items() if code in known}
    )
    return found if found.possible else USUAL


def household_mark(met_on: date | None, day: date, limits: Limits = USUAL) -> Mark:
    """Return how a household stands on a day; one nobody ever met is overdue."""
    if met_on is None:
        return "overdue"
    return _before(met_on + timedelta(days=limits.household), day, limits.household_soon)


def member_mark(checked_on: date | None, day: date, limits: Limits = USUAL) -> Mark:
    """Return how a Party member stands on a day; one nobody ever looked up is overdue."""
    if checked_on is None:
        return "overdue"
    return _before(checked_on + timedelta(days=limits.member), day, limits.member_soon)


def care_mark(due: date, day: date, limits: Limits = USUAL) -> Mark:
    """Return how somebody in care stands on a day, from the day their visit is due."""
    return _before(due, day, limits.care_soon)


def extinguisher_mark(until: date, day: date) -> Mark:
    """Return how a shop stands on a day whose extinguisher is valid until one: that day is the last
    good one."""
    return _before(until, day, EXTINGUISHER_SOON)


def point_mark(covered_on: date | None, day: date, limits: Limits = USUAL) -> Mark:
    """Return how a patrol point stands on a day; one no patrol ever went through is overdue."""
    gap = (day - covered_on).days if covered_on else limits.point_overdue
    return "overdue" if gap >= limits.point_overdue else "due" if gap >= limits.point_due else "ok"


def worst(marks: set[Mark]) -> Mark:
    """Return the mark that asks most."""
    return next((one for one in MARKS if one in marks), "ok")


def _before(due: date, day: date, soon: int) -> Mark:
    if due < day:
        return "overdue"
    return "due" if (due - day).days <= soon else "ok"
