"""Patrols, visits and leaflets as narrow rows, worked out from the records for lists and counts.

The rows are brought up to date when somebody looks, and once a minute: what was written since is
worked out anew. They say nothing the records do not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.care_contact import MET, REACHED
from schemas.clock import SHANGHAI, read_moment
from schemas.materials import moves_of
from sync_server.services.field_sums import look_at_homes, note
from sync_server.services.places import GRID_LENGTH
from sync_server.store import feed, field_lines, field_sums
from sync_server.store.engine import Store
from sync_server.store.field_lines import PATROL, VISIT
from sync_server.store.poison import each_if_not_all

Row = Mapping[Any, Any]
CHUNK = 500
"""Records worked out in one transaction; on SQLite nobody else writes as long."""
LAG = 5000
"""So many changes of other kinds may go by before it is noted that none was field work."""
LATE_AFTER = timedelta(hours=24)
"""What is entered, or comes in, longer after the event than this is late."""


def bring_up_to_date(store: Store, district: str) -> int:
    """Work out what was written since the rows were last worked out, up to now: what laptops bring
    meanwhile is for the next time. Return how many records that were."""
    worked, until = 0, None
    while True:
        with store.reading() as connection:
            mark, last = field_lines.worked_out(connection, district)
            until = last if until is None else until
            some = mark < until and field_lines.any_touched(connection, district, mark)
        if not some and until - mark < LAG:
            look_at_homes(store, district)
            return worked
        with store.writing() as connection:
            worked += _work_on(connection, district)


def _work_on(connection: sa.Connection, district: str) -> int:
    """Work the next records out, and the district's laptops go on: what they write meanwhile has a
    number beyond the last one seen here, and is worked out by the next piece."""
    mark = field_lines.take_mark(connection, district)
    last = feed.last_change_no(connection, district)
    some = field_lines.touched(connection, district, mark, CHUNK)

    def write(records: Sequence[Row]) -> None:
        _replace(connection, district, records)

    # What one record says must not keep all that came after it from being counted.
    each_if_not_all(connection, some, write, lambda one: f"field work of {one['record_id']}")
    done = some[-1]["change_no"] if len(some) == CHUNK else last
    field_lines.put_mark(connection, district, done)
    return len(some)


def _replace(connection: sa.Connection, district: str, some: Sequence[Row]) -> None:
    ids: dict[str, list[str]] = defaultdict(list)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in some:
        ids[record["kind"]].append(record["record_id"])
        if not record["voided"] and record["merged_into"] is None:
            for table, row in rows_of(record):
                rows[table].append({"district": district, **row})
    before = field_sums.told_by(connection, district, ids)
    field_lines.replace_rows(connection, district, ids, rows)
    note(connection, district, ids, before)


def work_anew(connection: sa.Connection, district: str, record: Row) -> None:
    """Work out anew the rows of one record whose time was corrected, within the running write
    transaction, which holds the district."""
    if record["kind"] not in field_lines.KINDS:
        return
    field_lines.take_mark(connection, district)
    _replace(connection, district, [record])


def rows_of(record: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(table, row)`` of all that a record of field work says, the district left out."""
    fields, at = record["fields"], record["happened_at"]
    place = {
        "base_grid": record["grid"][:GRID_LENGTH],
        "day": at.astimezone(SHANGHAI).date(),
    }
    record_id = record["record_id"]
    if record["kind"] == PATROL:
        yield from _patrol(record_id, record, place)
    elif record["kind"] == VISIT:
        yield from _visit(record_id, record, place)
    for material, move, qty in moves_of(record["kind"], fields):
        moved = {"material": material, "move": move, "qty": qty}
        campaign = {"campaign_id": fields.get("campaign_id")}
        yield "material_lines", {"record_id": record_id, **place, **moved, **campaign}


def _patrol(record_id: str, record: Row, place: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    fields = record["fields"]
    yield (
        "patrol_lines",
        {
            "patrol_id": record_id,
            **place,
            "slot": fields.get("slot") or "",
            "at": record["happened_at"],
            "late": _late(record, "started_at"),
            "received_at": record["received_at"],
            "came_late": _came_late(record),
        },
    )
    for compound_id in fields.get("covered_ids") or ():
        yield "patrol_points", {"patrol_id": record_id, "compound_id": compound_id, **place}


def _visit(record_id: str, record: Row, place: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    fields, at = record["fields"], record["happened_at"]
    by_phone = fields.get("mode") == "phone"
    campaign = {"campaign_id": fields.get("campaign_id")}
    yield (
        "visit_lines",
        {
            "visit_id": record_id,
            **place,
            "at": at,
            "household_id": fields.get("household_id"),
            "shop_id": fields.get("shop_id"),
            "result": fields.get("result") or "",
            "met": fields.get("result") in MET,
            "by_phone": by_phone,
            "late": _late(record, "visited_at"),
            **campaign,
            "rating": fields.get("rating"),
            "received_at": record["received_at"],
            "came_late": _came_late(record),
        },
    )
    for resident_id, check in (fields.get("care_checks") or {}).items():
        state = check.get("state") or ""
        yield (
            "visit_checks",
            {
                "visit_id": record_id,
                "resident_id": resident_id,
                "base_grid": place["base_grid"],
                "at": at,
                "state": state,
                "reached": state in REACHED,
                "by_phone": by_phone,
                "next_on": _day(check.get("next_on")),
            },
        )
    for key, opinion in (fields.get("opinions") or {}).items():
        said = {"category": opinion.get("category") or "other", **campaign}
        yield "visit_opinions", {"visit_id": record_id, "key": key, **place, "at": at, **said}
    if campaign["campaign_id"]:
        for key in fields.get("answers") or {}:
            told = {"base_grid": place["base_grid"], "at": at, **campaign}
            yield "visit_answers", {"visit_id": record_id, "key": key, **told}


def _late(record: Row, dated_by: str) -> bool:
    """Whether a record was made more than a day after what it tells of; both are the laptop's own
    times, so that a wrong clock makes nothing late."""
    try:
        made, happened = read_moment(record["made_at"]), read_moment(record["fields"][dated_by])
    except (KeyError, ValueError, TypeError):
        return False
    return made - happened > LATE_AFTER


def _came_late(record: Row) -> bool | None:
    """Whether a record came in more than a day after what it tells of, by its corrected time; None
    of one that no laptop brought."""
    if record["device_id"] is None:
        return None
    return bool(record["received_at"] - record["happened_at"] > LATE_AFTER)


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None
