"""The desks' pages: conflicts, refused changes and doubtful times settled by forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from sync_server.app import create_app
from sync_server.services.centre import Centre
from sync_server.settings import Settings
from tests.sync_server.services.desks import (
    audited,
    change,
    conflict_rows,
    newer_household,
    of_kind,
    stored,
)
from tests.sync_server.web.staff import (
    FIRST_PHONE,
    GRID,
    PASSWORD,
    SECOND_PHONE,
    Town,
    household_of,
    post,
    refused_of,
    sign_in,
)
from tests.sync_server.world import StillClock, household


def seen(page: str) -> dict[str, str]:
    """Return the marks of a desk's entries, to be posted back."""
    return dict(re.findall(r'name="(seen-[0-9a-f-]{36})" value="([^"]+)"', page))


def phone_of(town: Town) -> str:
    """Return the id of the open conflict about the household's phone."""
    [row] = [one for one in conflict_rows(town.centre)
             if one.path == "phone" and one.record_id == town.here.ids["household"]]  # fmt: skip
    return str(row.conflict_id)


def desk_of(town: Town) -> str:
    return f"/conflicts/{town.here.ids['household']}"


def refused_at(town: Town) -> str:
    return f"/waiting/quarantined/{refused_of(town.here)['change_id']}"


def mark_of(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found
    return found[1]


def test_a_conflict_is_decided_by_its_form_and_leaves_the_list(town: Town, app: Flask) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    page = client.get(desk_of(town)).text
    for words in ("100****5555", "100****6666", "100****1234", "网格员w1"):
        assert words in page
    answer = post(client, desk_of(town), **seen(page), **{f"choice-{cid}": "other"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/conflicts")
    page = client.get("/conflicts").text
    assert "已裁决 1 项" in page
    assert "没有。" in page
    decided = client.get("/conflicts?state=decided").text
    assert "改用另一个值" in decided
    assert "职员community" in decided
    assert stored(town.centre, town.here.ids["household"]).fields["phone"] == SECOND_PHONE
    settled = client.get(desk_of(town)).text  # nothing is left to press but by deciding anew
    assert settled.count("提交裁决") == settled.count("重新裁决") > 0
    assert "提交裁决" not in settled.rpartition("</details>")[2]
    history = client.get(f"/records/decision/{cid}").text
    assert "采用另一值" in history


def test_choosing_nothing_or_what_moved_on_is_told_and_what_was_typed_is_kept(
    town: Town, app: Flask
) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    page = client.get(desk_of(town)).text
    answer = post(client, desk_of(town), **seen(page), **{f"choice-{cid}": ""})
    assert answer.status_code == 422
    assert "还没有选" in answer.text
    stale = seen(page) | {f"seen-{cid}": "0" * 16}
    said = {f"choice-{cid}": "ask", f"words-{cid}": "<b>请核实</b>"}
    answer = post(client, desk_of(town), **stale, **said)
    assert answer.status_code == 409
    assert "有人刚裁决过" in answer.text
    assert "&lt;b&gt;请核实&lt;/b&gt;" in answer.text
    assert re.search(rf'id="ask-{cid}"[^>]* checked', answer.text)
    assert [row.decision for row in conflict_rows(town.centre) if row.conflict_id == cid] == [None]


def test_a_new_value_comes_back_as_typed_with_what_is_wrong(town: Town, app: Flask) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    marks = seen(client.get(desk_of(town)).text)
    typed = {f"choice-{cid}": "write", f"value-{cid}": "9" * 31}
    answer = post(client, desk_of(town), **marks, **typed)
    assert answer.status_code == 422
    assert "最多30个字" in answer.text
    assert f'value="{"9" * 31}"' in answer.text


def test_a_new_value_typed_without_choosing_to_is_taken_for_the_choice(
    town: Town, app: Flask
) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    marks = seen(client.get(desk_of(town)).text)
    typed = {f"choice-{cid}": "", f"value-{cid}": "10000007777"}
    assert post(client, desk_of(town), **marks, **typed).status_code == 303
    assert stored(town.centre, town.here.ids["household"]).fields["phone"] == "10000007777"


def test_a_new_value_that_is_doubted_is_asked_about_once_more(town: Town, app: Flask) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    marks = seen(client.get(desk_of(town)).text)
    typed = {f"choice-{cid}": "write", f"value-{cid}": "abc", f"words-{cid}": "查过登记"}
    answer = post(client, desk_of(town), **marks, **typed)
    assert answer.status_code == 422
    assert re.search(rf'class="doubt"[^>]*id="t-{cid}">请核对：[^<]+', answer.text)
    for kept in (f'id="write-{cid}" name="choice-{cid}" value="write" checked', 'value="abc"'):
        assert kept in answer.text
    assert "查过登记" in answer.text
    assert stored(town.centre, town.here.ids["household"]).fields["phone"] == FIRST_PHONE
    [sure] = re.findall(rf'name="sure-{cid}" value="([^"]+)"', answer.text)
    again = {f"sure-{cid}": unescape(sure)}
    other = post(client, desk_of(town), **marks, **typed | {f"value-{cid}": "abd"}, **again)
    assert other.status_code == 422
    assert post(client, desk_of(town), **marks, **typed, **again).status_code == 303
    assert stored(town.centre, town.here.ids["household"]).fields["phone"] == "abc"


def test_the_records_page_offers_to_decide_only_what_is_open(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    before = client.get(household_of(town.here)).text
    assert "去裁决" in before
    assert "显示的值" not in before
    marks = seen(client.get(desk_of(town)).text)
    assert post(client, desk_of(town), **marks, all="other").status_code == 303
    after = client.get(household_of(town.here)).text
    assert "去裁决" not in after
    assert f'href="{desk_of(town)}">裁决经过' in after
    assert re.search(r"<th[^>]*>先到的值</th><th[^>]*>另一个值</th>", after)


def test_one_button_settles_every_open_entry_and_no_decided_one(town: Town, app: Flask) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    marks = seen(client.get(desk_of(town)).text)
    assert post(client, desk_of(town), **marks, all="stand").status_code == 303
    mine = {row.conflict_id: row for row in conflict_rows(town.centre)
            if row.record_id == town.here.ids["household"]}  # fmt: skip
    assert mine[cid].decision == "kept"
    assert [row.decided_by for row in mine.values() if row.automatic] == [None]


def test_asking_a_worker_keeps_the_entry_on_the_list(town: Town, app: Flask) -> None:
    client, cid = sign_in(app, "community"), phone_of(town)
    marks = seen(client.get(desk_of(town)).text)
    said = {f"choice-{cid}": "ask", f"words-{cid}": "请打电话核实"}
    answer = post(client, desk_of(town), **marks, **said)
    assert answer.headers["Location"] == desk_of(town)
    page = client.get(desk_of(town)).text
    assert "已请 网格员w1 核实" in page
    assert "请打电话核实" in page
    assert "1 项已请人核实" in client.get("/conflicts").text


def test_a_refused_change_is_put_right_and_released(town: Town, app: Flask) -> None:
    client, address = sign_in(app, "community"), refused_at(town)
    page = client.get(address).text
    assert "为什么没有入库" in page
    assert "缺项" not in page
    assert "现为 缺*；不填则不改" in page
    form = {
        "seen": mark_of(page), "sex": "1", "birth": "很久以前", "relation": "02",
        "household_id": town.here.ids["household"], "reside": "registered",
        "notice_version": "2026-1", "notice_at": "2026-09-30T08:41", "basis": "consent",
    }  # fmt: skip
    answer = post(client, f"{address}/release", **form)
    assert answer.status_code == 422
    assert "还不能放行" in answer.text
    assert 'value="很久以前"' in answer.text
    assert "年月应写作 1951-04" in answer.text
    answer = post(client, f"{address}/release", **(form | {"birth": "1951-04"}))
    assert answer.headers["Location"] == "/waiting/quarantined"
    page = client.get("/waiting/quarantined").text
    assert "已放行" in page
    assert "没有。" in page
    assert stored(town.centre, refused_of(town.here)["record_id"]).fields["name"] == "缺项"
    assert "已经入库" in client.get(address).text


def test_sending_back_asks_for_words_and_keeps_the_marks(town: Town, app: Flask) -> None:
    client, address = sign_in(app, "community"), refused_at(town)
    mark = mark_of(client.get(address).text)
    answer = post(client, f"{address}/return", seen=mark, words=" ", **{"mark-birth": "看证件"})
    assert answer.status_code == 422
    assert "退回修改要写明" in answer.text
    assert 'value="看证件"' in answer.text
    said = {"words": "请补齐", "mark-birth": "看证件"}
    assert post(client, f"{address}/return", seen=mark, **said).status_code == 303
    assert "没有。" in client.get("/waiting/quarantined").text
    assert "处理" in client.get("/waiting/quarantined?desk=returned").text
    [asked] = of_kind(town.centre, "correction")
    assert asked.fields["marked"] == {"birth": {"words": "看证件"}}
    answer = post(client, f"{address}/return", seen=mark, **said)
    assert answer.status_code == 409


def test_not_taking_a_change_needs_a_reason(town: Town, app: Flask) -> None:
    client, address = sign_in(app, "community"), refused_at(town)
    mark = mark_of(client.get(address).text)
    assert "不予采纳要写明原因" in post(client, f"{address}/dismiss", seen=mark).text
    assert post(client, f"{address}/dismiss", seen=mark, words="重复").status_code == 303
    assert "处理经过" in client.get(address).text
    assert change(town.centre, refused_of(town.here)["change_id"]).desk == "dismissed"


@pytest.mark.parametrize("where", [desk_of, refused_at])
def test_full_values_are_shown_for_a_reason_in_this_answer_alone(
    town: Town, app: Flask, where: Callable[[Town], str]
) -> None:
    client, address = sign_in(app, "community"), where(town)
    hidden = "10000006666" if where is desk_of else "缺项"
    answer = post(client, f"{address}/unmask", reason=" ")
    assert answer.status_code == 422
    assert hidden not in answer.text
    assert hidden in post(client, f"{address}/unmask", reason="核对电话").text
    assert hidden not in client.get(address).text
    assert audited(town.centre)[-1] == "unmask"


def test_doubtful_times_are_confirmed_and_a_wrong_one_is_told(
    town: Town, app: Flask, clock: StillClock
) -> None:
    laptop, client = town.here.laptop, sign_in(app, "community")
    laptop.slow_s = 3 * 3600
    ids = [laptop.write("household", "create", household(), grid=GRID)["change_id"]
           for _ in range(3)]  # fmt: skip
    laptop.send()
    assert "慢 3 小时" in client.get("/times").text
    blank = {f"time-{one}": "" for one in ids}
    assert "还没有选" in post(client, "/times", **blank).text
    late = blank | {f"time-{ids[0]}": "2026-09-30T12:30"}
    answer = post(client, "/times", **late)
    assert answer.status_code == 422
    assert "不能晚于收到的时间" in answer.text
    assert 'value="2026-09-30T12:30"' in answer.text
    assert post(client, "/times", **blank, confirm=ids[0]).status_code == 303
    assert "已核实 1 条" in client.get("/times").text
    assert post(client, "/times", **blank, all="1").status_code == 303
    page = client.get("/times").text
    assert "已核实 2 条" in page
    assert "没有。" in page
    page = client.get(f"/records/household/{laptop.log[-1]['record_id']}").text
    assert "时间已核实" in page


def test_held_changes_say_what_they_wait_for(town: Town, app: Flask, clock: StillClock) -> None:
    clock.passes(days=6)
    client = sign_in(app, "community")
    page = client.get("/waiting/held?long=1").text
    assert "还没有终端送来" in page
    assert "超过 5 天" in page
    [held] = [one for one in town.here.laptop.log if one["fields"].get("remarks") == "无主"]
    laptop = town.here.laptop
    laptop.write("household", "create", {"code": "x"}, held["record_id"], grid=GRID)
    laptop.send()
    page = client.get("/waiting/held").text
    assert f"/waiting/quarantined/{laptop.log[-1]['change_id']}" in page


def test_an_upgraded_server_judges_again_at_its_start_and_by_a_button(
    centre: Centre, town: Town, app: Flask, settings: Settings, clock: StillClock
) -> None:
    laptop = town.here.laptop
    newer = {"code": "H-2", "room_id": town.here.ids["room"], "kind": "family", "note": "甲"}
    first = laptop.write("household", "create", newer, grid=GRID, schema=2)
    laptop.send()
    client = sign_in(app, "community")
    assert "重新判断了 0 条" in post_and_follow(client, "/waiting/replay")
    with newer_household():
        restarted = create_app(settings, clock=clock)
        assert change(centre, first["change_id"]).outcome == "applied"
    restarted.extensions["gridrounds_centre"].store.close()


def post_and_follow(client: Any, address: str) -> str:
    """Post an empty form and return the page it leads to."""
    return str(client.get(post(client, address).headers["Location"]).text)


def test_a_conflict_is_decided_by_keyboard_alone(
    town: Town, app: Flask, live_server: Callable[[Any], str], browser_page: Callable[..., Page]
) -> None:
    page, address, cid = browser_page("laptop"), live_server(app), phone_of(town)
    page.goto(f"{address}/sign-in")
    expect(page.locator("[name=no]")).to_be_focused()
    page.keyboard.type("community")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text("登录")
    page.goto(f"{address}{desk_of(town)}")
    page.focus(f"#stand-{cid}")
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#other-{cid}")).to_be_checked()
    page.focus(f"#words-{cid}")
    page.keyboard.type("已核实")
    page.get_by_role("button", name="提交裁决").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已裁决 1 项")
    [told] = [one for one in of_kind(town.centre, "decision") if one.record_id == cid]
    assert told.fields["words"] == "已核实"
