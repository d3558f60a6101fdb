"""A laptop of a demo world that has been silent for days: nobody holds its token."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from sync_server.services.accounts import user_by_no
from sync_server.services.devices import token_hash
from sync_server.services.ids import new_id
from sync_server.store.tables import devices

JOINED, SYNCED = timedelta(days=40), timedelta(days=4, hours=2)
"""How long ago it joined, and last synced."""
NAME = "久未同步的演示机"


def add_silent(connection: sa.Connection, district: str, no: str, now: datetime) -> None:
    """Give a worker of the world, by number, such a laptop; raise Refusal unknown_user."""
    worker = user_by_no(connection, district, no)
    connection.execute(
        sa.insert(devices),
        {
            "district": district,
            "device_id": new_id(),
            "worker_id": worker.user_id,
            "name": NAME,
            "public_key": secrets.token_hex(32),
            "token_hash": token_hash(secrets.token_urlsafe(32)),
            "state": "active",
            "app": "0.1.0",
            "joined_at": now - JOINED,
            "last_sync_at": now - SYNCED,
            "clock_offset_s": 0,
        },
    )
