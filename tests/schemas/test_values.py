"""Wire fields and stored fields turn into each other without loss."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.check import check
from schemas.values import apply, difference, get_path, paths, set_path, to_wire
from tests.schemas.samples import Pet

stored_pets = st.fixed_dictionaries(
    {"nickname": st.sampled_from(["阿黄", "小白"]), "species": st.sampled_from("12")},
    optional={
        "age": st.integers(0, 60),
        "owner": st.sampled_from(["林示例", "王样本"]),
        "feedings": st.dictionaries(
            st.sampled_from("abc"), st.fixed_dictionaries({"note": st.sampled_from("xyz")}),
            min_size=1,
        ),
    },
)  # fmt: skip


@given(stored_pets)
def test_a_create_on_the_wire_gives_the_stored_record_back(pet: dict[str, Any]) -> None:
    found = check(Pet, "create", to_wire(Pet, pet))
    assert found.ok
    assert apply(Pet, {}, found.fields) == pet


@given(stored_pets, stored_pets)
def test_the_difference_leads_from_one_record_to_the_other(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    wire = difference(Pet, old, new)
    assert apply(Pet, old, wire) == new
    assert (wire == {}) == (old == new)


@given(stored_pets, stored_pets)
def test_applying_leaves_the_old_record_untouched(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = repr(old)
    apply(Pet, old, difference(Pet, old, new))
    assert repr(old) == before


A, B = {"note": "x"}, {"note": "y"}


@pytest.mark.parametrize(
    ("stood", "said", "stands"),
    [
        (None, {"add": {"a": A}}, {"a": A}),
        (None, {"add": {"a": A, "b": B}, "remove": ["b"]}, {"a": A}),
        (None, {"add": {"a": None, "b": B}}, {"b": B}),
        (None, {"add": {"a": None}}, None),
        (None, {"remove": ["a"]}, None),
        ({"a": A}, {"add": {"b": B}}, {"a": A, "b": B}),
        ({"a": A, "b": B}, {"add": {"a": None}}, {"b": B}),
        ({"a": A, "b": B}, {"remove": ["b", "c"]}, {"a": A}),
        ({"a": A}, {"remove": ["a"]}, None),
        ({"a": A}, None, {"a": A}),
    ],
)
def test_a_list_is_what_was_there_with_what_was_added_and_without_what_went(
    stood: Any, said: Any, stands: Any
) -> None:
    before = {"nickname": "小白"} | ({"feedings": stood} if stood else {})
    after = {"nickname": "小白"} | ({"feedings": stands} if stands else {})
    found = apply(Pet, before, {"feedings": said})
    assert found == after
    if stands and said:
        found["feedings"]["mine"] = A  # a list of its own: neither what came nor what stood
        assert "mine" not in said.get("add", {})
        assert "mine" not in (stood or {})


def test_a_path_is_a_field_or_one_entry_of_a_keyed_list() -> None:
    wire = {"age": 3, "feedings": {"add": {"a": {"note": "x"}}, "remove": ["b"]}}
    assert list(paths(Pet, wire)) == [
        ("age", 3), ("feedings.a", {"note": "x"}), ("feedings.b", None),
    ]  # fmt: skip
    stored: dict[str, Any] = {"feedings": {"b": {"note": "y"}}}
    set_path(stored, "feedings.b", None)
    assert stored == {}
    assert get_path({"feedings": {"a": {"note": "x"}}}, "feedings.a") == {"note": "x"}
