"""Relay files made by hand for tests of the centre, and receipts opened as a laptop does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from schemas.clock import written
from schemas.relay.headers import BatchHeader, ReceiptHeader
from schemas.relay.parts import PartReader, PartWriter
from schemas.relay.sealing import Sealer, Unsealer
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from tests.sync_server.world import Laptop, join

DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(b"\x33" * 32)
REPLY_KEY = X25519PrivateKey.from_private_bytes(b"\x77" * 32)
Photo = tuple[dict[str, str], bytes]


def join_with_key(centre: Centre, worker: User, key: Ed25519PrivateKey = DEVICE_KEY) -> Laptop:
    """Give the worker a laptop whose signature can be checked."""
    return join(centre, worker, key.public_key().public_bytes_raw().hex())


def escaped(value: Any) -> bytes:
    """Return canonical JSON as a laptop might write it that escapes all but ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def header_of(laptop: Laptop, bodies: Sequence[dict[str, Any]], photos: int = 0) -> BatchHeader:
    """Return the header of a file with these requests."""
    return BatchHeader(
        purpose="batch",
        device_id=laptop.device_id,
        district=laptop.centre.code,
        recipient=laptop.centre.keys.server_key,
        reply_key=REPLY_KEY.public_key().public_bytes_raw().hex(),
        made_at=written(laptop.centre.clock()),
        app="1.0.0",
        batches=[body["batch_id"] for body in bodies],
        changes=sum(len(body["changes"]) for body in bodies),
        photos=photos,
    )


def relay_file(
    laptop: Laptop,
    bodies: Sequence[dict[str, Any]],
    *,
    photos: Iterable[Photo] = (),
    key: Ed25519PrivateKey = DEVICE_KEY,
    to: str = "",
    **header: Any,
) -> bytes:
    """Return a file with these requests; ``to`` is whom it is sealed to instead, in hex."""
    photos = list(photos)
    document = header_of(laptop, bodies, len(photos)).document() | header
    out = io.BytesIO()
    sealer = Sealer(out, "batch", bytes.fromhex(to or laptop.centre.keys.server_key))
    writer = PartWriter(sealer, document)
    for body in bodies:
        text = escaped(body)
        writer.add("request", {}, len(text), [text])
    for meta, content in photos:
        writer.add("photo", meta, len(content), [content])
    writer.sign(key)
    sealer.close()
    return out.getvalue()


def open_receipt(laptop: Laptop, receipt: bytes) -> tuple[ReceiptHeader, list[Any]]:
    """Return a receipt's header and its answers, each with what is said of it."""
    own = REPLY_KEY.public_key().public_bytes_raw()
    server_key = bytes.fromhex(laptop.centre.keys.server_key)
    opened = Unsealer(io.BytesIO(receipt), "receipt", {own: REPLY_KEY}.get, server_key)
    reader = PartReader(opened)
    answers = [
        (part.meta, json.loads(part.body.read()) if part.size else None) for part in reader.parts()
    ]
    return ReceiptHeader.read(reader.header), answers
