"""Sealed changes can be checked by a stranger; envelopes are judged before they are used."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from schemas.exchange import ChangeSchema, SyncSchema, depth, plain, pointers
from schemas.seal import ZEROS, canonical, change_hash, seal
from tests.schemas.samples import GRID, ID


def change(**more: Any) -> dict[str, Any]:
    """Return an unsealed change."""
    return {
        "change_id": ID.format(7), "kind": "household", "schema": 1, "record_id": ID.format(1),
        "action": "update", "grid": GRID, "base_version": 3,
        "made_at": "2026-11-22T09:14:03+08:00", "author": ID.format(9),
        "fields": {"phone": "10000001234", "remarks": "东户"}, **more,
    }  # fmt: skip


def test_the_hash_is_what_the_protocol_says() -> None:
    sealed = seal(change(), 1, ZEROS)
    members = {name: value for name, value in sealed.items() if name != "hash"}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert sealed["hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert sealed["hash"] == change_hash(sealed)
    assert sealed["prev"] == ZEROS


@given(st.permutations(list(seal(change(), 1, ZEROS))))
def test_the_order_of_members_does_not_matter(order: list[str]) -> None:
    sealed = seal(change(), 1, ZEROS)
    assert change_hash({name: sealed[name] for name in order}) == sealed["hash"]


def test_any_altered_member_alters_the_hash() -> None:
    sealed = seal(change(), 2, "ab" * 32)
    for name in members_of(sealed):
        assert change_hash(sealed | {name: "x"}) != sealed["hash"], name


def members_of(sealed: dict[str, Any]) -> list[str]:
    """Return every member but the hash itself."""
    return [name for name in sealed if name != "hash"]


def test_a_sealed_change_passes_the_envelope_check() -> None:
    sealed = seal(change(), 1, ZEROS)
    assert ChangeSchema().load(sealed) == sealed


def test_an_envelope_tells_where_it_is_wrong() -> None:
    sealed = seal(change(), 1, ZEROS) | {"seq": "1", "colour": "red"}
    body = {
        "protocol": 1, "device_id": ID.format(2), "batch_id": ID.format(3), "server_epoch": None,
        "cursor": None, "sent_at": "2026-11-22T17:31:04+08:00", "app": "0.1.0", "heads": [],
        "stream": ID.format(4), "changes": [sealed],
    }  # fmt: skip
    with pytest.raises(ValidationError) as caught:
        SyncSchema().load(body)
    assert {one["pointer"] for one in pointers(caught.value.messages)} == {
        "/changes/0/seq", "/changes/0/colour",
    }  # fmt: skip


def test_what_cannot_cross_the_wire_is_named() -> None:
    deep: Any = 1
    for _ in range(9):
        deep = {"a": deep}
    assert depth({"a": [1]}) == 2
    for value, code in ((deep, "too_deep"), (2**53 + 1, "not_whole"), (0.5, "not_whole"),
                        ("\ud800", "bad_characters")):  # fmt: skip
        problem = plain({"x": value})
        assert problem is not None
        assert problem.code == code
    assert plain({"x": [1, True, None, "林", -(2**53)]}) is None
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
