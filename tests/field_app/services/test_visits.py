"""A visit: last values carried on, people in care, the household's changes, an issue in one go."""

from __future__ import annotations

import pytest

from field_app.domain.typed import control_at
from field_app.services import drafts, households, visits
from field_app.services.base_data import detail
from field_app.services.drafts import MAIN, Draft, DraftGone, Finished, Typed
from field_app.services.records import changes_of, get_view, views
from field_app.services.today import care_due
from field_app.services.workspace import CHANGES, Workspace
from schemas.catalogue import kind_of
from tests.field_app.laptops import Hands, Laptop
from tests.field_app.small_grid import fill, rid

HOME, OLD_LIN = rid("household", 1), rid("resident", 1)
MET = {
    "result": ["met"], "mode": ["door"], "purposes": ["", "care", "safety"], "met": ["林示例"],
    "notice_given": ["1"], "findings": ["血压偏高"],
}  # fmt: skip
AT_HOME = MET | {f"care_checks.{OLD_LIN}.state": ["well"]}
"""What is typed where somebody in care lives."""
ISSUE = {
    "category": ["UTL"], "title": ["燃气软管老化"], "text": ["厨房软管开裂"], "level": ["2"],
    "urgency": ["urgent"], "place": ["幸福里 1-1-201"],
}  # fmt: skip


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def draft_of(ws: Workspace, draft_id: str) -> Draft:
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    return draft


def as_typed(ws: Workspace, draft_id: str, **more: dict[str, list[str]]) -> Typed:
    draft = draft_of(ws, draft_id)
    texts = {prefix: dict(part["texts"]) for prefix, part in draft["parts"].items()}
    for prefix, changed in more.items():
        texts.setdefault(MAIN if prefix == "main" else prefix, {}).update(changed)
    return Typed(texts, draft["revision"], "a")


def call_at(ws: Workspace, **more: list[str]) -> tuple[str, Finished]:
    draft_id = visits.start_visit(ws, household_id=HOME)
    typed = as_typed(ws, draft_id, main=AT_HOME | more)
    return draft_id, visits.finish_visit(ws, draft_id, typed)


def test_the_first_visit_of_somebody_in_care_is_proposed_as_a_care_visit(ws: Workspace) -> None:
    draft = draft_of(ws, visits.start_visit(ws, household_id=HOME))
    assert draft["parts"][MAIN]["texts"] == {
        "visited_at": ["2026-09-30T08:41"], "purposes": ["care"],
    }  # fmt: skip
    assert drafts.begun(ws) == []


def test_the_next_visit_carries_the_last_values_on(ws: Workspace) -> None:
    _first, finished = call_at(ws)
    assert finished.saved
    part = draft_of(ws, visits.start_visit(ws, household_id=HOME))["parts"][MAIN]
    texts = part["texts"]
    assert texts["purposes"] == ["care", "safety"]
    assert (texts["mode"], texts["met"], texts["notice_given"]) == (["door"], ["林示例"], ["1"])
    assert "findings" not in texts
    assert "result" not in texts
    assert part["last"]["findings"] == "血压偏高"


@pytest.mark.parametrize("result", ["nobody", "refused", "vacant", "moved"])
def test_a_visit_that_met_nobody_says_nothing_of_whom_the_last_one_met(
    ws: Workspace, result: str
) -> None:
    call_at(ws)
    draft_id = visits.start_visit(ws, household_id=HOME)
    typed = as_typed(ws, draft_id, main={"result": [result]})
    assert visits.finish_visit(ws, draft_id, typed).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert "met" not in view["fields"]
    assert view["fields"]["notice_given"] is False
    texts = draft_of(ws, visits.start_visit(ws, household_id=HOME))["parts"][MAIN]["texts"]
    assert (texts["met"], texts["notice_given"]) == (["林示例"], ["1"])
    assert texts["purposes"] == ["care", "safety"]


def test_what_is_typed_of_whom_was_met_is_kept_whatever_the_result(ws: Workspace) -> None:
    call_at(ws)
    draft_id = visits.start_visit(ws, household_id=HOME)
    said = {"result": ["refused"], "met": ["周邻居"], "mode": [""]}
    assert not visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=said)).saved
    texts = draft_of(ws, draft_id)["parts"][MAIN]["texts"]
    assert texts["notice_given"] == ["1"]
    said = {"mode": ["door"]}
    assert visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=said)).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert (view["fields"]["met"], view["fields"]["notice_given"]) == ("周邻居", False)


def test_a_result_put_right_before_saving_keeps_whom_it_met(ws: Workspace) -> None:
    call_at(ws)
    draft_id = visits.start_visit(ws, household_id=HOME)
    said = {"result": ["nobody"], "mode": [""]}
    assert not visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=said)).saved
    assert visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=AT_HOME)).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert (view["fields"]["met"], view["fields"]["notice_given"]) == ("林示例", True)


def test_nobody_at_home_needs_nothing_but_saving(ws: Workspace) -> None:
    call_at(ws)
    draft_id = visits.start_visit(ws, household_id=HOME, result="nobody")
    assert visits.finish_visit(ws, draft_id, as_typed(ws, draft_id)).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert view["fields"]["result"] == "nobody"
    assert "met" not in view["fields"]


def test_a_care_check_is_kept_under_the_person_and_moves_the_due_day(ws: Workspace) -> None:
    third = rid("resident", 7)  # high risk: every 7 days
    assert care_due(ws)[0].days < 0
    draft_id = visits.start_visit(ws, household_id=rid("household", 3), purpose="care")
    check = {f"care_checks.{third}.state": ["well"], f"care_checks.{third}.change": [""]}
    typed = as_typed(ws, draft_id, main=MET | {"care_checks": [""], **check})
    assert visits.finish_visit(ws, draft_id, typed).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert view["fields"]["care_checks"] == {third: {"state": "well"}}
    due = {one.resident_id: one.due for one in care_due(ws)}
    assert due[third] == "2026-10-07"


def test_odd_days_are_asked_about_and_kept(ws: Workspace) -> None:
    third = rid("resident", 7)  # high risk: every 7 days
    draft_id = visits.start_visit(ws, household_id=rid("household", 3), purpose="care")
    check = {f"care_checks.{third}.state": ["well"], f"care_checks.{third}.next_on": ["2027-10-07"]}
    when = {"visited_at": ["2027-09-30T08:41"]}
    typed = as_typed(ws, draft_id, main=MET | when | {"care_checks": [""], **check})
    finished = visits.finish_visit(ws, draft_id, typed)
    assert finished.saved
    said = [(one.pointer, one.problem.code) for one in finished.results[MAIN].doubts]
    assert said == [("/visited_at", "in_future")]
    when = {"visited_at": ["2026-09-30T08:41"]}
    edit = drafts.open_draft(ws, "record", {MAIN: drafts.edit_part(ws, "visit", draft_id)})
    finished = drafts.finish(ws, edit, as_typed(ws, edit, main=when))
    assert [one.problem.text("en") for one in finished.results[MAIN].doubts] == [
        "The next visit is too late; it will be asked for on 2026-10-07. Please check."
    ]
    shown = detail(ws, kind_of("visit"), draft_id)
    assert shown is not None
    assert {line.shown.name: [one.code for one in line.doubts] for line in shown.lines
            if line.doubts} == {"care_checks": ["next_visit_late"]}  # fmt: skip


def test_a_day_named_after_a_miss_is_never_read_and_not_asked_about(ws: Workspace) -> None:
    third = rid("resident", 7)
    draft_id = visits.start_visit(ws, household_id=rid("household", 3), result="nobody")
    check = {"state": ["not_reached"], "next_on": ["2027-10-07"]}
    said = {f"care_checks.{third}.{name}": texts for name, texts in check.items()}
    finished = visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=said))
    assert finished.saved
    assert finished.results[MAIN].doubts == []


def test_who_is_met_at_a_door_with_somebody_in_care_says_how_they_are(ws: Workspace) -> None:
    state = f"care_checks.{OLD_LIN}.state"
    draft_id = visits.start_visit(ws, household_id=HOME)
    finished = visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=MET | {state: [""]}))
    assert not finished.saved
    (said,) = finished.problems[MAIN]
    assert (control_at(kind_of("visit"), said.pointer), said.problem.code) == (state, "required")
    assert len(ws.table(CHANGES)) == 0
    assert draft_of(ws, draft_id)["parts"][MAIN]["texts"]["findings"] == ["血压偏高"]
    typed = as_typed(ws, draft_id, main={state: ["not_reached"]})
    assert visits.finish_visit(ws, draft_id, typed).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert view["fields"]["care_checks"] == {OLD_LIN: {"state": "not_reached"}}


@pytest.mark.parametrize("result", ["nobody", "refused", "other_person"])
def test_a_state_is_asked_only_where_somebody_was_met(ws: Workspace, result: str) -> None:
    draft_id = visits.start_visit(ws, household_id=HOME)
    typed = as_typed(ws, draft_id, main=MET | {"result": [result]})
    assert visits.finish_visit(ws, draft_id, typed).saved


def test_visit_issue_phone_tenant_and_move_are_saved_in_one_commit(ws: Workspace) -> None:
    draft_id = visits.start_visit(ws, household_id=HOME)
    visits.add_issue(ws, draft_id, as_typed(ws, draft_id, main=AT_HOME))
    visits.change_household(ws, draft_id, as_typed(ws, draft_id))
    visits.add_resident(ws, draft_id, as_typed(ws, draft_id))
    visits.move_out(ws, draft_id, as_typed(ws, draft_id), rid("resident", 3))
    draft = draft_of(ws, draft_id)
    issue, tenant = draft["parts"][visits.ISSUE], list(draft["parts"])[3]
    assert issue["texts"]["place"] == ["幸福里 1-1-201"]
    assert issue["texts"]["building_id"] == [rid("building", 1)]
    person = {
        "name": ["周租客"], "sex": ["2"], "birth": ["1995-03"], "relation": ["99"],
        "reside": ["tenant"], "basis": ["statutory"],
    }  # fmt: skip
    typed = as_typed(ws, draft_id, **{
        visits.ISSUE: ISSUE, visits.HOUSEHOLD: {"phone": ["13911112222"]}, tenant: person,
    })  # fmt: skip
    assert len(ws.table(CHANGES)) == 0
    finished = visits.finish_visit(ws, draft_id, typed)
    assert finished.saved, finished.problems
    visit = get_view(ws, "visit", draft_id)
    assert visit is not None
    (report,) = views(ws, "issue")
    assert visit["fields"]["issue_ids"] == [report["record_id"]]
    assert report["fields"]["source"] == "visit"
    assert changes_of(ws, HOME)[0]["fields"] == {"phone": "13911112222"}
    assert changes_of(ws, rid("resident", 3))[0]["fields"] == {"moved_out_at": "2026-09-30"}
    file = households.household_file(ws, HOME)
    assert file is not None
    assert [one.fields["name"] for one in file.members] == ["林示例", "单雄信", "周租客"]
    assert len(ws.table(CHANGES)) == 5


def test_a_refused_part_leaves_all_of_them_unsaved(ws: Workspace) -> None:
    draft_id = visits.start_visit(ws, household_id=HOME)
    visits.change_household(ws, draft_id, as_typed(ws, draft_id, main=AT_HOME))
    typed = as_typed(ws, draft_id, **{visits.HOUSEHOLD: {"phone": ["1" * 40]}})
    finished = visits.finish_visit(ws, draft_id, typed)
    assert not finished.saved
    assert set(finished.problems) == {visits.HOUSEHOLD}
    assert len(ws.table(CHANGES)) == 0


def test_a_part_taken_back_changes_nothing(ws: Workspace) -> None:
    draft_id = visits.start_visit(ws, household_id=HOME)
    visits.add_issue(ws, draft_id, as_typed(ws, draft_id, main=AT_HOME))
    visits.change_household(ws, draft_id, as_typed(ws, draft_id))
    visits.take_back(ws, draft_id, as_typed(ws, draft_id), visits.ISSUE)
    visits.take_back(ws, draft_id, as_typed(ws, draft_id), visits.HOUSEHOLD)
    visits.take_back(ws, draft_id, as_typed(ws, draft_id), MAIN)
    assert visits.finish_visit(ws, draft_id, as_typed(ws, draft_id)).saved
    assert len(ws.table(CHANGES)) == 1


def test_a_shop_is_visited_too(ws: Workspace) -> None:
    draft_id = visits.start_visit(ws, shop_id=rid("shop", 1))
    typed = as_typed(ws, draft_id, main=MET)
    assert visits.finish_visit(ws, draft_id, typed).saved
    view = get_view(ws, "visit", draft_id)
    assert view is not None
    assert view["fields"]["shop_id"] == rid("shop", 1)
    assert households.visits_to(ws, "shop_id", rid("shop", 1))[0]["record_id"] == draft_id


def test_an_unknown_door_and_a_stranger_are_refused(ws: Workspace) -> None:
    with pytest.raises(DraftGone):
        visits.start_visit(ws, household_id=rid("household", 999))
    draft_id = visits.start_visit(ws, household_id=HOME)
    with pytest.raises(DraftGone):
        visits.move_out(ws, draft_id, as_typed(ws, draft_id), rid("resident", 40))


def test_an_entry_after_a_day_needs_its_reason(ws: Workspace, hands: Hands) -> None:
    draft_id = visits.start_visit(ws, household_id=HOME)
    hands.passes(25 * 3600)
    finished = visits.finish_visit(ws, draft_id, as_typed(ws, draft_id, main=AT_HOME))
    assert [one.problem.code for one in finished.problems[MAIN]] == ["late_reason_required"]


def test_the_household_file_shows_ages_care_and_who_moved(ws: Workspace) -> None:
    file = households.household_file(ws, HOME)
    assert file is not None
    assert file.title == "幸福里 1-1-201"
    assert [(one.fields["name"], one.age) for one in file.members] == [
        ("林示例", 80), ("单雄信", 79), ("阿卜杜拉·买买提", 78),
    ]  # fmt: skip
    assert [one.view["record_id"] for one in file.in_care] == [OLD_LIN]
    assert households.household_file(ws, rid("household", 999)) is None
