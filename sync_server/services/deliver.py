"""What goes down in the reply: updates of the laptop's scope, its new cursor, people's names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import KINDS
from schemas.exchange import MAX_BODY_BYTES
from schemas.fields import Ref, Refs
from sync_server.domain.areas import above
from sync_server.domain.cursor import read_cursor, write_cursor
from sync_server.services.accounts import names_of
from sync_server.services.centre import Centre
from sync_server.store import feed
from sync_server.store.engine import compact


@dataclass(frozen=True)
class Delivery:
    """``updates`` are JSON texts, passed on as they are; ``people`` maps user ids to names."""

    updates: list[str]
    cursor: str
    more: bool
    people: dict[str, str]


def deliver_updates(
    connection: sa.Connection,
    centre: Centre,
    district: str,
    epoch: str,
    grids: Sequence[str],
    cursor: str | None,
    want: int,
) -> Delivery:
    """Read what changed in the scope after ``cursor``, at most ``want`` records or 1 MiB."""
    key = centre.keys.cursor
    after = read_cursor(key, district, epoch, grids, cursor)
    # Read first: whatever is numbered up to it is committed, so the cursor may pass it.
    until = feed.last_change_no(connection, district)
    community = sorted(name for name, kind in KINDS.items() if kind.info.reach == "community")
    scope = (grids, above(grids), community)
    rows = feed.changed_records(connection, district, *scope, after, until, want + 1)
    updates: list[str] = []
    size = 0
    people: set[str] = set()
    place = after
    for row in rows[:want]:
        text = _update(row)
        size += len(text)
        if updates and size > MAX_BODY_BYTES:
            break
        updates.append(text)
        people.update(_people(row))
        place = row.change_no
    more = len(updates) < len(rows)
    return Delivery(
        updates,
        write_cursor(key, district, epoch, grids, place if more else max(until, place)),
        more,
        names_of(connection, district, people),
    )


def _update(row: Any) -> str:
    """Return one update as JSON; the stored fields are passed on unread."""
    head = {
        "kind": row.kind,
        "schema": row.schema,
        "record_id": row.record_id,
        "version": row.version,
        "change_no": row.change_no,
        "grid": row.grid,
        "voided": row.voided,
        "first": {"author": row.author, "made_at": row.made_at},
        "last": {"author": row.last_author, "made_at": row.last_made_at},
    }
    if row.merged_into:
        head["merged_into"] = row.merged_into
    return f'{compact(head)[:-1]},"fields":{row.fields}}}'


def _people(row: Any) -> Iterator[str]:
    """Yield the users an update names: its authors, and those its fields refer to."""
    yield row.author
    yield row.last_author
    names = _user_fields(row.kind)
    if names:
        fields = json.loads(row.fields)
        for name in names:
            value = fields.get(name) or ()
            yield from [value] if isinstance(value, str) else value


def _user_fields(kind: str) -> list[str]:
    known = KINDS.get(kind)
    declared = known.declared() if known else {}
    return [
        name
        for name, field in declared.items()
        if isinstance(field, Ref | Refs) and field.kind == "user"
    ]
