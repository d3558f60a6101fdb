"""Restoring a backup as an operator does: nothing is deleted, laptops refill what it lacks."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_server.app import create_app
from sync_server.cli.main import run as run_line
from sync_server.cli.sentences import SENTENCES
from sync_server.domain.errors import Refusal
from sync_server.services import floors
from sync_server.services.accounts import get_user, set_active
from sync_server.services.centre import Centre, open_centre
from sync_server.services.devices import revoke_device
from sync_server.services.epochs import FIRST_SECOND
from sync_server.settings import Settings
from sync_server.store.engine import open_store
from sync_server.store.migrate import migrate
from sync_server.store.occupancy import occupy
from sync_server.store.tables import audit, districts, records
from tests.sync_server.cli.lines import Done, assert_plain_failure
from tests.sync_server.world import DISTRICT, Laptop, StillClock, add_worker, household, join


class Operator:
    """Somebody at the terminal of one centre; ``opened`` is the centre while it runs."""

    def __init__(self, capsys: pytest.CaptureFixture[str], data: Path, url: str = "") -> None:
        self.capsys = capsys
        self.data = data
        self.url = url
        self.clock = StillClock(datetime.now(UTC))

    def run(self, *arguments: object) -> Done:
        more = ["--database-url", self.url] if self.url else []
        self.capsys.readouterr()
        line = [*map(str, arguments), "--data", str(self.data), *more]
        status = run_line(line, create_app)
        printed = self.capsys.readouterr()
        return Done(status, printed.out, printed.err)

    def open(self) -> Centre:
        return open_centre(Settings(self.data, self.url, DISTRICT, testing=True), self.clock)


@pytest.fixture
def operator(capsys, tmp_path) -> Operator:
    return Operator(capsys, tmp_path / "centre")


def works(centre: Centre, laptop: Laptop, count: int) -> None:
    for _ in range(count):
        laptop.write("household", "create", household())
    laptop.centre = centre
    laptop.send()


def count_in(database: Path) -> int:
    connection = sqlite3.connect(database)
    try:
        return connection.execute("SELECT count(*) FROM records").fetchone()[0]
    finally:
        connection.close()


def numbers(centre: Centre) -> tuple[str, int]:
    with centre.store.reading() as connection:
        row = connection.execute(sa.select(districts)).one()
    return row.server_epoch, row.change_no


def a_minute_ago() -> int:
    """The number an epoch would have begun above a minute ago, on whatever machine."""
    return int((datetime.now(UTC) - FIRST_SECOND).total_seconds() - 60) * 1_000_000


def refilled(centre: Centre, laptop: Laptop) -> None:
    """Let the laptop go on where the restored centre stands, as every laptop does by itself."""
    laptop.centre = centre
    laptop.send()  # tells of the new epoch and what is known
    more = True
    while more or laptop.acked < len(laptop.log):
        more = laptop.send()["more"]


@pytest.fixture
def at_work(operator: Operator, tmp_path: Path) -> Laptop:
    """Three records are in the backup, two came later; nothing runs any more."""
    return prepare(operator, tmp_path / "backup.db")


def prepare(operator: Operator, backup: Path) -> Laptop:
    centre = operator.open()
    laptop = join(centre, add_worker(centre))
    works(centre, laptop, 3)
    assert operator.run("backup", "--to", backup).returncode == 0
    works(centre, laptop, 2)
    centre.store.close()
    return laptop


def test_files_are_synced_as_windows_wants_it(operator, at_work, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    synced, truly = [], os.fsync

    def refuse(handle):
        """As on Windows, where a file opened for reading only cannot be synced."""
        read_only = fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        if read_only and not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        synced.append(handle)
        truly(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    floors.remember(operator.data, 10**17)
    assert floors.remembered(operator.data) == 10**17
    backup = tmp_path / "another.db"
    done = operator.run("backup", "--to", backup)
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(os, "link", refuse_link)
    done = operator.run("restore", backup)
    assert done.returncode == 0, done.stderr
    assert len(synced) > 4


def refuse_link(*_names):
    """As on a file system without second names."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_backup_takes_the_databases_place_and_the_laptop_brings_back_the_rest(
    operator, at_work, tmp_path
):
    data = operator.data
    lost = {change["record_id"] for change in at_work.log[3:]}
    epoch = at_work.epoch
    done = operator.run("restore", tmp_path / "backup.db")
    assert done.returncode == 0, done.stderr
    (aside,) = data.glob("centre.db.before-restore-*")
    assert str(aside) in done.stdout
    assert "下次同步" in done.stdout
    assert (count_in(aside), count_in(data / "centre.db")) == (5, 3)
    assert (data / "centre.db").stat().st_mode & 0o777 == 0o600
    centre = operator.open()
    try:
        began, number = numbers(centre)
        assert began != epoch
        assert number % 1_000_000 == 0
        refilled(centre, at_work)
        with centre.store.reading() as connection:
            there = set(connection.scalars(sa.select(records.c.record_id)))
            least = connection.scalar(
                sa.select(sa.func.min(records.c.version)).where(records.c.record_id.in_(lost))
            )
            actions = set(connection.scalars(sa.select(audit.c.action)))
        assert there == set(at_work.records)
        assert lost <= there
        assert len(there) == 5
        assert least > number
        assert {"restore", "epoch_begun"} <= actions
    finally:
        centre.store.close()


def test_every_restore_begins_above_all_that_was_given_out_before(operator, at_work, tmp_path):
    began = []
    for _ in range(3):
        assert operator.run("restore", tmp_path / "backup.db").returncode == 0
        centre = operator.open()
        began.append(numbers(centre)[1])
        centre.store.close()
        (operator.data / "centre.db").unlink()  # nothing is left but what epochs.json remembers
    assert began == sorted(set(began))
    assert json.loads((operator.data / "epochs.json").read_text())["highest"] == began[-1]


def test_a_database_put_back_by_hand_is_noticed_and_remembered(operator, at_work, tmp_path):
    shutil.copy(tmp_path / "backup.db", operator.data / "centre.db")
    centre = operator.open()
    refilled(centre, at_work)
    with centre.store.reading() as connection:
        assert len(connection.execute(sa.select(records)).all()) == 5
    centre.store.close()
    began = json.loads((operator.data / "epochs.json").read_text())["highest"]
    (operator.data / "centre.db").unlink()
    assert operator.run("restore", tmp_path / "backup.db").returncode == 0
    assert json.loads((operator.data / "epochs.json").read_text())["highest"] > began


def test_on_a_bare_machine_numbers_begin_above_what_any_centre_reached(
    capsys, operator, at_work, tmp_path
):
    bare = Operator(capsys, tmp_path / "new machine")
    assert bare.run("restore", tmp_path / "backup.db").returncode == 0
    centre = bare.open()
    assert numbers(centre)[1] > a_minute_ago()
    centre.store.close()


def test_a_damaged_database_is_kept_aside_as_it_is(operator, at_work, tmp_path):
    database = operator.data / "centre.db"
    database.write_bytes(b"no database " * 1000)
    assert operator.run("restore", tmp_path / "backup.db").returncode == 0
    (aside,) = operator.data.glob("centre.db.before-restore-*")
    assert aside.read_bytes() == b"no database " * 1000
    assert count_in(database) == 3


def test_whom_the_replaced_database_kept_out_stays_out(operator, at_work, tmp_path):
    centre = operator.open()
    with centre.store.writing() as connection:
        revoke_device(connection, centre.code, at_work.device_id, centre.clock(), by=None)
        set_active(connection, centre.code, at_work.worker_id, False, centre.clock(), "s1")
    centre.store.close()
    assert operator.run("restore", tmp_path / "backup.db").returncode == 0
    centre = operator.open()
    at_work.centre = centre
    with pytest.raises(Refusal, match="device_revoked"):
        at_work.send()
    with centre.store.reading() as connection:
        assert not get_user(connection, centre.code, at_work.worker_id).active
    centre.store.close()


def test_nothing_is_restored_while_a_server_runs(operator, at_work, tmp_path):
    centre = operator.open()
    assert_plain_failure(operator.run("restore", tmp_path / "backup.db"), str(operator.data))
    centre.store.close()
    assert count_in(operator.data / "centre.db") == 5
    assert operator.run("restore", tmp_path / "backup.db").returncode == 0


def test_nothing_starts_while_a_backup_is_restored(operator, at_work):
    hold = occupy(operator.data, alone=True)
    assert_plain_failure(operator.run("join-code", "--no", "w1"), str(operator.data))
    with pytest.raises(Refusal, match="being_restored"):
        operator.open()
    hold.release()
    operator.open().store.close()


def _nothing(file: Path) -> None:
    file.unlink()


def _words(file: Path) -> None:
    file.write_text("备份 " * 5000)


def _foreign(file: Path) -> None:
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE users (name)")
    connection.commit()
    connection.close()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flipped(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    for place in range(5000, len(raw), 4096):
        raw[place] ^= 0xFF
    file.write_bytes(raw)


def _sql(statement: str) -> Callable[[Path], None]:
    def alter(file: Path) -> None:
        connection = sqlite3.connect(file)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return alter


UNFIT = {
    "nothing": (_nothing, "no_backup"),
    "words": (_words, "not_a_backup"),
    "PostgreSQL's": (lambda file: file.write_bytes(b"PGDMP" * 99), "backup_of_other"),
    "another program's": (_foreign, "not_a_backup"),
    "cut": (_cut, "backup_damaged"),
    "flipped": (_flipped, "backup_damaged"),
    "a stream torn": (_sql("UPDATE streams SET known_seq = 9"), "backup_damaged"),
    "numbers gone back": (_sql("UPDATE districts SET change_no = 1"), "backup_damaged"),
    "without keys": (_sql("DELETE FROM secrets WHERE name = 'cursor'"), "backup_damaged"),
    "newer": (_sql("UPDATE alembic_version SET version_num = '9999'"), "database_newer"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_a_file_that_is_no_sound_backup_changes_nothing(operator, at_work, tmp_path, what):
    spoil, code = UNFIT[what]
    backup = tmp_path / "backup.db"
    spoil(backup)
    before = sorted(path.name for path in operator.data.iterdir())
    done = operator.run("restore", backup)
    assert_plain_failure(done)
    assert done.stderr[:4] == SENTENCES[code].zh[:4]
    assert count_in(operator.data / "centre.db") == 5
    assert sorted(path.name for path in operator.data.iterdir()) == before


def test_a_backup_of_an_earlier_program_is_brought_up_to_date(operator, tmp_path):
    old = open_store(f"sqlite:///{tmp_path / 'old.db'}")
    migrate(old, "0002")
    with old.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO districts (district, name, server_epoch, change_no, synthetic, settings)"
            " VALUES ('990101', '旧区', 'old', 7, 0, '{}')"
        )
        for name in ("cursor", "session", "x25519"):
            connection.exec_driver_sql("INSERT INTO secrets VALUES (?, ?)", (name, "ab" * 32))
    old.close()
    assert operator.run("restore", tmp_path / "old.db").returncode == 0
    centre = operator.open()
    assert centre.district.name == "旧区"
    assert centre.district.server_epoch != "old"
    centre.store.close()


@pytest.fixture
def second_url(postgres_server) -> Iterator[str]:
    """The address of another empty database."""
    postgres_server.run_sql("CREATE DATABASE restored")
    yield postgres_server.url("restored")
    postgres_server.run_sql("DROP DATABASE restored WITH (FORCE)")


def test_a_dump_goes_into_an_empty_postgresql_database(
    capsys, postgres_url, second_url, postgres_server, tmp_path, monkeypatch
):
    if not shutil.which("pg_restore", path=str(postgres_server.bin)):
        pytest.skip("this PostgreSQL came without pg_restore")
    monkeypatch.setenv("PATH", str(postgres_server.bin))
    first = Operator(capsys, tmp_path / "centre", postgres_url)
    dump = tmp_path / "centre.dump"
    laptop = prepare(first, dump)
    assert_plain_failure(first.run("restore", dump))  # it is not empty
    again = Operator(capsys, tmp_path / "centre", second_url)
    (tmp_path / "words").write_text("no dump")
    assert_plain_failure(again.run("restore", tmp_path / "words"))
    sqlite3.connect(tmp_path / "embedded.db").execute("CREATE TABLE users (name)")
    assert_plain_failure(again.run("restore", tmp_path / "embedded.db"), "--database-url")
    (tmp_path / "cut").write_bytes(dump.read_bytes()[:3000])
    assert_plain_failure(again.run("restore", tmp_path / "cut"))
    done = again.run("restore", dump)
    assert done.returncode == 0, done.stderr
    centre = again.open()
    try:
        assert numbers(centre)[1] > a_minute_ago()
        refilled(centre, laptop)
        with centre.store.reading() as connection:
            assert len(connection.execute(sa.select(records)).all()) == 5
    finally:
        centre.store.close()
