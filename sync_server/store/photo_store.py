"""Photos on disk: uploads under way, and complete photos named by their hash.

<folder>/parts/<upload id>.part       what has come; its size is the upload's offset
<folder>/parts/<upload id>.lock       held by the one who writes
<folder>/kept/ab/cd/<sha256>          a complete photo, written under another name, synced, renamed
<folder>/small/ab/cd/<sha256>.jpg     its thumbnail; can be made again at any time

Several processes may work on one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from sync_server.domain.errors import Refusal
from sync_server.store.folders import disk_trouble, make_folder, sync_folder


class PhotoStore:
    """The photos' folder. Raises Refusal photo_storage_full or folder_unusable when the disk does
    not take what must be written; what was confirmed before stands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # Uploads under way ---------------------------------------------------------------------------

    def offset(self, upload_id: str) -> int:
        """Return how many bytes of an upload are here; 0 when none ever came."""
        try:
            return self._part(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    @contextlib.contextmanager
    def writer(self, upload_id: str) -> Iterator[None]:
        """Be the only one who writes an upload, among all threads and processes.

        Raises Refusal ``upload_locked`` at once when somebody else does.
        """
        path = self._part(upload_id).with_suffix(".lock")
        with disk_trouble(self.folder, full="photo_storage_full"):
            make_folder(path.parent)
        lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except (Timeout, OSError):
            raise Refusal("upload_locked") from None
        try:
            yield
        finally:
            lock.release()

    def append(self, upload_id: str, pieces: Iterable[bytes], room: int) -> None:
        """Add bytes to an upload, on the disk when this returns; hold ``writer``.

        ``pieces`` may end early (the line was cut): what came counts. Raises Refusal too_large when
        there is more than ``room``; then, and when the disk is full, nothing was added.
        """
        path = self._part(upload_id)
        begun = self.offset(upload_id)
        try:
            with disk_trouble(self.folder, full="photo_storage_full"):
                _write_on(path, pieces, room)
                if begun == 0:
                    sync_folder(path.parent)
        except Refusal:
            with contextlib.suppress(OSError):
                os.truncate(path, begun)
            raise

    def content(self, upload_id: str) -> bytes:
        """Return the bytes of an upload that have come."""
        return self._part(upload_id).read_bytes()

    def drop(self, upload_id: str) -> None:
        """Forget the bytes of an upload; harmless when there are none."""
        path = self._part(upload_id)
        for one in (path, path.with_suffix(".lock")):
            with contextlib.suppress(OSError):
                one.unlink()

    def stray(self, before: float) -> list[str]:
        """Return the ids of the uploads not written to since ``before`` (seconds since 1970)."""
        found = set()
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder / "parts") as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime < before:
                        found.add(entry.name.partition(".")[0])
        return sorted(found)

    # Complete photos -----------------------------------------------------------------------------

    def keep(self, sha256: str, content: bytes) -> None:
        """Put a complete photo in its place, on the disk with its name when this returns.

        One that lies there already is left alone when it is whole, else replaced.
        """
        if self.photo(sha256) is None:
            with disk_trouble(self.folder, full="photo_storage_full"):
                _write_whole(self._kept(sha256), content)

    def photo(self, sha256: str) -> bytes | None:
        """Return a complete photo; None when it is not here or not whole any more."""
        try:
            content = self._kept(sha256).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def lies(self, sha256: str, size: int) -> bool:
        """Whether a complete photo's file is here in its size; its bytes are not looked at."""
        try:
            return self._kept(sha256).stat().st_size == size
        except OSError:
            return False

    def remove(self, sha256: str) -> bool:
        """Remove a complete photo and its thumbnail; tell whether it was here."""
        with contextlib.suppress(OSError):
            self._small(sha256).unlink()
        try:
            self._kept(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def thumbnail(self, sha256: str) -> bytes | None:
        """Return a thumbnail made earlier, None when there is none."""
        try:
            return self._small(sha256).read_bytes()
        except OSError:
            return None

    def keep_thumbnail(self, sha256: str, content: bytes) -> None:
        """Remember a thumbnail; a disk that refuses is left alone, for it can be made again."""
        with contextlib.suppress(OSError):
            _write_whole(self._small(sha256), content)

    def _part(self, upload_id: str) -> Path:
        return self.folder / "parts" / f"{upload_id}.part"

    def _kept(self, sha256: str) -> Path:
        return self.folder / "kept" / sha256[:2] / sha256[2:4] / sha256

    def _small(self, sha256: str) -> Path:
        return self.folder / "small" / sha256[:2] / sha256[2:4] / f"{sha256}.jpg"


def _write_on(path: Path, pieces: Iterable[bytes], room: int) -> None:
    with open(path, "ab", opener=_private) as file:
        for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise Refusal("too_large")
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, sync it, give it its name, sync the folder."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with open(draft, "xb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
