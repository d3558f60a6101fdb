"""Copies of the whole database: consistent while it is in use, verified before they count."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from sqlcipher3 import dbapi2 as sqlite

from sync_server.domain.errors import Refusal
from sync_server.store.engine import Store, named_trouble
from sync_server.store.folders import disk_trouble, sync_file, sync_folder
from sync_server.store.postgresql import as_conninfo

SCRATCH = ".part"


def copy_database(store: Store, target: Path) -> int:
    """Write a verified copy to ``target`` and return its size in bytes.

    SQLite: a compact database file. PostgreSQL: an archive for ``pg_restore``. The copy appears
    under its name only when it is whole and on the disk. Raises Refusal: file_exists, disk_full,
    program_missing, backup_failed, folder_unusable.
    """
    if target.exists():
        raise Refusal("file_exists", file=str(target))
    scratch = target.with_name(target.name + SCRATCH)
    try:
        with disk_trouble(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            scratch.unlink(missing_ok=True)
            scratch.touch(mode=0o600)  # and stays so: nobody else reads along
            if store.is_sqlite:
                _copy_sqlite(store, scratch)
            else:
                _dump_postgresql(store, scratch)
            sync_file(scratch)
            scratch.rename(target)
            sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
    return target.stat().st_size


def _copy_sqlite(store: Store, scratch: Path) -> None:
    with named_trouble():
        try:
            raw = store.engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
                tables = {name for (name,) in cursor.fetchall()}
                cursor.execute("VACUUM INTO ?", (str(scratch),))
            finally:
                raw.close()
        except sqlite.Error as err:
            raise Refusal("disk_full" if "full" in str(err) else "backup_failed") from err
    _verify_sqlite(scratch, tables)


def _verify_sqlite(copy: Path, tables: set[str]) -> None:
    """Raise Refusal ``backup_failed`` unless the copy opens, is whole and has all ``tables``."""
    connection = sqlite.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)
    try:
        sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    except (sqlite.Error, UnicodeDecodeError) as err:
        raise Refusal("backup_failed") from err
    finally:
        connection.close()
    if not sound or not tables <= found:
        raise Refusal("backup_failed")


def _dump_postgresql(store: Store, scratch: Path) -> None:
    for done in (
        postgresql_program("pg_dump", "-Fc", "-f", str(scratch), into=store),
        postgresql_program("pg_restore", "--list", str(scratch)),
    ):
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise Refusal("backup_failed", words=words[-1] if words else "")


def postgresql_program(
    name: str, *arguments: str, into: Store | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run one of PostgreSQL's own programs and return how it ended.

    ``into``: it connects as this store does. Raises Refusal ``program_missing``.
    """
    command, environment = [_program(name), *arguments], dict(os.environ)
    if into is not None:
        conninfo, password = as_conninfo(into.engine)
        command[1:1] = ["--no-password", "-d", conninfo]
        if password is not None:
            environment["PGPASSWORD"] = password
    return subprocess.run(command, env=environment, capture_output=True, check=False)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Refusal("program_missing", program=name)
    return found
