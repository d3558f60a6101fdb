"""Encrypted rows on disk: one SQLCipher connection, one lock, one transaction for each commit.

A commit that returns is on the platter (WAL, synchronous=FULL). A commit that fails has changed
nothing; when the disk itself refused, the store only reads until it is opened again.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from sqlcipher3 import dbapi2 as sqlcipher

from field_app.store.changes import STATEMENTS, Change
from field_app.store.cipher import check_sqlite, connect, plain_errors, problems_of
from field_app.store.copies import next_copy, superfluous
from field_app.store.digest import as_bytes, digest_after, digest_of
from field_app.store.errors import (
    CommitsMissing,
    NewerStore,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreFull,
)
from field_app.store.files import create_private_file, hold, sync_file, sync_folder
from field_app.store.mark import Mark

BACKUPS_KEPT = 7
WAL_BYTES_KEPT = 16 * 1024 * 1024

# Each step takes a store from the version before it; a shipped step is never edited, only followed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # `ord` is the order of insertion over all tables, so a new row lands on the last page.
        "CREATE TABLE rows (ord INTEGER PRIMARY KEY, tbl TEXT NOT NULL, id TEXT NOT NULL,"
        " body TEXT NOT NULL)",
        "CREATE UNIQUE INDEX rows_by_id ON rows (tbl, id)",
        "CREATE TABLE tables (name TEXT PRIMARY KEY, last_id INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE meta (commits INTEGER NOT NULL)",
        "INSERT INTO meta (commits) VALUES (0)",
    ),
    # Filled in when such a store is opened first (`_digest_now`).
    ("ALTER TABLE meta ADD COLUMN digest BLOB",),
)


class Contents(NamedTuple):
    """All a store holds: `tables` as (name, last id), `rows` as (table, id, ord, JSON text)."""

    tables: list[tuple[str, int]]
    rows: list[tuple[str, str, int, str]]


class Integrity(NamedTuple):
    """The answer of a full check; `problems` are SQLite's own words, at most a hundred."""

    ok: bool
    problems: tuple[str, ...]


class RowStore:
    """One open store file. Every call is safe from any thread; only one process may hold it."""

    def __init__(self, path: Path, key: bytes, *, new: bool, accept_loss: bool) -> None:
        """Use `RowStore.create` or `RowStore.open`."""
        check_sqlite(sqlcipher.sqlite_version_info)
        self.path = path
        self.lock = threading.RLock()
        self._key: bytes | None = key
        self._contents: Contents | None = None
        self._failure: StoreError | None = None
        self._connection: Any = None
        self._mark: Mark | None = None
        self._process_lock: FileLock = hold(path.with_name(path.name + ".lock"))
        try:
            if new:
                create_private_file(path)
            self._open(key, new=new, accept_loss=accept_loss)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, key: bytes) -> RowStore:
        """Start an empty store. `key` is 32 random bytes.

        Raises FileExistsError, StoreBusy, StoreFull, UnsafeSqlite.
        """
        with plain_errors():
            return cls(path, key, new=True, accept_loss=False)

    @classmethod
    def open(cls, path: Path, key: bytes, *, accept_loss: bool = False) -> RowStore:
        """Open a store and read it through once, so that damage shows here and not later.

        Raises StoreDamaged, touching nothing; CommitsMissing when the newest confirmed commits are
        gone (a lost or damaged WAL), unless `accept_loss`; NewerStore, StoreBusy, UnsafeSqlite.
        """
        with plain_errors():
            return cls(path, key, new=False, accept_loss=accept_loss)

    def _open(self, key: bytes, *, new: bool, accept_loss: bool) -> None:
        mark = Mark(self.path.with_name(self.path.name + "-mark"))
        if not new:
            if not self.path.exists() or not self.path.stat().st_size:
                raise StoreDamaged("store file missing or empty")
            self._look(key, 0 if accept_loss else mark.read())
        self._connection = connect(self.path, key)
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = FULL")
        if sys.platform == "darwin":
            self._run("PRAGMA fullfsync = 1")
            self._run("PRAGMA checkpoint_fullfsync = 1")
        self._run(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
        self._migrate()
        self._commits: int = self._run("SELECT commits FROM meta").fetchone()[0]
        self._digest = self._digest_now()
        mark.open(self._commits)
        self._mark = mark

    def _look(self, key: bytes, confirmed: int) -> None:
        """Read everything through a read-only connection.

        A writing connection would fold the WAL into a damaged file when it closes.
        """
        if self.path.with_name(self.path.name + "-journal").exists():
            return  # interrupted while being created: SQLite has to roll back first
        connection = connect(self.path, key, read_only=True)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise NewerStore(f"version {version}")
            if version < len(MIGRATIONS):
                problems = problems_of(connection)
                if problems:
                    raise StoreDamaged(problems[0])
                return
            commits, digest = connection.execute("SELECT commits, digest FROM meta").fetchone()
            contents = _read_all(connection)
            _check_contents(connection, contents, digest)
            if commits < confirmed:
                raise CommitsMissing(f"{confirmed - commits} commits")
            self._contents = contents
        finally:
            connection.close()

    def _migrate(self) -> None:
        version = self._run("PRAGMA user_version").fetchone()[0]
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            with self._transaction():
                for statement in step:
                    self._run(statement)
                self._run(f"PRAGMA user_version = {number}")

    def _digest_now(self) -> int:
        """The digest as stored; computed and stored once for a store that had none."""
        stored = self._run("SELECT digest FROM meta").fetchone()[0]
        if stored is not None:
            return int.from_bytes(stored, "big")
        digest = digest_of(*_read_all(self._connection))
        with self._transaction():
            self._run("UPDATE meta SET digest = ?", (as_bytes(digest),))
        return digest

    def _run(self, statement: str, values: Sequence[object] = ()) -> Any:
        return self._connection.execute(statement, values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._run("ROLLBACK")
            raise

    @property
    def closed(self) -> bool:
        """Whether the store was closed; it then answers nothing more."""
        return self._connection is None

    @property
    def read_only(self) -> bool:
        """Whether a write failed in a way that only opening the store again can mend."""
        return self._failure is not None

    @property
    def commits(self) -> int:
        """How many commits this store has ever confirmed."""
        return self._commits

    def load(self) -> Contents:
        """All tables and rows, rows in order of insertion. Raises StoreClosed, StoreDamaged."""
        with self.lock:
            self._ask_open()
            contents, self._contents = self._contents, None
            if contents is None:
                with plain_errors():
                    contents = _read_all(self._connection)
                    _check_contents(self._connection, contents, as_bytes(self._digest))
            return contents

    def commit(self, changes: Iterable[Change]) -> None:
        """Write all changes durably or none of them, in their order.

        Raises StoreFull or StoreDamaged when the disk refuses, after which the store only reads;
        StoreClosed; ValueError for text that cannot be stored.
        """
        with self.lock:
            self._ask_open()
            if self._failure is not None:
                raise self._failure
            self._contents = None
            try:
                with plain_errors(), self._transaction():
                    digest = self._write(changes)
            except (StoreFull, StoreDamaged) as failure:
                self._failure = failure
                raise
            except Exception:
                raise
            except BaseException:
                # Interrupted: the commit may stand or not; only reopening can tell.
                self._failure = StoreError("store_interrupted")
                raise
            self._commits += 1
            self._digest = digest
            if self._mark is not None:
                self._mark.write(self._commits)

    def _write(self, changes: Iterable[Change]) -> int:
        """Carry out the changes and return the digest of what the store then holds."""
        digest = self._digest
        for change in changes:
            digest = digest_after(digest, change, self._run)
            for statement in STATEMENTS[type(change)]:
                self._run(statement, change)
        values = (self._commits + 1, as_bytes(digest))
        self._run("UPDATE meta SET commits = ?, digest = ?", values)
        return digest

    def integrity(self) -> Integrity:
        """Check every page's seal and the structure of the whole file. Raises StoreClosed.

        Takes about a second for each 100 MB, during which commits wait.
        """
        with self.lock:
            self._ask_open()
            problems = problems_of(self._connection)
            return Integrity(not problems, tuple(problems))

    def backup(self, folder: Path, keep: int = BACKUPS_KEPT, *, now: datetime) -> Path:
        """Write today's encrypted copy, prove that it opens, then drop all but the newest `keep`.

        The copy opens with the same key. A second copy on one day replaces the first. Which are the
        newest no clock decides (see `copies`); the copy just made always stays. Raises
        StoreDamaged when this store or the copy is not sound (older copies then all stay),
        StoreFull when the disk refuses (the store itself goes on working), StoreClosed.
        """
        with self.lock:
            check = self.integrity()
            if not check.ok:
                raise StoreDamaged(check.problems[0])
            final = next_copy(folder, now.date())
            draft = folder / (final.name + ".tmp")
            with plain_errors():
                draft.unlink(missing_ok=True)
                create_private_file(draft)
                try:
                    self._run("VACUUM INTO ?", (str(draft),))
                    sync_file(draft)
                    self._prove(draft)
                    os.replace(draft, final)
                except BaseException:
                    draft.unlink(missing_ok=True)
                    raise
                sync_folder(folder)
        for old in superfluous(folder, final, keep):
            old.unlink()
        return final

    def _prove(self, copy: Path) -> None:
        assert self._key is not None
        connection = connect(copy, self._key, read_only=True)
        try:
            problems = problems_of(connection)
            question = "SELECT (SELECT commits FROM meta), count(*), sum(ord) FROM rows"
            if problems or (
                connection.execute(question).fetchone() != self._run(question).fetchone()
            ):
                raise StoreDamaged("copy differs: " + "; ".join(problems[:1]))
        finally:
            connection.close()

    def close(self) -> None:
        """Close the file, drop the key and let other processes in. Closing twice is harmless."""
        with self.lock:
            self._contents = None
            connection, self._connection = self._connection, None
            self._key = None
            if connection is not None:
                with contextlib.suppress(sqlcipher.Error):
                    connection.close()
            if self._mark is not None:
                self._mark.close()
            self._process_lock.release()

    def _ask_open(self) -> None:
        if self._connection is None:
            raise StoreClosed(self.path.name)


def set_aside(path: Path, now: float | None = None) -> Path | None:
    """Rename a damaged store and its companions to `<name>.damaged-<time>`; nothing is deleted.

    Returns the new name of the store file, None when there was no file at all. Raises StoreBusy
    when the store is open somewhere.
    """
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    lock = hold(path.with_name(path.name + ".lock"))
    try:
        aside, again = path.with_name(f"{path.name}.damaged-{stamp}"), 1
        while any(path.parent.glob(aside.name + "*")):
            again += 1
            aside = path.with_name(f"{path.name}.damaged-{stamp}.{again}")
        moved = None
        for ending in ("", "-wal", "-shm", "-journal", "-mark"):
            part = path.with_name(path.name + ending)
            if part.exists():
                moved = aside
                os.rename(part, aside.with_name(aside.name + ending))
        sync_folder(path.parent)
        return moved
    finally:
        lock.release()


def _read_all(connection: Any) -> Contents:
    return Contents(
        connection.execute("SELECT name, last_id FROM tables ORDER BY name").fetchall(),
        connection.execute("SELECT tbl, id, ord, body FROM rows ORDER BY ord").fetchall(),
    )


def _check_contents(connection: Any, contents: Contents, digest: bytes | None) -> None:
    """Raise StoreDamaged unless the rows are what was committed and the index leads to them."""
    if digest is not None and as_bytes(digest_of(*contents)) != digest:
        raise StoreDamaged("rows are not those committed")
    index = connection.execute("SELECT tbl, id, ord FROM rows INDEXED BY rows_by_id").fetchall()
    if len(index) != len(contents.rows) or set(index) != {row[:3] for row in contents.rows}:
        raise StoreDamaged("index leads elsewhere")
