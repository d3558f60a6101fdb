"""What waits for a record that will not come: its create was refused, and not taken or given up.

It is refused as well, told to its writer like the create, and listed with what was not taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.domain.envelope import problem
from sync_server.services.decision_records import tell_refused
from sync_server.store import desks_read, writing

Row = dict[str, Any]

NOT_TAKEN = "record_not_taken"
WITHDRAWN = "withdrawn"
_OVER = frozenset({"dismissed", "answered"})


def settle_waiting(
    connection: sa.Connection,
    district: str,
    record_id: str,
    now: datetime,
    *,
    by: str | None = None,
    words: str = "",
    given_up: str = "",
) -> int:
    """Refuse what waits for a record when nothing is left that could make it; return how many.

    ``given_up`` is a refused change its own writer has withdrawn; ``by`` and ``words``: who
    decided so and why, nobody for a writer.
    """
    if record_id not in _hopeless(connection, district, [record_id], given_up):
        return 0
    rows = writing.waiting_changes(connection, district, [record_id])
    _refuse(connection, district, rows, now, by, words)
    return len(rows)


def refuse_late(
    connection: sa.Connection, district: str, held: Sequence[Row], now: datetime
) -> None:
    """Refuse those of these ``held`` changes whose record was not taken before they came, or by a
    program that did not see to them; their rows say so afterwards."""
    records = {row["waits_for"] for row in held}
    if not _hopeless(connection, district, records):
        return
    writing.lock_district(connection, district)  # an exchange without changes has not taken it
    gone = _hopeless(connection, district, records)
    waiting = {row["change_id"] for row in writing.waiting_changes(connection, district, gone)}
    late = [row for row in held if row["change_id"] in waiting]
    _refuse(connection, district, late, now, None, "")


def settle_given_up(
    connection: sa.Connection, district: str, answers: Collection[Mapping[str, Any]], now: datetime
) -> None:
    """Settle what waits for records whose writers answer that they withdraw them; ``answers`` are
    the records of kind correction that just received changes have written."""
    said = [row["fields"] for row in answers if row["fields"].get("answer") == WITHDRAWN]
    ids = {fields["change_id"] for fields in said}
    for row in desks_read.refused_changes(connection, district, ids):
        settle_waiting(connection, district, row["record_id"], now, given_up=row["change_id"])


def _hopeless(
    connection: sa.Connection, district: str, record_ids: Collection[str], given_up: str = ""
) -> set[str]:
    """Return those records that no change makes and none may still make, though one was to."""
    found: dict[str, bool] = {}
    for row in desks_read.makers_of(connection, district, record_ids):
        over = row["outcome"] == "quarantined" and (
            row["desk"] in _OVER or row["change_id"] == given_up
        )
        found[row["record_id"]] = found.get(row["record_id"], True) and over
    return {record_id for record_id, over in found.items() if over}


def _refuse(
    connection: sa.Connection,
    district: str,
    rows: Sequence[Row],
    now: datetime,
    by: str | None,
    words: str,
) -> None:
    for row in rows:
        row |= {"outcome": "quarantined", "problem": [problem(NOT_TAKEN)], "waits_for": None}
    writing.settle_held(connection, rows)
    desks_read.set_desk(connection, district, [row["change_id"] for row in rows], "dismissed")
    for row in rows:
        tell_refused(
            connection, district, row, "dismissed", now,
            area=row["grid"] or "", decided_by=by, words=words,
        )  # fmt: skip
