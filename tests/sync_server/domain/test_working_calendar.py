"""The working calendar: adjusted days, hours of a day, openings, and working time both ways."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import SHANGHAI
from sync_server.domain.official_days import PUBLISHED, occasion, official_days
from sync_server.domain.working_calendar import MORNING_AND_AFTERNOON, Calendar

OFFICIAL = Calendar(official_days(), published=PUBLISHED)
moments = st.datetimes(
    datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(SHANGHAI)
).map(lambda moment: moment.replace(microsecond=0))


def at(text: str) -> datetime:
    """Return a time of Shanghai written as 2026-09-30 08:41."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def slowly(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Add the working time up day by day, as a person would."""
    total, day = timedelta(), start.date()
    while day <= end.date():
        for begins, ends in calendar.hours if calendar.works(day) else ():
            first = max(start, datetime.combine(day, begins, SHANGHAI))
            last = min(end, datetime.combine(day, ends, SHANGHAI))
            total += max(timedelta(), last - first)
        day += timedelta(days=1)
    return total


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-09-20", True),  # a Sunday, worked for the National Day holiday
        ("2026-09-25", False),  # Mid-autumn, a Friday
        ("2026-09-30", True),
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),  # a Saturday, worked for the National Day holiday
        ("2026-10-11", False),
        ("2026-02-14", True),  # a Saturday before the Spring Festival
        ("2026-02-16", False),
        ("2026-02-28", True),  # a Saturday after it
    ],
)
def test_the_published_days_of_2026(day, works):
    assert OFFICIAL.works(date.fromisoformat(day)) is works


def test_a_day_says_its_occasion():
    assert occasion(date(2026, 10, 1)).zh == "国庆节"
    assert occasion(date(2026, 10, 10)).en == "National Day"
    assert occasion(date(2026, 10, 9)) is None


def test_a_year_that_was_not_published_is_mondays_to_fridays_and_says_so():
    assert not OFFICIAL.assumed(at("2026-12-31 23:59"))
    assert OFFICIAL.assumed(at("2099-01-01 00:00"))
    assert OFFICIAL.works(date(2099, 10, 1))  # a Thursday
    assert not OFFICIAL.works(date(2099, 10, 3))


def test_a_day_that_is_only_noted_changes_nothing():
    noted = Calendar({date(2026, 3, 2): True, date(2026, 3, 7): False})
    assert noted.worked(at("2026-04-01 00:00")) == Calendar().worked(at("2026-04-01 00:00"))


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-03-02 09:00", "2026-03-02 09:00"),
        ("2026-03-02 08:30", "2026-03-02 08:30"),
        ("2026-03-02 07:00", "2026-03-02 08:30"),
        ("2026-03-02 12:00", "2026-03-02 14:00"),
        ("2026-03-02 17:30", "2026-03-03 08:30"),
        ("2026-03-06 20:00", "2026-03-09 08:30"),  # Friday evening: Monday
        ("2026-09-30 18:00", "2026-10-08 08:30"),  # over the National Day
    ],
)
def test_the_next_opening(moment, opening):
    assert OFFICIAL.next_opening(at(moment)) == at(opening)


def test_times_are_read_as_shanghais_wherever_they_were_written():
    assert OFFICIAL.open_at(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))  # 09:00 there
    with pytest.raises(ValueError, match="without offset"):
        OFFICIAL.open_at(datetime(2026, 3, 2, 9, 0))


@pytest.mark.parametrize(
    "hours",
    [
        (),
        ((time(9), time(9)),),
        ((time(9), time(12)), (time(11), time(17))),
        ((time(14), time(17)), (time(9), time(12))),
    ],
)
def test_hours_that_are_none_are_refused(hours):
    with pytest.raises(ValueError, match="working hours"):
        Calendar(hours=hours)


@given(
    moments,
    st.timedeltas(timedelta(), timedelta(days=40)),
    st.dictionaries(st.dates(date(2024, 1, 1), date(2028, 12, 31)), st.booleans(), max_size=30),
    st.sampled_from([MORNING_AND_AFTERNOON, ((time(8), time(18)),), ((time(0), time(23, 59)),)]),
)
def test_working_time_is_what_a_person_adds_up(start, span, own, hours):
    calendar = Calendar({**official_days(), **own}, hours)
    end = start + span
    assert calendar.worked(end) - calendar.worked(start) == slowly(calendar, start, end)


@given(moments, st.integers(1, 60 * 7 * 120), st.booleans())
def test_the_moment_after_working_time_is_the_first_at_which_it_has_gone_by(start, minutes, plain):
    calendar = Calendar() if plain else OFFICIAL
    wanted = timedelta(minutes=minutes)
    end = calendar.after(start, wanted)
    assert calendar.worked(end) - calendar.worked(start) == wanted
    assert calendar.worked(end - timedelta(seconds=1)) - calendar.worked(start) < wanted
