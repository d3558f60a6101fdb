"""What was typed into a form, and what of it is a change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_app.domain.typed import (
    asked,
    changed_paths,
    control_at,
    laid_over,
    overtaken,
    rebased,
    texts_of,
    values_of,
)
from schemas.catalogue import kind_of
from tests.schemas.samples import Pet

PET = {"nickname": "阿黄", "species": "2", "age": 3, "feedings": {"a": {"note": "两餐"}}}
SHOP = kind_of("shop")


def test_a_form_shows_and_reads_back_the_same_record() -> None:
    assert values_of(Pet, texts_of(Pet, PET)) == PET


@pytest.mark.parametrize("kind", ["household", "resident", "shop", "compound", "issue", "visit"])
def test_an_untouched_form_changes_nothing(kind: str) -> None:
    stored: dict[str, dict[str, Any]] = {
        "compound": {
            "name": "幸福里", "guard": True, "barrier": False,
            "location": {"lat": 39_123_456, "lon": 112_000_000, "crs": "local-demo"},
            "contacts": {"k1": {"role": "secretary", "name": "王"}},
        },
        "issue": {"happened_at": "2026-09-30T08:40:17+08:00", "text": "一\n二", "people": 3},
        "visit": {"purposes": ["daily", "care"], "notice_given": True,
                  "safety": {"gas": {"state": "ok"}}},
    }  # fmt: skip
    shown = texts_of(kind_of(kind), stored.get(kind, {"remarks": "x"}))
    posted = {name: [one.replace("\n", "\r\n") for one in texts] for name, texts in shown.items()}
    assert changed_paths(kind_of(kind), shown, posted) == []


def test_a_field_without_control_in_what_was_posted_is_no_change() -> None:
    assert changed_paths(SHOP, {"name": ["老李"], "phone": ["1"]}, {"name": ["老李"]}) == []


def test_emptied_changed_and_added_values_are_changes() -> None:
    shown = texts_of(Pet, PET)
    typed = {**shown, "nickname": ["阿黑"], "age": [""], "owner": ["林示例"]}
    assert changed_paths(Pet, shown, typed) == ["nickname", "age", "owner"]
    assert laid_over(Pet, PET, typed, ["nickname", "age", "owner"]) == {
        **PET, "nickname": "阿黑", "age": None, "owner": "林示例",
    }  # fmt: skip


def test_an_entry_of_a_list_is_its_own_change() -> None:
    shown = texts_of(Pet, {**PET, "feedings": {"a": {"note": "两餐"}, "b": {"note": "水"}}})
    typed = {"feedings": [""], "feedings.b.note": ["温水"], "feedings.c.note": ["零食"]}
    assert changed_paths(Pet, shown, typed) == ["feedings.a", "feedings.b", "feedings.c"]


def test_empty_entries_are_not_entries() -> None:
    typed = {"feedings": [""], "feedings.new.note": [" "]}
    assert changed_paths(Pet, {}, typed) == []


def test_what_somebody_else_changed_since_is_overtaken_unless_it_says_the_same() -> None:
    base, current = {"phone": "1", "staff": 2}, {"phone": "3", "staff": 5}
    assert overtaken(base, current, {"phone": "2", "staff": 5}, ["phone", "staff"]) == ["phone"]


def test_a_rebased_form_keeps_what_was_typed_and_shows_the_rest_anew() -> None:
    typed = {"nickname": ["阿黑"], "age": ["3"], "species": ["2"]}
    fresh = rebased(Pet, {"nickname": "大黄", "age": 9, "species": "2"}, typed, ["nickname"])
    assert (fresh["nickname"], fresh["age"]) == (["阿黑"], ["9"])


def test_day_and_clock_time_become_one_text() -> None:
    typed = {"happened_at": ["2026-09-30", "08:41"]}
    assert asked(kind_of("issue"), typed) == {"happened_at": ["2026-09-30T08:41"]}
    values = values_of(kind_of("issue"), typed)
    assert values["happened_at"] == "2026-09-30T08:41:00+08:00"
    assert asked(kind_of("issue"), {"happened_at": ["", ""]}) == {"happened_at": [""]}


def test_controls_no_form_asks_are_left_out() -> None:
    typed = {"source_id": ["x"], "stranger": ["y"], "title": ["标题"], "title.x": ["z"]}
    assert asked(kind_of("issue"), typed) == {"title": ["标题"]}


def test_a_pointer_names_its_control() -> None:
    assert control_at(Pet, "/nickname") == "nickname"
    assert control_at(Pet, "/feedings/add/a/note") == "feedings.a.note"
    assert control_at(Pet, "/feedings") == "feedings"
    assert control_at(Pet, "") == ""


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5)), max_size=6))
def test_any_posted_texts_are_read_without_falling_over(pairs: list[tuple[str, str]]) -> None:
    typed = {f"feedings.{key}.note": [text] for key, text in pairs} | {"age": [t for _, t in pairs]}
    assert set(values_of(Pet, typed)) <= {"feedings", "age"}
    changed_paths(Pet, {}, typed)
