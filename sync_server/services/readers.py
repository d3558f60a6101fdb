"""Bringing what was decided or asked to who is to read it, when areas or people change.

Decisions and corrections lie where their reader gets them (``decision_records``). When he is given
other grids, or a record is moved that they hang from, they would be left where he never looks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from sync_server.domain.areas import above, holds
from sync_server.domain.times import moment
from sync_server.services.decision_records import CORRECTION, DECISION, Row, readers_of
from sync_server.store import desks_read, moving, streams
from sync_server.store.holdings import holdings_of

READ_WITHIN_DAYS = 90
"""So long at least a laptop keeps the settled change that a decision speaks of."""


def follow(
    connection: sa.Connection,
    district: str,
    user_id: str,
    left: Collection[str],
    now: datetime,
    by: str | None,
) -> None:
    """Let what somebody is perhaps yet to read come along to his first grid, from the areas he
    ``left`` just now and from those he held ever before.

    The transaction must hold the district's turn: nothing may be decided meanwhile.
    """
    ever = {*left, *(one.code for one in holdings_of(connection, district, [user_id])[user_id])}
    found = desks_read.told_in(connection, district, ever, above(ever))
    _bring(connection, district, found, now, by, only=user_id)


def reach(
    connection: sa.Connection, district: str, area: str, now: datetime, by: str | None
) -> None:
    """Bring what came to lie in ``area`` with a record to readers who do not hold that.

    The transaction must hold the district's turn.
    """
    found = desks_read.told_in(connection, district, [area], [])
    _bring(connection, district, found, now, by)


def _bring(
    connection: sa.Connection,
    district: str,
    found: Sequence[Row],
    now: datetime,
    by: str | None,
    only: str | None = None,
) -> None:
    about = [row["fields"]["change_id"] for row in found if row["kind"] == DECISION]
    changes = streams.received(connection, district, about).values()
    readers = readers_of(connection, district, list(changes))
    whose = {row["record_id"]: _reader(row, readers, now) for row in found}
    people = {one for one in whose.values() if one and only in (None, one)}
    scopes = streams.scopes_of(connection, district, people) if people else {}
    going: dict[str, list[moving.Lying]] = {}
    for row in found:
        codes = scopes.get(whose[row["record_id"]] or "", ())
        if codes and not holds(codes, row["grid"], "community"):
            lying = moving.Lying(row["record_id"], row["kind"], row["grid"])
            going.setdefault(codes[0], []).append(lying)
    for code, some in going.items():
        moving.put_into(connection, district, some, code, now, by)


def _reader(row: Row, readers: Mapping[str, str], now: datetime) -> str | None:
    """Return who is to read a decision or correction; None for one that is over: closed, or decided
    of a conflict so long ago that his laptop has forgotten the change."""
    said = row["fields"]
    if row["kind"] == CORRECTION:
        return None if said.get("closed") else str(said["asked_of"])
    if said["subject"] == "conflict":
        decided = moment(said.get("decided_at") or "")
        if decided is None or decided < now - timedelta(days=READ_WITHIN_DAYS):
            return None
    return readers.get(said["change_id"])
