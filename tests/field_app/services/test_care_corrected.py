"""A visit that stands between two misses no more, on the laptop: the issue is made at once, by the
rule that a second miss is asked by."""

from __future__ import annotations

from typing import Any

import pytest

from field_app.services import drafts
from field_app.services.care import finish_record, void_record, withdraw
from field_app.services.drafts import MAIN, Typed
from field_app.services.records import changes_of, get_view, save_record, views
from field_app.services.workspace import CHANGES, Workspace
from schemas.care_contact import alarm_id
from tests.field_app.laptops import WORKER, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid

HOME, LIN, WANG = rid("household", 1), rid("resident", 1), rid("resident", 2)
VISITS = [rid("visit", number) for number in range(9)]
REASON = "走错门"


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def visit(
    ws: Workspace, day: int, state: str = "not_reached", author: str = COLLEAGUE, **more: Any
) -> str:
    """Put a visit of a September day into the laptop, as a pull does; return its id."""
    said = {
        "visited_at": f"2026-09-{20 + day}T09:00:00+08:00", "household_id": HOME,
        "purposes": ["care"], "mode": "door", "result": "met" if state == "well" else "nobody",
        "notice_given": False, "care_checks": {LIN: {"state": state}}, **more,
    }  # fmt: skip
    fields = {name: value for name, value in said.items() if value is not None}
    pull_in(ws, "visit", VISITS[day], fields, author=author)
    return VISITS[day]


def mine_between(ws: Workspace, **more: Any) -> str:
    """Let the worker have found somebody whom colleagues missed before and after."""
    visit(ws, 1)
    visit(ws, 5)
    return visit(ws, 3, "well", WORKER, **more)


def correct(ws: Workspace, visit_id: str, **typed: list[str]) -> None:
    """Correct a visit in its form."""
    draft_id = drafts.open_draft(ws, "record", {MAIN: drafts.edit_part(ws, "visit", visit_id)})
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = draft["parts"][MAIN]["texts"] | typed
    finished = finish_record(ws, draft_id, Typed({MAIN: texts}, draft["revision"], "a"))
    assert finished.saved, finished.problems


def alarms(ws: Workspace) -> list[str]:
    return [one["record_id"] for one in views(ws, "issue") if one["fields"]["category"] == "CARE"]


def refuse(ws: Workspace, record_id: str) -> str:
    """Let the centre have sent back the last change of a record; return the change's id."""
    change = changes_of(ws, record_id)[-1]
    told = {"acked": True, "outcome": "quarantined", "receipt": {"reasons": []}}
    ws.put(CHANGES, change["change_id"], {**change, **told})
    return str(change["change_id"])


def test_voiding_a_visit_between_two_misses_makes_the_issue_in_the_same_commit(
    ws: Workspace,
) -> None:
    found = mine_between(ws)
    saved, raised = void_record(ws, "visit", found, REASON)
    assert saved.saved
    assert raised == alarms(ws) == [alarm_id(VISITS[5], LIN)]
    issue = get_view(ws, "issue", raised[0])
    assert issue is not None
    assert "2026-09-21 09:00、2026-09-25 09:00" in issue["fields"]["text"]
    assert issue["fields"]["happened_at"].startswith("2026-09-25T09:00")
    assert issue["fields"]["place"] == "幸福里 1-1-201"
    # A centre that gets the one in an exchange of its own has the issue already.
    assert [one["kind"] for one in ws.table(CHANGES)] == ["issue", "visit"]


def test_a_void_that_is_refused_makes_no_issue(ws: Workspace) -> None:
    found = mine_between(ws)
    saved, raised = void_record(ws, "visit", found, "")
    assert (saved.saved, bool(saved.problems), raised, alarms(ws)) == (False, True, [], [])


def test_who_was_reached_since_or_beside_is_no_alarm(ws: Workspace) -> None:
    found = mine_between(ws)
    visit(ws, 4, "well")
    assert void_record(ws, "visit", found, REASON)[1] == []
    visit(ws, 4)  # the colleague corrected it: the centre's to notice
    own = visit(ws, 2, "well", WORKER)
    visit(ws, 7, "well")
    assert void_record(ws, "visit", own, REASON)[1] == []
    assert alarms(ws) == []


def test_an_alarm_that_is_open_is_raised_once(ws: Workspace) -> None:
    found = mine_between(ws)
    care = {"category": "CARE", "happened_at": "2026-09-25T09:00:00+08:00", "title": "失联",
            "text": "x", "level": "2", "urgency": "urgent", "source": "visit",
            "place": "y"}  # fmt: skip
    pull_in(ws, "issue", alarm_id(VISITS[5], LIN), care)
    assert void_record(ws, "visit", found, REASON)[1] == []


def test_a_last_visit_that_goes_leaves_the_two_misses_before_it(ws: Workspace) -> None:
    visit(ws, 1)
    visit(ws, 3)
    last = visit(ws, 5, "well", WORKER)
    assert void_record(ws, "visit", last, REASON)[1] == [alarm_id(VISITS[3], LIN)]


def test_a_visit_who_was_met_at_the_door_stood_between_too(ws: Workspace) -> None:
    found = mine_between(ws, care_checks=None, purposes=["daily"])
    assert void_record(ws, "visit", found, REASON)[1] == [alarm_id(VISITS[5], LIN)]


@pytest.mark.parametrize("typed", [
    {"visited_at": ["2026-09-20T09:00"], "late_reason": ["记错日期"]},
    {"household_id": [rid("household", 2)], f"care_checks.{LIN}.state": [""],
     f"care_checks.{rid('resident', 4)}.state": ["well"]},
])  # fmt: skip
def test_correcting_a_visit_between_two_misses_makes_the_issue(
    ws: Workspace, typed: dict[str, list[str]]
) -> None:
    found = mine_between(ws)
    correct(ws, found, findings=["正在做饭"])
    assert alarms(ws) == []
    correct(ws, found, **typed)
    assert alarms(ws) == [alarm_id(VISITS[5], LIN)]
    assert "issue_ids" not in (get_view(ws, "visit", found) or {})["fields"]


def test_a_visit_corrected_into_a_miss_names_its_one_issue(ws: Workspace) -> None:
    found = mine_between(ws)
    correct(ws, found, result=["nobody"], **{f"care_checks.{LIN}.state": ["not_reached"]})
    assert alarms(ws) == [alarm_id(found, LIN)]
    assert (get_view(ws, "visit", found) or {})["fields"]["issue_ids"] == alarms(ws)


def test_a_miss_that_gets_another_time_may_be_the_second(ws: Workspace) -> None:
    own = visit(ws, 1, author=WORKER)
    visit(ws, 3, "well")
    visit(ws, 5)
    correct(ws, own, findings=["敲门无人应"])
    assert alarms(ws) == []
    correct(ws, own, visited_at=["2026-09-24T09:00"])
    assert alarms(ws) == [alarm_id(own, LIN)]


def test_what_was_missed_at_that_time_before_is_no_news(ws: Workspace) -> None:
    visit(ws, 1)
    own = visit(ws, 3, author=WORKER)
    correct(ws, own, findings=["敲门无人应"])
    assert alarms(ws) == []


def test_giving_up_what_the_centre_refused_makes_the_issue(ws: Workspace) -> None:
    own = visit(ws, 3, author=WORKER)
    correct(ws, own, result=["met"], **{f"care_checks.{LIN}.state": ["well"]})
    visit(ws, 1)
    visit(ws, 5)
    change_id = refuse(ws, own)
    assert withdraw(ws, change_id) == (True, [alarm_id(own, LIN)])
    assert alarms(ws) == [alarm_id(own, LIN)]
    assert withdraw(ws, change_id) == (False, [])


def test_two_people_behind_a_door_are_told_of_on_one_page(laptop: Laptop) -> None:
    at = sign_in(laptop)
    ws = at.ws
    care = dict(get_view(ws, "care", rid("care", 1)) or {})["fields"]
    pull_in(ws, "care", rid("care", 99), {**care, "resident_id": WANG})
    both = {LIN: {"state": "not_reached"}, WANG: {"state": "not_reached"}}
    visit(ws, 1, care_checks=both)
    found = visit(ws, 3, "well", WORKER, care_checks=None)
    visit(ws, 4, "not_reached", purposes=["daily"])
    visit(ws, 5, care_checks={WANG: {"state": "not_reached"}}, purposes=["daily"])
    save_record(ws, "care", "update", {"contact": "侄子林甲"}, record_id=rid("care", 1))
    answer = at.browser.post(f"/records/visit/{found}/void", {"reason": REASON})
    assert set(alarms(ws)) == {alarm_id(VISITS[4], LIN), alarm_id(VISITS[5], WANG)}
    shown = at.browser.get(answer.location).text
    assert shown.count("data-alarm=") == 2
    assert at.browser.get(f"/visits/{VISITS[5]}/alarm").text.count("data-alarm=") == 1
