"""Areas: what a laptop with some grids holds."""

from __future__ import annotations

import pytest

from sync_server.domain.areas import above, holds, inside

GRIDS = ["990101100009003", "99010110000900401"]


@pytest.mark.parametrize(
    ("area", "reach", "held"),
    [
        ("990101100009003", "grid", True),
        ("99010110000900307", "grid", True),
        ("990101100009004", "grid", False),
        ("99010110000900401", "grid", True),
        ("990101100009", "grid", False),
        ("990101100009", "community", True),
        ("990101", "community", True),
        ("990101100008", "community", False),
        ("990101100009004", "community", True),
        ("990101100009005", "community", False),
        ("", "community", False),
    ],
)
def test_a_laptop_holds_its_grids_and_what_lies_above_them(area, reach, held):
    assert holds(GRIDS, area, reach) is held


def test_areas_above_are_every_level():
    assert above(["990101100009003"]) == ["990101", "990101100", "990101100009"]


def test_an_empty_code_holds_nothing():
    assert not inside("990101", [""])
