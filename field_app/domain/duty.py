"""What a working day asks for: three patrols, care visits in time, late entries explained."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from schemas.check import FieldProblem
from schemas.clock import SHANGHAI, local_day, read_moment
from schemas.kind import Kind
from schemas.kinds.care import INTERVAL_DAYS
from schemas.messages import Problem

LATE_AFTER = timedelta(hours=24)
"""An entry made longer after the event than this says why (domain reference, 4.3)."""

SLOT_ENDS: tuple[tuple[str, time], ...] = (
    ("1", time(12, 0)),
    ("2", time(17, 30)),
    ("3", time(23, 59, 59)),
)
"""Until when each patrol slot is on time; a missing one may be entered later."""

SERIOUS = "abnormal"
RECHECK_AFTER = timedelta(hours=24)
"""How soon somebody found in a serious state is seen again (domain reference, 5.3)."""
LONGEST = 365  # days, what the field allows


def slot_at(moment: datetime) -> str:
    """Return the slot a patrol started at ``moment`` is proposed for."""
    clock = moment.astimezone(SHANGHAI).time()
    return next((slot for slot, end in SLOT_ENDS if clock <= end), SLOT_ENDS[-1][0])


def slot_is_over(slot: str, day: str, moment: datetime) -> bool:
    """Tell whether the time of ``slot`` on ``day`` (2026-09-30) has passed at ``moment``."""
    end = datetime.combine(date.fromisoformat(day), dict(SLOT_ENDS)[slot], SHANGHAI)
    return moment > end


def late_problem(
    kind: type[Kind], values: Mapping[str, Any], moment: datetime
) -> FieldProblem | None:
    """Return what is missing when a new record is entered late without saying why.

    For kinds that say when they happened and have a place for the reason.
    """
    happened = values.get(kind.info.dated_by or "")
    if "late_reason" not in kind.declared() or not isinstance(happened, str):
        return None
    try:
        late = moment - read_moment(happened) > LATE_AFTER
    except ValueError:
        return None
    if not late or values.get("late_reason"):
        return None
    return FieldProblem("/late_reason", Problem("late_reason_required"))


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

    ``last`` are the fields of the last visit that reached the person: the day its care check
    names, else its day plus the interval; before any contact, the start of care plus the interval.
    The interval is never longer than the risk allows, and after a serious change it is a day,
    whatever day the check names (domain reference, section 5.3).
    """
    days = min(care["visit_every_days"], INTERVAL_DAYS.get(str(care.get("risk")), LONGEST))
    if last is None:
        return _later(care["since"], days)
    check = (last.get("care_checks") or {}).get(care["resident_id"]) or {}
    due = str(check.get("next_on") or _later(local_day(read_moment(last["visited_at"])), days))
    again = recheck_at(care["resident_id"], last)
    return min(due, local_day(again)) if again else due


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
