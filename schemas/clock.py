"""Times and ids as they are written: RFC 3339 with offset, UUIDv7.

Functions here are handed the time; reading a clock is the apps' business.
"""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Where everything is shown (no summer time since 1991)."""


def written(moment: datetime) -> str:
    """Return an aware time as RFC 3339 with Shanghai's offset, to the second."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


def read_moment(text: str) -> datetime:
    """Return an RFC 3339 text as an aware UTC time; raise ValueError for anything else, and for a
    time at the calendar's ends that has no place in UTC or in Shanghai."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    if MINYEAR + 1 < moment.year < MAXYEAR:
        return moment.astimezone(UTC)
    try:
        moment.astimezone(SHANGHAI)
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None


def local_day(moment: datetime) -> str:
    """Return the Shanghai calendar day of an aware time, as 2026-09-30."""
    return moment.astimezone(SHANGHAI).date().isoformat()
