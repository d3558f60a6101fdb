"""New ids, time-ordered: UUIDv7 keeps neighbours together in an index."""

from __future__ import annotations

import uuid6


def new_id() -> str:
    """Return a new UUIDv7 in lower case."""
    return str(uuid6.uuid7())
