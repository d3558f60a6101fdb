"""Photos that staff send with a step: looked at, encoded anew, kept, and made records of the step.

Nothing but pixels is kept of what was sent: no position, time or camera (as photos of laptops).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from PIL import Image

from schemas.clock import written
from schemas.kinds.photo import LONGEST_SIDE, MOST_BYTES
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.photos import photo_store
from sync_server.services.pictures import shown
from sync_server.store import photo_rows

MOST_SENT = 20 * 1_048_576
"""The largest file taken from a browser; what is kept of it is at most MOST_BYTES."""
SIDES = (LONGEST_SIDE, 1_280, 1_024, 800)


@dataclass(frozen=True)
class Kept:
    """A photo as it lies on the disk."""

    sha256: str
    size: int
    width: int
    height: int


def keep_photos(centre: Centre, sent: Sequence[bytes]) -> list[Kept]:
    """Encode photos anew and put them on the disk; one that no step follows is a stray file.

    Raises Refusal: not_a_photo (by content, whatever it is called), too_large, and what the disk
    says.
    """
    return [_keep(centre, content) for content in sent]


def attach(
    connection: sa.Connection,
    person: User,
    photos: Sequence[Kept],
    *,
    step_id: str,
    grid: str,
    use: str,
    now: datetime,
) -> None:
    """Make photos records of a step, within the transaction that takes it."""
    for one in photos:
        photo_rows.keep_row(
            connection, person.district,
            {"device_id": person.user_id, "sha256": one.sha256, "bytes": one.size,
             "media_type": "image/jpeg", "width": one.width, "height": one.height,
             "received_at": now},
        )  # fmt: skip
        fields = {
            "owner_type": "issue_step", "owner_id": step_id, "use": use, "taken_at": written(now),
            "sha256": one.sha256, "bytes": one.size, "width": one.width, "height": one.height,
        }  # fmt: skip
        change = CentralChange("photo", new_id(), "create", fields, person.user_id, grid)
        apply_central_change(connection, person.district, change, now)


def _keep(centre: Centre, content: bytes) -> Kept:
    if len(content) > MOST_SENT:
        raise Refusal("too_large", limit=MOST_SENT)
    for side in SIDES:
        made = shown(content, side, centre.settings.photo_pixels)
        if len(made) <= MOST_BYTES:
            break
    else:
        raise Refusal("too_large", limit=MOST_BYTES)
    with Image.open(io.BytesIO(made)) as image:
        width, height = image.size
    sha256 = hashlib.sha256(made).hexdigest()
    photo_store(centre).keep(sha256, made)
    return Kept(sha256, len(made), width, height)
