"""Compounds beside each other: complaints, their change, months without one; and who is missing in
their branches."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from schemas.clock import SHANGHAI
from sync_server.services import compound_figures
from sync_server.services.compound_checks import checklist
from sync_server.services.compound_figures import Free, free_months
from tests.sync_server.services.desks import hire
from tests.sync_server.web.staff import load
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, add_worker, join


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("complained", "until", "free"),
    [
        (at("2025-07-31T23:00"), date(2026, 9, 30), Free(14, False)),
        (at("2025-07-31T23:00"), date(2026, 9, 29), Free(13, False)),
        (at("2026-09-02T08:00"), date(2026, 9, 30), Free(0, False)),
        (at("2026-09-02T08:00"), date(2026, 9, 10), Free(0, False)),
        (None, date(2026, 9, 30), Free(9, True)),
    ],
)
def test_months_without_a_complaint_are_whole_ones(complained, until, free):
    assert free_months(complained, at("2026-01-15T08:00"), until) == free


def test_nothing_is_said_where_there_are_no_issues_at_all():
    assert free_months(None, None, date(2026, 9, 30)) is None


def compound(centre, author, name, **more):
    said = {"code": name, "name": name, "kind": "compound", "address": "幸福路1号",
            "community_code": COMMUNITY, "property_mode": "none", "guard": True, "barrier": False,
            "cctv": False, "self_gov": "none", **more}  # fmt: skip
    return load(centre, author, "compound", COMMUNITY, said)


def test_complaints_are_counted_by_compound_beside_those_of_before(any_centre):
    worker = add_worker(any_centre)
    laptop = join(any_centre, worker)
    ours = compound(any_centre, worker.user_id, "幸福里", tag="hard")
    other = compound(any_centre, worker.user_id, "平安里")
    load(any_centre, worker.user_id, "building", GRID, {"compound_id": ours, "no": "1"})
    for day, source, where in (
        ("2026-09-10", "hotline", ours), ("2026-09-12", "petition", ours),
        ("2026-09-13", "patrol", ours), ("2026-08-20", "resident", ours),
        ("2025-09-10", "mayor_line", ours), ("2025-09-10", "mayor_line", ours),
        ("2026-09-11", "patrol", other),
    ):  # fmt: skip
        said = {"happened_at": f"{day}T08:00:00+08:00", "category": "FAC", "title": "路灯不亮",
                "text": "晚上看不见路。", "level": "2", "urgency": "normal", "source": source,
                "place": "东门", "compound_id": where}  # fmt: skip
        laptop.write("issue", "create", said)
    laptop.send()
    period = (date(2026, 9, 1), date(2026, 9, 30))

    def shown(role, scope, area="", tag=""):
        person = hire(any_centre, role, (scope,))
        with any_centre.store.reading() as connection:
            return compound_figures.lines(
                connection, person, *period, area, tag, any_centre.clock(), "zh"
            )

    first, second = shown("district", DISTRICT)
    assert [first.name, first.tag, second.name] == ["幸福里", "攻坚", "平安里"]
    counts = [first[one] for one in ("valid", "complaints", "complaints_1", "complaints_2")]
    assert counts == [3, 2, 1, 2]
    assert (first.change(1), first.change(2), second.change(1)) == (100.0, 0.0, None)
    assert (first.free, second.free) == (Free(0, False), Free(13, True))
    assert [one.name for one in shown("street", DISTRICT + "100", tag="hard")] == ["幸福里"]
    assert [one.name for one in shown("leader", GRID)] == ["幸福里"]
    assert shown("community", COMMUNITY[:-1] + "8") == []


BRANCH = {"org_kind": "branch", "members": {
    "1": {"name": "张演示", "post": "支部书记", "source": "owners"},
    "2": {"name": "王样本", "source": "property"},
    "3": {"name": "李样例", "source": "supervisory", "until": "2026-01-01"},
}}  # fmt: skip
OWNERS = {"org_kind": "owners", "members": {"1": {"name": "张演示", "post": "业委会主任"}}}
DEPUTY = {"org_kind": "owners", "members": {"1": {"name": "张演示", "post": "副主任"}}}


def test_with_property_management_five_kinds_belong_in_the_branch():
    found = checklist("company", [BRANCH, OWNERS], "2026-09-30", "zh")
    there = {name for name, is_there in found.kinds if is_there}
    assert (found.template, there, found.missing) == ("五类人员", {"物业管理层", "业委会"}, 3)
    assert found.both


def test_without_it_three_do_and_a_deputy_holds_no_second_post():
    found = checklist("none", [BRANCH, DEPUTY], "2026-09-30", "zh")
    assert (found.template, found.missing, found.both) == ("三个层级", 2, False)
    assert checklist("none", [BRANCH, OWNERS], "2026-09-30", "zh").missing == 1


def test_without_a_party_organisation_nothing_is_checked():
    assert checklist("none", [OWNERS], "2026-09-30", "zh") is None
