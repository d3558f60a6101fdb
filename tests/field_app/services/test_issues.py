"""Issues on the laptop: state from steps, what the worker may do, where one came from."""

from __future__ import annotations

from typing import Any

import pytest

from field_app.services import drafts, issues
from field_app.services.drafts import MAIN, DraftGone, Finished, Typed
from field_app.services.records import get_view, save_record, views
from field_app.services.workspace import Workspace
from schemas.codes import code_list
from schemas.workflow import OFFLINE_ACTIONS
from tests.field_app.laptops import Hands, Laptop, save_issue
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid


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
    (returned,) = issues.returned_issues(ws)
    assert (returned.view["record_id"], returned.reason) == (issue, "地点不清楚")
    assert issues.offered_steps(ws, returned) == ["resend", "note"]
    assert take(ws, issue, "resend", "补充：3号楼2单元门口").saved
    assert state(ws, issue) == "10"
    assert issues.returned_issues(ws) == []
    step = views(ws, "issue_step")[-1]["fields"]
    assert (step["from_state"], step["to_state"]) == ("15", "10")


def test_a_resolved_issue_waits_to_be_verified_on_site(ws: Workspace, hands: Hands) -> None:
    issue = save_issue(ws).record_id
    for number, action in enumerate(("accept", "handle", "resolve"), 1):
        centre_step(ws, number, issue, action)
    assert [one.view["record_id"] for one in issues.to_verify(ws)] == [issue]
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
