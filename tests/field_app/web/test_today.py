"""今日: everything the day asks for on one page."""

from __future__ import annotations

import re

import pytest

from tests.field_app.laptops import Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COLLEAGUE, pull_in, rid


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def test_the_first_page_has_slots_care_notices_and_the_state_of_things(at: Laptop) -> None:
    page = at.browser.get("/").text
    expected = [
        "早巡", "昨天缺的", "超期3天", "国庆期间加强防火巡查", "重点查看楼道堆物", "未上传0条",
        "还没有同步过", "时钟还没有校对", "开始巡查", "上报事件",
    ]  # fmt: skip
    assert [words for words in expected if words not in page] == []
    assert "旧通知" not in page


def test_the_hours_of_each_slot_are_said_and_which_is_now(at: Laptop) -> None:
    for path in ("/", "/patrols"):
        page = at.browser.get(path).text
        slots = page.partition('id="patrol-slots"')[2].partition("</ul>")[0]
        assert [hours in slots for hours in ("00:00–12:00", "12:00–17:30", "17:30–24:00")] == [
            True, True, True,
        ]  # fmt: skip
        assert slots.count("现在，到") == page.count("现在，到") == 1
        assert slots.index("早巡") < slots.index("现在，到12:00") < slots.index("中巡")


@pytest.mark.parametrize("path", ["/", "/visits"])
def test_who_is_due_is_listed_with_the_risk(at: Laptop, path: str) -> None:
    due = at.browser.get(path).text.partition('id="care-due"')[2].partition("</section>")[0]
    assert "高风险（7天）" in due
    assert due.count("去走访") == len(re.findall(r'badge text-bg-\w+">(高风险|重点|一般)', due)) > 0


def test_unsent_work_and_a_wrong_clock_are_told(at: Laptop) -> None:
    save_issue(at.ws)
    at.ws.keep_setting("identity", clock_offset_s=-1800)
    page = at.browser.get("/").text
    assert "未上传1条" in page
    assert "相差30分钟" in page


def test_an_issue_to_verify_is_listed(at: Laptop) -> None:
    pull_in(at.ws, "issue", rid("issue", 1), {"title": "路灯不亮"}, author=COLLEAGUE)
    for number, action in enumerate(("accept", "handle", "resolve"), 1):
        at_ = f"2026-09-29T1{number}:00:00+08:00"
        step = {"issue_id": rid("issue", 1), "action": action, "at": at_}
        pull_in(at.ws, "issue_step", rid("issue_step", number), step)
    page = at.browser.get("/").text
    assert "待核查" in page
    assert "路灯不亮" in page
