"""When somebody in care is to be visited next, the same rule on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from schemas.clock import local_day, read_moment
from schemas.kinds.care import INTERVAL_DAYS
from schemas.messages import Problem

SERIOUS = "abnormal"
RECHECK_AFTER = timedelta(hours=24)
"""How soon somebody found in a serious state is seen again."""
LONGEST = 365  # days, what the field allows


def interval_of(care: Mapping[str, Any]) -> int:
    """Return after how many days a person in care is visited again: never more than the risk
    allows."""
    most = INTERVAL_DAYS.get(str(care.get("risk")), LONGEST)
    return min(int(care.get("visit_every_days") or most), most)


def holds_on(care: Mapping[str, Any], day: str) -> bool:
    """Tell whether a care record holds on a day: it has begun and has not ended."""
    return (care.get("since") or "") <= day <= (care.get("until") or day)


def strictness(care: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return by what the care records of one person are told apart: the riskiest is the least.

    There are two when two laptops each took the person into care, or two persons were one.
    """
    risk = INTERVAL_DAYS.get(str(care.get("risk")), LONGEST)
    return risk, interval_of(care), str(care.get("since"))


def first_due(cares: Iterable[Mapping[str, Any]], last: Mapping[str, Any] | None) -> str:
    """Return the day by which a person is to be visited next, of all their care records."""
    return min(next_due(care, last) for care in cares)


def recheck_at(resident_id: str, last: Mapping[str, Any] | None) -> datetime | None:
    """Return until when a person found in a serious state is to be seen again, None for others.

    ``last`` are the fields of the last visit that reached the person.
    """
    check = ((last or {}).get("care_checks") or {}).get(resident_id) or {}
    if last is None or check.get("state") != SERIOUS:
        return None
    return read_moment(last["visited_at"]) + RECHECK_AFTER


def next_due(care: Mapping[str, Any], last: Mapping[str, Any] | None) -> str:
    """Return the day (2026-09-30) by which a person in care is to be visited next.

    ``last`` are the fields of the last visit that reached the person; see :func:`due_after`.
    """
    if last is None:
        return due_after(care, None, None)
    check = (last.get("care_checks") or {}).get(care["resident_id"]) or {}
    return due_after(care, local_day(read_moment(last["visited_at"])), check)


def due_after(
    care: Mapping[str, Any], reached_on: str | None, check: Mapping[str, Any] | None
) -> str:
    """Return the day by which a person in care is to be visited next, after the day they were last
    reached on.

    It is the day of the visit plus the interval, or a day before that which the care check names;
    before any contact, the start of care plus the interval. After a serious change it is a day
    later, whatever day the check names.
    """
    days = interval_of(care)
    if reached_on is None:
        return _later(str(care["since"]), days)
    check = check or {}
    due = _later(reached_on, days)
    if named := check.get("next_on"):
        due = min(due, str(named))
    if check.get("state") == SERIOUS:
        due = min(due, _later(reached_on, RECHECK_AFTER.days))
    return due


def odd_next(
    cares: Collection[Mapping[str, Any]], visited_on: str, check: Mapping[str, Any]
) -> Problem | None:
    """Return what is odd about the day the care check of a visit that reached the person names for
    the next one, None when nothing is: it lies before the visit, or after the person's interval (a
    year of somebody not in care). ``cares`` are the person's care records; the strictest holds."""
    held, next_on = cares or ({},), str(check["next_on"])
    if next_on < visited_on:
        return Problem("next_visit_past")
    if next_on <= min(_later(visited_on, interval_of(care)) for care in held):
        return None
    return Problem("next_visit_late", day=min(due_after(one, visited_on, check) for one in held))


def _later(day: str, days: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:  # 9999-12-31 stands for never
        return date.max.isoformat()
