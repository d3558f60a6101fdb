"""Loading many ready-made records at once: a demo world, a district's existing base data.

Each record gets its create in the log of changes, as if the centre had written it, so that its
history starts like any other's. The caller has checked the fields (``schemas.check``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.search import search_text
from schemas.values import to_wire
from sync_server.domain.merge import DEFAULT, Edit, origin
from sync_server.domain.times import moment
from sync_server.services import audit
from sync_server.store.writing import insert_changes, insert_records, lock_numbers, set_change_no

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class ImportedRecord:
    """One record to load: ``fields`` in stored form, ``made_at`` RFC 3339 with offset.

    ``change_id`` of its create is derived from ``record_id`` when empty, so that the same import
    writes the same bytes.
    """

    record_id: str
    kind: str
    grid: str
    fields: Mapping[str, Any]
    author: str
    made_at: str
    change_id: str = ""


def import_records(
    connection: sa.Connection,
    district: str,
    records: Iterable[ImportedRecord],
    *,
    author: str | None,
    at: datetime,
) -> int:
    """Write ``records`` as new in the running write transaction and return how many.

    ``author`` (a user id or None) is noted in the audit as who did it. Raises UnknownKind,
    ValueError for an unreadable ``made_at``, IntegrityError when an id exists already. Commit every
    ten thousand or so: a transaction holds the district's turn.
    """
    number, floor, _ = lock_numbers(connection, district)
    first = number
    stream = iter(records)
    while chunk := list(islice(stream, CHUNK)):
        rows = [
            _rows(district, record, at, number + place, floor + 1)
            for place, record in enumerate(chunk, 1)
        ]
        insert_changes(connection, [change for change, _ in rows])
        insert_records(connection, [row for _, row in rows])
        number += len(chunk)
    set_change_no(connection, district, number)
    count = number - first
    detail = {"records": count}
    audit.note(connection, district, at, "import_records", user_id=author, detail=detail)
    return count


def chunked(records: Iterable[ImportedRecord], size: int) -> Iterator[list[ImportedRecord]]:
    """Yield ``records`` in lists of ``size``, one for each transaction."""
    stream = iter(records)
    while chunk := list(islice(stream, size)):
        yield chunk


def _rows(
    district: str, record: ImportedRecord, at: datetime, change_no: int, version: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the change and the record as rows."""
    kind = kind_of(record.kind)
    info = kind.info
    made = moment(record.made_at)
    if made is None:
        raise ValueError(f"unreadable time in {record.record_id}")
    change_id = record.change_id or derived_id(record.record_id)
    dated = record.fields.get(info.dated_by) if info.dated_by else None
    change = {
        "district": district,
        "change_id": change_id,
        "kind": info.name,
        "schema": info.version,
        "record_id": record.record_id,
        "action": "step" if info.laptop == {"step"} else "create",
        "grid": record.grid,
        "made_at": record.made_at,
        "author": record.author,
        "fields": to_wire(kind, record.fields),
        "received_at": at,
        "doubtful": False,
        "happened_at": made,
        "outcome": "applied",
        "version": version,
    }
    row = {
        "district": district,
        "record_id": record.record_id,
        "kind": info.name,
        "schema": info.version,
        "grid": record.grid,
        "parent_id": record.fields.get(info.parent) if info.parent else None,
        "fields": dict(record.fields),
        "origins": {DEFAULT: origin(Edit(change_id, record.author, None, 0, made, False), version)},
        "version": version,
        "change_no": change_no,
        "voided": False,
        "author": record.author,
        "made_at": record.made_at,
        "happened_at": moment(dated) if isinstance(dated, str) else made,
        "received_at": at,
        "last_author": record.author,
        "last_made_at": record.made_at,
        "search_text": search_text(kind, record.fields),
    }
    return change, row


def derived_id(record_id: str) -> str:
    """Return the id of an imported record's create: the record's time, another tail."""
    tail = hashlib.sha256(record_id.encode()).hexdigest()
    return f"{record_id[:19]}{tail[:4]}-{tail[4:16]}"
