"""Doubtful times: changes of laptops whose clock was wrong, and what staff take for the true time.

What was written on the laptop stays; the time a change counts for is the one staff confirmed or
entered. A record's own time follows when that change had set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import UnknownKind, kind_of
from schemas.fields import Moment
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import DEFAULT, origin_of
from sync_server.domain.times import corrected, moment
from sync_server.services import audit, care_alarms, field_lines
from sync_server.services.accounts import User, require_records
from sync_server.services.service_cases import refold, request_of
from sync_server.services.uploads import PAGE, Received, received
from sync_server.store import desks_read, uploads_read, writing
from sync_server.store.engine import Store

TRAVEL = timedelta(minutes=1)
_typed = Moment("", "")


@dataclass(frozen=True)
class TimesPage:
    """A page of changes of doubtful time, the oldest first."""

    changes: tuple[Received, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Confirmed:
    """What confirming came to: how many times, and what is wrong, as codes by change."""

    done: int = 0
    troubles: Mapping[str, str] | None = None


def list_times(connection: sa.Connection, person: User, page: int, lang: str) -> TimesPage:
    """Return a page of the changes of doubtful time; raise Refusal ``not_allowed``."""
    require_records(person)
    rows, total = uploads_read.unsure_times(
        connection, person.district, person.scope_codes, start=(page - 1) * PAGE, size=PAGE
    )
    found = received(connection, person, rows, lang)
    return TimesPage(found, total, page, max(1, -(-total // PAGE)))


def confirm(store: Store, person: User, typed: Mapping[str, str], now: datetime) -> Confirmed:
    """Confirm the times of these changes: the corrected one where nothing was typed, else the typed
    one (a form's local time). All of them or none.

    A change somebody confirmed meanwhile is passed over. Raises Refusal ``not_allowed``.
    """
    if not may(person.role, "decide"):
        raise Refusal("not_allowed")
    times: dict[str, datetime | None] = {}
    troubles: dict[str, str] = {}
    for change_id, text in typed.items():
        times[change_id] = moment(str(_typed.from_form([text]))) if text else None
        if text and times[change_id] is None:
            troubles[change_id] = "bad_time"
    if troubles:
        return Confirmed(troubles=troubles)
    done = 0
    try:
        with store.writing() as connection:
            writing.lock_district(connection, person.district)
            for change_id, right in times.items():
                row = uploads_read.unsure_change(
                    connection, person.district, person.scope_codes, change_id
                )
                if row is None:
                    continue
                true = right or row["happened_at"]
                if true > row["received_at"] + TRAVEL:
                    troubles[change_id] = "time_after_receipt"
                    continue
                _confirm(connection, person, row, true, now)
                done += 1
            if troubles:
                raise _Wrong
    except _Wrong:
        return Confirmed(troubles=troubles)
    return Confirmed(done)


class _Wrong(Exception):
    """A time cannot be right; everything is undone."""


def _confirm(
    connection: sa.Connection, person: User, row: sa.RowMapping, right: datetime, now: datetime
) -> None:
    district, change_id = person.district, row["change_id"]
    desks_read.change_times(connection, district, change_id, right, person.user_id)
    record = writing.load_records(connection, district, [row["record_id"]]).get(row["record_id"])
    if record is not None:
        values: dict[str, Any] = {"origins": _surer(record["origins"], change_id, right)}
        if when := _happened(record, row, right):
            values["happened_at"] = when
        desks_read.change_record(connection, district, row["record_id"], values)
        if (request := request_of(record)) is not None:
            refold(connection, district, {request})
        field_lines.work_anew(connection, district, {**record, **values})
        if record["kind"] == care_alarms.VISIT:
            care_alarms.sound_after(connection, district, record, {**record, **values}, now)
    detail = {"record_id": row["record_id"], "entered": right != row["happened_at"]}
    audit.note(
        connection, district, now, "confirm_time",
        user_id=person.user_id, target=change_id, detail=detail,
    )  # fmt: skip


def _surer(origins: Mapping[str, Any], change_id: str, right: datetime) -> dict[str, Any]:
    """Return the origins with the confirmed time where this change stands behind a value."""
    known = {}
    for path, entry in origins.items():
        if entry["change_id"] == change_id:
            entry = {name: value for name, value in entry.items() if name != "doubtful"}
            entry["happened_at"] = right.isoformat()
        known[path] = entry
    return known


def _happened(record: Mapping[str, Any], row: sa.RowMapping, right: datetime) -> datetime | None:
    """Return when the record happened, None when this change had not set it."""
    try:
        dated_by = kind_of(record["kind"]).info.dated_by
    except UnknownKind:
        return None
    if not dated_by:
        made_by = record["origins"].get(DEFAULT, {}).get("change_id")
        return right if row["change_id"] == made_by else None
    source = origin_of(record["fields"], record["origins"], dated_by)
    if source is None or source["change_id"] != row["change_id"]:
        return None
    made, said = moment(row["made_at"]), moment(str(record["fields"].get(dated_by)))
    if made is None or said is None:
        return right
    return corrected(said, round((right - made).total_seconds()))
