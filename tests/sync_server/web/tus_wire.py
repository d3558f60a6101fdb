"""A laptop's hand on the addresses of uploads, and what has become of them at the centre."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from flask.testing import FlaskClient

from schemas.exchange import API
from sync_server.services.centre import Centre
from sync_server.services.photos import photo_store
from sync_server.store.tables import photo_files
from tests.pictures import picture
from tests.sync_server.world import Laptop

PHOTOS = f"{API}/photos"
BODY = "application/offset+octet-stream"
PHOTO = picture()


class Wire:
    """A laptop's hand on the tus addresses, over Flask's client."""

    def __init__(self, client: FlaskClient, laptop: Laptop) -> None:
        self.client = client
        self.always = {"Authorization": f"Bearer {laptop.token}", "Tus-Resumable": "1.0.0"}

    def begin(self, content: bytes = PHOTO, body: bytes = b"", **more: str) -> Any:
        headers = {
            **self.always,
            "Upload-Length": str(len(content)),
            "Upload-Metadata": metadata(content),
            **({"Content-Type": BODY} if body else {}),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return self.client.post(PHOTOS, headers=headers, data=body)

    def send(self, place: str, offset: int, body: bytes, **more: str) -> Any:
        headers = {
            **self.always,
            "Upload-Offset": str(offset),
            "Content-Type": BODY,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return self.client.patch(place, headers=headers, data=body)

    def offset(self, place: str) -> Any:
        return self.client.head(place, headers=self.always)

    def bring(self, content: bytes = PHOTO) -> Any:
        """Upload a whole photo in two requests; return the last answer."""
        place = self.begin(content).headers["Location"]
        half = len(content) // 2
        assert self.send(place, 0, content[:half]).status_code == 204
        return self.send(place, half, content[half:])


def metadata(content: bytes, **more: str) -> str:
    said = {"sha256": hashlib.sha256(content).hexdigest(), "use": "scene", **more}
    return ",".join(f"{key} {base64.b64encode(one.encode()).decode()}" for key, one in said.items())


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    digest = hashlib.new(algorithm, content).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def rows(centre: Centre, table: Any) -> list[Any]:
    with centre.store.reading() as connection:
        return list(connection.execute(table.select()).mappings())


def is_here(centre: Centre, content: bytes = PHOTO) -> bool:
    """Whether a photo lies in its place, byte for byte, with its row."""
    digest = hashlib.sha256(content).hexdigest()
    known = {row["sha256"] for row in rows(centre, photo_files)}
    return photo_store(centre).photo(digest) == content and digest in known
