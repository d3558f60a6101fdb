"""Deadlines worked out by hand, and what holds of every deadline.

Hours are 08:30-12:00 and 14:00-17:30, 7 hours a day. In 2026 the National Day is off from Thursday
October 1 to Wednesday October 7, with Sunday September 20 and Saturday October 10 worked; Mid-
autumn is off from Friday September 25 to Sunday 27. The Spring Festival is off from Sunday February
15 to Monday 23, with Saturdays February 14 and 28 worked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.clock import SHANGHAI
from sync_server.domain import deadlines
from sync_server.domain.deadlines import UNITS, Limit, due, elapsed, length, light, remaining
from sync_server.domain.official_days import PUBLISHED, official_days
from sync_server.domain.working_calendar import Calendar

CALENDAR = Calendar(official_days(), published=PUBLISHED)
HOUR = timedelta(hours=1)
DAYS_3 = Limit(3, "working_days")


def at(text: str) -> datetime:
    """Return a time of Shanghai written as 2026-09-30 08:41."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def by_hand(*rows: tuple[str, float, str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("start", "amount", "unit", "wanted"), rows)


@by_hand(
    # Monday: Tuesday 1, Wednesday 2, Thursday 3, until the office closes.
    ("2026-03-02 10:00", 3, "working_days", "2026-03-05 17:30"),
    # The same from the first to the last minute of Monday: the day of the start does not count.
    ("2026-03-02 00:00", 3, "working_days", "2026-03-05 17:30"),
    ("2026-03-02 23:59", 3, "working_days", "2026-03-05 17:30"),
    # From Friday as from Sunday: Monday 1, Tuesday 2, Wednesday 3.
    ("2026-03-06 16:00", 3, "working_days", "2026-03-11 17:30"),
    ("2026-03-08 09:00", 3, "working_days", "2026-03-11 17:30"),
    # Tuesday before the National Day: Wednesday Sep 30 is 1; Oct 1-7 is off; Thursday 8 is 2,
    # Friday 9 is 3.
    ("2026-09-29 15:00", 3, "working_days", "2026-10-09 17:30"),
    # Four of them reach Saturday 10, which is worked; five skip Sunday 11 to Monday 12.
    ("2026-09-29 15:00", 4, "working_days", "2026-10-10 17:30"),
    ("2026-09-29 15:00", 5, "working_days", "2026-10-12 17:30"),
    # Friday Sep 18: Saturday is off, Sunday 20 is worked (1), Monday 21 (2), Tuesday 22 (3).
    ("2026-09-18 09:00", 3, "working_days", "2026-09-22 17:30"),
    # Thursday Feb 12: Friday 13 (1), Saturday 14 is worked (2), off to Monday 23, Tuesday 24 (3).
    ("2026-02-12 11:00", 3, "working_days", "2026-02-24 17:30"),
    # Seven: Wed 25 (4), Thu 26 (5), Fri 27 (6), Saturday 28 is worked (7).
    ("2026-02-12 11:00", 7, "working_days", "2026-02-28 17:30"),
    # Fifteen from Monday Sep 14: 15 16 17 18 (4), Sun 20 (5), 21 22 23 24 (9), off 25-27,
    # 28 29 30 (12), off Oct 1-7, 8 9 (14), Sat 10 (15).
    ("2026-09-14 09:00", 15, "working_days", "2026-10-10 17:30"),
    # One and a half: Tuesday, and Wednesday's morning (3.5 of 7 hours), until noon.
    ("2026-03-02 10:00", 1.5, "working_days", "2026-03-04 12:00"),
)
def test_working_days(start, amount, unit, wanted):
    assert due(at(start), Limit(amount, unit), CALENDAR) == at(wanted)


@by_hand(
    # 10:00 to noon is 2 hours; the other 2 run from 14:00.
    ("2026-03-02 10:00", 4, "working_hours", "2026-03-02 16:00"),
    # 11:00 to noon is 1, the afternoon 3.5 brings 4 at 17:00.
    ("2026-03-02 11:00", 4, "working_hours", "2026-03-02 17:00"),
    # During the noon break: 3.5 in the afternoon, half an hour next morning.
    ("2026-03-02 12:30", 4, "working_hours", "2026-03-03 09:00"),
    # Friday 16:00: 1.5 hours until 17:30, 2.5 on Monday from 08:30.
    ("2026-03-06 16:00", 4, "working_hours", "2026-03-09 11:00"),
    # Saturday night: all of it on Monday: 3.5 until noon, half an hour from 14:00.
    ("2026-03-07 23:00", 4, "working_hours", "2026-03-09 14:30"),
    # Wednesday Sep 30, 17:00: half an hour, then 3.5 on Thursday Oct 8, exactly until noon.
    ("2026-09-30 17:00", 4, "working_hours", "2026-10-08 12:00"),
    # 08:30 and 3.5 hours end at noon, not at 14:00.
    ("2026-03-02 08:30", 3.5, "working_hours", "2026-03-02 12:00"),
)
def test_working_hours(start, amount, unit, wanted):
    assert due(at(start), Limit(amount, unit), CALENDAR) == at(wanted)


@by_hand(
    # By day, night and holiday alike.
    ("2026-10-01 23:50", 20, "minutes", "2026-10-02 00:10"),
    ("2026-03-06 16:00", 4, "natural_hours", "2026-03-06 20:00"),
    ("2026-03-06 16:00", 24, "natural_hours", "2026-03-07 16:00"),
    # "The same day, 24:00" from the first and from the last second of it, and after midnight.
    ("2026-03-02 00:00", 1, "same_day", "2026-03-03 00:00"),
    ("2026-03-02 23:59", 1, "same_day", "2026-03-03 00:00"),
    ("2026-03-03 00:01", 1, "same_day", "2026-03-04 00:00"),
    ("2026-10-03 10:00", 1, "same_day", "2026-10-04 00:00"),
    # 30 days after Jan 30: the 31st is the first of them, March 1 the 30th (February has 28).
    ("2026-01-30 10:00", 30, "natural_days", "2026-03-02 00:00"),
)
def test_natural_units(start, amount, unit, wanted):
    assert due(at(start), Limit(amount, unit), CALENDAR) == at(wanted)


def test_midnight_is_shown_as_people_say_it():
    assert deadlines.words(at("2026-10-01 00:00")) == "2026-09-30 24:00"
    assert deadlines.words(at("2026-09-30 17:30")) == "2026-09-30 17:30"


def test_a_suspension_stops_the_clock_of_working_days():
    start, first = at("2026-09-21 10:00"), at("2026-09-24 17:30")  # Tue, Wed, Thu
    assert due(start, DAYS_3, CALENDAR) == first
    # Suspended on Wednesday 11:00: Tuesday (7 h) and 2.5 h are used, 11.5 of 21 h are left.
    paused, resumed = at("2026-09-23 11:00"), at("2026-10-08 15:00")
    # Thursday Oct 8 from 15:00 has 2.5, Friday 7: 2 remain, on Saturday 10 from 08:30.
    later = deadlines.after_pause(first, paused, resumed, DAYS_3, CALENDAR, start)
    assert later == at("2026-10-10 10:30")
    pauses = [(paused, resumed)]
    assert elapsed(DAYS_3, start, resumed, pauses, CALENDAR) == timedelta(hours=9.5)
    assert elapsed(DAYS_3, start, later, pauses, CALENDAR) == 21 * HOUR
    left = remaining(DAYS_3, start, later, at("2026-10-09 17:30"), pauses, CALENDAR)
    assert left == 2 * HOUR


def test_a_suspension_stops_the_clock_of_hours_by_night_too():
    # 24 h from Monday 10:00; 6 are used at 16:00; 18 are left on Thursday at 20:00.
    limit, start = Limit(24, "natural_hours"), at("2026-03-02 10:00")
    first = due(start, limit, CALENDAR)
    later = deadlines.after_pause(
        first, at("2026-03-02 16:00"), at("2026-03-05 20:00"), limit, CALENDAR
    )
    assert later == at("2026-03-06 14:00")


def test_a_suspension_within_the_day_of_the_start_takes_nothing_from_days_that_count():
    start, first = at("2026-03-02 09:00"), at("2026-03-05 17:30")
    paused, resumed = at("2026-03-02 10:00"), at("2026-03-02 16:00")
    assert deadlines.after_pause(first, paused, resumed, DAYS_3, CALENDAR, start) == first
    assert elapsed(DAYS_3, start, first, [(paused, resumed)], CALENDAR) == 21 * HOUR


def test_what_was_late_before_a_suspension_stays_late():
    first = at("2026-03-05 17:30")
    paused, resumed = at("2026-03-06 09:00"), at("2026-03-09 09:00")
    assert deadlines.after_pause(first, paused, resumed, DAYS_3, CALENDAR) == first
    shown = light(
        at("2026-03-07 09:00"), at("2026-03-02 09:00"), first, [(paused, None)], DAYS_3, CALENDAR
    )
    assert shown == "red"


def test_nothing_becomes_late_while_a_suspension_lasts():
    start, first = at("2026-03-02 10:00"), at("2026-03-05 17:30")
    pauses = [(at("2026-03-03 17:30"), None)]
    month = at("2026-04-02 10:00")
    assert light(month, start, first, pauses, DAYS_3, CALENDAR) == "green"  # 7 of 21 h
    assert remaining(DAYS_3, start, first, month, pauses, CALENDAR) == 14 * HOUR


def test_overlapping_suspensions_stop_the_clock_once():
    start, until = at("2026-03-02 10:00"), at("2026-03-05 17:30")
    pauses = [
        (at("2026-03-03 10:00"), at("2026-03-03 16:00")),
        (at("2026-03-03 14:00"), at("2026-03-03 17:00")),
    ]  # 10-12 and 14-17: 5 hours
    assert elapsed(DAYS_3, start, until, pauses, CALENDAR) == 16 * HOUR


@pytest.mark.parametrize(
    ("before", "amount", "unit", "wanted"),
    [
        # Two more working days after Friday's close: Monday, Tuesday.
        ("2026-03-06 17:30", 2, "working_days", "2026-03-10 17:30"),
        # After Wednesday Sep 30: Oct 8, Oct 9.
        ("2026-09-30 17:30", 2, "working_days", "2026-10-09 17:30"),
        # A day that ended at 24:00 on Monday, and two working days: Tuesday, Wednesday.
        ("2026-03-03 00:00", 2, "working_days", "2026-03-04 17:30"),
        ("2026-03-06 17:30", 1, "natural_hours", "2026-03-06 18:30"),
        ("2026-03-06 17:30", 1, "same_day", "2026-03-07 00:00"),
    ],
)
def test_an_extension_counts_on_from_where_the_due_time_stood(before, amount, unit, wanted):
    assert deadlines.extended(at(before), Limit(amount, unit), CALENDAR) == at(wanted)


def test_an_extended_limit_turns_yellow_at_70_percent_of_all_of_it():
    start = at("2026-03-02 10:00")
    later = deadlines.extended(due(start, DAYS_3, CALENDAR), Limit(2, "working_days"), CALENDAR)
    assert later == at("2026-03-09 17:30")  # five days, 35 h; 70 % is 24.5: three days and a half
    assert light(at("2026-03-06 11:59"), start, later, [], DAYS_3, CALENDAR) == "green"
    assert light(at("2026-03-06 12:00"), start, later, [], DAYS_3, CALENDAR) == "yellow"


@pytest.mark.parametrize(
    ("amount", "unit", "again", "wanted"),
    [
        # Half of three days from Monday: Tuesday, and Wednesday's morning.
        (3, "working_days", "2026-03-02 16:00", "2026-03-04 12:00"),
        # Half of seven: Tue, Wed, Thu, and Friday's morning.
        (7, "working_days", "2026-03-02 16:00", "2026-03-06 12:00"),
        (4, "working_hours", "2026-03-02 11:00", "2026-03-02 15:00"),
        (20, "minutes", "2026-03-02 23:55", "2026-03-03 00:05"),
        (1, "same_day", "2026-03-02 16:00", "2026-03-03 04:00"),
        (3, "natural_days", "2026-03-02 16:00", "2026-03-04 12:00"),
    ],
)
def test_rework_has_half_the_limit(amount, unit, again, wanted):
    assert due(at(again), deadlines.half(Limit(amount, unit)), CALENDAR) == at(wanted)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "now", "wanted"),
    [
        # 21 h, 70 % are 14.7: Tuesday and Wednesday 14, and 42 minutes of Thursday.
        ("2026-03-02 10:00", 3, "working_days", "2026-03-05 09:11", "green"),
        ("2026-03-02 10:00", 3, "working_days", "2026-03-05 09:12", "yellow"),
        ("2026-03-02 10:00", 3, "working_days", "2026-03-05 17:30", "yellow"),
        ("2026-03-02 10:00", 3, "working_days", "2026-03-05 17:31", "red"),
        # On the day of the start nothing is used.
        ("2026-03-02 10:00", 3, "working_days", "2026-03-02 23:00", "green"),
        # A holiday uses nothing: two of three days are used before it (14 of 21 h).
        ("2026-09-28 10:00", 3, "working_days", "2026-10-07 23:00", "green"),
        ("2026-09-28 10:00", 3, "working_days", "2026-10-08 09:12", "yellow"),
        # 20 minutes: from the 14th.
        ("2026-03-02 23:50", 20, "minutes", "2026-03-03 00:03", "green"),
        ("2026-03-02 23:50", 20, "minutes", "2026-03-03 00:04", "yellow"),
        ("2026-03-02 23:50", 20, "minutes", "2026-03-03 00:11", "red"),
        # From 14:00 to 24:00 are 10 h: yellow from 21:00.
        ("2026-03-02 14:00", 1, "same_day", "2026-03-02 20:59", "green"),
        ("2026-03-02 14:00", 1, "same_day", "2026-03-02 21:00", "yellow"),
        ("2026-03-02 14:00", 1, "same_day", "2026-03-03 00:00", "yellow"),
        ("2026-03-02 14:00", 1, "same_day", "2026-03-03 00:01", "red"),
    ],
)
def test_the_lights(start, amount, unit, now, wanted):
    limit = Limit(amount, unit)
    until = due(at(start), limit, CALENDAR)
    assert light(at(now), at(start), until, [], limit, CALENDAR) == wanted


def test_work_that_reached_an_offline_laptop_late_counts_from_both():
    issued, delivered = at("2026-03-02 10:00"), at("2026-03-06 09:00")
    both = deadlines.dues(issued, delivered, DAYS_3, CALENDAR)
    assert both.from_issue == at("2026-03-05 17:30")
    assert both.from_delivery == at("2026-03-11 17:30")  # Friday, then Mon, Tue, Wed
    assert deadlines.dues(issued, None, DAYS_3, CALENDAR).from_delivery is None


@pytest.mark.parametrize(
    ("delivered", "now", "wanted"),
    [
        (None, "2026-03-05 17:30", None),
        (None, "2026-03-06 09:00", "undelivered"),
        ("2026-03-06 08:00", "2026-03-06 09:00", "undelivered"),  # it came after the due time
        ("2026-03-05 17:00", "2026-03-06 09:00", "handling"),
    ],
)
def test_why_something_is_late(delivered, now, wanted):
    came = at(delivered) if delivered else None
    assert deadlines.cause(at("2026-03-05 17:30"), came, at(now)) == wanted


@pytest.mark.parametrize(
    ("amount", "unit"), [(0, "minutes"), (-1, "working_days"), (2, "same_day"), (1, "weeks")]
)
def test_what_is_no_limit_is_refused(amount, unit):
    with pytest.raises(ValueError, match=r"day|limit"):
        Limit(amount, unit)


@pytest.mark.parametrize(
    ("limit", "zh", "en"),
    [
        (Limit(3, "working_days"), "3个工作日", "3 working days"),
        (Limit(1, "working_days"), "1个工作日", "1 working day"),
        (Limit(1.5, "working_days"), "1.5个工作日", "1.5 working days"),
        (Limit(1, "same_day"), "当日24:00前", "by 24:00 the same day"),
    ],
)
def test_a_limit_in_words(limit, zh, en):
    assert (limit.text("zh"), limit.text("en")) == (zh, en)


moments = st.datetimes(
    datetime(2025, 1, 1), datetime(2027, 6, 30), timezones=st.just(SHANGHAI)
).map(lambda moment: moment.replace(microsecond=0))
spans = st.integers(0, 40 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))
whole = st.builds(
    lambda unit, amount: Limit(1 if unit == "same_day" else amount, unit),
    st.sampled_from(UNITS),
    st.integers(1, 60),
)
limits = st.one_of(whole, whole.map(deadlines.half))


@given(limits, st.lists(moments, min_size=2, max_size=6))
def test_who_begins_later_is_due_no_earlier(limit, starts):
    dues = [due(start, limit, CALENDAR) for start in sorted(starts)]
    assert all(earlier <= later for earlier, later in pairwise(dues))


@given(st.sampled_from(UNITS), moments, st.integers(1, 60), st.integers(1, 60))
def test_more_time_is_due_no_earlier(unit, start, one, other):
    if unit != "same_day":
        few, many = sorted((one, other))
        assert due(start, Limit(few, unit), CALENDAR) <= due(start, Limit(many, unit), CALENDAR)


@given(limits, moments)
def test_what_has_gone_by_at_the_due_time_is_the_limit(limit, start):
    until = due(start, limit, CALENDAR)
    one = {
        "minutes": timedelta(minutes=1),
        "natural_hours": HOUR,
        "working_hours": HOUR,
        "working_days": CALENDAR.day_length,
        "natural_days": timedelta(days=1),
    }
    gone = elapsed(limit, start, until, [], CALENDAR)
    assert gone == length(limit, start, CALENDAR)
    if limit.unit != "same_day":
        assert gone == one[limit.unit] * limit.amount
    assert until > start
    assert remaining(limit, start, until, until, [], CALENDAR) == timedelta()


@given(limits, moments, spans, spans)
@example(  # paused at the very moment it is due: nothing is left, and nothing is late
    Limit(0.5, "minutes"),
    datetime(2025, 1, 1, tzinfo=SHANGHAI),
    timedelta(seconds=30),
    timedelta(seconds=1),
)
def test_a_pause_never_shortens_what_is_left(limit, start, until_pause, lasting):
    first = due(start, limit, CALENDAR)
    paused = start + until_pause
    resumed = paused + lasting
    later = deadlines.after_pause(first, paused, resumed, limit, CALENDAR, start)
    assert later >= first
    before = remaining(limit, start, first, paused, [], CALENDAR)
    after = remaining(limit, start, later, resumed, [(paused, resumed)], CALENDAR)
    if paused <= first:
        assert after == before
        assert elapsed(limit, start, later, [(paused, resumed)], CALENDAR) == length(
            limit, start, CALENDAR
        )
    else:
        assert later == first
    blind = deadlines.after_pause(first, paused, resumed, limit, CALENDAR)
    assert blind >= later


@given(limits, moments, st.lists(st.tuples(moments, moments), max_size=4), moments)
def test_time_used_never_runs_backwards(limit, start, ends, now):
    pauses = [(min(pair), max(pair)) for pair in ends]
    sooner = elapsed(limit, start, now, pauses, CALENDAR)
    assert timedelta() <= sooner <= elapsed(limit, start, now, [], CALENDAR)
    assert sooner <= elapsed(limit, start, now + HOUR, pauses, CALENDAR)
