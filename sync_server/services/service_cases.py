"""Where service requests stand, worked out from their steps and kept for lists and counts.

The rows are brought up to date when somebody looks: what was written since is folded anew, a
request at a time. They say nothing the requests and their steps do not say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import read_moment, written
from schemas.service_clocks import NAMES, Name, reached_by, said_dues
from schemas.service_flow import CANCELLED, Case, fold
from schemas.steps_order import Step
from sync_server.domain.time_limits import Clockwork
from sync_server.services.time_limits import load_clockwork
from sync_server.store import service_cases as store_cases
from sync_server.store import writing
from sync_server.store.engine import Store
from sync_server.store.poison import each_if_not_all
from sync_server.store.records_read import children_of
from sync_server.store.service_cases import SERVICE, STEP
from sync_server.store.service_tables import POINT

Row = Mapping[Any, Any]
CHUNK = 1000
LAG = 5000
"""So many changes of other kinds may go by before it is noted that none was a request's."""


def case_of(service: Row, steps: Collection[Row]) -> Case:
    """Return the case of a request's row and its steps' rows; steps count at their corrected
    times."""
    told = [
        Step(row["record_id"], row["author"], written(row["happened_at"]), row["fields"])
        for row in steps
    ]
    return fold(service["author"], told)


def dues_of(case: Case, clockwork: Clockwork) -> dict[Name, datetime]:
    """Return when the four clocks of an accepted case run out: as was said when it was taken on,
    else as limits and calendar have it now; none before acceptance."""
    if case.accepted_at is None:
        return {}
    return clockwork.service_dues(read_moment(case.accepted_at)) | said_dues(case)


def bring_up_to_date(store: Store, district: str) -> None:
    """Fold what was written to requests since they were last worked out, up to now."""
    until = None
    while True:
        with store.reading() as connection:
            mark, last = store_cases.worked_out(connection, district)
            until = last if until is None else until
            some = store_cases.touched(connection, district, mark, 1) if mark < until else []
        if not some and until - mark < LAG:
            return
        with store.writing() as connection:
            _work_on(connection, district)


def _work_on(connection: sa.Connection, district: str) -> None:
    last = writing.lock_district(connection, district)
    mark, _ = store_cases.worked_out(connection, district)
    some = store_cases.touched(connection, district, mark, CHUNK)
    each_if_not_all(
        connection,
        list(dict.fromkeys(one for _, one in some)),
        lambda ids: refold(connection, district, ids),
        lambda one: f"where request {one} stands",
    )
    done = some[-1][0] if len(some) == CHUNK else last
    store_cases.put_mark(connection, district, done)


def request_of(record: Row) -> str | None:
    """Return the request a record is or belongs to, None for a record of another kind."""
    if record["kind"] == SERVICE:
        return str(record["record_id"])
    return str(record["parent_id"]) if record["kind"] == STEP else None


def refold(connection: sa.Connection, district: str, service_ids: Collection[str]) -> None:
    """Work out anew where these requests stand, within the running write transaction."""
    if not service_ids:
        return
    clockwork = load_clockwork(connection, district)
    rows = writing.load_records(connection, district, service_ids)
    steps = children_of(connection, district, STEP, list(rows))
    fresh = [
        _row(row, case_of(row, steps[one]), clockwork)
        for one, row in rows.items()
        if row["kind"] == SERVICE and not row["voided"] and row["merged_into"] is None
    ]
    store_cases.put_rows(connection, district, service_ids, fresh)


def _row(service: Row, case: Case, clockwork: Clockwork) -> dict[str, Any]:
    fields = service["fields"]
    dues, reached = dues_of(case, clockwork), reached_by(case)
    waiting = [dues[name] for name in NAMES if dues and reached[name] is None]
    over = not case.open or case.state == CANCELLED
    return {
        "district": service["district"],
        "service_id": service["record_id"],
        "grid": service["grid"],
        "kind": fields.get("kind") or "",
        "item": fields.get("item") or "",
        "state": case.state,
        "taker_id": case.taker_id,
        "requested_at": service["happened_at"],
        "accepted_at": read_moment(case.accepted_at) if case.accepted_at else None,
        **{f"{name}_due": dues.get(name) for name in NAMES},
        **{f"{name}_at": reached[name] for name in NAMES},
        "next_due": None if over else min(waiting, default=None),
        "result": case.result,
        "person_times": case.person_times,
        "rating": case.rating,
        "point": str(fields.get("point") or "")[:POINT] or None,
    }
