"""Moving a centre to PostgreSQL as an operator does: laptops go on, nothing is served twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.cli.sentences import SENTENCES
from sync_server.services import audit_chain
from sync_server.store import relocating
from sync_server.store.engine import Store, open_store
from sync_server.store.tables import metadata, users
from tests.sync_server.cli.lines import Done, assert_plain_failure
from tests.sync_server.cli.test_restore import Operator, numbers, refilled, works
from tests.sync_server.world import DISTRICT, Laptop, add_worker, join

EDGES = {"rare": "𠮷\t\\N\n\r\"'", "much": 2**53, "less": -(2**53), "none": None, "no": False,
         "empty": "", "part": 0.1, "whole": 100.0, "in": [[], {}, [0, "\\"]]}  # fmt: skip
SOUND = {"districts", "secrets", "streams", "records", "changes", "users", "audit_links"}
"""Tables whose rows a centre looks into when it opens, or that the test needs as they are."""


@pytest.fixture
def operator(capsys, tmp_path) -> Operator:
    return Operator(capsys, tmp_path / "centre")


@pytest.fixture
def laptop(operator: Operator) -> Laptop:
    """A laptop that has worked with a centre on the embedded database, stopped since."""
    centre = operator.open()
    laptop = join(centre, add_worker(centre))
    works(centre, laptop, 3)
    fill(centre.store)
    audit_chain.extend(centre.store, DISTRICT)
    centre.store.close()
    return laptop


def fill(store: Store) -> None:
    """Put rows with values at the edges into every table."""
    with store.writing() as connection:
        for table in metadata.sorted_tables:
            if table.name in SOUND:
                continue
            for number in range(3):
                row = {one.name: value(one, number) for one in table.columns}
                connection.execute(table.insert().prefix_with("OR IGNORE"), row)


def value(column: sa.Column[Any], number: int) -> Any:
    if column.name == "district":
        return DISTRICT
    free = column.nullable and not column.primary_key
    if free and number == 0:
        return None
    kind = column.type
    if isinstance(kind, sa.JSON):
        return [EDGES, {}, []][number]
    if isinstance(kind, sa.Boolean):
        return number == 1
    if isinstance(kind, sa.BigInteger):
        return [-(2**63), 0, 2**63 - 1][number]
    if isinstance(kind, sa.Integer):
        return [-(2**31), 0, 2**31 - 1][number]
    if isinstance(kind, sa.Date):
        return [date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)][number]
    if isinstance(kind, sa.types.TypeDecorator):
        return [datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC),
                datetime(9999, 12, 31, tzinfo=UTC)][number]  # fmt: skip
    assert isinstance(kind, sa.String), kind
    return ["", "𠮷\t\\"[: kind.length], "x" * (kind.length or 99)][number]


def held(store: Store) -> dict[str, list[Any]]:
    with store.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def refused(done: Done, code: str) -> None:
    assert_plain_failure(done, SENTENCES[code].en.partition("{")[0])


def file_of(operator: Operator) -> Path:
    return operator.data / "centre.db"


def open_file(operator: Operator) -> Store:
    return open_store(f"sqlite:///{file_of(operator)}")


def is_served(operator: Operator) -> bool:
    return operator.run("run-due").returncode == 0


def tables_in(url: str) -> list[str]:
    store = open_store(url)
    with store.reading() as connection:
        names = sa.inspect(connection).get_table_names()
    store.close()
    return names


def test_everything_goes_along_and_laptops_go_on(operator, laptop, postgres_url):
    source = open_file(operator)
    before = held(source)
    source.close()
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    operator.url = postgres_url
    done = operator.run("move-to")
    assert (done.returncode, done.stderr) == (0, "")
    target = open_store(postgres_url)
    assert held(target) == before
    with target.reading() as connection:
        assert audit_chain.verify(connection, DISTRICT) == []  # whatever a row's detail holds
    target.close()

    centre = operator.open()
    epoch, _ = numbers(centre)
    assert epoch == before["districts"][0][2]
    laptop.centre = centre
    laptop.write("household", "update", {"size": 7}, laptop.log[0]["record_id"])
    answer = laptop.send()
    assert [one["outcome"] for one in answer["receipts"]] == ["applied"]
    assert answer["server_epoch"] == epoch
    centre.store.close()


def test_the_old_file_is_served_by_nobody_until_it_is_restored(operator, laptop, postgres_url):
    operator.url = postgres_url
    assert operator.run("move-to").returncode == 0
    refused(operator.run("move-to"), "moved_away")
    operator.url = ""
    for words in (("init",), ("backup",), ("run-due",), ("join-code", "--no", "w1")):
        refused(operator.run(*words), "moved_away")
    assert operator.run("restore", file_of(operator)).returncode == 0
    centre = operator.open()
    refilled(centre, laptop)
    assert laptop.acked == len(laptop.log)
    centre.store.close()


def test_a_move_changes_nothing_where_it_is_refused(operator, laptop, postgres_url):
    refused(operator.run("move-to"), "move_where")
    operator.url = f"sqlite:///{operator.data / 'other.db'}"
    refused(operator.run("move-to"), "move_where")
    operator.url = postgres_url
    running = Operator(operator.capsys, operator.data).open()
    refused(operator.run("move-to"), "server_running")
    running.store.close()
    occupied = open_store(postgres_url)
    with occupied.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE somebodys (id integer)")
    refused(operator.run("move-to"), "database_not_empty")
    with occupied.writing() as connection:
        connection.exec_driver_sql("DROP TABLE somebodys")
    occupied.close()
    elsewhere = Operator(operator.capsys, operator.data.parent / "none", postgres_url)
    refused(elsewhere.run("move-to"), "no_database")
    assert not elsewhere.data.exists()
    assert tables_in(postgres_url) == []
    operator.url = ""
    assert is_served(operator)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "database_newer"),
        ("UPDATE alembic_version SET version_num = '0001'", "database_older"),
        ("UPDATE streams SET known_hash = 'ff'", "database_damaged"),
        ("UPDATE users SET name = 'a' || char(0)", "move_failed"),
        ("UPDATE users SET scope_codes = '[1'", "move_failed"),
        ("UPDATE users SET no = printf('%0300d', 1)", "move_failed"),
        ("CREATE TABLE notes (id integer)", "move_failed"),
    ],
)
def test_a_source_that_cannot_be_taken_over_is_refused(
    operator, laptop, postgres_url, statement, code
):
    source = open_file(operator)
    with source.writing() as connection:
        connection.exec_driver_sql(statement)
    source.close()
    operator.url = postgres_url
    refused(operator.run("move-to"), code)
    assert tables_in(postgres_url) == []
    source = open_file(operator)
    with source.reading() as connection:
        assert relocating.mark_of(connection) == relocating.HERE
    source.close()


def test_a_damaged_file_is_refused(operator, laptop, postgres_url):
    with file_of(operator).open("r+b") as file:
        for place in range(20 * 4096, file_of(operator).stat().st_size - 4096, 4096):
            file.seek(place)
            file.write(b"\xff" * 64)
    operator.url = postgres_url
    refused(operator.run("move-to"), "database_damaged")
    assert tables_in(postgres_url) == []


def test_a_row_that_comes_out_different_undoes_the_move(
    operator, laptop, postgres_url, monkeypatch
):
    insert = relocating.insert_rows

    def lose_one(connection, table, rows):
        insert(connection, table, [{**rows[0], "name": "other"}] if table is users else rows)

    monkeypatch.setattr(relocating, "insert_rows", lose_one)
    operator.url = postgres_url
    refused(operator.run("move-to"), "move_failed")
    assert tables_in(postgres_url) == []
    operator.url = ""
    assert is_served(operator)


KILLED = """
import os, signal, sys
from pathlib import Path
from sync_server.services import relocate
from sync_server.settings import Settings
def tell(table, rows):
    if table == "users":
        os.kill(os.getpid(), signal.SIGKILL)
relocate.move(Settings(Path(sys.argv[1]), sys.argv[2]), tell)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_killed_in_the_middle_it_leaves_both_as_they_were(operator, laptop, postgres_url):
    line = [sys.executable, "-c", KILLED, str(operator.data), postgres_url]
    assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
    assert tables_in(postgres_url) == []
    assert is_served(operator)
    operator.url = postgres_url
    assert operator.run("move-to").returncode == 0


@pytest.mark.parametrize("arrived", [True, False])
def test_broken_off_at_the_very_end_it_is_finished_by_running_it_again(
    operator, laptop, postgres_url, monkeypatch, arrived
):
    mark = relocating.mark

    def break_off(store, state):
        if state == relocating.MOVED or not arrived:
            mark(store, relocating.LEAVING)
            raise KeyboardInterrupt
        mark(store, state)

    operator.url = postgres_url
    with monkeypatch.context() as patch:
        patch.setattr(relocating, "mark", break_off)
        operator.run("move-to")
    assert bool(tables_in(postgres_url)) == arrived
    operator.url = ""
    refused(operator.run("run-due"), "move_unfinished")
    operator.url = postgres_url
    assert operator.run("move-to").returncode == 0
    assert is_served(operator)


def test_a_target_with_another_centre_is_no_finished_move(operator, laptop, postgres_url):
    other = Operator(operator.capsys, operator.data.parent / "other", postgres_url)
    other.open().store.close()
    source = open_file(operator)
    relocating.mark(source, relocating.LEAVING)
    source.close()
    operator.url = postgres_url
    refused(operator.run("move-to"), "database_not_empty")
