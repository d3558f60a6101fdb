"""Counting what a device has delivered, grouped so that its laptop can count the same."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from sync_server.store.photo_rows import PHOTO, here
from sync_server.store.tables import audit, changes, records, reseals, streams


class Known(NamedTuple):
    """How far one stream is known."""

    stream: str
    seq: int
    hash: str


class Tally(NamedTuple):
    """How many places of one stream hold changes of one day with one outcome.

    ``day`` is the first ten characters of ``made_at``, as the laptop wrote it. ``counts`` tells
    whether the change itself counts here: not where the place is a second one of a change of this
    same device.
    """

    stream: str
    day: str
    outcome: str
    places: int
    counts: bool


def known_streams(connection: sa.Connection, district: str, device_id: str) -> list[Known]:
    """Return how far every stream of a device is known, by name."""
    query = (
        sa.select(streams.c.stream, streams.c.known_seq, streams.c.known_hash)
        .where(streams.c.district == district, streams.c.device_id == device_id)
        .order_by(streams.c.stream)
    )
    return [Known(*row) for row in connection.execute(query)]


def tallies(connection: sa.Connection, district: str, device_id: str) -> list[Tally]:
    """Return the places of a device's streams by stream, day and outcome.

    Two queries: the changes it brought first, and the places whose change had been received under
    another number (perhaps from another device).
    """
    day = sa.func.substr(changes.c.made_at, 1, 10)
    brought = (
        sa.select(changes.c.stream, day, changes.c.outcome, sa.func.count())
        .where(changes.c.district == district, changes.c.device_id == device_id)
        .group_by(changes.c.stream, day, changes.c.outcome)
    )
    found = [
        Tally(stream, on, outcome, places, True)
        for stream, on, outcome, places in connection.execute(brought)
    ]
    own = (changes.c.device_id == device_id).label("own")
    again = (
        sa.select(reseals.c.stream, day, changes.c.outcome, sa.func.count(), own)
        .join(
            streams,
            (streams.c.district == reseals.c.district) & (streams.c.stream == reseals.c.stream),
        )
        .join(
            changes,
            (changes.c.district == reseals.c.district)
            & (changes.c.change_id == reseals.c.change_id),
        )
        .where(streams.c.district == district, streams.c.device_id == device_id)
        .group_by(reseals.c.stream, day, changes.c.outcome, own)
    )
    return found + [
        Tally(stream, on, outcome, places, not mine)
        for stream, on, outcome, places, mine in connection.execute(again)
    ]


def photo_counts(connection: sa.Connection, district: str, device_id: str) -> tuple[int, int]:
    """Return how many photos a device's records speak of, and how many of those have come."""
    spoken = _photos(district, device_id).subquery()
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(spoken.c.come), 0))
    expected, present = connection.execute(query.select_from(spoken)).one()
    return int(expected), int(present)


def missing_photos(
    connection: sa.Connection, district: str, device_id: str, most: int
) -> list[str]:
    """Return the hashes of photos that have not come, at most ``most``."""
    spoken = _photos(district, device_id).subquery()
    query = sa.select(spoken.c.sha256).where(spoken.c.come == 0).order_by(spoken.c.sha256)
    return [str(row[0]) for row in connection.execute(query.limit(most))]


def _photos(district: str, device_id: str) -> sa.Select[tuple[str, int]]:
    """The photos of a device's records that are not void: the hash, and 1 where the bytes came.

    The device's changes lead to its records; there is no index of records by device.
    """
    sha256 = records.c.fields["sha256"].as_string()
    return (
        sa.select(sha256.label("sha256"), sa.func.max(sa.case((here(), 1), else_=0)).label("come"))
        .select_from(changes)
        .join(
            records,
            (records.c.district == changes.c.district)
            & (records.c.record_id == changes.c.record_id),
        )
        .where(
            changes.c.district == district,
            changes.c.device_id == device_id,
            changes.c.kind == PHOTO,
            changes.c.action == "create",
            records.c.kind == PHOTO,
            records.c.voided.is_(False),
        )
        .group_by(sha256)
    )


def forks_since(
    connection: sa.Connection, district: str, since: datetime
) -> dict[str, tuple[int, datetime]]:
    """Return, by device, how often its streams forked since a moment, and when last."""
    query = (
        sa.select(audit.c.target, sa.func.count(), sa.func.max(audit.c.at))
        .where(
            audit.c.district == district,
            audit.c.at >= since,
            audit.c.action == "stream_forked",
            audit.c.target.is_not(None),
        )
        .group_by(audit.c.target)
    )
    return {device_id: (count, last) for device_id, count, last in connection.execute(query)}
