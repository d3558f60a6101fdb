"""Two laptops, one record, through the exchange: both kept, conflicts recorded, times right."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_server.services.centre import Centre
from sync_server.store.tables import changes, conflicts, records
from tests.sync_server.world import (
    NOON,
    Laptop,
    StillClock,
    add_worker,
    household,
    join,
    outcomes,
    resident,
)


@pytest.fixture
def two(any_centre: Centre) -> tuple[Laptop, Laptop]:
    """Two laptops of one grid."""
    first = join(any_centre, add_worker(any_centre, "w1"))
    return first, join(any_centre, add_worker(any_centre, "w2"), key="cd" * 32)


def both_see(two: tuple[Laptop, Laptop], kind: str, fields: dict) -> str:
    """Let the first laptop make a record and both pull it; return its id."""
    made = two[0].write(kind, "create", fields)
    two[0].send()
    two[1].send()
    return made["record_id"]


def entries(centre: Centre) -> list[sa.Row]:
    with centre.store.reading() as connection:
        return connection.execute(sa.select(conflicts)).all()


def stored(centre: Centre, record_id: str) -> sa.Row:
    with centre.store.reading() as connection:
        return connection.execute(sa.select(records).where(records.c.record_id == record_id)).one()


def test_two_workers_change_different_fields_and_both_are_kept(any_centre, two):
    record_id = both_see(two, "household", household())
    two[0].write("household", "update", {"size": 5}, record_id, base_version=1)
    two[1].write("household", "update", {"remarks": "有犬"}, record_id, base_version=1)
    assert outcomes(two[0].send()) == ["applied"]
    assert outcomes(two[1].send()) == ["merged"]
    two[0].send()
    for laptop in two:
        assert laptop.records[record_id]["fields"]["size"] == 5
        assert laptop.records[record_id]["fields"]["remarks"] == "有犬"
        assert laptop.version(record_id) == 3
    assert entries(any_centre) == []


def test_two_workers_change_the_same_phone_and_the_first_stays_until_decided(any_centre, two):
    record_id = both_see(two, "household", household(phone="10000000001"))
    two[0].write("household", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[1].write("household", "update", {"phone": "10000000003"}, record_id, base_version=1)
    two[0].send()
    answer = two[1].send()
    receipt = answer["receipts"][0]
    assert receipt["outcome"] == "conflict"
    assert two[1].records[record_id]["fields"]["phone"] == "10000000002"
    (entry,) = entries(any_centre)
    assert entry.conflict_id == receipt["conflict_id"]
    assert (entry.base, entry.visible, entry.other) == ("10000000001", "10000000002", "10000000003")
    assert (entry.decision, entry.automatic, entry.device_id) == (None, False, two[1].device_id)


def test_the_loser_writing_again_unseen_replaces_his_own_entry(any_centre, two):
    record_id = both_see(two, "household", household(phone="10000000001"))
    two[0].write("household", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[0].send()
    for phone in ("10000000003", "10000000004"):
        two[1].write("household", "update", {"phone": phone}, record_id, base_version=1)
    answer = two[1].send()
    assert outcomes(answer) == ["conflict", "conflict"]
    (entry,) = entries(any_centre)
    assert entry.other == "10000000004"
    two[1].write("household", "update", {"phone": "10000000005"}, record_id, base_version=1)
    two[1].send()
    (entry,) = entries(any_centre)
    assert entry.other == "10000000005"


def test_the_loser_who_has_seen_both_may_set_the_value(any_centre, two):
    record_id = both_see(two, "household", household(phone="10000000001"))
    two[0].write("household", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[0].send()
    two[1].write("household", "update", {"phone": "10000000003"}, record_id, base_version=1)
    two[1].send()
    two[1].write("household", "update", {"phone": "10000000004"}, record_id, base_version=2)
    assert outcomes(two[1].send()) == ["applied"]
    (entry,) = entries(any_centre)
    assert entry.decision == "withdrawn"
    assert stored(any_centre, record_id).fields["phone"] == "10000000004"


def test_a_latest_field_is_decided_at_once_and_recorded(any_centre, two, clock: StillClock):
    record_id = both_see(two, "household", household(size=3))
    two[1].write("household", "update", {"size": 4}, record_id, base_version=1)
    clock.passes(minutes=5)
    two[0].write("household", "update", {"size": 5}, record_id, base_version=1)
    two[0].send()
    answer = two[1].send()
    assert outcomes(answer) == ["merged"]
    assert stored(any_centre, record_id).fields["size"] == 5
    (entry,) = entries(any_centre)
    assert (entry.decision, entry.automatic, entry.other) == ("kept", True, 4)
    assert answer["receipts"][0]["conflict_id"] == entry.conflict_id


def test_a_void_against_an_unseen_edit_waits_for_staff(any_centre, two):
    record_id = both_see(two, "resident", resident())
    two[0].write("resident", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[1].write("resident", "void", {"reason": "已搬走"}, record_id, base_version=1)
    two[0].send()
    assert outcomes(two[1].send()) == ["conflict"]
    assert not stored(any_centre, record_id).voided
    (entry,) = entries(any_centre)
    assert (entry.path, entry.other) == ("voided", {"voided": True, "reason": "已搬走"})


def test_an_edit_against_an_unseen_void_is_kept_beside(any_centre, two):
    record_id = both_see(two, "resident", resident())
    two[0].write("resident", "void", {"reason": "已搬走"}, record_id, base_version=1)
    two[1].write("resident", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[0].send()
    assert outcomes(two[1].send()) == ["conflict"]
    assert stored(any_centre, record_id).voided
    assert [(entry.path, entry.other) for entry in entries(any_centre)] == [
        ("phone", "10000000002")
    ]


def test_an_edit_after_a_known_void_is_refused(any_centre, two):
    record_id = both_see(two, "resident", resident())
    two[0].write("resident", "void", {"reason": "已搬走"}, record_id, base_version=1)
    two[0].write("resident", "update", {"phone": "10000000002"}, record_id, base_version=1)
    answer = two[0].send()
    assert outcomes(answer) == ["applied", "quarantined"]
    assert answer["receipts"][1]["problem"][0]["code"] == "record_voided"
    assert two[0].records[record_id]["voided"]


def test_times_are_corrected_by_the_measured_offset(any_centre, two):
    two[0].slow_s = 120
    made = two[0].write("household", "create", household())
    two[0].send()
    row = stored(any_centre, made["record_id"])
    assert row.happened_at == NOON
    assert row.made_at == made["made_at"]
    with any_centre.store.reading() as connection:
        change = connection.execute(sa.select(changes)).one()
    assert (change.clock_offset_s, change.doubtful) == (120, False)


def test_a_clock_a_year_ahead_is_doubtful_and_decides_nothing(any_centre, two):
    record_id = both_see(two, "household", household(size=3))
    two[0].write("household", "update", {"size": 5}, record_id, base_version=1)
    two[0].send()
    two[1].slow_s = -int(timedelta(days=365).total_seconds())
    two[1].write("household", "update", {"size": 4}, record_id, base_version=1)
    assert outcomes(two[1].send()) == ["conflict"]
    assert stored(any_centre, record_id).fields["size"] == 5


def test_a_batch_sent_again_by_hand_says_nothing_about_the_clock(any_centre, two, clock):
    two[0].write("household", "create", household())
    body = two[0].body()
    two[0].send(body)
    clock.passes(hours=3)
    two[0].send(body)
    two[0].write("household", "create", household())
    two[0].send()
    with any_centre.store.reading() as connection:
        doubts = connection.scalars(sa.select(changes.c.doubtful)).all()
    assert doubts == [False, False]


def test_counts_of_outcomes_add_up_per_stream(any_centre, two):
    record_id = both_see(two, "household", household(phone="10000000001"))
    two[0].write("household", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[0].write("household", "update", {"phone": "10000000002"}, record_id, base_version=1)
    two[0].write("household", "update", {"size": -1}, record_id, base_version=1)
    two[0].send()
    two[1].write("household", "update", {"phone": "10000000003"}, record_id, base_version=1)
    two[1].write("household", "update", {"remarks": "x"}, record_id, base_version=1)
    two[1].write("household", "update", {"size": 2})
    two[1].send()
    with any_centre.store.reading() as connection:
        counted = connection.execute(
            sa.select(changes.c.stream, changes.c.outcome, sa.func.count())
            .group_by(changes.c.stream, changes.c.outcome)
            .order_by(changes.c.outcome)
        ).all()
    by_stream: dict[str, dict[str, int]] = {}
    for stream, outcome, count in counted:
        by_stream.setdefault(stream, {})[outcome] = count
    assert by_stream == {
        two[0].stream: {"applied": 2, "quarantined": 1, "unchanged": 1},
        two[1].stream: {"conflict": 1, "held": 1, "merged": 1},
    }
    for laptop in two:
        assert sum(by_stream[laptop.stream].values()) == len(laptop.log)
