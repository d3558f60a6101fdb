"""What is counted of compounds: coverage as the sources of the domain reference print it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_server.domain.rates import Rate
from sync_server.domain.register_counts import (
    CONDITIONS,
    LACKING,
    RATES,
    WORDS,
    Compound,
    branches,
    compound,
    condition,
    shares,
)

DAY = "2026-09-30"
PLAIN = {"kind": "compound", "property_mode": "none", "self_gov": "none", "guard": True,
         "barrier": False, "cctv": False}  # fmt: skip


def one(branch: bool = False, alone: bool = False, **more: Any) -> Compound:
    return compound("c", "990106001001", PLAIN | more, DAY, branch, alone)


def percents(some: list[Compound]) -> dict[str, float | None]:
    return {name: Rate(name, *pair, WORDS[name]).percent for name, pair in shares(some).items()}


def meets(name: str, what: Compound) -> bool:
    found = condition(name)
    assert found is not None
    return found(what)


def xinshan() -> Iterator[Compound]:
    """Yield the compounds of world F: 754 of 3,800 managed, 121 with an owners' committee, 1,466
    with a self-management committee, all of these without property management."""
    modes = ("company", "public", "trust", "bundle", "big_help")
    for no in range(754):
        yield one(property_mode=modes[no % 5], self_gov="owners" if no < 121 else "none")
    ways = ("none", "self", "unit_help", "red_help", "subsidy")
    for no in range(3_800 - 754):
        yield one(property_mode=ways[no % 5], self_gov="self_manage" if no < 1_466 else "none")


def test_xinyangs_shares_are_those_of_the_source() -> None:
    some = list(xinshan())
    found = percents(some)
    assert (found["managed"], found["owners"]) == (19.8, 3.2)
    assert shares(some)["self_manage"] == (1_466, 3_046)
    assert found["self_manage"] == 48.1
    with_committee = sum(meets("self_gov=self_manage", what) for what in some)
    assert round(100 * with_committee / len(some), 1) == 38.6


def test_what_is_property_and_what_is_management() -> None:
    """Four ways of help for compounds without property cover them (S3), nobody manages them."""
    for mode in ("red_help", "unit_help", "subsidy", "self"):
        assert meets("property", one(property_mode=mode))
        assert meets("not_managed", one(property_mode=mode))
    assert not meets("property", one())
    assert not meets("property", one(property_mode=None))
    assert meets("no_property", one())


def test_owners_bodies_are_divided_by_all_and_by_the_eligible() -> None:
    some = [
        one(self_gov="owners", eligible=True), one(self_gov="manage", eligible=True),
        one(self_gov="none", eligible=True), one(self_gov="self_manage", eligible=False),
        one(self_gov="owners"),
    ]  # fmt: skip
    found = shares(some)
    assert found["owners"] == (3, 5)
    assert found["eligible_owners"] == (2, 3)  # what nothing is said of is not in it
    assert [meets("eligible_without", what) for what in some] == [False, False, True, False, False]


def test_an_organisation_is_said_by_the_compound_or_by_the_register() -> None:
    assert not meets("org", one())
    assert not meets("org", one(org_form="none"))
    assert meets("org", one(org_form="joint"))
    assert meets("org", one(branch=True, org_form="none"))
    equal = {"overlap": "equal"}
    assert meets("coinciding", one(org_form="own", **equal))
    assert meets("coinciding", one(branch=True, alone=True, **equal))
    assert not meets("coinciding", one(branch=True, **equal))  # it has others beside
    assert not meets("coinciding", one(org_form="joint", **equal))
    assert not meets("coinciding", one(org_form="own", overlap="compound_larger"))


def test_branches_count_by_the_compounds_they_name_and_what_those_went_into() -> None:
    orgs: list[dict[str, Any]] = [
        {"org_kind": "branch", "compound_ids": ["a", "gone"]},
        {"org_kind": "general", "compound_ids": ["b", "c"]},
        {"org_kind": "committee", "compound_ids": ["d"]},
        {"org_kind": "group", "compound_ids": ["e"]},
        {"org_kind": "branch"},
    ]
    named, alone = branches(orgs, {"gone": "a"})
    assert (named, alone) == ({"a", "b", "c"}, {"a"})


def test_todays_tag_counts_and_the_share_of_demonstration_ones() -> None:
    def tagged(tag: str, since: str, until: str = "") -> Compound:
        return one(tags={"k": {"tag": tag, "since": since, "until": until}}, tag="demo")

    linlan = [tagged("demo", "2026-01-01") for _ in range(18)]
    linlan += [tagged("hard", "2026-01-01") for _ in range(20)]
    linlan += [tagged("demo", "2026-10-01"), tagged("demo", "2026-01-01", DAY)]
    linlan += [one() for _ in range(238 - len(linlan))]
    assert shares(linlan)["demo"] == (18, 238)
    assert percents(linlan)["demo"] == 7.6
    assert sum(meets("tag=hard", what) for what in linlan) == 20
    assert sum(meets("tag=", what) for what in linlan) == 200


def test_types_add_up_to_all_compounds() -> None:
    sizes = {"residential": 1_617, "transitional": 310, "old": 2_912, "unit": 904}
    some = [one(type_ty4=name) for name, size in sizes.items() for _ in range(size)]
    found = {name: sum(meets(f"type_ty4={name}", what) for what in some) for name in sizes}
    assert found == sizes
    assert sum(found.values()) == shares(some)["org"][1] == 5_743


def test_three_none_ones_have_nothing_of_all_three() -> None:
    none = {"guard": False, "barrier": False, "cctv": False}
    assert meets("three_none", one(**none))
    assert not meets("three_none", one(**none, owner_unit="房管所"))
    assert not meets("three_none", one())


@pytest.mark.parametrize("name", ["nothing", "area=9901", "kind", ""])
def test_a_condition_there_is_not(name: str) -> None:
    assert condition(name) is None


def test_every_share_is_named_and_made_of_conditions() -> None:
    assert set(WORDS) == set(RATES)
    assert {name for pair in RATES.values() for name in pair} <= set(CONDITIONS)
    assert set(LACKING.values()) <= set(CONDITIONS)
    assert set(LACKING) <= set(RATES)
