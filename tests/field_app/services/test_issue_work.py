"""What issues ask of the worker on his first page and in lists, and what overtook his steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from field_app.services import issues
from field_app.services.drafts import MAIN, Typed
from field_app.services.issue_timeline import instead_words, story_of, why_words
from field_app.services.issue_work import Row, issue_work, listed, note_overtaken
from field_app.services.workspace import Workspace
from schemas.guards import GUARDS
from schemas.workflow import TRANSITIONS
from tests.field_app.laptops import WORKER, Hands, Laptop, save_issue
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid

STAFF = "01998a00-0000-7000-8000-00000000eeee"


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def centre(ws: Workspace, number: int, issue_id: str, action: str, **more: Any) -> None:
    """Let the centre take a step upon the step numbered before it."""
    after = rid("issue_step", number - 1) if number % 10 > 1 else issue_id
    fields = {"issue_id": issue_id, "action": action, "after": [after], "central": True,
              "role": "community", "at": f"2026-09-30T08:{number % 60:02d}:00+08:00"}  # fmt: skip
    pull_in(ws, "issue_step", rid("issue_step", number), {**fields, **more}, author=STAFF)


def handed_over(ws: Workspace, first: int, due_at: str | None = None) -> str:
    """Return an issue of a colleague's that the community gave to the worker."""
    issue = rid("issue", first)
    fields = {"title": f"事件{first}", "happened_at": "2026-09-29T08:00:00+08:00", "level": "2",
              "category": "ENV"}  # fmt: skip
    pull_in(ws, "issue", issue, fields, author=COLLEAGUE)
    centre(ws, first + 1, issue, "accept", level="2")
    centre(ws, first + 2, issue, "handle", assignee_id=WORKER, due_at=due_at)
    return issue


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.view["record_id"] for row in rows]


def test_work_is_sorted_by_what_it_waits_for_and_by_its_due_time(ws: Workspace) -> None:
    later = handed_over(ws, 10, "2026-10-02T08:00:00+08:00")
    today = handed_over(ws, 20, "2026-09-30T18:00:00+08:00")
    undated = handed_over(ws, 30)
    work = issue_work(ws)
    assert ids(work.assigned) == [later, undated]
    assert ids(work.due) == [today]
    assert work.count == 3
    assert ids(listed(ws, "assigned")) == ids(listed(ws, "all"))
    assert ids(listed(ws, "mine")) == []


def test_only_overdue_issues_are_listed_by_the_centres_clock(ws: Workspace, hands: Hands) -> None:
    issue = handed_over(ws, 10, "2026-09-30T09:00:00+08:00")
    assert listed(ws, late=True) == []
    ws.keep_setting("identity", clock_offset_s=3600)  # the laptop's clock is an hour behind
    assert ids(listed(ws, late=True)) == [issue]


def test_a_reminder_shows_until_the_issue_is_resolved(ws: Workspace) -> None:
    issue = handed_over(ws, 10)
    centre(ws, 13, issue, "remind", remind="urge", text="请抓紧")
    (row,) = issue_work(ws).assigned
    assert row.reminder is not None
    assert row.reminder.fields["text"] == "请抓紧"
    centre(ws, 14, issue, "resolve", result="solved", text="好了")
    assert all(row.reminder is None for row in listed(ws))


def test_nobody_is_asked_to_verify_his_own_work(ws: Workspace) -> None:
    mine = handed_over(ws, 10)
    draft_id = issues.start_step(ws, mine, "resolve")
    said = Typed({MAIN: {"result": ["impossible"], "text": ["没法做"]}})
    assert issues.finish_step(ws, draft_id, said).saved
    others = handed_over(ws, 20)
    centre(ws, 23, others, "resolve", result="solved", text="好了", after=[rid("issue_step", 22)])
    pull_in(ws, "issue_step", rid("issue_step", 22), {
        "issue_id": others, "action": "handle", "after": [rid("issue_step", 21)],
        "central": True, "role": "community", "at": "2026-09-30T08:22:00+08:00",
    }, author=STAFF)  # fmt: skip
    assert ids(issue_work(ws).to_verify) == [others]


def test_an_overtaken_step_is_told_with_what_overtook_it_until_it_is_noted(ws: Workspace) -> None:
    issue = handed_over(ws, 10)
    draft_id = issues.start_step(ws, issue, "resolve")
    said = Typed({MAIN: {"result": ["impossible"], "text": ["没法做"]}})
    assert issues.finish_step(ws, draft_id, said).saved
    assert issue_work(ws).overtaken == ()
    centre(ws, 13, issue, "escalate", text="社区办不了", after=[rid("issue_step", 12)])
    (one,) = issue_work(ws).overtaken
    assert one.reading.step.step_id == draft_id
    ((words, at),) = instead_words(ws, one.instead)
    assert words.startswith("提级")
    assert at == "2026-09-30T08:13:00+08:00"
    assert not note_overtaken(ws, rid("issue_step", 13))
    assert note_overtaken(ws, draft_id)
    assert issue_work(ws).overtaken == ()
    assert not note_overtaken(ws, draft_id)


def test_the_timeline_tells_every_step_with_who_and_what_it_said(ws: Workspace) -> None:
    issue = handed_over(ws, 10, "2026-10-02T08:00:00+08:00")
    centre(ws, 13, issue, "suspend", after=[rid("issue_step", 12)], role="street")
    found = issues.standing(ws, issue)
    assert found is not None
    story = story_of(ws, found)
    assert [bool(one.why) for one in story.entries] == [False, False, True]
    assert story.entries[2].why == "没有人申请挂账"
    assert story.entries[0].role == "社区工作人员"
    assert ("级别", "二级") in [(label, value[:2]) for label, value in story.entries[0].said]
    assert story.provisional


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_reason_why_a_step_does_not_count_has_words(lang: str) -> None:
    reasons = {*GUARDS, "state", "role"} | {name for row in TRANSITIONS for name in row.needs}
    told = {why: why_words(why, lang) for why in reasons}
    assert [why for why, words in told.items() if not words or why in words.split(": ")] == []
    assert why_words("", lang) == ""


def test_an_issue_of_ones_own_that_was_returned_is_asked_for(ws: Workspace) -> None:
    issue = save_issue(ws).record_id
    centre(ws, 1, issue, "return", text="地点不清楚")
    (row,) = issue_work(ws).returned
    assert (row.view["record_id"], row.standing.reason) == (issue, "地点不清楚")
