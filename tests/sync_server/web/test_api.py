"""The API over HTTP: joining, exchanging, describing itself, and refusing by name."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from schemas.catalogue import extended, kinds
from schemas.exchange import API, MAX_BODY_BYTES
from sync_server.app import app_of
from sync_server.services import devices
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store.tables import batches
from tests.schemas.samples import Pet
from tests.sync_server.world import Laptop, household, outcomes

JOIN = {"device_name": "laptop", "public_key": "ab" * 32, "app": "1.0.0"}


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is this problem and return it."""
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.get_data(True)
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["type"] == f"urn:gridrounds:problem:{code}"
    return answer.json


def give_code(centre: Centre, worker_id: str) -> str:
    with centre.store.writing() as connection:
        return devices.issue_join_code(connection, centre.code, worker_id, centre.clock())


def bearer(laptop: Laptop) -> dict[str, str]:
    return {"Authorization": f"Bearer {laptop.token}"}


def test_health_says_what_runs_here(client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["app"] == "sync_server"
    assert answer.json["synthetic"] is False


def test_joining_tells_the_laptop_who_it_is(client, centre, worker):
    code = give_code(centre, worker.user_id)
    answer = client.post(f"{API}/devices", json=JOIN | {"code": code, "unknown": "ignored"})
    assert answer.status_code == 201
    said = answer.json
    assert said["worker"] == {
        "user_id": worker.user_id,
        "no": "w1",
        "name": "张w1",
        "kind": "full",
        "role": "worker",
        "grids": list(worker.scope_codes),
    }
    assert said["district"] == centre.code
    assert len(bytes.fromhex(said["server_key"])) == 32
    assert said["limits"] == {"changes": 500, "bytes": MAX_BODY_BYTES}
    assert devices.authenticate(centre.store, said["token"]).device_id == said["device_id"]


def test_joining_refuses_by_name(client, centre, worker):
    code = give_code(centre, worker.user_id)
    wrong = client.post(f"{API}/devices", json=JOIN | {"code": "AAAA-BBBB-CCCC"})
    assert_problem(wrong, 403, "bad_code")
    missing = client.post(f"{API}/devices", json={"code": code, "public_key": "x"})
    problem = assert_problem(missing, 422, "bad_request")
    assert {"/device_name", "/public_key", "/app"} == {one["pointer"] for one in problem["errors"]}
    client.post(f"{API}/devices", json=JOIN | {"code": code})
    used = client.post(f"{API}/devices", json=JOIN | {"code": code, "public_key": "cd" * 32})
    assert_problem(used, 409, "code_used")


def test_guessing_codes_is_slowed_down(client):
    for _ in range(10):
        client.post(f"{API}/devices", json=JOIN | {"code": "AAAA-BBBB-CCCC"})
    answer = client.post(f"{API}/devices", json=JOIN | {"code": "AAAA-BBBB-CCCC"})
    assert_problem(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_same_bytes_posted_twice_say_duplicate(client, laptop):
    laptop.write("household", "create", household())
    data = json.dumps(laptop.body(), ensure_ascii=False).encode()
    headers = bearer(laptop) | {"Content-Type": "application/json"}
    first = client.post(f"{API}/sync", data=data, headers=headers)
    second = client.post(f"{API}/sync", data=data, headers=headers)
    assert outcomes(first.json) == ["applied"]
    assert outcomes(second.json) == ["duplicate"]
    assert len(second.json["updates"]) == 1
    assert second.json["updates"] == first.json["updates"]


def test_gzip_goes_both_ways(client, laptop):
    for _ in range(30):
        laptop.write("household", "create", household())
    data = gzip.compress(json.dumps(laptop.body()).encode())
    headers = bearer(laptop) | {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    answer = client.post(f"{API}/sync", data=data, headers=headers, mimetype="application/json")
    assert answer.headers["Content-Encoding"] == "gzip"
    said = json.loads(gzip.decompress(answer.data))
    assert outcomes(said) == ["applied"] * 30
    assert len(said["updates"]) == 30


def test_small_answers_and_other_clients_get_plain_bytes(client, laptop):
    answer = client.post(f"{API}/sync", json=laptop.body(), headers=bearer(laptop))
    assert "Content-Encoding" not in answer.headers
    assert answer.json["protocol"] == 1


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic abc", "Bearer 990101." + "A" * 43]
)
def test_an_unknown_token_is_refused_before_the_body_is_read(client, header):
    answer = client.post(f"{API}/sync", data=b"{broken", headers={"Authorization": header})
    assert_problem(answer, 401, "bad_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_device_is_refused(client, centre, laptop):
    with centre.store.writing() as connection:
        devices.revoke_device(connection, centre.code, laptop.device_id, centre.clock(), by=None)
    assert_problem(laptop.post(client), 403, "device_revoked")


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415, "wrong_type"),
        (b"{}", {"Content-Encoding": "br"}, 415, "wrong_type"),
        (b"", {}, 400, "bad_json"),
        (b"{", {}, 400, "bad_json"),
        (b"[]", {}, 400, "bad_json"),
        (b"\xff\xfe{}", {}, 400, "bad_json"),
        (b'{"a": NaN}', {}, 400, "bad_json"),
        (b'{"a": 1e999}', {}, 400, "bad_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", {}, 400, "bad_json"),
        (b'{"a": "\\ud800"}', {}, 400, "bad_json"),
        (b'{"a": ' + b"[" * 200_000 + b"}", {}, 400, "bad_json"),
        (b"x" * (MAX_BODY_BYTES + 1), {}, 413, "too_large"),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, "bad_encoding"),
        (gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 400, "bad_encoding"),
        (gzip.compress(b"{}") + b"more", {"Content-Encoding": "gzip"}, 400, "bad_encoding"),
        (gzip.compress(b" " * 20_000_000, 9), {"Content-Encoding": "gzip"}, 413, "too_large"),
        (b"{}", {}, 422, "bad_envelope"),
    ],
    ids=[
        "another type",
        "another coding",
        "nothing",
        "half",
        "a list",
        "utf-16",
        "nan",
        "infinity",
        "too many digits",
        "lone surrogate",
        "too deep",
        "too large",
        "no gzip",
        "cut gzip",
        "gzip and more",
        "gzip bomb",
        "empty",
    ],
)
def test_a_body_that_cannot_be_read_is_refused_by_name(client, laptop, data, headers, status, code):
    all_headers = {"Content-Type": "application/json"} | bearer(laptop) | headers
    assert_problem(client.post(f"{API}/sync", data=data, headers=all_headers), status, code)


def test_an_unusable_batch_is_kept_whole_once(client, centre, laptop):
    laptop.write("household", "create", household(remarks="有犬"))
    body = laptop.body()
    body["changes"][0]["fields"]["size"] = 9
    for _ in range(2):
        problem = assert_problem(laptop.post(client, body), 422, "bad_envelope")
        assert problem["errors"][0]["pointer"] == "/changes/0/hash"
    with centre.store.reading() as connection:
        (row,) = connection.execute(batches.select()).all()
    assert json.loads(row.raw) == body
    assert row.device_id == laptop.device_id


def test_a_gap_and_a_fork_tell_what_is_known(client, laptop):
    laptop.write("household", "create", household())
    laptop.write("household", "create", household())
    gap = assert_problem(laptop.post(client, laptop.body(laptop.log[1:])), 409, "sequence_gap")
    assert gap["known"][0]["seq"] == 0
    laptop.send()
    laptop.log, laptop.acked = [], 0
    laptop.write("household", "create", household())
    fork = assert_problem(laptop.post(client), 409, "stream_forked")
    assert fork["stream"] == laptop.stream
    assert fork["known"][0]["seq"] == 2


def test_a_busy_device_is_told_when_to_come_again(client, centre, laptop):
    with centre.turns.take(centre.code, laptop.device_id):
        answer = laptop.post(client)
    assert_problem(answer, 409, "busy")
    assert answer.headers["Retry-After"] == "2"


def test_other_addresses_and_methods_are_refused_in_the_same_form(client):
    assert_problem(client.get(f"{API}/nothing"), 404, "not_found")
    wrong = client.get(f"{API}/sync")
    assert_problem(wrong, 405, "not_possible")
    assert "POST" in wrong.headers["Allow"]


def test_a_failure_of_ours_is_answered_without_its_words(app: Flask, laptop, monkeypatch):
    def fail(*_args: object) -> None:
        raise ZeroDivisionError("林示例")

    monkeypatch.setattr("sync_server.web.api.exchange", fail)
    answer = laptop.post(app.test_client())
    assert_problem(answer, 500, "unexpected")
    assert "林示例" not in answer.get_data(as_text=True)


def test_a_foreign_host_name_is_refused(client):
    answer = client.get("/healthz", headers={"Host": "evil.example"})
    assert_problem(answer, 400, "bad_request")


def test_the_api_sets_no_cookie(client, laptop):
    assert "Set-Cookie" not in laptop.post(client).headers


def test_every_kind_describes_itself(client):
    listed = client.get(f"{API}/kinds").json["kinds"]
    assert [one["name"] for one in listed] == [kind.info.name for kind in kinds()]
    for one in listed:
        answer = client.get(one["href"])
        assert answer.mimetype == "application/schema+json"
        schema = answer.json
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["x-kind"] == one["name"]
        named = json.dumps(schema["properties"])
        for name in schema["x-codes"]:
            assert schema["x-codes"][name]
            assert name in named
    assert_problem(client.get(f"{API}/kinds/spaceship"), 404, "unknown_kind")


def test_code_lists_are_served(client):
    lists = client.get(f"{API}/codes").json
    assert {"code": "ok", "zh": "正常"}.items() <= lists["CHECK_RESULT"][0].items()


def test_a_made_up_kind_goes_through_the_api_like_any_other(client, laptop):
    with extended(Pet):
        assert client.get(f"{API}/kinds/pet").json["title"] == "宠物登记"
        laptop.write("pet", "create", {"nickname": "旺财", "species": "1", "age": 99})
        made = laptop.write("pet", "create", {"nickname": "旺财", "species": "1", "age": 3})
        answer = laptop.post(client).json
        assert outcomes(answer) == ["quarantined", "applied"]
        assert answer["updates"][0]["fields"] == made["fields"]
    assert outcomes(laptop.post(client).json) == ["duplicate", "duplicate"]


def test_two_apps_do_not_share_their_limits(centre, client: FlaskClient):
    for _ in range(11):
        client.post(f"{API}/devices", json=JOIN | {"code": "AAAA-BBBB-CCCC"})
    other = app_of(centre).test_client()
    answer = other.post(f"{API}/devices", json=JOIN | {"code": "AAAA-BBBB-CCCC"})
    assert_problem(answer, 403, "bad_code")


def test_an_id_nobody_gave_is_no_crash(client, laptop):
    assert_problem(laptop.post(client, laptop.body(device_id=new_id())), 403, "wrong_device")
