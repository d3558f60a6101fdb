"""Judging refused changes again: after staff put them right or answer for them, after an upgrade.

The change goes on as its writer's, from where it stood in his log, with what staff made of its
fields; changes that waited for its record follow. Nothing of what was sent is altered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.domain.envelope import Arrival, reopened
from sync_server.domain.holding import Made
from sync_server.domain.judging import Verdict, Worker, hangs_below, judge, parent_id
from sync_server.services.applying import apply_judged, is_overtaken, overtake
from sync_server.services.care_alarms import sound_alarms
from sync_server.services.casework import taken_over
from sync_server.services.corrected import Corrected, as_update
from sync_server.services.decision_records import readers_of, tell_decisions
from sync_server.services.heirs import Heirs
from sync_server.services.issue_life import ISSUE
from sync_server.services.ledger import Ledger
from sync_server.services.steps import follow_up
from sync_server.store import holdings, moving, streams, writing

Row = dict[str, Any]


@dataclass
class _Case:
    """A change judged again; ``row`` becomes what it is afterwards."""

    row: Row
    arrival: Arrival
    waiting: bool = False


@dataclass
class Releasing:
    """Judges refused changes again in one write transaction; ``take`` is called once.

    ``areas`` are what whoever releases answers for, beside what the writer holds himself; none:
    nobody does, and the changes are judged by every rule of the exchange.
    """

    connection: sa.Connection
    district: str
    now: datetime
    areas: Sequence[str] = ()
    settled: list[Row] = field(default_factory=list)
    """Changes that had waited for one of these records and are settled now."""

    def take(self, rows: Sequence[Mapping[Any, Any]]) -> list[Row]:
        """Judge these changes in order, write what became of them, and return them as they are now.

        One that cannot be applied yet stays quarantined with today's problems, or is held.
        """
        self._ledger = Ledger(self.connection, self.district, self.now)
        self._heirs = Heirs(self.connection, self.district)
        self._corrected = Corrected(self.connection, self.district)
        cases = [_Case(dict(row), reopened(row)) for row in rows]
        self._rows = found = [case.row for case in cases]
        self._load(cases)
        for case in cases:
            self._judge(case)
        self._ledger.write()
        writing.settle_held(self.connection, found + self.settled)
        tell_decisions(self.connection, self.district, self._ledger.decided, self.now)
        sound_alarms(self.connection, self.district, self._ledger, self.now)
        follow_up(self.connection, self.district, self._ledger.issues, self.now)
        return found

    def _load(self, cases: Sequence[_Case]) -> None:
        """Read the records these changes and those waiting for them name, and their writers."""
        made = [one.row["record_id"] for one in cases if one.row["action"] == "create"]
        held = [
            _Case(row, reopened(row), waiting=True)
            for row in writing.waiting_changes(self.connection, self.district, made)
        ]
        self._waiting: dict[str, list[_Case]] = {}
        for case in held:
            self._waiting.setdefault(case.row["waits_for"], []).append(case)
        every = [*cases, *held]
        wanted = {one.row["record_id"] for one in every}
        wanted |= {parent for one in every if (parent := parent_id(one.arrival))}
        self._ledger.load(wanted)
        self._corrected.load(one.row["corrects"] for one in cases)
        self._people = readers_of(self.connection, self.district, [one.row for one in every])
        people = set(self._people.values())
        scopes = streams.scopes_of(self.connection, self.district, people)
        held_by = holdings.holdings_of(self.connection, self.district, people)
        kinds = streams.kinds_of(self.connection, self.district, people)
        self._workers = {
            one: Worker(one, scopes.get(one, ()), held_by[one], kinds.get(one, ""))
            for one in people
        }
        edited = {one.row["record_id"] for one in every if one.row["kind"] == ISSUE}
        self._taken_over = taken_over(self.connection, self.district, edited)
        above = {one for case in every if (one := hangs_below(case.arrival))}
        self._moved = moving.moves_of(self.connection, self.district, wanted | above)
        self._ledger.load(above & self._moved.keys())

    def _judge(self, case: _Case) -> None:
        row, ledger = case.row, self._ledger
        worker = writer = self._workers[self._people[row["change_id"]]]
        by_hand = bool(self.areas) and not case.waiting
        if by_hand:
            worker = replace(writer, grids=(*worker.grids, *self.areas), kind="")
        first = self._corrected.let_in(case.arrival, ledger.record(row["record_id"]))
        if first is not None:
            here = [*self._rows, *self.settled]
            added = ledger.lines.added_between(first, row, here)
            case.arrival = as_update(case.arrival, first, added)
        above = parent_id(case.arrival) or hangs_below(case.arrival)
        verdict = judge(
            case.arrival,
            worker,
            ledger.record(row["record_id"]),
            ledger.record(above),
            Made(row["happened_at"], _unsure(row), row["received_at"]),
            [step.from_area for step in self._moved.get(above or row["record_id"], ())],
            row["record_id"] in self._taken_over and not by_hand,
            ledger.survivor(row["record_id"]),
        )
        if case.arrival.kind is not None:
            new = case.arrival.action == "create"
            verdict = self._heirs.settle(verdict, writer, case.arrival.kind.info, new=new)
        row["waits_for"] = verdict.waits_for
        row["doubts"] = case.arrival.doubts or None
        if verdict.problems:
            row |= {"outcome": "quarantined", "problem": verdict.problems}
        elif verdict.waits_for:
            row |= {"outcome": "held", "problem": None}
        else:
            self._apply(case, verdict)

    def _apply(self, case: _Case, verdict: Verdict) -> None:
        row = case.row
        effect = apply_judged(
            self._ledger, row, case.arrival, verdict, doubtful=_unsure(row), late=not case.waiting
        )
        if effect is None:
            return
        for waiting in self._waiting.pop(row["record_id"], ()):
            self.settled.append(waiting.row)
            if is_overtaken(self._ledger, waiting.row, row):
                overtake(waiting.row, effect)
            else:
                self._judge(waiting)


def _unsure(row: Row) -> bool:
    return bool(row["doubtful"] and row["time_confirmed_by"] is None)
