"""The laptop's place in the feed: opaque, authenticated, bound to district, epoch and scope."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence


def write_cursor(key: bytes, district: str, epoch: str, grids: Sequence[str], place: int) -> str:
    """Return the cursor after change number ``place``."""
    seal = _seal(key, district, epoch, grids, place)
    return base64.urlsafe_b64encode(f"{place}.".encode() + seal).decode().rstrip("=")


def read_cursor(
    key: bytes, district: str, epoch: str, grids: Sequence[str], cursor: str | None
) -> int:
    """Return the place of a cursor; 0, the start, for one that is absent, foreign or forged."""
    if not cursor:
        return 0
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        digits, _, seal = raw.partition(b".")
        place = int(digits) if digits.isdigit() and len(digits) <= 19 else 0
    except (ValueError, binascii.Error):
        return 0
    return place if hmac.compare_digest(seal, _seal(key, district, epoch, grids, place)) else 0


def _seal(key: bytes, district: str, epoch: str, grids: Sequence[str], place: int) -> bytes:
    text = "\n".join(["cursor 1", district, epoch, str(place), *sorted(grids)])
    return hmac.new(key, text.encode(), hashlib.sha256).digest()[:16]
