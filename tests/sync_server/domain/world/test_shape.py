"""The plan of World A adds up to its sources, community by community."""

import pytest

from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import CARE, plan

TABLE = {
    "东关": (14, 34, 10, 494, 4925, 12785),
    "西街": (12, 30, 9, 432, 4309, 11187),
    "南城": (11, 28, 8, 402, 4001, 10388),
    "北园": (10, 26, 7, 371, 3693, 9588),
    "新华": (9, 24, 7, 340, 3386, 8789),
    "河滨": (8, 22, 6, 309, 3078, 7990),
    "平安": (8, 19, 5, 278, 2770, 7191),
    "学苑": (7, 17, 5, 247, 2462, 6392),
    "工人村": (6, 15, 4, 216, 2155, 5593),
}
"""Grids, compounds, bungalow areas, shops, households, people."""


def test_every_community_has_its_sizes():
    drawn = {
        one.name: (
            one.grids,
            len(one.compounds),
            one.bungalows,
            one.shops,
            one.households,
            one.people,
        )
        for one in plan("A", Seed(1))
    }
    assert drawn == TABLE


def test_tier_s_is_the_last_community_of_world_a():
    assert plan("S", Seed(5)) == plan("A", Seed(5))[-1:]


def test_compounds_have_the_shares_of_the_plan():
    compounds = [compound for one in plan("A", Seed(3)) for compound in one.compounds]

    def count(**wanted):
        return sum(all(getattr(c, k) == v for k, v in wanted.items()) for c in compounds)

    types = {name: count(type_ty4=name) for name in ("residential", "transitional", "old", "unit")}
    modes = {
        name: count(mode=name)
        for name in ("company", "none", "self", "big_help", "public", "unit_help")
    }
    cases = {name: count(case=name) for name in ("compound_smaller", "equal", "compound_larger")}
    assert types == {"residential": 60, "transitional": 12, "old": 109, "unit": 34}
    assert modes == {
        "company": 73,
        "none": 67,
        "self": 32,
        "big_help": 13,
        "public": 13,
        "unit_help": 17,
    }
    assert cases == {"compound_smaller": 185, "equal": 17, "compound_larger": 13}
    assert count(three_none=True) == count(three_none=True, mode="none") == 39


def test_the_care_register_is_split_without_loss():
    communities = plan("A", Seed(1))
    assert sum(one.care_people for one in communities) == 4954
    for category, total in CARE.items():
        assert sum(one.care[category] for one in communities) == total


def test_a_world_that_is_not_built_is_refused_by_name():
    with pytest.raises(ValueError, match="'B'"):
        plan("B", Seed(1))
