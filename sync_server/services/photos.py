"""Uploads of photos (tus): begun, continued at the byte, complete only when their hash is proved.

What is where after a crash between any two steps, and what heals it:

- the upload's row, no bytes: its offset is 0, the laptop sends from there;
- all bytes, not looked at: whoever asks next looks at them (``find_upload``, ``receive``);
- the photo in its place, no row: the same, for the bytes of the upload are dropped last;
- the row, the upload's bytes still there: dropped by the next look or by ``sweep``;
- the row, no photo (a data folder restored without it): ``lost_photos`` finds out, the account
  names it to its laptop, and known bytes are taken again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

from sync_server.domain.errors import Refusal
from sync_server.domain.tus import Said
from sync_server.services.centre import Centre
from sync_server.services.devices import Device
from sync_server.services.ids import new_id
from sync_server.services.pictures import examine
from sync_server.store import photo_rows
from sync_server.store.folders import make_folder
from sync_server.store.photo_store import PhotoStore

VALID = timedelta(days=30)
MOST_BEGUN = 100
"""Uploads a device may have under way; beyond it the oldest is forgotten."""
SWEEP_EVERY, STRAY_AFTER, SWEPT_AT_ONCE = timedelta(hours=1), timedelta(days=1), 500


@dataclass(frozen=True)
class Upload:
    """Where one upload stands. ``header`` is the metadata as it was sent; ``done`` tells that the
    photo is complete, proved and kept."""

    upload_id: str
    sha256: str
    length: int
    offset: int
    header: str
    expires_at: datetime
    done: bool

    @property
    def expires(self) -> str:
        """Return until when it can be continued, as HTTP writes times."""
        return format_datetime(self.expires_at, usegmt=True)


def photo_store(centre: Centre) -> PhotoStore:
    """Return where the centre's photos lie."""
    return PhotoStore(centre.settings.photos)


def begin_upload(centre: Centre, device: Device, length: int, said: Said, now: datetime) -> Upload:
    """Begin an upload of ``length`` bytes; what this device brought before is complete at once.

    Raises Refusal ``too_large``, and what the disk says.
    """
    if length > centre.settings.photo_bytes:
        raise Refusal("too_large", limit=centre.settings.photo_bytes)
    sweep(centre, now)
    files = photo_store(centre)
    with centre.store.writing() as connection:
        known = photo_rows.brought(connection, device.district, device.device_id, said.sha256)
        kept = files.photo(said.sha256) if known and known["bytes"] == length else None
        if kept is not None:
            photo_rows.note_back(connection, device.district, [said.sha256])
        row = {
            "district": device.district,
            "upload_id": new_id(),
            "device_id": device.device_id,
            "sha256": said.sha256,
            "bytes": length,
            "said": said.document(),
            "begun_at": now,
            "expires_at": now + VALID,
            "done": kept is not None,
        }
        photo_rows.add_upload(connection, row)
        begun = photo_rows.uploads_begun(connection, device.district, device.device_id)
        for upload_id in begun[MOST_BEGUN:]:
            photo_rows.drop_upload(connection, device.district, upload_id)
    for upload_id in begun[MOST_BEGUN:]:
        files.drop(upload_id)
    return _upload(row, length if kept is not None else 0)


def find_upload(centre: Centre, device: Device, upload_id: str, now: datetime) -> Upload:
    """Return where an upload stands.

    Raises Refusal: not_found; upload_gone when its time is over; upload_locked while its last bytes
    are looked at; and, for bytes that had come but not been looked at, as ``receive`` does.
    """
    found = _find(centre, device, upload_id, now)
    if found.done:
        photo_store(centre).drop(upload_id)
    if found.done or found.offset < found.length:
        return found
    with photo_store(centre).writer(upload_id):
        return _settled(centre, device, _find(centre, device, upload_id, now), now)


def receive(
    centre: Centre,
    device: Device,
    upload_id: str,
    offset: int,
    pieces: Iterable[bytes],
    now: datetime,
) -> Upload:
    """Add bytes at ``offset`` and return where the upload stands; they are on the disk then.

    Raises Refusal: not_found, upload_gone, upload_locked, offset_conflict; too_large for more than
    was announced; checksum_mismatch and not_a_photo when the whole turned out wrong, which drops
    the upload; photo_storage_full and the like with nothing added.
    """
    files = photo_store(centre)
    _find(centre, device, upload_id, now)
    with files.writer(upload_id):
        found = _find(centre, device, upload_id, now)
        if offset != found.offset:
            raise Refusal("offset_conflict")
        if not found.done and found.offset < found.length:
            files.append(upload_id, pieces, found.length - found.offset)
            found = _find(centre, device, upload_id, now)
        return _settled(centre, device, found, now)


def end_upload(centre: Centre, device: Device, upload_id: str, now: datetime) -> None:
    """Forget an upload and the bytes it brought so far; a photo that is complete stays.

    Raises Refusal: not_found, upload_gone, upload_locked.
    """
    _find(centre, device, upload_id, now)
    with photo_store(centre).writer(upload_id):
        _drop(centre, device.district, upload_id)


def sweep(centre: Centre, now: datetime) -> int:
    """Forget uploads whose time is over and bytes no upload needs; return how many.

    Does nothing when somebody, in any process, has done so within the hour.
    """
    files = photo_store(centre)
    if not _is_due(files.folder / "swept", now):
        return 0
    with centre.store.reading() as connection:
        over = photo_rows.uploads_expired(connection, centre.code, now, SWEPT_AT_ONCE)
    for upload_id in over:
        _unless_busy(files, upload_id, partial(_drop, centre, centre.code, upload_id))
    stray = files.stray((now - STRAY_AFTER).timestamp())[:SWEPT_AT_ONCE]
    with centre.store.reading() as connection:
        needed = photo_rows.uploads_open(connection, stray)
    unneeded = [one for one in stray if one not in needed]
    for upload_id in unneeded:
        _unless_busy(files, upload_id, partial(files.drop, upload_id))
    return len(over) + len(unneeded)


def keep_photo(
    centre: Centre,
    device: Device,
    sha256: str,
    content: bytes,
    now: datetime,
    *,
    upload_id: str = "",
) -> None:
    """Prove and keep a whole photo that ``device`` brought, by whatever road; twice is as once.

    It is on the disk under its hash, and its row committed, when this returns. Raises Refusal:
    checksum_mismatch, not_a_photo, too_large, and what the disk says.
    """
    if len(content) > centre.settings.photo_bytes:
        raise Refusal("too_large", limit=centre.settings.photo_bytes)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Refusal("checksum_mismatch")
    look = examine(content, centre.settings.photo_pixels)
    photo_store(centre).keep(sha256, content)
    row = {
        "device_id": device.device_id,
        "sha256": sha256,
        "bytes": len(content),
        "media_type": look.media_type,
        "width": look.width,
        "height": look.height,
        "received_at": now,
    }
    with centre.store.writing() as connection:
        photo_rows.complete(connection, device.district, upload_id, row)


def _find(centre: Centre, device: Device, upload_id: str, now: datetime) -> Upload:
    with centre.store.reading() as connection:
        row = photo_rows.upload(connection, device.district, device.device_id, upload_id)
    if row is None:
        raise Refusal("not_found")
    if row["expires_at"] <= now:
        raise Refusal("upload_gone")
    return _upload(
        dict(row), row["bytes"] if row["done"] else photo_store(centre).offset(upload_id)
    )


def _upload(row: Mapping[str, Any], offset: int) -> Upload:
    return Upload(
        upload_id=row["upload_id"],
        sha256=row["sha256"],
        length=row["bytes"],
        offset=offset,
        header=row["said"]["header"],
        expires_at=row["expires_at"],
        done=row["done"],
    )


def _settled(centre: Centre, device: Device, found: Upload, now: datetime) -> Upload:
    """Prove and keep a photo whose bytes have all come; the caller holds its writer's lock."""
    files = photo_store(centre)
    if found.done:
        files.drop(found.upload_id)
        return found
    if found.offset < found.length:
        return found
    content = files.content(found.upload_id)
    try:
        if len(content) != found.length:
            raise Refusal("checksum_mismatch")
        keep_photo(centre, device, found.sha256, content, now, upload_id=found.upload_id)
    except Refusal as refusal:
        if refusal.code in ("checksum_mismatch", "not_a_photo"):
            _drop(centre, device.district, found.upload_id)
        raise
    files.drop(found.upload_id)
    return replace(found, done=True)


def _drop(centre: Centre, district: str, upload_id: str) -> None:
    """Forget an upload: its row first, so that nothing half dropped is ever continued."""
    with centre.store.writing() as connection:
        photo_rows.drop_upload(connection, district, upload_id)
    photo_store(centre).drop(upload_id)


def _is_due(mark: Path, now: datetime) -> bool:
    """Whether the last sweep is an hour ago; if so, note that there is one now."""
    try:
        last = float(mark.read_text())
    except (OSError, ValueError):
        last = 0.0
    if abs(now.timestamp() - last) < SWEEP_EVERY.total_seconds():
        return False
    try:
        make_folder(mark.parent)
        mark.write_text(str(now.timestamp()))
    except OSError:
        return False  # a disk that refuses this is told of where it matters
    return True


def _unless_busy(files: PhotoStore, upload_id: str, work: Callable[[], None]) -> None:
    try:
        with files.writer(upload_id):
            work()
    except Refusal as refusal:
        if refusal.code != "upload_locked":
            raise
