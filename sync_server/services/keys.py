"""The server's own keys, made once and kept in its database.

One signs cursors, one staff sessions, one hides the secrets of second factors; the X25519 pair is
the address of sealed relay files.
"""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass, field

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sync_server.store.tables import secrets


@dataclass(frozen=True)
class Keys:
    """The server's keys; ``server_key`` is the public half laptops are told (64 hex digits)."""

    cursor: bytes = field(repr=False)
    session: bytes = field(repr=False)
    factors: bytes = field(repr=False)
    x25519: X25519PrivateKey = field(repr=False)
    server_key: str


def server_keys(connection: sa.Connection) -> Keys:
    """Return the keys, making those that are missing (needs a writing transaction)."""
    present = {row.name: row.value for row in connection.execute(sa.select(secrets))}
    for name in ("cursor", "session", "factors", "x25519"):
        if name not in present:
            present[name] = random.token_hex(32)
            connection.execute(sa.insert(secrets), {"name": name, "value": present[name]})
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(present["x25519"]))
    return Keys(
        cursor=bytes.fromhex(present["cursor"]),
        session=bytes.fromhex(present["session"]),
        factors=bytes.fromhex(present["factors"]),
        x25519=private,
        server_key=private.public_key().public_bytes_raw().hex(),
    )
