"""Party members whose check is due: the list, and the form that notes how one was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from field_app.services.coverage import coverage
from field_app.services.records import changes_of
from tests.field_app.forms import Paper
from tests.field_app.laptops import Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COMMUNITY, pull_in, rid

BRANCH, ELSEWHERE, OWNERS = (f"01998a00-0000-7000-8099-00000000000{n}" for n in (1, 2, 3))
MEMBERS = {
    "a": {"name": "林示例", "post": "书记"},
    "b": {"name": "王样本", "phone": "13900002222"},
    "c": {"name": "赵离任", "until": "2026-01-01"},
}
CHECKS = {"a": {"member_class": "retired", "checked_on": "2026-03-01", "note": "身体好"}}


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    at = sign_in(laptop)
    branch = {"name": "幸福里党支部", "org_kind": "branch", "members": MEMBERS,
              "member_checks": CHECKS, "compound_ids": [rid("compound", 1)]}  # fmt: skip
    pull_in(at.ws, "org", BRANCH, branch, area=COMMUNITY)
    # Of a compound that no grid of this laptop has a part of.
    other = {"name": "别处党支部", "compound_ids": [rid("compound", 99)]}
    pull_in(at.ws, "org", ELSEWHERE, branch | other, area=COMMUNITY)
    owners = {"name": "业委会", "org_kind": "owners", "members": {"o": {"name": "李业主"}}}
    pull_in(at.ws, "org", OWNERS, owners, area=COMMUNITY)
    return at


def test_members_of_branches_here_are_listed_by_when_they_were_looked_up(at: Laptop) -> None:
    found = coverage(at.ws, "member", "all")
    assert [(one.note, one.title, one.mark, one.last) for one in found.items] == [
        ("王样本", "幸福里党支部", "overdue", ""),
        ("林示例 离退休党员", "幸福里党支部", "overdue", "2026-03-01"),
    ]
    page = at.browser.get("/coverage?of=member").text
    assert "182天内至少摸排一次" in page
    assert "没有摸排过" in page
    assert "赵离任" not in page
    assert "李业主" not in page
    assert "位置图" not in page, "where a member lives is not known"


def test_a_districts_own_limit_counts(at: Laptop) -> None:
    pull_in(at.ws, "area", "01998a00-0000-7000-8001-000000000099", {
        "code": "990101", "name": "示例区", "level": "district", "valid_from": "2020-01-01",
        "coverage_limits": {"member": {"days": 365}},
    }, area="990101")  # fmt: skip
    assert coverage(at.ws, "member").counts == {"overdue": 1, "due": 0, "ok": 1}


def test_a_check_is_noted_at_the_door_and_leaves_all_others_alone(at: Laptop) -> None:
    answer = at.browser.get(f"/base/organisations/{BRANCH}/checks?of=b")
    assert answer.location.endswith("#f-row-member_checks-b")
    paper = Paper.open(at.browser, answer.location.partition("#")[0])
    assert paper["member_checks.b.checked_on"] == "2026-09-30"
    assert paper["member_checks.a.checked_on"] == "2026-03-01"
    assert not any(name.startswith("members.") for name in paper.names)
    assert "add:member_checks" not in paper.page.text, "members are added to the members"
    refused = paper.press()
    assert refused.status_code == 422
    assert "党员类别" in refused.text
    paper = Paper.open(at.browser, answer.location.partition("#")[0])
    saved = paper.put({"member_checks.b.member_class": "floating"}).press()
    assert saved.status_code == 302
    (change,) = changes_of(at.ws, BRANCH)
    assert (change["schema"], change["fields"]) == (2, {
        "member_checks": {"add": {"b": {"member_class": "floating", "checked_on": "2026-09-30"}}}
    })  # fmt: skip
    assert coverage(at.ws, "member").counts == {"overdue": 1, "due": 0, "ok": 1}
    shown = at.browser.get(f"/records/org/{BRANCH}").text
    assert "王样本" in shown
    assert "流动党员" in shown


def test_the_whole_form_asks_checks_of_party_organisations_alone(at: Laptop) -> None:
    names = Paper.open(at.browser, f"/records/org/{BRANCH}/edit").names
    assert {"members.a.name", "member_checks.c.checked_on"} <= names
    names = Paper.open(at.browser, f"/records/org/{OWNERS}/edit").names
    assert "members.o.name" in names
    assert "member_checks.o.checked_on" not in names


def test_who_may_not_write_base_data_reads_the_list_and_notes_nothing(at: Laptop) -> None:
    at.ws.keep_setting("identity", **replace(at.ws.identity, worker_kind="aux").document())
    page = at.browser.get("/coverage?of=member").text
    assert "林示例" in page
    assert "登记摸排" not in page
    assert at.browser.get(f"/base/organisations/{BRANCH}/checks?of=b").status_code == 404
