"""Sealing a change: canonical JSON and the hash chain of a stream (docs/PROTOCOL.md, A change).

``hash`` is SHA-256 over the canonical JSON of every other member, ``prev`` included; ``prev`` is
the hash of the change before it in the stream, 64 zeros at seq 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

ZEROS = "0" * 64
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def canonical(value: Any) -> bytes:
    """Return sorted-key, no-space JSON in UTF-8; raise ValueError for NaN or infinity."""
    return _encode(value).encode("utf-8")


def change_hash(change: Mapping[str, Any]) -> str:
    """Return the hash of a change from all its members but ``hash``, as lower-case hex."""
    members = {name: value for name, value in change.items() if name != "hash"}
    return hashlib.sha256(canonical(members)).hexdigest()


def seal(change: Mapping[str, Any], seq: int, prev: str) -> dict[str, Any]:
    """Return ``change`` numbered, chained after ``prev`` and hashed."""
    members = {name: value for name, value in change.items() if name != "hash"}
    members |= {"seq": seq, "prev": prev}
    return members | {"hash": change_hash(members)}
