"""A district's workers and their joined laptops, made at once in an empty centre.

What one join does through the API (a code, a device, a token, an audit line) is done here in bulk:
thousands of laptops join over months, and their joining is not what is measured.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from benchmarks.field_changes import APP, NAMES, Laptop
from sync_server.domain.areas import joined
from sync_server.domain.cursor import Place, write_place
from sync_server.services import accounts
from sync_server.services.centre import Centre, open_centre
from sync_server.services.devices import token_hash
from sync_server.services.districts import district_of
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.settings import Settings
from sync_server.store import feed
from sync_server.store.tables import devices, districts

DISTRICT, COMMUNITY = "990101", "990101100009"
PER_GRID = 2
"""Laptops that share a grid (the domain's city: 39,300 laptops in 18,100 grids)."""


def clock() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def settings(data: Path, database_url: str = "") -> Settings:
    """Return the settings of a centre that is measured."""
    return Settings(data=data, database_url=database_url, district=DISTRICT)


def grid_code(number: int) -> str:
    """Return the code of the district's grid with this number: 40 grids in a community."""
    community, place = divmod(number, 40)
    street, rest = divmod(community, 90)
    return f"{DISTRICT}{100 + street:03d}{rest + 9:03d}{place + 1:03d}"


def muster(centre: Centre, count: int, *, per_grid: int = PER_GRID) -> list[Laptop]:
    """Give ``count`` new workers a laptop each that has joined; return the laptops."""
    now, found, rows = centre.clock(), [], []
    tag = secrets.token_hex(3)
    with centre.store.writing() as connection:
        epoch = _epoch(connection, centre)
        for number in range(count):
            grid = grid_code(number // per_grid)
            worker = accounts.add_user(
                connection, centre.code, no=f"{tag}-{number}", name=NAMES[number % len(NAMES)],
                role="worker", scope_codes=[grid], now=now, kind="full",
            )  # fmt: skip
            token = f"{centre.code}.{secrets.token_urlsafe(32)}"
            device_id = new_id()
            rows.append(
                {
                    "district": centre.code,
                    "device_id": device_id,
                    "worker_id": worker.user_id,
                    "token_hash": token_hash(token),
                    "state": "active",
                    "joined_at": now,
                    "name": f"laptop {number}",
                    "public_key": secrets.token_hex(32),
                    "app": APP,
                }
            )
            found.append(Laptop(device_id, token, worker.user_id, grid, epoch))
        connection.execute(sa.insert(devices), rows)
    return found


def _epoch(connection: sa.Connection, centre: Centre) -> str:
    present = district_of(connection, centre.code)
    assert present is not None
    return present.server_epoch


def place_at_end(centre: Centre, laptops: Sequence[Laptop]) -> None:
    """Give laptops the cursor of those who have everything there is."""
    with centre.store.reading() as connection:
        epoch = _epoch(connection, centre)
        number = feed.last_change_no(connection, centre.code)
        stamp = feed.stamp_at(connection, centre.code, number)
    for one in laptops:
        place = Place(joined([one.grid]), number, stamp=stamp or "")
        one.epoch = epoch
        one.cursor = write_place(centre.keys.cursor, centre.code, epoch, place) if number else None


@dataclass(frozen=True)
class Base:
    """A record of base data that both laptops of a grid hold."""

    record_id: str
    grid: str
    version: int


def households(centre: Centre, laptops: Sequence[Laptop], per_grid: int) -> list[Base]:
    """Put households into every grid of these laptops, as a register's import does; return them."""
    rng = random.Random(11)
    owners = {one.grid: one.worker_id for one in laptops}
    made: list[ImportedRecord] = []
    at = centre.clock()
    for grid, owner in owners.items():
        for number in range(per_grid):
            fields = {
                "code": f"{number + 1}-1-{rng.randint(1, 18)}01", "room_id": new_id(),
                "kind": "family", "size": rng.randint(1, 5),
                "phone": f"138{rng.randrange(10**8):08d}",
            }  # fmt: skip
            made.append(ImportedRecord(new_id(), "household", grid, fields, owner, at.isoformat()))
    for start in range(0, len(made), 10_000):
        with centre.store.writing() as connection:
            import_records(
                connection, centre.code, made[start : start + 10_000], author=None, at=at
            )
    with centre.store.reading() as connection:
        floor = _version_floor(connection, centre)
    return [Base(one.record_id, one.grid, floor + 1) for one in made]


def _version_floor(connection: sa.Connection, centre: Centre) -> int:
    wanted = sa.select(districts.c.version_floor).where(districts.c.district == centre.code)
    return int(connection.execute(wanted).scalar_one())


def opened(data: Path, database_url: str = "") -> Centre:
    """Open a centre in this process, to prepare it or to read its books; close its store after."""
    return open_centre(settings(data, database_url), clock)
