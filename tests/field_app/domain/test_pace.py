"""How much an exchange carries: halved by failures, grown by successes, within its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_app.domain.pace import LEAST_WANT, PATIENT, Pace

MOST = Pace(500, 500)


def after(pace, times):
    for _ in range(times):
        pace = pace.faster(MOST)
    return pace


def test_a_fresh_line_carries_all_it_may():
    assert Pace.read({}, MOST) == MOST


def test_a_failure_halves_and_success_doubles_up_to_what_failed():
    slow = MOST.slower(500)
    assert (slow.changes, slow.want, slow.failed) == (250, 250, 500)
    slower = slow.slower(250)
    assert slower.changes == 125
    assert after(slower, 1).changes == 125  # 250 did not get through
    assert after(slower, PATIENT).changes == 250


def test_a_short_batch_that_failed_is_halved_from_its_own_size():
    assert MOST.slower(10).changes == 5
    assert MOST.lighter(3) == Pace(1, 500, failed=3)


def test_too_large_halves_the_way_up_alone():
    assert MOST.lighter(500) == Pace(250, 500, failed=500)
    assert MOST.lighter(1) is None


def test_an_empty_exchange_that_failed_halves_the_page_down():
    pace, wants = MOST, []
    while (slower := pace.slower(0)) is not None:
        pace = slower
        wants.append(pace.want)
    assert wants == [250, 125, 62, 31, LEAST_WANT]
    assert pace.changes == 500


@pytest.mark.parametrize("kept", [{"changes": "x"}, {"changes": 3}, {"want": None}])
def test_a_setting_that_cannot_be_read_counts_for_nothing(kept):
    assert Pace.read(kept, MOST) == MOST


def test_what_was_kept_never_exceeds_what_the_centre_allows_today():
    kept = Pace(500, 500).document()
    assert Pace.read(kept, Pace(100, 50)) == Pace(100, 50)
    assert Pace.read({"changes": 0, "want": 0, "failed": 0, "streak": 0}, MOST) == Pace(1, 1)


@given(st.lists(st.one_of(st.none(), st.integers(0, 500)), max_size=60))
def test_whatever_happens_it_stays_within_its_limits_and_recovers(story):
    pace = MOST
    for sent in story:
        pace = pace.faster(MOST) if sent is None else pace.slower(sent) or pace
        assert 1 <= pace.changes <= MOST.changes
        assert 1 <= pace.want <= MOST.want
        assert Pace.read(pace.document(), MOST) == pace
    assert after(pace, 10 * PATIENT).changes == 500
    assert after(pace, 10 * PATIENT).want == 500


@given(st.integers(1, 500))
def test_a_line_with_a_limit_is_used_near_it_most_of_the_time(limit):
    """Over a hundred exchanges little is wasted on sizes that fail, and little capacity is left."""
    pace, failed, carried = MOST, 0, 0
    for _ in range(100):
        if pace.changes > limit:
            pace, failed = pace.slower(pace.changes), failed + 1
        else:
            carried += pace.changes
            pace = pace.faster(MOST)
    assert failed <= 30
    assert carried >= 100 * limit * 0.3
