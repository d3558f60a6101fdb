"""The rows of field work are worked out while laptops and staff go on (PostgreSQL)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from sync_server.services import doubtful_times, field_lines
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from sync_server.store import field_lines as store_lines
from sync_server.store.field_tables import visit_lines
from sync_server.store.tables import records
from tests.sync_server.services.desks import hire
from tests.sync_server.services.test_decisions import visit
from tests.sync_server.services.test_doubtful_times import YEAR
from tests.sync_server.world import DISTRICT, NOON, Laptop, add_worker, join, outcomes

pytestmark = pytest.mark.postgres
LONG_S = 0.3
"""Long enough for somebody who need not wait to be through."""


@pytest.fixture
def centre(tmp_path, migrated_url, clock):
    """A centre on PostgreSQL where rows were worked out before."""
    opened = open_centre(Settings(tmp_path, migrated_url, DISTRICT, testing=True), clock)
    with opened.store.writing() as connection:
        store_lines.take_mark(connection, DISTRICT)
    yield opened
    opened.store.close()


@pytest.fixture
def laptop(centre: Centre) -> Laptop:
    return join(centre, add_worker(centre))


def lines(centre: Centre) -> dict[str, object]:
    with centre.store.reading() as connection:
        found = connection.execute(sa.select(visit_lines.c.visit_id, visit_lines.c.at))
        return {row.visit_id: row.at for row in found}


def test_a_laptop_need_not_wait_for_rows_that_are_worked_out(centre, laptop):
    first = laptop.write("visit", "create", visit())
    laptop.send()
    with centre.store.writing() as connection:
        assert field_lines._work_on(connection, DISTRICT) == 1
        second = laptop.write("visit", "create", visit())
        with ThreadPoolExecutor(1) as pool:
            assert outcomes(pool.submit(laptop.send).result(timeout=20)) == ["applied"]
    assert set(lines(centre)) == {first["record_id"]}
    assert field_lines.bring_up_to_date(centre.store, DISTRICT) == 1  # what came meanwhile
    assert set(lines(centre)) == {first["record_id"], second["record_id"]}


def test_of_two_who_work_rows_out_the_second_finds_them_done(centre, laptop):
    for _ in range(3):
        laptop.write("visit", "create", visit())
    laptop.send()
    inside, leave = threading.Event(), threading.Event()

    def first() -> int:
        with centre.store.writing() as connection:
            worked = field_lines._work_on(connection, DISTRICT)
            inside.set()
            leave.wait(20)
            return worked

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        inside.wait(20)
        other = pool.submit(field_lines.bring_up_to_date, centre.store, DISTRICT)
        leave.wait(LONG_S)
        assert not other.done()
        leave.set()
        assert (one.result(20), other.result(20)) == (3, 0)
    assert len(lines(centre)) == 3


def test_a_time_confirmed_while_rows_are_worked_out_is_the_one_that_stays(centre, laptop):
    laptop.slow_s = -YEAR
    made = laptop.write("visit", "create", visit())
    laptop.send()
    person = hire(centre)
    with ThreadPoolExecutor(1) as pool:
        with centre.store.writing() as connection:
            store_lines.take_mark(connection, DISTRICT)
            some = store_lines.touched(connection, DISTRICT, 0, 10)  # as it was before
            typed = {made["change_id"]: "2026-09-30T11:00"}
            confirming = pool.submit(doubtful_times.confirm, centre.store, person, typed, NOON)
            threading.Event().wait(LONG_S)
            assert not confirming.done()
            assert [row["record_id"] for row in some] == [made["record_id"]]
            assert field_lines._work_on(connection, DISTRICT) == 1
        assert confirming.result(20).done == 1
    [told] = lines(centre).values()
    with centre.store.reading() as connection:
        assert told == connection.scalar(sa.select(records.c.happened_at))


def test_what_laptops_bring_meanwhile_is_for_the_next_time(centre, laptop, monkeypatch):
    """Nobody who looks at figures waits for laptops that go on bringing work."""

    def visits(count: int) -> None:
        for _ in range(count):
            laptop.write("visit", "create", visit())
        laptop.send()

    visits(3)
    work_on = field_lines._work_on

    def busy(connection, district):
        visits(1)  # more comes with every piece
        return work_on(connection, district)

    monkeypatch.setattr(field_lines, "CHUNK", 1)
    monkeypatch.setattr(field_lines, "_work_on", busy)
    assert field_lines.bring_up_to_date(centre.store, DISTRICT) == 3
    assert len(lines(centre)) == 3
    monkeypatch.setattr(field_lines, "_work_on", work_on)
    assert field_lines.bring_up_to_date(centre.store, DISTRICT) == 3
    assert len(lines(centre)) == 6
