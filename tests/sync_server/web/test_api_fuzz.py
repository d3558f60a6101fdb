"""Bodies bent in every way: an answer by name, never a failure of ours, never a change of state."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.exchange import API
from schemas.seal import ZEROS, seal
from sync_server.app import app_of
from sync_server.store.tables import changes, districts, records
from tests.sync_server.world import add_worker, household, join

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from(["\0", "", "0" * 64, "\ud800", "990101100009003", 2**63, -1, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                               max_size=3),
    max_leaves=10,
)  # fmt: skip
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def paths(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the path of every value inside a JSON value."""
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += paths(inner, (*path, place))
    return found


def put(body: Any, path: tuple, value: Any) -> Any:
    """Return a copy of ``body`` with ``value`` at ``path``."""
    if not path:
        return value
    body = copy.deepcopy(body)
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return body


@pytest.fixture
def any_laptop(any_centre):
    return join(any_centre, add_worker(any_centre))


def counts(centre) -> tuple[int, ...]:
    with centre.store.reading() as connection:
        rows = [
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (changes, records)
        ]
        return (*rows, connection.scalar(sa.select(districts.c.change_no)))


def post(client, laptop, body: Any) -> Any:
    data = json.dumps(body).encode("utf-8", "surrogatepass")
    headers = {"Authorization": f"Bearer {laptop.token}", "Content-Type": "application/json"}
    return client.post(f"{API}/sync", data=data, headers=headers)


def test_a_bent_envelope_is_refused_and_changes_nothing(any_centre, any_laptop):
    client = app_of(any_centre).test_client()
    any_laptop.write("household", "create", household())
    body = any_laptop.body()
    whole = paths(body)

    @QUICK
    @given(st.sampled_from(whole), junk)
    def bend(path, value):
        before = counts(any_centre)
        answer = post(client, any_laptop, put(body, path, value))
        assert answer.status_code < 500, answer.get_data(as_text=True)
        if answer.status_code != 200:
            assert answer.json["code"]
            assert counts(any_centre) == before

    bend()
    assert post(client, any_laptop, body).status_code == 200


def test_a_sealed_change_may_hold_anything(any_centre, any_laptop):
    """A laptop gone mad that seals whatever it likes: kept or refused, the next batch goes on."""
    client = app_of(any_centre).test_client()
    good = any_laptop.write("household", "create", household())
    any_laptop.log.clear()

    @QUICK
    @given(st.sampled_from([path for path in paths(good) if path]), junk)
    def bend(path, value):
        change = put(good, path, value)
        place = len(any_laptop.log) + 1
        prev = any_laptop.log[-1]["hash"] if any_laptop.log else ZEROS
        try:
            sealed = seal(change, place, prev)
        except (ValueError, TypeError):  # no client can seal a lone surrogate or NaN
            return
        answer = post(client, any_laptop, any_laptop.body([sealed]))
        assert answer.status_code < 500, answer.get_data(as_text=True)
        if answer.status_code == 200:
            any_laptop.keep(answer.json)
            any_laptop.log.append(sealed)

    bend()
    any_laptop.write("household", "create", household())
    assert post(client, any_laptop, any_laptop.body()).status_code == 200


@QUICK
@given(st.binary(max_size=300))
def test_bytes_are_never_a_failure_of_ours(client, laptop, data):
    headers = {"Authorization": f"Bearer {laptop.token}", "Content-Type": "application/json"}
    for encoding in ("identity", "gzip"):
        answer = client.post(
            f"{API}/sync", data=data, headers=headers | {"Content-Encoding": encoding}
        )
        assert answer.status_code in (400, 422)


@QUICK
@given(junk)
def test_a_join_request_may_be_anything(centre, app, value):
    app.extensions["gridrounds_limiter"].reset()
    client = app.test_client()
    data = json.dumps(value).encode("utf-8", "surrogatepass")
    answer = client.post(f"{API}/devices", data=data, content_type="application/json")
    assert answer.status_code in (400, 422)


@QUICK
@given(st.sampled_from(["code", "device_name", "public_key", "app"]), junk)
def test_a_join_request_bent_in_one_member_is_refused(centre, app, name, value):
    app.extensions["gridrounds_limiter"].reset()
    body = {"code": "AAAA-BBBB-CCCC", "device_name": "x", "public_key": "ab" * 32, "app": "1"}
    data = json.dumps(body | {name: value}).encode("utf-8", "surrogatepass")
    answer = app.test_client().post(f"{API}/devices", data=data, content_type="application/json")
    assert answer.status_code in (400, 403, 422)
