"""The district's working calendar: reading it for deadlines, looking at a year, changing days.

The official days are the program's; stored is only what the district decided otherwise.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.domain.official_days import PUBLISHED, occasion, official_days
from sync_server.domain.working_calendar import MORNING_AND_AFTERNOON, Calendar, Span, check_hours
from sync_server.services import audit
from sync_server.services.accounts import User, require, require_records
from sync_server.store import people_read, working_calendar, writing
from sync_server.store.engine import Store

HOURS, DESK_HOURS = "working_hours", "desk_hours"
"""Among a district's settings: spans of a working day as [["08:30", "12:00"], …], and whether a
service request taken in outside them counts from the next opening."""
LONGEST_NOTE = 200
FIRST_YEAR, LAST_YEAR = 2004, 2100
_official = Calendar(official_days(), published=PUBLISHED)
_weeks = months.Calendar(firstweekday=0)


@dataclass(frozen=True)
class Day:
    """One day: whether it is worked, officially and here, for which occasion, and who set it."""

    day: date
    works: bool
    officially: bool
    occasion: str
    own: bool
    note: str
    set_by: str = ""
    set_at: datetime | None = None

    @property
    def adjusted(self) -> bool:
        """Whether it is worked or free against its weekday."""
        return self.works != (self.day.weekday() < 5)


@dataclass(frozen=True)
class YearPage:
    """A year: its months as weeks from Monday (None outside the month), the district's own days,
    how many days are worked, and whether the official days are known."""

    year: int
    months: tuple[tuple[tuple[Day | None, ...], ...], ...]
    own: tuple[Day, ...]
    worked: int
    published: bool
    hours: tuple[Span, ...]
    desk_hours: bool


def load_calendar(connection: sa.Connection, district: str) -> tuple[Calendar, bool]:
    """Return the district's calendar, and whether its desk hours hold back service clocks."""
    settings = working_calendar.settings_of(connection, district)
    own = working_calendar.own_days(connection, district)
    return calendar_of(settings, tuple((row["day"], row["working"]) for row in own))


def calendar_of(
    settings: dict[str, Any], own: tuple[tuple[date, bool], ...]
) -> tuple[Calendar, bool]:
    """Return the same from the district's settings and the days it decided about."""
    return _calendar(own, hours_in(settings)), bool(settings.get(DESK_HOURS, True))


def hours_in(settings: dict[str, Any]) -> tuple[Span, ...]:
    """Return the hours of a working day as the settings say, the usual ones when they do not."""
    stored = settings.get(HOURS)
    if not stored:
        return MORNING_AND_AFTERNOON
    return tuple((time.fromisoformat(start), time.fromisoformat(end)) for start, end in stored)


@lru_cache(maxsize=32)
def _calendar(own: tuple[tuple[date, bool], ...], spans: tuple[Span, ...]) -> Calendar:
    return Calendar({**official_days(), **dict(own)}, spans, PUBLISHED)


def open_year(connection: sa.Connection, person: User, year: int, lang: str) -> YearPage:
    """Return a year of the district's calendar; raise Refusal ``not_allowed``, ``not_found``."""
    require_records(person)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Refusal("not_found")
    known, desk_hours = load_calendar(connection, person.district)
    own = _own(connection, person)
    days = {
        day: _day(day, own.get(day), lang)
        for month in range(1, 13)
        for day in _weeks.itermonthdates(year, month)
    }
    return YearPage(
        year=year,
        months=tuple(
            tuple(
                tuple(days[day] if day.month == month else None for day in week)
                for week in _weeks.monthdatescalendar(year, month)
            )
            for month in range(1, 13)
        ),
        own=tuple(one for day, one in sorted(days.items()) if one.own and day.year == year),
        worked=sum(one.works for day, one in days.items() if day.year == year),
        published=year in PUBLISHED,
        hours=known.hours,
        desk_hours=desk_hours,
    )


def open_day(connection: sa.Connection, person: User, day: date, lang: str) -> Day:
    """Return one day; raise Refusal ``not_allowed``, ``not_found``."""
    require_records(person)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Refusal("not_found")
    return _day(day, _own(connection, person).get(day), lang)


def open_hours(connection: sa.Connection, person: User) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return the hours of a working day as 08:30 each, and whether desk hours hold back service
    clocks; raise Refusal ``not_allowed``."""
    _require(person)
    settings = working_calendar.settings_of(connection, person.district)
    spans = tuple((start, end) for start, end in _as_text(hours_in(settings)))
    return spans, bool(settings.get(DESK_HOURS, True))


def set_day(store: Store, person: User, day: date, working: bool, note: str, now: datetime) -> bool:
    """Decide whether a day is worked; tell whether anything changed.

    Deciding what holds officially anyway, without a note, takes the district's word back.
    Raises Refusal: not_allowed, not_found, note_too_long.
    """
    _require(person)
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise Refusal("note_too_long", most=LONGEST_NOTE)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Refusal("not_found")
    if working == _official.works(day) and not note:
        return reset_day(store, person, day, now)
    facts = {"working": working, "note": note}
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        before = {row["day"]: row for row in working_calendar.own_days(connection, person.district)}
        stood = before.get(day)
        if stood is not None and all(stood[name] == value for name, value in facts.items()):
            return False
        place = {"district": person.district, "day": day}
        by = {"set_by": person.user_id, "set_at": now}
        working_calendar.put_day(connection, place | facts | by)
        _note(connection, person, now, "set_day", day.isoformat(), {"working": working})
    return True


def reset_day(store: Store, person: User, day: date, now: datetime) -> bool:
    """Let a day follow the official calendar again; tell whether anything changed.

    Raises Refusal ``not_allowed``.
    """
    _require(person)
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        if not working_calendar.drop_day(connection, person.district, day):
            return False
        _note(connection, person, now, "reset_day", day.isoformat(), None)
    return True


def set_hours(
    store: Store,
    person: User,
    spans: Sequence[tuple[str, str]],
    desk_hours: bool,
    now: datetime,
) -> bool:
    """Set the hours of a working day, typed as 08:30 each; tell whether anything changed.

    Spans that were left empty are passed over. Raises Refusal: not_allowed, bad_hours.
    """
    _require(person)
    try:
        read = [(_clock(start), _clock(end)) for start, end in spans if start or end]
        check_hours(read)
    except ValueError:
        raise Refusal("bad_hours") from None
    hours = _as_text(read)
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        settings = working_calendar.settings_of(connection, person.district)
        wanted = {HOURS: hours, DESK_HOURS: desk_hours}
        stood = {HOURS: _as_text(hours_in(settings)), DESK_HOURS: settings.get(DESK_HOURS, True)}
        if wanted == stood:
            return False
        working_calendar.put_settings(connection, person.district, wanted)
        said = {"hours": [f"{start}-{end}" for start, end in hours], "desk_hours": desk_hours}
        _note(connection, person, now, "set_hours", None, said)
    return True


def _clock(typed: str) -> time:
    return datetime.strptime(typed, "%H:%M").time()


def _as_text(spans: Sequence[Span]) -> list[list[str]]:
    return [[start.strftime("%H:%M"), end.strftime("%H:%M")] for start, end in spans]


def _own(connection: sa.Connection, person: User) -> dict[date, dict[str, Any]]:
    """Return the district's own days, with who set each."""
    rows = working_calendar.own_days(connection, person.district)
    names = people_read.names_of(connection, person.district, {row["set_by"] for row in rows})
    return {row["day"]: {**row, "name": names.get(row["set_by"], "")} for row in rows}


def _day(day: date, own: dict[str, Any] | None, lang: str) -> Day:
    named, officially = occasion(day), _official.works(day)
    words = named.text(lang) if named else ""
    if own is None:
        return Day(day, officially, officially, words, False, "")
    return Day(
        day, own["working"], officially, words, True, own["note"], own["name"], own["set_at"]
    )


def _require(person: User) -> None:
    require(person, "limits")


def _note(
    connection: sa.Connection,
    person: User,
    now: datetime,
    action: str,
    target: str | None,
    detail: dict[str, Any] | None,
) -> None:
    audit.note(
        connection, person.district, now, action,
        user_id=person.user_id, target=target, detail=detail,
    )  # fmt: skip
