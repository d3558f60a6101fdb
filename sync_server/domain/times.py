"""Clocks of laptops: how far off, when to doubt them, and the corrected time (PROTOCOL.md, Time).

Offsets are whole seconds, positive when the laptop's clock is behind. A clock never refuses a
change and never hides a value; it can only make a time doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from schemas.clock import SHANGHAI, read_moment

DOUBTFUL_S = 600
TRAVEL_S = 5
"""A request's own way takes seconds; smaller offsets count as none."""
_LAST = datetime.max.replace(tzinfo=SHANGHAI).astimezone(UTC)


@dataclass(frozen=True)
class Reading:
    """One look at a laptop's clock. ``sent_at`` None: it could not be read; ``jumped``: it is far
    from where it was at the last look."""

    offset_s: int
    doubtful: bool
    sent_at: datetime | None
    jumped: bool = False


def read_clock(sent_at: str, received_at: datetime, last_offset_s: int | None) -> Reading:
    """Compare a request's own time with the time it came.

    Doubtful: more than ten minutes off, or as far from the last reading, or unreadable.
    """
    sent = moment(sent_at)
    if sent is None:
        return Reading(0, True, None)
    offset = round((received_at - sent).total_seconds())
    if abs(offset) <= TRAVEL_S:
        offset = 0
    jumped = last_offset_s is not None and abs(offset - last_offset_s) > DOUBTFUL_S
    return Reading(offset, abs(offset) > DOUBTFUL_S or jumped, sent, jumped)


def unmeasured(sent_at: str, last_offset_s: int | None) -> Reading:
    """Return the reading for what came on a stick: its age says nothing about the clock, so the
    last measured offset counts; none was measured: doubtful."""
    if last_offset_s is None:
        return Reading(0, True, moment(sent_at))
    return Reading(last_offset_s, abs(last_offset_s) > DOUBTFUL_S, moment(sent_at))


@lru_cache(maxsize=4096)  # of one change it is asked several times
def moment(text: str) -> datetime | None:
    """Return a written time as aware UTC, None when it cannot be read or lies beyond year 9999."""
    try:
        return read_moment(text)
    except (ValueError, OverflowError):
        return None


def corrected(made: datetime, offset_s: int) -> datetime:
    """Return a laptop's time by the centre's clock, kept within the calendar, in Shanghai too."""
    if not offset_s and made < _LAST:
        return made
    try:
        return min(made + timedelta(seconds=offset_s), _LAST)
    except OverflowError:
        return _LAST if offset_s > 0 else datetime.min.replace(tzinfo=UTC)


def made_doubtful(
    made: datetime, reading: Reading, received_at: datetime, jumped_at: datetime | None = None
) -> bool:
    """Whether a change's time is doubtful: by its clock, made after it was sent or came, or made
    before the clock was last found elsewhere than before (``jumped_at``): which of the two clocks
    it was made by, nobody knows."""
    if reading.doubtful or reading.sent_at is None:
        return True
    by_ours = corrected(made, reading.offset_s)
    if jumped_at is not None and by_ours < jumped_at:
        return True
    latest = min(received_at, corrected(reading.sent_at, reading.offset_s))
    return (by_ours - latest).total_seconds() > DOUBTFUL_S


def fell_back(by_ours: datetime, until: datetime | None) -> bool:
    """Whether a change seems made long before one that its stream holds before it (made ``until``
    then, no doubt): the clock went back in between, as it does when its battery is empty."""
    return until is not None and (until - by_ours).total_seconds() > DOUBTFUL_S
