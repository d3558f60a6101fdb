"""The headers of tus 1.0.0 as values: offsets, metadata, checksums. Nothing here raises but
ValueError, whatever the headers say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
ALGORITHMS = ("sha1", "sha256")
BODY_TYPE = "application/offset+octet-stream"

LONGEST_METADATA, MOST_KEYS = 4_096, 16
_WHOLE = re.compile(r"[0-9]{1,15}\Z", re.ASCII)
_KEY = re.compile(r"[!-+\--~]+\Z")  # printable ASCII without space and comma
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_WORD = re.compile(r"[a-z0-9_]{1,40}\Z")


class BadMetadata(ValueError):
    """``name`` of the metadata is missing or wrong; empty: the header itself."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name
        self.detail = detail


@dataclass(frozen=True)
class Said:
    """What ``Upload-Metadata`` says of a photo. ``header`` is given back as it came."""

    sha256: str
    header: str
    record_id: str | None = None
    taken_at: str | None = None
    use: str | None = None

    def document(self) -> dict[str, str | None]:
        """Return it as it is kept."""
        return {
            "header": self.header,
            "record_id": self.record_id,
            "taken_at": self.taken_at,
            "use": self.use,
        }


@dataclass(frozen=True)
class Checksum:
    """What the body of one request must hash to."""

    algorithm: str
    digest: bytes

    def fits(self, content: bytes) -> bool:
        """Tell whether ``content`` has this checksum."""
        return hashlib.new(self.algorithm, content, usedforsecurity=False).digest() == self.digest


def whole(text: str | None) -> int | None:
    """Return a header's whole number, None when it is none."""
    return int(text) if text is not None and _WHOLE.match(text) else None


def read_checksum(header: str) -> Checksum:
    """Return the checksum of an ``Upload-Checksum`` header; raise ValueError."""
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise ValueError("unknown algorithm")
    digest = _decoded(encoded.strip())
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise ValueError("not a digest of that length")
    return Checksum(algorithm, digest)


def read_metadata(header: str | None) -> Said:
    """Return what an ``Upload-Metadata`` header says of a photo.

    ``sha256`` (of all bytes, in hex) must be there; ``record_id``, ``taken_at`` and ``use`` may be;
    other keys are kept within ``header``. Raises BadMetadata.
    """
    text = header or ""
    said = _pairs(text)
    digest = said.get("sha256", "").lower()
    if not _SHA256.match(digest):
        raise BadMetadata("sha256", "64 hexadecimal digits")
    record_id = said.get("record_id")
    if record_id and not _UUID.match(record_id):
        raise BadMetadata("record_id", "a UUID in lower case")
    use = said.get("use")
    if use and not _WORD.match(use):
        raise BadMetadata("use", "a code")
    taken_at = said.get("taken_at")
    if taken_at and not (len(taken_at) <= 40 and taken_at.isprintable()):
        raise BadMetadata("taken_at", "a time")
    return Said(digest, text, record_id or None, taken_at or None, use or None)


def _pairs(header: str) -> Mapping[str, str]:
    if len(header) > LONGEST_METADATA:
        raise BadMetadata("", "too long")
    found: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        if not _KEY.match(key) or key in found or len(found) >= MOST_KEYS:
            raise BadMetadata("", "keys are printable, without space, each once")
        try:
            found[key] = _decoded(encoded.strip()).decode("utf-8")
        except ValueError:
            raise BadMetadata(key, "not base64 of UTF-8") from None
    return found


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64") from None
