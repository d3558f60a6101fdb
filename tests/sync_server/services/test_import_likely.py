"""Rows that are to update a record they are likely to be: that record, as staff saw it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync_server.services import imports
from sync_server.services.duplicates import LEASE
from sync_server.services.import_work import Worker
from sync_server.store import duplicates
from sync_server.store.tables import changes, records
from tests.sync_server.registers import AREAS, COMPOUNDS, PEOPLE, Registry, workbook
from tests.sync_server.world import GRID, add_worker, join

BASE = workbook(("区域", AREAS), ("小区", COMPOUNDS))
ALIKE = workbook(("居民", [
    [*PEOPLE[0], "出生年月", "性别"],
    [*PEOPLE[1][:6], "林士例", None, "户主", "10000007777", "1980-01", "男"],
]))  # fmt: skip
"""A homophone of somebody's, of the same room."""


@pytest.fixture
def checked(centre) -> tuple[Registry, str, dict]:
    """A register that was checked: one row is likely somebody who is there."""
    registry = Registry(centre)
    registry.run(BASE)
    registry.run(workbook(("居民", PEOPLE)))
    [import_id] = registry.take(ALIKE)
    plan = imports.plan_of(registry.row(import_id))
    imports.check_file(centre, registry.who, import_id, plan)
    registry.worker.work()
    [row] = registry.rows(import_id, "likely")
    return registry, import_id, row["likely"][0]


def stands(centre, record_id: str):
    with centre.store.reading() as connection:
        wanted = sa.select(records).where(records.c.record_id == record_id)
        return connection.execute(wanted).mappings().one()


def run(registry: Registry, import_id: str, likely: str = "update") -> dict[str, int]:
    imports.run_checked(registry.centre, registry.who, import_id, likely)
    registry.worker.work()
    return registry.row(import_id)["counts"]


def test_a_change_between_looking_and_importing_a_likely_row_becomes_a_conflict(checked):
    registry, import_id, match = checked
    record_id, centre = match["record_id"], registry.centre
    assert match["version"] == stands(centre, record_id)["version"]
    laptop = join(centre, add_worker(centre))
    # So much has changed that it is no longer likely the one that was looked at.
    laptop.write("resident", "update", {"phone": "10000009999", "birth": "1955-05"}, record_id,
                 grid=GRID, base_version=match["version"])  # fmt: skip
    laptop.send()
    assert run(registry, import_id)["changed"] == 1
    with centre.store.reading() as connection:
        log = sa.select(changes.c.outcome, changes.c.base_version).where(
            changes.c.record_id == record_id, changes.c.device_id.is_(None),
            changes.c.action == "update",
        )  # fmt: skip
        assert connection.execute(log).all() == [("conflict", match["version"])]
    assert stands(centre, record_id)["fields"]["phone"] == "10000009999"


def test_a_row_stays_likely_when_what_it_was_to_update_is_void_by_then(checked):
    registry, import_id, match = checked
    centre = registry.centre
    laptop = join(centre, add_worker(centre))
    laptop.write("resident", "void", {"reason": "重复录入"}, match["record_id"],
                 grid=GRID, base_version=match["version"])  # fmt: skip
    laptop.send()
    assert run(registry, import_id) == {"likely": 1, "along": 0}
    with centre.store.reading() as connection:
        living = sa.select(sa.func.count()).where(
            records.c.kind == "resident", records.c.voided.is_(False)
        )
        assert connection.scalar(living) == 2


def test_a_row_is_skipped_as_chosen_though_it_is_like_nobody_any_more(checked):
    registry, import_id, match = checked
    laptop = join(registry.centre, add_worker(registry.centre))
    laptop.write("resident", "update", {"name": "赵完全", "birth": "1955-05", "phone": None},
                 match["record_id"], grid=GRID, base_version=match["version"])  # fmt: skip
    laptop.send()
    assert run(registry, import_id, "skip") == {"skipped": 1, "along": 0}


def test_a_row_waits_while_another_program_compares_everything(centre, clock):
    registry = Registry(centre)
    registry.run(BASE)
    registry.run(workbook(("居民", PEOPLE)))
    [import_id] = registry.take(ALIKE)
    with centre.store.writing() as connection:  # as in the middle of a search: no keys yet
        duplicates.clear(connection, centre.code)
        duplicates.put_mark(connection, centre.code, {"busy_until": clock() + LEASE})
    imports.check_file(centre, registry.who, import_id, imports.plan_of(registry.row(import_id)))
    assert registry.worker.work() == 0
    assert registry.rows(import_id, "new", "likely") == []
    assert registry.row(import_id)["state"] == "checking"

    def looks_anew(_: float) -> None:
        clock.passes(seconds=LEASE.total_seconds() + 1)
        with centre.store.writing() as connection:  # who began it is gone
            duplicates.put_mark(connection, centre.code, {"change_no": -1})

    registry.worker = Worker(centre, wait=looks_anew)
    registry.worker.work(only=import_id)
    assert registry.rows(import_id, "new") == []
    assert len(registry.rows(import_id, "likely")) == 1


def test_a_search_that_begins_in_the_middle_of_an_import_is_waited_for(centre, clock):
    registry = Registry(centre)
    registry.run(BASE)
    registry.run(workbook(("居民", PEOPLE)))
    [import_id] = registry.take(ALIKE)
    registry.worker._compared.add(import_id)  # the rows before these were compared
    with centre.store.writing() as connection:
        duplicates.clear(connection, centre.code)
        duplicates.put_mark(connection, centre.code, {"busy_until": clock() + LEASE})
    imports.check_file(centre, registry.who, import_id, imports.plan_of(registry.row(import_id)))
    assert registry.worker.work() == 0
    assert registry.rows(import_id, "new") == []
