"""A laptop's place in the feed, and the opaque, authenticated text it is carried as.

A place is a number of the district's commit order together with the grids it was reached with.
When a laptop's grids change, what it may not hold any more has to leave first and what is new has
to enter before the feed goes on; how far that has come is part of the place, so that an exchange
may break off anywhere. Bound to district and epoch; anything foreign, forged or of another shape
means: from the start.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sync_server.domain.areas import common, joined

Phase = Literal["", "leaving", "entering"]
SEAL_BYTES = 16


@dataclass(frozen=True)
class Place:
    """Where a laptop stands: everything of ``grids`` up to change number ``number``.

    While grids change hands (``phase``): ``sure`` are those it has everything of up to
    ``number``, ``perhaps`` those it may have anything of. ``at`` tells how far the phase has
    come: the last record id that left, or the last change number that entered.
    """

    grids: tuple[str, ...]
    number: int = 0
    sure: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    phase: Phase = ""
    at: str | int = ""
    stamp: str = ""
    """The mark of the commit that gave out ``number``."""


def towards(place: Place, grids: Iterable[str]) -> Place:
    """Return the place as it counts for a laptop that holds ``grids`` now."""
    wanted = joined(grids)
    if place.grids == wanted:
        return place
    if not place.number:
        return Place(wanted)
    before = (place.grids, place.grids)
    sure, perhaps = (place.sure, place.perhaps) if place.phase else before
    return Place(
        grids=wanted,
        number=place.number,
        sure=common(sure, place.grids),
        perhaps=perhaps if place.phase == "leaving" else joined((*perhaps, *place.grids)),
        phase="leaving",
        stamp=place.stamp,
    )


def write_cursor(
    key: bytes, district: str, epoch: str, grids: Iterable[str], number: int = 0
) -> str:
    """Return the cursor after change ``number``; 0 is the start."""
    return write_place(key, district, epoch, Place(joined(grids), number))


def write_place(key: bytes, district: str, epoch: str, place: Place) -> str:
    """Return the cursor of a place."""
    members: list[Any] = [place.number, place.stamp, place.grids]
    if place.phase:
        members += [place.sure, place.perhaps, place.phase, place.at]
    body = zlib.compress(json.dumps(members, separators=(",", ":")).encode(), 9)
    sealed = _seal(key, district, epoch, body) + body
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read_place(key: bytes, district: str, epoch: str, cursor: str | None) -> Place | None:
    """Return the place of a cursor, None for one that is absent, foreign, forged or outdated."""
    if not cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        return None
    seal, body = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(key, district, epoch, body)):
        return None
    # From here on every byte is our own.
    number, stamp, grids, *rest = json.loads(zlib.decompress(body))
    if not rest:
        return Place(tuple(grids), number, stamp=stamp)
    sure, perhaps, phase, at = rest
    return Place(tuple(grids), number, tuple(sure), tuple(perhaps), phase, at, stamp)


def _seal(key: bytes, district: str, epoch: str, body: bytes) -> bytes:
    head = "\n".join(["cursor 3", district, epoch, ""]).encode()
    return hmac.new(key, head + body, hashlib.sha256).digest()[:SEAL_BYTES]
