"""The four groups of categories, the paths and the days before: counted by hand, with their lists,
on each database."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.clock import written
from schemas.codes import code_list
from schemas.issue_groups import GROUPED, GROUPS, MEMBERS, REST, group_of
from sync_server.services import issue_figures
from sync_server.services.issue_queue import asked_of, queue
from tests.sync_server.services.test_issue_indicators import Town
from tests.sync_server.world import NOON

DAY = date(2026, 9, 30)


@pytest.fixture
def town(any_centre) -> Town:
    return Town(any_centre)


def report_one(town: Town, category: str, path: str = "", **more) -> None:
    made = {"happened_at": written(town.centre.clock()), "category": category, "title": "事情",
            "text": "说明。", "level": "2", "urgency": "normal", "source": "patrol",
            "place": "3号楼", **more}  # fmt: skip
    issue = town.laptop.write("issue", "create", made)["record_id"]
    town.laptop.send()
    if path:
        town.do("community", issue, "accept", level="2", path=path)


def counted(found) -> dict[str, int]:
    return {code: figures["valid"] for code, _, figures in found if figures["valid"]}


def test_groups_and_paths_are_counted_and_lead_to_their_lists(town: Town) -> None:
    report_one(town, "VEH", "deliberate")
    report_one(town, "PROP", "escalate")
    report_one(town, "DISP")
    report_one(town, "FIRE", level="1", self_handled=True, handled_text="当场清走")
    report_one(town, "CARE", "deliberate")
    report_one(town, "ENV", "quick")
    with town.centre.store.reading() as connection:
        me = town.people["community"]
        found = issue_figures.report(connection, me, DAY, DAY, "", NOON, "zh")
        assert counted(found.groups) == {
            "estate": 2, "dispute": 1, "security": 1, "environment": 1, REST: 1,
        }  # fmt: skip
        paths = {"deliberate": 2, "escalate": 1, "quick": 2, "none": 1}
        assert counted(found.paths) == paths
        for name, counts in (("group", counted(found.groups)), ("path", paths)):
            for code, count in counts.items():
                asked = asked_of({name: code, "figure": "valid"}, 1)
                assert queue(connection, me, asked, NOON, "zh").total == count, (name, code)


def test_categories_come_the_most_first_beside_the_days_before(town: Town) -> None:
    for category in ("ENV", "VEH", "VEH"):
        report_one(town, category)
    with town.centre.store.reading() as connection:
        me = town.people["community"]
        found = issue_figures.report(connection, me, DAY, DAY, "", NOON, "zh")
        assert [code for code, _, _ in found.categories] == ["VEH", "ENV"]
        assert (found.earlier_first, found.earlier_last) == (date(2026, 9, 29), date(2026, 9, 29))
        assert not found.earlier
        next_days = issue_figures.report(
            connection, me, date(2026, 10, 1), date(2026, 10, 3), "", NOON, "zh"
        )
        assert next_days.earlier_first == date(2026, 9, 28)
        assert dict(next_days.earlier) == {"VEH": 2, "ENV": 1}


def test_every_category_is_of_one_group() -> None:
    codes = {item.code for item in code_list("ISSUE_CAT").items}
    assert set(GROUPED) <= codes
    assert len(GROUPED) == len(set(GROUPED))
    assert set(MEMBERS) | {REST} == set(GROUPS)
    assert {one for one in codes if group_of(one) == REST} == {"CARE", "OTH"}
