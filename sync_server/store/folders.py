"""Folders whose names survive a power cut, as the files in them do, and what a disk refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sync_server.domain.errors import Refusal

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""A full disk, somebody's share of it used up, a file as large as files may be."""


@contextmanager
def disk_trouble(folder: Path, full: str = "disk_full") -> Iterator[None]:
    """Turn what a disk refuses within ``folder`` into Refusal: ``full``, or folder_unusable."""
    try:
        yield
    except OSError as err:
        code = full if err.errno in FULL else "folder_unusable"
        raise Refusal(code, folder=str(folder)) from err


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, and those above it, each with a durable name.

    One that is there already is left as it is. Raises OSError when it cannot be made.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def make_private(file: Path) -> None:
    """Let nobody but its owner read a database, however open its folder is: make it so, or close it
    where an earlier program left it open. SQLite makes the files beside it like it.

    A database that is there is not opened: closing any handle of a file lets go of every lock this
    process holds on it, those of SQLite's other connections among them. Raises OSError.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if os.name == "nt":  # the folder's own rights count there
        return
    for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(PermissionError, FileNotFoundError):  # another's, or just folded in
            if one.stat().st_mode & 0o077:
                one.chmod(0o600)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable. It is opened for writing: Windows syncs no other."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
