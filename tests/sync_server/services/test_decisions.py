"""The conflict desk: each choice carried out whole, told to the laptops, open to another one."""

from __future__ import annotations

from typing import Any

import pytest

from sync_server.domain.errors import Refusal
from sync_server.services import conflict_desk, decisions, record_page
from sync_server.services.accounts import User, get_user
from sync_server.services.centre import Centre
from sync_server.services.decision_records import tell_decisions
from sync_server.services.decisions import Pick
from tests.sync_server.services.desks import (
    audited,
    choose,
    conflict_rows,
    dispute,
    entries,
    hire,
    of_kind,
    stored,
    two_laptops,
)
from tests.sync_server.world import (
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    household,
    join,
    resident,
)

Two = tuple[Laptop, Laptop]
FIRST, SECOND, THIRD = "10000000001", "10000000002", "10000000003"


@pytest.fixture
def two(centre: Centre) -> Two:
    return two_laptops(centre)


@pytest.fixture
def person(centre: Centre) -> User:
    return hire(centre)


def phones(two: Two, **more: Any) -> str:
    return dispute(
        two, "household", household(phone=FIRST), {"phone": SECOND, **more}, {"phone": THIRD}
    )


def visit(**more: Any) -> dict[str, Any]:
    return {
        "visited_at": "2026-09-30T11:30:00+08:00",
        "household_id": "0192f4a0-0000-7000-8000-000000000001",
        "purposes": ["daily"],
        "mode": "door",
        "result": "met",
        "notice_given": True,
        **more,
    }


def test_taking_the_other_value_changes_the_record_and_tells_both_laptops(any_centre: Centre):
    two, person = two_laptops(any_centre), hire(any_centre)
    record_id = phones(two)
    assert choose(any_centre, person, record_id, "other", words="已电话核实") == {}
    assert stored(any_centre, record_id).fields["phone"] == THIRD
    [row] = conflict_rows(any_centre)
    assert (row.decision, row.decided_by) == ("replaced", person.user_id)
    for laptop in two:
        laptop.send()
        assert laptop.records[record_id]["fields"]["phone"] == THIRD
        told = laptop.records[row.conflict_id]
        assert (told["kind"], told["grid"]) == ("decision", stored(any_centre, record_id).grid)
        assert {name: told["fields"].get(name) for name in (
            "subject", "outcome", "target_id", "path", "change_id", "version", "words",
            "automatic", "decided_by",
        )} == {
            "subject": "conflict", "outcome": "replaced", "target_id": record_id, "path": "phone",
            "change_id": row.change_id, "version": laptop.version(record_id),
            "words": "已电话核实", "automatic": False, "decided_by": person.user_id,
        }  # fmt: skip
    assert audited(any_centre) == ["decide"]


def test_keeping_what_stands_changes_no_record(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    before = stored(centre, record_id)
    assert choose(centre, person, record_id, "stand") == {}
    assert stored(centre, record_id) == before
    assert [row.decision for row in conflict_rows(centre)] == ["kept"]


def test_a_new_value_is_checked_like_any_other(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    [trouble] = choose(centre, person, record_id, "write", value="1" * 31).values()
    assert "最多30个字" in trouble.text
    assert conflict_rows(centre)[0].decision is None
    assert choose(centre, person, record_id, "write", value="10000009999") == {}
    assert stored(centre, record_id).fields["phone"] == "10000009999"
    assert conflict_rows(centre)[0].decision == "rewritten"


def test_writing_nothing_is_no_value(centre: Centre, two: Two, person: User):
    [trouble] = choose(centre, person, phones(two), "write").values()
    assert trouble.code == "value_needed"


def test_a_decided_entry_is_decided_anew_as_a_new_version(
    centre: Centre, two: Two, person: User, clock: StillClock
):
    record_id = phones(two)
    choose(centre, person, record_id, "other")
    clock.passes(minutes=1)
    choose(centre, person, record_id, "visible")
    assert stored(centre, record_id).fields["phone"] == SECOND
    two[0].send()
    [row] = conflict_rows(centre)
    told = two[0].records[row.conflict_id]
    assert (told["version"], told["fields"]["outcome"]) == (2, "kept")


def test_what_was_decided_by_the_clock_is_listed_and_can_be_taken_back(
    centre: Centre, two: Two, person: User
):
    record_id = dispute(two, "household", household(size=3), {"size": 4}, {"size": 5})
    [entry] = entries(centre, person, record_id)
    assert entry.decided
    visible = stored(centre, record_id).fields["size"]
    other = {4, 5} - {visible}
    choose(centre, person, record_id, "other" if "other" in entry.choices else "visible")
    assert {stored(centre, record_id).fields["size"]} == other
    [row] = conflict_rows(centre)
    assert row.automatic
    assert row.first_decision in ("kept", "replaced")
    assert row.first_decision != row.decision


def test_history_still_tells_what_the_change_itself_did(centre: Centre, two: Two, person: User):
    record_id = dispute(two, "household", household(size=3), {"size": 4}, {"size": 5})
    [entry] = entries(centre, person, record_id)

    def effects() -> list[tuple[str, str]]:
        with centre.store.reading() as connection:
            page = record_page.open_record(connection, person, "household", record_id, "zh")
        return [
            (delta.new.text, delta.effect)
            for one in page.history.entries
            if one.row["device_id"]
            for delta in one.deltas
            if delta.label == "人口数"
        ]

    before = effects()
    choose(centre, person, record_id, "other" if "other" in entry.choices else "visible")
    assert effects() == before


def test_several_entries_of_one_record_are_settled_in_one_change(
    centre: Centre, two: Two, person: User
):
    record_id = dispute(
        two, "resident", resident(phone=FIRST, name="甲"),
        {"phone": SECOND, "name": "乙"}, {"phone": THIRD, "name": "丙"},
    )  # fmt: skip
    version = stored(centre, record_id).version
    assert choose(centre, person, record_id, "other") == {}
    row = stored(centre, record_id)
    assert (row.fields["phone"], row.fields["name"], row.version) == (THIRD, "丙", version + 1)
    assert len(of_kind(centre, "decision")) == 2


def test_nothing_is_done_when_the_record_moved_on_meanwhile(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    [entry] = entries(centre, person, record_id)
    two[0].write("household", "update", {"phone": "10000007777"}, record_id, base_version=2)
    two[0].send()
    picks = {entry.conflict_id: Pick("other", entry.seen)}
    with pytest.raises(Refusal, match="out_of_date"):
        decisions.decide(centre.store, person, record_id, picks, centre.clock(), "zh")
    assert stored(centre, record_id).fields["phone"] == "10000007777"
    assert conflict_rows(centre)[0].decision is None
    assert of_kind(centre, "decision") == []


def test_the_second_of_two_staff_is_told(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    [entry] = entries(centre, person, record_id)
    choose(centre, person, record_id, "other")
    picks = {entry.conflict_id: Pick("stand", entry.seen)}
    with pytest.raises(Refusal, match="out_of_date"):
        decisions.decide(centre.store, person, record_id, picks, centre.clock(), "zh")
    assert conflict_rows(centre)[0].decision == "replaced"


def test_two_values_for_one_item_are_refused_whole(centre: Centre, two: Two, person: User):
    third = third_laptop(centre)
    record_id = two[0].write("household", "create", household(phone=FIRST))["record_id"]
    two[0].send()
    for laptop, phone in ((two[0], SECOND), (two[1], THIRD), (third, "10000000004")):
        laptop.write("household", "update", {"phone": phone}, record_id, base_version=1)
        laptop.send()
    troubles = choose(centre, person, record_id, "other")
    assert {one.code for one in troubles.values()} == {"two_values"}
    assert stored(centre, record_id).fields["phone"] == SECOND
    assert {row.decision for row in conflict_rows(centre)} == {None}


def third_laptop(centre: Centre) -> Laptop:
    return join(centre, add_worker(centre, "w3"), key="ef" * 32)


def test_a_void_against_an_edit_is_agreed_to(centre: Centre, two: Two, person: User):
    record_id = dispute(two, "resident", resident(), {"phone": SECOND}, {"reason": "已搬走"})
    choose(centre, person, record_id, "other")
    assert stored(centre, record_id).voided
    two[1].send()
    assert two[1].records[record_id]["voided"]
    choose(centre, person, record_id, "restore")
    two[1].send()
    assert not two[1].records[record_id]["voided"]
    assert two[1].records[record_id]["fields"]["phone"] == SECOND


@pytest.mark.parametrize(
    ("choice", "voided", "phone", "decision"),
    [("stand", True, FIRST, "kept"), ("restore", False, FIRST, "kept"),
     ("other", False, SECOND, "replaced")],
)  # fmt: skip
def test_an_edit_against_a_void(
    any_centre: Centre, choice: str, voided: bool, phone: str, decision: str
):
    two, person = two_laptops(any_centre), hire(any_centre)
    record_id = dispute(
        two, "resident", resident(phone=FIRST), {"reason": "已搬走"}, {"phone": SECOND}
    )
    choose(any_centre, person, record_id, choice, only="phone")
    for laptop in two:
        laptop.send()
        seen = laptop.records[record_id]
        assert (seen["voided"], seen["fields"]["phone"]) == (voided, phone)
    assert conflict_rows(any_centre)[0].decision == decision


def test_a_restored_record_takes_further_edits(centre: Centre, two: Two, person: User):
    record_id = dispute(two, "resident", resident(), {"reason": "已搬走"}, {"phone": SECOND})
    choose(centre, person, record_id, "other", only="phone")
    two[0].send()
    base = two[0].version(record_id)
    two[0].write("resident", "update", {"phone": THIRD}, record_id, base_version=base)
    assert two[0].send()["receipts"][0]["outcome"] == "applied"


def test_both_texts_are_kept_with_a_line_that_says_whose(centre: Centre, two: Two, person: User):
    record_id = dispute(
        two, "household", household(remarks="无"), {"remarks": "甲"}, {"remarks": "乙"}
    )
    [entry] = entries(centre, person, record_id)
    assert "both" not in entry.choices  # one line does not hold two
    laptop = two[0]
    made = laptop.write("visit", "create", visit(findings="原来"))["record_id"]
    laptop.send()
    _edit_elsewhere(centre, laptop, made)
    choose(centre, person, made, "both")
    text = stored(centre, made).fields["findings"]
    assert text.startswith("甲\n\n【张w1 2026-09-30 12:00】\n乙")
    assert conflict_rows(centre)[-1].decision == "both"


def _edit_elsewhere(centre: Centre, laptop: Laptop, record_id: str) -> None:
    """Change a visit on two laptops of its author (only he may)."""
    with centre.store.reading() as connection:
        worker = get_user(connection, centre.code, laptop.worker_id)
    second = join(centre, worker, key="aa" * 32)
    laptop.write("visit", "update", {"findings": "甲"}, record_id, base_version=1)
    laptop.send()
    second.slow_s = 3 * 3600  # a doubtful clock decides nothing by itself
    second.write("visit", "update", {"findings": "乙"}, record_id, base_version=1)
    second.send()


def test_a_worker_is_asked_and_the_entry_stays_open(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    [trouble] = choose(centre, person, record_id, "ask").values()
    assert trouble.code == "words_needed"
    assert choose(centre, person, record_id, "ask", words="请打电话问一下") == {}
    [row] = conflict_rows(centre)
    assert row.decision is None
    assert row.asked_at == centre.clock()
    two[1].send()
    [asked] = [one for one in two[1].records.values() if one["kind"] == "correction"]
    fields = asked["fields"]
    assert (fields["asked_of"], fields["conflict_id"]) == (two[1].worker_id, row.conflict_id)
    assert fields["marked"] == {"phone": {"words": "请打电话问一下"}}
    assert not fields["closed"]


def test_the_other_writer_can_be_asked_and_nobody_else(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    choose(centre, person, record_id, "ask", words="请核实", asked_of=two[0].worker_id)
    choose(centre, person, record_id, "ask", words="请核实", asked_of=person.user_id)
    of = [one.fields["asked_of"] for one in of_kind(centre, "correction")]
    assert sorted(of) == sorted([two[0].worker_id, two[1].worker_id])
    assert sorted(one.fields["closed"] for one in of_kind(centre, "correction")) == [False, True]


def test_deciding_closes_what_was_asked(centre: Centre, two: Two, person: User):
    record_id = phones(two)
    choose(centre, person, record_id, "ask", words="请核实")
    choose(centre, person, record_id, "stand")
    assert [one.fields["closed"] for one in of_kind(centre, "correction")] == [True]


def test_the_asked_worker_answers_by_writing_the_field_again(
    centre: Centre, two: Two, person: User
):
    record_id = phones(two)
    choose(centre, person, record_id, "ask", words="请核实")
    two[1].send()
    base = two[1].version(record_id)
    two[1].write("household", "update", {"remarks": "别的"}, record_id, base_version=base)
    two[1].send()
    assert not of_kind(centre, "correction")[0].fields["closed"]
    two[1].write("household", "update", {"phone": "10000008888"}, record_id, base_version=base)
    two[1].send()
    [asked] = of_kind(centre, "correction")
    assert asked.fields["closed"]
    assert asked.fields["answer_id"] == two[1].log[-1]["change_id"]


def test_a_value_overtaken_by_its_writer_is_told_and_what_others_were_asked_is_closed(
    centre: Centre, two: Two, person: User
):
    record_id = phones(two)
    choose(centre, person, record_id, "ask", words="请核实", asked_of=two[0].worker_id)
    two[1].send()
    base = two[1].version(record_id)
    two[1].write("household", "update", {"phone": "10000008888"}, record_id, base_version=base)
    two[1].send()
    [told] = of_kind(centre, "decision")
    assert (told.fields["outcome"], told.fields["automatic"]) == ("withdrawn", True)
    [asked] = of_kind(centre, "correction")
    assert asked.fields["closed"]
    assert "answer_id" not in asked.fields


def test_what_was_decided_at_once_is_told_once(centre: Centre, two: Two):
    dispute(two, "household", household(size=3), {"size": 4}, {"size": 5})
    [row] = conflict_rows(centre)
    with centre.store.writing() as connection:
        tell_decisions(connection, centre.code, [row.conflict_id], centre.clock())
    [told] = of_kind(centre, "decision")
    assert (told.record_id, told.version) == (row.conflict_id, 1)
    assert told.fields["automatic"]
    assert "decided_by" not in told.fields


def test_a_record_made_under_a_conflict_s_id_keeps_nobody_from_deciding(
    centre: Centre, two: Two, person: User
):
    record_id = phones(two)
    [row] = conflict_rows(centre)
    two[1].write("household", "create", household(), row.conflict_id)
    two[1].send()
    assert choose(centre, person, record_id, "other") == {}
    assert conflict_rows(centre)[0].decision == "replaced"
    assert stored(centre, row.conflict_id).kind == "household"


def test_an_open_entry_is_not_told(centre: Centre, two: Two):
    phones(two)
    with centre.store.writing() as connection:
        [row] = conflict_rows(centre)
        tell_decisions(connection, centre.code, [row.conflict_id], centre.clock())
    assert of_kind(centre, "decision") == []


def test_a_later_conflict_starts_from_what_its_writer_had_seen_decided_or_not(
    centre: Centre, two: Two, person: User
):
    third = third_laptop(centre)
    record_id = dispute(
        two, "household", household(phone=FIRST), {"phone": SECOND},
        {"phone": THIRD, "remarks": "有犬"},
    )  # fmt: skip
    third.send()
    before = third.version(record_id)
    choose(centre, person, record_id, "other")
    third.write("household", "update", {"phone": "10000004444"}, record_id, base_version=before)
    third.send()
    assert conflict_rows(centre)[-1].base == SECOND
    for laptop in two:
        laptop.send()
    base = two[0].version(record_id)
    for laptop, phone in zip(two, ("10000004444", "10000005555"), strict=True):
        laptop.write("household", "update", {"phone": phone}, record_id, base_version=base)
        laptop.send()
    assert conflict_rows(centre)[-1].base == THIRD


@pytest.mark.parametrize(
    ("role", "scope", "code"),
    [("community", (OTHER_GRID,), "unknown_record"), ("auditor", ("990101",), "not_allowed")],
)
def test_only_staff_of_the_area_decide(
    centre: Centre, two: Two, person: User, role: str, scope: tuple[str, ...], code: str
):
    record_id = phones(two)
    [entry] = entries(centre, person, record_id)
    stranger = hire(centre, role, scope)
    picks = {entry.conflict_id: Pick("other", entry.seen)}
    with pytest.raises(Refusal, match=code):
        decisions.decide(centre.store, stranger, record_id, picks, centre.clock(), "zh")
    with centre.store.reading() as connection, pytest.raises(Refusal, match=code):
        conflict_desk.open_desk(connection, stranger, record_id, "zh")


def test_records_with_conflicts_are_listed_once_the_longest_waiting_first(
    centre: Centre, two: Two, person: User, clock: StillClock
):
    old = dispute(
        two, "resident", resident(name="甲", phone=FIRST),
        {"phone": SECOND, "name": "乙"}, {"phone": THIRD, "name": "丙"},
    )  # fmt: skip
    clock.passes(hours=1)
    new = phones(two)
    with centre.store.reading() as connection:
        page = conflict_desk.open_groups(connection, person, 1, "zh")
    assert [one.record.record_id for one in page.groups] == [old, new]
    assert [len(one.disputes) for one in page.groups] == [2, 1]
    choose(centre, person, old, "stand")
    with centre.store.reading() as connection:
        assert conflict_desk.open_groups(connection, person, 1, "zh").total == 1
