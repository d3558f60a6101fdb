"""What tests do with photos at a laptop, and what they look for on both sides."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from field_app.domain.progress import Progress
from field_app.services import photos
from field_app.services.photos import Shown
from field_app.services.workspace import PHOTO_BYTES
from sync_server.services.photos import photo_store
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import Hands, Laptop, save_issue
from tests.pictures import picture


def attach(laptop: Laptop, raw: bytes = b"", owner: str = "", use: str = "scene") -> str:
    """Add a photo to an issue, a new one unless named; return its id."""
    owner = owner or save_issue(laptop.ws).record_id
    return photos.attach(laptop.ws, "issue", owner, raw or picture(), use)


def send(laptop: Laptop) -> Progress:
    """Run a round: the records, then the photos."""
    return laptop.sync()


def known(laptop: Laptop, photo_id: str) -> dict[str, Any]:
    """Return what the laptop knows of a photo's bytes."""
    return dict(laptop.ws.table(PHOTO_BYTES).get(doc_id=photo_id))


def shown(laptop: Laptop, photo_id: str) -> Shown:
    """Return a photo as pages show it."""
    view = laptop.ws.table("photo").get(doc_id=photo_id)
    return photos.shown(laptop.ws, view)


def folder(laptop: Laptop) -> Path:
    """Return where the worker's photos lie."""
    (worker,) = (laptop.folder / "workers").iterdir()
    return worker / "photos"


def at_centre(line: CentreLine, laptop: Laptop, photo_id: str) -> bool:
    """Tell whether a photo is at the centre, byte for byte."""
    content = photos.read_photo(laptop.ws, photo_id)
    assert content is not None
    return photo_store(line.centre).photo(hashlib.sha256(content).hexdigest()) == content


def age(place: Path, hands: Hands) -> None:
    """Make files as old as the test's clock says."""
    for one in place.iterdir():
        os.utime(one, (hands.wall.timestamp(), hands.wall.timestamp()))
