"""Many at once: one effect per change, one order for all, no cursor that skips."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services.centre import Centre
from sync_server.services.turns import Work
from sync_server.store import writing
from sync_server.store.tables import changes, records
from tests.sync_server.world import GRID, Laptop, add_worker, household, join, outcomes


def at_once(*tasks: Callable[[], object]) -> list[object]:
    """Run tasks in threads that start together; return what each gave or raised."""
    gate = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        gate.wait()
        try:
            return task()
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def count(centre: Centre, table: sa.Table) -> int:
    with centre.store.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_the_same_batch_from_twenty_threads_has_one_effect(any_centre):
    laptop = join(any_centre, add_worker(any_centre))
    for _ in range(20):
        laptop.write("household", "create", household())
    body = laptop.body()
    answers = at_once(*[lambda: laptop.send(body)] * 20)
    served = [answer for answer in answers if isinstance(answer, dict)]
    assert served
    assert {answer for answer in answers if isinstance(answer, str)} <= {"busy"}
    firsts = [answer for answer in served if "applied" in outcomes(answer)]
    assert len(firsts) == 1
    assert count(any_centre, changes) == count(any_centre, records) == 20
    assert outcomes(laptop.send(body)) == ["duplicate"] * 20


def test_a_device_being_served_is_busy(centre, laptop):
    with centre.turns.take(centre.code, laptop.device_id), pytest.raises(Refusal, match="busy"):
        laptop.send()
    assert laptop.send()["receipts"] == []


def test_a_device_locked_by_another_process_is_busy(any_centre):
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite has one writer, who is waited for")
    laptop = join(any_centre, add_worker(any_centre))
    with any_centre.store.writing() as connection:
        connection.exec_driver_sql("SELECT 1 FROM devices FOR UPDATE")
        with pytest.raises(Refusal, match="busy"):
            laptop.send()
    laptop.send()


def test_a_cursor_skips_nothing_while_others_commit(any_centre):
    writers = [
        join(any_centre, add_worker(any_centre, f"w{n}"), key=f"{n:02x}" * 32) for n in range(4)
    ]
    reader = join(any_centre, add_worker(any_centre, "r"), key="ee" * 32)
    done = threading.Event()
    seen: list[str] = []

    def write(laptop: Laptop) -> None:
        for _ in range(8):
            for _ in range(3):
                laptop.write("household", "create", household())
            laptop.send(laptop.body(want=0))

    def read() -> None:
        last = False
        while not last:
            last = done.is_set()
            more = True
            while more:
                answer = reader.send(reader.body(want=5))
                seen.extend(update["record_id"] for update in answer["updates"])
                more = answer["more"]

    with ThreadPoolExecutor(5) as pool:
        reading = pool.submit(read)
        try:
            for future in [pool.submit(write, laptop) for laptop in writers]:
                future.result()
        finally:
            done.set()
        reading.result()
    assert len(seen) == len(set(seen)) == 4 * 8 * 3


def test_a_commit_under_way_holds_back_later_numbers(any_centre):
    """What a cursor's number stands for is committed: the number is taken under the lock."""
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite has one writer")
    first = join(any_centre, add_worker(any_centre, "w1"))
    second = join(any_centre, add_worker(any_centre, "w2"), key="cd" * 32)
    second.write("household", "create", household())
    with any_centre.store.writing() as connection:
        writing.lock_district(connection, any_centre.code)
        waiting = threading.Thread(target=second.send)
        waiting.start()
        waiting.join(0.4)
        assert waiting.is_alive()
        assert first.send()["updates"] == []
    waiting.join(10)
    assert not waiting.is_alive()
    assert len(first.send()["updates"]) == 1


def test_a_held_change_and_its_create_at_once_end_applied(any_centre):
    first = join(any_centre, add_worker(any_centre, "w1"))
    second = join(any_centre, add_worker(any_centre, "w2"), key="cd" * 32)
    for _ in range(6):
        made = first.write("household", "create", household(), grid=GRID)
        second.write("household", "update", {"size": 9}, made["record_id"])
        at_once(first.send, second.send)
    with any_centre.store.reading() as connection:
        held = connection.scalar(
            sa.select(sa.func.count()).select_from(changes).where(changes.c.outcome == "held")
        )
    assert held == 0


def test_who_waits_behind_another_of_his_process_holds_nothing_in_the_database(any_centre):
    """Else somebody who holds the district and wants his device would wait for him for ever."""
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite has one writer")
    laptop = join(any_centre, add_worker(any_centre))
    laptop.write("household", "create", household())
    waiting = threading.Thread(target=laptop.send)

    def write(_gather: object) -> None:
        waiting.start()
        waiting.join(0.4)
        assert waiting.is_alive()
        with any_centre.store.writing() as connection:
            writing.lock_district(connection, any_centre.code)
            connection.exec_driver_sql("SELECT 1 FROM devices FOR UPDATE NOWAIT")

    any_centre.turns.writer(any_centre.code).bring_in(Work(1, None), write)
    waiting.join(10)
    assert not waiting.is_alive()
    assert count(any_centre, changes) == 1
