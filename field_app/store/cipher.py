"""The one place that opens SQLCipher files, and that knows which SQLite is safe."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from field_app.store.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, UnsafeSqlite

KEY_BYTES = 32
CACHE_KIB = 2000
"""How much of a file one connection holds decrypted. SQLCipher's builds take four times as much,
for each of the two files of a daily copy; a store is read once and lives in memory from then on."""

_CORRUPT, _NOT_A_DATABASE = 11, 26
_BUSY, _LOCKED = 5, 6
_DISK_TROUBLE = {8, 10, 13, 14}  # read-only, I/O error, full, cannot open


def check_sqlite(version: tuple[int, ...]) -> None:
    """Refuse SQLite builds that can lose commits when a WAL file starts over.

    Raises UnsafeSqlite for anything but 3.51.3 and later, 3.50.7 and later 3.50s, 3.44.6 and
    later 3.44s.
    """
    fixed_in_branch = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
    if version < fixed_in_branch.get((version[0], version[1]), (3, 51, 3)):
        raise UnsafeSqlite("SQLite " + ".".join(map(str, version)))


def connect(path: Path, key: bytes, *, read_only: bool = False) -> Any:
    """Open the file with its key and a small cache, everything else at SQLite's defaults."""
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
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def problems_of(connection: Any) -> list[str]:
    """Check every page's seal and the structure; at most a hundred findings, none when sound."""
    found = [row[0] for row in connection.execute("PRAGMA cipher_integrity_check")]
    try:
        found += [row[0] for row in connection.execute("PRAGMA quick_check") if row[0] != "ok"]
    except sqlcipher.DatabaseError as error:
        found.append(str(error))
    return found[:100]


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
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
