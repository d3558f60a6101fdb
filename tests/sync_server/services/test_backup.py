"""Copies of the whole centre: complete, verified, and gone when they are not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services.backup import back_up, clear_older
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from sync_server.store import copying
from sync_server.store.copying import copy_database
from sync_server.store.engine import open_store
from sync_server.store.tables import users
from tests.sync_server.world import StillClock, add_worker


def test_a_copy_holds_everything_and_is_private(centre, tmp_path):
    made = add_worker(centre)
    path, size = back_up(centre, None, centre.clock())
    assert path.name == "centre-20260930-120000.db"
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o777 == 0o600
    copy = open_store(f"sqlite:///{path}")
    with copy.reading() as connection:
        assert connection.scalar(sa.select(users.c.user_id)) == made.user_id
    copy.close()


def test_a_copy_is_private_while_it_is_made(centre, tmp_path, monkeypatch):
    seen = []

    def look(scratch, _tables):
        seen.append(scratch.stat().st_mode & 0o777)

    monkeypatch.setattr(copying, "_verify_sqlite", look)
    former = os.umask(0o022)
    try:
        copy_database(centre.store, tmp_path / "copy.db")
    finally:
        os.umask(former)
    assert seen == [0o600]


def test_a_copy_can_be_made_while_others_read(centre, tmp_path):
    with centre.store.reading() as connection:
        connection.execute(sa.select(users)).all()
        assert copy_database(centre.store, tmp_path / "copy.db") > 0


def test_a_copy_that_fails_leaves_no_file(centre, tmp_path, monkeypatch):
    def fail(_path, _tables):
        raise Refusal("backup_failed")

    monkeypatch.setattr("sync_server.store.copying._verify_sqlite", fail)
    with pytest.raises(Refusal, match="backup_failed"):
        copy_database(centre.store, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy*")) == []


def test_a_damaged_copy_is_noticed(centre, tmp_path, monkeypatch):
    from sync_server.store import copying

    whole = copying._verify_sqlite

    def damage(path, tables):
        raw = bytearray(path.read_bytes())
        raw[5000:9000] = b"\xff" * 4000
        path.write_bytes(raw)
        whole(path, tables)

    monkeypatch.setattr(copying, "_verify_sqlite", damage)
    with pytest.raises(Refusal, match="backup_failed"):
        copy_database(centre.store, tmp_path / "copy.db")


@pytest.fixture
def on_postgres(postgres_url, tmp_path, clock) -> Iterator[Centre]:
    opened = open_centre(Settings(tmp_path / "centre", postgres_url, testing=True), clock)
    yield opened
    opened.store.close()


def test_postgresql_is_dumped(on_postgres, postgres_server, tmp_path, monkeypatch):
    if not shutil.which("pg_dump", path=str(postgres_server.bin)):
        pytest.skip("this PostgreSQL came without pg_dump")
    monkeypatch.setenv("PATH", str(postgres_server.bin))
    path, size = back_up(on_postgres, tmp_path / "copy.dump", on_postgres.clock())
    assert path.read_bytes()[:5] == b"PGDMP"
    assert size > 1000


def test_a_missing_program_is_named(on_postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refusal, match="program_missing"):
        back_up(on_postgres, tmp_path / "copy.dump", on_postgres.clock())
    assert not (tmp_path / "copy.dump").exists()


def test_a_dump_that_fails_says_why_and_leaves_no_file(on_postgres, tmp_path, monkeypatch):
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text("#!/bin/sh\necho server version mismatch >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match="backup_failed") as caught:
        back_up(on_postgres, tmp_path / "copy.dump", on_postgres.clock())
    assert "mismatch" in caught.value.facts["words"]
    assert list(tmp_path.glob("copy*")) == []


def daily(centre: Centre, clock: StillClock, days: int) -> list[Path]:
    """Make a copy on each of so many days and return where they lie."""
    made = []
    for _ in range(days):
        clock.passes(days=1)
        made.append(back_up(centre, None, clock())[0])
    return made


def test_the_newest_copies_stay_and_older_ones_go_the_oldest_first(centre, clock):
    made = daily(centre, clock, 5)
    assert list(clear_older(made[-1], 2)) == made[:3]
    assert sorted(made[0].parent.iterdir()) == made[3:]
    assert list(clear_older(made[-1], 2)) == []
    assert list(clear_older(made[-1], 1)) == [made[3]]
    assert list(clear_older(made[-1], 1)) == []
    assert sorted(made[0].parent.iterdir()) == made[4:]


def test_files_that_are_no_copies_of_ours_neither_go_nor_count(centre, clock, tmp_path):
    made = daily(centre, clock, 3)
    folder = made[0].parent
    (folder / "centre-20260101-000000.db").write_text("words under a name of ours")
    with closing(sqlite3.connect(folder / "centre-20260102-000000.db")) as connection:
        connection.execute("CREATE TABLE users (district TEXT)")
    (folder / "centre-20260103-000000.db").mkdir()
    (folder / "centre-20260104-000000.db").write_bytes(b"")
    elsewhere = made[0].rename(tmp_path / "kept.db")
    (folder / "centre-20260105-000000.db").symlink_to(elsewhere)
    (folder / "centre-20260106-000000.dump").write_bytes(b"PGDMP")
    for name in ("centre.db", "before.db", "centre-20260107-000000.db.part", "centre-1.db",
                 "centre-20991231-000000.db.bak", "xcentre-20260108-000000.db"):  # fmt: skip
        shutil.copy(made[1], folder / name)
    for day in ("01", "02", "03"):  # later than any copy, and yet none
        (folder / f"centre-209901{day}-000000.db").write_bytes(b"")
    before = set(folder.iterdir())
    assert list(clear_older(made[2], 2)) == []
    assert list(clear_older(made[2], 1)) == [made[1]]
    assert set(folder.iterdir()) == before - {made[1]}
    assert elsewhere.exists()


def test_what_a_killed_backup_left_half_written_goes_with_the_next(centre, clock, tmp_path):
    folder = daily(centre, clock, 1)[0].parent
    old = ["centre-20260101-000000.db.part", "centre-20260101-000000.db.part-journal",
           "centre-20260102-000000.dump.part"]  # fmt: skip
    others = ["centre-20260103-000000.db.part.txt", "mine.db.part"]
    for name in (*old, *others, "centre-20260104-000000.db.part"):
        (folder / name).write_bytes(b"half")
        if name != "centre-20260104-000000.db.part":  # that one is written at this moment
            os.utime(folder / name, (time.time() - 2 * 86_400,) * 2)
    before = {one.name for one in folder.iterdir()}
    back_up(centre, tmp_path / "elsewhere.db", clock())
    assert {one.name for one in folder.iterdir()} == before
    [made] = daily(centre, clock, 1)
    assert {one.name for one in folder.iterdir()} == before - set(old) | {made.name}


def test_a_copy_made_under_a_clock_that_went_back_stays(centre, clock):
    made = daily(centre, clock, 3)
    clock.passes(days=-30)
    back, _size = back_up(centre, None, clock())
    assert list(clear_older(back, 2)) == [made[0]]
    assert sorted(made[0].parent.iterdir()) == [back, *made[1:]]


def test_a_copy_that_cannot_be_removed_is_named(centre, clock, monkeypatch):
    made = daily(centre, clock, 3)

    def refuse(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Refusal, match="backup_not_removed") as caught:
        list(clear_older(made[-1], 1))
    assert caught.value.facts == {"file": str(made[0]), "words": "Permission denied"}
    assert sorted(made[0].parent.iterdir()) == made


def test_older_dumps_go_too(on_postgres, postgres_server, clock, migrated_file, monkeypatch):
    if not shutil.which("pg_dump", path=str(postgres_server.bin)):
        pytest.skip("this PostgreSQL came without pg_dump")
    monkeypatch.setenv("PATH", str(postgres_server.bin))
    made = daily(on_postgres, clock, 3)
    folder = made[0].parent
    (folder / "centre-20260101-000000.dump").write_bytes(b"PGDMP and no archive")
    shutil.copy(migrated_file, folder / "centre-20260103-000000.db")  # from before PostgreSQL
    other = folder / "centre-20260102-000000.dump"
    postgres_server.run_sql("CREATE DATABASE of_others")
    try:
        url = postgres_server.url("of_others", driver="")
        subprocess.run(["pg_dump", "-Fc", "-f", str(other), "-d", url], check=True)
    finally:
        postgres_server.run_sql("DROP DATABASE of_others WITH (FORCE)")
    assert list(clear_older(made[2], 2)) == [made[0]]
    assert len(list(folder.iterdir())) == 5
