"""Copies of the whole centre: complete, verified, and gone when they are not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services.backup import back_up
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from sync_server.store import copying
from sync_server.store.copying import copy_database
from sync_server.store.engine import open_store
from sync_server.store.tables import users
from tests.sync_server.world import add_worker


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
