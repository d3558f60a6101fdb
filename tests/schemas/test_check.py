"""What a change's fields may hold, and what is said about those that may not."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import kind_of, kinds
from schemas.check import check, quick_check
from schemas.kind import Kind
from tests.schemas.samples import ID, Pet, resident

RESIDENT = kind_of("resident")


def codes_of(kind: type[Kind], fields: dict[str, Any], **kwargs: Any) -> dict[str, str]:
    """Check a create and return what is refused, by pointer."""
    found = check(kind, "create", fields, **kwargs)
    return {one.pointer: one.problem.code for one in found.problems}


def test_a_valid_resident_is_accepted_as_it_is() -> None:
    found = check(RESIDENT, "create", resident())
    assert found.ok
    assert found.fields == resident()
    assert not found.doubts


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "required"),
        ("name", None, "required"),
        ("name", 5, "not_text"),
        ("name", "林\x00", "bad_characters"),
        ("name", "林\ud800", "bad_characters"),
        ("name", "林" * 61, "too_long"),
        ("birth", "1951-13", "bad_month"),
        ("notice_at", "2026-09-30", "bad_moment"),
        ("notice_at", "2026-09-30T08:41:00", "bad_moment"),
        ("notice_at", "0001-01-01T07:59:00+08:00", "odd_year"),
        ("notice_at", "0026-09-30T08:41:00+08:00", "odd_year"),
        ("notice_at", "9999-12-31T23:59:00+00:00", "odd_year"),
        ("moved_out_at", "2026-02-30", "bad_day"),
        ("same_as_registered", "yes", "not_flag"),
        ("household_id", "someone", "bad_reference"),
        ("sex", "'; drop", "bad_code"),
        ("id_no", "990101198001010015", "bad_id_no"),
        ("id_no", "990101198002300013", "bad_id_no"),
        ("id_no", "99010119800101001", "bad_id_no"),
        ("id_no", "99010119800101001Ⅹ", "bad_id_no"),
        ("religion", "x", "unknown_field"),
    ],
)
def test_a_bad_value_is_refused_by_name(field: str, value: Any, code: str) -> None:
    assert codes_of(RESIDENT, resident(**{field: value})) == {f"/{field}": code}


@pytest.mark.parametrize(
    "number",
    ["990101198001010014", "990101198001010022", "99010119520229008X", "99010119520229008x",
     "99010119520229008Ｘ", "99010119520229008Ⅹ"],
)  # fmt: skip
def test_a_right_citizen_number_is_kept_with_a_plain_capital_x(number: str) -> None:
    found = check(RESIDENT, "create", resident(id_no=number))
    assert found.ok
    assert found.fields["id_no"] == number[:17] + number[17].upper().replace("Ｘ", "X").replace(
        "Ⅹ", "X"
    )


def test_a_code_from_another_list_version_is_kept_and_flagged() -> None:
    found = check(RESIDENT, "create", resident(reside="houseboat"))
    assert found.ok
    assert found.fields["reside"] == "houseboat"
    assert [(one.pointer, one.problem.code) for one in found.doubts] == [
        ("/reside", "unknown_code")
    ]


def test_a_child_needs_a_guardian_until_the_fourteenth_birthday_month() -> None:
    asked = {"notice_at": "2026-09-30T08:41:00+08:00"}
    assert codes_of(RESIDENT, resident(birth="2012-10", **asked)) == {
        "/guardian": "guardian_required"
    }
    assert not codes_of(RESIDENT, resident(birth="2012-09", **asked))
    assert not codes_of(RESIDENT, resident(birth="2020-01", guardian="张演示", **asked))


def test_rules_over_whole_records_hold_for_updates_that_know_the_record() -> None:
    child = resident(birth="2020-01", guardian="张演示")
    cleared = check(RESIDENT, "update", {"guardian": None}, before=child)
    assert [one.problem.code for one in cleared.problems] == ["guardian_required"]
    assert check(RESIDENT, "update", {"phone": "10000001234"}, before=child).ok


def test_an_update_may_empty_an_optional_field_but_not_a_required_one() -> None:
    assert check(RESIDENT, "update", {"phone": None}).fields == {"phone": None}
    refused = check(RESIDENT, "update", {"name": None})
    assert [one.pointer for one in refused.problems] == ["/name"]


def test_an_entry_of_a_keyed_list_is_refused_with_its_place() -> None:
    visit = kind_of("visit")
    wire = {"opinions": {"add": {"a1": {"category": "green", "text": " "}}}}
    found = check(visit, "update", wire)
    assert [one.pointer for one in found.problems] == ["/opinions/add/a1/text"]


def test_a_void_needs_a_reason_and_nothing_else() -> None:
    assert check(RESIDENT, "void", {"reason": " 重复 "}).fields == {"reason": "重复"}
    assert not check(RESIDENT, "void", {}).ok
    assert not check(RESIDENT, "void", {"reason": "x", "name": "y"}).ok


def test_the_reason_of_a_void_is_text_like_any_other() -> None:
    assert check(RESIDENT, "void", {"reason": "e\u0301\r\n重复"}).fields == {"reason": "é\n重复"}
    for odd in ("a\0b", "\x1b[31m", "a\ud842"):
        found = check(RESIDENT, "void", {"reason": odd})
        (problem,) = found.problems
        assert (problem.pointer, problem.problem.code) == ("/reason", "bad_characters")
        assert quick_check(RESIDENT, "void", {"reason": odd}) is None


def test_self_handling_is_for_level_one_with_words() -> None:
    issue = kind_of("issue")
    fields = {
        "happened_at": "2026-09-30T08:41:00+08:00", "category": "ENV", "title": "垃圾",
        "text": "垃圾未清", "level": "1", "urgency": "normal", "source": "patrol",
        "place": "三号楼前", "self_handled": True, "handled_text": "已清理",
    }  # fmt: skip
    assert not codes_of(issue, fields)
    assert codes_of(issue, fields | {"level": "2"}) == {"/level": "self_handled_level"}
    assert codes_of(issue, fields | {"handled_text": ""}) == {"/handled_text": "self_handled_text"}


def test_a_visit_goes_to_one_door() -> None:
    visit = kind_of("visit")
    fields = {
        "visited_at": "2026-09-30T08:41:00+08:00", "purposes": ["daily"], "mode": "door",
        "result": "nobody", "notice_given": False,
    }  # fmt: skip
    assert codes_of(visit, fields) == {"/household_id": "one_target"}
    both = {"household_id": ID.format(1), "shop_id": ID.format(2)}
    assert codes_of(visit, fields | both) == {"/household_id": "one_target"}
    assert not codes_of(visit, fields | {"shop_id": ID.format(2)})


def test_problems_speak_both_languages_and_travel_as_json() -> None:
    found = check(Pet, "create", {"species": "1", "age": 99}).problems
    told = {one.pointer: one.as_json() for one in found}
    assert told["/nickname"]["zh"] == "必须填写。"
    assert told["/age"]["en"] == "Must be between 0 and 60."


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.ascii_lowercase, max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(kinds()), st.sampled_from(["create", "update", "void", "step"]), st.data())
def test_no_input_makes_the_check_fail_itself(kind: type[Kind], action: Any, data: Any) -> None:
    names = st.sampled_from([*kind.declared(), "nonsense", "reason"])
    fields = data.draw(st.dictionaries(names, junk, max_size=5) | junk)
    found = check(kind, action, fields)
    again = check(kind, action, found.fields) if found.ok else None
    assert again is None or again.fields == found.fields, "checking twice changes nothing"
