"""Opening the centre's database: SQLite without set-up, or PostgreSQL by its address.

SQLite comes with the ``sqlcipher3`` wheel (used without a key): Python's own may carry the
WAL-reset bug, which loses commits. Every write transaction starts with BEGIN IMMEDIATE, so that
two writers queue instead of failing half-way. What is particular to PostgreSQL, a standby that
takes over above all, stands in ``postgresql.py``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlcipher3 import dbapi2 as sqlite

from sync_server.domain.errors import Refusal
from sync_server.store import postgresql
from sync_server.store.folders import make_folder, make_private
from sync_server.store.sending import copies_in

BUSY_TIMEOUT_MS = 15_000
BEGIN_WRITING = "BEGIN IMMEDIATE"
LOOK_AGAIN_S = 0.001
PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32000",
    # 32 MB: pages of indexes that every commit changes are brought home once for many commits.
    "PRAGMA wal_autocheckpoint = 8000",
)


compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Writes JSON without spaces, characters as they are."""


class Store:
    """The centre's database. Use ``reading()`` and ``writing()``, each one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.server = postgresql.Server()
        self._writer = engine.execution_options(writes=True)
        # Without a snapshot over several statements there is nothing a transaction would give.
        alone = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._asker = engine.execution_options(**alone)
        self._closers: list[Callable[[], None]] = []
        if not self.is_sqlite:
            self.server.watch(engine)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of the embedded database."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name else None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One read transaction. Raises Refusal when the database cannot be used."""
        with named_trouble(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[sa.Connection]:
        """Statements that read and need not see the same moment: on PostgreSQL each stands alone,
        and the journeys of beginning and ending a transaction are saved. Raises Refusal as
        ``reading``."""
        with named_trouble(), self._asker.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One write transaction, durable when the block ends; an error undoes all of it."""
        with named_trouble(), self._writer.connect() as connection:
            self.server.settle(connection)
            with connection.begin():
                yield connection
            self.server.check_commit(connection)

    def close(self) -> None:
        """Close every connection, then whatever was to end with them."""
        self.engine.dispose()
        while self._closers:
            self._closers.pop()()

    def on_close(self, closer: Callable[[], None]) -> None:
        """Call ``closer`` when the store is closed."""
        self._closers.append(closer)


@contextmanager
def named_trouble() -> Iterator[None]:
    """Turn a database's own errors about disk, lock and reach into refusals with a code."""
    try:
        yield
    except DBAPIError as err:
        code = _code_of(str(err.orig).lower(), err)
        if code is None:
            raise
        raise Refusal(code) from err
    except NoneFree as err:  # every connection of the pool is in use
        raise Refusal("unavailable") from err
    except UnicodeDecodeError as err:
        # SQLite's own words quote the damaged place, which need not be text any more.
        raise Refusal("database_damaged") from err


def _code_of(text: str, err: DBAPIError) -> str | None:
    if (code := postgresql.code_of(getattr(err.orig, "sqlstate", None) or "")) is not None:
        return code
    if "disk is full" in text or "no space left" in text:
        return "disk_full"
    if "malformed" in text or "not a database" in text:
        return "database_damaged"
    if any(one in text for one in ("unable to open", "readonly database", "disk i/o error")):
        return "folder_unusable"
    if "database is locked" in text:
        return "unavailable"
    if err.connection_invalidated or postgresql.not_reached(text):
        return "database_unreachable"
    if "invalid connection option" in text:
        return "bad_database_url"
    return None


def check_sqlite_version(version: tuple[int, int, int] | None = None) -> None:
    """Raise Refusal ``old_sqlite`` unless the library has the WAL-reset fix."""
    found = version or cast(tuple[int, int, int], sqlite.sqlite_version_info)
    fixed_in = {(3, 44): 6, (3, 50): 7}
    ok = found >= (3, 51, 3) or found[2] >= fixed_in.get(found[:2], 1_000_000)
    if not ok:
        raise Refusal("old_sqlite", version=".".join(map(str, found)))


def open_store(address: str) -> Store:
    """Open the database at an SQLAlchemy address, making an SQLite file's folder.

    Raises Refusal: bad_database_url, folder_unusable, old_sqlite. Nothing is connected yet.
    """
    try:
        url = make_url(postgresql.several_hosts(address))
        if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database:
            return Store(_open_sqlite(url))
        if url.drivername in ("postgresql", "postgresql+psycopg"):
            return Store(_open_postgresql(url.set(drivername="postgresql+psycopg")))
    except (ArgumentError, ValueError):
        raise Refusal("bad_database_url") from None
    raise Refusal("bad_database_url")


def _open_sqlite(url: URL) -> sa.Engine:
    check_sqlite_version()
    file = Path(str(url.database))
    try:
        make_folder(file.parent)
    except OSError as err:
        raise Refusal("folder_unusable", folder=str(file.parent)) from err
    engine = sa.create_engine(
        url, module=sqlite, json_serializer=compact, hide_parameters=True, pool_size=8
    )

    @event.listens_for(engine, "do_connect")
    def close_to_others(*_: Any) -> None:
        with suppress(OSError):  # which SQLite is about to meet, and names
            make_private(file)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, by us alone
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    turn = threading.Lock()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes"):
            mine = turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
            try:
                _begin_writing(connection)
            finally:
                if mine:
                    turn.release()
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _begin_writing(connection: sa.Connection) -> None:
    """Begin a transaction that writes, as soon as no other does.

    Left to itself SQLite looks again after ever longer sleeps, up to a tenth of a second, while
    nobody writes. Only one thread of a process looks at a time; the others wait behind it.
    """
    file = connection.connection.driver_connection
    assert file is not None
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    file.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < until:
            try:
                file.execute(BEGIN_WRITING)
                return
            except sqlite.OperationalError as err:
                if "locked" not in str(err):
                    break
                time.sleep(LOOK_AGAIN_S)
    finally:
        file.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.exec_driver_sql(BEGIN_WRITING)  # says by SQLAlchemy's names what is wrong


def _open_postgresql(url: URL) -> sa.Engine:
    engine = sa.create_engine(
        postgresql.to_the_primary(url),
        json_serializer=compact,
        hide_parameters=True,  # a failure's message must not carry people's data into a log
        pool_size=8,
        max_overflow=8,
        connect_args=dict(postgresql.CONNECTING),
    )
    copies_in(engine)
    postgresql.ask_who_was_idle(engine)
    return engine
