"""The desk for refused changes: put right, released, returned, not taken, sent again."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import refused, uploads
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store.tables import changes
from tests.sync_server.services.desks import (
    audited,
    change,
    conflict_rows,
    hire,
    of_kind,
    release,
    row_of,
    seen_of,
    stored,
)
from tests.sync_server.world import (
    GRID,
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    household,
    join,
    outcomes,
    resident,
)


@pytest.fixture
def person(centre: Centre) -> User:
    return hire(centre)


def refuse(laptop: Laptop, kind: str, action: str, fields: dict[str, Any], *args: Any,
           **more: Any) -> dict[str, Any]:  # fmt: skip
    """Send a change that is refused and return it."""
    written = laptop.write(kind, action, fields, *args, **more)
    assert outcomes(laptop.send()) == ["quarantined"]
    return written


def waiting(centre: Centre, person: User, desk: str | None = None) -> list[str]:
    """Return the ids of the refused changes on somebody's list."""
    with centre.store.reading() as connection:
        found = uploads.waiting(connection, person, "quarantined", 1, "zh", desk=desk)
    return [one.entry.row["change_id"] for one in found.changes]


def test_a_fixed_change_is_released_as_its_writer_s_and_the_original_stays_whole(
    any_centre: Centre,
):
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    sent = refuse(laptop, "household", "create", household(size=-1))
    held = laptop.write("household", "update", {"remarks": "有犬"}, sent["record_id"])
    assert outcomes(laptop.send()) == ["held"]
    form = {name: str(value) for name, value in sent["fields"].items()}
    assert release(any_centre, person, sent["change_id"], **form | {"size": "4"}) is None
    record = stored(any_centre, sent["record_id"])
    assert (record.author, record.device_id) == (laptop.worker_id, laptop.device_id)
    assert (record.fields["size"], record.fields["remarks"]) == (4, "有犬")
    row = change(any_centre, sent["change_id"])
    assert (row.outcome, row.version, row.desk, row.problem) == ("applied", 1, "released", None)
    assert row.fields == sent["fields"]
    assert row.hash == sent["hash"]
    assert row.fixed["fields"]["size"] == 4
    assert change(any_centre, held["change_id"]).outcome == "applied"
    laptop.send()
    [told] = [one for one in laptop.records.values() if one["kind"] == "decision"]
    fields = told["fields"]
    assert (fields["subject"], fields["outcome"]) == ("refused", "released_fixed")
    assert (fields["change_id"], fields["version"]) == (sent["change_id"], 1)
    assert fields["decided_by"] == person.user_id
    assert audited(any_centre) == ["release_change"]


def test_the_same_change_sent_again_is_a_duplicate_that_says_what_became_of_it(
    centre: Centre, laptop: Laptop, person: User
):
    sent = refuse(laptop, "household", "create", household(size=-1))
    form = {name: str(value) for name, value in sent["fields"].items()}
    release(centre, person, sent["change_id"], **form | {"size": "4"})
    laptop.acked = 0
    [receipt] = laptop.send()["receipts"]
    assert (receipt["outcome"], receipt["first"]["outcome"]) == ("duplicate", "applied")
    assert "problem" not in receipt["first"]


def test_what_is_still_wrong_comes_back_as_typed_and_nothing_is_done(
    centre: Centre, laptop: Laptop, person: User
):
    sent = refuse(laptop, "household", "create", household(size=-1))
    form = release(centre, person, sent["change_id"], size="很多", remarks="改过")
    assert form is not None
    assert form.problems["size"] == "应为整数。"
    assert (form.values["size"], form.values["remarks"]) == ("很多", "改过")
    row = change(centre, sent["change_id"])
    assert (row.outcome, row.fixed, row.desk) == ("quarantined", None, None)
    assert of_kind(centre, "decision") == []


def test_a_rule_about_the_whole_record_is_told_with_its_field(
    centre: Centre, laptop: Laptop, person: User
):
    made = laptop.write("visit", "create", _visit())
    laptop.send()
    sent = refuse(
        laptop, "visit", "update", {"household_id": None}, made["record_id"], base_version=1
    )
    form = release(centre, person, sent["change_id"])
    assert form is not None
    assert form.problems == {} or "household_id" in form.problems
    assert form.problems or form.general


def _visit(**more: Any) -> dict[str, Any]:
    return {"visited_at": "2026-09-30T11:30:00+08:00", "household_id": new_id(),
            "purposes": ["daily"], "mode": "door", "result": "met", "notice_given": True,
            **more}  # fmt: skip


def test_a_fixed_update_merges_as_if_it_had_come_right(
    centre: Centre, laptop: Laptop, person: User
):
    other = join(centre, add_worker(centre, "w2"), key="cd" * 32)
    made = laptop.write("household", "create", household(phone="10000000001"))["record_id"]
    laptop.send()
    other.send()
    sent = refuse(
        laptop, "household", "update", {"phone": "10000000002", "size": -5}, made, base_version=1
    )
    other.write("household", "update", {"phone": "10000000003"}, made, base_version=1)
    other.send()
    release(centre, person, sent["change_id"], size="6", phone="")
    row = change(centre, sent["change_id"])
    assert row.outcome == "conflict"
    assert row.conflict_id
    record = stored(centre, made)
    assert (record.fields["phone"], record.fields["size"]) == ("10000000003", 6)


def test_an_update_that_only_empties_a_field_is_released_and_empties_it(
    centre: Centre, laptop: Laptop, person: User
):
    made = laptop.write("resident", "create", resident(moved_out_at="2026-08-01"))["record_id"]
    laptop.send()
    sent = refuse(
        laptop, "resident", "update", {"moved_out_at": None, "rocket": 1}, made, base_version=1
    )
    assert release(centre, person, sent["change_id"], moved_out_at="") is None
    assert change(centre, sent["change_id"]).outcome == "applied"
    assert "moved_out_at" not in stored(centre, made).fields


def test_unknown_fields_are_left_out_when_a_change_is_put_right(
    centre: Centre, laptop: Laptop, person: User
):
    sent = refuse(laptop, "household", "create", household(rocket="x"))
    with centre.store.reading() as connection:
        case = refused.open_case(connection, person, sent["change_id"], "zh")
    assert case.form is not None
    assert case.form.left_out == ("rocket",)
    assert release(centre, person, sent["change_id"]) is None
    assert "rocket" not in stored(centre, sent["record_id"]).fields


@pytest.mark.parametrize(
    ("kind", "more"), [("rocket", {}), ("household", {"schema": 99}), ("household", {"grid": "x"})]
)
def test_what_nobody_understands_cannot_be_fixed_but_returned(
    centre: Centre, laptop: Laptop, person: User, kind: str, more: dict[str, Any]
):
    sent = refuse(laptop, kind, "create", household(), **more)
    with centre.store.reading() as connection:
        case = refused.open_case(connection, person, sent["change_id"], "zh")
    assert case.form is None
    with pytest.raises(Refusal, match="out_of_date"):
        release(centre, person, sent["change_id"])
    seen = seen_of(centre, person, sent["change_id"])
    refused.send_back(
        centre.store, person, sent["change_id"], seen, "请升级后重报", {}, centre.clock()
    )
    assert len(of_kind(centre, "correction")) == 1


def test_staff_of_the_area_accept_what_lay_outside_the_writer_s_grids(
    centre: Centre, laptop: Laptop
):
    sent = refuse(laptop, "household", "create", household(), grid=OTHER_GRID)
    there, here = hire(centre, "leader", (OTHER_GRID,)), hire(centre, "leader", (GRID,))
    assert waiting(centre, there) == waiting(centre, here) == [sent["change_id"]]
    form = release(centre, here, sent["change_id"])
    assert form is not None
    assert form.general == ("不在您负责的网格内。",)
    assert release(centre, there, sent["change_id"]) is None
    row = stored(centre, sent["record_id"])
    assert (row.grid, row.author) == (OTHER_GRID, laptop.worker_id)
    assert change(centre, sent["change_id"]).fixed is None
    laptop.send()
    [told] = [one for one in laptop.records.values() if one["kind"] == "decision"]
    assert told["fields"]["outcome"] == "released"
    assert told["grid"] == GRID  # where its writer can read it
    assert sent["record_id"] not in laptop.records


def test_a_change_in_another_s_name_is_never_released(centre: Centre, laptop: Laptop, person: User):
    sent = refuse(laptop, "household", "create", household(), author=new_id())
    form = release(centre, person, sent["change_id"])
    assert form is not None
    assert "填报人不是本终端的使用人" in form.general[0]


def test_a_returned_change_asks_its_writer_in_words_and_fields(
    centre: Centre, laptop: Laptop, person: User
):
    sent = refuse(laptop, "resident", "create", {"name": "缺项", "sex": "1"})
    seen, change_id = seen_of(centre, person, sent["change_id"]), sent["change_id"]
    now = centre.clock()
    with pytest.raises(Refusal, match="words_needed"):
        refused.send_back(centre.store, person, change_id, seen, " ", {}, now)
    marked = {"birth": "看身份证", "nonsense": "x", "sex": ""}
    refused.send_back(centre.store, person, change_id, seen, "请补齐", marked, now)
    laptop.send()
    [asked] = [one for one in laptop.records.values() if one["kind"] == "correction"]
    fields = asked["fields"]
    assert (fields["change_id"], fields["asked_of"]) == (change_id, laptop.worker_id)
    assert fields["marked"] == {"birth": {"words": "看身份证"}}
    assert waiting(centre, person) == []
    assert waiting(centre, person, "returned") == [change_id]
    with pytest.raises(Refusal, match="out_of_date"):
        refused.dismiss(centre.store, person, change_id, seen, "不要", now)


def test_the_writer_s_correction_closes_what_was_asked(
    centre: Centre, laptop: Laptop, person: User
):
    sent = refuse(laptop, "resident", "create", {"name": "缺项", "sex": "1"})
    seen = seen_of(centre, person, sent["change_id"])
    refused.send_back(centre.store, person, sent["change_id"], seen, "请补齐", {}, centre.clock())
    laptop.write("resident", "create", resident(), sent["record_id"], corrects=sent["change_id"])
    laptop.send()
    answer = change(centre, laptop.log[-1]["change_id"])
    [asked] = of_kind(centre, "correction")
    assert asked.fields["closed"]
    assert asked.fields["answer_id"] == answer.change_id
    assert change(centre, sent["change_id"]).desk == "answered"
    assert waiting(centre, person) == waiting(centre, person, "returned") == []
    assert waiting(centre, person, "answered") == [sent["change_id"]]


def test_a_stranger_s_change_closes_nothing(centre: Centre, laptop: Laptop, person: User):
    sent = refuse(laptop, "resident", "create", {"name": "缺项", "sex": "1"})
    seen = seen_of(centre, person, sent["change_id"])
    refused.send_back(centre.store, person, sent["change_id"], seen, "请补齐", {}, centre.clock())
    stranger = join(centre, add_worker(centre, "w2"), key="cd" * 32)
    stranger.write("resident", "create", resident(), sent["record_id"], corrects=sent["change_id"])
    stranger.send()
    assert not of_kind(centre, "correction")[0].fields["closed"]
    assert change(centre, sent["change_id"]).desk == "returned"
    assert waiting(centre, person, "returned") == [sent["change_id"]]


def test_what_is_not_taken_stays_kept_and_can_be_released_later(
    centre: Centre, laptop: Laptop, person: User
):
    sent = refuse(laptop, "household", "create", household(size=-1))
    seen = seen_of(centre, person, sent["change_id"])
    refused.dismiss(centre.store, person, sent["change_id"], seen, "重复上报", centre.clock())
    row = change(centre, sent["change_id"])
    assert (row.outcome, row.desk, row.fields) == ("quarantined", "dismissed", sent["fields"])
    assert waiting(centre, person) == []
    assert waiting(centre, person, "dismissed") == [sent["change_id"]]
    [told] = of_kind(centre, "decision")
    assert (told.fields["outcome"], told.fields["words"]) == ("dismissed", "重复上报")
    form = {name: str(value) for name, value in sent["fields"].items()}
    assert release(centre, person, sent["change_id"], **form | {"size": "4"}) is None
    [told] = of_kind(centre, "decision")
    assert (told.fields["outcome"], told.version) == ("released_fixed", 2)


def test_a_void_without_reason_is_released_with_one(centre: Centre, laptop: Laptop, person: User):
    made = laptop.write("household", "create", household())["record_id"]
    laptop.send()
    sent = refuse(laptop, "household", "void", {"reason": " "}, made, base_version=1)
    assert release(centre, person, sent["change_id"], reason="已搬走") is None
    assert stored(centre, made).voided
    with centre.store.reading() as connection:
        assert (
            refused.open_case(connection, person, sent["change_id"], "zh").entry.reason == "已搬走"
        )


def test_a_fixed_change_without_its_record_is_held_and_follows_it(
    centre: Centre, laptop: Laptop, person: User
):
    record_id = new_id()
    sent = refuse(laptop, "household", "update", {"size": -1}, record_id)
    assert release(centre, person, sent["change_id"], size="7") is None
    assert change(centre, sent["change_id"]).outcome == "held"
    laptop.write("household", "create", household(), record_id)
    laptop.send()
    row = change(centre, sent["change_id"])
    assert row.outcome in ("applied", "unchanged")
    assert row.fields == {"size": -1}


def test_a_released_change_refused_when_its_record_comes_waits_for_staff_again(
    centre: Centre, laptop: Laptop, person: User
):
    record_id = new_id()
    sent = refuse(laptop, "household", "update", {"size": -1}, record_id)
    release(centre, person, sent["change_id"], size="7")
    other = join(centre, add_worker(centre, "w2", (OTHER_GRID,)), key="cd" * 32)
    other.write("household", "create", household(), record_id, grid=OTHER_GRID)
    other.send()
    assert change(centre, sent["change_id"]).outcome == "quarantined"
    assert waiting(centre, person) == [sent["change_id"]]


def test_a_held_change_older_than_the_create_that_is_released_does_not_undo_it(
    centre: Centre, laptop: Laptop, person: User
):
    first = refuse(laptop, "household", "create", household(size=-1))
    older = laptop.write("household", "update", {"size": 4}, first["record_id"])
    laptop.send()
    again = refuse(
        laptop, "household", "create", household(size=-2), first["record_id"],
        corrects=first["change_id"],
    )  # fmt: skip
    form = {name: str(value) for name, value in again["fields"].items()}
    release(centre, person, again["change_id"], **form | {"size": "6"})
    assert stored(centre, first["record_id"]).fields["size"] == 6
    assert change(centre, older["change_id"]).outcome == "unchanged"


def test_what_its_writer_said_since_stands_against_a_change_released_late(
    centre: Centre, laptop: Laptop, person: User
):
    other = join(centre, add_worker(centre, "w2"), key="cd" * 32)
    made = laptop.write("household", "create", household(phone="0"))["record_id"]
    laptop.send()
    other.send()
    said = {"phone": "1", "size": 4, "remarks": "a", "rocket": 1}
    sent = refuse(laptop, "household", "update", said, made, base_version=1)
    laptop.write("household", "update", {"phone": "2", "size": 5}, made, base_version=1)
    laptop.send()
    other.send()  # who has seen the newer value goes on from it
    other.write("household", "update", {"phone": "3"}, made, base_version=other.version(made))
    other.send()
    assert release(centre, person, sent["change_id"]) is None
    fields = stored(centre, made).fields
    assert (fields["phone"], fields["size"], fields["remarks"]) == ("3", 5, "a")
    assert change(centre, sent["change_id"]).outcome == "merged"
    assert conflict_rows(centre) == []


def test_a_newer_entry_of_its_writer_stands_against_one_released_late(
    centre: Centre, laptop: Laptop, person: User
):
    building = {"compound_id": new_id(), "no": "3", "entrances": 4}
    made = laptop.write("building", "create", building)["record_id"]
    laptop.send()
    one, other, third = ({"head": f"王{name}"} for name in "甲乙丙")
    said = {"entrance_heads": {"add": {"1": one, "2": third}}, "rocket": 1}
    sent = refuse(laptop, "building", "update", said, made, base_version=1)
    newer = {"entrance_heads": {"add": {"1": other}}}
    laptop.write("building", "update", newer, made, base_version=1)
    assert outcomes(laptop.send()) == ["applied"]
    assert release(centre, person, sent["change_id"]) is None
    assert stored(centre, made).fields["entrance_heads"] == {"1": other, "2": third}
    assert conflict_rows(centre) == []


def test_what_staff_typed_is_no_older_value_of_the_writer(
    centre: Centre, laptop: Laptop, person: User
):
    made = laptop.write("household", "create", household(phone="0"))["record_id"]
    laptop.send()
    sent = refuse(laptop, "household", "update", {"phone": "1" * 99}, made, base_version=1)
    laptop.write("household", "update", {"phone": "2"}, made, base_version=1)
    laptop.send()
    assert release(centre, person, sent["change_id"], phone="9") is None
    assert [row.other for row in conflict_rows(centre)] == ["9"]


def test_held_changes_tell_what_they_wait_for_and_for_how_long(
    centre: Centre, laptop: Laptop, person: User, clock: StillClock
):
    create = refuse(laptop, "household", "create", household(size=-1))
    laptop.write("household", "update", {"remarks": "a"}, create["record_id"])
    laptop.send()
    clock.passes(days=5, seconds=1)
    laptop.write("household", "update", {"remarks": "b"}, new_id())
    laptop.send()
    with centre.store.reading() as connection:
        every = uploads.held(connection, person, centre.clock(), 1, "zh", long=False)
        late = uploads.held(connection, person, centre.clock(), 1, "zh", long=True)
    assert [(one.long, one.refused) for one in every.changes] == [
        (True, create["change_id"]), (False, ""),
    ]  # fmt: skip
    assert [one.waits_for for one in late.changes] == [create["record_id"]]


def test_nobody_outside_sees_or_settles_a_refused_change(centre: Centre, laptop: Laptop):
    sent = refuse(laptop, "household", "create", household(size=-1))
    stranger = hire(centre, "leader", (OTHER_GRID,))
    for role in (stranger, hire(centre, "auditor", ("990101",))):
        with centre.store.reading() as connection, pytest.raises(Refusal):
            refused.open_case(connection, role, sent["change_id"], "zh")
        with pytest.raises(Refusal):
            refused.dismiss(centre.store, role, sent["change_id"], "x", "不要", centre.clock())
    with centre.store.reading() as connection:
        applied = connection.execute(sa.select(changes.c.change_id).limit(1)).scalar_one()
    assert applied == sent["change_id"]


def test_an_applied_change_is_none_of_the_desk_s(centre: Centre, laptop: Laptop, person: User):
    made = laptop.write("household", "create", household())
    laptop.send()
    assert row_of(centre, changes, change_id=made["change_id"]).outcome == "applied"
    with centre.store.reading() as connection, pytest.raises(Refusal, match="unknown_record"):
        refused.open_case(connection, person, made["change_id"], "zh")
