"""Files and folders that survive a crash and that only their owner may read."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from filelock import FileLock, Timeout

from field_app.store.errors import StoreBusy

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder (and its parents) that only its owner can enter; an existing one is closed up.

    Its name survives a power cut once this returns. Raises OSError when it cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    os.chmod(folder, PRIVATE_FOLDER)
    for made in reversed(missing):
        sync_folder(made.parent)


def create_private_file(path: Path) -> None:
    """Create an empty file with mode 0600; raises FileExistsError when it is there already."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file whole: after a crash at any point it holds the old bytes or the new.

    Raises OSError when the disk refuses; the old file then stands.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        create_private_file(draft)
        with open(draft, "r+b") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def hold(path: Path) -> FileLock:
    """Take the operating system's lock on `path`; the system lets go of it when the process dies.

    Raises StoreBusy when it is held elsewhere.
    """
    lock = FileLock(path, timeout=0, mode=PRIVATE_FILE, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, RuntimeError) as error:
        raise StoreBusy(path.name) from error
    return lock
