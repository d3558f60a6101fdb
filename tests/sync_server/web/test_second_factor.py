"""The second factor of staff: set up on a page, asked for after the password, taken away."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.app import app_of
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, second_factor
from sync_server.services.centre import Centre
from sync_server.store.guard_tables import second_factors
from sync_server.store.tables import audit, users
from tests.sync_server.web.staff import PASSWORD, Town, post, sign_in
from tests.sync_server.world import DISTRICT, StillClock

STEP = timedelta(seconds=30)
NOBODY = "999999"
"""A code that is wrong, as good as always; the clock of these tests stands still."""


def secret_on(page: str) -> str:
    found = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', page)
    assert found, page
    return found[1].replace(" ", "")


def code_of(secret: str, clock: StillClock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock.now + STEP * steps)


def set_up(client: FlaskClient, clock: StillClock) -> tuple[str, list[str]]:
    """Set a second factor up as a person would; return its secret and the recovery codes."""
    secret = secret_on(post(client, "/second-factor/begin").text)
    answer = post(client, "/second-factor/confirm", code=code_of(secret, clock))
    assert answer.status_code == 200, answer.text
    recovery = re.findall(r"<li><code>([a-z0-9-]+)</code>", answer.text)
    assert len(recovery) == 10
    clock.now += 2 * STEP  # the code of the set-up serves no more
    return secret, recovery


def half(app: Flask, no: str = "community", wanted: str = "") -> FlaskClient:
    """Return a client that gave the right password and is asked for a code."""
    client = app.test_client()
    answer = post(client, "/sign-in", no=no, password=PASSWORD, next=wanted)
    assert answer.status_code == 200
    assert 'name="code"' in answer.text
    return client


def is_in(client: FlaskClient) -> bool:
    return client.get("/").status_code == 200


def noted(town: Town, action: str) -> list[Any]:
    wanted = sa.select(audit.c.user_id, audit.c.target, audit.c.detail)
    with town.centre.store.reading() as connection:
        found = connection.execute(wanted.where(audit.c.action == action))
        return [tuple(row) for row in found]


def test_a_second_factor_is_set_up_with_a_code_and_asked_for_after_the_password(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client, elsewhere = sign_in(app, "community"), sign_in(app, "community")
    assert 'href="/second-factor"' in client.get("/password").text
    begun = post(client, "/second-factor/begin")
    assert 'src="data:image/svg+xml' in begun.text
    secret = secret_on(begun.text)
    wrong = post(client, "/second-factor/confirm", code=NOBODY)
    assert wrong.status_code == 422
    assert secret_on(wrong.text) == secret
    assert is_in(sign_in(app, "community"))  # nothing is asked for yet

    secret, recovery = set_up(client, clock)
    assert is_in(client)
    assert not is_in(elsewhere)
    assert "已设置" in client.get("/second-factor").text
    assert post(client, "/second-factor/begin").status_code == 409

    entering = half(app, wanted="/people")
    assert not is_in(entering)
    said = post(entering, "/sign-in/code", code=code_of(secret, clock), next="/people")
    assert (said.status_code, said.location) == (303, "/people")
    assert is_in(entering)
    me = town.people["community"].user_id
    assert noted(town, "second_factor_set") == [(me, None, None)]

    kept = town.centre.store
    with kept.reading() as connection:
        row = connection.execute(sa.select(second_factors)).one()
    text = repr(tuple(row))
    assert secret not in text
    assert [one for one in recovery if one in text or one.replace("-", "") in text] == []


def test_a_code_is_taken_once_and_its_neighbours_in_time(
    town: Town, app: Flask, clock: StillClock
) -> None:
    secret, _ = set_up(sign_in(app, "community"), clock)
    now = code_of(secret, clock)
    first, second = half(app), half(app)
    assert post(first, "/sign-in/code", code=now).status_code == 303
    again = post(second, "/sign-in/code", code=now)
    assert again.status_code == 422
    assert "已用过" in again.text
    assert post(second, "/sign-in/code", code=code_of(secret, clock, -1)).status_code == 422
    assert post(second, "/sign-in/code", code=code_of(secret, clock, 2)).status_code == 422
    assert post(second, "/sign-in/code", code=code_of(secret, clock, 1)).status_code == 303
    assert is_in(second)


def test_a_recovery_code_stands_in_for_the_phone_once(
    town: Town, app: Flask, clock: StillClock
) -> None:
    _, recovery = set_up(sign_in(app, "community"), clock)
    typed = recovery[3].upper().replace("-", " ")
    client = half(app)
    assert post(client, "/sign-in/code", code=typed).status_code == 303
    assert "<dd>9</dd>" in client.get("/second-factor").text
    assert post(half(app), "/sign-in/code", code=recovery[3]).status_code == 422
    me = town.people["community"].user_id
    assert (me, None, {"recovery_left": 9}) in noted(town, "sign_in")


def test_wrong_codes_lock_out_as_wrong_passwords_do_and_a_right_password_forgives_none(
    town: Town, app: Flask, clock: StillClock
) -> None:
    secret, _ = set_up(sign_in(app, "community"), clock)
    for _ in range(2):
        post(app.test_client(), "/sign-in", no="community", password="wrong-wrong-wrong")
    for _ in range(3):
        assert post(half(app), "/sign-in/code", code=NOBODY).status_code == 422
    locked = post(app.test_client(), "/sign-in", no="community", password=PASSWORD)
    assert locked.status_code == 403
    assert "已暂停登录" in locked.text
    clock.now += timedelta(minutes=16)
    client = half(app)
    assert post(client, "/sign-in/code", code=code_of(secret, clock)).status_code == 303


def test_a_password_alone_opens_nothing_and_is_too_old_after_five_minutes(
    town: Town, app: Flask, clock: StillClock
) -> None:
    secret, _ = set_up(sign_in(app, "community"), clock)
    waiting, switched = half(app), half(app)
    for address in ("/", "/people", "/password", "/second-factor", "/prove"):
        assert waiting.get(address).status_code == 302
    clock.now += timedelta(minutes=5)
    late = post(waiting, "/sign-in/code", code=code_of(secret, clock))
    assert (late.status_code, late.location) == (303, "/sign-in")
    switched = half(app)
    with town.centre.store.writing() as connection:
        me = town.people["community"].user_id
        accounts.set_active(connection, DISTRICT, me, False, clock.now)
    assert post(switched, "/sign-in/code", code=code_of(secret, clock)).location == "/sign-in"
    assert post(app.test_client(), "/sign-in/code", code=NOBODY).location == "/sign-in"


def test_an_administrator_takes_it_away_from_who_lost_his_phone(
    town: Town, app: Flask, clock: StillClock
) -> None:
    mine = sign_in(app, "community")
    set_up(mine, clock)
    admin = sign_in(app, "admin")
    one = f"/people/{town.people['community'].user_id}"
    assert "有第二重验证" in admin.get("/people").text
    assert "解除第二重验证" in admin.get(f"{one}/account").text
    assert post(sign_in(app, "street"), f"{one}/second-factor").status_code == 403
    assert post(admin, f"{one}/second-factor").status_code == 303
    assert not is_in(mine)
    assert is_in(sign_in(app, "community"))
    assert "解除第二重验证" not in admin.get(f"{one}/account").text
    assert post(admin, f"{one}/second-factor").status_code == 409
    by, target = town.people["admin"].user_id, town.people["community"].user_id
    assert noted(town, "second_factor_removed") == [(by, target, None)]


def test_who_has_to_have_one_is_led_to_it_before_anything_else(
    town: Town, app: Flask, clock: StillClock
) -> None:
    admin, mine, other = sign_in(app, "admin"), sign_in(app, "community"), sign_in(app, "street")
    assert post(admin, "/second-factor/roles", role="community").status_code == 303
    page = admin.get("/second-factor/roles").text
    assert re.findall(r'value="(\w+)" checked', page) == ["community"]
    assert noted(town, "second_factor_roles")[0][2] == {"roles": ["community"]}
    assert is_in(other)
    for address in ("/", "/people", "/records/resident"):
        led = mine.get(address)
        assert (led.status_code, led.location) == (303, "/second-factor")
    assert "您的角色必须有第二重验证" in mine.get("/second-factor").text
    fresh = sign_in(app, "community")
    assert fresh.get("/").location == "/second-factor"
    set_up(fresh, clock)
    assert is_in(fresh)
    assert post(admin, "/second-factor/roles").status_code == 303
    assert is_in(sign_in(app, "neighbour"))


def test_a_second_factor_is_begun_only_by_who_gave_his_password_a_short_time_ago(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    clock.now += timedelta(minutes=11)
    answer = post(client, "/second-factor/begin")
    assert answer.status_code == 403
    assert 'name="proof"' in html.unescape(answer.text)
    assert post(client, "/prove", proof=PASSWORD, next="/second-factor").status_code == 303
    assert secret_on(post(client, "/second-factor/begin").text)


@pytest.fixture
def holder(any_centre: Centre) -> accounts.User:
    with any_centre.store.writing() as connection:
        return accounts.add_user(
            connection, DISTRICT, no="a1", name="职员", role="admin", scope_codes=[DISTRICT],
            now=any_centre.clock(), password=PASSWORD,
        )  # fmt: skip


def test_both_databases_keep_a_second_factor(
    any_centre: Centre, holder: accounts.User, clock: StillClock
) -> None:
    store, key = any_centre.store, any_centre.keys.factors
    secret = second_factor.begin(store, key, holder, clock.now)
    again = second_factor.begin(store, key, holder, clock.now)
    assert secret != again
    with store.reading() as connection:
        assert second_factor.begun_secret(connection, key, holder) == again
    with pytest.raises(Refusal, match="code_wrong"):
        second_factor.confirm(store, key, holder, code_of(secret, clock), clock.now)
    holder, recovery = second_factor.confirm(store, key, holder, code_of(again, clock), clock.now)
    assert holder.second_factor
    used = code_of(again, clock, 1)
    second_factor.check(store, key, holder, used, clock.now)
    for said in (used, "", "k7mf-2xqa-9rtw"):
        with pytest.raises(Refusal, match="code_wrong"):
            second_factor.check(store, key, holder, said, clock.now)
    second_factor.check(store, key, holder, recovery[0], clock.now, again=True)
    with pytest.raises(Refusal, match="second_factor_gone"):  # the secret is bound to its key
        second_factor.check(store, b"x" * 32, holder, code_of(again, clock), clock.now)
    with store.writing() as connection:
        left = connection.execute(sa.select(second_factors.c.recovery)).scalar_one()
        failed = connection.execute(sa.select(users.c.failed_sign_ins)).scalar_one()
        assert (len(left), failed) == (9, 0)
        second_factor.remove(connection, DISTRICT, holder.user_id, clock.now)
    with pytest.raises(Refusal, match="second_factor_gone"):
        second_factor.check(store, key, holder, recovery[1], clock.now)
    assert second_factor.require_of(store, holder, ["admin", "worker"], clock.now)
    assert not second_factor.require_of(store, holder, ["admin"], clock.now)
    with store.reading() as connection:
        holder = accounts.get_user(connection, DISTRICT, holder.user_id)
        assert second_factor.required_roles(connection, DISTRICT) == {"admin"}
        assert second_factor.due(connection, holder)
        assert second_factor.required_roles(connection, "990199") == frozenset()
    assert app_of(any_centre).test_client().get("/sign-in").status_code == 200
