"""What a working day asks for: three patrols, late entries explained (care: schemas/care_due)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from schemas.care_due import next_due as next_due
from schemas.care_due import recheck_at as recheck_at
from schemas.check import FieldProblem
from schemas.clock import SHANGHAI, local_day, read_moment
from schemas.kind import Kind
from schemas.messages import Problem

LATE_AFTER = timedelta(hours=24)
"""An entry made longer after the event than this says why."""

AHEAD = timedelta(minutes=10)
"""What happened this much later than now cannot be right (as of clocks: docs/PROTOCOL.md, Time)."""

SLOT_ENDS: tuple[tuple[str, time], ...] = (
    ("1", time(12, 0)),
    ("2", time(17, 30)),
    ("3", time(23, 59, 59)),
)
"""Until when each patrol slot is on time; a missing one may be entered later."""


def slot_at(moment: datetime) -> str:
    """Return the slot a patrol started at ``moment`` is proposed for."""
    clock = moment.astimezone(SHANGHAI).time()
    return next((slot for slot, end in SLOT_ENDS if clock <= end), SLOT_ENDS[-1][0])


def slot_hours(slot: str) -> tuple[str, str]:
    """Return from when until when a patrol of ``slot`` is on time: ("12:00", "17:30")."""
    begin = "00:00"
    for known, end in SLOT_ENDS:
        until = "24:00" if end == SLOT_ENDS[-1][1] else f"{end:%H:%M}"
        if known == slot:
            return begin, until
        begin = until
    raise KeyError(slot)


def slot_is_over(slot: str, day: str, moment: datetime) -> bool:
    """Tell whether the time of ``slot`` on ``day`` (2026-09-30) has passed at ``moment``."""
    end = datetime.combine(date.fromisoformat(day), dict(SLOT_ENDS)[slot], SHANGHAI)
    return moment > end


def ended_earlier(started: datetime, opened: datetime, now: datetime) -> bool:
    """Tell whether a patrol that is written down at ``now`` ended before: the slot it started in
    was over when its form was opened, or its day has passed."""
    day = local_day(started)
    return slot_is_over(slot_at(started), day, opened) or day < local_day(now)


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


def ahead_doubt(
    kind: type[Kind], values: Mapping[str, Any], moment: datetime
) -> FieldProblem | None:
    """Return a doubt about a record that says it happens in the future."""
    dated_by = kind.info.dated_by or ""
    try:
        ahead = read_moment(str(values.get(dated_by))) > moment + AHEAD
    except ValueError:
        return None
    return FieldProblem(f"/{dated_by}", Problem("in_future")) if ahead else None
