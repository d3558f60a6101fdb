"""Forms whose session was over: what was typed comes back to its person, and to nobody else."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from sync_server.services.ids import new_id
from sync_server.services.import_work import Worker
from sync_server.web.refilling import Refilled
from tests.sync_server.registers import workbook
from tests.sync_server.web.staff import GRID, PASSWORD, Town, post, refused_of, sign_in
from tests.sync_server.web.test_pages_imports import ROWS, upload
from tests.sync_server.world import StillClock

WORDS = '停水通知 "明天"\n请 <储> 水'


def token_of(page: str) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]


def typed(client: FlaskClient, **more: str) -> dict[str, str]:
    """Return the notice's form as a clerk filled it in."""
    page = client.get("/notices/new").text
    record_id = re.search(r'name="record_id" value="([^"]+)"', page)[1]
    return {"csrf_token": token_of(page), "record_id": record_id, "title": "清洗水箱",
            "level": "important", "area_code": GRID,
            "issued_at": "2026-09-30T12:00", "valid_to": "", "text": WORDS, **more}  # fmt: skip


def enter(client: FlaskClient, page: str, no: str = "community", password: str = PASSWORD) -> Any:
    """Sign in on a sign-in page as it was answered, with all it carries."""
    hidden = dict(re.findall(r'type="hidden" name="(csrf_token|next|kept)" value="([^"]*)"', page))
    form = {name: unescape(value) for name, value in hidden.items()}
    return client.post("/sign-in", data={**form, "no": no, "password": password})


def stands_again(page: str, form: dict[str, str]) -> None:
    main = page[page.index("<main") :]
    assert "还没有提交" in main
    assert f'name="record_id" value="{form["record_id"]}"' in main
    assert 'value="清洗水箱"' in main
    assert re.search(r'<option value="important" selected', main)
    assert "停水通知 &quot;明天&quot;\n请 &lt;储&gt; 水</textarea>" in main
    assert "没有放回表单" not in main


def test_what_was_typed_comes_back_after_signing_out_in_another_window(
    town: Town, app: Flask
) -> None:
    client = sign_in(app, "community")
    form = typed(client)
    post(client, "/sign-out")
    asked = client.post("/notices/new", data=form)
    assert asked.status_code == 401
    assert "您填写的内容还在" in asked.text
    wrong = enter(client, asked.text, password="wrong-wrong-wrong")
    back = enter(client, wrong.text)
    assert back.status_code == 200
    stands_again(back.text, form)
    assert "清洗水箱" not in client.get("/notices").text
    sent = client.post("/notices/new", data={**form, "csrf_token": token_of(back.text)})
    assert sent.status_code == 303
    assert "清洗水箱" in client.get("/notices").text


def test_what_was_typed_comes_back_after_half_an_hour(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    form = typed(client)
    clock.passes(minutes=31)
    stands_again(enter(client, client.post("/notices/new", data=form).text).text, form)


def test_who_signed_in_again_elsewhere_gets_his_form_at_once(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    form = typed(client)
    post(client, "/sign-out")
    post(client, "/sign-in", no="community", password=PASSWORD)
    answer = client.post("/notices/new", data=form)
    assert answer.status_code == 400
    stands_again(answer.text, form)


def test_a_sign_in_page_that_stood_open_loses_nothing(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    form = typed(client)
    post(client, "/sign-out")
    asked = client.post("/notices/new", data=form).text
    post(client, "/sign-in", no="community", password=PASSWORD)  # in another window
    stands_again(enter(client, asked).text, form)
    post(client, "/sign-out")
    stale = enter(client, asked)
    assert stale.status_code == 400
    assert PASSWORD not in stale.text
    stands_again(enter(client, stale.text).text, form)


def test_nobody_gets_the_words_of_another(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    form = typed(client)
    post(client, "/sign-out")
    asked = client.post("/notices/new", data=form).text
    answer = enter(client, asked, no="street")
    assert answer.status_code == 303
    assert "没有保留" in client.get("/notices/new").text
    late = client.post("/notices/new", data=form)
    assert late.status_code == 400
    assert "清洗水箱" not in late.text
    assert "刷新会清空" in late.text


def test_only_a_form_drawn_here_is_carried_and_never_a_password(town: Town, app: Flask) -> None:
    stranger = app.test_client()
    forged = stranger.post("/notices/new", data={"csrf_token": "made.up.x", "text": WORDS})
    assert "停水通知" not in forged.text
    client = sign_in(app, "community")
    form = typed(client)
    own = {"csrf_token": form["csrf_token"], "old": PASSWORD, "new": "another horse",
           "again": "another horse"}  # fmt: skip
    post(client, "/sign-out")
    answer = client.post("/password", data=own)
    assert PASSWORD not in answer.text
    assert "another horse" not in answer.text
    large = client.post("/notices/new", data={**form, "text": "长" * 50_000})
    assert "长长长" not in large.text
    fits = client.post("/notices/new", data={**form, "text": "长" * 40_000})
    assert "长长长" in enter(client, fits.text).text


def test_a_form_on_another_page_than_it_goes_to_comes_back_there(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    page = f"/waiting/quarantined/{refused_of(town.here)['change_id']}"
    form = {"csrf_token": token_of(client.get(page).text), "words": "请补上出生年月"}
    post(client, "/sign-out")
    came_from = {"Referer": f"http://localhost{page}"}
    asked = client.post(f"{page}/return", data=form, headers=came_from)
    back = enter(client, asked.text).text
    assert "还没有提交" in back
    assert ">\n请补上出生年月</textarea>" in back
    nowhere = client.post(f"{page}/return", data=form).text  # no page says where it stood
    assert "刚才填写的内容" in nowhere or ">\n请补上出生年月</textarea>" in nowhere
    assert "请补上出生年月" in nowhere


def test_the_words_of_a_step_come_back_without_its_photo(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    page = f"/issues/{town.here.ids['issue']}/do/note"
    html = client.get(page).text
    assert 'name="text"' in html
    form = {"csrf_token": token_of(html), "text": "已电话联系物业",
            "photo": (io.BytesIO(bytes(3_000_000)), "a.jpg")}  # fmt: skip
    clock.passes(minutes=31)
    back = enter(client, client.post(page, data=form).text).text
    assert "照片和文件要重新选择" in back
    assert ">\n已电话联系物业</textarea>" in back


def test_what_was_typed_for_one_step_comes_back_into_the_form_of_that_step(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    page = f"/services/{town.here.ids['service']}"
    post(client, f"{page}/step", step_id=new_id(), action="accept")
    steps = forms_of(client.get(page).text)
    assert len(steps) > 2
    form = {"csrf_token": token_of(client.get(page).text), "step_id": new_id(),
            "action": "cancel", "text": "老人说不用了"}  # fmt: skip
    address = next(one["address"] for one in steps if one["action"] == "cancel")
    clock.passes(minutes=31)
    asked = client.post(address, data=form, headers={"Referer": f"http://localhost{page}"})
    back = forms_of(enter(client, asked.text).text)
    assert [(one["label"], one["action"]) for one in back] == [
        (one["label"], one["action"]) for one in steps
    ]
    (opened,) = (one for one in back if one["open"])
    assert opened["action"] == "cancel"
    assert opened["step_id"] == form["step_id"]
    assert ">\n老人说不用了</textarea>" in opened["html"]


def forms_of(page: str) -> list[dict[str, str]]:
    """Return the forms of a service request's steps, with what each says and does."""
    found = re.findall(
        r'<details( open)?><summary[^>]*>([^<]+)</summary>\s*(<form method="post" action="'
        r'([^"]+/step[^"]*)".*?</form>)', page, re.S,
    )  # fmt: skip
    return [
        {"open": opened, "label": label, "html": html, "address": unescape(address)}
        | dict(re.findall(r'name="(action|step_id)" value="([^"]*)"', html))
        for opened, label, html, address in found
    ]


def test_switching_an_account_off_never_comes_back_under_the_words_for_switching_it_on(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "admin")
    one = f"/people/{town.people['neighbour'].user_id}"
    page = f"{one}/account"
    html = client.get(page).text
    address = re.search(r'action="([^"]+/active[^"]*)"', html)[1]
    form = {"csrf_token": token_of(html), "active": "no"}
    clock.passes(minutes=31)
    post(sign_in(app, "district"), f"{one}/active", active="no")  # somebody was faster
    asked = client.post(address, data=form, headers={"Referer": f"http://localhost{page}"})
    assert 'value="no"' not in enter(client, asked.text, no="admin").text
    assert 'name="active" value="yes"' in client.get(page).text


def test_how_many_lines_head_a_register_comes_back(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    page = upload(client, workbook(("居民", ROWS))).headers["Location"]
    Worker(town.centre).work()
    html = client.get(page).text
    assert '<option value="1" selected>1</option>' in html
    form = {"csrf_token": token_of(html), "first": "3", "lines": "2"}
    post(client, "/sign-out")
    came_from = {"Referer": f"http://localhost{page}"}
    back = enter(client, client.post(f"{page}/columns", data=form, headers=came_from).text).text
    assert '<option value="2" selected>2</option>' in back
    assert '<option value="1">1</option>' in back
    assert "没有放回表单" not in back


def test_a_choice_without_values_stays_as_its_page_drew_it() -> None:
    page = (
        '<form method="post"><select name="s"><option>1</option><option selected>2</option>'
        "</select></form>"
    )
    filled = Refilled("/x", "/x", [("s", "1")])
    assert "<option>1</option><option selected>2</option>" in filled.fill(page)
    assert filled.left == ["1"]


def test_a_form_is_filled_by_names_and_order_and_nothing_else_changes() -> None:
    page = (
        '<!doctype html><details class="x"><form method="post"><input name="a" value="1">'
        '<input name="a"><input type="password" name="p"><input type="checkbox" name="c" value="1"'
        ' checked><input type="checkbox" name="c" value="2"><select name="s"><option value="x"'
        ' selected>&amp;X</option><option value="y">Y</option></select><button name="act"'
        ' value="look">?</button></form></details><p>a &lt; b &#38; c</p><input name="a">'
    )
    fields = [("a", '"'), ("a", "<"), ("p", "geheim"), ("c", "2"), ("s", "y"), ("act", "look")]
    filled = Refilled("/x", "/x", [*fields, ("gone", "words")])
    html = filled.fill(page)
    assert filled.found
    assert html == (
        '<!doctype html><details open class="x"><form method="post" action="/x"><input name="a"'
        ' value="&quot;"><input name="a" value="&lt;"><input type="password" name="p"><input'
        ' type="checkbox" name="c" value="1"><input type="checkbox" name="c" value="2" checked>'
        '<select name="s"><option value="x">&amp;X</option><option value="y" selected>Y</option>'
        '</select><button name="act" value="look">?</button></form></details>'
        '<p>a &lt; b &#38; c</p><input name="a">'
    )
    assert filled.left == ["geheim", "words"]
