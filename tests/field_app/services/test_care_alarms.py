"""The second miss in a row on the laptop: the issue is made by the save itself, offline."""

from __future__ import annotations

from typing import Any

import pytest

from field_app.services import drafts, visits
from field_app.services.care_alarms import open_alarms
from field_app.services.drafts import MAIN, Typed
from field_app.services.records import get_view, save_record, views
from field_app.services.today import today
from field_app.services.workspace import CHANGES, Workspace
from schemas.care_contact import alarm_id
from tests.field_app.laptops import Hands, Laptop
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid

HOME, LIN = rid("household", 1), rid("resident", 1)
MISSED = {"result": ["nobody"], "mode": ["door"], "notice_given": ["0"], "purposes": ["", "care"],
          f"care_checks.{LIN}.state": ["not_reached"]}  # fmt: skip


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid; the person's care record names whom to call."""
    fill(laptop.ws.db)
    save_record(laptop.ws, "care", "update", {"contact": "侄子林甲 13700009999"},
                record_id=rid("care", 1))  # fmt: skip
    return laptop.ws


def earlier(ws: Workspace, number: int, day: str, state: str = "not_reached", **more: Any) -> str:
    """Put a colleague's visit into the laptop, as a pull does."""
    said = {
        "visited_at": f"{day}T09:00:00+08:00", "household_id": HOME, "purposes": ["care"],
        "result": "nobody", "care_checks": {LIN: {"state": state}}, **more,
    }  # fmt: skip
    pull_in(ws, "visit", rid("visit", number), said)
    return rid("visit", number)


def call(ws: Workspace, **more: list[str]) -> tuple[str, drafts.Finished]:
    """Make a visit that reaches nobody; return its id and what became of it."""
    draft_id = visits.start_visit(ws, household_id=HOME)
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = {**draft["parts"][MAIN]["texts"], **MISSED, **more}
    typed = Typed({MAIN: texts}, draft["revision"], "a")
    return draft_id, visits.finish_visit(ws, draft_id, typed)


def alarms(ws: Workspace) -> list[dict[str, Any]]:
    return [view for view in views(ws, "issue") if view["fields"]["category"] == "CARE"]


def test_the_second_miss_makes_an_urgent_issue_in_the_same_commit(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-28")
    visit_id, finished = call(ws)
    assert finished.saved
    (issue,) = alarms(ws)
    fields = issue["fields"]
    assert (fields["level"], fields["urgency"], fields["source"]) == ("2", "urgent", "visit")
    assert (fields["place"], fields["building_id"]) == ("幸福里 1-1-201", rid("building", 1))
    assert "2026-09-28 09:00、2026-09-30 08:41" in fields["text"]
    assert "林示例" not in str(fields)
    (visit,) = [one for one in views(ws, "visit") if one["record_id"] == visit_id]
    assert visit["fields"]["issue_ids"] == [issue["record_id"]] == [alarm_id(visit_id, LIN)]
    kinds = [one["kind"] for one in ws.table(CHANGES)]
    assert kinds[-2:] == ["visit", "issue"]


def test_one_miss_or_one_after_a_contact_makes_none(ws: Workspace) -> None:
    assert call(ws)[1].saved
    assert alarms(ws) == []


def test_a_contact_between_two_misses_breaks_the_row(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-26")
    earlier(ws, 2, "2026-09-28", "well")
    call(ws)
    assert alarms(ws) == []


def test_a_visit_noted_late_alarms_nobody_about_who_was_reached_since(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-24")
    earlier(ws, 2, "2026-09-28", "well")
    _, finished = call(ws, visited_at=["2026-09-26T09:00"], late_reason=["停电，次日补录"])
    assert finished.saved
    assert alarms(ws) == []
    earlier(ws, 3, "2027-09-28", "well")  # a year mistyped hides nobody
    earlier(ws, 4, "2026-09-29")
    call(ws)
    assert len(alarms(ws)) == 1


def test_a_care_visit_that_met_nobody_counts_without_a_check(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-28", care_checks=None)
    call(ws, **{f"care_checks.{LIN}.state": [""]})
    assert len(alarms(ws)) == 1


def test_a_third_miss_opens_no_second_issue_while_the_first_is_open(
    ws: Workspace, hands: Hands
) -> None:
    earlier(ws, 1, "2026-09-28")
    call(ws)
    hands.passes(24 * 3600)
    call(ws)
    (first,) = alarms(ws)
    save_record(ws, "issue", "void", {"reason": "已联系上"}, record_id=first["record_id"])
    hands.passes(24 * 3600)
    call(ws)
    assert len(alarms(ws)) == 1
    assert alarms(ws)[0]["record_id"] != first["record_id"]


def test_a_colleagues_open_issue_and_the_workers_own_are_enough(ws: Workspace) -> None:
    care = {"category": "CARE", "happened_at": "2026-09-28T09:00:00+08:00", "title": "失联",
            "text": "x", "level": "2", "urgency": "urgent", "source": "visit",
            "place": "y"}  # fmt: skip
    pull_in(ws, "issue", rid("issue", 1), care, author=COLLEAGUE)
    earlier(ws, 1, "2026-09-28", issue_ids=[rid("issue", 1)])
    call(ws)
    assert len(alarms(ws)) == 1
    pull_in(ws, "issue", rid("issue", 1), care | {"category": "ENV"}, author=COLLEAGUE)
    call(ws)
    assert len(alarms(ws)) == 1  # the visit just saved has no issue of its own yet


def test_the_form_warns_before_saving(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-28")
    draft_id = visits.start_visit(ws, household_id=HOME)
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    (risk,) = visits.at_risk(ws, draft)
    assert (risk.name, risk.contact, risk.now) == ("林示例", "侄子林甲 13700009999", False)
    assert risk.last_missed_at.startswith("2026-09-28T09:00")
    kept = drafts.keep(ws, draft_id, Typed({MAIN: MISSED}, draft["revision"], "a"))
    assert [one.now for one in visits.at_risk(ws, kept)] == [True]


def test_nobody_is_warned_about_who_was_reached_last(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-28", "well")
    draft = drafts.find(ws, visits.start_visit(ws, household_id=HOME))
    assert draft is not None
    assert visits.at_risk(ws, draft) == []


def test_a_refused_save_leaves_no_issue_behind(ws: Workspace) -> None:
    earlier(ws, 1, "2026-09-28")
    draft_id, finished = call(ws, mode=[""])
    assert not finished.saved
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    assert alarms(ws) == []
    well = {**MISSED, "result": ["met"], f"care_checks.{LIN}.state": ["well"]}
    texts = {**draft["parts"][MAIN]["texts"], **well, "mode": ["door"]}
    assert visits.finish_visit(ws, draft_id, Typed({MAIN: texts}, draft["revision"], "a")).saved
    assert alarms(ws) == []


def test_today_names_the_person_and_whom_to_call_also_for_the_centres_issue(
    ws: Workspace,
) -> None:
    visit_id = earlier(ws, 1, "2026-09-28")
    care = {"category": "CARE", "happened_at": "2026-09-28T09:00:00+08:00", "title": "失联",
            "text": "x", "level": "2", "urgency": "urgent", "source": "visit",
            "place": "y"}  # fmt: skip
    pull_in(ws, "issue", alarm_id(visit_id, LIN), care)
    (alarm,) = today(ws).alarms
    assert (alarm.name, alarm.contact, alarm.where) == (
        "林示例", "侄子林甲 13700009999", "幸福里 1-1-201",
    )  # fmt: skip
    pull_in(ws, "issue", alarm_id(visit_id, LIN), care, voided=True)
    assert open_alarms(ws) == []


def test_somebody_in_a_serious_state_is_due_within_a_day_and_comes_first(ws: Workspace) -> None:
    said = {LIN: {"state": "abnormal", "change": "胸闷", "next_on": "2026-10-20"}}
    earlier(ws, 1, "2026-09-29", result="met", care_checks=said)
    first, *others = today(ws).care
    assert (first.resident_id, first.due, first.again_by, first.change) == (
        LIN, "2026-09-30", "2026-09-30T09:00:00+08:00", "胸闷",
    )  # fmt: skip
    assert [one.again_by for one in others] == [None] * len(others)


HELP = {
    "result": ["met"], "notice_given": ["1"], f"care_checks.{LIN}.state": ["need_help"],
    f"care_checks.{LIN}.change": ["腿脚不便"], f"care_checks.{LIN}.action": ["请代买降压药"],
}  # fmt: skip


def test_somebody_in_need_of_help_gets_a_request_in_the_same_commit(ws: Workspace) -> None:
    visit_id, finished = call(ws, **HELP)
    assert finished.saved
    (request,) = views(ws, "service")
    fields = request["fields"]
    assert fields["words"] == "腿脚不便；请代买降压药"
    assert (fields["applicant"], fields["channel"]) == ("林示例", "door")
    assert (fields["household_id"], fields["resident_id"]) == (HOME, LIN)
    assert fields["visit_id"] == visit_id
    (visit,) = views(ws, "visit")
    assert visit["fields"]["service_ids"] == [request["record_id"]]


def test_a_request_says_what_the_visit_found_too_as_far_as_it_has_room(ws: Workspace) -> None:
    found = "血压计坏了，" * 400
    _visit_id, finished = call(ws, **HELP, findings=[found])
    assert finished.saved, finished.problems
    (request,) = views(ws, "service")
    words = request["fields"]["words"]
    assert words.startswith("腿脚不便；请代买降压药\n血压计坏了，")
    assert words.endswith("…")
    assert len(words) == 2000


def test_what_was_found_is_enough_of_a_request(ws: Workspace) -> None:
    nothing = {f"care_checks.{LIN}.{name}": [""] for name in ("change", "action")}
    call(ws, **(HELP | nothing), findings=["家里没有米了"])
    assert views(ws, "service")[0]["fields"]["words"] == "家里没有米了"


def test_a_need_that_is_still_being_met_opens_no_second_request(
    ws: Workspace, hands: Hands
) -> None:
    call(ws, **HELP)
    hands.passes(24 * 3600)
    call(ws, **HELP)
    (request,) = views(ws, "service")
    save_record(ws, "service", "void", {"reason": "登记错了"}, record_id=request["record_id"])
    call(ws, **HELP)
    assert len(views(ws, "service")) == 1
    assert views(ws, "service")[0]["record_id"] != request["record_id"]


def test_a_need_the_worker_takes_down_himself_is_not_taken_down_twice(ws: Workspace) -> None:
    draft_id = visits.start_visit(ws, household_id=HOME)
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = {MAIN: {**draft["parts"][MAIN]["texts"], **MISSED, **HELP}}
    draft = visits.add_service(ws, draft_id, Typed(texts, draft["revision"], "a"), take=False)
    texts["service:"] = draft["parts"]["service:"]["texts"] | {
        "item": ["medicine"], "words": ["代买药"],
    }  # fmt: skip
    finished = visits.finish_visit(ws, draft_id, Typed(texts, draft["revision"], "a"))
    assert finished.saved, finished.problems
    (request,) = views(ws, "service")
    assert request["fields"]["words"] == "代买药"


def test_a_miss_of_a_person_merged_since_counts_for_the_one_left(ws: Workspace) -> None:
    twin = rid("resident", 77)
    person = dict(get_view(ws, "resident", LIN) or {})["fields"]
    pull_in(ws, "resident", twin, person)
    earlier(ws, 1, "2026-09-28", care_checks={twin: {"state": "not_reached"}}, purposes=["daily"])
    draft = drafts.find(ws, visits.start_visit(ws, household_id=HOME))
    assert draft is not None
    assert visits.at_risk(ws, draft) == []
    pull_in(ws, "resident", twin, person, merged_into=LIN)
    assert [risk.name for risk in visits.at_risk(ws, draft)] == ["林示例"]
    visit_id, _ = call(ws)
    assert [one["record_id"] for one in alarms(ws)] == [alarm_id(visit_id, LIN)]


def test_an_alarm_raised_about_the_double_is_the_alarm_of_the_one_left(ws: Workspace) -> None:
    twin = rid("resident", 77)
    person = dict(get_view(ws, "resident", LIN) or {})["fields"]
    pull_in(ws, "resident", twin, person, merged_into=LIN)
    missed = {"care_checks": {twin: {"state": "not_reached"}}, "purposes": ["daily"]}
    earlier(ws, 1, "2026-09-26", **missed)
    second = earlier(ws, 2, "2026-09-28", **missed)
    care = {"category": "CARE", "happened_at": "2026-09-28T09:00:00+08:00", "title": "失联",
            "text": "x", "level": "2", "urgency": "urgent", "source": "visit",
            "place": "y"}  # fmt: skip
    pull_in(ws, "issue", alarm_id(second, twin), care, author=COLLEAGUE)
    call(ws)
    assert len(alarms(ws)) == 1
    (shown,) = open_alarms(ws)
    assert (shown.resident_id, shown.contact) == (LIN, "侄子林甲 13700009999")


def test_help_for_a_merged_person_is_asked_for_the_one_left_and_once(
    ws: Workspace, hands: Hands
) -> None:
    twin = rid("resident", 77)
    person = dict(get_view(ws, "resident", LIN) or {})["fields"]
    pull_in(ws, "resident", twin, person, merged_into=LIN)
    as_twin = {one.replace(LIN, twin): texts for one, texts in HELP.items()}
    unchecked = {f"care_checks.{LIN}.state": [""]}
    call(ws, **as_twin, **unchecked)
    (request,) = views(ws, "service")
    assert request["fields"]["resident_id"] == LIN
    hands.passes(24 * 3600)
    call(ws, **{**as_twin, **HELP})
    assert len(views(ws, "service")) == 1


def test_an_open_request_of_the_double_is_that_of_the_one_left(ws: Workspace, hands: Hands) -> None:
    call(ws, **HELP)
    first = rid("resident", 78)
    pull_in(ws, "resident", first, dict(get_view(ws, "resident", LIN) or {})["fields"])
    pull_in(ws, "resident", LIN, {"name": "林示例"}, merged_into=first)
    hands.passes(24 * 3600)
    call(ws, **{one.replace(LIN, first): texts for one, texts in HELP.items()})
    assert len(views(ws, "service")) == 1
