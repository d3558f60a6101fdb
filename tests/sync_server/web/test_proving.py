"""The gravest acts ask again who it is, ten minutes after the password; what was typed stays."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.sync_server.web import privacy_pages
from tests.sync_server.web.retention_pages import run_in
from tests.sync_server.web.staff import PASSWORD, Town, post, sign_in
from tests.sync_server.world import GRID, OTHER_GRID, StillClock

LATE = timedelta(minutes=10)
REASON = "核对户口登记"
EXPORTS = ["/records/resident/export", "/records/resident/export-xlsx",
           "/records/issue/export-geojson"]  # fmt: skip


def token_of(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found
    return found[1]


def send(client: FlaskClient, page: str, address: str, **form: str) -> Any:
    """Send a form as its page would."""
    data = {"csrf_token": token_of(client, page), **form}
    return client.post(address, data=data, headers={"Referer": f"http://localhost{page}"})


def prove(client: FlaskClient, asked: Any, proof: str = PASSWORD) -> Any:
    """Answer the page that asks who it is."""
    assert asked.status_code == 403, asked.text
    found = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    data = {name: html.unescape(value) for name, value in found.items()}
    return client.post("/prove", data={**data, "proof": proof})


@pytest.mark.parametrize("address", EXPORTS)
def test_an_export_of_full_values_asks_again_and_keeps_its_reason(
    town: Town, app: Flask, clock: StillClock, address: str
) -> None:
    client = sign_in(app, "community")
    kind = address.split("/")[2]
    page = f"/records/{kind}"
    full = {"unmask": "1", "reason": REASON}
    assert send(client, page, address, **full).status_code == 200
    clock.now += LATE
    assert send(client, page, address).status_code == 200  # masked: nothing is asked
    asked = send(client, page, address, **full)
    assert "确认是您本人" in asked.text
    assert "Content-Disposition" not in asked.headers
    wrong = prove(client, asked, "wrong-wrong-wrong")
    assert "密码不对" in wrong.text
    back = prove(client, wrong)
    assert back.status_code == 200
    assert "还没有提交" in back.text
    assert REASON in back.text
    assert re.search(r'name="unmask" value="1"\s+checked', back.text)
    assert "没有放回表单" not in back.text
    assert send(client, page, address, **full).status_code == 200


def acts(town: Town) -> dict[str, tuple[str, str, str, dict[str, str]]]:
    """Return grave acts: who, on which page, where the form goes, and what it says."""
    worker, laptop = town.here.worker, town.here.laptop
    assert worker is not None
    assert laptop is not None
    account = f"/people/{town.people['street'].user_id}"
    device = f"/devices/{laptop.device_id}"
    run = f"/retention/{run_in(town.here, 'proposed')}"
    return {
        "merge": ("community", f"/areas/{OTHER_GRID}/merge", f"/areas/{OTHER_GRID}/merge",
                  {"into": GRID}),
        "revoke": ("community", device, f"{device}/revoke", {"state": "lost"}),
        "join": ("community", "/join-codes", f"/join-codes/{worker.user_id}", {}),
        "switch": ("admin", f"{account}/account", f"{account}/active?do=off", {"active": "no"}),
        "password": ("admin", f"{account}/account", f"{account}/password", {}),
        "roles": ("admin", "/second-factor/roles", "/second-factor/roles", {"role": "admin"}),
        "empty": ("district", run, f"{run}/confirm", {"sure": "1"}),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["merge", "revoke", "join", "switch", "password", "roles", "empty"]
)
def test_grave_acts_ask_again_after_ten_minutes(
    town: Town, app: Flask, clock: StillClock, name: str
) -> None:
    no, page, address, form = acts(town)[name]
    client = sign_in(app, no)
    clock.now += LATE
    asked = send(client, page, address, **form)
    assert "确认是您本人" in asked.text
    assert prove(client, asked).status_code in (200, 303)
    done = send(client, page, address, **form)
    assert done.status_code in (200, 303, 404), done.text
    assert "确认是您本人" not in done.text


def test_an_extract_of_all_data_of_a_person_asks_again(
    town: Town, app: Flask, clock: StillClock
) -> None:
    method, address, _ = privacy_pages.privacy_pages(town.here)["privacy_acts.extract"]
    assert method == "POST"
    client = sign_in(app, "district")
    clock.now += LATE
    assert "确认是您本人" in post(client, address).text


def test_wrong_passwords_count_towards_the_lock_out(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    for _ in range(5):
        assert post(client, "/prove", proof="wrong-wrong-wrong").status_code == 403
    assert "已暂停登录" in post(client, "/prove", proof=PASSWORD).text
    assert (
        "已暂停登录" in post(app.test_client(), "/sign-in", no="community", password=PASSWORD).text
    )


def test_a_code_of_ones_phone_serves_as_well(town: Town, app: Flask, clock: StillClock) -> None:
    client = sign_in(app, "community")
    page = post(client, "/second-factor/begin").text
    secret = re.findall(r'id="secret">([A-Z2-7 ]+)<', page)[0].replace(" ", "")
    phone = pyotp.TOTP(secret)
    post(client, "/second-factor/confirm", code=phone.at(clock.now))
    clock.now += LATE
    asked = send(client, "/join-codes", f"/join-codes/{town.here.worker.user_id}")
    assert "密码，或手机上的验证码" in asked.text
    assert "密码或验证码不对" not in asked.text
    assert prove(client, asked, "000000").status_code == 422
    assert "还没有提交" in prove(client, asked, phone.at(clock.now)).text
    clock.now += LATE
    assert prove(client, send(client, "/join-codes", asked.request.path)).status_code == 200


def test_nobody_gets_the_form_of_another(town: Town, app: Flask, clock: StillClock) -> None:
    client, other = sign_in(app, "community"), sign_in(app, "admin")
    clock.now += LATE
    asked = send(client, "/records/resident", EXPORTS[0], unmask="1", reason=REASON)
    found = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    answer = post(other, "/prove", kept=html.unescape(found["kept"]), proof=PASSWORD)
    assert answer.status_code == 303
    assert REASON not in other.get("/").text


def test_a_form_outlasts_a_session_that_ends_while_the_page_asks(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    clock.now += LATE
    asked = send(client, "/records/resident", EXPORTS[0], unmask="1", reason=REASON)
    clock.now += timedelta(minutes=31)
    page = prove(client, asked)
    assert 'name="no"' in page.text
    kept = dict(re.findall(r'name="(kept|csrf_token)" value="([^"]*)"', page.text))
    form = {name: html.unescape(value) for name, value in kept.items()}
    back = client.post("/sign-in", data={**form, "no": "community", "password": PASSWORD})
    assert "还没有提交" in back.text
    assert REASON in back.text
