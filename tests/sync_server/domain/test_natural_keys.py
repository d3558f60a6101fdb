"""Natural keys: the same thing written differently has one key, different things have others."""

from __future__ import annotations

import pytest

from sync_server.domain import natural_keys as keys


@pytest.mark.parametrize(
    ("one", "other"), [("3", "3号楼"), ("03", "3栋"), ("３", "3"), ("3#", "3"), ("502", "502室"),
                       ("15号", "15"), ("A座", "a")]
)  # fmt: skip
def test_a_number_is_the_same_however_it_is_written(one, other):
    assert keys.building_in("c", one) == keys.building_in("c", other)


@pytest.mark.parametrize(("one", "other"), [("3-1-1502", "3-11-502"), ("2巷15号", "21巷5号")])
def test_labels_keep_apart_what_a_dash_parts(one, other):
    assert keys.room_labelled("b", one) != keys.room_labelled("b", other)


def test_keys_of_different_places_differ():
    room = {"building_id": "b1", "no": "502", "label": "3-1-502"}
    assert keys.keys_of("room", room) != keys.keys_of("room", room | {"building_id": "b2"})
    assert keys.keys_of("room", room)[0] != keys.keys_of("room", room | {"unit_no": "1"})[0]
    assert keys.keys_of("visit", {}) == []
