"""Where issues stand, kept beside them: folded anew in every transaction that touches one.

The rows say nothing that the issues and their steps do not say (``store/case_tables.py``), except
which steps of laptops were overtaken and have been looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.cases import Call, Case, Lookback
from schemas.clock import read_moment
from sync_server.domain.case_clocks import stage_of
from sync_server.domain.deadlines import yellow_at
from sync_server.domain.time_limits import Clockwork
from sync_server.services.issue_life import ISSUE, STEP, case_of, state_of
from sync_server.services.time_limits import load_clockwork
from sync_server.store import cases, writing
from sync_server.store.engine import Store
from sync_server.store.records_read import children_of

Row = Mapping[str, Any]
CHUNK = 500


@dataclass(frozen=True)
class Folded:
    """An issue's row and the case its steps make of it."""

    row: Row
    case: Case


def fold_anew(
    connection: sa.Connection,
    district: str,
    issue_ids: Collection[str],
    now: datetime,
    clockwork: Clockwork,
    made: Mapping[str, Row] | None = None,
) -> dict[str, Folded]:
    """Write where these issues stand now and return them, by id.

    Within the running write transaction, after records and steps were written. ``made`` are those
    of them that this transaction made, with their rows, and no step of which has come.
    """
    fresh = {one: Folded(row, case_of(row, ())) for one, row in (made or {}).items()}
    known = set(issue_ids) - fresh.keys()
    issues = {
        one: row
        for one, row in writing.load_records(connection, district, known).items()
        if row["kind"] == ISSUE
    }
    steps = children_of(connection, district, STEP, list(issues))
    folded = {one: Folded(row, case_of(row, steps[one])) for one, row in issues.items()}
    keep_cases(connection, district, folded, clockwork)
    keep_cases(connection, district, fresh, clockwork, new=True)
    _keep_overtaken(connection, district, {one: item.case for one, item in folded.items()}, now)
    return folded | fresh


def keep_cases(
    connection: sa.Connection,
    district: str,
    folded: Mapping[str, Folded],
    clockwork: Clockwork,
    *,
    new: bool = False,
) -> None:
    """Write where these issues stand, as folded already (``new``: nothing is written of them)."""
    rows = [_row(district, one.row, one.case, clockwork) for one in folded.values()]
    cases.put_cases(connection, district, rows, new=new)


def taken_over(connection: sa.Connection, district: str, issue_ids: Collection[str]) -> set[str]:
    """Return those of these issues that the centre has taken from their authors: accepted or
    beyond. What a worker settled himself stays his until somebody confirms it."""
    his_own = (flow.REPORTED, flow.RETURNED)
    return {
        one
        for one, row in cases.case_rows(connection, district, issue_ids).items()
        if row["state"] not in his_own
        and not (row["state"] == flow.RESOLVED and row["self_handled"])
    }


def fold_missing(store: Store, district: str, now: datetime) -> int:
    """Fold the issues that have no row yet, some in each transaction; return how many."""
    done = 0
    while True:
        with store.writing() as connection:
            some = cases.without_case(connection, district, CHUNK)
            if not some:
                return done
            fold_anew(connection, district, some, now, load_clockwork(connection, district))
        done += len(some)


def _row(district: str, issue: Row, case: Case, clockwork: Clockwork) -> dict[str, Any]:
    state = state_of(issue, case)
    over = state in flow.OVER_STATES
    stage = None if over else stage_of(case, issue["received_at"], clockwork)
    planned = next((one for one in case.lookbacks if one.result is None), None)
    done = [one for one in case.lookbacks if one.result is not None]
    dues = [*case.former_dues, *([case.due_at] if case.due_at else [])]
    parts = {unit: "called" for one in case.whistles for unit in one.calls}
    calls = [call for one in case.whistles for call in one.calls.values()]
    return {
        "district": district,
        "issue_id": issue["record_id"],
        "grid": issue["grid"],
        "state": state,
        "over": over,
        "level": case.level,
        "category": case.category,
        "urgency": case.urgency,
        **cases.facts_of(issue),
        "author": issue["author"],
        "unit_id": case.unit_id,
        "assignee_id": case.assignee_id,
        "no": case.no,
        "mode": case.mode,
        "path": case.path,
        "result": case.result,
        "happened_at": issue["happened_at"],
        "received_at": issue["received_at"],
        "accepted_at": _moment(case.accepted_at),
        "resolved_at": _moment(case.resolved_at),
        "closed_at": _moment(case.closed_at),
        "due_at": _moment(case.due_at),
        "first_due_at": _moment(dues[0]) if dues else None,
        "stage_due_at": stage.due_at if stage else None,
        "yellow_at": yellow_at(stage.start, stage.due_at, stage.limit, clockwork.calendar)
        if stage
        else None,
        "suspended_until": _day(case.suspended_until),
        "lookback_on": _planned(planned),
        "lookback_result": done[-1].result if done else None,
        "asked": sorted(case.asked),
        "called": sorted(
            unit
            for one in case.whistles
            if not one.concluded
            for unit, call in one.calls.items()
            if call.reported_at is None
        ),
        "overtaken": len(case.overtaken),
        "self_handled": case.self_handled,
        "refusals": case.refusals,
        "escalated": sum(one.counted and one.step.action == "escalate" for one in case.readings),
        "rework_count": case.rework_count,
        "reminders": len(case.reminders),
        "rating": case.rating,
        "resolved_level": case.resolved_level,
        "calls": len(calls),
        "reports": sum(one.reported_at is not None for one in calls),
        "reports_on_time": sum(map(in_time, calls)),
        "relapses": sum(one.result == "relapse" for one in case.lookbacks),
        "into_id": case.into_id,
        "units": parts | {unit: "lead" for unit in case.units if unit not in parts},
    }


def _keep_overtaken(
    connection: sa.Connection, district: str, folded: Mapping[str, Case], now: datetime
) -> None:
    """Keep laptops' steps that do not count, each once; settle those that count after all."""
    kept = cases.overtaken_of(connection, district, folded)
    fresh, counted = [], []
    for issue_id, case in folded.items():
        for one in case.readings:
            step = one.step
            if step.central or step.after is None or step.action in flow.SPEAKING:
                continue
            if one.counted and step.step_id in kept:
                counted.append(step.step_id)
            elif not one.counted and step.step_id not in kept:
                fresh.append(
                    {
                        "district": district,
                        "step_id": step.step_id,
                        "issue_id": issue_id,
                        "author": step.author,
                        "action": step.action,
                        "before": one.before,
                        "why": one.why,
                        "opened_at": now,
                    }
                )
    cases.add_overtaken(connection, fresh)
    cases.settle_overtaken(connection, district, counted, now, None)


def _moment(text: str | None) -> datetime | None:
    try:
        return read_moment(text) if text else None
    except ValueError:
        return None


def in_time(call: Call) -> bool:
    """Tell whether a unit reported in by its time; one that was set none cannot be late."""
    at, due = _moment(call.reported_at), _moment(call.due_at)
    return at is not None and (due is None or at <= due)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _planned(lookback: Lookback | None) -> date | None:
    return _day(lookback.planned) if lookback else None
