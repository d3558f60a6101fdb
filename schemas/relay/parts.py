"""What lies in a relay file: a header, then parts one after another, then a signature or an end.

A length stands before everything, in big-endian; the reader never takes more than a part's limit
into memory, and hands out long bodies as streams.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.exchange import MAX_BODY_BYTES
from schemas.relay.faults import RelayFault
from schemas.seal import canonical

PartKind = Literal["request", "photo", "answer"]

LETTERS: dict[PartKind, bytes] = {"request": b"Q", "photo": b"P", "answer": b"A"}
KINDS: dict[bytes, PartKind] = {letter: kind for kind, letter in LETTERS.items()}
SIGNED, END = b"S", b"E"
PURPOSE = b"gridrounds relay batch 1\n"
"""Stands before what is signed: the same key signs nothing else that begins so."""
MAX_HEADER, MAX_META = 1_048_576, 16_384
MAX_BODY: dict[PartKind, int] = {
    "request": MAX_BODY_BYTES,
    "photo": 16_777_216,
    "answer": 33_554_432,
}
STEP = 65_536


class Source(Protocol):
    """What a content is read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, empty at the end alone."""


class Sink(Protocol):
    """What a content is written to."""

    def write(self, data: bytes, /) -> None:
        """Add to the content."""


@dataclass
class Body:
    """The body of one part, to be read while its part is the current one."""

    source: Source
    left: int

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes (all that is left when negative), empty at the end."""
        wanted = self.left if size < 0 else min(size, self.left)
        found = _exactly(self.source, wanted)
        self.left -= len(found)
        return found


@dataclass(frozen=True)
class Part:
    """One part: what it is, what is said of it, how many bytes it has."""

    kind: PartKind
    meta: dict[str, Any]
    size: int
    body: Body


class PartWriter:
    """Writes header and parts; ends with `sign` or `finish`. Leaves ``out`` open."""

    def __init__(self, out: Sink, header: Mapping[str, Any]) -> None:
        self._out = out
        self._hash = hashlib.sha256()
        text = canonical(header)
        self._write(len(text).to_bytes(4, "big") + text)

    def add(
        self, kind: PartKind, meta: Mapping[str, Any], size: int, body: Iterable[bytes]
    ) -> None:
        """Add a part; raises ValueError when ``body`` does not have ``size`` bytes or the part is
        beyond its limits."""
        text = canonical(meta)
        if len(text) > MAX_META or size > MAX_BODY[kind]:
            raise ValueError(f"{kind} too large")
        self._write(LETTERS[kind] + len(text).to_bytes(4, "big") + text + size.to_bytes(4, "big"))
        for piece in body:
            size -= len(piece)
            self._write(piece)
        if size:
            raise ValueError(f"{kind} has another size than said")

    def sign(self, key: Ed25519PrivateKey) -> None:
        """End with the signature over everything written."""
        self._out.write(SIGNED + key.sign(PURPOSE + self._hash.digest()))

    def finish(self) -> None:
        """End without a signature."""
        self._out.write(END)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._out.write(data)


class PartReader:
    """Reads what a PartWriter wrote; raises RelayFault ``relay_damaged`` for anything else.

    ``header`` is the JSON object. Every part must be taken from `parts` before the next; a body
    that was not read is passed over. Nothing counts before `parts` has ended.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.header = self._object(MAX_HEADER)
        self._signature: bytes | None = None
        self._digest = b""
        self.ended = False

    def parts(self) -> Iterator[Part]:
        """Yield the parts in order, to the end of the content."""
        while True:
            letter = _exactly(self._source, 1)
            if letter in (SIGNED, END):
                break
            kind = KINDS.get(letter)
            if kind is None:
                raise RelayFault("relay_damaged")
            self._hash.update(letter)
            meta = self._object(MAX_META)
            size = int.from_bytes(self.read(4), "big")
            if size > MAX_BODY[kind]:
                raise RelayFault("relay_damaged")
            body = Body(self, size)
            yield Part(kind, meta, size, body)
            while body.left:
                body.read(STEP)
        self._digest = self._hash.digest()
        self._signature = _exactly(self._source, 64) if letter == SIGNED else None
        if self._source.read(1):
            raise RelayFault("relay_damaged")
        self.ended = True

    def check_signature(self, public_key: bytes) -> None:
        """Raise RelayFault ``relay_unsigned`` unless the holder of the Ed25519 key signed all of
        it; only after `parts` has ended."""
        if not self.ended or self._signature is None:
            raise RelayFault("relay_unsigned")
        try:
            key = Ed25519PublicKey.from_public_bytes(public_key)
            key.verify(self._signature, PURPOSE + self._digest)
        except (InvalidSignature, ValueError):
            raise RelayFault("relay_unsigned") from None

    def read(self, size: int, /) -> bytes:
        """Return exactly ``size`` bytes of the content, counted into what is signed."""
        data = _exactly(self._source, size)
        self._hash.update(data)
        return data

    def _object(self, limit: int) -> dict[str, Any]:
        size = int.from_bytes(self.read(4), "big")
        if size > limit:
            raise RelayFault("relay_damaged")
        try:
            value = json.loads(self.read(size))
        except (ValueError, RecursionError):
            raise RelayFault("relay_damaged") from None
        if not isinstance(value, dict):
            raise RelayFault("relay_damaged")
        return value


def _exactly(source: Source, size: int) -> bytes:
    """Read exactly ``size`` bytes; raises RelayFault where the content ends before."""
    parts = []
    while size:
        part = source.read(size)
        if not part:
            raise RelayFault("relay_damaged")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
