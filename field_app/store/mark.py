"""A witness beside the store that remembers how many commits were confirmed."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import Any

from field_app.store.files import PRIVATE_FILE


class Mark:
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
        handle = os.open(
            self._path, os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0), PRIVATE_FILE
        )
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
