"""After an upgrade: what an older program could not understand is judged again, as if it came now.

Only changes refused for nothing else than an unknown kind, a newer version or an unknown field.
What can be understood now is released or refused for what is really wrong with it; the rest stays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.domain.envelope import reopened
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.decision_records import tell_refused
from sync_server.services.releasing import Releasing
from sync_server.store import desks_read, records_read, writing
from sync_server.store.engine import Store

log = logging.getLogger(__name__)

UNKNOWN = "unknown_schema"
NOT_UNDERSTOOD = frozenset({UNKNOWN, "unknown_field"})
RUN = 200
"""Changes judged in one transaction, so that laptops need not wait long for their turn."""


@dataclass(frozen=True)
class Replayed:
    """How many changes were judged again, and how many of them are in the store (or held) now."""

    judged: int = 0
    released: int = 0


def replay(store: Store, district: str, now: datetime, *, by: str | None = None) -> Replayed:
    """Judge again what was not understood; doing it twice changes nothing more.

    ``by`` None: the program itself, at its start.
    """
    judged = released = 0
    after = ""
    while rows := _candidates(store, district, after):
        after = rows[-1]["change_id"]
        ready = [row["change_id"] for row in rows if _understood(row)]
        if ready:
            done = _judge_some(store, district, ready, now)
            judged += len(done)
            released += sum(row["outcome"] != "quarantined" for row in done)
    if judged:
        log.info("replayed %d changes, %d released", judged, released)
        with store.writing() as connection:
            audit.note(
                connection, district, now, "replay", user_id=by,
                detail={"changes": judged, "released": released},
            )  # fmt: skip
    return Replayed(judged, released)


def _candidates(store: Store, district: str, after: str) -> list[Any]:
    with store.reading() as connection:
        return desks_read.refused_for(connection, district, UNKNOWN, after, RUN)


def _understood(row: Mapping[Any, Any]) -> bool:
    """Whether this program understands a change that an older one did not."""
    if {one["code"] for one in row["problem"] or ()} - NOT_UNDERSTOOD:
        return False
    if row["action"] not in ("create", "update", "void", "step"):
        return False
    codes = {one["code"] for one in reopened(row).problems}
    return UNKNOWN not in codes


def _judge_some(
    store: Store, district: str, change_ids: list[str], now: datetime
) -> list[dict[str, Any]]:
    """Judge these, one by one when they fail together; what fails alone stays as it is: no change
    may keep a centre from starting."""
    try:
        with store.writing() as connection:
            return _judge(connection, district, change_ids, now)
    except Refusal:
        raise
    except Exception:
        if len(change_ids) == 1:
            log.exception("change %s could not be judged again", change_ids[0])
            return []
    some = (_judge_some(store, district, [one], now) for one in change_ids)
    return [row for rows in some for row in rows]


def _judge(
    connection: sa.Connection, district: str, change_ids: list[str], now: datetime
) -> list[dict[str, Any]]:
    writing.lock_district(connection, district)
    rows = desks_read.refused_changes(connection, district, change_ids)
    rows = [row for row in rows if row["desk"] is None]  # settled by somebody meanwhile
    rows.sort(key=lambda row: (row["received_at"], row["stream"] or "", row["seq"] or 0))
    done = Releasing(connection, district, now).take(rows)
    records = records_read.by_ids(connection, district, {row["record_id"] for row in done})
    for row in done:
        if row["outcome"] != "quarantined":
            desks_read.change_row(connection, district, row["change_id"], {"desk": "released"})
            record = records.get(row["record_id"])
            area = record["grid"] if record else row["grid"] or ""
            tell_refused(connection, district, row, "released", now, area=area)
    return done
