"""The sealed stream of a relay file: X25519, HKDF-SHA256, ChaCha20-Poly1305 in chunks of 64 KiB.

Every chunk is numbered in its nonce and the last one is marked there, so that a cut, a swap or a
repetition does not decrypt. A key is used for one file alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.relay.faults import RelayFault

FileKind = Literal["batch", "receipt"]

NAME = b"GRIDRELAY"
LETTERS: dict[FileKind, bytes] = {"batch": b"B", "receipt": b"R"}
VERSION = 1
CHUNK, TAG = 65_536, 16
HEAD = len(NAME) + 3 + 32 + 32
"""Name, letter, version (2 bytes), the recipient's key, the file's own key."""


class Sealer:
    """Encrypts what is written to it for one recipient; not a file until `close` was called.

    ``out`` is written to in order and left open. ``sender`` is a lasting key whose holder the
    recipient knows: only he (or the recipient) can have made the file.
    """

    def __init__(
        self,
        out: BinaryIO,
        kind: FileKind,
        recipient: bytes,
        sender: X25519PrivateKey | None = None,
    ) -> None:
        own = X25519PrivateKey.generate()
        head = NAME + LETTERS[kind] + VERSION.to_bytes(2, "big") + recipient
        head += own.public_key().public_bytes_raw()
        to = X25519PublicKey.from_public_bytes(recipient)
        secret = own.exchange(to) + (sender.exchange(to) if sender else b"")
        self._cipher = ChaCha20Poly1305(_key(kind, head, secret))
        self._out = out
        self._number = 0
        self._waiting = bytearray()
        out.write(head)

    def write(self, data: bytes) -> None:
        """Add to the content."""
        self._waiting += data
        while len(self._waiting) > CHUNK:  # a full chunk waits until another follows
            self._put(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        """Write the last chunk."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, content: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last), content, None))
        self._number += 1


class Unsealer:
    """Reads a sealed stream from the place ``file`` stands at; raises RelayFault.

    ``private_of`` is asked with the recipient's key the file names and returns the private half, or
    None when it is nobody here. ``sender`` is the lasting key of who must have made the file.
    """

    def __init__(
        self,
        file: BinaryIO,
        kind: FileKind,
        private_of: Callable[[bytes], X25519PrivateKey | None],
        sender: bytes | None = None,
    ) -> None:
        head = _exactly(file, HEAD)
        recipient = _check_head(head, kind)
        private = private_of(recipient)
        if private is None:
            raise RelayFault("relay_other_recipient")
        try:
            secret = private.exchange(X25519PublicKey.from_public_bytes(head[-32:]))
            if sender is not None:
                secret += private.exchange(X25519PublicKey.from_public_bytes(sender))
        except ValueError:  # a key of small order: nobody makes such a file in earnest
            raise RelayFault("relay_damaged") from None
        self._cipher = ChaCha20Poly1305(_key(kind, head, secret))
        self._file = file
        self._number = 0
        self._ahead = _exactly(file, CHUNK + TAG)
        self._ready = memoryview(b"")
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the content; empty at its true end alone."""
        if not self._ready and not self._ended:
            self._open_next()
        found = self._ready[:size].tobytes()
        self._ready = self._ready[size:]
        return found

    def _open_next(self) -> None:
        sealed, self._ahead = self._ahead, _exactly(self._file, CHUNK + TAG)
        self._ended = not self._ahead
        try:
            content = self._cipher.decrypt(_nonce(self._number, self._ended), sealed, None)
        except InvalidTag:
            raise RelayFault("relay_damaged") from None
        if not content and self._number:
            raise RelayFault("relay_damaged")
        self._number += 1
        self._ready = memoryview(content)


def recipient_of(file: BinaryIO, kind: FileKind) -> bytes:
    """Return the key a file is sealed to; raises RelayFault. Reads the head and no more."""
    return _check_head(_exactly(file, HEAD), kind)


def _check_head(head: bytes, kind: FileKind) -> bytes:
    name, letter = head[: len(NAME)], head[len(NAME) : len(NAME) + 1]
    if name != NAME or letter not in LETTERS.values():
        raise RelayFault("relay_not_ours")
    if letter != LETTERS[kind]:
        raise RelayFault("relay_other_kind")
    if len(head) < HEAD:
        raise RelayFault("relay_damaged")
    version = int.from_bytes(head[len(NAME) + 1 : len(NAME) + 3], "big")
    if version != VERSION:
        raise RelayFault("relay_newer" if version > VERSION else "relay_damaged")
    return head[len(NAME) + 3 : -32]


def _key(kind: FileKind, head: bytes, secret: bytes) -> bytes:
    info = b"gridrounds relay " + kind.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=head, info=info).derive(secret)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _exactly(file: BinaryIO, size: int) -> bytes:
    """Read ``size`` bytes, fewer only where the file ends."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
