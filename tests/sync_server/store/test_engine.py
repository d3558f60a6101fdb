"""Opening databases: versions, durability, and plain names for what goes wrong."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlcipher3 import dbapi2 as sqlite

from sync_server.domain.errors import Refusal
from sync_server.store.engine import check_sqlite_version, named_trouble, open_store
from sync_server.store.migrate import migrate

LOCKS = Path("/proc/locks")


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 53, 4), (4, 0, 0), (3, 50, 7), (3, 44, 6)])
def test_a_sound_sqlite_is_taken(version):
    check_sqlite_version(version)


@pytest.mark.parametrize(
    "version", [(3, 51, 2), (3, 51, 0), (3, 50, 6), (3, 44, 5), (3, 45, 9), (3, 49, 99), (3, 40, 1)]
)
def test_an_sqlite_that_loses_commits_is_refused(version):
    with pytest.raises(Refusal, match="old_sqlite"):
        check_sqlite_version(version)


def test_every_sqlite_connection_is_durable(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.writing() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]


def test_a_connection_cut_while_nobody_used_it_is_replaced(any_centre, monkeypatch):
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite has no server that cuts anything")
    monkeypatch.setattr("sync_server.store.postgresql.ASK_AFTER_S", 0.0)
    mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with any_centre.store.writing() as connection:
        connection.exec_driver_sql(f"{mine} AND datname = current_database()")
        with any_centre.store.reading() as other:
            pid = other.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    with any_centre.store.asking() as one, any_centre.store.asking() as other:
        assert one.exec_driver_sql("SELECT 1").scalar() == 1
        assert other.exec_driver_sql("SELECT 1").scalar() == 1


def test_writers_of_one_file_wait_for_each_other(tmp_path):
    stores = [open_store(f"sqlite:///{tmp_path / 'a.db'}") for _ in range(2)]  # as two programs
    with stores[0].writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (0)")

    def add(number: int) -> None:
        for _ in range(10):
            with stores[number % 2].writing() as connection:
                x = connection.exec_driver_sql("SELECT x FROM t").scalar()
                connection.exec_driver_sql(f"UPDATE t SET x = {x + 1}")

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(add, number) for number in range(6)]:
            one.result()
    with stores[0].reading() as connection:
        assert connection.exec_driver_sql("SELECT x FROM t").scalar() == 60


def test_a_file_that_stays_locked_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr("sync_server.store.engine.BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("sync_server.store.engine.PRAGMAS", ("PRAGMA journal_mode = WAL",))
    first, second = (open_store(f"sqlite:///{tmp_path / 'a.db'}") for _ in range(2))
    with first.writing(), pytest.raises(Refusal, match="unavailable"), second.writing():
        pass
    with second.writing() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_an_error_undoes_the_whole_transaction(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")

    def fail() -> None:
        with store.writing() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0


@pytest.mark.parametrize(
    "address", ["", "nonsense", "mysql://x/y", "sqlite://", "postgresql+pg8000://h/d"]
)
def test_other_databases_are_refused(address):
    with pytest.raises(Refusal, match="bad_database_url"):
        open_store(address)


def test_an_unreachable_server_has_a_name():
    store = open_store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Refusal, match="database_unreachable"), store.reading():
        pass


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("nobody.invalid/none", "database_unreachable"),  # a name that is not resolved
        ("127.0.0.1:99999/none", "database_unreachable"),
        ("127.0.0.1:1/none?sslmode=nonsense", "database_unreachable"),
        ("127.0.0.1:1/none?nonsense=1", "bad_database_url"),
    ],
)
def test_an_address_nothing_is_found_at_has_a_name_too(rest, code):
    store = open_store(f"postgresql+psycopg://nobody@{rest}")
    with pytest.raises(Refusal, match=code), store.reading():
        pass


def test_a_damaged_file_has_a_name(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"this is no database at all, but long enough to look at" * 100)
    with pytest.raises(Refusal, match="database_damaged"):
        migrate(open_store(f"sqlite:///{path}"))
    assert path.read_bytes().startswith(b"this is no database")


def test_a_full_disk_has_a_name_and_changes_nothing(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x TEXT)")

    @sa.event.listens_for(store.engine, "begin")
    def small(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 4")

    with pytest.raises(Refusal, match="disk_full"), store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0


def test_a_folder_that_cannot_be_made_has_a_name(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refusal, match="folder_unusable"):
        open_store(f"sqlite:///{Path(tmp_path / 'file' / 'a.db')}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
@pytest.mark.parametrize("before", [None, 0o644])
def test_nobody_else_reads_the_database_in_a_folder_that_is_open(tmp_path, before):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    if before:
        (folder / "centre.db").touch()
        (folder / "centre.db").chmod(before)
    former = os.umask(0o022)
    try:
        store = open_store(f"sqlite:///{folder}/centre.db")
        with store.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE one (n INTEGER)")
        found = {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir()}
        store.close()
    finally:
        os.umask(former)
    assert found == dict.fromkeys(("centre.db", "centre.db-wal", "centre.db-shm"), 0o600)


@pytest.mark.skipif(not LOCKS.exists(), reason="tells of locks on Linux alone")
def test_a_further_connection_lets_go_of_no_lock(tmp_path):
    """Without them another process that ends would take itself for the last, and fold the log in
    and take it away under those still at work."""
    store = open_store(f"sqlite:///{tmp_path}/centre.db")
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE one (n INTEGER)")
    held = f"{os.getpid()} .*:{(tmp_path / 'centre.db').stat().st_ino} "
    assert re.search(held, LOCKS.read_text())
    with store.reading(), store.reading():  # a second connection
        assert re.search(held, LOCKS.read_text())
    store.close()


def test_a_failure_tells_no_values(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x TEXT PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO t VALUES ('林示例')")
    with pytest.raises(sa.exc.IntegrityError) as caught, store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (?)", ("林示例",))
    assert "林示例" not in str(caught.value)


def test_a_disk_that_refuses_has_a_name():
    refused = DBAPIError("COMMIT", {}, sqlite.OperationalError("disk I/O error"))
    with pytest.raises(Refusal, match="folder_unusable"), named_trouble():
        raise refused
