"""Devices as staff see them: who has one, when it last synced, what is known of its streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.times import DOUBTFUL_S
from sync_server.services.accounts import LAPTOP_ROLES, User
from sync_server.services.places import names_for
from sync_server.store import devices_read
from sync_server.store.devices_read import Row

SILENT_DAYS = (1, 3, 7)
LAST_BATCHES = 20


@dataclass(frozen=True)
class Device:
    """One device with its worker. ``silent_days`` counts whole days without a sync."""

    row: Row
    grids: tuple[str, ...]
    known: int
    streams: int
    silent_days: int
    clock_doubtful: bool

    @property
    def device_id(self) -> str:
        """The device's id."""
        return str(self.row["device_id"])


@dataclass(frozen=True)
class DevicePage:
    """One device with its streams, what became of its changes, and its last batches."""

    device: Device
    fingerprint: str
    streams: tuple[Row, ...]
    outcomes: dict[str, int]
    batches: tuple[Row, ...]


@dataclass(frozen=True)
class Worker:
    """Somebody with a laptop's role. ``all_mine``: whoever looks may give him a join code, for his
    laptop would bring nothing from outside the looker's areas."""

    user_id: str
    no: str
    name: str
    grids: tuple[str, ...]
    devices: int
    all_mine: bool


def list_devices(
    connection: sa.Connection, person: User, now: datetime, areas: Sequence[str] | None = None
) -> list[Device]:
    """Return the devices of the person's areas, or of these parts of them, the longest silent
    first.

    Raises Refusal ``not_allowed`` for a role without records.
    """
    _require(person)
    looked_at = person.scope_codes if areas is None else areas
    rows = devices_read.devices_in(connection, person.district, looked_at)
    return _devices(connection, person, rows, now)


def narrowed_devices(devices: Sequence[Device], *, silent: int, clock: bool) -> list[Device]:
    """Return the devices in use that were silent for more than ``silent`` days (0: all devices),
    or, with ``clock``, those whose clock is doubtful."""
    if silent:
        return [one for one in devices if is_silent(one, silent)]
    if clock:
        return [one for one in devices if one.clock_doubtful and one.row["state"] == "active"]
    return list(devices)


def not_on(devices: Sequence[Device], day: date) -> list[Device]:
    """Return the devices in use that have not synced on a day (Shanghai's) or later."""
    return [
        one
        for one in devices
        if one.row["state"] == "active"
        and (one.row["last_sync_at"] or one.row["joined_at"]).astimezone(SHANGHAI).date() < day
    ]


def is_silent(device: Device, days: int) -> bool:
    """Whether a device in use has not synced for ``days`` days or more."""
    return bool(device.row["state"] == "active" and device.silent_days >= days)


def open_device(
    connection: sa.Connection, person: User, device_id: str, now: datetime
) -> DevicePage:
    """Return one device; raise Refusal: not_allowed, or unknown_record outside the areas."""
    _require(person)
    row = devices_read.device_in(connection, person.district, person.scope_codes, device_id)
    if row is None:
        raise Refusal("unknown_record")
    [device] = _devices(connection, person, [row], now)
    key = str(row["public_key"])
    return DevicePage(
        device=device,
        fingerprint=" ".join(key[start : start + 4] for start in range(0, 32, 4)),
        streams=tuple(devices_read.streams_of(connection, person.district, [device_id])[device_id]),
        outcomes=devices_read.outcomes_of(connection, person.district, device_id),
        batches=tuple(
            devices_read.last_batches(connection, person.district, device_id, LAST_BATCHES)
        ),
    )


def workers_of(connection: sa.Connection, person: User) -> list[Worker]:
    """Return the people with a laptop's role in the person's areas, by number.

    Raises Refusal ``not_allowed`` for a role that gives out no join codes.
    """
    if not may(person.role, "devices"):
        raise Refusal("not_allowed")
    rows = devices_read.workers_in(connection, person.district, person.scope_codes, LAPTOP_ROLES)
    names = names_for(
        connection, person.district, {code for row in rows for code in row["scope_codes"]}
    )
    return [
        Worker(
            user_id=row["user_id"],
            no=row["no"],
            name=row["name"],
            grids=tuple(names[code] for code in row["scope_codes"]),
            devices=row["devices"],
            all_mine=all(inside(code, person.scope_codes) for code in row["scope_codes"]),
        )
        for row in rows
    ]


def require_worker(connection: sa.Connection, person: User, user_id: str) -> Worker:
    """Return the one of ``workers_of`` whom the person may give a join code.

    A laptop brings everything of its worker's grids in full and writes there: the code is given out
    by somebody who has all of them. Raises Refusal: not_allowed, unknown_record, grids_elsewhere.
    """
    for worker in workers_of(connection, person):
        if worker.user_id == user_id:
            if not worker.all_mine:
                raise Refusal("grids_elsewhere")
            return worker
    raise Refusal("unknown_record")


def require_device(connection: sa.Connection, person: User, device_id: str) -> None:
    """Raise Refusal unless the person may act on this device: not_allowed, unknown_record."""
    if not may(person.role, "devices"):
        raise Refusal("not_allowed")
    if devices_read.device_in(connection, person.district, person.scope_codes, device_id) is None:
        raise Refusal("unknown_record")


def _devices(
    connection: sa.Connection, person: User, rows: Sequence[Row], now: datetime
) -> list[Device]:
    names = names_for(connection, person.district, {code for row in rows for code in row["grids"]})
    streams = devices_read.streams_of(
        connection, person.district, [row["device_id"] for row in rows]
    )
    return [
        Device(
            row=row,
            grids=tuple(names[code] for code in row["grids"]),
            known=sum(one["known_seq"] for one in streams[row["device_id"]]),
            streams=len(streams[row["device_id"]]),
            silent_days=(now - (row["last_sync_at"] or row["joined_at"])) // timedelta(days=1),
            clock_doubtful=abs(row["clock_offset_s"] or 0) > DOUBTFUL_S,
        )
        for row in rows
    ]


def _require(person: User) -> None:
    if not may(person.role, "records"):
        raise Refusal("not_allowed")
