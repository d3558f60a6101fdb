"""Which members of an organisation are Party members to be looked up, and after how long."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from schemas import party
from schemas.catalogue import kind_of, upcast
from schemas.check import check
from schemas.codes import all_lists
from schemas.coverage import USUAL, Limits, limits_of, member_mark

DAY = date(2026, 9, 30)
MEMBERS = {
    "a": {"name": "林示例", "post": "书记"},
    "b": {"name": "王样本", "until": "2026-09-29"},
    "c": {"name": "赵新来", "since": "2026-10-01"},
    "d": {"name": "钱今天", "since": "2026-09-30", "until": "2026-09-30"},
}
CHECK = {"member_class": "serving", "checked_on": "2026-03-01"}


def keys(org_kind: str, checks: dict[str, dict[str, str]]) -> list[str]:
    org = {"org_kind": org_kind, "members": MEMBERS, "member_checks": checks}
    return [one.key for one in party.to_check(org, DAY.isoformat())]


def test_who_a_branch_names_is_looked_up_and_elsewhere_who_has_a_class() -> None:
    assert keys("branch", {}) == keys("group", {}) == ["a", "d"]
    assert keys("committee", {}) == []
    assert keys("committee", {"a": CHECK, "b": CHECK}) == ["a"]
    assert keys("owners", {"a": CHECK}) == []
    assert keys("branch", {"nobody's": CHECK}) == ["a", "d"]
    org = {"org_kind": "branch", "members": MEMBERS, "member_checks": {"a": CHECK}}
    first, second = party.to_check(org, DAY.isoformat())
    assert first == ("a", MEMBERS["a"], "serving", "2026-03-01")
    assert second[2:] == ("", "")


@pytest.mark.parametrize(
    ("limits", "last_ok", "last_due"),
    [(USUAL, 151, 182), (Limits(member=90, member_soon=7), 82, 90)],
)
def test_a_member_is_looked_up_again_after_so_many_days(limits, last_ok, last_due) -> None:
    said = [member_mark(DAY - timedelta(days=ago), DAY, limits)
            for ago in (0, last_ok, last_ok + 1, last_due, last_due + 1)]  # fmt: skip
    assert said == ["ok", "ok", "due", "due", "overdue"]
    assert member_mark(None, DAY, limits) == "overdue"


def test_a_notice_longer_than_the_time_itself_is_no_limit() -> None:
    assert limits_of({"coverage_limits": {"member": {"days": 30}}}) == USUAL
    assert limits_of({"coverage_limits": {"member": {"days": 31}}}).member == 31


def test_the_kinds_of_party_organisations_are_kinds_of_organisations() -> None:
    known = {item.code for item in all_lists()["ORG_KIND"].items}
    assert party.BASE < set(party.KINDS) < known


def test_what_an_earlier_version_said_of_an_organisation_still_says_it() -> None:
    fields = {"name": "幸福里党支部", "org_kind": "branch", "members": MEMBERS}
    assert upcast("org", 1, fields) == fields


def test_a_check_says_class_and_day() -> None:
    org = {"name": "幸福里党支部", "org_kind": "branch"}
    whole = org | {"member_checks": {"add": {"a": CHECK}}}
    assert check(kind_of("org"), "create", whole).ok
    for lacking in CHECK:
        entry = {name: value for name, value in CHECK.items() if name != lacking}
        found = check(kind_of("org"), "create", org | {"member_checks": {"add": {"a": entry}}})
        assert [one.pointer for one in found.problems] == [f"/member_checks/add/a/{lacking}"]
