"""Taking steps of issues at the centre: by staff, by units, and by the centre itself.

A step is checked by the table and its guards against the case as it stands in this transaction,
gets what only the centre can say (what it came after, acting role and unit, number, due time), and
is a change like any other. Laptops' steps come by the exchange; ``follow_up`` is common to both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas import workflow as flow
from schemas.cases import Case, take
from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import SHANGHAI, local_day, written
from schemas.guards import Actor
from schemas.kinds.compound import tag_on
from schemas.steps_order import Step
from schemas.values import apply
from sync_server.domain.automatic import relapsed_at, wanted_now
from sync_server.domain.case_steps import completed
from sync_server.domain.compound_tags import entries_of_old, said_since, said_the_old_way
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import Edit
from sync_server.domain.time_limits import Clockwork
from sync_server.services.casework import Folded, fold_anew, keep_cases
from sync_server.services.central_log import central_row
from sync_server.services.ids import new_id
from sync_server.services.issue_life import ISSUE, STEP, case_of
from sync_server.services.ledger import Ledger
from sync_server.services.time_limits import load_clockwork
from sync_server.store import cases, history_read, writing
from sync_server.store.records_read import children_of

Row = Mapping[str, Any]
SYSTEM = Actor(flow.SYSTEM_ID, flow.SYSTEM)
ROUNDS = 6
"""More automatic steps in a row do not happen; the rest would wait for the next touch."""


@dataclass(frozen=True)
class NewStep:
    """A step to be taken: by whom, on which issue, what it says (wire fields), and when."""

    issue_id: str
    action: str
    actor: Actor
    said: Mapping[str, Any]
    at: datetime
    step_id: str = ""


def take_steps(
    connection: sa.Connection,
    district: str,
    wanted: Sequence[NewStep],
    now: datetime,
    *,
    past: bool = False,
) -> dict[str, Case]:
    """Take steps of different issues, one each, and what follows by itself; return the cases.

    ``past``: what happened before this centre kept it, so that each step, and what follows from it,
    counts as received at its own time. Raises Refusal: unknown_record; step_not_possible with
    ``why`` (a guard, a needed field or "state") and ``issue_id``; bad_fields with ``problems``.
    Whose areas an issue lies in is for the caller to judge. Nothing is written when one is refused.
    """
    writing.lock_district(connection, district)
    issues = writing.load_records(connection, district, [one.issue_id for one in wanted])
    for one in wanted:
        row = issues.get(one.issue_id)
        if row is None or row["kind"] != ISSUE or row["voided"] or row["merged_into"]:
            raise Refusal("unknown_record")
    steps = children_of(connection, district, STEP, list(issues))
    folded = {one: Folded(row, case_of(row, steps[one])) for one, row in issues.items()}
    clockwork = load_clockwork(connection, district)
    _append(connection, district, wanted, folded, now, clockwork, past)
    # A step of the centre has seen all the others, so it is the last: nothing need be folded again.
    times = {one.issue_id: one.at for one in wanted} if past else {}
    _go_on(connection, district, folded, now, clockwork, times)
    keep_cases(connection, district, folded, clockwork)
    return {one: item.case for one, item in folded.items()}


def follow_up(
    connection: sa.Connection,
    district: str,
    issue_ids: Collection[str],
    now: datetime,
    times: Mapping[str, datetime] | None = None,
    made: Mapping[str, Row] | None = None,
    ahead: Clockwork | None = None,
) -> dict[str, Case]:
    """Write where touched issues stand and take the steps that follow by themselves; return the
    cases.

    Within the running write transaction, whoever touched them: a rated issue is closed, work to be
    done again gets its due time, a closed issue its look-back, a relapse puts its compound back on
    the list. ``times`` says of issues out of the past when they were touched; ``made`` are those
    that this transaction made and that no step has come of, with their rows. ``ahead``: what
    deadlines are worked out with, when it was looked up already.
    """
    if not issue_ids:
        return {}
    clockwork = ahead or load_clockwork(connection, district)
    folded = fold_anew(connection, district, issue_ids, now, clockwork, made)
    moved = _go_on(connection, district, folded, now, clockwork, times or {})
    keep_cases(connection, district, {one: folded[one] for one in moved}, clockwork)
    return {one: item.case for one, item in folded.items()}


def _go_on(
    connection: sa.Connection,
    district: str,
    folded: Mapping[str, Folded],
    now: datetime,
    clockwork: Clockwork,
    times: Mapping[str, datetime],
) -> set[str]:
    """Take the steps that follow by themselves until none does; return the issues that had any.

    ``times``: when it happens, for issues of the past."""
    moved: set[str] = set()
    left: Collection[str] = folded
    for _ in range(ROUNDS):
        some = [folded[one] for one in left]
        _relist(connection, district, some, now)
        wanted = [
            NewStep(
                one.case.issue_id, step.action, SYSTEM, step.said, times.get(one.case.issue_id, now)
            )
            for one in some
            if not one.row["voided"] and not one.row["merged_into"]
            for step in wanted_now(one.case, clockwork)
        ]
        if not wanted:
            break
        left = [one.issue_id for one in wanted]
        moved.update(left)
        _append(connection, district, wanted, folded, now, clockwork, bool(times))
    return moved


def _append(
    connection: sa.Connection,
    district: str,
    wanted: Sequence[NewStep],
    folded: Mapping[str, Folded],
    now: datetime,
    clockwork: Clockwork,
    past: bool = False,
) -> None:
    kind = kind_of(STEP)
    ledger = Ledger(connection, district, now)
    log, deliveries = [], []
    numbers = _Numbers(connection, district, wanted, folded)
    for one in wanted:
        case, issue = folded[one.issue_id].case, folded[one.issue_id].row
        said = completed(
            one.issue_id, one.action, one.said, one.actor, one.at, case, clockwork, numbers.take
        )
        checked = check(kind, "step", said)
        if not checked.ok:
            raise Refusal("bad_fields", problems=[each.as_json() for each in checked.problems])
        step_id = one.step_id or new_id()
        stored = apply(kind, {}, checked.fields)
        reading = take(case, Step(step_id, one.actor.user_id, written(one.at), stored))
        if reading.why:
            raise Refusal("step_not_possible", why=reading.why, issue_id=one.issue_id)
        fields = checked.fields | {"from_state": reading.before, "to_state": reading.after}
        edit = Edit(new_id(), one.actor.user_id, None, 0, one.at, False)
        received = one.at if past else now
        effect = ledger.create(
            kind, edit, step_id, issue["grid"], written(one.at), fields, received_at=received
        )
        log.append(
            central_row(
                district, kind, step_id, "step", fields, edit, effect, received, grid=issue["grid"]
            )
        )
        if doer := _asked_of(one, case):
            deliveries.append(
                {
                    "district": district,
                    "step_id": step_id,
                    "issue_id": one.issue_id,
                    "user_id": doer,
                    "issued_at": one.at,
                }
            )
    ledger.write()
    writing.insert_changes(connection, log)
    cases.add_deliveries(connection, deliveries)


def _asked_of(one: NewStep, case: Case) -> str | None:
    """Return the worker a step gives something to do."""
    if one.action == "return":
        return case.author
    if one.action in ("handle", "plan_lookback"):
        assignee = one.said.get("assignee_id")
        return str(assignee) if assignee else None
    return None


class _Numbers:
    """Numbers for the issues of one transaction, taken when the first is wanted."""

    def __init__(
        self,
        connection: sa.Connection,
        district: str,
        wanted: Sequence[NewStep],
        folded: Mapping[str, Folded],
    ) -> None:
        self._connection = connection
        self._district = district
        self._wanted = [
            one.at.astimezone(SHANGHAI).year
            for one in wanted
            if one.action in ("accept", "close") and folded[one.issue_id].case.no is None
        ]
        self._next: dict[int, int] = {}

    def take(self, at: datetime) -> str:
        """Return the next number of the year."""
        year = at.astimezone(SHANGHAI).year
        if year not in self._next:
            count = self._wanted.count(year)
            self._next[year] = cases.next_numbers(self._connection, self._district, year, count)
        number = self._next[year]
        self._next[year] += 1
        return f"{self._district}-{year}-{number:06d}"


def _relist(
    connection: sa.Connection, district: str, folded: Collection[Folded], now: datetime
) -> None:
    """Put the compounds of relapsed issues back on the list of hard ones, once for each relapse:
    what was said of their tags since then stands."""
    wanted: dict[str, datetime] = {}
    for one in folded:
        compound, at = one.row["fields"].get("compound_id"), relapsed_at(one.case)
        if compound and at is not None and one.case.state == flow.HANDLING:
            wanted[compound] = max(at, wanted.get(compound, at))
    if not wanted:
        return
    kind, ledger, log = kind_of("compound"), Ledger(connection, district, now), []
    ledger.load(wanted)
    day = local_day(now)
    for compound_id in sorted(wanted):
        row = ledger.record(compound_id)
        if row is None or row["kind"] != "compound" or row["voided"]:
            continue
        span = tag_on(row["fields"], day)
        if (span.tag if span else row["fields"].get("tag")) == "hard":
            continue
        old = history_read.changes_of(connection, district, compound_id)
        if said_since(old, wanted[compound_id]):
            continue
        entries = entries_of_old(row, old) if said_the_old_way(row) else []
        listed = {new_id(): one for one in [*entries, {"tag": "hard", "since": day}]}
        fields = {"tag": "hard", "tag_from": day, "tags": {"add": listed}}
        edit = Edit(new_id(), flow.SYSTEM_ID, None, row["version"], now, False)
        base = row["version"]
        effect = ledger.change(edit, compound_id, "update", written(now), fields)
        log.append(
            central_row(
                district, kind, compound_id, "update", fields, edit, effect, now, base_version=base
            )
        )
    ledger.write()
    writing.insert_changes(connection, log)
