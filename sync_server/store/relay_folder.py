"""The folder of relay files: what is being taken in, and the receipts to be fetched.

<folder>/<random>                        a file under way, without a name where the system can
<folder>/receipts/<sha256>.gridreceipt   the receipt for the file with that hash

Nothing in it is secret: receipts are sealed to their laptop. What lies here may be deleted.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from sync_server.store.folders import disk_trouble, make_folder, sync_folder

RECEIPT = ".gridreceipt"


class RelayFolder:
    """Raises Refusal disk_full or folder_unusable when the disk does not take what is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def scratch(self) -> IO[bytes]:
        """Return an empty file, gone when it is closed."""
        with disk_trouble(self.folder):
            make_folder(self.folder)
            return tempfile.TemporaryFile(dir=self.folder)

    def put(self, file: IO[bytes], data: bytes) -> None:
        """Add to such a file."""
        with disk_trouble(self.folder):
            file.write(data)

    @contextlib.contextmanager
    def writing_receipt(self, sha256: str) -> Iterator[BinaryIO]:
        """Write the receipt for a file; it has its name, durably, only when the block ended."""
        with whole_file(self._receipt(sha256)) as out:
            yield out

    def receipt(self, sha256: str) -> Path | None:
        """Return where the receipt for a file lies, None when there is none (any more)."""
        path = self._receipt(sha256)
        return path if path.is_file() else None

    def drop_old(self, before: float) -> None:
        """Delete receipts written before a moment (seconds since 1970)."""
        with contextlib.suppress(OSError), os.scandir(self.folder / "receipts") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat().st_mtime < before:
                        os.unlink(entry.path)

    def _receipt(self, sha256: str) -> Path:
        return self.folder / "receipts" / f"{sha256}{RECEIPT}"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name whole and durable, or not at all.

    Raises Refusal: disk_full, folder_unusable.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with disk_trouble(path.parent):
        try:
            make_folder(path.parent)
            with open(draft, "xb", opener=_private) as out:
                yield cast(BinaryIO, out)
                out.flush()
                os.fsync(out.fileno())
            os.replace(draft, path)
            sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
