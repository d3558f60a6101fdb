"""Photos beside the store: a file for each, sealed with a key of its own, durable before it counts.

<folder>/<photo id>.photo and <photo id>.small (the thumbnail): "GRP1", a nonce, AES-256-GCM. The
key of both is derived from the store's key and the photo's hash; which of the two it is, and of
which photo, is sealed in, so that files cannot be exchanged for one another. Files never change.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from field_app.store.cipher import plain_errors
from field_app.store.errors import StoreDamaged
from field_app.store.files import make_private_folder, sync_folder, write_atomically

Part = Literal["photo", "small"]
PARTS: tuple[Part, Part] = ("photo", "small")
_MARK, _NONCE = b"GRP1", 12
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class PhotoFiles:
    """One worker's photos. Raises StoreFull when the disk does not take them, StoreClosed once the
    store is locked, ValueError for what is no photo's id."""

    def __init__(self, folder: Path, key_of: Callable[[str], bytes]) -> None:
        """``key_of`` gives the key for a photo's SHA-256 in hex."""
        self._folder = folder
        self._key_of = key_of

    def save(self, photo_id: str, sha256: str, content: bytes, small: bytes) -> None:
        """Write a photo and its thumbnail; both are on the disk when this returns."""
        with plain_errors():
            make_private_folder(self._folder)
            for part, plain in zip(PARTS, (content, small), strict=True):
                nonce = secrets.token_bytes(_NONCE)
                sealed = AESGCM(self._key_of(sha256)).encrypt(nonce, plain, _bound(photo_id, part))
                write_atomically(self._path(photo_id, part), _MARK + nonce + sealed)

    def read(self, photo_id: str, sha256: str, part: Part = "photo") -> bytes | None:
        """Return a photo or its thumbnail, from its copy where the file itself is gone, damaged or
        cannot be read; None when there is neither.

        Raises StoreDamaged when what is here is not what was written, or cannot be read.
        """
        found = False
        for path in self._places(photo_id, part):
            try:
                raw = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError:  # a bad sector, a file that another program holds
                found = True
                continue
            found = True
            nonce, sealed = raw[4 : 4 + _NONCE], raw[4 + _NONCE :]
            with contextlib.suppress(InvalidTag, ValueError):
                if raw[:4] == _MARK:
                    key = AESGCM(self._key_of(sha256))
                    return key.decrypt(nonce, sealed, _bound(photo_id, part))
        if found:
            raise StoreDamaged(f"photo {photo_id}")
        return None

    def has(self, photo_id: str) -> bool:
        """Tell whether a photo's file, or its copy, is here."""
        return any(path.exists() for path in self._places(photo_id, "photo"))

    def remove(self, photo_id: str) -> None:
        """Delete a photo, its thumbnail, and their copies."""
        for part in PARTS:
            for one in self._places(photo_id, part):
                with contextlib.suppress(OSError):
                    one.unlink()

    def older_than(self, moment: float) -> set[str]:
        """Return the ids of the photos written before ``moment`` (seconds since 1970).

        What a write that was broken off has left behind since then is deleted on the way.
        """
        found: set[str] = set()
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime >= moment:
                        continue
                    photo_id = entry.name.partition(".")[0]
                    if _ID.match(photo_id):
                        found.add(photo_id)
                    elif entry.name.endswith(".tmp"):
                        os.unlink(entry.path)
        return found

    @property
    def _copies(self) -> Path:
        return self._folder.with_name("backups") / self._folder.name

    def copy(self) -> int:
        """Add every photo to the copies of the day; return how many were new.

        The same file under a second name where the disk can do that: it costs no space.
        """
        with plain_errors():
            return _carry(self._folder, self._copies)

    def bring_back(self) -> int:
        """Put copied photos back that are not here any more; return how many."""
        with plain_errors():
            return _carry(self._copies, self._folder)

    def _places(self, photo_id: str, part: Part) -> tuple[Path, Path]:
        path = self._path(photo_id, part)
        return path, self._copies / path.name

    def _path(self, photo_id: str, part: Part) -> Path:
        if not _ID.match(photo_id):
            raise ValueError("not a photo's id")
        return self._folder / f"{photo_id}.{part}"


def _bound(photo_id: str, part: Part) -> bytes:
    return f"gridrounds {part} {photo_id}".encode()


def _carry(source: Path, target: Path) -> int:
    if not source.is_dir():
        return 0
    make_private_folder(target)
    carried = 0
    for path in source.iterdir():
        place = target / path.name
        if path.name.startswith(".") or place.exists():
            continue
        try:
            os.link(path, place)
        except OSError:  # a disk without hard links
            draft = target / f".{path.name}.tmp"
            shutil.copyfile(path, draft)
            draft.chmod(0o600)
            with open(draft, "r+b") as file:
                os.fsync(file.fileno())
            os.replace(draft, place)
        carried += 1
    if carried:
        sync_folder(target)
    return carried
