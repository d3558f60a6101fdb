"""Clocks: offsets, corrected times, and when a time is doubtful."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import written
from sync_server.domain.times import (
    corrected,
    fell_back,
    made_doubtful,
    moment,
    read_clock,
    unmeasured,
)

NOON = datetime(2026, 9, 30, 4, 0, tzinfo=UTC)


def sent(**behind: float) -> str:
    return written(NOON - timedelta(**behind))


@pytest.mark.parametrize(
    ("behind", "last", "offset", "doubtful"),
    [
        ({"seconds": 0}, None, 0, False),
        ({"seconds": 4}, 0, 0, False),
        ({"seconds": 90}, None, 90, False),
        ({"minutes": -9}, 0, -540, False),
        ({"minutes": 11}, None, 660, True),
        ({"days": -365}, None, -365 * 86_400, True),
        ({"minutes": 9}, -120, 540, True),
        ({"minutes": 9}, 300, 540, False),
    ],
)
def test_the_offset_is_measured_and_doubted(behind, last, offset, doubtful):
    reading = read_clock(sent(**behind), NOON, last)
    assert (reading.offset_s, reading.doubtful) == (offset, doubtful)


UNREADABLE = ["", "noon", "2026-09-30", "2026-09-30T12:00:00", "0001-01-01T00:00:00+14:00"]


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_time_is_doubtful_and_shifts_nothing(text):
    assert moment(text) is None
    reading = read_clock(text, NOON, None)
    assert (reading.offset_s, reading.doubtful) == (0, True)


def test_a_change_made_after_it_was_sent_is_doubtful():
    reading = read_clock(sent(), NOON, None)
    assert made_doubtful(NOON + timedelta(minutes=11), reading, NOON)
    assert not made_doubtful(NOON - timedelta(days=45), reading, NOON)


def test_on_a_stick_a_change_made_after_it_came_is_doubtful():
    reading = unmeasured(written(NOON + timedelta(days=365)), 0)
    assert made_doubtful(NOON + timedelta(days=364), reading, NOON)
    assert not made_doubtful(NOON - timedelta(days=1), reading, NOON)


def test_what_was_made_before_the_clock_jumped_is_doubtful_and_nothing_after():
    reading = read_clock(sent(minutes=9), NOON, 540)
    jumped = NOON - timedelta(hours=1)
    made = jumped - timedelta(minutes=9)  # by the laptop's clock
    assert made_doubtful(made - timedelta(seconds=1), reading, NOON, jumped)
    assert not made_doubtful(made, reading, NOON, jumped)


def test_a_time_long_before_an_earlier_change_fell_back():
    assert fell_back(NOON - timedelta(minutes=11), NOON)
    assert not fell_back(NOON - timedelta(minutes=9), NOON)
    assert not fell_back(NOON, None)


@given(
    st.datetimes(timezones=st.just(UTC)), st.integers(-400_000_000_000, 400_000_000_000)
)  # fmt: skip
def test_correcting_stays_within_the_calendar(made, offset):
    assert corrected(made, offset).tzinfo is UTC


@pytest.mark.parametrize("offset", [9 * 3600, 20 * 3600])
def test_a_corrected_time_can_be_written_in_shanghai(offset):
    late = moment("9999-12-31T23:59:59+08:00")
    assert written(corrected(late, offset)) == "9999-12-31T23:59:59+08:00"
