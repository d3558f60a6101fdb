"""Bodies are read in the quick way first; what only the exact way may judge is judged as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.seal import ZEROS, canonical, seal
from sync_server.domain.envelope import BadEnvelope, Inexact, open_batch
from sync_server.domain.json_text import quick_canonical, read_object, read_quickly, write_quickly
from sync_server.store.tables import batches
from tests.sync_server.world import household, outcomes

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                               max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(plain)
def test_both_ways_write_and_read_the_same(value: Any) -> None:
    quick = quick_canonical(value)
    try:
        exact = canonical(value)
    except UnicodeEncodeError:  # a lone surrogate
        assert quick is None
        return
    assert quick == exact
    assert json.loads(write_quickly(value)) == value
    body = canonical({"body": value})
    assert read_quickly(body) == read_object(body)[0]


@pytest.mark.parametrize(
    ("size", "code"),
    [(2**64, "not_whole"), (-(2**63) - 1, "not_whole"), (1.5, "not_whole"), (1e22, "not_whole"),
     (2**53 + 1, "not_whole"), (True, "not_whole"), (-1, "out_of_range"), ("3", "not_whole")],
)  # fmt: skip
def test_a_number_of_another_size_is_quarantined_as_it_was_sealed(client, laptop, size, code):
    laptop.write("household", "create", household(size=size))
    laptop.write("household", "create", household())
    answer = laptop.post(client).get_json()
    assert outcomes(answer) == ["quarantined", "applied"]
    assert {one["code"] for one in answer["receipts"][0]["problem"]} == {code}
    assert outcomes(laptop.post(client).get_json()) == ["duplicate"] * 2


def test_a_whole_number_sealed_as_another_is_damage_and_kept_for_staff(client, laptop, centre):
    change = laptop.write("household", "create", household(size=float(2**64)))
    body = json.dumps(laptop.body()).replace("1.8446744073709552e+19", str(2**64))
    headers = {"Authorization": f"Bearer {laptop.token}", "Content-Type": "application/json"}
    answer = client.post("/api/v1/sync", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "bad_envelope")
    assert answer.get_json()["errors"][0]["pointer"] == "/changes/0/hash"
    with centre.store.reading() as connection:
        assert connection.scalar(sa.select(batches.c.raw)) == body
    assert change["fields"]["size"] == 2.0**64


def test_what_was_read_quickly_and_is_not_plainly_good_is_read_again():
    good = {
        "change_id": "01998a00-0000-7000-8000-000000000001", "kind": "household", "schema": 1,
        "record_id": "01998a00-0000-7000-8000-000000000001", "action": "update", "grid": None,
        "base_version": None, "made_at": "2026-09-30T09:14:03+08:00",
        "author": "01998a00-0000-7000-8000-000000000001", "fields": {"size": 4},
    }  # fmt: skip
    (arrival,) = open_batch([seal(good, 1, ZEROS)], exact=False)
    arrival.open()
    assert arrival.fields == {"size": 4}
    (arrival,) = open_batch([seal(good | {"fields": {"size": 4.5}}, 1, ZEROS)], exact=False)
    with pytest.raises(Inexact):
        arrival.open()
    damaged = seal(good, 1, ZEROS) | {"kind": "visit"}
    with pytest.raises(Inexact):
        open_batch([damaged], exact=False)
    with pytest.raises(BadEnvelope):
        open_batch([damaged])
