"""Files that leave this computer on a stick: read back before anybody is told to take it out."""

from __future__ import annotations

import contextlib
import errno
import getpass
import hashlib
import os
import string
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from field_app.store.errors import StoreError
from field_app.store.files import sync_folder

STEP = 1_048_576
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REMOVABLE = 2
"""What Windows calls a drive that can be taken out."""


class StickUnusable(StoreError):
    """The folder is not there, or nothing can be written into it."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("stick_unusable", detail)


class StickFull(StoreError):
    """The stick has no room for the file."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("stick_full", detail)


class StickHasFile(StoreError):
    """A file of that name lies there already: it is left alone."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("stick_has_file", detail)


class StickLies(StoreError):
    """What was read back is not what was written: the stick is broken or was taken out early."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("stick_lies", detail)


@dataclass(frozen=True)
class Written:
    """A file on its stick."""

    path: Path
    sha256: str
    size: int


class Hashing:
    """Hashes what is written through it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Write and hash."""
        self._hash.update(data)
        self.size += len(data)
        return self._out.write(data)


def write_to_stick(
    path: Path, fill: Callable[[BinaryIO], None], keep: Callable[[Written], None]
) -> Written:
    """Write a file, make it durable, read it back and only then give it its name.

    ``fill`` writes the content. ``keep`` is called when the content has been proved to lie there,
    before the file has its name. Raises StickUnusable, StickFull, StickLies, StickHasFile, and what
    the two raise; then no file is left but those that were there before.
    """
    draft = path.with_name(f".{path.name}.part")
    if os.path.lexists(path):
        raise StickHasFile(str(path))
    try:
        with open(draft, "wb") as out:
            hashing = Hashing(out)
            fill(cast(BinaryIO, hashing))
            out.flush()
            os.fsync(out.fileno())
        written = Written(path, hashing.sha256, hashing.size)
        if _read_back(draft) != hashing.sha256:
            raise StickLies
        keep(written)
        os.replace(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        kind = StickFull if error.errno in NO_ROOM else StickUnusable
        raise kind(str(path.parent)) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return written


def _read_back(path: Path) -> str:
    """Return the hash of what the stick itself has, as far as the system lets us ask it."""
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):  # else it would be read from memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(STEP):
            found.update(piece)
    return found.hexdigest()


def sticks() -> list[Path]:
    """Return where sticks are mounted on this computer, as far as can be told."""
    if sys.platform == "win32":
        return [Path(f"{letter}:\\") for letter in string.ascii_uppercase if _removable(letter)]
    folders = [Path("/Volumes")] if sys.platform == "darwin" else _linux_folders()
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += [one for one in folder.iterdir() if os.path.ismount(one)]
    return sorted(one for one in found if os.access(one, os.W_OK))


def _linux_folders() -> list[Path]:
    folders = [Path("/media"), Path("/mnt")]
    with contextlib.suppress(Exception):  # nobody has this number
        folders += [Path("/media") / getpass.getuser(), Path("/run/media") / getpass.getuser()]
    return folders


def _removable(letter: str) -> bool:
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 (Windows alone has it)
    return bool(kernel.GetDriveTypeW(f"{letter}:\\") == REMOVABLE)
