"""巡查 at the browser, without scripts: start, check, report, finish."""

from __future__ import annotations

import re

import pytest

from field_app.services import drafts
from field_app.services.records import views
from field_app.services.workspace import CHANGES
from schemas.codes import code_list
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, NEXT_GRID, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COMMUNITY, pull_in, rid


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def begin(at: Laptop, **data: str) -> Paper:
    return Paper.open(at.browser, at.browser.post("/patrols/start", data).location)


def test_a_patrol_with_a_problem_reported_on_the_spot(at: Laptop) -> None:
    checklist = begin(at)
    checklist.put({"items.environment.result": "problem_fixed", "items.environment.note": "已清"})
    issue = checklist.press_on("report:ebike")
    assert issue.page.request.path.endswith("/issue/ebike")
    assert issue["issue-ebike:category"] == "FIRE"
    assert issue["issue-ebike:title"] == "电动车飞线充电"
    refused = issue.press("back")
    assert refused.status_code == 422
    assert "必须填写" in refused.text
    issue = Paper(at.browser, refused).put(
        {"issue-ebike:text": "三楼窗外飞线", "issue-ebike:level": "2", "issue-ebike:place": "3号楼"}
    )
    checklist = issue.press_on("back")
    assert checklist["items.ebike.result"] == "problem_reported"
    assert checklist["items.environment.note"] == "已清"
    checklist = checklist.press_on("all_ok")
    assert "都已查" in checklist.page.text
    assert len(at.ws.table(CHANGES)) == 0
    answer = checklist.press()
    (patrol,), (report,) = views(at.ws, "patrol"), views(at.ws, "issue")
    assert answer.location == f"/records/patrol/{patrol['record_id']}"
    assert patrol["fields"]["items"]["ebike"]["issue_id"] == report["record_id"]
    assert report["fields"]["source_id"] == patrol["record_id"]
    shown = at.browser.get(f"/issues/{report['record_id']}").text
    assert f'href="/records/patrol/{patrol["record_id"]}"' in shown
    assert "2026-09-30 08:41" in at.browser.get("/patrols").text


def test_compounds_not_walked_are_folded_away_when_they_are_many(at: Laptop) -> None:
    assert 'class="more others"' not in begin(at).page.text
    for number in range(3, 9):
        name = f"别处小区{number}"
        pull_in(at.ws, "compound", rid("compound", number), {"name": name}, COMMUNITY)
    checklist = begin(at)
    shown, _, folded = checklist.page.text.partition('class="more others"')
    assert "其他6个" in folded
    assert ("幸福里" in shown, "别处小区3" in shown) == (True, False)
    assert "别处小区3" in folded.partition("</details>")[0]
    numbers = re.findall(r'id="f-covered_ids-(\d+)"', checklist.page.text)
    assert numbers == [str(place) for place in range(8)]
    checklist.put({"covered_ids": [rid("compound", 8)]})
    checklist.press_on("all_ok").press()
    (patrol,) = views(at.ws, "patrol")
    assert patrol["fields"]["covered_ids"] == [rid("compound", 8)]


def test_a_patrol_walked_in_this_hour_is_not_offered_as_if_it_were_missing(at: Laptop) -> None:
    for path in ("/", "/patrols"):
        assert "再巡一次" not in at.browser.get(path).text
    begin(at).press_on("all_ok").press()
    for path in ("/", "/patrols"):
        page = at.browser.get(path).text
        assert "再巡一次" in page
        assert "开始巡查" not in page


def test_a_worker_of_two_grids_says_where_he_walks(at: Laptop) -> None:
    at.ws.keep_setting("identity", grids=[NEXT_GRID, GRID])
    for page in ("/", "/patrols"):
        shown = at.browser.get(page).text
        assert f"· {NEXT_GRID}</button>" in shown
        assert "· 东关社区第三网格</button>" in shown
    checklist = begin(at, grid=NEXT_GRID)
    issue = checklist.press_on("report:green").put(
        {"issue-green:text": "树倒了", "issue-green:level": "1", "issue-green:place": "南门"}
    )
    checklist = issue.press_on("back").fill(_grid=GRID, covered_ids=rid("compound", 1))
    checklist.press_on("all_ok").press()
    assert [one["grid"] for one in (*views(at.ws, "patrol"), *views(at.ws, "issue"))] == [GRID] * 2


def test_who_has_no_grid_is_told_so(at: Laptop) -> None:
    at.ws.keep_setting("identity", grids=[])
    assert at.browser.get("/").status_code == at.browser.get("/patrols").status_code == 200
    answer = at.browser.post("/patrols/start", {"slot": "1", "day": "2026-09-29"})
    assert answer.status_code == 409
    assert "您现在没有负责的网格" in answer.text


def test_a_patrol_survives_a_closed_browser(at: Laptop) -> None:
    checklist = begin(at).put({"items.green.result": "ok"})
    assert checklist.keep().status_code == 200
    today = at.browser.get("/").text
    assert "继续巡查" in today
    again = Paper.open(at.browser, f"/drafts/{checklist.draft_id}")
    assert again["items.green.result"] == "ok"


def test_an_issue_is_withdrawn_from_its_page_or_from_the_checklist(at: Laptop) -> None:
    for page in ("issue", "checklist"):
        checklist = begin(at)
        issue = checklist.press_on("report:green")
        act = ("withdraw", issue) if page == "issue" else (
            "withdraw:green", issue.put({
                "issue-green:text": "树倒了", "issue-green:level": "1", "issue-green:place": "南门",
            }).press_on("back"),
        )  # fmt: skip
        back = act[1].press_on(act[0])
        assert "issue-green" not in back.page.text
        assert back["items.green.issue_id"] == ""


def test_a_patrol_with_nothing_checked_is_not_saved(at: Laptop) -> None:
    checklist = begin(at)
    assert "还有15项未查" in checklist.page.text
    answer = checklist.press()
    assert answer.status_code == 422
    assert "必须填写" in answer.text
    assert views(at.ws, "patrol") == []


def test_a_patrol_with_most_items_unanswered_is_asked_about_once(at: Laptop) -> None:
    answer = begin(at).put({"items.green.result": "ok"}).press()
    assert answer.status_code == 422
    assert "15项里有14项没有选结果。就这样完成吗？" in answer.text
    assert 'href="#f-row-items-environment">回去补查' in answer.text
    assert views(at.ws, "patrol") == []
    again = Paper(at.browser, answer)
    assert again["items.green.result"] == "ok"
    assert again.press().status_code == 302
    assert len(views(at.ws, "patrol")) == 1


def test_what_is_asked_about_is_kept_even_in_a_form_deleted_elsewhere(at: Laptop) -> None:
    checklist = begin(at).put({"items.green.result": "ok"})
    assert checklist.keep().status_code == 200
    drafts.discard(at.ws, checklist.draft_id)
    answer = checklist.press()
    assert answer.status_code == 422
    assert Paper(at.browser, answer).press().status_code == 302


def test_of_a_patrol_with_half_of_its_items_checked_nothing_is_asked(at: Laptop) -> None:
    items = [item.code for item in code_list("CHECK_ITEM").active]
    checked = {f"items.{item}.result": "ok" for item in items[: len(items) // 2 + 1]}
    assert begin(at).put(checked).press().status_code == 302


def test_unanswered_items_are_counted_and_need_no_answer(at: Laptop) -> None:
    checklist = begin(at).put({"items.green.result": "ok"})
    assert Paper(at.browser, checklist.press()).press().status_code == 302
    patrol = views(at.ws, "patrol")[0]
    assert list(patrol["fields"]["items"]) == ["green"]
    shown = at.browser.get(f"/records/patrol/{patrol['record_id']}").text
    assert "有14项没有选结果。要补的话，按“修改”。" in shown


def test_of_a_patrol_with_every_item_checked_nothing_is_said(at: Laptop) -> None:
    full = begin(at).press_on("all_ok")
    assert full.press().status_code == 302
    patrol = views(at.ws, "patrol")[0]
    assert "没有选结果" not in at.browser.get(f"/records/patrol/{patrol['record_id']}").text


def test_a_late_entry_is_refused_with_words_until_it_is_explained(at: Laptop) -> None:
    checklist = begin(at, slot="2", day="2026-09-29")
    assert (checklist["slot"], checklist.values.getlist("started_at")) == ("2", ["2026-09-29", ""])
    assert "补录要写明当时的结束时间" in checklist.page.text
    answer = checklist.press()
    assert "日期和时间要写全" in answer.text
    assert '<a href="#f-ended_at">结束时间: 必须填写' in answer.text
    again = Paper(at.browser, answer)
    assert again.values.getlist("started_at") == ["2026-09-29", ""]
    again.values.setlist("started_at", ["2026-09-28", "14:30"])
    again.values.setlist("ended_at", ["2026-09-28", "15:10"])
    answer = again.put({"items.green.result": "ok"}).press()
    assert "请写明原因" in answer.text
    answer = Paper(at.browser, answer).fill(late_reason="停电").press()
    assert "就这样完成吗" in answer.text  # only once nothing else is wrong
    assert Paper(at.browser, answer).press().status_code == 302


@pytest.mark.parametrize(
    "data",
    [{"grid": "990101100009004"}, {"slot": "1", "day": "昨天"}, {"slot": "9", "day": "2026-09-29"}],
)
def test_a_foreign_grid_or_a_made_up_day_starts_nothing(at: Laptop, data: dict[str, str]) -> None:
    assert at.browser.post("/patrols/start", data).status_code == 404
    assert drafts.begun(at.ws) == []


def test_an_unknown_item_is_no_page(at: Laptop) -> None:
    checklist = begin(at)
    assert checklist.press("report:nothing").location == "/"
    assert at.browser.get(f"{checklist.action}/issue/ebike").location == "/"
