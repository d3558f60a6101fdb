"""Two windows on one form: what the second one says otherwise is offered, the same is not."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from field_app.services import drafts
from field_app.services.issues import answers_of
from field_app.services.records import changes_of, views
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, NEXT_GRID, WORKER, Hands, Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import rid
from tests.field_app.web.test_service_requests import step, waiting

SAME = "这个窗口里没有填写别的内容，没有重复保存"


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def twice(at: Laptop, path: str) -> tuple[Paper, Paper]:
    """The same form in two windows."""
    first = Paper.open(at.browser, path)
    return first, Paper.open(at.browser, first.page.request.path)


def told(at: Laptop, answer: TestResponse) -> str:
    """What the page says to which a window is sent that was too late."""
    assert answer.status_code == 302
    return at.browser.get(answer.location).text


def a_note(at: Laptop) -> str:
    issue = save_issue(at.ws).record_id
    return str(at.browser.post(f"/issues/{issue}/step", {"action": "note"}).location)


def test_another_note_of_the_second_window_is_offered_as_one_more(at: Laptop) -> None:
    first, second = twice(at, a_note(at))
    first.fill(text="甲").press()
    answer = second.fill(text="乙").press()
    assert SAME not in (page := told(at, answer))
    assert "再按保存即作为补充说明" in page
    note = Paper.open(at.browser, answer.location)
    assert note["text"] == "乙"
    assert note.press().status_code == 302
    assert {view["fields"]["text"] for view in views(at.ws, "issue_step")} == {"甲", "乙"}


def test_the_same_note_of_both_windows_is_saved_once(at: Laptop) -> None:
    first, second = twice(at, a_note(at))
    first.fill(text="甲").press()
    assert SAME in told(at, second.fill(text=" 甲 ").press())
    assert drafts.begun(at.ws) == []
    assert len(views(at.ws, "issue_step")) == 1


def test_what_a_step_of_a_request_says_otherwise_becomes_a_note(at: Laptop) -> None:
    service = waiting(at, WORKER)
    step(at, service, "accept")
    first, second = twice(at, step(at, service, "solve"))
    first.fill(text="买好了", person_times="1").press()
    answer = second.fill(text="送到家", person_times="2").press()
    note = Paper.open(at.browser, answer.location)
    assert note["text"] == "送到家\n（办理完成） · 服务人次: 2"
    assert note.press().location == f"/services/{service}"
    assert "服务人次: 2" in at.browser.get(f"/services/{service}").text


def test_what_a_second_window_typed_less_of_a_step_is_said_not_to_be_saved(at: Laptop) -> None:
    path = a_note(at)
    Paper.open(at.browser, path).fill(text="甲乙").press("keep")
    first, second = twice(at, path)
    first.press()
    page = told(at, second.fill(text="").press())
    assert SAME not in page
    assert "这个窗口里的没有保存" in page
    assert drafts.begun(at.ws) == []


def test_what_saving_wrote_otherwise_is_the_same(at: Laptop) -> None:
    first, second = twice(at, "/records/shop/new")
    for one in (first, second):
        one.fill(name="新店", kind="retail", address="北街1号", phone="139 0000 2222")
    first.press()
    assert views(at.ws, "shop", name="新店")[0]["fields"]["phone"] == "13900002222"
    assert SAME in told(at, second.press())
    assert drafts.begun(at.ws) == []


def test_what_saving_filled_in_is_the_same_and_no_correction_empties_it(
    at: Laptop, hands: Hands
) -> None:
    path = at.browser.post("/patrols/start", {}).location
    checklist = Paper.open(at.browser, path).press_on("all_ok")
    first, second = twice(at, checklist.page.request.path)
    third = Paper.open(at.browser, checklist.page.request.path)
    hands.passes(60)
    assert first.press().status_code == 302
    assert SAME in told(at, second.press())
    assert drafts.begun(at.ws) == []
    answer = third.put({"items.green.note": "草已剪"}).press()
    assert Paper.open(at.browser, answer.location).press().status_code == 302
    (patrol,) = views(at.ws, "patrol")
    assert list(changes_of(at.ws, patrol["record_id"])[1]["fields"]) == ["items"]
    assert patrol["fields"]["ended_at"] == "2026-09-30T08:42:00+08:00"


def test_another_grid_of_the_second_window_is_not_called_the_same(at: Laptop) -> None:
    at.ws.keep_setting("identity", grids=[GRID, NEXT_GRID])
    first, second = twice(at, "/records/shop/new")
    for one, grid in ((first, GRID), (second, NEXT_GRID)):
        one.fill(name="新店", kind="retail", address="北街1号", _grid=grid)
    first.press()
    page = told(at, second.press())
    assert SAME not in page
    assert "这个窗口里的没有保存" in page
    assert SAME in told(at, second.fill(_grid=GRID).press())


def test_an_answer_that_stays_out_of_a_note_is_said_to(at: Laptop) -> None:
    part = drafts.new_part("issue_step", action="step")
    part["base"], part["texts"] = {"rating": 5}, {"rating": ["4"], "rated_by": ["王样本"]}
    said = answers_of(at.ws, part)
    assert said == ["评价（1–5）: 4", "评价人: 另有填写，这里不写出"]


def test_a_part_taken_back_counts_only_where_the_second_window_typed_in_it(at: Laptop) -> None:
    start = at.browser.post("/visits/start", {"household_id": rid("household", 1)})
    begun = Paper.open(at.browser, start.location)
    begun = begun.fill(result="met", mode="door", notice_given="1")
    begun = begun.put({f"care_checks.{rid('resident', 1)}.state": "well"})
    begun = begun.press_on("household").press_on("issue")
    first, second = twice(at, begun.page.request.path)
    typing = Paper.open(at.browser, begun.page.request.path)
    first = first.press_on("take_back:household:").press_on("take_back:issue:")
    assert first.press().status_code == 302
    assert SAME in told(at, second.press())
    assert SAME not in told(at, typing.put({"household:phone": "13900003333"}).press())


def an_issue(at: Laptop) -> tuple[Paper, Paper]:
    """A new issue's form in two windows, filled in but for how it was handled."""
    begun = Paper.open(at.browser, "/issues/new").fill(
        category="ENV", title="垃圾", text="堆放", level="1", place="楼道"
    )
    begun.press("keep")
    return twice(at, begun.page.request.path)


def the_issue(at: Laptop, title: str) -> dict[str, Any]:
    (issue,) = views(at.ws, "issue", title=title)
    return dict(issue["fields"])


def test_what_the_second_window_only_shows_is_neither_emptied_nor_set_back(at: Laptop) -> None:
    first, second = an_issue(at)
    assert first.fill(handled_text="已清走", urgency="urgent").press().status_code == 302
    answer = second.fill(title="楼道垃圾").press()
    correction = Paper.open(at.browser, answer.location)
    assert correction["title"] == "楼道垃圾"
    assert correction["handled_text"] == "已清走"
    assert "与已保存的不同的有1处" in correction.page.text
    assert "已保存的是: 垃圾" in correction.page.text
    correction.press()
    fields = the_issue(at, "楼道垃圾")
    assert (fields["handled_text"], fields["urgency"]) == ("已清走", "urgent")


def test_a_second_window_in_which_nothing_was_typed_offers_nothing(at: Laptop) -> None:
    first, second = an_issue(at)
    first.fill(handled_text="已清走").press()
    assert SAME in told(at, second.press())
    assert drafts.begun(at.ws) == []


def test_what_the_second_window_emptied_is_offered_and_marked(at: Laptop) -> None:
    Paper.open(at.browser, (path := an_issue(at)[0].page.request.path)).fill(sub="堆物").press(
        "keep"
    )
    first, second = twice(at, path)
    first.fill(handled_text="已清走").press()
    correction = Paper.open(at.browser, second.fill(sub="").press().location)
    assert correction["sub"] == ""
    assert "已保存的是: 堆物" in correction.page.text
    assert correction["handled_text"] == "已清走"


def test_what_was_kept_in_the_second_window_and_replaced_unseen_is_offered(at: Laptop) -> None:
    first, second = an_issue(at)
    second = second.fill(handled_text="乙说的").press_on("keep")  # drawn again with its own words
    asking = Paper(at.browser, first.fill(handled_text="甲说的").press())
    asking.values["_force"] = "1"
    assert asking.press().status_code == 302
    answer = second.press()
    assert SAME not in told(at, answer)
    assert Paper.open(at.browser, answer.location)["handled_text"] == "乙说的"


@pytest.mark.parametrize(
    ("kept", "back"), [({"handled_text": "甲说的"}, ""), ({"title": "楼道垃圾"}, "垃圾")]
)
def test_what_was_kept_and_then_set_back_in_the_second_window_is_offered(
    at: Laptop, kept: dict[str, str], back: str
) -> None:
    (name, said), *_rest = kept.items()
    second = an_issue(at)[1]
    assert second.fill(**kept).keep().status_code == 200
    first = Paper.open(at.browser, second.page.request.path)
    assert (first[name], first.press().status_code) == (said, 302)
    answer = second.fill(**{name: back}).press()
    assert SAME not in told(at, answer)
    correction = Paper.open(at.browser, answer.location)
    assert correction[name] == back
    assert f"已保存的是: {said}" in correction.page.text


def test_what_the_second_window_kept_as_it_was_again_stays_unsaid(at: Laptop) -> None:
    second = an_issue(at)[1]
    for title in ("楼道垃圾", "垃圾"):
        assert second.fill(title=title).keep().status_code == 200
    later = Paper.open(at.browser, second.page.request.path)
    assert later.fill(title="门口垃圾").press().status_code == 302
    assert SAME in told(at, second.press())


def test_a_time_that_the_second_window_only_sent_along_is_not_set_back(at: Laptop) -> None:
    second = an_issue(at)[1]
    assert second.fill(sub="堆物").keep().status_code == 200
    first = Paper.open(at.browser, second.page.request.path)
    day, clock = first.values.getlist("happened_at")
    assert clock != "07:15"
    assert first.fill(happened_at=[day, "07:15"]).press().status_code == 302
    correction = Paper.open(at.browser, second.fill(title="楼道垃圾").press().location)
    assert correction.values.getlist("happened_at") == [day, "07:15"]
    assert "与已保存的不同的有1处" in correction.page.text


def test_a_grid_kept_and_then_set_back_in_the_second_window_is_not_called_the_same(
    at: Laptop,
) -> None:
    at.ws.keep_setting("identity", grids=[GRID, NEXT_GRID])
    begun = Paper.open(at.browser, "/records/shop/new")
    begun.fill(name="新店", kind="retail", address="北街1号", _grid=GRID).press("keep")
    second = Paper.open(at.browser, begun.page.request.path)
    assert second.fill(_grid=NEXT_GRID).keep().status_code == 200
    assert Paper.open(at.browser, begun.page.request.path).press().status_code == 302
    assert SAME not in told(at, second.fill(_grid=GRID).press())


def test_a_form_refused_once_still_tells_what_was_typed_in_it(at: Laptop) -> None:
    kept = twice(at, "/records/shop/new")
    again = Paper(at.browser, kept[1].fill(name="乙店").press())  # refused: no kind, no address
    asking = Paper(at.browser, kept[0].fill(name="甲店", kind="retail", address="北街1号").press())
    asking.values["_force"] = "1"
    assert asking.press().status_code == 302
    assert Paper.open(at.browser, again.press().location)["name"] == "乙店"
