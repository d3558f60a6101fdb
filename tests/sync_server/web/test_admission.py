"""Admission to the exchange: who is turned away, by what, and that no body is read for it."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from schemas.exchange import API, MAX_BODY_BYTES
from sync_server.app import app_of
from sync_server.services import devices
from sync_server.web.context import GATE
from sync_server.web.gate import Gate
from tests.sync_server.world import household

SYNC = f"{API}/sync"
JSON = {"Content-Type": "application/json"}


class Untouched(io.RawIOBase):
    """A body that must not be read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        raise AssertionError("the body was read")


class Endless(io.RawIOBase):
    """A chunked body that never ends, and how much of it was read."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        buffer[:] = b" " * len(buffer)
        self.taken += len(buffer)
        return len(buffer)


def bearer(laptop):
    return {"Authorization": f"Bearer {laptop.token}"} | JSON


def unread(client, length=1000, **headers):
    environ = {"wsgi.input": Untouched(), "CONTENT_LENGTH": str(length)}
    return client.post(SYNC, headers=headers | JSON, environ_overrides=environ)


def refused(answer):
    return answer.status_code, answer.json["code"]


def test_a_rush_writes_no_errors_to_the_log(client, app, laptop, caplog):
    gate = app.extensions[GATE] = Gate(1)
    with gate.enter():
        assert refused(unread(client, **bearer(laptop))) == (503, "server_busy")
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


def test_beyond_its_places_the_server_is_busy_and_reads_nothing(client, app, laptop):
    gate = app.extensions[GATE] = Gate(1)
    with gate.enter():
        answers = [unread(client, **bearer(laptop)) for _ in range(20)]
    assert {refused(answer) for answer in answers} == {(503, "server_busy")}
    waits = {int(answer.headers["Retry-After"]) for answer in answers}
    assert len(waits) > 1
    assert min(waits) >= 5
    laptop.write("household", "create", household())
    assert laptop.post(client).status_code == 200


def test_a_place_is_given_back_whatever_became_of_the_request(centre, laptop):
    app = app_of(replace(centre, settings=replace(centre.settings, exchanges_at_once=1)))
    client = app.test_client()
    for body, status in ((b"{", 400), (b"[]", 400), (b"{}", 422)):
        answer = client.post(SYNC, data=body, headers=bearer(laptop))
        assert answer.status_code == status
    assert laptop.post(client).status_code == 200


def test_nobody_unknown_gets_his_body_read(client, centre, laptop):
    assert refused(unread(client)) == (401, "bad_token")
    assert refused(unread(client, Authorization="Bearer 990101." + "x" * 43)) == (401, "bad_token")
    with centre.store.writing() as connection:
        devices.revoke_device(connection, centre.code, laptop.device_id, centre.clock(), by=None)
    assert refused(unread(client, **bearer(laptop))) == (403, "device_revoked")


def test_a_body_that_says_it_is_too_long_is_not_read(client, laptop):
    answer = unread(client, length=MAX_BODY_BYTES + 1, **bearer(laptop))
    assert refused(answer) == (413, "too_large")
    assert answer.json["limit"] == MAX_BODY_BYTES


def test_a_body_without_a_length_is_cut_off(client, laptop):
    endless = Endless()
    environ = {"wsgi.input": io.BufferedReader(endless), "wsgi.input_terminated": True,
               "HTTP_TRANSFER_ENCODING": "chunked"}  # fmt: skip
    answer = client.post(SYNC, headers=bearer(laptop), environ_overrides=environ)
    assert refused(answer) == (413, "too_large")
    assert endless.taken < 2 * MAX_BODY_BYTES


# The account over HTTP ---------------------------------------------------------------------------


def test_a_laptop_reads_its_account(client, laptop):
    laptop.write("household", "create", household())
    laptop.send()
    answer = client.get(f"{SYNC}/account", headers=bearer(laptop))
    assert answer.status_code == 200
    assert answer.json["counts"]["applied"] == 1
    assert answer.json["known"][0]["seq"] == 1


def test_an_account_needs_its_devices_token(client):
    assert refused(client.get(f"{SYNC}/account")) == (401, "bad_token")


def test_a_revoked_laptop_may_still_ask_what_has_arrived(client, centre, laptop):
    laptop.write("household", "create", household())
    laptop.send()
    with centre.store.writing() as connection:
        devices.revoke_device(connection, centre.code, laptop.device_id, centre.clock(), by=None)
    assert refused(laptop.post(client)) == (403, "device_revoked")
    answer = client.get(f"{SYNC}/account", headers=bearer(laptop))
    assert answer.json["known"][0]["seq"] == 1


@pytest.mark.parametrize("account", [{"made": "x"}, 7, "word", [[]], None])
def test_an_odd_word_about_the_log_refuses_no_exchange(client, laptop, account):
    answer = laptop.post(client, laptop.body() | {"account": account})
    assert answer.status_code == 200, json.dumps(answer.json)
