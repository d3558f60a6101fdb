"""What an answer means: only confirmed work is marked, and a pull never hides unsent work."""

from __future__ import annotations

import copy as copying
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_app.domain.changes import Head, Occasion, resealed, sealed
from field_app.domain.reconcile import (
    World,
    beyond,
    prunable,
    reconcile,
    too_many_gone,
    unmarked,
)
from field_app.domain.views import build_view, change_state, copy_of
from schemas.catalogue import kind_of
from schemas.seal import ZEROS, change_hash
from schemas.values import apply, difference, to_wire

AT = "2026-09-30T08:41:00+08:00"
ME, OTHER = "01998a00-0000-7000-8000-00000000aaaa", "01998a00-0000-7000-8000-00000000bbbb"
RECORD = "01998a00-0000-7000-8000-000000000001"
STREAM = "01998a00-0000-7000-8000-00000000eeee"
VISIT = kind_of("visit")
BASE = {"visited_at": AT, "purposes": ["routine"], "mode": "door", "result": "met"}


class Log:
    """A stream being written."""

    def __init__(self) -> None:
        self.head = Head(STREAM)
        self.changes: list[dict[str, Any]] = []

    def write(self, action: str, fields: dict[str, Any], version: int | None = None) -> dict:
        number = self.head.seq + 1
        occasion = Occasion(f"01998a00-0000-7000-9000-{number:012d}", RECORD, "990101100009003",
                            AT, ME, version)  # fmt: skip
        change = sealed(VISIT, action, fields, occasion, self.head)
        self.head = Head(STREAM, change["seq"], change["hash"])
        own = {"stream": STREAM, "acked": False, "settled": False, "outcome": None,
               "receipt": None}  # fmt: skip
        self.changes.append(change | own)
        return self.changes[-1]


def receipt(change, outcome="applied", version=1, **more):
    return {"seq": change["seq"], "change_id": change["change_id"], "outcome": outcome,
            "version": version, **more}  # fmt: skip


def update(fields, version=1, **more):
    return {"kind": "visit", "schema": 1, "record_id": RECORD, "version": version,
            "grid": "990101100009003", "voided": False, "fields": fields,
            "last": {"author": OTHER, "made_at": AT}, **more}  # fmt: skip


def world(changes, fields=None, version=1):
    copy = copy_of(update(fields, version), fields, None) if fields is not None else None
    view = build_view(copy, changes)
    return World({RECORD: changes}, {RECORD: view} if view else {})


def outcome_of(state, sent, receipts=(), updates=()):
    result = reconcile(state, sent, receipts, updates, AT)
    return result, result.views.get(RECORD)


def test_a_confirmed_create_is_stored_when_the_copy_has_come():
    log = Log()
    change = log.write("create", BASE)
    result, view = outcome_of(world([change]), [change], [receipt(change)], [update(BASE)])
    kept = result.changes[change["change_id"]]
    assert (kept["acked"], kept["settled"], kept["outcome"]) == (True, True, "applied")
    assert (view["state"], view["version"], view["fields"]) == ("stored", 1, BASE)


def test_a_confirmed_change_stays_in_sight_until_its_copy_comes():
    log = Log()
    change = log.write("update", {"met": "王某"}, 3)
    result, view = outcome_of(world([change], BASE, 3), [change], [receipt(change, version=4)])
    assert not result.changes[change["change_id"]]["settled"]
    assert view["fields"]["met"] == "王某"
    assert view["version"] == 3
    assert view["state"] == "stored"


def test_without_a_receipt_nothing_is_marked():
    log = Log()
    change = log.write("create", BASE)
    result, view = outcome_of(world([change]), [change], [])
    assert result.changes == {}
    assert view["state"] == "local"


def test_a_receipt_with_another_number_marks_nothing():
    log = Log()
    change = log.write("create", BASE)
    wrong = receipt(change) | {"seq": 7}
    result, _ = outcome_of(world([change]), [change], [wrong])
    assert result.confirmed == 0


def test_a_duplicate_is_what_it_was_first():
    log = Log()
    change = log.write("create", BASE)
    first = {"outcome": "quarantined", "version": None, "problem": [{"pointer": "/met"}]}
    again = receipt(change, "duplicate", None, first=first)
    result, view = outcome_of(world([change]), [change], [again])
    assert result.outcomes == {"duplicate": 1}
    assert view["state"] == "refused"
    kept = result.changes[change["change_id"]]["receipt"]
    assert kept["problem"] == [{"pointer": "/met"}]


def test_a_refused_change_stays_on_top_of_every_later_copy():
    log = Log()
    change = log.write("update", {"met": "王某"}, 1) | {"acked": True, "outcome": "quarantined",
                                                       "receipt": {}}  # fmt: skip
    _, view = outcome_of(world([change], BASE), [], [], [update(BASE | {"findings": "新"}, 2)])
    assert view["fields"] == BASE | {"findings": "新", "met": "王某"}
    assert view["state"] == "refused"


def test_a_record_stored_where_the_worker_is_not_leaves_when_all_of_his_has_come():
    log = Log()
    change = log.write("create", BASE) | {"acked": True, "outcome": "applied",
                                          "receipt": {"version": 1}}  # fmt: skip
    _, waiting = outcome_of(world([change]), [], [])
    assert waiting["state"] == "stored"
    grids = (change["grid"],)
    there = World({RECORD: [change]}, {RECORD: waiting}, grids=grids, whole=True)
    result, view = outcome_of(there, [], [])
    assert view is None
    assert result.changes[change["change_id"]]["settled"]


def test_what_became_of_a_held_change_is_told_and_never_guessed():
    log = Log()
    change = log.write("update", {"met": "王某"}) | {"acked": True, "outcome": "held",
                                                    "receipt": {"version": None}}  # fmt: skip
    assert change_state(change) == "received"
    result, view = outcome_of(world([change]), [], [], [update(BASE | {"met": "李某"})])
    assert result.changes == {}
    assert (view["state"], view["fields"]["met"]) == ("received", "王某")
    late = receipt(change, "merged", 1, stream=STREAM)
    result, view = outcome_of(World({RECORD: [change]}, {RECORD: view}), [change], [late])
    assert result.changes[change["change_id"]]["outcome"] == "merged"
    assert (view["state"], view["fields"]["met"]) == ("stored", "李某")


def test_a_late_receipt_tells_what_became_of_a_held_change():
    log = Log()
    change = log.write("update", {"met": "王某"}) | {"acked": True, "acked_at": "before",
                                                    "outcome": "held", "receipt": {}}  # fmt: skip
    late = receipt(change, "quarantined", None, stream=STREAM, problem=[])
    result, _ = outcome_of(world([change], BASE), [change], [late])
    kept = result.changes[change["change_id"]]
    assert (kept["outcome"], kept["acked_at"]) == ("quarantined", "before")
    assert result.confirmed == 0
    # Sealed anew since: the centre names where it came first.
    elsewhere = late | {"stream": RECORD, "seq": 77}
    kept = outcome_of(world([change], BASE), [change], [elsewhere])[0].changes
    assert kept[change["change_id"]]["outcome"] == "quarantined"
    nowhere = {name: value for name, value in late.items() if name != "stream"}
    assert outcome_of(world([change], BASE), [change], [nowhere])[0].changes == {}


def test_a_record_that_is_gone_disappears_unless_work_depends_on_it():
    gone = {"record_id": RECORD, "gone": True}
    _, view = outcome_of(world([], BASE), [], [], [gone])
    assert view is None
    log = Log()
    change = log.write("update", {"met": "王某"}, 1)
    _, view = outcome_of(world([change], BASE), [], [], [gone])
    assert view["fields"]["met"] == "王某"
    result, view = outcome_of(
        World({RECORD: [change]}, {RECORD: view}), [change], [receipt(change, version=2)]
    )
    assert view is None
    assert result.changes[change["change_id"]]["settled"]


def test_a_conflict_keeps_both_values_until_it_is_decided():
    log = Log()
    change = log.write("update", {"met": "王某", "mode": "phone"}, 1)
    theirs = BASE | {"met": "李某", "mode": "phone"}
    result, view = outcome_of(
        world([change], BASE), [change], [receipt(change, "conflict", 3, conflict_id="c")],
        [update(theirs, 3)],
    )  # fmt: skip
    conflict = result.conflicts[change["change_id"]]
    assert conflict["pairs"] == [{"path": "met", "mine": "王某", "theirs": "李某"}]
    assert (view["state"], view["fields"]["met"]) == ("conflict", "李某")
    later = World({RECORD: [result.changes[change["change_id"]]]}, {RECORD: view},
                  conflicts={RECORD: [conflict]})  # fmt: skip
    result, view = outcome_of(later, [], [], [update(BASE | {"met": "王某", "mode": "phone"}, 4)])
    assert result.conflicts[change["change_id"]]["decision"] == "replaced"
    assert result.conflicts[change["change_id"]]["pairs"] == conflict["pairs"]
    assert view["state"] == "stored"


def test_my_own_later_value_ends_a_conflict():
    log = Log()
    first = log.write("update", {"met": "王某"}, 1)
    second = log.write("update", {"met": "赵某"}, 1)
    result, view = outcome_of(
        world([first, second], BASE), [first, second],
        [receipt(first, "conflict", 2), receipt(second, "applied", 3)],
        [update(BASE | {"met": "赵某"}, 3)],
    )  # fmt: skip
    assert result.conflicts[first["change_id"]]["decision"] == "superseded"
    assert view["state"] == "stored"


def test_an_unknown_kind_is_kept_aside():
    strange = update({"x": 1}) | {"kind": "spaceship"}
    result, _ = outcome_of(World({}, {}), [], [], [strange])
    assert result.unknown == {RECORD: strange}


def test_a_newer_schema_is_shown_as_far_as_it_is_understood():
    newer = update(BASE | {"telepathy": True}) | {"schema": 99}
    _, view = outcome_of(World({}, {}), [], [], [newer])
    assert view["fields"]["met" if "met" in BASE else "mode"] == "door"


def test_a_seen_mark_reaches_the_record_it_is_of():
    log = Log()
    change = log.write("create", BASE) | {"acked": True, "settled": True, "outcome": "applied",
                                          "receipt": {"version": 1}}  # fmt: skip
    said = {"target_kind": "visit", "target_id": RECORD, "target_version": 1, "seen_by": OTHER}
    mark = update(said | {"seen_at": AT}) | {"kind": "seen", "record_id": OTHER}
    result = reconcile(world([change], BASE), [], [], [mark], AT)
    assert result.views[RECORD]["state"] == "seen"
    assert result.views[OTHER]["parent_id"] == RECORD


def test_the_brake_is_for_a_large_share_of_many():
    gone = [{"record_id": str(number), "gone": True} for number in range(4)]
    assert too_many_gone(gone, 0, 100) == 0
    assert too_many_gone(gone, 27, 100) == 31
    assert too_many_gone(gone, 26, 100) == 0
    assert too_many_gone(gone, 0, 5) == 0
    assert too_many_gone([update(BASE)] * 50, 0, 100) == 0


def test_what_a_restored_centre_lacks_is_offered_again():
    log = Log()
    for number in range(4):
        change = log.write("update", {"rating": number + 1}, 1)
        log.changes[-1] = change | {"acked": True, "settled": True, "outcome": "applied",
                                    "receipt": {"version": 2}}  # fmt: skip
    at_two = log.changes[1]["hash"]
    lost, forked, shared = beyond(log.changes, {STREAM: (2, at_two)})
    assert [one["seq"] for one in lost] == [1, 2, 3, 4]  # what is known comes back as it is there
    assert all(not one["acked"] and one["outcome"] is None for one in lost)
    assert (forked, shared) == (set(), {STREAM})
    assert len(beyond(log.changes, {})[0]) == 4


def test_a_version_is_told_again_only_where_all_of_the_change_stood_in_it():
    change = Log().write("update", {"rating": 1}, 1) | {"acked": True, "settled": True}
    whole = unmarked(change | {"outcome": "merged", "receipt": {"version": 5}})
    beside = unmarked(
        change | {"outcome": "merged", "receipt": {"version": 5, "conflict_id": "c1"}}
    )
    assert whole["former_version"] == 5
    assert "former_version" not in beside


def test_what_is_offered_again_remembers_the_version_it_had_become_last():
    change = Log().write("update", {"rating": 1}, 1) | {"acked": True}
    for settled in (True, False):
        told = {"settled": settled, "outcome": "applied", "receipt": {"version": 5}}
        assert unmarked(change | told)["held_in"] == 5
    refused = {"settled": False, "outcome": "quarantined", "receipt": {"version": None}}
    assert unmarked(change | {"held_in": 5} | refused)["held_in"] is None


@pytest.mark.parametrize("theirs", [(2, "another"), (9, "longer")])
def test_nothing_of_a_stream_with_another_history_at_a_restored_centre_counts_as_known(theirs):
    log = Log()
    for number in range(4):
        change = log.write("update", {"rating": number + 1}, 1)
        log.changes[-1] = change | {"acked": True, "settled": True, "outcome": "applied",
                                    "receipt": {"version": 2}}  # fmt: skip
    lost, forked, shared = beyond(log.changes, {STREAM: theirs})
    assert [one["seq"] for one in lost] == [1, 2, 3, 4]
    assert (forked, shared) == ({STREAM} if theirs[0] == 2 else set(), set())


def test_only_old_settled_confirmed_changes_may_be_forgotten():
    def made(**more):
        change = {"change_id": str(more), "acked": True, "settled": True, "outcome": "applied",
                  "acked_at": "2026-01-01T00:00:00+08:00"}  # fmt: skip
        return change | more

    old = made()
    changes = [old, made(acked=False), made(settled=False), made(acked_at=AT)]
    assert prunable(changes, "2026-06-01T00:00:00+08:00") == [old["change_id"]]


def test_sealing_again_chains_and_hashes_anew():
    log = Log()
    change = log.write("create", BASE)
    again = resealed(change, Head(OTHER, 7, "ab" * 32))
    assert (again["seq"], again["prev"], again["change_id"]) == (8, "ab" * 32, change["change_id"])
    assert again["hash"] == change_hash(again)
    assert "stream" not in again
    assert change["prev"] == ZEROS


# Properties -------------------------------------------------------------------------------------

TEXT = st.sampled_from([None, "甲", "乙", "丙"])
KEYS = st.sampled_from(["wiring", "gas_hose", "smoke"])
ENTRY = st.builds(lambda note: {"state": "ok", "note": note}, st.sampled_from(["一", "二"]))
EDIT = st.fixed_dictionaries(
    {},
    optional={
        "met": TEXT,
        "findings": TEXT,
        "rating": st.one_of(st.none(), st.integers(1, 5)),
        "safety": st.one_of(st.none(), st.dictionaries(KEYS, ENTRY, max_size=3)),
    },
)
OUTCOMES = st.sampled_from(["applied", "merged", "unchanged", "conflict", "held", "quarantined"])


def edited(fields, asked):
    """Return stored fields after the values asked for; empty ones are left out."""
    whole = {**fields, **asked}
    return {name: value for name, value in whole.items() if value not in (None, {})}


class Laptop:
    """A record on a laptop, changed by its worker and by what the centre answers, as stored."""

    def __init__(self, fields: dict[str, Any] | None) -> None:
        self.log = Log()
        self.changes: dict[str, dict[str, Any]] = {}
        self.world = World({RECORD: []}, {})
        self.version = 1
        if fields is None:
            self._keep(self.log.write("create", to_wire(VISIT, BASE)))
        else:
            self.answer([], [update(fields, 1)])

    @property
    def view(self) -> dict[str, Any]:
        return self.world.views[RECORD]

    def _keep(self, change: dict[str, Any]) -> None:
        self.changes[change["change_id"]] = change
        self._renew(self.world.views.get(RECORD, {}).get("copy"))

    def _renew(self, copy: Any) -> None:
        self.world.changes[RECORD] = list(self.changes.values())
        view = build_view(copy, self.world.changes[RECORD])
        self.world.views = {RECORD: view} if view else {}

    def edit(self, asked: dict[str, Any]) -> None:
        """Save what the worker entered."""
        wire = difference(VISIT, self.view["fields"], edited(self.view["fields"], asked))
        if wire:
            self._keep(self.log.write("update", wire, self.view["version"]))

    def answer(self, receipts: list[dict[str, Any]], updates: list[dict[str, Any]]) -> None:
        """Take an answer in, as the service does."""
        sent = [one for one in self.changes.values() if not one["acked"]]
        before = copying.deepcopy(self.world)
        result = reconcile(self.world, sent, receipts, updates, AT)
        assert before == self.world, "an answer changes no document in place"
        self.changes |= result.changes
        self.world.changes[RECORD] = list(self.changes.values())
        if RECORD in result.views:
            view = result.views[RECORD]
            self.world.views = {RECORD: view} if view else {}
        self.world.conflicts[RECORD] = list(result.conflicts.values())


STEP = st.one_of(
    st.tuples(st.just("edit"), EDIT, st.just("")),
    st.tuples(st.just("pull"), EDIT, st.just("")),
    st.tuples(st.just("push"), st.just({}), OUTCOMES),
    st.tuples(st.just("exchange"), EDIT, OUTCOMES),
)


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(STEP, max_size=12))
def test_no_answer_ever_loses_an_unsent_field(known_before, steps):
    laptop = Laptop(dict(BASE) if known_before else None)
    theirs = dict(BASE)
    for what, values, outcome in steps:
        if what == "edit":
            laptop.edit(values)
            continue
        receipts, updates = [], []
        unsent = [one for one in laptop.changes.values() if not one["acked"]]
        if what in ("push", "exchange"):
            for change in unsent[: len(unsent) // 2 + 1]:
                laptop.version += 1
                told = None if outcome in ("held", "quarantined") else laptop.version
                receipts.append(receipt(change, outcome, told))
        if what in ("pull", "exchange"):
            theirs = edited(theirs, values)
            laptop.version += 1
            updates.append(update(theirs, laptop.version))
        laptop.answer(receipts, updates)
        check_nothing_lost(laptop)


def check_nothing_lost(laptop):
    view = laptop.view
    lying = [one for one in laptop.changes.values() if not one["settled"]]
    fields = dict(view["server"] or {})
    for change in lying:
        fields = apply(VISIT, fields, change["fields"])
    assert view["fields"] == fields
    for change in laptop.changes.values():
        # What the centre has not settled lies on top; what it refused does so for good.
        assert change["settled"] <= (change["acked"] and change["outcome"] != "quarantined")
    if any(not one["acked"] for one in laptop.changes.values()):
        assert view["state"] in ("local", "refused", "conflict")


@settings(max_examples=200, deadline=None)
@given(st.lists(STEP, max_size=8))
def test_the_same_answer_twice_changes_nothing_more(steps):
    laptop = Laptop(dict(BASE))
    for what, values, outcome in steps:
        laptop.edit(values) if what == "edit" else None
        unsent = [one for one in laptop.changes.values() if not one["acked"]]
        receipts = [receipt(change, outcome or "applied", 2) for change in unsent]
        updates = [update(edited(BASE, values), 2)]
        laptop.answer(receipts, updates)
        before = copying.deepcopy((laptop.changes, laptop.world.views))
        laptop.answer(receipts, updates)
        assert (laptop.changes, laptop.world.views) == before
