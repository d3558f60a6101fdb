"""The merge rule: what is set, what is kept beside, and that the order of arrival loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kinds.building import Building
from schemas.kinds.resident import Resident
from schemas.values import get_path
from sync_server.domain.merge import (
    VOIDED,
    Edit,
    State,
    created,
    merge_update,
    merge_void,
    origin_of,
    void_was_seen,
)

DAWN = datetime(2026, 9, 30, tzinfo=UTC)
BASE = {"name": "林示例", "sex": "1", "phone": "10000000001", "reside": "tenant"}


def edit(device: str | None, base: int, *, minute: int = 0, doubtful: bool = False) -> Edit:
    """One change of a device, whose log holds its earlier ones; its id tells device and minute."""
    made = DAWN + timedelta(minutes=minute)
    held = frozenset(f"{device}-{earlier}" for earlier in range(minute)) if device else frozenset()
    return Edit(f"{device}-{minute}", f"author of {device}", device, base, made, doubtful, held)


def person(**more: Any) -> State:
    """A resident at version 1, made by device m."""
    return created(Resident, edit("m", 0), BASE | more)


def update(state: State, one: Edit, **wire: Any):
    return merge_update(Resident, state, one, wire)


def test_who_has_seen_the_value_replaces_it():
    merged = update(person(), edit("a", 1), phone="10000000002")
    assert merged.outcome == "applied"
    assert merged.state.fields["phone"] == "10000000002"
    assert merged.state.version == 2
    assert origin_of(merged.state.fields, merged.state.origins, "phone")["device_id"] == "a"
    assert origin_of(merged.state.fields, merged.state.origins, "name")["device_id"] == "m"
    assert merged.clashes == ()


def test_a_value_nobody_wrote_is_set_without_having_seen_the_record():
    merged = update(person(), edit("a", 0), move_reason="搬走")
    assert merged.outcome == "merged"
    assert merged.state.fields["move_reason"] == "搬走"


def test_the_writer_replaces_what_his_own_log_holds_without_a_new_base():
    merged = update(person(), edit("m", 0, minute=1), phone="10000000002")
    assert merged.outcome == "applied"


def test_the_same_device_alone_is_no_knowledge():
    copied = edit("m", 0, minute=1)._replace(held=frozenset())
    assert update(person(), copied, phone="10000000002").outcome == "conflict"


def test_a_value_whose_successor_had_read_it_is_overtaken():
    stands = update(person(), edit("a", 1), phone="10000000002").state
    late = edit("b", 1)._replace(overtaken_by=frozenset({("phone", "a-0")}))
    merged = update(stands, late, phone="10000000003")
    assert (merged.outcome, merged.clashes) == ("merged", ())
    assert merged.state == stands


@pytest.mark.parametrize(
    ("version", "after"),
    [(0, 2_000_001), (7, 2_000_008), (2_000_008, 2_000_009), (1_000_004, 2_000_005)],
)
def test_versions_jump_once_after_a_restore(version, after):
    assert State({}, {}, version, False, 2_000_000).next_version == after


def test_the_centre_is_no_device_of_its_own():
    first = update(person(), edit(None, 1), phone="10000000002").state
    assert update(first, edit(None, 1), phone="10000000003").outcome == "conflict"


def test_the_same_value_is_no_conflict():
    first = update(person(), edit("a", 1), phone="10000000002").state
    again = update(first, edit("b", 1), phone="10000000002")
    assert again.outcome == "unchanged"
    assert again.state.version == first.version


def test_different_fields_are_both_kept():
    first = update(person(), edit("a", 1), phone="10000000002").state
    second = update(first, edit("b", 1), name="王样本")
    assert second.outcome == "merged"
    assert (second.state.fields["phone"], second.state.fields["name"]) == ("10000000002", "王样本")


def test_the_same_review_field_waits_with_the_first_value_visible():
    first = update(person(), edit("a", 1), phone="10000000002").state
    second = update(first, edit("b", 1, minute=9), phone="10000000003")
    assert second.outcome == "conflict"
    assert second.state.fields["phone"] == "10000000002"
    assert second.state.version == first.version
    (clash,) = second.open_clashes
    assert (clash.path, clash.visible, clash.other) == ("phone", "10000000002", "10000000003")
    assert clash.visible_change_id == "a-0"


def test_a_conflict_on_one_field_does_not_stop_the_others():
    first = update(person(), edit("a", 1), phone="10000000002").state
    second = update(first, edit("b", 1), phone="10000000003", name="王样本")
    assert second.outcome == "conflict"
    assert second.state.fields["name"] == "王样本"
    assert second.state.version == first.version + 1


@pytest.mark.parametrize(("minute", "decision"), [(9, "replaced"), (3, "kept")])
def test_a_latest_field_is_decided_by_corrected_time(minute, decision):
    first = update(person(), edit("a", 1, minute=5), reside="temp").state
    second = update(first, edit("b", 1, minute=minute), reside="registered")
    assert second.outcome == "merged"
    (clash,) = second.clashes
    assert clash.decision == decision
    later = "registered" if decision == "replaced" else "temp"
    assert second.state.fields["reside"] == later


@pytest.mark.parametrize(("first_doubt", "second_doubt"), [(True, False), (False, True)])
def test_a_doubtful_clock_decides_nothing(first_doubt, second_doubt):
    first = update(person(), edit("a", 1, doubtful=first_doubt), reside="temp").state
    second = update(first, edit("b", 1, minute=9, doubtful=second_doubt), reside="registered")
    assert second.outcome == "conflict"
    assert second.state.fields["reside"] == "temp"


def test_an_emptied_value_counts_as_written():
    first = update(person(), edit("a", 1), phone=None).state
    assert "phone" not in first.fields
    assert update(first, edit("b", 1), phone="10000000003").outcome == "conflict"


def test_keyed_entries_merge_by_key():
    state = created(Building, edit("m", 0), {"no": "3"})
    first = merge_update(
        Building, state, edit("a", 1), {"entrance_heads": {"add": {"1": {"head": "甲"}}}}
    ).state
    second = merge_update(
        Building, first, edit("b", 1), {"entrance_heads": {"add": {"2": {"head": "乙"}}}}
    )
    assert second.outcome == "merged"
    assert set(second.state.fields["entrance_heads"]) == {"1", "2"}
    third = merge_update(
        Building, second.state, edit("c", 1), {"entrance_heads": {"add": {"1": {"head": "丙"}}}}
    )
    assert third.outcome == "conflict"
    assert third.open_clashes[0].path == "entrance_heads.1"


def test_removing_an_entry_somebody_changed_unseen_is_a_conflict():
    heads = {"entrance_heads": {"add": {"1": {"head": "甲"}}}}
    state = created(Building, edit("m", 0), {"no": "3"} | heads)
    changed = {"entrance_heads": {"add": {"1": {"head": "乙"}}}}
    first = merge_update(Building, state, edit("a", 1), changed).state
    removed = merge_update(Building, first, edit("b", 1), {"entrance_heads": {"remove": ["1"]}})
    assert removed.outcome == "conflict"
    assert removed.state.fields["entrance_heads"] == {"1": {"head": "乙"}}


def test_a_void_stands_when_its_writer_knew_everything():
    merged = merge_void(person(), edit("a", 1), "搬迁")
    assert merged.outcome == "applied"
    assert merged.state.voided
    assert merged.state.version == 2


def test_a_void_against_an_unseen_edit_is_a_conflict():
    first = update(person(), edit("a", 1), phone="10000000002").state
    merged = merge_void(first, edit("b", 1), "搬迁")
    assert merged.outcome == "conflict"
    assert not merged.state.voided
    assert merged.clashes[0].path == VOIDED


def test_an_edit_against_an_unseen_void_is_kept_beside():
    gone = merge_void(person(), edit("a", 1), "搬迁").state
    merged = update(gone, edit("b", 1), reside="temp")
    assert merged.outcome == "conflict"
    assert merged.state.voided
    assert merged.clashes[0].other == "temp"


def test_who_has_seen_the_void_is_told_apart():
    gone = merge_void(person(), edit("a", 1), "搬迁").state
    assert void_was_seen(gone, edit("b", 2))
    assert void_was_seen(gone, edit("a", 0, minute=1))
    assert not void_was_seen(gone, edit("b", 1))


def test_voiding_twice_changes_nothing():
    gone = merge_void(person(), edit("a", 1), "搬迁").state
    assert merge_void(gone, edit("b", 1), "搬迁").outcome == "unchanged"


def test_the_writer_who_saw_what_stands_withdraws_his_waiting_value():
    first = update(person(), edit("a", 1), phone="10000000002").state
    mine = frozenset({"phone"})
    knew = merge_update(Resident, first, edit("b", 2, minute=3), {"phone": "10000000004"}, mine)
    assert knew.withdrawn == mine
    still = merge_update(Resident, first, edit("b", 1, minute=3), {"phone": "10000000004"}, mine)
    assert still.withdrawn == frozenset()


# What is kept does not depend on the order of arrival -------------------------------------------

values = st.sampled_from(["10000000002", "10000000003", "10000000004", None])
names = st.sampled_from(["王样本", "张演示", "李示范"])
changes = st.fixed_dictionaries(
    {},
    optional={
        "phone": values,
        "name": names,
        "reside": st.sampled_from(["temp", "registered"]),
        "void": st.just(True),
    },
).filter(bool)


def kept(order: list[tuple[Edit, dict[str, Any]]]) -> tuple[State, dict[str, set[Any]]]:
    """Merge edits in this order; return the end and, by path, every value that is kept."""
    state = person()
    beside: dict[str, set[Any]] = {}
    for one, wire in order:
        if wire.get("void"):
            merged = merge_void(state, one, "x")
        else:
            merged = merge_update(Resident, state, one, wire)
        for clash in merged.clashes:
            other = True if clash.path == VOIDED else clash.other
            beside.setdefault(clash.path, set()).add(other)
            if clash.decision == "replaced":
                beside[clash.path].add(clash.visible)
        state = merged.state
    return state, beside


@settings(max_examples=200)
@given(st.lists(changes, min_size=2, max_size=4), st.lists(st.booleans(), min_size=4, max_size=4))
def test_every_concurrent_value_is_kept_in_every_order(wires, doubts):
    edits = [
        (edit(f"d{place}", 1, minute=place, doubtful=doubts[place]), wire)
        for place, wire in enumerate(wires)
    ]
    wanted: dict[str, set[Any]] = {}
    for _, wire in edits:
        said = {VOIDED: True} if wire.get("void") else wire
        for path, value in said.items():
            wanted.setdefault(path, set()).add(value)
    for order in permutations(edits):
        state, beside = kept(list(order))
        for path, said in wanted.items():
            visible = state.voided if path == VOIDED else get_path(state.fields, path)
            assert said <= {visible} | beside.get(path, set())
            started = {False} if path == VOIDED else {BASE.get(path)}
            assert {visible} | beside.get(path, set()) <= said | started


@given(st.lists(st.integers(0, 30), min_size=2, max_size=4, unique=True))
def test_a_field_decided_by_time_ends_the_same_in_every_order(minutes):
    edits = [(edit(f"d{one}", 1, minute=one), {"reside": f"said_at_{one}"}) for one in minutes]
    ends = {kept(list(order))[0].fields["reside"] for order in permutations(edits)}
    assert ends == {f"said_at_{max(minutes)}"}


@settings(max_examples=200)
@given(changes, changes, st.integers(0, 2))
def test_nobodys_unseen_value_is_replaced_without_a_record(first, second, base):
    start = person()
    one = edit("a", 1, minute=1)
    if first.get("void"):
        middle = merge_void(start, one, "x").state
    else:
        middle = merge_update(Resident, start, one, first).state
    other = edit("b", min(base, 1), minute=2)
    if second.get("void"):
        merged = merge_void(middle, other, "x")
    else:
        merged = merge_update(Resident, middle, other, second)
    recorded = {clash.path for clash in merged.clashes}
    for path in ("phone", "name", "reside"):
        before, after = get_path(middle.fields, path), get_path(merged.state.fields, path)
        entry = origin_of(middle.fields, middle.origins, path)
        unseen = entry is not None and entry["version"] > other.base_version
        if before != after and unseen:
            assert path in recorded


@settings(max_examples=100)
@given(changes)
def test_merging_the_same_change_again_changes_nothing(wire):
    one = edit("a", 1)

    def once(state: State):
        if wire.get("void"):
            return merge_void(state, one, "x")
        return merge_update(Resident, state, one, wire)

    first = once(person())
    again = once(first.state)
    assert again.state.fields == first.state.fields
    assert again.state.version == first.state.version
    assert again.clashes == ()
