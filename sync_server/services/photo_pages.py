"""Photos as staff see them: beside their record, by themselves, and those that have not come.

Staff are shown pixels encoded anew, never the bytes as they came. A photo is seen by whoever sees
the record it belongs to; while that record is not known, by whoever sees the photo's own area. What
a whole community's laptops hold (a compound), those who answer for one of its grids see in files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.catalogue import UnknownKind, kind_of
from schemas.codes import code_list
from sync_server.domain.access import may
from sync_server.domain.areas import holds, inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.photos import photo_store
from sync_server.services.pictures import STAFF_SIDE, THUMBNAIL_SIDE, shown
from sync_server.services.titles import Titles
from sync_server.store import photo_rows, records_read
from sync_server.store.photo_rows import PHOTO, Row

PAGE = 50


@dataclass(frozen=True)
class ShownPhoto:
    """One photo of a record; ``here`` tells whether its bytes have come."""

    record_id: str
    use: str
    taken_at: str
    here: bool


@dataclass(frozen=True)
class MissingPhoto:
    """A photo record whose bytes have not come, and the record it belongs to (``kind`` empty when
    that one's page may not be opened)."""

    record_id: str
    use: str
    author: str
    received_at: datetime
    kind: str
    owner_id: str
    owner: str


@dataclass(frozen=True)
class MissingPage:
    """A page of the photos that have not come."""

    photos: tuple[MissingPhoto, ...]
    total: int
    page: int
    pages: int


def photos_of(
    connection: sa.Connection, district: str, kind: str, record_id: str, lang: str
) -> tuple[ShownPhoto, ...]:
    """Return the photos of a record somebody may see, oldest first; a photo's own is itself."""
    rows: Sequence[Row]
    if kind == PHOTO:
        own = photo_rows.photo(connection, district, record_id)
        rows = [own] if own is not None else []
    else:
        rows = photo_rows.photos_of(connection, district, record_id)
    return shown_photos(rows, lang)


def shown_photos(rows: Sequence[Row], lang: str) -> tuple[ShownPhoto, ...]:
    """Return photo records as pages show them."""
    return tuple(
        ShownPhoto(
            row["record_id"],
            code_list("PHOTO_USE").text(row["fields"].get("use") or "", lang),
            row["fields"].get("taken_at") or "",
            row["here"],
        )
        for row in rows
    )


def picture(centre: Centre, person: User, record_id: str, *, small: bool) -> bytes:
    """Return a photo, or its thumbnail, as the JPEG staff are shown.

    Raises Refusal: not_allowed for a role without records; unknown_record when there is no such
    photo, its bytes are not here, or it belongs to a record outside the person's areas.
    """
    if not may(person.role, "records"):
        raise Refusal("not_allowed")
    with centre.store.reading() as connection:
        row = photo_rows.photo(connection, person.district, record_id)
        if row is None or not row["here"] or not _sees(connection, person, row):
            raise Refusal("unknown_record")
    return encoded(centre, row, small=small)


def encoded(centre: Centre, row: Row, *, small: bool) -> bytes:
    """Return the picture of a photo's row, or its thumbnail, encoded anew; whether somebody may see
    it is for the caller to judge. Raises Refusal ``unknown_record`` without its bytes."""
    files, sha256 = photo_store(centre), row["fields"]["sha256"]
    if small and (made := files.thumbnail(sha256)) is not None:
        return made
    content = files.photo(sha256)
    if content is None:
        with centre.store.writing() as connection:
            photo_rows.note_gone(connection, row["district"], [sha256], centre.clock())
        raise Refusal("unknown_record")
    side = THUMBNAIL_SIDE if small else STAFF_SIDE
    made = shown(content, side, centre.settings.photo_pixels)
    if small:
        files.keep_thumbnail(sha256, made)
    return made


def _sees(connection: sa.Connection, person: User, row: Row) -> bool:
    owner = records_read.get(connection, person.district, row["fields"].get("owner_id") or "")
    if owner is None:
        return inside(row["grid"], person.scope_codes)
    try:
        info = kind_of(owner["kind"]).info
        reach = info.reach
        if row["voided"] and owner["voided"] and info.group == "people":
            return False  # perhaps at the person's own wish (decision 0034); a picture has no mask
    except UnknownKind:
        reach = "grid"
    return holds(person.scope_codes, owner["grid"], reach)


def missing_photos(connection: sa.Connection, person: User, page: int, lang: str) -> MissingPage:
    """Return a page of the photos that have not come, those waiting longest first.

    Raises Refusal ``not_allowed`` for a role without records.
    """
    if not may(person.role, "records"):
        raise Refusal("not_allowed")
    rows, total = photo_rows.missing(
        connection, person.district, person.scope_codes, start=(page - 1) * PAGE, size=PAGE
    )
    titles = Titles(connection, person, lang)
    titles.preload(("record", row["fields"].get("owner_id") or "") for row in rows)
    titles.preload(("user", row["author"]) for row in rows)
    found = []
    for row in rows:
        owner_id = row["fields"].get("owner_id") or ""
        found.append(
            MissingPhoto(
                record_id=row["record_id"],
                use=code_list("PHOTO_USE").text(row["fields"].get("use") or "", lang),
                author=titles.lookup("user", row["author"]) or "",
                received_at=row["received_at"],
                kind=titles.opens(owner_id) or "",
                owner_id=owner_id,
                owner=titles.lookup("record", owner_id) or f"…{owner_id[-6:]}",
            )
        )
    return MissingPage(tuple(found), total, page, max(1, -(-total // PAGE)))
