"""The rows of photos: uploads under way, complete photos, and which photo records have bytes.

A photo record's bytes count when a device of the record's author brought them, or he himself on a
page: the hash alone gives nobody another worker's picture.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from sync_server.store.devices_read import device_ids_in
from sync_server.store.scope import chunks, within
from sync_server.store.tables import devices, photo_files, photo_uploads, records

Row = sa.RowMapping
PHOTO = "photo"


class Kept(NamedTuple):
    """A photo that has come: its hash, its size, and whether its file was found to be gone."""

    sha256: str
    bytes: int
    gone: bool


def add_upload(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Add an upload."""
    connection.execute(sa.insert(photo_uploads), dict(row))


def upload(connection: sa.Connection, district: str, device_id: str, upload_id: str) -> Row | None:
    """Return one upload of a device, None when it has no such one."""
    query = sa.select(photo_uploads).where(
        _this(district, upload_id), photo_uploads.c.device_id == device_id
    )
    return connection.execute(query).mappings().first()


def drop_upload(connection: sa.Connection, district: str, upload_id: str) -> None:
    """Forget an upload."""
    connection.execute(sa.delete(photo_uploads).where(_this(district, upload_id)))


def uploads_begun(connection: sa.Connection, district: str, device_id: str) -> list[str]:
    """Return the ids of a device's uploads that are not complete, the newest first."""
    query = (
        sa.select(photo_uploads.c.upload_id)
        .where(
            photo_uploads.c.district == district,
            photo_uploads.c.device_id == device_id,
            photo_uploads.c.done.is_(False),
        )
        .order_by(photo_uploads.c.begun_at.desc(), photo_uploads.c.upload_id.desc())
    )
    return list(connection.execute(query).scalars())


def uploads_expired(
    connection: sa.Connection, district: str, now: datetime, size: int
) -> list[str]:
    """Return the ids of ``size`` uploads whose time is over, the oldest first."""
    query = (
        sa.select(photo_uploads.c.upload_id)
        .where(photo_uploads.c.district == district, photo_uploads.c.expires_at <= now)
        .order_by(photo_uploads.c.expires_at)
        .limit(size)
    )
    return list(connection.execute(query).scalars())


def uploads_open(connection: sa.Connection, upload_ids: Collection[str]) -> set[str]:
    """Return which of these ids, of any district, are uploads that are not complete."""
    found: set[str] = set()
    for run in chunks(upload_ids):
        query = sa.select(photo_uploads.c.upload_id).where(
            photo_uploads.c.upload_id.in_(run), photo_uploads.c.done.is_(False)
        )
        found |= set(connection.execute(query).scalars())
    return found


def complete(
    connection: sa.Connection, district: str, upload_id: str, photo: Mapping[str, Any]
) -> None:
    """Mark an upload as complete and its photo as here."""
    keep_row(connection, district, photo)
    done = sa.update(photo_uploads).where(_this(district, upload_id)).values(done=True)
    connection.execute(done)


def keep_row(connection: sa.Connection, district: str, photo: Mapping[str, Any]) -> None:
    """Note that a photo is here, for all who brought it; ``device_id`` is who brings it now: a
    device, or a person of the staff."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(photo_files), {"district": district, **photo})
    except IntegrityError:
        pass  # the same one had brought the same bytes: they are here, which counts
    note_back(connection, district, [photo["sha256"]])


def brought(connection: sa.Connection, district: str, device_id: str, sha256: str) -> Row | None:
    """Return the photo with this hash that a device has brought, or None."""
    query = sa.select(photo_files).where(
        photo_files.c.district == district,
        photo_files.c.device_id == device_id,
        photo_files.c.sha256 == sha256,
    )
    return connection.execute(query).mappings().first()


def kept_photos(connection: sa.Connection, district: str, behind: str, size: int) -> list[Kept]:
    """Return ``size`` photos that have come, those whose hash follows ``behind``, by hash."""
    gone = sa.func.count(photo_files.c.gone_at)
    query = (
        sa.select(photo_files.c.sha256, sa.func.max(photo_files.c.bytes), gone)
        .where(photo_files.c.district == district, photo_files.c.sha256 > behind)
        .group_by(photo_files.c.sha256)
        .order_by(photo_files.c.sha256)
        .limit(size)
    )
    return [Kept(sha256, size, gone > 0) for sha256, size, gone in connection.execute(query)]


def note_gone(
    connection: sa.Connection, district: str, hashes: Collection[str], now: datetime
) -> None:
    """Note that the files with these hashes are not on the disk any more."""
    _note(connection, district, hashes, now)


def note_back(connection: sa.Connection, district: str, hashes: Collection[str]) -> None:
    """Note that the files with these hashes are on the disk."""
    _note(connection, district, hashes, None)


def _note(
    connection: sa.Connection, district: str, hashes: Collection[str], gone_at: datetime | None
) -> None:
    """The same hash is the same file, whoever brought it."""
    for run in chunks(hashes):
        same = sa.and_(photo_files.c.district == district, photo_files.c.sha256.in_(run))
        other = (
            photo_files.c.gone_at.is_not(None)
            if gone_at is None
            else (photo_files.c.gone_at.is_(None))
        )
        connection.execute(sa.update(photo_files).where(same, other).values(gone_at=gone_at))


def sent_by_staff(connection: sa.Connection, district: str, hashes: Collection[str]) -> list[str]:
    """Return which of these photos no device has brought."""
    found: list[str] = []
    for run in chunks(hashes):
        by_device = sa.exists().where(
            devices.c.district == photo_files.c.district,
            devices.c.device_id == photo_files.c.device_id,
        )
        query = sa.select(photo_files.c.sha256).where(
            photo_files.c.district == district, photo_files.c.sha256.in_(run), ~by_device
        )
        found += connection.execute(query.distinct()).scalars()
    return found


def here() -> sa.ColumnElement[bool]:
    """The condition on ``records`` that a photo record's bytes are here."""
    same = (
        photo_files.c.district == records.c.district,
        photo_files.c.sha256 == records.c.fields["sha256"].as_string(),
        photo_files.c.gone_at.is_(None),
    )
    from_laptop = sa.exists().where(
        *same,
        devices.c.district == photo_files.c.district,
        devices.c.device_id == photo_files.c.device_id,
        devices.c.worker_id == records.c.author,
    )
    by_staff = sa.exists().where(*same, photo_files.c.device_id == records.c.author)
    return sa.or_(from_laptop, by_staff)


def photos_of(connection: sa.Connection, district: str, owner_id: str) -> Sequence[Row]:
    """Return the photo records of a record, voided ones left out, oldest first, with ``here``."""
    return photos_of_many(connection, district, [owner_id]).get(owner_id, [])


def photos_of_many(
    connection: sa.Connection, district: str, owner_ids: Collection[str]
) -> dict[str, list[Row]]:
    """Return the photo records of several records, by the record, as ``photos_of``."""
    found: dict[str, list[Row]] = {}
    for run in chunks(owner_ids):
        query = (
            sa.select(records, here().label("here"))
            .where(
                records.c.district == district,
                records.c.parent_id.in_(run),
                records.c.kind == PHOTO,
                records.c.voided.is_(False),
                records.c.merged_into.is_(None),
            )
            .order_by(records.c.happened_at, records.c.record_id)
        )
        for row in connection.execute(query).mappings():
            found.setdefault(row["parent_id"], []).append(row)
    return found


def photo(connection: sa.Connection, district: str, record_id: str) -> Row | None:
    """Return one photo record with ``here``, also a voided one; None when there is none."""
    query = sa.select(records, here().label("here")).where(
        records.c.district == district,
        records.c.record_id == record_id,
        records.c.kind == PHOTO,
    )
    return connection.execute(query).mappings().first()


def missing(
    connection: sa.Connection, district: str, areas: tuple[str, ...], *, start: int, size: int
) -> tuple[Sequence[Row], int]:
    """Return a page of the photo records without bytes inside ``areas``, those first whose record
    came longest ago, and how many there are."""
    condition = sa.and_(
        records.c.district == district,
        records.c.kind == PHOTO,
        records.c.voided.is_(False),
        within(records.c.grid, areas),
        sa.not_(here()),
    )
    total = connection.execute(
        sa.select(sa.func.count()).select_from(records).where(condition)
    ).scalar_one()
    query = (
        sa.select(records)
        .where(condition)
        .order_by(records.c.received_at, records.c.record_id)
        .offset(start)
        .limit(size)
    )
    return connection.execute(query).mappings().all(), total


def received_between(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    since: datetime,
    before: datetime,
) -> int:
    """Return how many photos devices of ``areas`` completed from ``since`` until ``before``."""
    query = sa.select(sa.func.count()).where(
        photo_files.c.district == district,
        photo_files.c.received_at >= since,
        photo_files.c.received_at < before,
        photo_files.c.device_id.in_(device_ids_in(district, areas)),
    )
    return connection.execute(query).scalar_one()


def _this(district: str, upload_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(photo_uploads.c.district == district, photo_uploads.c.upload_id == upload_id)
