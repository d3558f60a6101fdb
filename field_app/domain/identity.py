"""Who is signed in on which device, as the centre told it when the laptop joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from schemas.exchange import MAX_BODY_BYTES, MAX_CHANGES

MOST_OFFSET_S = 200 * 365 * 86_400
"""No two clocks are believed to be further apart: moments counted by more cannot be written."""


def believed_offset(offset_s: int) -> int:
    """Return how far two clocks are taken to be apart that seem to be ``offset_s`` apart."""
    return max(-MOST_OFFSET_S, min(offset_s, MOST_OFFSET_S))


@dataclass(frozen=True)
class Identity:
    """One worker on one device; kept in the worker's own encrypted store."""

    server_url: str
    device_id: str
    device_name: str
    token: str = field(repr=False)
    private_key: str = field(repr=False)
    """The device's Ed25519 key, 32 bytes in hex."""
    public_key: str
    worker_id: str
    worker_no: str
    worker_name: str = field(repr=False)
    role: str
    district: str
    grids: tuple[str, ...]
    server_key: str
    server_epoch: str
    joined_at: str
    worker_kind: str = ""
    """Full-time, part-time or auxiliary (USER_KIND), as the centre last said."""
    synthetic: bool = False
    """Whether the centre holds made-up people only (a demonstration)."""
    keep_days: int = 90
    max_changes: int = MAX_CHANGES
    max_bytes: int = MAX_BODY_BYTES
    state: str = "active"
    """active | bad_token | revoked: what the centre last said about the device."""
    clock_offset_s: int | None = None
    """How far the centre's clock is ahead of this one, measured in the last exchange."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Identity:
        """Return the identity a store's document describes; unknown members are ignored."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in document.items() if name in known}
        return cls(**values | {"grids": tuple(values["grids"])})

    def document(self) -> dict[str, Any]:
        """Return it as the plain document that is stored."""
        return asdict(self) | {"grids": list(self.grids)}
