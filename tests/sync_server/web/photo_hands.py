"""Photos of a town: their records sent by a laptop, their bytes brought when a test says so."""

from __future__ import annotations

import hashlib
from typing import Any

from sync_server.services.devices import authenticate
from sync_server.services.photos import keep_photo
from tests.pictures import picture
from tests.sync_server.web.staff import Place

SIDEWAYS = picture(80, 60, orientation=6)


def take(place: Place, owner: str, content: bytes = SIDEWAYS) -> str:
    """Save a photo's record on a laptop and send it; its bytes stay behind. Return its id."""
    laptop = place.laptop
    assert laptop is not None
    assert place.worker is not None
    fields: dict[str, Any] = {
        "owner_type": owner, "owner_id": place.ids[owner], "use": "scene",
        "taken_at": "2026-09-30T08:15:00+08:00", "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    change = laptop.write("photo", "create", fields, grid=place.worker.scope_codes[0])
    answer = laptop.send()
    assert answer["receipts"][-1]["outcome"] == "applied", answer["receipts"]
    return str(change["record_id"])


def bring(place: Place, content: bytes = SIDEWAYS) -> None:
    """Let the bytes come."""
    laptop = place.laptop
    assert laptop is not None
    centre, digest = laptop.centre, hashlib.sha256(content).hexdigest()
    device = authenticate(centre.store, laptop.token)
    keep_photo(centre, device, digest, content, centre.clock())
