"""Any kind on every page of the laptop: list, new, detail, edit, void, and its refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from field_app.services.records import changes_of, get_view, save_record, views
from field_app.services.workspace import CHANGES
from schemas.catalogue import extended
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, NEXT_GRID, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid
from tests.schemas.samples import Pet

HOME = rid("household", 1)


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


@pytest.fixture
def pets(at: Laptop) -> Iterator[Laptop]:
    """The same laptop, where a kind exists that no page was written for."""
    with extended(Pet):
        yield at


def test_a_made_up_kind_lives_on_every_page(pets: Laptop) -> None:
    browser, ws = pets.browser, pets.ws
    assert "宠物登记" in browser.get("/base").text
    assert "还没有记录" in browser.get("/records/pet/").text
    paper = Paper.open(browser, "/records/pet/new")
    paper = paper.fill(nickname="阿黄", species="2", age="３").press_on("add:feedings")
    (note,) = [name for name in paper.names if name.startswith("feedings.")]
    answer = paper.put({note: "早晚两餐"}).press()
    (pet,) = views(ws, "pet")
    assert answer.location == f"/records/pet/{pet['record_id']}"
    assert pet["fields"]["age"] == 3
    shown = browser.get(answer.location).text
    for words in ("阿黄", "宠物年龄", "早晚两餐", "仅本机", "我的修改"):
        assert words in shown
    assert "阿黄" in browser.get("/records/pet/?q=ahuang").text
    edit = Paper.open(browser, answer.location + "/edit")
    assert edit["nickname"] == "阿黄"
    edit.fill(nickname="大黄").press()
    assert changes_of(ws, pet["record_id"])[-1]["fields"] == {"nickname": "大黄"}
    void = Paper(browser, browser.get(answer.location + "/void"), "void")
    assert void.fill(reason="走失了").press().status_code == 302
    assert "已作废" in browser.get(answer.location).text


def test_a_made_up_kinds_refusals_stand_at_their_controls(pets: Laptop) -> None:
    paper = Paper.open(pets.browser, "/records/pet/new")
    answer = paper.fill(nickname="", age="很老").press()
    assert answer.status_code == 422
    again = Paper(pets.browser, answer)
    assert again["age"] == "很老"
    assert 'href="#f-nickname"' in answer.text
    assert 'aria-describedby="f-nickname-error"' in answer.text
    assert 'id="f-nickname-error"' in answer.text
    assert 'href="#f-species-0"' in answer.text
    assert views(pets.ws, "pet") == []


def test_a_form_without_changes_saves_nothing(at: Laptop) -> None:
    answer = Paper.open(at.browser, f"/records/household/{HOME}/edit").press()
    assert answer.location == f"/base/households/{HOME}"
    assert len(at.ws.table(CHANGES)) == 0


def test_every_kind_can_be_opened_and_an_untouched_form_says_the_same(at: Laptop) -> None:
    ws = at.ws
    for kind, number in (("compound", 1), ("building", 1), ("room", 1), ("household", 1),
                         ("resident", 1), ("care", 1), ("shop", 1)):  # fmt: skip
        path = f"/records/{kind}/{rid(kind, number)}"
        assert at.browser.get(path).status_code == 200
        Paper.open(at.browser, path + "/edit").press()
    assert len(ws.table(CHANGES)) == 0


def test_doubts_are_saved_and_shown_to_be_checked_again(at: Laptop) -> None:
    paper = Paper.open(at.browser, f"/records/household/{HOME}/edit")
    page = at.browser.get(paper.fill(phone="12345").press().location).text
    assert page.count("请再核对") >= 2
    assert get_view(at.ws, "household", HOME)["fields"]["phone"] == "12345"  # type: ignore[index]


def test_an_id_number_is_masked_until_asked_for(at: Laptop) -> None:
    page = at.browser.get(f"/records/resident/{rid('resident', 1)}").text
    assert "990101********001*" in page
    assert "99010119510412001X" not in re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)


def test_a_person_under_fourteen_needs_a_guardian(at: Laptop) -> None:
    paper = Paper.open(at.browser, f"/base/households/{HOME}/resident")
    child = {"name": "小明", "sex": "1", "birth": "2020-05", "relation": "20",
             "reside": "registered", "basis": "consent"}  # fmt: skip
    answer = paper.fill(**child).press()
    assert "未满14周岁须填写监护人" in answer.text
    assert Paper(at.browser, answer).fill(guardian="林示例").press().status_code == 302


def test_the_form_of_a_new_member_leads_back_to_the_household(at: Laptop) -> None:
    page = Paper.open(at.browser, f"/base/households/{HOME}/resident").page.text
    assert f'<a class="btn btn-link" href="/base/households/{HOME}">返回</a>' in page


def test_moving_out_is_a_short_form(at: Laptop) -> None:
    person = rid("resident", 2)
    paper = Paper.open(at.browser, f"/base/residents/{person}/move-out")
    assert not {"name", "phone"} & paper.names
    paper.fill(moved_out_at="2026-09-29", move_reason="随子女居住").press()
    assert changes_of(at.ws, person)[0]["fields"] == {
        "moved_out_at": "2026-09-29", "move_reason": "随子女居住",
    }  # fmt: skip


def test_moving_out_offers_today_and_is_not_saved_without_a_day(at: Laptop) -> None:
    person = rid("resident", 2)
    paper = Paper.open(at.browser, f"/base/residents/{person}/move-out")
    assert paper["moved_out_at"] == "2026-09-30"
    answer = paper.fill(moved_out_at="", move_reason="去世").press()
    assert answer.status_code == 422
    assert "写了迁出原因，还要填迁出日期" in answer.text
    assert not changes_of(at.ws, person)
    Paper(at.browser, answer).fill(moved_out_at="2026-09-30").press()
    assert changes_of(at.ws, person)[0]["fields"] == {
        "moved_out_at": "2026-09-30", "move_reason": "去世",
    }  # fmt: skip


def test_a_reason_from_before_asks_for_no_day(at: Laptop) -> None:
    person = rid("resident", 2)
    save_record(at.ws, "resident", "update", {"move_reason": "打工"}, record_id=person)
    edit = Paper.open(at.browser, f"/records/resident/{person}/edit")
    assert edit.fill(phone="13911112222").press().status_code == 302


def test_what_a_new_record_lies_under_can_be_named_in_the_address(at: Laptop) -> None:
    paper = Paper.open(at.browser, f"/records/room/new?building_id={rid('building', 2)}&x=1")
    assert paper["building_id"] == rid("building", 2)
    saved = paper.fill(no="901", label="2-1-901", state="vacant").press()
    assert saved.status_code == 302
    assert views(at.ws, "room", label="2-1-901")[0]["grid"] == "990101100009003"


@pytest.mark.parametrize(
    "path",
    ["/records/seen/", "/records/nothing/", "/records/area/new", "/records/notice/new",
     f"/records/area/{rid('area', 1)}/edit", f"/records/area/{rid('area', 1)}/void",
     f"/records/household/{rid('household', 999)}", "/records/household/x/edit",
     "/base/households/x", "/base/buildings/x", "/base/compounds/x", "/issues/x",
     "/base/residents/x/move-out", "/base/households/x/resident"],
)  # fmt: skip
def test_what_is_not_here_or_not_the_workers_is_no_page(at: Laptop, path: str) -> None:
    assert at.browser.get(path).status_code == 404


def test_voiding_needs_a_reason(at: Laptop) -> None:
    page = at.browser.get(f"/records/household/{HOME}/void")
    answer = Paper(at.browser, page, "void").fill(reason=" ").press()
    assert answer.status_code == 422
    assert "请说明原因" in answer.text


def refuse(at: Laptop, change_id: str, **more: Any) -> None:
    change = dict(at.ws.table(CHANGES).get(doc_id=change_id))
    told = {"problem": [{"pointer": "/phone", "code": "odd_phone", "zh": "不像电话。", "en": "x"}]}
    at.ws.put(CHANGES, change_id, {**change, "acked": True, "outcome": "quarantined",
                                   "receipt": told, **more})  # fmt: skip


def test_a_refused_change_is_put_right_and_sent_again(at: Laptop) -> None:
    change_id = save_record(at.ws, "household", "update", {"phone": "1"}, record_id=HOME).change_id
    assert change_id is not None
    refuse(at, change_id)
    path = f"/records/household/{HOME}/edit?corrects={change_id}"
    paper = Paper.open(at.browser, path)
    assert "不像电话。" in paper.page.text
    assert paper.fill(phone="13911112222").press().status_code == 302
    again = changes_of(at.ws, HOME)[-1]
    assert (again["corrects"], again["fields"]) == (change_id, {"phone": "13911112222"})
    assert at.browser.get(path).location == f"/base/households/{HOME}"


def test_a_correction_is_not_taken_over_by_another_edit_begun_of_the_record(at: Laptop) -> None:
    edit = f"/records/household/{HOME}/edit"
    change_id = save_record(at.ws, "household", "update", {"phone": "1"}, record_id=HOME).change_id
    assert change_id is not None
    refuse(at, change_id)
    Paper.open(at.browser, edit).fill(size="4").keep()
    paper = Paper.open(at.browser, f"{edit}?corrects={change_id}")
    assert "被退回的原因" in paper.page.text
    paper.fill(phone="13911112222").keep()
    again = Paper.open(at.browser, f"{edit}?corrects={change_id}")
    assert again["phone"] == "13911112222"
    assert Paper.open(at.browser, edit)["size"] == "4"
    assert again.press().status_code == 302
    assert changes_of(at.ws, HOME)[-1]["corrects"] == change_id


def test_a_move_out_begun_does_not_stand_in_for_an_edit(at: Laptop) -> None:
    person = rid("resident", 2)
    Paper.open(at.browser, f"/base/residents/{person}/move-out").fill(move_reason="打工").keep()
    assert "name" in Paper.open(at.browser, f"/records/resident/{person}/edit").names


def test_a_refused_void_is_put_right_on_the_page_of_voiding(at: Laptop) -> None:
    saved = save_record(at.ws, "household", "void", {"reason": "x"}, record_id=HOME)
    assert saved.change_id is not None
    refuse(at, saved.change_id)
    answer = at.browser.get(f"/records/household/{HOME}/edit?corrects={saved.change_id}")
    void = Paper.open(at.browser, answer.location, "void")
    assert void.fill(reason="此户重复登记").press().status_code == 302
    assert changes_of(at.ws, HOME)[-1]["corrects"] == saved.change_id


def test_an_edit_begun_earlier_is_gone_on_with(at: Laptop) -> None:
    path = f"/records/household/{HOME}/edit"
    first = Paper.open(at.browser, path).fill(remarks="门口有狗")
    assert first.keep().status_code == 200
    again = Paper.open(at.browser, path)
    assert (again.draft_id, again["remarks"]) == (first.draft_id, "门口有狗")
    assert "上次没有保存完" in again.page.text


def test_a_grid_is_asked_for_only_when_there_are_several(at: Laptop) -> None:
    assert "_grid" not in Paper.open(at.browser, "/records/shop/new").names
    at.ws.keep_setting("identity", grids=["990101100009003", "990101100009004"])
    paper = Paper.open(at.browser, "/records/shop/new")
    paper.fill(name="新店", kind="retail", address="北街1号", _grid="990101100009004").press()
    assert views(at.ws, "shop", name="新店")[0]["grid"] == "990101100009004"


def with_two_grids(at: Laptop) -> None:
    at.ws.keep_setting("identity", grids=[NEXT_GRID, GRID])


def test_grids_are_called_by_their_names(at: Laptop) -> None:
    with_two_grids(at)
    name = get_view(at.ws, "area", rid("area", 1))["fields"]["name"]
    assert name not in ("", GRID)
    page = Paper.open(at.browser, "/records/shop/new").page.text
    assert f'<option value="{GRID}">{name}</option>' in page
    assert f'<option value="{NEXT_GRID}">{NEXT_GRID}</option>' in page  # no record of it here
    pull_in(at.ws, "area", rid("area", 2), {"code": NEXT_GRID, "name": name}, NEXT_GRID)
    page = Paper.open(at.browser, "/records/shop/new").page.text
    assert f'<option value="{GRID}">{name} {GRID}</option>' in page
    assert f"{name} {NEXT_GRID}" in at.browser.get("/").text


def test_a_record_under_another_begins_in_the_grid_of_that_one(at: Laptop) -> None:
    with_two_grids(at)
    paper = Paper.open(at.browser, f"/records/room/new?building_id={rid('building', 1)}")
    assert paper["_grid"] == GRID
    paper.fill(no="901", label="1-1-901", state="vacant").keep()
    paper.press()
    assert views(at.ws, "room", no="901")[0]["grid"] == GRID


def test_no_grid_is_chosen_for_the_worker_and_what_was_entered_is_kept(at: Laptop) -> None:
    with_two_grids(at)
    paper = Paper.open(at.browser, "/records/shop/new")
    assert paper["_grid"] == ""
    answer = paper.fill(name="新店", kind="retail").press()
    assert answer.status_code == 422
    assert '<a href="#f-address">' in answer.text
    assert '<a href="#f-_grid">请选择这条记录属于哪个网格。' in answer.text
    again = Paper(at.browser, answer).fill(address="北街1号")
    assert (again["name"], again["_grid"]) == ("新店", "")
    again.fill(_grid=GRID).keep()
    assert again.fill(_grid="").press().status_code == 422
    assert Paper.open(at.browser, paper.action).fill(_grid=GRID).press().status_code == 302
    assert views(at.ws, "shop", name="新店")[0]["grid"] == GRID


def test_the_parent_chosen_in_the_form_tells_the_grid_nobody_chose(at: Laptop) -> None:
    with_two_grids(at)
    paper = Paper.open(at.browser, "/records/room/new")
    paper.fill(no="902", label="1-1-902", state="vacant", building_id=rid("building", 1)).press()
    assert views(at.ws, "room", no="902")[0]["grid"] == GRID


@pytest.mark.parametrize("page", ["/issues/new", "/services/new"])
def test_what_is_reported_asks_which_grid_it_belongs_to(at: Laptop, page: str) -> None:
    with_two_grids(at)
    if page == "/issues/new":
        paper = Paper.open(at.browser, page).fill(
            category="FIRE", title="楼道堆物", text="三楼堆放纸箱", place="3号楼", level="2"
        )
    else:
        paper = Paper.open(at.browser, at.browser.post(page).location)
        paper.fill(item="1", words="修灯", applicant="王一")
    answer = paper.press()
    assert answer.text.count('<a href="#f-_grid">') == 1
    assert Paper(at.browser, answer).fill(_grid=GRID).press().status_code == 302
    (made,) = views(at.ws, page.split("/")[1].removesuffix("s"))
    assert made["grid"] == GRID


def test_someone_elses_visit_is_shown_but_not_changed(at: Laptop) -> None:
    pull_in(at.ws, "visit", rid("visit", 1), {"household_id": HOME, "result": "met"})
    page = at.browser.get(f"/records/visit/{rid('visit', 1)}").text
    assert f"/records/visit/{rid('visit', 1)}/edit" not in page
    assert at.browser.get(f"/records/visit/{rid('visit', 1)}/edit").status_code == 404
