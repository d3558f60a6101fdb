"""Accounts on the pages: one's own password, forgotten ones, and keeping out who left."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from schemas.exchange import API
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, audit_chain
from sync_server.store.audit_chain import head
from sync_server.store.tables import audit
from tests.sync_server.web import staff
from tests.sync_server.web.staff import GRID, PASSWORD, Town, post, sign_in
from tests.sync_server.world import COMMUNITY

NEW = "another horse battery"
OPEN = {"account.sign_in", "account.code", "account.password", "healthz", "readyz", "metrics"}
"""Pages without an address of their own that answer whoever asks, or ask for a password."""


def enters(app: Flask, no: str, password: str) -> bool:
    return bool(post(app.test_client(), "/sign-in", no=no, password=password).status_code == 303)


def noted(town: Town, action: str) -> list[tuple[Any, ...]]:
    """Return who did this to whom."""
    wanted = sa.select(audit.c.user_id, audit.c.target).where(audit.c.action == action)
    with town.centre.store.reading() as connection:
        return [tuple(row) for row in connection.execute(wanted)]


def test_ones_own_password_is_changed_with_the_old_one(town: Town, app: Flask) -> None:
    here, elsewhere = sign_in(app, "community"), sign_in(app, "community")
    assert 'href="/password"' in here.get("/").text
    for form, words in (
        ({"old": "wrong-wrong-wrong", "new": NEW, "again": NEW}, "原密码不对。"),
        ({"old": PASSWORD, "new": NEW, "again": NEW + "x"}, "两次输入的新密码不同。"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "密码应为10至200个字符。"),
        ({"old": PASSWORD, "new": PASSWORD, "again": PASSWORD}, "新密码和原密码一样，请换一个。"),
    ):
        answer = post(here, "/password", **form)
        assert answer.status_code in (403, 422)
        assert words in answer.text
        assert form["new"] not in answer.text
    assert post(here, "/password", old=PASSWORD, new=NEW, again=NEW).status_code == 303
    assert "密码已修改" in here.get("/").text
    assert elsewhere.get("/").status_code == 302
    assert enters(app, "community", NEW)
    assert not enters(app, "community", PASSWORD)
    assert noted(town, "change_password") == [(town.people["community"].user_id, None)]


def test_a_forgotten_password_is_set_anew_and_shown_once(town: Town, app: Flask) -> None:
    admin, forgetful = sign_in(app, "admin"), sign_in(app, "street")
    user_id = town.people["street"].user_id
    assert f'href="/people/{user_id}/account"' in admin.get("/people").text
    page = post(admin, f"/people/{user_id}/password").text
    password = re.search(r'id="new-password">([a-z0-9-]{14})<', page)[1]
    assert password not in admin.get(f"/people/{user_id}/account").text
    assert forgetful.get("/").status_code == 302
    assert enters(app, "street", password)
    assert not enters(app, "street", PASSWORD)
    assert noted(town, "reset_password") == [(town.people["admin"].user_id, user_id)]


def given(town: Town, app: Flask, no: str) -> tuple[Any, str]:
    """Let the administrator set somebody's password; return him signed in by it, and it."""
    page = post(sign_in(app, "admin"), f"/people/{town.people[no].user_id}/password").text
    password = re.search(r'id="new-password">([a-z0-9-]{14})<', page)[1]
    client = app.test_client()
    answer = post(client, "/sign-in", no=no, password=password, next="/issues")
    assert answer.headers["Location"] == "/password"
    assert "这个密码是别人替您设的" in client.get("/password").text
    return client, password


def test_nothing_is_done_by_a_password_that_somebody_else_knows(town: Town, app: Flask) -> None:
    client, password = given(town, app, "district")
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.arguments or rule.rule.startswith(API):
            continue
        if rule.endpoint not in OPEN:
            answer = client.get(rule.rule)
            told = (answer.status_code, answer.headers.get("Location"))
            assert told == (303, "/password"), rule.rule
    part = client.get("/issues", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Redirect"]) == (401, "/password")
    refused = post(client, f"/people/{town.people['community'].user_id}/active", active="no")
    assert "这个密码是别人替您设的" in refused.text
    assert enters(app, "community", PASSWORD)
    assert post(client, "/password", old=password, new=password, again=password).status_code == 422
    assert "这个密码是别人替您设的" in client.get("/password").text
    assert post(client, "/password", old=password, new=NEW, again=NEW).status_code == 303
    assert client.get("/issues").status_code == 200
    assert "别人替您设的" not in client.get("/password").text
    again = app.test_client()
    assert post(again, "/sign-in", no="district", password=NEW).headers["Location"] == "/"


def test_a_form_left_open_outlasts_a_password_that_was_set_anew(town: Town, app: Flask) -> None:
    before = sign_in(app, "street")
    form = {"reason": "本人来电更正的原因", "csrf_token": staff.token(before)}
    client, password = given(town, app, "street")
    asked = client.post("/levels", data=form)
    carried = html.unescape(re.search(r'name="kept" value="([^"]*)"', asked.text)[1])
    assert "本人来电更正的原因" in carried
    wrong = post(client, "/password", old=password, new="short", again="short", kept=carried)
    assert "本人来电更正的原因" in wrong.text
    there = post(client, "/password", old=password, new=NEW, again=NEW, kept=carried)
    assert "本人来电更正的原因" in there.text
    assert client.get("/issues").status_code == 200


def test_who_left_is_kept_out_and_let_in_again(town: Town, app: Flask) -> None:
    district, left = sign_in(app, "district"), sign_in(app, "community")
    user_id, by = town.people["community"].user_id, town.people["district"].user_id
    assert post(district, f"/people/{user_id}/active", active="no").status_code == 303
    assert "账号已停用" in district.get(f"/people/{user_id}/account").text
    assert left.get("/").status_code == 302
    assert not enters(app, "community", PASSWORD)
    assert post(district, f"/people/{user_id}/active", active="yes").status_code == 303
    assert enters(app, "community", PASSWORD)
    assert noted(town, "deactivate_user") == noted(town, "activate_user") == [(by, user_id)]


def test_the_laptop_of_a_worker_who_was_kept_out_is_answered_as_a_revoked_one(
    town: Town, app: Flask
) -> None:
    admin, laptop = sign_in(app, "admin"), town.here.laptop
    address = f"/people/{town.here.worker.user_id}"
    assert post(admin, f"{address}/password").status_code == 422
    post(admin, f"{address}/active", active="no")
    with pytest.raises(Refusal, match="device_revoked"):
        laptop.send()
    post(admin, f"{address}/active", active="yes")
    assert laptop.send()


@pytest.mark.parametrize("other", ["admin", "auditor", "second"])
def test_the_district_handles_nobody_of_its_own_rank(town: Town, app: Flask, other: str) -> None:
    staff.hire(town, "second", "district", ("990101",))
    district = sign_in(app, "district")
    refused_everywhere(town, app, "district", other, 403)
    user_id = town.people[other].user_id
    assert f"/people/{user_id}/account" not in district.get("/people").text


def test_nobody_handles_his_own_account_or_beyond_his_areas(town: Town, app: Flask) -> None:
    refused_everywhere(town, app, "admin", "admin", 403)
    staff.hire(town, "near", "admin", ("990101",))
    staff.narrow(town, "near", (COMMUNITY,))
    refused_everywhere(town, app, "near", "neighbour", 404)
    refused_everywhere(town, app, "near", "street", 404)  # not inside, but around
    staff.hire(town, "both", "leader", (GRID, "990101100008001"))
    refused_everywhere(town, app, "near", "both", 403)
    for role in ("street", "community", "leader", "department", "auditor", "worker"):
        refused_everywhere(town, app, role, "community", 403)


def test_what_is_of_the_whole_district_needs_all_of_it(town: Town, app: Flask) -> None:
    for role in ("admin", "district", "auditor"):
        with pytest.raises(Refusal, match="whole_district_role"):
            staff.hire(town, f"part-{role}", role, (COMMUNITY,))
        staff.narrow(town, role, (COMMUNITY,))
    for role in ("admin", "auditor"):
        answer = sign_in(app, role).get("/audit")
        assert answer.status_code == 403
        assert "全区县" in answer.text
    admin, district = sign_in(app, "admin"), sign_in(app, "district")
    assert admin.get("/units/new").status_code == 403
    assert admin.get("/people").status_code == 200
    assert district.get("/working-hours").status_code == 403
    assert "/audit" not in admin.get("/people").text


def refused_everywhere(town: Town, app: Flask, no: str, other: str, status: int) -> None:
    """See that somebody neither sees, resets nor switches off another, and that nothing is done."""
    client, one = sign_in(app, no), f"/people/{town.people[other].user_id}"
    assert client.get(f"{one}/account").status_code == status
    assert post(client, f"{one}/password").status_code == status
    assert post(client, f"{one}/active", active="no").status_code == status
    with town.centre.store.reading() as connection:
        kept = accounts.get_user(connection, town.centre.code, town.people[other].user_id)
    assert kept == town.people[other]


def test_who_has_no_password_is_told_apart_from_who_has_a_laptop(town: Town, app: Flask) -> None:
    with town.centre.store.writing() as connection:
        accounts.add_user(
            connection, town.centre.code, no="d2", name="无密码", role="department",
            scope_codes=["990101"], now=town.centre.clock(),
        )  # fmt: skip
    page = sign_in(app, "admin").get("/people").text
    rows = dict(re.findall(r"</th><td>(\w+)</td>(.*?)</tr>", page, re.S))
    assert "未开通登录" in rows["d2"]
    assert "只在终端" in rows["w1"]


def test_the_audits_page_shows_the_head_of_its_chain(town: Town, app: Flask) -> None:
    auditor, centre = sign_in(app, "auditor"), town.centre
    assert "还没有连入链的审计记录" in auditor.get("/audit").text
    linked = audit_chain.extend(centre.store, centre.code)
    with centre.store.reading() as connection:
        last = head(connection, centre.code)
    assert last.no == linked
    assert f'<code class="chain-head">{linked}:{last.hash}</code>' in auditor.get("/audit").text
