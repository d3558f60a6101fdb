"""Batches of several laptops in one transaction: as if each had come alone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import sync
from sync_server.services.centre import Centre
from sync_server.services.devices import authenticate, revoke_device
from sync_server.services.holdings import reassign
from sync_server.services.ids import new_id
from sync_server.services.merging import Wanted, merge_records
from sync_server.services.sync import Visit, open_visit, write_visits
from sync_server.services.turns import OnlyAlone
from sync_server.store import writing
from sync_server.store.tables import batches, changes, districts, metadata, records, streams
from tests.sync_server.care_door import Door
from tests.sync_server.services.desks import hire, stored
from tests.sync_server.world import (
    GRID,
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    household,
    issue,
    join,
    outcomes,
    resident,
)

NUMBERED = {"change_no", "first_no"}
"""Columns that tell in which order records were written."""


def some_laptops(centre: Centre, count: int = 4) -> list[Laptop]:
    return [
        join(centre, add_worker(centre, f"w{n}", [GRID, OTHER_GRID]), key=f"{n:02x}" * 32)
        for n in range(count)
    ]


def opened(laptop: Laptop, **more: Any) -> Visit:
    device = authenticate(laptop.centre.store, laptop.token)
    return open_visit(laptop.centre, device, laptop.body(**more), laptop.centre.clock())


@contextmanager
def kept_waiting(centre: Centre, laptops: Sequence[Laptop]) -> Iterator[list[Future[Any]]]:
    """Have the laptops send while somebody else writes in the district; on leaving he ends."""
    writer = centre.turns.writer(centre.code)
    with ThreadPoolExecutor(len(laptops)) as pool, centre.store.writing() as connection:
        writing.lock_district(connection, centre.code)
        sent = [pool.submit(one.send) for one in laptops]
        for _ in range(2000):
            if len(writer._waiting) == len(laptops) - 1:
                break
            time.sleep(0.005)
        else:
            raise AssertionError("they never queued")
        yield sent


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many batches were taken in at a time."""
    found: list[int] = []
    take = sync.receive_batches

    def taken(connection: sa.Connection, brought: Sequence[Any], *more: Any) -> Any:
        found.append(len(brought))
        return take(connection, brought, *more)

    monkeypatch.setattr(sync, "receive_batches", taken)
    return found


def rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def test_laptops_that_wait_for_one_another_are_written_together(any_centre: Centre, sizes):
    laptops = some_laptops(any_centre)
    for laptop in laptops:
        for _ in range(3):
            laptop.write("household", "create", household())
    with kept_waiting(any_centre, laptops) as sent:
        pass
    assert [outcomes(one.result(10)) for one in sent] == [["applied"] * 3] * 4
    assert sizes == [4]
    with any_centre.store.reading() as connection:
        numbers = sorted(row["change_no"] for row in rows(connection, records))
        last = connection.scalar(sa.select(districts.c.change_no))
        assert numbers == list(range(last - 11, last + 1))
        assert {row["stream"]: row["known_seq"] for row in rows(connection, streams)} == {
            one.stream: 3 for one in laptops
        }
        assert [(row["changes"], row["outcomes"]) for row in rows(connection, batches)] == [
            (3, {"applied": 3})
        ] * 4
    sizes.clear()
    for laptop in laptops:  # each has the other's work now, and his own is known
        laptop.send()
        assert len(laptop.records) == 12
        assert outcomes(laptop.send(laptop.body(laptop.log))) == ["duplicate"] * 3


def test_one_that_cannot_be_taken_in_hinders_nobody(any_centre: Centre, sizes):
    laptops = some_laptops(any_centre)
    for laptop in laptops:
        laptop.write("household", "create", household())
    forked = laptops[2]
    forked.write("household", "create", household())
    forked.send()
    forked.acked, forked.log = 0, forked.log[:1]
    forked.write("household", "create", household())
    forked.write("household", "create", household())
    forked.acked = 2  # its third follows another second one than the centre has
    with kept_waiting(any_centre, laptops) as sent:
        pass
    with pytest.raises(Refusal, match="stream_forked"):
        sent[2].result(10)
    assert [outcomes(one.result(10)) for one in sent if one is not sent[2]] == [["applied"]] * 3
    with any_centre.store.reading() as connection:
        assert len(rows(connection, changes)) == 5


def test_one_revoked_while_it_waits_is_told_so_alone(any_centre: Centre, sizes):
    laptops = some_laptops(any_centre)
    for laptop in laptops:
        laptop.write("household", "create", household())
    writer = any_centre.turns.writer(any_centre.code)
    lost, go = laptops[1], threading.Event()

    def first(gather: Any) -> None:
        gather()
        assert go.wait(10)

    with ThreadPoolExecutor(5) as pool:
        pool.submit(writer.bring_in, sync.Work(1, None), first)
        sent = [pool.submit(one.send) for one in laptops]
        for _ in range(2000):
            if len(writer._waiting) == 4:
                break
            time.sleep(0.005)
        with any_centre.store.writing() as connection:
            revoke_device(
                connection, any_centre.code, lost.device_id, any_centre.clock(), by=None,
                state="lost",
            )  # fmt: skip
        go.set()
    with pytest.raises(Refusal, match="device_revoked"):
        sent[1].result(10)
    assert [outcomes(one.result(10)) for one in sent if one is not sent[1]] == [["applied"]] * 3


def test_two_misses_of_one_person_written_together_make_one_alarm(door: Door):
    door.visit(door.one, 9)
    door.visit(door.other, 2)
    visits = [opened(door.one), opened(door.other)]
    write_visits(door.one.centre, door.one.centre.code, lambda: visits)
    (alarm,) = door.alarms()
    assert alarm["author"] == door.other.worker_id


def test_laptops_that_speak_of_one_record_are_not_written_together(any_centre: Centre, sizes):
    one, other = some_laptops(any_centre, 2)
    made = one.write("household", "create", household())
    one.send()
    other.send()
    sizes.clear()
    for laptop, size in ((one, 4), (other, 5)):
        laptop.write("household", "update", {"size": size}, made["record_id"], base_version=1)
    with kept_waiting(any_centre, [one, other]) as sent:
        pass
    assert sorted(outcomes(answer.result(10))[0] for answer in sent) == ["applied", "merged"]
    assert sizes == [1, 1]


def test_what_names_one_id_anywhere_is_not_written_together(any_centre: Centre, sizes):
    """Two households of one building, two visits that name one issue: what follows from them may
    hang together."""
    one, other = some_laptops(any_centre, 2)
    room = new_id()
    for laptop in (one, other):
        laptop.write("household", "create", household(room_id=room))
    with kept_waiting(any_centre, [one, other]) as sent:
        pass
    assert [outcomes(answer.result(10)) for answer in sent] == [["applied"]] * 2
    assert sizes == [1, 1]


def test_what_speaks_of_merged_records_is_not_written_together(any_centre: Centre):
    laptops = some_laptops(any_centre, 3)
    keep, gone = (laptops[0].write("household", "create", household()) for _ in range(2))
    for laptop in laptops:
        laptop.send()
    staff = hire(any_centre)
    pair = keep["record_id"], gone["record_id"]
    seen = tuple(stored(any_centre, one).version for one in pair)
    merge_records(any_centre.store, staff, Wanted(*pair, {}, seen), any_centre.clock())
    for laptop, record_id in zip(laptops[1:], pair, strict=True):
        laptop.write("household", "update", {"size": 7}, record_id, base_version=1)
    visits = [opened(one) for one in laptops[1:]]
    with pytest.raises(OnlyAlone):
        write_visits(any_centre, any_centre.code, lambda: visits)
    for laptop in laptops[1:]:
        assert len(laptop.send()["receipts"]) == 1


class _Undone(Exception):
    pass


def written(
    centre: Centre, groups: Sequence[Sequence[Visit]], monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[Any]]:
    """Return what stands in all tables once the groups of visits were written one after another,
    and what was answered; then undo it."""
    with suppress(_Undone), centre.store.writing() as connection:

        @contextmanager
        def within() -> Iterator[sa.Connection]:
            with connection.begin_nested():
                yield connection

        with monkeypatch.context() as patch:
            patch.setattr(centre.store, "writing", within)
            for group in groups:
                write_visits(centre, centre.code, lambda group=group: group)
        found: dict[str, list[Any]] = {
            name: sorted(
                repr({key: one for key, one in row.items() if key not in NUMBERED})
                for row in rows(connection, table)
            )
            for name, table in metadata.tables.items()
            if name != "history_marks"  # one for each commit
        }
        visits = [one for group in groups for one in group]
        found["answers"] = [(one.received.receipts, one.received.known) for one in visits]
        raise _Undone
    return found


def some_work(laptop: Laptop, chance: random.Random) -> None:
    """Save what a worker might: good, refused, waiting for what will never come, undone again."""
    mine = [one for one in laptop.log if one["action"] == "create"]
    for _ in range(chance.randint(1, 6)):
        draw = chance.random()
        if draw < 0.3 or not mine:
            mine.append(laptop.write("household", "create", household(size=chance.randint(1, 9))))
        elif draw < 0.45:
            mine.append(laptop.write("issue", "create", issue(), grid=OTHER_GRID))
        elif draw < 0.6:
            laptop.write("resident", "create", resident(household_id=mine[0]["record_id"]))
        elif draw < 0.7:
            laptop.write("household", "create", household(size="many"))
        elif draw < 0.8:
            laptop.write("household", "create", household(), grid="990101100009009")
        else:
            one = chance.choice(mine)
            what = {"size": chance.randint(1, 9)} if one["kind"] == "household" else {"text": "新"}
            laptop.write(one["kind"], "update", what, one["record_id"], base_version=1)


def test_what_waited_is_judged_as_if_its_writer_were_not_there(
    any_centre: Centre, clock: StillClock, monkeypatch
):
    """His laptop brings something at the same time, and proves what it had been told: that is about
    what it brings, not about what came before."""
    late, other = some_laptops(any_centre, 2)
    late.send()
    before = late.cursor
    clock.passes(days=1)
    with any_centre.store.writing() as connection:
        reassign(connection, any_centre.code, late.worker_id, [OTHER_GRID], clock())
    clock.passes(hours=1)
    made = new_id()
    late.write("household", "update", {"size": 2}, made, base_version=1)
    assert outcomes(late.send()) == ["held"]
    late.cursor = before
    clock.passes(hours=1)
    late.write("household", "create", household())
    other.write("household", "create", household(), made)
    visits = [opened(other), opened(late)]
    alone = written(any_centre, [[one] for one in visits], monkeypatch)
    together = written(any_centre, [visits], monkeypatch)
    assert together["changes"] == alone["changes"]
    assert together["answers"] == alone["answers"]


@pytest.mark.parametrize("seed", range(6))
def test_together_is_as_one_after_another(
    any_centre: Centre, clock: StillClock, monkeypatch, seed: int
):
    chance = random.Random(seed)
    laptops = some_laptops(any_centre)
    for laptop in laptops[:2]:  # two have been here before
        some_work(laptop, chance)
        laptop.send()
    for laptop in laptops:
        some_work(laptop, chance)
    bodies = [laptop.body() for laptop in laptops]

    def all_opened() -> list[Visit]:
        found = []
        for place, (laptop, body) in enumerate(zip(laptops, bodies, strict=True)):
            device = authenticate(any_centre.store, laptop.token)
            at = clock() + timedelta(seconds=place)
            found.append(open_visit(any_centre, device, body, at))
        return found

    alone = written(any_centre, [[one] for one in all_opened()], monkeypatch)
    together = written(any_centre, [all_opened()], monkeypatch)
    assert len(alone["changes"]) > 4
    for name, told in alone.items():
        assert together[name] == told, name


def test_what_failed_together_can_be_written_again_as_it_is(any_centre: Centre, monkeypatch):
    """Whatever was worked out ahead is still what came."""
    chance = random.Random(7)
    laptops = some_laptops(any_centre)
    for laptop in laptops:
        some_work(laptop, chance)
    visits = [opened(one) for one in laptops]
    first = written(any_centre, [visits], monkeypatch)
    again = written(any_centre, [[one] for one in visits], monkeypatch)
    assert again == first
