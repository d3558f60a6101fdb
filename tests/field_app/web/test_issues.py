"""事件 at the browser: report, follow, add a note, report again."""

from __future__ import annotations

import pytest

from field_app.services.records import views
from tests.field_app.forms import Paper
from tests.field_app.laptops import Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid

ISSUE = {
    "category": "FIRE", "title": "楼道堆物", "text": "三楼堆放纸箱", "place": "3号楼", "level": "2",
}  # fmt: skip


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def returned(at: Laptop) -> str:
    issue = save_issue(at.ws).record_id
    step = {"issue_id": issue, "action": "return", "text": "地点不清楚",
            "at": "2026-09-30T08:50:00+08:00"}  # fmt: skip
    pull_in(at.ws, "issue_step", rid("issue_step", 1), step)
    return issue


def test_an_issue_is_reported_and_listed(at: Laptop) -> None:
    paper = Paper.open(at.browser, "/issues/new")
    assert "先拨打 119 / 110 / 120" in paper.page.text
    answer = paper.fill(**ISSUE).press()
    (issue,) = views(at.ws, "issue")
    assert answer.location == f"/issues/{issue['record_id']}"
    shown = at.browser.get(answer.location).text
    assert "已上报" in shown
    assert "办理经过" in shown
    page = at.browser.get("/issues").text
    assert "楼道堆物" in page
    assert "消防安全" in page
    assert "楼道堆物" not in at.browser.get("/issues?state=70").text


def test_only_a_small_issue_is_handled_alone_and_it_says_how(at: Laptop) -> None:
    paper = Paper.open(at.browser, "/issues/new").fill(**ISSUE, self_handled="1")
    answer = paper.press()
    assert "只有一级事件可以自行处置" in answer.text
    answer = Paper(at.browser, answer).fill(level="1").press()
    assert "自行处置须写明怎样处置" in answer.text
    answer = Paper(at.browser, answer).fill(handled_text="已清走").press()
    assert "已自行处置" in at.browser.get(answer.location).text


def test_a_returned_issue_shows_why_and_is_reported_again(at: Laptop) -> None:
    issue = returned(at)
    assert "地点不清楚" in at.browser.get("/").text
    assert "退回原因" in at.browser.get(f"/issues/{issue}").text
    start = at.browser.post(f"/issues/{issue}/step", {"action": "resend"})
    paper = Paper.open(at.browser, start.location)
    assert "地点不清楚" in paper.page.text
    answer = paper.fill(text="3号楼2单元门口").press()
    assert answer.location == f"/issues/{issue}"
    shown = at.browser.get(answer.location).text
    assert "补充重报" in shown
    assert "3号楼2单元门口" in shown


def test_a_half_written_note_is_kept_and_listed(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    start = at.browser.post(f"/issues/{issue}/step", {"action": "note"})
    paper = Paper.open(at.browser, start.location).fill(text="又堆")
    paper.keep()
    assert "流转" in at.browser.get("/").text
    again = Paper.open(at.browser, f"/drafts/{paper.draft_id}")
    assert again.fill(text="又堆起来了").press().status_code == 302
    assert views(at.ws, "issue_step")[0]["fields"]["text"] == "又堆起来了"


def test_a_step_that_is_not_the_workers_is_no_page(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    assert at.browser.post(f"/issues/{issue}/step", {"action": "close"}).status_code == 404
    page = at.browser.get(f"/issues/{issue}").text
    assert 'name="action" value="note"' in page
    assert 'value="close"' not in page


def test_an_issue_of_a_colleague_gets_notes_but_no_edits(at: Laptop) -> None:
    pull_in(at.ws, "issue", rid("issue", 1), {"title": "别人报的"})
    page = at.browser.get(f"/issues/{rid('issue', 1)}").text
    assert "/edit" not in page
    assert 'value="note"' in page
