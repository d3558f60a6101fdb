"""事件 at the browser: report, follow, add a note, report again."""

from __future__ import annotations

import io
import re

import pytest

from field_app.services.records import views
from tests.field_app.forms import Paper
from tests.field_app.laptops import WORKER, Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid
from tests.pictures import picture

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
    assert "没有处置后照片的原因" in answer.text
    assert '<a href="#photos">这类事件办完一般要附' in answer.text
    answer = Paper(at.browser, answer).fill(_no_photo="当时没有带手机").press()
    assert "未附处置后照片：当时没有带手机" in at.browser.get(answer.location).text
    assert "已自行处置" in at.browser.get(answer.location).text


def test_text_that_is_too_long_is_refused_and_kept_never_cut(at: Laptop) -> None:
    paper = Paper.open(at.browser, "/issues/new").fill(**{**ISSUE, "level": "1"})
    texts = {"title": "📦" * 81, "text": "长" * 4001, "handled_text": "清" * 2001}
    answer = paper.fill(**texts, self_handled="1").press()
    again = Paper(at.browser, answer)
    for name, limit in (("title", 80), ("text", 4000), ("handled_text", 2000)):
        control = answer.text.partition(f'name="{name}"')[2].partition(">")[0]
        assert "maxlength" not in control, name
        assert again[name] == texts[name]
        assert f"最多{limit}个字" in answer.text
    again.fill(title="箱子", text="堆放", handled_text="已清走")
    refused = again.press()
    said = Paper(at.browser, refused).fill(_no_photo="暗" * 4001).press()
    assert "最多4000个字" in said.text
    assert Paper(at.browser, said)["_no_photo"] == "暗" * 4001


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


def test_a_step_that_is_not_possible_now_leads_back_with_a_word(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    answer = at.browser.post(f"/issues/{issue}/step", {"action": "close"})
    assert answer.location == f"/issues/{issue}"
    page = at.browser.get(answer.location).text
    assert "情况已有变化" in page
    unknown = at.browser.post(f"/issues/{rid('issue', 999)}/step", {"action": "note"})
    assert unknown.status_code == 404
    assert 'name="action" value="note"' in page
    assert 'value="close"' not in page


def test_an_issue_of_a_colleague_gets_notes_but_no_edits(at: Laptop) -> None:
    pull_in(at.ws, "issue", rid("issue", 1), {"title": "别人报的"})
    page = at.browser.get(f"/issues/{rid('issue', 1)}").text
    assert "/edit" not in page
    assert 'value="note"' in page


def test_a_reason_given_at_once_is_not_asked_for_again(at: Laptop) -> None:
    paper = Paper.open(at.browser, "/issues/new").fill(**{**ISSUE, "level": "1"})
    paper.fill(self_handled="1", handled_text="已搬走").values["_no_photo"] = "没来得及拍"
    answer = paper.press()
    assert answer.status_code == 302
    steps = [view["fields"] for view in views(at.ws, "issue_step")]
    assert [(one["action"], one["text"]) for one in steps] == [
        ("note", "未附处置后照片：没来得及拍")
    ]


# Steps with photos, and steps that came too late --------------------------------------------------


def handed_over(at: Laptop) -> str:
    """Return an issue that the community has given the worker to handle."""
    issue = save_issue(at.ws, category="ENV").record_id
    central = {"issue_id": issue, "central": True, "role": "community",
               "at": "2026-09-30T08:41:00+08:00"}  # fmt: skip
    accept = {**central, "action": "accept", "level": "2", "after": [issue]}
    handle = {**central, "action": "handle", "assignee_id": WORKER,
              "after": [rid("issue_step", 1)], "due_at": "2026-09-30T18:00:00+08:00"}  # fmt: skip
    pull_in(at.ws, "issue_step", rid("issue_step", 1), accept)
    pull_in(at.ws, "issue_step", rid("issue_step", 2), handle)
    return issue


def begin(at: Laptop, issue: str, action: str) -> Paper:
    start = at.browser.post(f"/issues/{issue}/step", {"action": action})
    return Paper.open(at.browser, start.location)


def test_work_is_resolved_with_a_photo_in_one_go(at: Laptop) -> None:
    issue = handed_over(at)
    page = at.browser.get("/").text
    assert "今天到期或已超期" in page
    assert "时限 2026-09-30 18:00" in page
    paper = begin(at, issue, "resolve").fill(text="已清走")
    answer = paper.press(files={"_photo.after.": (io.BytesIO(picture()), "后.jpg")})
    assert answer.location == f"/issues/{issue}"
    shown = at.browser.get(answer.location).text
    assert "已加1张照片" in shown
    assert "照片未传" in shown
    (photo,) = views(at.ws, "photo")
    assert at.browser.get(f"/photos/{photo['record_id']}/small.jpg").mimetype == "image/jpeg"


def test_a_bad_picture_is_named_and_loses_neither_words_nor_the_other_photos(at: Laptop) -> None:
    issue = handed_over(at)
    paper = begin(at, issue, "resolve").fill(text="写了很久的话")
    answer = paper.press(
        files={
            "_photo.before.": (io.BytesIO(picture()), "前.jpg"),
            "_photo.after.": (io.BytesIO(b"no picture"), "坏.jpg"),
        }
    )
    assert answer.status_code == 302
    assert [one["fields"]["action"] for one in views(at.ws, "issue_step")] == ["accept", "handle"]
    again = Paper.open(at.browser, answer.location.partition("#")[0])
    assert "坏.jpg: 这个文件不是照片" in again.page.text
    assert again["text"] == "写了很久的话"
    (address,) = re.findall(r'src="(/photos/draft/[^"]+)"', again.page.text)
    assert at.browser.get(address).mimetype == "image/jpeg"
    assert at.browser.get(address.replace("small", "photo")).mimetype == "image/jpeg"
    photo_id = address.split("/")[-2]
    removed = again.press_on(f"unphoto:{photo_id}")
    assert "/photos/draft/" not in removed.page.text
    assert at.browser.get(address).status_code == 404


def test_a_photo_for_a_form_that_was_saved_meanwhile_goes_to_its_record(at: Laptop) -> None:
    paper = begin(at, handed_over(at), "note").fill(text="又堆起来了")
    assert paper.press().status_code == 302
    paper.press(files={"_photo.scene.": (io.BytesIO(picture()), "现场.jpg")})
    (photo,) = views(at.ws, "photo")
    assert photo["fields"]["owner_id"] == paper.draft_id


def test_a_step_overtaken_while_it_was_filled_in_is_saved_as_a_note(at: Laptop) -> None:
    issue = handed_over(at)
    paper = begin(at, issue, "resolve").fill(text="清了一半")
    resolve = {"issue_id": issue, "central": True, "role": "community", "action": "resolve",
               "result": "solved", "text": "社区已办", "at": "2026-09-30T08:42:00+08:00",
               "after": [rid("issue_step", 2)]}  # fmt: skip
    pull_in(at.ws, "issue_step", rid("issue_step", 3), resolve)
    refused = paper.press()
    assert refused.status_code == 422
    assert "作为补充说明保存" in refused.text
    answer = Paper(at.browser, refused).press("save:note")
    assert answer.location == f"/issues/{issue}"
    assert "清了一半" in at.browser.get(answer.location).text


def test_an_overtaken_step_stands_on_the_first_page_until_it_is_noted(at: Laptop) -> None:
    issue = handed_over(at)
    begin(at, issue, "ask_escalate").fill(text="要街道来办").press()
    step_id = views(at.ws, "issue_step")[-1]["record_id"]
    dispatch = {"issue_id": issue, "central": True, "role": "community", "action": "handle",
                "at": "2026-09-30T08:40:00+08:00", "after": [rid("issue_step", 1)]}  # fmt: skip
    pull_in(at.ws, "issue_step", rid("issue_step", 2), dispatch)
    page = at.browser.get("/").text
    assert "这一步没有生效（已不是承办人）" in page
    assert "未生效，留作说明" in at.browser.get(f"/issues/{issue}").text
    assert at.browser.post(f"/issues/overtaken/{step_id}").location == "/"
    assert "这一步没有生效" not in at.browser.get("/").text
    assert at.browser.post(f"/issues/overtaken/{step_id}").status_code == 404


def test_an_accepted_issue_is_no_longer_the_workers_to_edit(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    assert f"/records/issue/{issue}/edit" in at.browser.get(f"/issues/{issue}").text
    accept = {"issue_id": issue, "central": True, "role": "community", "action": "accept",
              "level": "2", "at": "2026-09-30T08:40:00+08:00", "after": [issue]}  # fmt: skip
    pull_in(at.ws, "issue_step", rid("issue_step", 1), accept)
    assert "/edit" not in at.browser.get(f"/issues/{issue}").text
    assert at.browser.get(f"/records/issue/{issue}/edit").status_code == 404


def test_the_list_keeps_some_issues_by_whose_they_are_and_their_time(at: Laptop) -> None:
    handed_over(at)
    pull_in(at.ws, "issue", rid("issue", 1), {"title": "别人报的"})
    assert "别人报的" not in at.browser.get("/issues?who=assigned").text
    assert "楼道堆物" in at.browser.get("/issues?who=assigned").text
    assert "楼道堆物" not in at.browser.get("/issues?late=1").text


def test_a_level_and_category_that_the_centre_changed_stand_on_the_page(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    assert "现定" not in at.browser.get(f"/issues/{issue}").text
    accept = {"issue_id": issue, "central": True, "role": "community", "action": "accept",
              "level": "3", "category": "FAC", "at": "2026-09-30T08:40:00+08:00",
              "after": [issue]}  # fmt: skip
    pull_in(at.ws, "issue_step", rid("issue_step", 1), accept)
    page = at.browser.get(f"/issues/{issue}").text
    assert "<dt>现定级别</dt><dd>三级" in page
    assert "<dt>现定大类</dt><dd>公共设施" in page
