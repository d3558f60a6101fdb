"""The exchange on both databases: what is received, how often it counts, what is refused."""

from __future__ import annotations

import pytest

from schemas.seal import ZEROS, seal
from sync_server.domain.envelope import BadEnvelope
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import set_active
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from tests.sync_server.world import (
    OTHER_GRID,
    Laptop,
    add_worker,
    household,
    issue,
    join,
    outcomes,
    resident,
)


@pytest.fixture
def laptop(any_centre: Centre) -> Laptop:
    return join(any_centre, add_worker(any_centre))


def second_laptop(centre: Centre, no: str = "w2", **more) -> Laptop:
    return join(centre, add_worker(centre, no, **more), key="cd" * 32)


def test_a_create_is_applied_and_comes_back_as_an_update(laptop):
    made = laptop.write("household", "create", household())
    answer = laptop.send()
    assert answer["receipts"] == [
        {"seq": 1, "change_id": made["change_id"], "outcome": "applied", "version": 1}
    ]
    update = laptop.records[made["record_id"]]
    assert update["fields"] == made["fields"]
    assert (update["kind"], update["version"], update["voided"]) == ("household", 1, False)
    assert answer["known"] == [{"stream": laptop.stream, "seq": 1, "hash": made["hash"]}]
    assert answer["people"] == {laptop.worker_id: "张w1"}
    assert not answer["more"]


def test_a_second_exchange_sends_nothing(laptop):
    laptop.write("household", "create", household())
    laptop.send()
    answer = laptop.send()
    assert answer["receipts"] == []
    assert answer["updates"] == []


def test_the_same_batch_twice_has_one_effect(laptop):
    laptop.write("household", "create", household())
    made = laptop.write("resident", "create", resident())
    body = laptop.body()
    first, second = laptop.send(body), laptop.send(body)
    assert outcomes(first) == ["applied", "applied"]
    assert outcomes(second) == ["duplicate", "duplicate"]
    assert second["receipts"][1]["first"] == {"outcome": "applied", "version": 1}
    assert laptop.version(made["record_id"]) == 1


def test_a_lost_reply_costs_nothing(laptop):
    made = laptop.write("household", "create", household(size=99999))
    body = laptop.body()
    laptop.send(body)
    laptop.acked, laptop.cursor = 0, None  # as if the answer had never come
    laptop.write("household", "create", household())
    answer = laptop.send()
    assert outcomes(answer) == ["duplicate", "applied"]
    first = answer["receipts"][0]["first"]
    assert first["outcome"] == "quarantined"
    assert first["problem"][0]["pointer"] == "/size"
    assert made["record_id"] not in laptop.records


def test_a_gap_is_answered_with_what_is_known(laptop):
    for _ in range(3):
        laptop.write("household", "create", household())
    with pytest.raises(Refusal) as caught:
        laptop.send(laptop.body(laptop.log[1:]))
    assert caught.value.code == "sequence_gap"
    assert caught.value.facts["known"] == [{"stream": laptop.stream, "seq": 0, "hash": ZEROS}]
    assert outcomes(laptop.send()) == ["applied"] * 3


def test_another_history_under_known_numbers_is_a_fork_and_stores_nothing(laptop):
    laptop.write("household", "create", household())
    laptop.send()
    laptop.log, laptop.acked = [], 0
    laptop.write("household", "create", household())
    laptop.write("household", "create", household())
    with pytest.raises(Refusal) as caught:
        laptop.send()
    assert caught.value.code == "stream_forked"
    assert caught.value.facts["known"][0]["seq"] == 1


def test_a_wrong_prev_after_the_known_end_is_a_fork(laptop):
    laptop.write("household", "create", household())
    laptop.send()
    real = laptop.log[:]
    laptop.log = [seal(dict(real[0], change_id=new_id()), 1, ZEROS)]
    laptop.write("household", "create", household())
    with pytest.raises(Refusal) as caught:
        laptop.send(laptop.body(laptop.log[1:], heads=[]))
    assert caught.value.code == "stream_forked"


def test_a_wrong_acknowledged_hash_is_a_fork(laptop):
    laptop.write("household", "create", household())
    laptop.write("household", "create", household())
    laptop.send()
    body = laptop.body()
    body["heads"][0] |= {"acked_seq": 1, "acked_hash": "0" * 64}
    with pytest.raises(Refusal, match="stream_forked"):
        laptop.send(body)


def test_a_stream_of_another_device_is_a_fork(any_centre, laptop):
    laptop.write("household", "create", household())
    laptop.send()
    other = second_laptop(any_centre)
    other.stream, other.log = laptop.stream, laptop.log[:]
    other.write("household", "create", household())
    with pytest.raises(Refusal, match="stream_forked"):
        other.send()


def test_changes_sealed_again_in_a_new_stream_count_once(laptop):
    laptop.write("household", "create", household())
    laptop.send()
    again = dict(laptop.log[0])
    laptop.stream, laptop.log, laptop.acked = new_id(), [], 0
    laptop.log.append(seal(again, 1, ZEROS))
    laptop.write("household", "create", household())
    body = laptop.body()
    assert outcomes(laptop.send(body)) == ["duplicate", "applied"]
    assert outcomes(laptop.send(body)) == ["duplicate", "duplicate"]
    head = laptop.body()["heads"][0] | {"acked_seq": 1, "acked_hash": laptop.log[0]["hash"]}
    assert laptop.send(laptop.body(heads=[head]))["receipts"] == []


def test_an_id_used_again_for_other_content_is_kept_aside(laptop):
    made = laptop.write("household", "create", household())
    laptop.send()
    laptop.write("household", "create", household(), change_id=made["change_id"])
    body = laptop.body()
    answer = laptop.send(body)
    assert outcomes(answer) == ["quarantined"]
    assert answer["receipts"][0]["problem"][0]["code"] == "already_exists"
    assert outcomes(laptop.send(body)) == ["duplicate"]


def test_a_foreign_epoch_is_answered_with_what_is_known_and_a_fresh_start(laptop):
    made = laptop.write("household", "create", household())
    laptop.send()
    laptop.write("household", "create", household())
    answer = laptop.send(laptop.body(server_epoch="another"))
    assert answer["receipts"] == []
    assert answer["known"] == [{"stream": laptop.stream, "seq": 1, "hash": made["hash"]}]
    assert answer["more"]
    laptop.records.clear()
    assert outcomes(laptop.send()) == ["applied"]
    assert made["record_id"] in laptop.records


def test_one_bad_record_among_two_hundred_stops_no_other(laptop):
    for place in range(200):
        laptop.write("household", "create", household(size="many" if place == 77 else 3))
    answer = laptop.send()
    assert outcomes(answer).count("applied") == 199
    bad = answer["receipts"][77]
    assert bad["outcome"] == "quarantined"
    assert [(one["pointer"], one["code"]) for one in bad["problem"]] == [("/size", "not_whole")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "spaceship"}, "unknown_schema"),
        ({"schema": 99}, "unknown_schema"),
        ({"fields": household(colour="red")}, "unknown_schema"),
        ({"grid": OTHER_GRID}, "out_of_area"),
        ({"grid": None}, "out_of_area"),
        ({"grid": "990101100009"}, "out_of_area"),
        ({"author": new_id()}, "wrong_author"),
        ({"kind": "notice", "fields": {"title": "x"}}, "required"),
        ({"made_at": "yesterday, about noon"}, "not_an_object"),
        ({"made_at": "0001-01-01T00:00:00+08:00"}, "not_an_object"),
        ({"author": "somebody"}, "not_an_object"),
        ({"fields": household(remarks="x" * 70_000)}, "too_large"),
        ({"fields": household(remarks="nul\0")}, "bad_characters"),
        ({"action": "void", "fields": {"reason": "nul\0"}}, "bad_characters"),
        ({"fields": household(size=1.5)}, "not_whole"),
        ({"fields": household(size=2**60)}, "not_whole"),
        ({"fields": {"a": [[[[[[[[[]]]]]]]]]}}, "too_deep"),
        ({"extra\0": "member"}, "not_an_object"),
        ({"kind": "quarantine_me", "fields": {"text": "{broken"}}, "unknown_schema"),
    ],
)
def test_what_cannot_be_applied_is_kept_whole_with_its_reason(laptop, change, code):
    laptop.write(**{"kind": "household", "action": "create", "fields": household()} | change)
    laptop.write("household", "create", household())
    body = laptop.body()
    answer = laptop.send(body)
    assert outcomes(answer) == ["quarantined", "applied"]
    assert code in [one["code"] for one in answer["receipts"][0]["problem"]]
    assert outcomes(laptop.send(body)) == ["duplicate", "duplicate"]


def test_an_update_before_its_create_is_held_and_applied_by_itself(any_centre, laptop):
    there = laptop.write("household", "create", household(size=2))
    unsent = laptop.log.pop()
    laptop.write("household", "update", {"size": 4}, there["record_id"])
    answer = laptop.send()
    assert outcomes(answer) == ["held"]
    assert answer["receipts"][0]["version"] is None
    laptop.stream, laptop.log, laptop.acked = new_id(), [seal(unsent, 1, ZEROS)], 0
    answer = laptop.send()
    assert outcomes(answer) == ["applied", "merged"]  # another stream: its writer saw no size yet
    assert answer["receipts"][1]["change_id"] != there["change_id"]
    assert laptop.records[there["record_id"]]["fields"]["size"] == 4
    assert laptop.version(there["record_id"]) == 2


def test_who_asks_is_told_what_became_of_a_change_whose_record_another_laptop_brought(laptop):
    other = join(laptop.centre, add_worker(laptop.centre, "w2"), "cd" * 32)
    there = other.write("household", "create", household(size=2))
    late = laptop.write("household", "update", {"remarks": "晚"}, there["record_id"])
    assert outcomes(laptop.send()) == ["held"]
    assert laptop.send(laptop.body([], held=[late["change_id"]]))["receipts"] == []
    assert outcomes(other.send()) == ["applied"]  # nobody else's receipts come here
    (told,) = laptop.send(laptop.body([], held=[late["change_id"]]))["receipts"]
    assert (told["seq"], told["outcome"], told["stream"]) == (1, "merged", laptop.stream)
    assert other.send(other.body([], held=[late["change_id"]]))["receipts"] == []


def test_a_corrected_create_is_not_undone_by_older_changes_that_waited(laptop):
    made = laptop.write("household", "create", household(size=-1))
    laptop.write("household", "update", {"size": 2, "remarks": "旧"}, made["record_id"])
    assert outcomes(laptop.send()) == ["quarantined", "held"]
    again = household(size=4)
    laptop.write("household", "create", again, made["record_id"], corrects=made["change_id"])
    laptop.write("household", "update", {"phone": "10000000009"}, made["record_id"])
    answer = laptop.send()
    assert outcomes(answer) == ["applied", "applied", "unchanged"]
    assert (answer["receipts"][2]["seq"], answer["receipts"][2]["stream"]) == (2, laptop.stream)
    assert laptop.records[made["record_id"]]["fields"] == again | {"phone": "10000000009"}


def test_a_void_that_waited_is_not_swallowed_by_a_corrected_create(laptop):
    made = laptop.write("household", "create", household(size=-1))
    laptop.write("household", "void", {"reason": "重复"}, made["record_id"])
    assert outcomes(laptop.send()) == ["quarantined", "held"]
    again = household(size=4)
    laptop.write("household", "create", again, made["record_id"], corrects=made["change_id"])
    assert outcomes(laptop.send()) == ["applied", "conflict"]
    assert not laptop.records[made["record_id"]]["voided"]


def test_a_step_waits_for_its_issue(laptop):
    issue_id = new_id()
    step = {
        "issue_id": issue_id,
        "action": "resolve",
        "at": "2026-09-30T11:30:00+08:00",
        "text": "已清理",
    }
    made = laptop.write("issue_step", "step", step)
    laptop.write("issue", "create", issue(), issue_id)
    answer = laptop.send()
    assert outcomes(answer) == ["applied", "applied"]
    assert laptop.records[made["record_id"]]["grid"] == laptop.records[issue_id]["grid"]


def test_only_its_author_changes_a_field_record(any_centre, laptop):
    made = laptop.write("issue", "create", issue())
    laptop.send()
    other = second_laptop(any_centre)
    other.send()
    other.write("issue", "update", {"title": "别人的"}, made["record_id"], base_version=1)
    answer = other.send()
    assert outcomes(answer) == ["quarantined"]
    assert answer["receipts"][0]["problem"][0]["code"] == "not_allowed"


def test_a_record_of_a_foreign_grid_cannot_be_changed_by_claiming_another(any_centre, laptop):
    made = laptop.write("household", "create", household())
    laptop.send()
    other = second_laptop(any_centre, grids=(OTHER_GRID,))
    other.write("household", "update", {"size": 9}, made["record_id"], grid=OTHER_GRID)
    answer = other.send()
    assert answer["receipts"][0]["problem"][0]["code"] == "out_of_area"
    assert answer["updates"] == []


def test_a_record_keeps_its_kind(laptop):
    made = laptop.write("household", "create", household())
    laptop.write("resident", "create", resident(), made["record_id"])
    laptop.write("resident", "update", {"name": "王样本"}, made["record_id"])
    laptop.write("household", "create", household(), made["record_id"])
    codes = [one["problem"][0]["code"] for one in laptop.send()["receipts"][1:]]
    assert codes == ["wrong_kind", "wrong_kind", "already_exists"]


def test_rules_over_whole_records_are_checked_on_updates(laptop):
    made = laptop.write("issue", "create", issue())
    laptop.write("issue", "update", {"self_handled": True}, made["record_id"])
    receipt = laptop.send()["receipts"][1]
    assert receipt["outcome"] == "quarantined"
    assert receipt["problem"][0]["code"] == "self_handled_level"


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body["changes"][1].update(fields={"size": 9}),
        lambda body: body["changes"][1].update(hash="0" * 64),
        lambda body: body["changes"][1].update(prev="0" * 64),
        lambda body: body["changes"][1].update(seq=3),
        lambda body: body["changes"][0].update(prev="1" * 64),
        lambda body: body["changes"].reverse(),
        lambda body: body["changes"].append("x"),
        lambda body: body.update(changes={}),
        lambda body: body.update(protocol=2),
        lambda body: body.update(batch_id="1"),
        lambda body: body.update(app="a\0b"),
        lambda body: body.pop("heads"),
    ],
)
def test_a_damaged_batch_is_refused_whole(laptop, damage):
    laptop.write("household", "create", household())
    laptop.write("household", "create", household())
    body = laptop.body()
    damage(body)
    with pytest.raises(BadEnvelope):
        laptop.send(body)
    assert outcomes(laptop.send()) == ["applied", "applied"]


def test_another_devices_body_is_refused(any_centre, laptop):
    other = second_laptop(any_centre)
    with pytest.raises(Refusal, match="wrong_device"):
        other.send(laptop.body())


def test_the_worker_who_left_is_answered_like_a_revoked_device(any_centre, laptop):
    with any_centre.store.writing() as connection:
        set_active(
            connection, any_centre.code, laptop.worker_id, False, any_centre.clock(), new_id()
        )
    laptop.write("household", "create", household())
    with pytest.raises(Refusal, match="device_revoked"):
        laptop.send()
