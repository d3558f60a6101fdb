"""Encrypted rows on disk: one SQLCipher connection, one lock, one transaction for each commit.

A commit that returns is on the platter (WAL, synchronous=FULL). A commit that fails has changed
nothing; when the disk itself refused, the store only reads until it is opened again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from sqlcipher3 import dbapi2 as sqlcipher

from field_app.store.errors import (
    CommitsMissing,
    NewerStore,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreFull,
    UnsafeSqlite,
)
from field_app.store.files import create_private_file, hold, sync_file, sync_folder

KEY_BYTES = 32
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
)

_CORRUPT, _NOT_A_DATABASE = 11, 26
_BUSY, _LOCKED = 5, 6
_DISK_TROUBLE = {8, 10, 13, 14}  # read-only, I/O error, full, cannot open


class PutRow(NamedTuple):
    """Store a document's JSON text under table and id; an existing row keeps its place."""

    tbl: str
    id: str
    ord: int
    body: str


class DropRow(NamedTuple):
    """Remove one document."""

    tbl: str
    id: str


class KeepTable(NamedTuple):
    """Remember a table, and the highest number its ids have reached."""

    tbl: str
    last_id: int


class EmptyTable(NamedTuple):
    """Remove all documents of a table."""

    tbl: str


class DropTable(NamedTuple):
    """Forget a table with all its documents."""

    tbl: str


Change = PutRow | DropRow | KeepTable | EmptyTable | DropTable

_STATEMENTS: dict[type, tuple[str, ...]] = {
    PutRow: (
        "INSERT INTO rows (tbl, id, ord, body) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (tbl, id) DO UPDATE SET body = excluded.body",
    ),
    DropRow: ("DELETE FROM rows WHERE tbl = ?1 AND id = ?2",),
    KeepTable: ("INSERT OR REPLACE INTO tables (name, last_id) VALUES (?1, ?2)",),
    EmptyTable: ("DELETE FROM rows WHERE tbl = ?1",),
    DropTable: ("DELETE FROM rows WHERE tbl = ?1", "DELETE FROM tables WHERE name = ?1"),
}


class Contents(NamedTuple):
    """All a store holds: `tables` as (name, last id), `rows` as (table, id, ord, JSON text)."""

    tables: list[tuple[str, int]]
    rows: list[tuple[str, str, int, str]]


class Integrity(NamedTuple):
    """The answer of a full check; `problems` are SQLite's own words, at most a hundred."""

    ok: bool
    problems: tuple[str, ...]


def check_sqlite(version: tuple[int, ...]) -> None:
    """Refuse SQLite builds that can lose commits when a WAL file starts over.

    Raises UnsafeSqlite for anything but 3.51.3 and later, 3.50.7 and later 3.50s, 3.44.6 and
    later 3.44s.
    """
    fixed_in_branch = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
    if version < fixed_in_branch.get((version[0], version[1]), (3, 51, 3)):
        raise UnsafeSqlite("SQLite " + ".".join(map(str, version)))


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
        self._mark: _Mark | None = None
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
        with _plain_errors():
            return cls(path, key, new=True, accept_loss=False)

    @classmethod
    def open(cls, path: Path, key: bytes, *, accept_loss: bool = False) -> RowStore:
        """Open a store and read it through once, so that damage shows here and not later.

        Raises StoreDamaged, touching nothing; CommitsMissing when the newest confirmed commits are
        gone (a lost or damaged WAL), unless `accept_loss`; NewerStore, StoreBusy, UnsafeSqlite.
        """
        with _plain_errors():
            return cls(path, key, new=False, accept_loss=accept_loss)

    def _open(self, key: bytes, *, new: bool, accept_loss: bool) -> None:
        mark = _Mark(self.path.with_name(self.path.name + "-mark"))
        if not new:
            if not self.path.exists() or not self.path.stat().st_size:
                raise StoreDamaged("store file missing or empty")
            self._look(key, 0 if accept_loss else mark.read())
        self._connection = _connect(self.path, key)
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = FULL")
        if sys.platform == "darwin":
            self._run("PRAGMA fullfsync = 1")
            self._run("PRAGMA checkpoint_fullfsync = 1")
        self._run(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
        self._migrate()
        self._commits: int = self._run("SELECT commits FROM meta").fetchone()[0]
        mark.open(self._commits)
        self._mark = mark

    def _look(self, key: bytes, confirmed: int) -> None:
        """Read everything through a read-only connection.

        A writing connection would fold the WAL into a damaged file when it closes.
        """
        if self.path.with_name(self.path.name + "-journal").exists():
            return  # interrupted while being created: SQLite has to roll back first
        connection = _connect(self.path, key, read_only=True)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise NewerStore(f"version {version}")
            if version < len(MIGRATIONS):
                problems = _problems(connection)
                if problems:
                    raise StoreDamaged(problems[0])
                return
            commits = connection.execute("SELECT commits FROM meta").fetchone()[0]
            if commits < confirmed:
                raise CommitsMissing(f"{confirmed - commits} commits")
            self._contents = _read_all(connection)
        finally:
            connection.close()

    def _migrate(self) -> None:
        version = self._run("PRAGMA user_version").fetchone()[0]
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            with self._transaction():
                for statement in step:
                    self._run(statement)
                self._run(f"PRAGMA user_version = {number}")

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
                with _plain_errors():
                    contents = _read_all(self._connection)
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
                with _plain_errors(), self._transaction():
                    for change in changes:
                        for statement in _STATEMENTS[type(change)]:
                            self._run(statement, change)
                    self._run("UPDATE meta SET commits = ?", (self._commits + 1,))
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
            if self._mark is not None:
                self._mark.write(self._commits)

    def integrity(self) -> Integrity:
        """Check every page's seal and the structure of the whole file. Raises StoreClosed.

        Takes about a second for each 100 MB, during which commits wait.
        """
        with self.lock:
            self._ask_open()
            problems = _problems(self._connection)
            return Integrity(not problems, tuple(problems))

    def backup(self, folder: Path, keep: int = BACKUPS_KEPT, *, now: datetime) -> Path:
        """Write today's encrypted copy, prove that it opens, then drop all but the newest `keep`.

        The copy opens with the same key. A second copy on one day replaces the first. Raises
        StoreDamaged when this store or the copy is not sound (older copies then all stay),
        StoreFull when the disk refuses (the store itself goes on working), StoreClosed.
        """
        with self.lock:
            check = self.integrity()
            if not check.ok:
                raise StoreDamaged(check.problems[0])
            final = folder / _backup_name(now.date())
            draft = folder / (final.name + ".tmp")
            with _plain_errors():
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
        for old in backups(folder)[keep:]:
            old.unlink()
        return final

    def _prove(self, copy: Path) -> None:
        assert self._key is not None
        connection = _connect(copy, self._key, read_only=True)
        try:
            problems = _problems(connection)
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


def backups(folder: Path) -> list[Path]:
    """The daily copies in a folder, newest first; an absent folder has none."""
    return sorted(folder.glob("store-????-??-??.db"), reverse=True)


def backup_day(copy: Path) -> date:
    """The day a copy was made, from its name. Raises ValueError for another file's name."""
    return date.fromisoformat(copy.stem.removeprefix("store-"))


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


def _backup_name(day: date) -> str:
    return f"store-{day.isoformat()}.db"


def _connect(path: Path, key: bytes, *, read_only: bool = False) -> Any:
    """Open the file with its key, everything else still at SQLite's defaults."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a store key has {KEY_BYTES} bytes")
    address = path.absolute().as_uri() + ("?mode=ro" if read_only else "?mode=rw")
    connection = sqlcipher.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        # SQLCipher would otherwise write page numbers and paths to stderr on damage.
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        if connection.execute("PRAGMA cipher_version").fetchone() is None:
            raise UnsafeSqlite("no cipher in this SQLite")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _read_all(connection: Any) -> Contents:
    return Contents(
        connection.execute("SELECT name, last_id FROM tables ORDER BY name").fetchall(),
        connection.execute("SELECT tbl, id, ord, body FROM rows ORDER BY ord").fetchall(),
    )


def _problems(connection: Any) -> list[str]:
    found = [row[0] for row in connection.execute("PRAGMA cipher_integrity_check")]
    try:
        found += [row[0] for row in connection.execute("PRAGMA quick_check") if row[0] != "ok"]
    except sqlcipher.DatabaseError as error:
        found.append(str(error))
    return found[:100]


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn SQLite's and the system's refusals into the store's own family."""
    try:
        yield
    except sqlcipher.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (_CORRUPT, _NOT_A_DATABASE):
            raise StoreDamaged(str(error)) from error
        if code in _DISK_TROUBLE:
            raise StoreFull(str(error)) from error
        if code in (_BUSY, _LOCKED):
            raise StoreBusy(str(error)) from error
        raise StoreError("store_failed", str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS):
            raise StoreFull(str(error.strerror)) from error
        raise


class _Mark:
    """How many commits were confirmed, beside the store and written without waiting for the disk.

    SQLite silently drops the end of a WAL file that was cut or lost. The mark can only lag behind
    the store after a power cut, never run ahead of it; so a store behind its mark has lost commits.
    """

    _LAYOUT = struct.Struct(">QI")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def read(self) -> int:
        """The number last written; 0 when there is no mark or it is unreadable."""
        try:
            commits, check = self._LAYOUT.unpack(self._path.read_bytes())
        except (OSError, struct.error):
            return 0
        return int(commits) if check == zlib.crc32(commits.to_bytes(8, "big")) else 0

    def open(self, commits: int) -> None:
        """Be ready to write, starting with `commits`."""
        handle = os.open(self._path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600)
        self._file = os.fdopen(handle, "r+b", buffering=0)
        self.write(commits)

    def write(self, commits: int) -> None:
        """Note a confirmed commit. A refusing disk is left alone: the mark is only a witness."""
        with contextlib.suppress(OSError):
            self._file.seek(0)
            self._file.write(self._LAYOUT.pack(commits, zlib.crc32(commits.to_bytes(8, "big"))))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
