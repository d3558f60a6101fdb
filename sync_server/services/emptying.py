"""Emptying records at the end of their retention period (decision 0036): what is personal goes,
from the record and from all the centre holds of it; that it was there, and what happened to it,
stays.

Of a change number, id, hash, chain, times and outcome stay, and a hash of what it said: so accounts
agree with every laptop, and the same change sent again is known. Laptops that hold the record get
it by the ordinary pull, as a version without those values. One transaction empties a person with
all that goes along; whatever stops in between goes on with the next.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import local_day
from schemas.retention import emptied, without_personal
from schemas.search import search_text
from sync_server.domain.merge import Edit
from sync_server.services import audit
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.central_log import central_row
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.ledger import Effect, next_version, state_of
from sync_server.services.photos import photo_store
from sync_server.services.same_content import content_hash
from sync_server.store import duplicates, emptying, photo_rows, retention, writing
from sync_server.store.engine import Store

log = logging.getLogger(__name__)

Row = dict[str, Any]
RESIDENT, CARE, PHOTO, CORRECTION, DECISION = "resident", "care", "photo", "correction", "decision"
REASON = "保存期限届满"
AT_ONCE = 5
"""So many persons with all of theirs in one transaction: laptops need not wait long."""
A_TICK = 200
"""So many persons before other things that are due get their turn."""


def gather(connection: sa.Connection, district: str, root_id: str) -> dict[str, Row]:
    """Return everything that goes along with a resident or a care record, itself included: records
    that were merged into it, care records, photos, questions and decisions about all of them."""

    def whole(ids: set[str]) -> set[str]:
        return ids | duplicates.gathered(connection, district, ids).keys()

    own = whole({root_id})
    own = whole(own | set(retention.under(connection, district, own, {CARE})))
    own |= set(retention.under(connection, district, own, {PHOTO}))
    own |= set(retention.under(connection, district, own, {CORRECTION, DECISION}))
    return writing.load_records(connection, district, own)


def keeps(
    connection: sa.Connection,
    district: str,
    root_id: str,
    rows: Mapping[str, Row],
    before: datetime,
    named: set[str],
) -> str:
    """Return what keeps a person's records from being emptied, empty when nothing does. ``named``
    are the ids that open work names."""
    root = rows.get(root_id)
    if root is None or root["merged_into"] is not None or not _is_over(root, before):
        return "changed"
    if named & rows.keys():
        return "work"
    if any(
        row["kind"] == CORRECTION and not row["voided"] and not row["fields"].get("closed")
        for row in rows.values()
    ):
        return "asked"
    return emptying.why_kept(connection, district, rows.keys(), before)


def _is_over(root: Row, before: datetime) -> bool:
    """Whether a record has come to its end: void, or a resident who moved out before."""
    if root["voided"]:
        return True
    left = root["fields"].get("moved_out_at")
    return root["kind"] == RESIDENT and bool(left) and str(left) <= local_day(before)


def empty_some(centre: Centre, now: datetime, most: int = A_TICK) -> int:
    """Go on with the runs that were confirmed, at most ``most`` persons; return how many were
    looked at."""
    done = 0
    with centre.store.reading() as connection:
        runs = retention.runs_of(connection, centre.code, 100, retention.CONFIRMED)
    for run in reversed(runs):
        while done < most:
            if not (some := _empty_next(centre.store, run, now)):
                _end(centre, run, now)
                break
            done += some
    return done


def _empty_next(store: Store, run: Mapping[Any, Any], now: datetime) -> int:
    """Empty the next few persons of a run; return how many were looked at."""
    district, run_id = run["district"], run["run_id"]
    with store.writing() as connection:
        writing.lock_district(connection, district)
        current = retention.run_of(connection, district, run_id)
        if current is None or current["state"] != retention.CONFIRMED:
            return 0
        roots = retention.next_roots(connection, district, run_id, AT_ONCE)
        if not roots:
            return 0
        named = emptying.named_by_open_work(connection, district)
        for root_id in roots:
            rows = gather(connection, district, root_id)
            if keeps(connection, district, root_id, rows, current["before"], named):
                retention.settle(connection, district, run_id, root_id, retention.KEPT, now)
            else:
                _empty(connection, current, root_id, rows, now)
    return len(roots)


def _empty(
    connection: sa.Connection,
    run: Mapping[Any, Any],
    root_id: str,
    rows: Mapping[str, Row],
    now: datetime,
) -> None:
    """Empty one person's records in the running write transaction, which holds the district."""
    district, by = run["district"], run["decided_by"]
    for row in rows.values():
        if row["kind"] in (RESIDENT, CARE, PHOTO) and not row["voided"] and not row["merged_into"]:
            change = CentralChange(
                row["kind"], row["record_id"], "void", {"reason": REASON}, by,
                base_version=row["version"], by_rule=True,
            )  # fmt: skip
            apply_central_change(connection, district, change, now)
    _empty_log(connection, district, rows)
    versions = _empty_records(connection, district, by, set(rows), now)
    emptying.empty_beside(connection, district, rows.keys())
    retention.forget_listed(connection, district, run["run_id"], root_id, rows)
    retention.add_records(
        connection,
        [
            {
                "district": district, "run_id": run["run_id"], "record_id": one,
                "kind": row["kind"], "grid": row["grid"], "root_id": root_id,
                "state": retention.EMPTIED, "version": versions[one], "at": now,
            }
            for one, row in rows.items()
        ],
    )  # fmt: skip


def _empty_log(connection: sa.Connection, district: str, rows: Mapping[str, Row]) -> None:
    """Empty what the changes of these records said. A photo's say nothing of a person, but for the
    words with which it was voided."""
    found = emptying.changes_with_words(connection, district, rows.keys())
    emptying.empty_changes(
        connection,
        district,
        [
            {
                "change_id": row["change_id"],
                "emptied": content_hash(row),
                "problem": _without_values(row["problem"]),
                "doubts": _without_values(row["doubts"]),
            }
            for row in found
            if row["kind"] != PHOTO or row["action"] == "void"
        ],
    )


def _without_values(notes: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Return problems or doubts without what they quote: which field, and what was wrong."""
    if not notes:
        return notes
    words = {"params": {}, "zh": "内容已按保存期限清空", "en": "emptied by its retention period"}
    return [{**note, **words} if note.get("params") else note for note in notes]


def _empty_records(
    connection: sa.Connection, district: str, by: str, record_ids: set[str], now: datetime
) -> dict[str, int]:
    """Give each of these records that says something personal a version that does not, as an entry
    of the log; return the version of each."""
    rows = writing.load_records(connection, district, record_ids)
    last, floor, _ = writing.lock_numbers(connection, district)
    entries = []
    for one in sorted(rows):
        row, kind = rows[one], kind_of(rows[one]["kind"])
        if not emptied(kind):
            continue
        fields, base = without_personal(kind, row["fields"]), row["version"]
        if fields == row["fields"]:
            continue
        last += 1
        row |= next_version(state_of(row, floor)) | {
            "fields": fields, "change_no": last, "search_text": search_text(kind, fields),
        }  # fmt: skip
        emptying.write_record(connection, row)
        edit = Edit(new_id(), by, None, base, now, False)
        effect = Effect("applied", row["version"])
        entries.append(
            central_row(
                district, kind, one, retention.EMPTY, {}, edit, effect, now, base_version=base
            )
        )
    if entries:
        writing.set_change_no(connection, district, last)
        writing.insert_changes(connection, entries)
    return {one: row["version"] for one, row in rows.items()}


def _end(centre: Centre, run: Mapping[Any, Any], now: datetime) -> None:
    """Remove the files of photos that were taken (also those brought once more since an earlier
    run), and note that the run is done."""
    district, run_id = centre.code, run["run_id"]
    with centre.store.reading() as connection:
        hashes = emptying.files_to_remove(connection, district)
    files = photo_store(centre)
    with centre.store.writing() as connection:
        writing.lock_district(connection, district)
        current = retention.run_of(connection, district, run_id)
        if current is None or current["state"] != retention.CONFIRMED:
            return
        photo_rows.note_gone(connection, district, hashes, now)
    removed = sum(files.remove(sha256) for sha256 in hashes)  # noted first: none counts as lost
    with centre.store.writing() as connection:
        done = retention.counts(connection, district, run_id)
        facts = {
            "emptied": sum(many for (state, _), many in done.items() if state == retention.EMPTIED),
            "kept": sum(many for (state, _), many in done.items() if state == retention.KEPT),
            "photos": removed,
        }
        values = {"state": retention.DONE, "ended_at": now}
        retention.change_run(connection, district, run_id, values)
        audit.note(
            connection, district, now, "retention_done", user_id=run["decided_by"], target=run_id,
            detail=facts,
        )  # fmt: skip
    log.info("retention run %s is done: %s", run_id, facts)
