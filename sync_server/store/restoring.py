"""Putting a backup in the place of a database: looked through first, the present one kept.

Nothing is in its place before it is whole, on the disk and known to be ours; a program that dies
half-way leaves the old database, or the new one, never neither.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlcipher3 import dbapi2 as sqlite

from sync_server.domain.errors import Refusal
from sync_server.store.copying import postgresql_program
from sync_server.store.engine import Store
from sync_server.store.folders import disk_trouble, sync_file, sync_folder
from sync_server.store.tables import (
    changes,
    devices,
    districts,
    records,
    reseals,
    secrets,
    streams,
    users,
)

SCRATCH = ".restoring"
BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a database file that is, or was, in use."""
OF_SQLITE, OF_POSTGRESQL = b"SQLite format 3", b"PGDMP"
"""How a database file of the one, and an archive of the other, begins."""
OURS = frozenset(
    {"alembic_version", "districts", "users", "devices", "streams", "changes", "records", "secrets"}
)
"""Tables every database of ours has had from the first step on."""


@contextmanager
def sqlite_copy(backup: Path, database: Path) -> Iterator[Path]:
    """Copy a backup beside ``database``, looked through, for the block; it goes afterwards unless
    it was moved.

    Raises Refusal: not_a_backup, backup_of_other, backup_damaged, disk_full, folder_unusable.
    """
    with disk_trouble(backup.parent):
        if _beginning(backup).startswith(OF_POSTGRESQL):
            raise Refusal("backup_of_other")
    scratch = database.with_name(database.name + SCRATCH)
    try:
        _remove(scratch)
        with disk_trouble(database.parent):
            database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            scratch.touch(mode=0o600)
            shutil.copyfile(backup, scratch)
            # A copy made by hand of a database in use: its last commits are in the log beside it.
            log = backup.with_name(backup.name + BESIDE[0])
            if log.exists():
                shutil.copyfile(log, scratch.with_name(scratch.name + BESIDE[0]))
        _look_through(scratch)
        yield scratch
    finally:
        with contextlib.suppress(OSError):
            _remove(scratch)


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(16)


def _look_through(file: Path) -> None:
    try:
        with _opened(file) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
            sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except (sqlite.Error, UnicodeDecodeError) as err:
        code = "not_a_backup" if "not a database" in str(err) else "backup_damaged"
        raise Refusal(code) from err
    if not tables >= OURS:
        raise Refusal("not_a_backup")
    if not sound:
        raise Refusal("backup_damaged")


def put_in_place(scratch: Path, database: Path, aside: Path) -> bool:
    """Make the looked-through copy the database, and the present one ``aside``, if there is one.

    Nobody may have either open. Raises Refusal: file_exists, disk_full, folder_unusable.
    """
    _settle(scratch)
    with disk_trouble(database.parent):
        sync_file(scratch)
        present = database.exists()
        if present:
            if aside.exists():
                raise Refusal("file_exists", file=str(aside))
            _settle(database)
            try:
                os.link(database, aside)
            except OSError:  # a file system without second names
                shutil.copy2(database, aside)
                sync_file(aside)
        for ending in BESIDE:  # only of a database too damaged to be settled
            log = database.with_name(database.name + ending)
            if log.exists():
                os.replace(log, aside.with_name(aside.name + ending))
        os.replace(scratch, database)
        sync_folder(database.parent)
    return present


@dataclass(frozen=True)
class Replaced:
    """What must outlive a database that is replaced: the highest change number or version it gave
    out, and whom it kept out, devices as (district, id, state) and people as (district, id)."""

    highest: int
    devices: tuple[tuple[str, str, str], ...]
    people: tuple[tuple[str, str], ...]


def read_replaced(database: Path) -> Replaced | None:
    """Return what must outlive a database file, None when there is none or it cannot be read."""
    if not database.exists():
        return None
    try:
        with _opened(database) as connection:
            ((highest,),) = connection.execute(
                "SELECT max((SELECT coalesce(max(change_no), 0) FROM districts),"
                " (SELECT coalesce(max(version), 0) FROM records))"
            )
            shut = connection.execute(
                "SELECT district, device_id, state FROM devices WHERE state <> 'active'"
            ).fetchall()
            gone = connection.execute(
                "SELECT district, user_id FROM users WHERE NOT active"
            ).fetchall()
    except (sqlite.Error, UnicodeDecodeError, ValueError):
        return None
    return Replaced(int(highest), tuple(shut), tuple(gone))


def keep_out(connection: sa.Connection, replaced: Replaced) -> None:
    """Keep out of the restored database whom the replaced one kept out."""
    for district, device_id, state in replaced.devices:
        connection.execute(
            sa.update(devices)
            .where(
                devices.c.district == district,
                devices.c.device_id == device_id,
                devices.c.state == "active",
            )
            .values(state=state)
        )
    for district, user_id in replaced.people:
        connection.execute(
            sa.update(users)
            .where(users.c.district == district, users.c.user_id == user_id)
            .values(active=False)
        )


def is_empty(connection: sa.Connection) -> bool:
    """Whether a database holds no table at all."""
    return not sa.inspect(connection).get_table_names()


def check_dump(dump: Path) -> None:
    """Raise Refusal unless a file is an archive of ``pg_dump`` that lists our tables.

    Its codes: no_backup, not_a_backup, backup_of_other, backup_damaged, program_missing.
    """
    try:
        begins = _beginning(dump)
    except OSError as err:
        raise Refusal("no_backup", file=str(dump)) from err
    if begins.startswith(OF_SQLITE):
        raise Refusal("backup_of_other")
    if not begins.startswith(OF_POSTGRESQL):
        raise Refusal("not_a_backup")
    listed = postgresql_program("pg_restore", "--list", str(dump))
    if listed.returncode:
        raise Refusal("backup_damaged")
    names = {
        words[-2]
        for line in listed.stdout.decode(errors="replace").splitlines()
        if " TABLE " in line and len(words := line.split()) > 2
    }
    if not names >= OURS:
        raise Refusal("not_a_backup")


def load_dump(store: Store, dump: Path) -> None:
    """Load an archive of ``pg_dump`` into an empty PostgreSQL database, all of it or nothing.

    Raises Refusal as ``check_dump``, and restore_failed with ``words``.
    """
    check_dump(dump)
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    loaded = postgresql_program("pg_restore", *options, str(dump), into=store)
    if loaded.returncode:
        raise Refusal("restore_failed", words=_last_words(loaded))


def check_content(connection: sa.Connection) -> None:
    """Look through a database brought to today's tables; raise Refusal ``backup_damaged``.

    The server's keys are there, no record is numbered beyond its district, and every stream's last
    place holds what the stream says of it.
    """
    names = set(connection.scalars(sa.select(secrets.c.name)))
    beyond = (
        sa.select(records.c.record_id)
        .join(districts, districts.c.district == records.c.district)
        .where(records.c.change_no > districts.c.change_no)
        .limit(1)
    )
    here = [
        sa.select(table.c.seq)
        .where(
            table.c.district == streams.c.district,
            table.c.stream == streams.c.stream,
            table.c.seq == streams.c.known_seq,
            table.c.hash == streams.c.known_hash,
        )
        .exists()
        for table in (changes, reseals)
    ]
    torn = sa.select(streams.c.stream).where(
        streams.c.known_seq > 0, sa.not_(sa.or_(*here))
    ).limit(1)  # fmt: skip
    whole = (
        {"cursor", "session", "x25519"} <= names
        and connection.execute(sa.select(districts.c.district).limit(1)).first()
        and not connection.execute(beyond).first()
        and not connection.execute(torn).first()
    )
    if not whole:
        raise Refusal("backup_damaged")


def _settle(database: Path) -> None:
    """Let a database take in its own log, if it can still be opened."""
    with contextlib.suppress(sqlite.Error):
        connection = sqlite.connect(str(database))
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


@contextmanager
def _opened(file: Path) -> Iterator[sqlite.Connection]:
    connection = sqlite.connect(f"file:{quote(str(file))}?mode=rw", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def _remove(scratch: Path) -> None:
    for ending in ("", *BESIDE):
        scratch.with_name(scratch.name + ending).unlink(missing_ok=True)


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    words = done.stderr.decode(errors="replace").strip().splitlines()
    return words[-1] if words else ""
