"""Signing in and out, sessions, forms, languages, headers: what stands around every page."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.app import app_of
from sync_server.services import accounts
from sync_server.services.centre import open_centre, reopened
from sync_server.services.districts import begin_synthetic
from sync_server.settings import Settings
from sync_server.store.tables import audit
from sync_server.web.errors import OF_HTTP, SENTENCES, STATUS
from tests.sync_server.web.staff import (
    PASSWORD,
    Town,
    household_of,
    post,
    refused_of,
    sign_in,
    token,
)
from tests.sync_server.world import DISTRICT, StillClock


def test_a_right_password_leads_to_the_page_that_was_asked_for(town: Town, app: Flask) -> None:
    client = app.test_client()
    asked = client.get("/records/resident?q=lsl")
    assert asked.status_code == 302
    assert asked.headers["Location"] == "/sign-in?next=/records/resident?q%3Dlsl"
    answer = post(client, "/sign-in", no="community", password=PASSWORD, next="/uploads?day=x")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/uploads?day=x"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)",
     "/\t/evil.example", "evil"],
)  # fmt: skip
def test_signing_in_never_leads_to_another_site(
    quiet_town: Town, quiet_app: Flask, elsewhere: str
) -> None:
    client = quiet_app.test_client()
    answer = post(client, "/sign-in", no="community", password=PASSWORD, next=elsewhere)
    assert answer.headers["Location"] == "/"


def test_a_wrong_password_keeps_the_number_and_says_no_more(town: Town, app: Flask) -> None:
    client = app.test_client()
    wrong = post(client, "/sign-in", no="community", password="wrong-wrong-wrong")
    unknown = post(client, "/sign-in", no="nobody", password="wrong-wrong-wrong")
    assert wrong.status_code == unknown.status_code == 403
    assert "工号或密码不对。" in wrong.text
    assert 'value="community"' in wrong.text
    assert "wrong-wrong-wrong" not in wrong.text
    assert "工号或密码不对。" in unknown.text


def test_five_wrong_passwords_lock_somebody_out_and_say_until_when(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = app.test_client()
    for _ in range(5):
        post(client, "/sign-in", no="community", password="wrong-wrong-wrong")
    answer = post(client, "/sign-in", no="community", password=PASSWORD)
    assert answer.status_code == 403
    assert "2026-09-30 12:15" in answer.text
    clock.passes(minutes=16)
    assert post(client, "/sign-in", no="community", password=PASSWORD).status_code == 303


def test_sign_ins_are_limited_by_the_minute(tmp_path, clock: StillClock) -> None:
    settings = Settings(tmp_path, district=DISTRICT, sign_ins_per_minute=3, testing=True)
    client = app_of(open_centre(settings, clock)).test_client()
    answers = [post(client, "/sign-in", no="x", password="x" * 10).status_code for _ in range(5)]
    assert answers == [403, 403, 403, 429, 429]
    assert "操作太频繁" in post(client, "/sign-in", no="x", password="x" * 10).text


def test_half_an_hour_without_a_request_ends_a_session(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    for _ in range(3):
        clock.passes(minutes=29)
        assert client.get("/").status_code == 200
    clock.passes(minutes=30)
    answer = client.get("/")
    assert answer.status_code == 302
    assert "离开超过30分钟" in client.get(answer.headers["Location"]).text


def test_signing_out_ends_the_session(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    assert post(client, "/sign-out").status_code == 303
    assert client.get("/").status_code == 302


def copied(client: FlaskClient, app: Flask) -> FlaskClient:
    """Return another browser that was given a copy of the session's cookie."""
    cookie, other = client.get_cookie("gridrounds_centre"), app.test_client()
    assert cookie is not None
    other.set_cookie(cookie.key, cookie.value)
    return other


def test_signing_out_ends_the_session_for_who_copied_its_cookie(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client, elsewhere = sign_in(app, "community"), sign_in(app, "community")
    copy = copied(client, app)
    assert copy.get("/").status_code == 200
    assert post(client, "/sign-out").status_code == 303
    answer = copy.get("/")
    assert answer.status_code == 302
    assert "您已退出" in copy.get(answer.headers["Location"]).text
    another_process = app_of(reopened(town.centre))
    assert copied(copy, another_process).get("/").status_code == 302
    assert elsewhere.get("/").status_code == 200  # the same person's other browser
    for _ in range(4):  # the copy is asked with until its sign-out is forgotten
        clock.passes(minutes=20)
        assert copied(copy, app).get("/").status_code == 302
        assert elsewhere.get("/").status_code == 200
    again = sign_in(app, "community")
    assert post(again, "/sign-out").status_code == 303
    assert copied(copy, app).get("/").status_code == 302


def test_a_session_used_under_a_clock_that_was_ahead_ends_as_others_do(
    town: Town, app: Flask, clock: StillClock
) -> None:
    clock.passes(days=300)
    client = sign_in(app, "community")
    clock.passes(days=-300)
    assert client.get("/").status_code == 302


def test_a_session_of_an_older_program_signs_in_once_more(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    with client.session_transaction() as known:
        del known["session_id"]
    assert client.get("/").status_code == 302


def test_choosing_another_password_ends_every_other_session(town: Town, app: Flask) -> None:
    client, elsewhere = sign_in(app, "community"), sign_in(app, "community")
    copy = copied(client, app)
    new = "another horse battery"
    assert post(client, "/password", old=PASSWORD, new=new, again=new).status_code == 303
    assert client.get("/").status_code == 200
    assert copy.get("/").status_code == elsewhere.get("/").status_code == 302


def test_a_new_password_ends_sessions_that_were_open(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    centre, person = town.centre, town.people["community"]
    accounts.change_password(
        centre.store, centre.code, person.user_id, PASSWORD, "another horse", centre.clock()
    )
    assert client.get("/").status_code == 302


def test_somebody_made_inactive_is_out_at_once(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    with town.centre.store.writing() as connection:
        accounts.set_active(
            connection, DISTRICT, town.people["community"].user_id, False, town.centre.clock(),
            by=town.people["admin"].user_id,
        )  # fmt: skip
    assert client.get("/").status_code == 302


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    tmp_path, clock: StillClock, quiet_app: Flask
) -> None:
    plain = quiet_app.test_client().get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    settings = Settings(tmp_path, district=DISTRICT, behind_tls=True, testing=True)
    answer = app_of(open_centre(settings, clock)).test_client().get("/sign-in")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_no_form_is_taken_without_its_token(town: Town, app: Flask) -> None:
    client = sign_in(app, "admin")
    forms = [rule for rule in app.url_map.iter_rules() if "POST" in rule.methods]
    pages = [rule for rule in forms if not rule.rule.startswith("/api/")]
    assert len(pages) > 30
    for rule in pages:
        values = {"kind": "household", "record_id": town.here.ids["household"],
                  "device_id": town.here.laptop.device_id,
                  "change_id": refused_of(town.here)["change_id"],
                  "user_id": town.here.worker.user_id, "action": "accept",
                  "day": "2026-05-06"}  # fmt: skip
        with app.test_request_context():
            given = {name: values.get(name, town.here.worker.user_id) for name in rule.arguments}
            address = rule.build(given)[1]
        answer = client.post(address, data={"reason": "核对电话"})
        if rule.endpoint.startswith("handed."):  # a unit's own pages, closed before any form
            assert answer.status_code == 403, address
            continue
        if rule.endpoint == "account.sign_in":  # is signed in already
            assert answer.status_code == 303
            continue
        assert answer.status_code == 400, address
        assert "表单已失效" in answer.text
    with town.centre.store.reading() as connection:
        unmasked = sa.select(audit.c.audit_id).where(audit.c.action == "unmask")
        assert connection.execute(unmasked).first() is None


def test_the_token_may_come_in_a_header_as_htmx_sends_it(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    page = client.get(household_of(town.here)).text
    found = re.search(r"""hx-headers='\{"X-CSRFToken": "([^"]+)"\}'""", page)
    assert found
    address = f"{household_of(town.here)}/seen"
    assert client.post(address, headers={"X-CSRFToken": found[1]}).status_code == 204


def test_the_language_is_chinese_until_somebody_switches_and_stays_switched(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = quiet_app.test_client()
    page = client.get("/sign-in", headers={"Accept-Language": "en"}).text
    assert '<html lang="zh-CN">' in page
    answer = post(client, "/language", lang="en", next="/sign-in?next=/uploads")
    assert answer.headers["Location"] == "/sign-in?next=/uploads"
    assert '<html lang="en">' in client.get("/sign-in").text
    assert "Sign in" in client.get("/sign-in").text
    post(client, "/sign-in", no="community", password=PASSWORD)
    assert "Uploads received" in client.get("/").text
    assert post(client, "/language", lang="xx", next="//evil").headers["Location"] == "/"
    assert '<html lang="zh-CN">' in client.get("/").text


def test_every_answer_carries_the_headers_of_a_careful_site(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "community")
    for address in ("/", "/sign-in", "/nowhere", "/static/staff.css", "/records/resident"):
        headers = client.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        if not address.startswith("/static"):
            assert headers["Cache-Control"] == "no-store"


def test_pages_carry_no_inline_script_or_style(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    for address in ("/", "/records/resident", household_of(quiet_town.here), "/notices/new"):
        page = client.get(address).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src=)", page)


def test_failures_are_pages_that_say_what_to_do(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    cases = [
        (client.get("/nowhere"), 404, "没有这个页面或记录"),
        (client.get("/audit"), 403, "您的角色不能这样做"),
        (client.put("/uploads", headers={"X-CSRFToken": token(client)}), 405, "不能这样访问"),
        (
            client.post("/notices/new", data={"csrf_token": "x", "text": "字" * 400_000}),
            413,
            "太大",
        ),
    ]
    for answer, status, words in cases:
        assert answer.status_code == status
        assert words in answer.text
        assert answer.text.count("<h1>") == 1
    assert "GET" in cases[2][0].headers["Allow"]


def test_a_foreign_name_for_the_server_gets_one_plain_sentence(quiet_app: Flask) -> None:
    answer = quiet_app.test_client().get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.mimetype == "text/plain"
    assert "不是本服务器登记的名称" in answer.text


def test_a_fault_of_our_own_shows_a_page_without_its_insides(
    town: Town, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(app, "community")
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("sync_server.web.uploads.uploads.uploads_of_day", lambda *_: 1 / 0)
    answer = client.get("/uploads")
    assert answer.status_code == 500
    assert "服务器出错了" in answer.text
    assert "ZeroDivision" not in answer.text


def test_every_code_with_a_status_has_a_sentence() -> None:
    assert set(STATUS) | set(OF_HTTP.values()) <= set(SENTENCES)


def test_demo_data_carry_a_banner_on_every_page(tmp_path, clock: StillClock) -> None:
    opened = open_centre(Settings(tmp_path, district=DISTRICT, testing=True), clock)
    assert "演示数据" not in app_of(opened).test_client().get("/sign-in").text
    with opened.store.writing() as connection:
        begin_synthetic(connection, DISTRICT, "繁山县")
    page = app_of(reopened(opened)).test_client().get("/sign-in").text
    assert "演示数据" in page
    assert "繁山县" in page


def test_a_name_with_a_nul_is_nobodys_on_either_database(any_centre):
    client = app_of(any_centre).test_client()
    answer = post(client, "/sign-in", no="w\0", password="whatever it is")
    assert 400 <= answer.status_code < 500, answer.status_code
