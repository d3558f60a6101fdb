"""The pages of uploads, with the roles that reach them, and a batch that could not be used."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from sync_server.services.devices import authenticate
from sync_server.services.sync import keep_unusable
from sync_server.store.tables import batches
from tests.sync_server.web.staff import READERS, Place

OFFICES = {"admin", "district", "street", "community"}


def upload_pages(place: Place) -> dict[str, tuple[str, str, set[str]]]:
    """Return the endpoints with their method, their address in a place, and who may."""
    return {
        "uploads.by_day": ("GET", "/uploads", set(READERS)),
        "uploads.one": ("GET", f"/uploads/{place.batch_id}", set(READERS)),
        "uploads.unmask": ("POST", f"/uploads/{unusable_in(place)}/unmask", OFFICES),
    }


def unusable_in(place: Place, **more: Any) -> str:
    """Return the id of a batch of a place's laptop whose heads are broken, kept as it came."""
    laptop = place.laptop
    assert laptop is not None
    centre = laptop.centre
    body = laptop.body(laptop.log, batch_id="01998a00-0000-7000-8000-0000000000ba") | more
    text = json.dumps(body | {"heads": "broken"}, ensure_ascii=False)
    device = authenticate(centre.store, laptop.token, revoked=True)
    keep_unusable(centre, device, text, centre.clock())
    with centre.store.reading() as connection:
        kept = sa.select(batches.c.batch_id).where(
            batches.c.district == centre.code, batches.c.raw == text
        )
        return str(connection.scalar(kept))
