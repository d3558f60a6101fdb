"""Issues on the laptop: state from steps, what the worker may do, where one came from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from field_app.services import drafts, issues
from field_app.services.drafts import MAIN, DraftGone, Finished, Typed
from field_app.services.issue_work import issue_work
from field_app.services.records import get_view, save_record, views
from field_app.services.workspace import Workspace
from schemas.codes import code_list
from schemas.workflow import OFFLINE_ACTIONS
from tests.field_app.laptops import WORKER, Hands, Laptop, save_issue
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid
from tests.pictures import picture


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def centre_step(ws: Workspace, number: int, issue_id: str, action: str, **more: Any) -> None:
    at = f"2026-09-30T10:{number:02d}:00+08:00"
    pull_in(ws, "issue_step", rid("issue_step", number),
            {"issue_id": issue_id, "action": action, "at": at, **more})  # fmt: skip


def take(ws: Workspace, issue_id: str, action: str, text: str) -> Finished:
    draft_id = issues.start_step(ws, issue_id, action)
    return issues.finish_step(ws, draft_id, Typed({MAIN: {"text": [text]}}))


def state(ws: Workspace, issue_id: str) -> str:
    found = issues.standing(ws, issue_id)
    assert found is not None
    return found.state


def test_an_issue_starts_reported_or_resolved_when_self_handled(ws: Workspace) -> None:
    assert state(ws, save_issue(ws).record_id) == "10"
    own = save_issue(ws, level="1", self_handled=True, handled_text="已清走")
    assert state(ws, own.record_id) == "50"


def test_the_state_is_the_fold_of_the_centres_steps(ws: Workspace) -> None:
    issue = save_issue(ws).record_id
    centre_step(ws, 1, issue, "accept")
    centre_step(ws, 2, issue, "dispatch", text="请物业处理")
    assert state(ws, issue) == "30"


def test_a_returned_issue_is_listed_with_its_reason_and_reported_again(ws: Workspace) -> None:
    issue = save_issue(ws).record_id
    centre_step(ws, 1, issue, "return", text="地点不清楚")
    (row,) = issue_work(ws).returned
    returned = row.standing
    assert (returned.view["record_id"], returned.reason) == (issue, "地点不清楚")
    assert issues.offered_steps(ws, returned) == ["resend", "note"]
    assert take(ws, issue, "resend", "补充：3号楼2单元门口").saved
    assert state(ws, issue) == "10"
    assert issue_work(ws).returned == ()
    step = views(ws, "issue_step")[-1]["fields"]
    assert (step["from_state"], step["to_state"]) == ("15", "10")


def test_a_resolved_issue_waits_to_be_verified_on_site(ws: Workspace, hands: Hands) -> None:
    issue = save_issue(ws).record_id
    for number, action in enumerate(("accept", "handle", "resolve"), 1):
        centre_step(ws, number, issue, action)
    assert [row.view["record_id"] for row in issue_work(ws).to_verify] == [issue]
    hands.passes(3 * 3600)
    assert take(ws, issue, "rework", "没有修好").saved
    assert state(ws, issue) == "40"


def test_a_note_changes_no_state_and_never_fails_for_one(ws: Workspace) -> None:
    issue = save_issue(ws).record_id
    assert take(ws, issue, "note", "又来了一次").saved
    found = issues.standing(ws, issue)
    assert found is not None
    said = [one.view["fields"]["text"] for one in found.steps]
    assert (found.state, said) == ("10", ["又来了一次"])


@pytest.mark.parametrize("action", ["close", "accept", "nonsense", ""])
def test_a_step_the_state_or_the_role_does_not_allow_is_not_begun(
    ws: Workspace, action: str
) -> None:
    with pytest.raises(DraftGone):
        issues.start_step(ws, save_issue(ws).record_id, action)
    with pytest.raises(DraftGone):
        issues.start_step(ws, rid("issue", 999), "note")


def test_every_step_a_laptop_may_take_stands_in_the_code_list() -> None:
    assert all(action in code_list("STEP_ACTION") for action in OFFLINE_ACTIONS)


def test_own_and_others_issues_of_the_grid_are_listed_newest_first(ws: Workspace) -> None:
    mine = save_issue(ws).record_id
    fields = {"title": "别人报的", "happened_at": "2026-09-29T08:00:00+08:00"}
    pull_in(ws, "issue", rid("issue", 1), fields, author=COLLEAGUE)
    pull_in(ws, "issue", rid("issue", 2), fields, "990101100009004")
    assert [one.view["record_id"] for one in issues.own_issues(ws)] == [mine, rid("issue", 1)]


def test_a_voided_and_a_merged_issue_say_so(ws: Workspace) -> None:
    issue = save_issue(ws).record_id
    save_record(ws, "issue", "void", {"reason": "报错了"}, record_id=issue)
    assert state(ws, issue) == "90"
    pull_in(ws, "issue", rid("issue", 3), {"title": "重复的"}, merged_into=issue)
    assert state(ws, rid("issue", 3)) == "80"


def test_where_an_issue_came_from_is_found_for_patrols_and_visits(ws: Workspace) -> None:
    patrol, visit = rid("patrol", 1), rid("visit", 1)
    pull_in(ws, "patrol", patrol, {"slot": "1"})
    on_patrol = save_issue(ws, source_id=patrol).record_id
    on_visit = save_issue(ws).record_id
    pull_in(ws, "visit", visit, {"issue_ids": [on_visit]})
    found = [
        issues.source_of(ws, view)
        for one in (on_patrol, on_visit, save_issue(ws).record_id)
        if (view := get_view(ws, "issue", one))
    ]
    assert found == [("patrol", patrol), ("visit", visit), None]


def test_a_new_issue_starts_now(ws: Workspace) -> None:
    draft = drafts.find(ws, issues.start_issue(ws))
    assert draft is not None
    texts = draft["parts"][MAIN]["texts"]
    assert (texts["happened_at"], texts["urgency"]) == (["2026-09-30T08:41"], ["normal"])


# Steps of the worker's own ------------------------------------------------------------------------


def assigned(ws: Workspace, **more: Any) -> str:
    """Return an issue that the community has given the worker to handle."""
    issue = save_issue(ws, **{"category": "ENV", **more}).record_id
    central = {"central": True, "role": "community"}
    centre_step(ws, 1, issue, "accept", level="2", after=[issue], **central)
    centre_step(ws, 2, issue, "handle", assignee_id=WORKER, after=[rid("issue_step", 1)], **central)
    return issue


def typed(**texts: str) -> Typed:
    return Typed({MAIN: {name: [text] for name, text in texts.items()}})


def codes(outcome: Finished) -> dict[str, str]:
    return {one.pointer: one.problem.code for one in outcome.problems[MAIN]}


@pytest.mark.parametrize(
    ("action", "texts", "missing"),
    [
        ("resolve", {"result": "solved"}, {"/text": "required"}),
        ("resolve", {"text": "已清走"}, {"/result": "required"}),
        ("ask_escalate", {"text": " "}, {"/text": "required"}),
        ("note", {"text": ""}, {"/text": "note_empty"}),
    ],
)
def test_a_step_without_what_the_table_needs_is_refused_and_kept(
    ws: Workspace, action: str, texts: dict[str, str], missing: dict[str, str]
) -> None:
    draft_id = issues.start_step(ws, assigned(ws), action)
    outcome = issues.finish_step(ws, draft_id, typed(**{"result": "", **texts}))
    assert not outcome.saved
    assert missing.items() <= codes(outcome).items()
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    kept = draft["parts"][MAIN]["texts"]
    assert {name: kept[name] for name in texts} == {name: [text] for name, text in texts.items()}


def test_work_on_a_place_is_resolved_with_a_photo_of_afterwards(ws: Workspace) -> None:
    issue = assigned(ws)
    draft_id = issues.start_step(ws, issue, "resolve")
    words = typed(result="solved", text="已清走")
    assert codes(issues.finish_step(ws, draft_id, words)) == {"": "after_photo_wanted"}
    drafts.add_photo(ws, draft_id, MAIN, picture(), "after")
    assert issues.finish_step(ws, draft_id, replace(words, revision=1)).saved
    assert state(ws, issue) == "50"
    (photo,) = views(ws, "photo")
    assert (photo["fields"]["owner_type"], photo["fields"]["owner_id"]) == ("issue_step", draft_id)


def test_the_reason_for_a_missing_photo_is_a_note_behind_the_step(ws: Workspace) -> None:
    issue = assigned(ws)
    draft_id = issues.start_step(ws, issue, "resolve")
    words = replace(typed(result="solved", text="已清走"), no_photo="天黑")
    assert issues.finish_step(ws, draft_id, words).saved
    found = issues.standing(ws, issue)
    assert found is not None
    told = [(one.reading.step.action, one.view["fields"].get("text")) for one in found.steps[-2:]]
    assert told == [("resolve", "已清走"), ("note", "未附处置后照片：天黑")]
    assert found.state == "50"


def test_nobody_asks_for_a_photo_where_the_matter_leaves_nothing_to_see(ws: Workspace) -> None:
    for more in ({"category": "DISP"}, {"category": "ENV"}):
        issue = assigned(ws, **more)
        draft_id = issues.start_step(ws, issue, "resolve")
        result = "solved" if more["category"] == "DISP" else "impossible"
        assert issues.finish_step(ws, draft_id, typed(result=result, text="已调解")).saved


def test_a_step_that_comes_too_late_becomes_a_note_with_all_its_answers(ws: Workspace) -> None:
    issue = assigned(ws)
    draft_id = issues.start_step(ws, issue, "resolve")
    central = {"central": True, "role": "community", "after": [rid("issue_step", 2)]}
    centre_step(ws, 3, issue, "resolve", result="solved", text="社区已办", **central)
    words = typed(result="partly", text="还剩一半")
    assert codes(issues.finish_step(ws, draft_id, words)) == {"": "step_not_now"}
    assert issues.finish_as_note(ws, draft_id, replace(words, revision=1)).saved
    step = get_view(ws, "issue_step", draft_id)
    assert step is not None
    assert step["fields"]["action"] == "note"
    partly = code_list("RESULT").text("partly", "zh")
    assert step["fields"]["text"] == f"还剩一半\n（处置完成） · 处置结果: {partly}"
    assert state(ws, issue) == "50"


def test_corrections_of_a_report_that_came_too_late_stand_in_the_note(ws: Workspace) -> None:
    issue = save_issue(ws).record_id
    centre_step(ws, 1, issue, "return", text="地点不清楚")
    draft_id = issues.start_step(ws, issue, "resend")
    pull_in(ws, "issue", rid("issue", 9), {"title": "同一件"})
    central = {"central": True, "role": "community", "after": [rid("issue_step", 1)]}
    centre_step(ws, 2, issue, "merge", into_id=rid("issue", 9), **central)
    texts = {MAIN: {"text": ["已补充"]}, issues.ISSUE: {"place": ["5号楼"]}}
    assert issues.finish_as_note(ws, draft_id, Typed(texts)).saved
    step = get_view(ws, "issue_step", draft_id)
    assert step is not None
    assert step["fields"]["text"] == "已补充\n（补充重报） · 地点: 5号楼"
    assert state(ws, issue) == "80"
