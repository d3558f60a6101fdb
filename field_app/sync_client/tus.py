"""A small client of tus 1.0.0: begin an upload, ask where it stands, send the next piece.

Faults have codes of their own where the caller can do something about them: ``upload_gone``
(begin anew), ``offset_conflict`` and ``checksum_mismatch`` (ask for the offset), ``upload_locked``
(wait), ``photo_refused`` (never again), ``photo_storage_full``; others as in every request.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.sync_client.faults import SyncFault

VERSION = {"Tus-Resumable": "1.0.0"}
Ask = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]
"""Makes one request: method, path, headers, body; gives the headers of the answer."""


@dataclass(frozen=True)
class Begun:
    """A new upload: its path below the API, and how much of it the centre has already."""

    path: str
    offset: int


class Tus:
    """The uploads of one laptop."""

    def __init__(self, ask: Ask, base: str) -> None:
        """``base`` is the path of uploads below the API."""
        self._ask = ask
        self._base = base

    def begin(self, size: int, said: Mapping[str, str]) -> Begun:
        """Begin an upload of ``size`` bytes; ``said`` is its metadata. Raises SyncFault."""
        pairs = (f"{key} {_base64(value.encode())}" for key, value in said.items() if value)
        headers = {**VERSION, "Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}
        told = self._ask("POST", self._base, headers, b"")
        name = told.get("Location", "").rstrip("/").rpartition("/")[2]
        if not name or not name.replace("-", "").isalnum():
            raise SyncFault("bad_reply")
        # Which server and road is ours to say: of the address only the upload's name counts.
        offset = _offset(told, size) if "Upload-Offset" in told else 0
        return Begun(f"{self._base}/{name}", offset)

    def offset(self, path: str, size: int) -> int:
        """Return how many bytes of an upload the centre has. Raises SyncFault."""
        return _offset(self._ask("HEAD", path, VERSION, b""), size)

    def send(self, path: str, offset: int, piece: bytes, size: int) -> int:
        """Send the bytes at ``offset`` with their checksum; return the new offset.

        Raises SyncFault.
        """
        headers = {
            **VERSION,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Upload-Checksum": f"sha256 {_base64(hashlib.sha256(piece).digest())}",
        }
        told = _offset(self._ask("PATCH", path, headers, piece), size)
        if told != offset + len(piece):
            raise SyncFault("bad_reply")
        return told


def _offset(headers: Mapping[str, Any], size: int) -> int:
    text = str(headers.get("Upload-Offset", ""))
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= size):
        raise SyncFault("bad_reply")
    return int(text)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
