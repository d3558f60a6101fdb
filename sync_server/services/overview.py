"""The first page of the day: what came in, what waits, who is silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.catalogue import kinds
from schemas.describe import columns
from schemas.kind import Kind
from sync_server.services.accounts import User, require_records
from sync_server.services.device_pages import SILENT_DAYS, is_silent, list_devices, not_on
from sync_server.services.uploads import HELD_LONG, span
from sync_server.store import history_read, records_read, uploads_read
from sync_server.store.duplicates import pair_counts
from sync_server.store.records_read import Selection
from sync_server.store.uploads_read import Row

LAST_UPLOADS = 10


@dataclass(frozen=True)
class Overview:
    """The figures of one day. ``happened`` counts by kind what happened that day; ``silent``
    counts devices in use by the days (or more) they have not synced, ``not_today`` those that have
    not on the day."""

    day: date
    uploads: int
    uploaded_changes: int
    uploading_devices: int
    devices: int
    happened: tuple[tuple[str, str, int], ...]
    conflicts: int
    duplicates: int
    quarantined: int
    held: int
    held_long: int
    returned: int
    unsure_times: int
    silent: tuple[tuple[int, int], ...]
    not_today: int
    doubtful_clocks: int
    last_uploads: tuple[Row, ...]


def overview(
    connection: sa.Connection, person: User, day: date, now: datetime, lang: str
) -> Overview:
    """Return the figures of a Shanghai day; raise Refusal ``not_allowed``."""
    require_records(person)
    district, areas = person.district, person.scope_codes
    batches = uploads_read.batches_between(connection, district, areas, *span(day))
    devices = list_devices(connection, person, now)
    in_use = [one for one in devices if one.row["state"] == "active"]
    return Overview(
        day=day,
        uploads=len(batches),
        uploaded_changes=sum(row["changes"] for row in batches),
        uploading_devices=len({row["device_id"] for row in batches}),
        devices=len(in_use),
        happened=tuple(_happened(connection, person, day, lang)),
        conflicts=history_read.conflict_page(connection, district, areas, "open", start=0, size=0)[
            1
        ],
        duplicates=sum(pair_counts(connection, district, areas).values()),
        quarantined=uploads_read.count_with_outcome(connection, district, areas, "quarantined"),
        held=uploads_read.count_with_outcome(connection, district, areas, "held"),
        held_long=uploads_read.count_with_outcome(
            connection, district, areas, "held", before=now - HELD_LONG
        ),
        returned=uploads_read.count_with_outcome(
            connection, district, areas, "quarantined", desk="returned"
        ),
        unsure_times=uploads_read.count_unsure_times(connection, district, areas),
        silent=tuple((days, sum(is_silent(one, days) for one in in_use)) for days in SILENT_DAYS),
        not_today=len(not_on(in_use, day)),
        doubtful_clocks=sum(one.clock_doubtful for one in in_use),
        last_uploads=tuple(uploads_read.newest_batches(connection, district, areas, LAST_UPLOADS)),
    )


def _happened(
    connection: sa.Connection, person: User, day: date, lang: str
) -> Iterator[tuple[str, str, int]]:
    since, before = span(day)
    for kind in kinds():
        if _is_daily(kind):
            wanted = Selection(kind.info.name, person.scope_codes, since=since, before=before)
            total = records_read.count(connection, person.district, wanted)
            yield kind.info.name, kind.info.label.text(lang), total


def _is_daily(kind: type[Kind]) -> bool:
    """Whether laptops report records of this kind as things that happened: patrols, visits …"""
    return bool(kind.info.dated_by and "create" in kind.info.laptop and columns(kind))
