"""A refused change as a form: what nobody touched stays as sent, what was put right replaces it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from schemas import forms
from schemas.catalogue import kind_of
from schemas.forms import Control
from sync_server.domain.fixing import fixed, form_controls, hidden

VISIT, RESIDENT, ISSUE = kind_of("visit"), kind_of("resident"), kind_of("issue")
SENT: dict[str, Any] = {
    "visited_at": "2026-09-30T03:30:15+00:00",
    "purposes": ["daily", "odd_code"],
    "mode": "door",
    "result": "met",
    "met": "王样本",
    "notice_given": True,
    "findings": "燃气软管老化\n已换",
    "rating": 9,
    "safety": {"add": {"gas": {"state": "problem", "note": "旧"}}, "remove": ["fire"]},
    "rocket": 1,
}


def flat(controls: list[Control]) -> list[Control]:
    found = []
    for one in controls:
        found += [x for _, _, members in one.entries for x in members] if one.entries else [one]
    return found


def posted(kind: Any, action: str, sent: Mapping[str, Any], **typed: Any) -> dict[str, Any]:
    """Return what a browser posts of the form, with some controls typed over."""
    form: dict[str, list[str]] = {}
    for one in flat(form_controls(kind, action, sent, "zh")):
        value = one.value
        if value is True or value is False:
            value = "1" if value else "0"
        texts = value if isinstance(value, list) else [""] if value is None else [str(value)]
        form[one.name] = texts
    form |= {name: [text] for name, text in typed.items()}
    return forms.read(kind, lambda name: form.get(name, []), list(form))


@pytest.mark.parametrize("action", ["create", "update"])
def test_a_form_sent_back_untouched_changes_nothing_but_the_unknown_field(action):
    made = fixed(VISIT, SENT, posted(VISIT, action, SENT))
    assert made == {name: value for name, value in SENT.items() if name != "rocket"}


def test_what_was_put_right_replaces_what_was_sent():
    typed = {"rating": "5", "safety.gas.note": "新", "visited_at": "2026-09-30T12:00"}
    made = fixed(VISIT, SENT, posted(VISIT, "create", SENT, **typed))
    assert made["rating"] == 5
    assert made["safety"] == {
        "add": {"gas": {"state": "problem", "note": "新"}},
        "remove": ["fire"],
    }
    assert made["visited_at"] == "2026-09-30T12:00:00+08:00"


def test_an_emptied_field_is_left_out_of_the_change():
    made = fixed(VISIT, SENT, posted(VISIT, "update", SENT, findings=""))
    assert "findings" not in made


def test_what_its_writer_emptied_stays_emptied_unless_a_record_must_have_it():
    sent = {"name": None, "phone": None, "moved_out_at": None, "sex": "1"}
    made = fixed(RESIDENT, sent, posted(RESIDENT, "update", sent))
    assert made == {"phone": None, "moved_out_at": None, "sex": "1"}
    typed = posted(RESIDENT, "update", sent, phone="10000001111", sex="")
    assert fixed(RESIDENT, sent, typed) == {"phone": "10000001111", "moved_out_at": None}


def test_personal_values_are_not_shown_stay_when_left_empty_and_can_be_replaced():
    sent = {"name": "林示例", "phone": "x1", "sex": "1"}
    shown = {one.name: one.value for one in form_controls(RESIDENT, "update", sent, "zh")}
    assert shown == {"name": None, "phone": None, "sex": "1"}
    assert hidden(RESIDENT, sent) == {"name", "phone"}
    made = fixed(RESIDENT, sent, posted(RESIDENT, "update", sent, phone="10000001111"))
    assert made == {"name": "林示例", "phone": "10000001111", "sex": "1"}


def test_an_update_asks_what_it_names_and_a_create_everything():
    update = {one.name for one in form_controls(RESIDENT, "update", {"sex": "1"}, "zh")}
    create = {one.name for one in form_controls(RESIDENT, "create", {"sex": "1"}, "zh")}
    assert update == {"sex"}
    assert {"sex", "birth", "name"} <= create


def test_a_place_in_another_system_stays_as_it_was_sent():
    sent = {"location": {"lat": 39_123_456, "lon": 112_000_001, "crs": "GCJ02"}, "title": "x"}
    assert fixed(ISSUE, sent, posted(ISSUE, "update", sent))["location"]["crs"] == "GCJ02"


@pytest.mark.parametrize("value", [{"a": 1}, [1], 12, "x", None, {"add": {"k": "x"}}, {"add": 3}])
@pytest.mark.parametrize("name", ["safety", "purposes", "visited_at", "met", "notice_given"])
def test_garbage_under_a_known_name_is_a_form_like_any_other(name, value):
    sent = {name: value}
    made = fixed(VISIT, sent, posted(VISIT, "update", sent))
    assert set(made) <= {name}
