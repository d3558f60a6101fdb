"""Who is at work on an import: one at a time, and nothing done twice when two took it up."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa

from sync_server.services import imports
from sync_server.services.import_work import Worker
from sync_server.store.tables import changes, records
from tests.sync_server.registers import AREAS, COMPOUNDS, PEOPLE, Registry, workbook

BASE = workbook(("区域", AREAS), ("小区", COMPOUNDS))
REGISTER = workbook(("居民", PEOPLE))


def begun(centre, monkeypatch) -> Registry:
    """Return a centre with areas and compounds, whose imports go two rows at a time from now on."""
    made = Registry(centre)
    assert made.run(BASE) == {"new": 7}
    monkeypatch.setattr("sync_server.services.import_work.PIECE", 2)
    return made


@pytest.fixture
def registry(centre, monkeypatch) -> Registry:
    """A centre with areas and compounds, whose imports go two rows at a time."""
    return begun(centre, monkeypatch)


def residents(centre, *, voided: bool) -> int:
    """Return how many residents there are."""
    with centre.store.reading() as connection:
        query = sa.select(sa.func.count()).where(
            records.c.kind == "resident", records.c.voided.is_(voided)
        )
        return connection.scalar(query)


def test_two_that_took_up_one_import_do_no_row_twice(any_centre, monkeypatch, clock):
    registry = begun(any_centre, monkeypatch)
    centre, who = registry.centre, registry.who
    server, command = Worker(centre), Worker(centre)
    [import_id] = imports.take_file(centre, who, "台账.xlsx", io.BytesIO(REGISTER))
    to_read = server._next(None)  # and is so slow that its time runs out
    clock.passes(minutes=6)
    command.work(only=import_id)
    plan = imports.plan_of(registry.row(import_id))
    imports.run_unchecked(centre, who, import_id, plan)
    to_run = server._next(None)
    clock.passes(minutes=6)
    assert command.work(only=import_id) == 3
    assert registry.row(import_id)["state"] == "done"
    server._piece(to_read)
    server._piece(to_run)
    row = registry.row(import_id)
    assert (row["state"], row["counts"]) == ("done", {"new": 3, "along": 6})
    assert residents(centre, voided=False) == 3
    imports.undo(centre, who, import_id)
    to_undo = server._next(None)
    clock.passes(minutes=6)
    command.work(only=import_id)
    server._piece(to_undo)
    counts = registry.row(import_id)["counts"]
    assert (counts["undone"], counts.get("kept", 0)) == (3, 0)
    assert (residents(centre, voided=False), residents(centre, voided=True)) == (0, 3)
    with centre.store.reading() as connection:
        voids = sa.select(sa.func.count()).where(
            changes.c.kind == "resident", changes.c.action == "void"
        )
        assert connection.scalar(voids) == 3


def test_a_piece_taken_up_before_its_file_was_begun_anew_writes_nothing(registry, clock):
    centre, who = registry.centre, registry.who
    [import_id] = registry.take(REGISTER)
    plan = imports.plan_of(registry.row(import_id))
    imports.check_file(centre, who, import_id, plan)
    server = Worker(centre)
    stale = server._next(None)
    imports.check_file(centre, who, import_id, plan)  # with other columns, say
    server._piece(stale)
    assert registry.row(import_id)["progress"]["place"] == 0
    server._piece(server._next(None))
    second = server._next(None)
    server._check(second)
    server._check(second)  # the same one once more
    server.work()
    assert registry.row(import_id)["counts"] == {"new": 3}


def test_what_a_command_begins_is_its_own_and_what_the_server_is_at_it_waits_for(registry):
    centre, who = registry.centre, registry.who
    server = Worker(centre)
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        server._piece(server._next(None))

    command = Worker(centre, wait=wait)
    [import_id] = imports.take_file(centre, who, "台账.xlsx", io.BytesIO(REGISTER), command)
    assert server.work() == 0
    assert command.work(only=import_id) == 1
    plan = imports.plan_of(registry.row(import_id))
    imports.run_unchecked(centre, who, import_id, plan, command)
    assert server.work() == 0
    assert command.work(only=import_id) == 3
    imports.undo(centre, who, import_id, command)
    assert server.work() == 0
    command.work(only=import_id)
    assert not waited
    [import_id] = imports.take_file(centre, who, "台账.xlsx", io.BytesIO(REGISTER))
    server.work()
    imports.run_unchecked(centre, who, import_id, imports.plan_of(registry.row(import_id)))
    assert server._next(None)["import_id"] == import_id
    assert command.work(only=import_id) == 0
    assert len(waited) == 3
    assert registry.row(import_id)["counts"]["new"] == 3
