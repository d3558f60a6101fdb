"""Cursors: only our own, for this district, epoch and scope."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync_server.domain.cursor import read_cursor, write_cursor

KEY = bytes(range(32))
PLACE = ("990101", "epoch", ["990101100009003", "990101100009004"])


@given(st.integers(0, 2**53))
def test_a_cursor_gives_its_place_back(place):
    assert read_cursor(KEY, *PLACE, write_cursor(KEY, *PLACE, place)) == place


def test_the_order_of_grids_does_not_matter():
    turned = (PLACE[0], PLACE[1], PLACE[2][::-1])
    assert read_cursor(KEY, *turned, write_cursor(KEY, *PLACE, 7)) == 7


def test_a_cursor_of_another_key_district_epoch_or_scope_starts_anew():
    cursor = write_cursor(KEY, *PLACE, 7)
    assert read_cursor(bytes(32), *PLACE, cursor) == 0
    assert read_cursor(KEY, "990102", *PLACE[1:], cursor) == 0
    assert read_cursor(KEY, PLACE[0], "later", PLACE[2], cursor) == 0
    assert read_cursor(KEY, *PLACE[:2], ["990101100009003"], cursor) == 0


@given(st.text(max_size=80) | st.none())
def test_anything_else_starts_anew(text):
    assert read_cursor(KEY, *PLACE, text) == 0
