"""What can be chosen about a conflict, and what the choices about one record come to together."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.catalogue import kind_of
from sync_server.domain.deciding import Dispute, Plan, TwoValues, choices, plan, seen_mark, wire

HOUSEHOLD, VISIT = kind_of("household"), kind_of("visit")
KEY = "0192f4a0-0000-7000-8000-000000000001"
VOID = {"voided": True, "reason": "已搬走"}


def dispute(path: str = "phone", visible: Any = "1", other: Any = "2", **more: Any) -> Dispute:
    fields = more.pop("fields", {path: visible} if "." not in path else {})
    return Dispute(path, visible, other, fields, more.pop("voided", False), **more)


def offered(kind: Any, one: Dispute, names_record: bool = False) -> tuple[str, ...]:
    return choices(kind, one, names_record=names_record)


def test_an_open_entry_can_stand_be_replaced_written_anew_or_asked_about():
    assert offered(HOUSEHOLD, dispute()) == ("stand", "other", "write", "ask")


def test_what_stood_first_is_offered_when_a_third_value_stands():
    one = dispute(fields={"phone": "3"})
    assert offered(HOUSEHOLD, one) == ("stand", "visible", "other", "write", "ask")


def test_both_texts_can_be_kept_and_both_entries_of_a_free_list():
    assert "both" in offered(VISIT, dispute("findings", "甲", "乙"))
    entries = {"opinions": {KEY: {"text": "甲"}}}
    one = dispute(f"opinions.{KEY}", {"text": "甲"}, {"text": "乙"}, fields=entries)
    assert "both" in offered(VISIT, one)


@pytest.mark.parametrize(
    ("path", "names_record"), [("safety.gas", False), (f"care_checks.{KEY}", True)]
)
def test_an_entry_whose_key_means_something_cannot_be_doubled(path, names_record):
    name, _, key = path.partition(".")
    fields = {name: {key: {"state": "ok"}}}
    one = dispute(path, {"state": "ok"}, {"state": "problem"}, fields=fields)
    assert "both" not in offered(VISIT, one, names_record)


def test_a_removed_value_is_not_kept_beside_another():
    assert "both" not in offered(VISIT, dispute("findings", "甲", None))


def test_a_decided_entry_is_decided_anew_but_nobody_is_asked():
    assert offered(HOUSEHOLD, dispute(decided="kept")) == ("other", "write")
    assert offered(HOUSEHOLD, dispute(decided="kept", automatic=True)) == (
        "stand", "other", "write",
    )  # fmt: skip


def test_a_reference_is_chosen_not_written():
    assert offered(HOUSEHOLD, dispute("room_id", KEY, KEY[:-1] + "2")) == ("stand", "other", "ask")


def test_a_void_against_an_edit_is_agreed_to_or_the_record_stands():
    assert offered(HOUSEHOLD, dispute("voided", None, VOID, fields={})) == ("stand", "other", "ask")
    anew = dispute("voided", None, VOID, fields={}, voided=True, decided="replaced")
    assert offered(HOUSEHOLD, anew) == ("restore",)


def test_an_edit_against_a_void_restores_the_record_with_it_or_without():
    assert offered(HOUSEHOLD, dispute(voided=True)) == ("stand", "other", "restore", "ask")


def test_choices_of_one_record_become_one_change():
    made = Plan()
    assert plan(made, HOUSEHOLD, dispute(), "other") == "replaced"
    assert plan(made, HOUSEHOLD, dispute("remarks", "a", "b"), "stand") == "kept"
    assert plan(made, HOUSEHOLD, dispute("size", 3, 4), "write", value=5) == "rewritten"
    assert wire(HOUSEHOLD, made.values) == {"phone": "2", "size": 5}


def test_two_texts_are_joined_under_a_line_and_a_third_follows():
    made = Plan()
    for other in ("乙", "丙"):
        one = dispute("findings", "甲", other)
        assert plan(made, VISIT, one, "both", key=KEY, line="【张】") == "both"
    assert made.values == {"findings": "甲\n\n【张】\n乙\n\n【张】\n丙"}


def test_the_other_entry_gets_a_key_of_its_own_and_a_removed_one_goes():
    made = Plan()
    fields = {"opinions": {"a": {"text": "甲"}, "b": {"text": "丁"}}}
    plan(made, VISIT, dispute("opinions.a", {"text": "甲"}, {"text": "乙"}, fields=fields), "both",
         key="k", line="")  # fmt: skip
    plan(made, VISIT, dispute("opinions.b", {"text": "丁"}, None, fields=fields), "other")
    assert wire(VISIT, made.values) == {"opinions": {"add": {"k": {"text": "乙"}}, "remove": ["b"]}}


def test_an_edit_against_a_void_restores_first():
    made = Plan()
    assert plan(made, HOUSEHOLD, dispute(voided=True), "other") == "replaced"
    assert (made.restore, made.values) == (True, {"phone": "2"})


@pytest.mark.parametrize(
    "second",
    [(dispute(other="3"), "other"), (dispute("voided", None, VOID), "other")],
)
def test_two_values_for_one_item_or_void_and_change_are_refused(second):
    made = Plan()
    plan(made, HOUSEHOLD, dispute(), "other")
    with pytest.raises(TwoValues):
        plan(made, HOUSEHOLD, second[0], second[1])


def test_the_mark_of_what_was_seen_changes_with_conflict_and_record():
    row = {"conflict_id": KEY, "change_id": KEY, "decision": None, "decided_at": None}
    marks = {
        seen_mark(row, dispute()),
        seen_mark(row, dispute(fields={"phone": "3"})),
        seen_mark(row, dispute(other="4")),
        seen_mark(row, dispute(voided=True)),
        seen_mark(row | {"decision": "kept"}, dispute()),
        seen_mark(row | {"change_id": "x"}, dispute()),
    }
    assert len(marks) == 6
    assert seen_mark(row, dispute()) in marks
