"""Personal fields say what they are asked for; consents hold until they are withdrawn."""

from __future__ import annotations

import pytest

from schemas.catalogue import kind_of, kinds, upcast
from schemas.check import check
from schemas.codes import all_lists
from schemas.describe import json_schema
from schemas.kinds.resident import standing_consents, withdrawn
from schemas.purposes import (
    ALWAYS,
    LIST,
    USUAL,
    USUAL_BASIS,
    fields_of,
    is_asked,
    leave_out,
    purposes,
    unused,
)
from tests.schemas.samples import resident

STANDS_OUTSIDE = {("area", "supervision_phone"), ("area", "notice_phone"), ("correction", "words")}
"""Phones of offices that are posted in public, and words about another record's field."""


def test_every_personal_field_belongs_to_a_group_that_says_what_it_is_for() -> None:
    groups = {item.code for item in all_lists()[LIST].items}
    assert groups == USUAL.keys() == USUAL_BASIS.keys()
    for kind in kinds():
        for name, declared in kind.declared().items():
            assert declared.group in {"", *groups}
            if declared.privacy != "open" and (kind.info.name, name) not in STANDS_OUTSIDE:
                assert declared.group, (kind.info.name, name)
    assert all(fields_of(group) for group in groups)


def test_only_what_a_record_can_do_without_may_be_left_out() -> None:
    for group in {item.code for item in all_lists()[LIST].items} - ALWAYS:
        for kind, name in fields_of(group):
            assert not kind_of(kind).declared()[name].required, (group, kind, name)


def test_a_district_says_what_a_group_is_for_and_may_leave_it_out() -> None:
    said = {"field_groups": {"id_no": {"purpose": "代办医保", "basis": "statutory", "notice": "2",
                                       "unused": True},
                             "basic": {"unused": True}}}  # fmt: skip
    found = purposes(said)
    assert list(found) == [item.code for item in all_lists()[LIST].items]
    assert (found["id_no"].words.en, found["id_no"].basis, found["id_no"].notice) == (
        "代办医保", "statutory", "2",
    )  # fmt: skip
    assert unused(said) == {"id_no"}, "without a name there is no record"
    assert purposes({})["id_no"].basis == "consent"
    assert not purposes({})["id_no"].own
    id_no, name = (kind_of("resident").declared()[one] for one in ("id_no", "name"))
    leave_out(unused(said))
    try:
        assert (is_asked(id_no), is_asked(name)) == (False, True)
    finally:
        leave_out(frozenset())
    assert is_asked(id_no)


def test_a_consent_holds_from_its_day_until_it_is_withdrawn() -> None:
    one = {"on": "2026-01-10", "by": "self", "scope": ["basic", "care"], "how": "signed"}
    fields = {"consents": {"a": one, "b": one | {"by": "guardian", "ended": "2026-03-01"}}}
    assert standing_consents(fields, "care", "2026-02-01") == ["self", "guardian"]
    assert standing_consents(fields, "care", "2026-03-01") == ["self"]
    assert standing_consents(fields, "care", "2026-01-09") == []
    assert standing_consents(fields, "id_no", "2026-02-01") == []
    assert standing_consents({}, "care", "2026-02-01") == []


def test_withdrawing_one_consent_leaves_the_others_of_its_entry() -> None:
    one = {"on": "2026-01-10", "by": "self", "scope": ["basic", "care"], "how": "signed"}
    alone = one | {"scope": ["care"]}
    over = alone | {"ended": "2026-02-01"}
    fields = {"consents": {"a": one, "b": alone, "c": over}}
    said = withdrawn(fields, "care", "2026-03-01", lambda: "d")
    assert said == {
        "a": one | {"scope": ["basic"]}, "d": alone | {"ended": "2026-03-01"},
        "b": alone | {"ended": "2026-03-01"},
    }  # fmt: skip
    after = {"consents": fields["consents"] | said}
    assert standing_consents(after, "care", "2026-03-01") == []
    assert standing_consents(after, "basic", "2026-03-01") == ["self"]


def test_a_consent_without_a_scope_is_refused() -> None:
    entry = {"on": "2026-01-10", "by": "self", "how": "signed"}
    found = check(kind_of("resident"), "create", resident(consents={"add": {"a": entry}}))
    assert [one.pointer for one in found.problems] == ["/consents/add/a/scope"]
    whole = resident(consents={"add": {"a": entry | {"scope": ["care", "basic"]}}})
    found = check(kind_of("resident"), "create", whole)
    assert found.ok
    assert found.fields["consents"]["add"]["a"]["scope"] == ["basic", "care"]


@pytest.mark.parametrize(
    ("name", "version", "fields"),
    [
        ("resident", 1, {"name": "林示例", "basis": "consent"}),
        ("resident", 2, {"name": "林示例", "moved_in_at": "2026-01-01"}),
        ("area", 2, {"code": "990101", "level_labels": {"2": {"label": "小事"}}}),
        ("area", 3, {"code": "990101", "coverage_limits": {"household": {"days": 90}}}),
    ],
)
def test_what_an_earlier_version_said_still_says_it(name, version, fields) -> None:
    assert upcast(name, version, fields) == fields


def test_the_api_description_names_the_group_of_a_field() -> None:
    said = json_schema(kind_of("resident"))["properties"]
    assert said["id_no"]["x-group"] == "id_no"
    assert said["consents"]["properties"]["add"]["additionalProperties"]["required"] == [
        "on", "by", "scope", "how",
    ]  # fmt: skip
    assert "notice_phone" in json_schema(kind_of("area"))["properties"]
