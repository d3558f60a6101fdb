"""Laptops: join codes, joining, knowing a laptop by its token, revoking."""

from __future__ import annotations

import hashlib
import re
import secrets as random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sync_server.domain import join_codes as codes
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import LAPTOP_ROLES, User, get_user
from sync_server.services.centre import Centre
from sync_server.services.districts import district_of
from sync_server.services.ids import new_id
from sync_server.store.engine import Store
from sync_server.store.tables import devices, join_codes, users

VALID = timedelta(hours=72)
TOKEN = re.compile(r"([0-9]{6})\.([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True)
class Device:
    """A laptop that has joined; ``clock_offset_s`` as last measured, None before the first;
    ``clock_jumped_at``: when its clock was last found far from where it had been."""

    district: str
    device_id: str
    worker_id: str
    name: str
    public_key: str
    state: str
    last_sync_at: datetime | None
    clock_offset_s: int | None
    clock_jumped_at: datetime | None = None


@dataclass(frozen=True)
class Joined:
    """What a laptop gets when it joins; the token is never stored, only its hash."""

    device: Device
    token: str = field(repr=False)
    worker: User
    server_epoch: str


def issue_join_code(
    connection: sa.Connection,
    district: str,
    worker_id: str,
    now: datetime,
    *,
    by: str | None = None,
) -> str:
    """Make a one-time code for a worker's laptop, valid 72 hours, and return it once.

    Raises Refusal: unknown_user; not_allowed for somebody who is no grid worker or leader, or
    inactive.
    """
    worker = get_user(connection, district, worker_id)
    if worker.role not in LAPTOP_ROLES or not worker.active:
        raise Refusal("not_allowed")
    letters = "".join(random.choice(codes.ALPHABET) for _ in range(codes.LENGTH))
    connection.execute(
        sa.insert(join_codes),
        {
            "district": district,
            "code_hash": codes.code_hash(district, letters),
            "worker_id": worker_id,
            "made_by": by,
            "made_at": now,
            "expires_at": now + VALID,
        },
    )
    audit.note(connection, district, now, "join_code", user_id=by, target=worker_id)
    return codes.written(letters)


def join_device(
    centre: Centre, code: str, device_name: str, public_key: str, app: str, now: datetime
) -> Joined:
    """Make the device a join code stands for.

    The same code with the same key gives the same device and a fresh token, until its first
    exchange: an answer that was lost does no harm. Raises Refusal: bad_request; bad_code (unknown
    or older than 72 hours); code_used (used with another key, or by a laptop at work already).
    """
    if not (device_name.isprintable() and app.isprintable()):
        raise Refusal(
            "bad_request", errors=[{"pointer": "/device_name", "detail": "not printable"}]
        )
    district = centre.code
    hashed = codes.code_hash(district, codes.read(code))
    token = f"{district}.{random.token_urlsafe(32)}"
    with centre.store.writing() as connection:
        wanted = sa.select(join_codes).where(
            join_codes.c.district == district, join_codes.c.code_hash == hashed
        )
        row = connection.execute(wanted.with_for_update()).first()
        if row is None or not random.compare_digest(row.code_hash, hashed) or row.expires_at <= now:
            raise Refusal("bad_code")
        worker = get_user(connection, district, row.worker_id)
        if not worker.active:
            raise Refusal("bad_code")
        if row.device_id is None:
            values = {"name": device_name, "public_key": public_key, "app": app}
            device_id = _add(connection, worker, token, values, now)
            used = {"device_id": device_id, "used_at": now}
            connection.execute(_code(district, hashed).values(**used))
            audit.note(connection, district, now, "join_device", target=device_id)
        else:
            device_id = row.device_id
            _renew(connection, district, device_id, public_key, token)
        device = find_device(connection, district, device_id)
        present = district_of(connection, district)
    assert device is not None
    assert present is not None
    return Joined(device, token, worker, present.server_epoch)


_OF_WORKER = sa.and_(users.c.district == devices.c.district, users.c.user_id == devices.c.worker_id)
_BY_TOKEN = (
    sa.select(devices, users.c.active.label("worker_active"))
    .select_from(devices.outerjoin(users, _OF_WORKER))
    .where(
        devices.c.district == sa.bindparam("district"),
        devices.c.token_hash == sa.bindparam("token_hash"),
    )
)


def authenticate(store: Store, token: str, *, revoked: bool = False) -> Device:
    """Return the device a token belongs to; raise Refusal bad_token or device_revoked.

    A laptop whose worker is kept out is answered as a revoked one. ``revoked`` tells that a
    revoked device may ask this.
    """
    found = TOKEN.match(token)
    if not found:
        raise Refusal("bad_token")
    with store.asking() as connection:
        asked = {"district": found[1], "token_hash": token_hash(token)}
        row = connection.execute(_BY_TOKEN, asked).first()
    if row is None:
        raise Refusal("bad_token")
    if not (revoked or (row.state == "active" and row.worker_active)):
        raise Refusal("device_revoked")
    return _device(row)


def revoke_device(
    connection: sa.Connection,
    district: str,
    device_id: str,
    now: datetime,
    *,
    by: str | None,
    state: str = "revoked",
) -> None:
    """Refuse a laptop from now on (``state``: revoked or lost); its records stay.

    Raises Refusal ``unknown_record`` when there is no such device.
    """
    if find_device(connection, district, device_id) is None:
        raise Refusal("unknown_record")
    connection.execute(_this(district, device_id).values(state=state))
    audit.note(connection, district, now, f"device_{state}", user_id=by, target=device_id)


def find_device(connection: sa.Connection, district: str, device_id: str) -> Device | None:
    """Return the device with this id, or None."""
    wanted = sa.select(devices).where(
        devices.c.district == district, devices.c.device_id == device_id
    )
    row = connection.execute(wanted).first()
    return _device(row) if row else None


def token_hash(token: str) -> str:
    """Return the hash a token is stored as."""
    return hashlib.sha256(token.encode()).hexdigest()


def _add(
    connection: sa.Connection, worker: User, token: str, values: dict[str, str], now: datetime
) -> str:
    device_id = new_id()
    connection.execute(
        sa.insert(devices),
        {
            "district": worker.district,
            "device_id": device_id,
            "worker_id": worker.user_id,
            "token_hash": token_hash(token),
            "state": "active",
            "joined_at": now,
            **values,
        },
    )
    return device_id


def _renew(
    connection: sa.Connection, district: str, device_id: str, public_key: str, token: str
) -> None:
    """Give a device whose answer was lost a fresh token; refuse everybody else."""
    device = find_device(connection, district, device_id)
    same = device is not None and random.compare_digest(device.public_key, public_key)
    if not same or device is None or device.last_sync_at or device.state != "active":
        raise Refusal("code_used")
    connection.execute(_this(district, device_id).values(token_hash=token_hash(token)))


def _this(district: str, device_id: str) -> sa.Update:
    return sa.update(devices).where(
        devices.c.district == district, devices.c.device_id == device_id
    )


def _code(district: str, hashed: str) -> sa.Update:
    return sa.update(join_codes).where(
        join_codes.c.district == district, join_codes.c.code_hash == hashed
    )


def _device(row: Any) -> Device:
    return Device(
        district=row.district,
        device_id=row.device_id,
        worker_id=row.worker_id,
        name=row.name,
        public_key=row.public_key,
        state=row.state,
        last_sync_at=row.last_sync_at,
        clock_offset_s=row.clock_offset_s,
        clock_jumped_at=row.clock_jumped_at,
    )
