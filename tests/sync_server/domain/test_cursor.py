"""Cursors: only our own, for this district and epoch; grids that change hands are gone through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_server.domain.areas import common, holds, joined
from sync_server.domain.cursor import (
    Place,
    read_place,
    towards,
    write_cursor,
    write_place,
)

KEY = bytes(range(32))
HERE = ("990101", "epoch")
A, B, C = "990101100009003", "990101100009004", "990101100009005"
CODES = ["990101", "990101100", "990101100009", A, B, C, A + "01", A + "02", B + "01"]
codes = st.lists(st.sampled_from(CODES), max_size=4)


@given(st.integers(0, 2**53), codes)
def test_a_cursor_gives_its_place_back(number, grids):
    place = Place(joined(grids), number)
    assert read_place(KEY, *HERE, write_cursor(KEY, *HERE, grids, number)) == place


def test_a_change_of_hands_under_way_survives_the_cursor():
    place = towards(Place((A, B), 7), [B, C])
    assert read_place(KEY, *HERE, write_place(KEY, *HERE, place)) == place
    assert (place.phase, place.grids) == ("leaving", (B, C))


def test_a_cursor_of_another_key_district_or_epoch_is_none():
    cursor = write_cursor(KEY, *HERE, [A], 7)
    assert read_place(bytes(32), *HERE, cursor) is None
    assert read_place(KEY, "990102", "epoch", cursor) is None
    assert read_place(KEY, "990101", "later", cursor) is None


@given(st.text(max_size=80) | st.none())
def test_anything_else_is_none(text):
    assert read_place(KEY, *HERE, text) is None


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_a_cursor_with_another_character_is_none(place):
    cursor = write_cursor(KEY, *HERE, [A], 7)
    other = "A" if cursor[place] != "A" else "B"
    assert read_place(KEY, *HERE, cursor[:place] + other + cursor[place + 1 :]) is None


def test_a_cursor_of_many_grids_under_way_stays_short():
    grids = [f"990101{100 + n // 60}{n // 7 % 9:03}{n % 7:03}" for n in range(0, 600, 10)]
    place = towards(towards(Place(joined(grids[:40]), 10**9), grids[20:]), grids[10:50])
    assert len(write_place(KEY, *HERE, place)) < 2000


def test_who_stands_at_the_start_needs_no_change_of_hands():
    assert towards(Place((A,)), [B]) == Place((B,))


@given(codes, codes, codes)
def test_what_is_sure_and_still_held_was_held_all_along(first, second, third):
    place = towards(towards(Place(joined(first), 5), second), third)
    for area in CODES:
        for reach in ("grid", "community"):
            before = [holds(grids, area, reach) for grids in (first, second)]
            if place.phase and holds(place.sure, area, reach) and holds(third, area, reach):
                assert all(before)


@given(codes, codes, codes)
def test_what_was_ever_held_on_the_way_may_be_there(first, second, third):
    place = towards(Place(joined(first), 5), second)
    if place.phase:  # what had to leave has left
        place = replace(place, phase="entering", at=3)
    place = towards(place, third)
    for area in CODES:
        for reach in ("grid", "community"):
            before = [holds(grids, area, reach) for grids in (first, second)]
            if place.phase and any(before):
                assert holds(place.perhaps, area, reach) or holds(third, area, reach)


@given(codes, codes)
def test_common_areas_lie_in_both(some, others):
    both = common(some, others)
    for area in CODES:
        inside = holds(some, area, "grid") and holds(others, area, "grid")
        assert holds(both, area, "grid") == inside
