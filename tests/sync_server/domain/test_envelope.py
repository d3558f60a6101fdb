"""Opening changes: our fast rules say what the contract's schema says, and nothing crashes."""

from __future__ import annotations

import contextlib
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.exchange import AsideSchema, ChangeSchema
from schemas.seal import ZEROS, seal
from sync_server.domain import envelope
from sync_server.domain.envelope import Arrival, BadEnvelope, Inexact, _well_formed, open_batch
from tests.sync_server.world import household

ID = "01998a00-0000-7000-8000-000000000001"
GOOD = {
    "change_id": ID,
    "kind": "household",
    "schema": 1,
    "record_id": ID,
    "action": "update",
    "grid": "990101100009003",
    "base_version": 3,
    "made_at": "2026-09-30T09:14:03+08:00",
    "author": ID,
    "fields": {"size": 4},
}
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(
        st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def sealed(**more: Any) -> dict[str, Any]:
    return seal({**GOOD, **more}, 1, ZEROS)


def opened(change: dict[str, Any]) -> Arrival:
    (arrival,) = open_batch([change])
    arrival.open()
    return arrival


def test_a_good_change_is_understood():
    arrival = opened(sealed())
    assert arrival.fields == {"size": 4}
    assert arrival.problems == []


@given(
    fields=plain_json.map(lambda value: {"more": value}),
    around=st.text(st.sampled_from('0a-"\\,é'), max_size=9),
)
def test_every_id_that_a_change_names_is_found(fields, around):
    other = ID[:-1] + "2"
    (arrival,) = open_batch([sealed(fields=fields | {"text": around + other + around})])
    named = set(envelope._ID.findall(arrival.sealed))
    assert {ID.encode(), other.encode()} <= named <= set(arrival.named_ids())


def test_what_is_handed_in_stays_whole_at_every_moment(monkeypatch):
    change = sealed()
    moments = []
    quick_canonical = envelope.quick_canonical

    def watched(members: dict[str, Any]) -> bytes | None:
        moments.append("hash" in change)
        return quick_canonical(members)

    monkeypatch.setattr(envelope, "quick_canonical", watched)
    opened(change)
    assert moments == [True]


WAYS = [
    {}, {"action": "create"}, {"action": "create", "fields": household()},
    {"fields": {"phone": "1"}}, {"fields": {"phone": "13812345678"}}, {"fields": {}},
    {"fields": {"nonsense": 1}}, {"fields": []}, {"fields": {"size": "4"}},
    {"fields": {"size": 4.5}},
    {"action": "void", "fields": {"reason": "x"}}, {"action": "void", "fields": {"other": "x"}},
    {"action": "delete"}, {"kind": "nonsense"}, {"kind": "A"}, {"schema": 99}, {"schema": "1"},
    {"schema": 0}, {"grid": "x"}, {"grid": None}, {"base_version": None}, {"base_version": -1},
    {"base_version": 2**53}, {"base_version": 2**53 + 1}, {"base_version": True}, {"author": "x"},
    {"made_at": "2026-13-30T09:14:03+08:00"}, {"made_at": "2026-09-30"}, {"corrects": ID},
    {"corrects": "x"}, {"corrects": None}, {"more": 1}, {"record_id": ID.upper()},
    {"kind": "visit", "action": "create", "fields": {"lines": {"add": {
        f"{number:064d}": {"note": "字" * 200} for number in range(190)}}}},
]  # fmt: skip


@pytest.mark.parametrize("said", WAYS, ids=lambda said: str(said)[:40])
@pytest.mark.parametrize("exact", [True, False])
def test_the_short_way_of_opening_says_nothing_the_long_way_does_not(said, exact):
    change = sealed(**said)
    (quick,) = open_batch([change], exact=exact)
    (slow,) = open_batch([change])
    slow._open_quickly = lambda _sealed: False
    slow.open()
    try:
        quick.open()
    except Inexact:
        assert not exact
        assert slow.problems or said in ({"fields": {"size": 4.5}},)
        return
    for name in ("members", "kind", "fields", "problems", "doubts"):
        assert getattr(quick, name) == getattr(slow, name), name


def test_an_older_schema_is_refused_only_when_it_never_was():
    assert opened(sealed(schema=0)).problems[0]["code"] == "unknown_schema"


@settings(max_examples=300)
@given(st.sampled_from([*GOOD, "corrects", "extra"]), plain_json)
def test_any_member_may_hold_anything(name, value):
    change = sealed(**{name: value})
    try:
        arrival = opened(change)
    except BadEnvelope:
        return
    assert arrival.kind or arrival.problems
    loose = ChangeSchema().validate(change) == {}
    if _well_formed(change):
        assert loose  # ours may be stricter (times), never laxer
    elif loose:
        assert name == "made_at"


@settings(max_examples=100)
@given(st.lists(plain_json, max_size=4))
def test_changes_may_be_anything(changes):
    with contextlib.suppress(BadEnvelope):
        open_batch(changes)


@pytest.mark.parametrize("name", ["seq", "change_id", "prev", "hash"])
def test_a_change_without_its_seal_spoils_the_batch(name):
    change = sealed()
    change.pop(name)
    with pytest.raises(BadEnvelope):
        open_batch([change])


def aside(text: str, **more: Any) -> dict[str, Any]:
    place = {"seq": 1, "change_id": ID, "prev": ZEROS, "hash": sha256(text.encode()).hexdigest()}
    return place | {"quarantine_me": text} | more


@pytest.mark.parametrize(
    "text", ["{", "", "[1]", '{"seq": 1}', '{"fields": ' + "[" * 100_000, "1" * 5000]
)
def test_text_nobody_can_read_is_kept_as_it_is(text):
    arrival = opened(aside(text))
    assert [one["code"] for one in arrival.problems] == ["unreadable_at_centre"]
    assert arrival.members["fields"] == {"text": text}
    assert (arrival.kind, arrival.change_id) == (None, ID)


@pytest.mark.parametrize(
    "change",
    [
        aside("{}", hash="0" * 64),
        aside("{}", fields={}),
        aside("a\0b"),
        aside('{"seq": 2}'),
        aside('{"change_id": "01998a00-0000-7000-8000-000000000002"}'),
        aside('{"prev": "' + "1" * 64 + '"}'),
        aside("{}") | {"quarantine_me": 7},
        aside("{}") | {"quarantine_me": "\ud800"},
    ],
    ids=["hash", "members", "nul", "seq", "change_id", "prev", "no text", "surrogate"],
)  # fmt: skip
def test_text_that_does_not_fit_its_place_spoils_the_batch(change):
    with pytest.raises(BadEnvelope):
        open_batch([change])


def test_a_change_as_text_is_what_the_contract_says():
    assert AsideSchema().validate(aside("{}")) == {}
