"""Copies of one store, and a centre that was restored: what counts as having seen a value."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.seal import ZEROS, seal
from sync_server.services import epochs
from sync_server.services.centre import Centre
from sync_server.store.tables import changes, conflicts, records, streams
from tests.sync_server.world import Laptop, add_worker, household, join, outcomes, resident


def another_stream(laptop: Laptop, shared: int, seal_again: int = 0) -> Laptop:
    """The store as it was after ``shared`` confirmed changes, going on in a stream of its own.

    ``seal_again``: how many of the later changes it had too, not yet confirmed, and seals again.
    """
    copied = copy.deepcopy(laptop.log)
    other = Laptop(laptop.centre, laptop.device_id, laptop.token, laptop.worker_id)
    other.epoch, other.follows = laptop.epoch, (laptop.stream, copied[:shared])  # type: ignore[attr-defined]
    for one in copied[shared : shared + seal_again]:
        place = other.log[-1]["hash"] if other.log else ZEROS
        other.log.append(seal(one, len(other.log) + 1, place))
    return other


def send(laptop: Laptop) -> list[str]:
    """Send what is unsent, telling what the stream follows."""
    body = laptop.body()
    if follows := getattr(laptop, "follows", None):
        stream, shared = follows
        if shared:
            body["heads"].insert(0, {
                "stream": stream, "acked_seq": len(shared), "acked_hash": shared[-1]["hash"],
                "last_seq": len(shared),
            })  # fmt: skip
    return outcomes(laptop.send(body))


def waiting(centre: Centre) -> list[Any]:
    """The values that wait for a decision."""
    with centre.store.reading() as connection:
        wanted = sa.select(conflicts.c.other).where(conflicts.c.decision.is_(None))
        return sorted(connection.scalars(wanted))


def test_a_copied_store_does_not_replace_what_the_other_wrote_since(laptop):
    made = laptop.write("resident", "create", resident(phone="10000000001"))
    assert send(laptop) == ["applied"]
    copied = another_stream(laptop, 1)
    laptop.write("resident", "update", {"phone": "10000000002"}, made["record_id"])
    assert send(laptop) == ["applied"]
    copied.write("resident", "update", {"phone": "10000000003"}, made["record_id"])
    assert send(copied) == ["conflict"]
    assert waiting(laptop.centre) == ["10000000003"]


def test_what_both_copies_held_before_they_parted_was_seen(laptop):
    made = laptop.write("resident", "create", resident(phone="10000000001"))
    laptop.write("resident", "update", {"phone": "10000000002"}, made["record_id"])
    copied = another_stream(laptop, 0, seal_again=2)
    laptop.write("resident", "update", {"phone": "10000000003"}, made["record_id"])
    assert send(laptop) == ["applied", "applied", "applied"]
    copied.write("resident", "update", {"remarks": "x", "phone": "10000000004"}, made["record_id"])
    del copied.log[-1]["fields"]["remarks"]
    copied.log[-1] = seal(copied.log[-1], 3, copied.log[-2]["hash"])
    assert send(copied) == ["duplicate", "duplicate", "conflict"]
    assert waiting(laptop.centre) == ["10000000004"]


def test_each_copy_keeps_its_own_waiting_value(laptop):
    other = join(laptop.centre, add_worker(laptop.centre, "w2"), "cd" * 32)
    made = laptop.write("resident", "create", resident(phone="10000000001"))
    assert send(laptop) == ["applied"]
    copied = another_stream(laptop, 1)
    base = laptop.version(made["record_id"])
    other.write(
        "resident", "update", {"phone": "10000000009"}, made["record_id"], base_version=base
    )
    assert send(other) == ["applied"]
    for one, phone in ((laptop, "10000000002"), (copied, "10000000003")):
        one.write("resident", "update", {"phone": phone}, made["record_id"], base_version=base)
        assert send(one) == ["conflict"]
    assert waiting(laptop.centre) == ["10000000002", "10000000003"]
    laptop.write(
        "resident", "update", {"phone": "10000000004"}, made["record_id"], base_version=base
    )
    assert send(laptop) == ["conflict"]
    assert waiting(laptop.centre) == ["10000000003", "10000000004"]


def lose(centre: Centre, kept: int) -> None:
    """Bring the centre back to its first ``kept`` changes of the record, in a new epoch."""
    with centre.store.writing() as connection:
        rows = connection.execute(sa.select(changes).order_by(changes.c.received_at, changes.c.seq))
        gone = [row.change_id for row in rows][kept:]
        connection.execute(sa.delete(changes).where(changes.c.change_id.in_(gone)))
        epochs.begin_epoch(connection, centre.code, centre.clock())


@pytest.fixture
def lost(any_centre: Centre) -> tuple[Centre, list[Laptop]]:
    """Three workers wrote one phone after the other, each having read the last; the centre was
    restored to before the second."""
    people = [join(any_centre, add_worker(any_centre, f"v{n}"), f"{n:02x}" * 32) for n in range(3)]
    first = people[0].write("resident", "create", resident(phone="10000000000"))
    record_id = first["record_id"]
    assert send(people[0]) == ["applied"]
    backup: list[dict[str, Any]] = []
    with any_centre.store.reading() as connection:
        backup = [dict(row) for row in connection.execute(sa.select(records)).mappings()]
    for place, one in enumerate(people):
        any_centre.clock.passes(minutes=1)  # type: ignore[attr-defined]
        one.send(one.body([]))
        one.write("resident", "update", {"phone": f"1000000001{place}"}, record_id,
                  base_version=one.version(record_id))  # fmt: skip
        assert send(one) == ["applied"]
    with any_centre.store.writing() as connection:
        connection.execute(sa.delete(records))
        connection.execute(sa.insert(records), backup)
    return any_centre, people


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_restored_centre_ends_as_it_was_whoever_comes_first(lost, order):
    centre, people = lost
    lose(centre, 1)
    with centre.store.writing() as connection:
        connection.execute(sa.update(streams).values(known_seq=0, known_hash=ZEROS))
        connection.execute(
            sa.update(streams)
            .where(streams.c.stream == people[0].stream)
            .values(known_seq=1, known_hash=people[0].log[0]["hash"])
        )
    for place in order:
        one = people[place]
        one.acked, one.epoch = (1 if place == 0 else 0), None
        former = {one.log[-1]["change_id"]: place + 2}
        one.send(one.body(former=former))
    assert waiting(centre) == []
    with centre.store.reading() as connection:
        row = connection.execute(sa.select(records)).mappings().one()
    assert row["fields"]["phone"] == "10000000012"
    assert row["version"] > 1_000_000


@pytest.mark.parametrize("kept", [1, 2])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_value_that_time_had_replaced_in_a_lost_epoch_stays_on_record(laptop, order, kept):
    """The second had not seen the first's value, which was replaced by time; the third had seen the
    second's alone, though he had looked at a later version than the first's. The backup was made
    before or after the first's value came."""
    centre = laptop.centre
    people = [join(centre, add_worker(centre, f"v{n}"), f"{n:02x}" * 32) for n in range(3)]
    record_id = laptop.write("household", "create", household(size=3))["record_id"]
    laptop.send()
    backup: dict[sa.Table, list[Any]] = {}
    for place, base in enumerate((1, 1, 3)):
        if place == kept - 1:
            with centre.store.reading() as connection:
                backup = {
                    table: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                    for table in (records, streams)
                }
        centre.clock.passes(minutes=1)
        one = people[place]
        one.write("household", "update", {"size": place + 4}, record_id, base_version=base)
        assert send(one) == [("applied", "merged", "applied")[place]]
    lose(centre, kept)
    with centre.store.writing() as connection:
        for table in (records, streams, conflicts):
            connection.execute(sa.delete(table))
            if backup.get(table):
                connection.execute(sa.insert(table), backup[table])
    for place in order:
        one = people[place]
        one.acked, one.epoch = int(place < kept - 1), None
        # Of a value that was kept beside another's, or replaced it, no version is told.
        former = {} if place == 1 else {one.log[-1]["change_id"]: place + 2}
        one.send(one.body(former=former))
    assert waiting(centre) == []
    with centre.store.reading() as connection:
        wanted = sa.select(records).where(records.c.record_id == record_id)
        row = connection.execute(wanted).mappings().one()
        decided = connection.execute(sa.select(conflicts)).mappings().all()
    assert row["fields"]["size"] == 6
    assert {4, 5} <= {one[name] for one in decided for name in ("visible", "other")}
    assert all(one["automatic"] for one in decided)
