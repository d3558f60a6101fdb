"""A compound's tags over time, and today's tag beside them.

``tags`` is what people write. ``tag`` and ``tag_from`` say what it comes to today, for lists,
filters and tables; the centre keeps them, as it keeps other facts nobody types. Older laptops,
registers and records of old write ``tag`` itself: what they said becomes entries of the list, out
of the log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import local_day
from schemas.workflow import SYSTEM_ID
from sync_server.domain.compound_tags import (
    LIST,
    agrees,
    entries_of_old,
    said_the_old_way,
    today,
)
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.ids import new_id
from sync_server.store import base_read, history_read
from sync_server.store.records_read import Row

COMPOUND = "compound"


def differing(
    connection: sa.Connection, district: str, day: str
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield the compounds whose tags do not agree on ``day``, and what to say of them."""
    said = base_read.tags_said(connection, district)
    unlike = [record_id for record_id, fields in said.items() if not agrees(fields, day)]
    rows = base_read.rows_by_ids(connection, district, unlike)
    for record_id in unlike:
        yield rows[record_id], _wanted(connection, district, rows[record_id], day)


def settle(
    connection: sa.Connection, district: str, record_ids: Collection[str], now: datetime
) -> None:
    """Let these compounds' tags agree, within the running write transaction."""
    day = local_day(now)
    for row in base_read.rows_by_ids(connection, district, record_ids).values():
        for _ in range(2):  # what was written of old becomes an entry, then the entry counts
            if row["kind"] != COMPOUND or row["voided"] or agrees(row["fields"], day):
                break
            change = CentralChange(
                COMPOUND, row["record_id"], "update", _wanted(connection, district, row, day),
                SYSTEM_ID, base_version=row["version"], by_rule=True,
            )  # fmt: skip
            apply_central_change(connection, district, change, now)
            row = base_read.rows_by_ids(connection, district, [row["record_id"]])[row["record_id"]]


def _wanted(connection: sa.Connection, district: str, row: Row, day: str) -> dict[str, Any]:
    """Return what makes a compound's tags agree: entries for what was said the old way after the
    list was written last, else today's tag."""
    if said_the_old_way(row):
        told = history_read.changes_of(connection, district, row["record_id"])
        if add := {new_id(): entry for entry in entries_of_old(row, told)}:
            return {LIST: {"add": add}}
    return dict(today(row["fields"], day))  # both, so that the log tells what was said of the list
