"""Codes in the district's own words, on every page that shows one."""

from __future__ import annotations

import re

import pytest

from schemas.codes import code_list, speak, speaking
from tests.field_app.forms import Paper
from tests.field_app.laptops import Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in

DISTRICT_AREA = "01998a00-0000-7000-8001-000000000099"


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop whose district calls its levels 微事, 小事 and 大事."""
    at = sign_in(laptop)
    pull_in(at.ws, "area", DISTRICT_AREA, {
        "code": "990101", "name": "示例区", "level": "district", "valid_from": "2020-01-01",
        "level_labels": {"1": {"label": "微事"}, "2": {"label": "小事"}, "3": {"label": "大事"}},
    }, area="990101")  # fmt: skip
    return at


def test_a_level_is_shown_in_the_districts_words_in_list_record_and_form(at: Laptop) -> None:
    issue = save_issue(at.ws).record_id
    for path in ("/issues", f"/issues/{issue}", "/records/issue/"):
        assert "2 小事" in at.browser.get(path).text, path
    form = Paper.open(at.browser, "/issues/new").page.text
    assert [word in form for word in ("1 微事", "2 小事", "3 大事", "四级（区县）")] == [True] * 4
    assert "二级（社区）" not in form


def test_without_own_words_the_usual_ones_stand(laptop: Laptop) -> None:
    at = sign_in(laptop)
    assert "二级（社区）" in Paper.open(at.browser, "/issues/new").page.text


def test_words_of_one_page_do_not_stay_for_the_next(at: Laptop) -> None:
    at.browser.get("/issues")
    at.desk.lock()
    at.browser.get("/unlock")
    assert code_list("ISSUE_LEVEL").text("2", "zh") == "二级（社区）"


def test_own_words_hold_within_their_block_and_leave_codes_and_order_alone() -> None:
    speak({})
    with speaking({"ISSUE_LEVEL": {"2": "小事", "9": "无此级"}}):
        levels = code_list("ISSUE_LEVEL")
        assert [item.code for item in levels.items] == ["1", "2", "3", "4"]
        assert levels.text("2", "en") == "2 小事"
        assert levels.text("1", "zh") == "一级（网格）"
        assert re.match("未知", levels.text("9", "zh"))
    assert code_list("ISSUE_LEVEL").text("2", "zh") == "二级（社区）"
