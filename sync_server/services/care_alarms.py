"""Two misses in a row of somebody in care, noticed at the centre.

Two laptops may each have seen one miss, an older program does not raise the issue itself, and a
late visit may fill a gap. So whatever brings a visit in asks here, in the same transaction, and
the urgent issue is made when nobody has made it. The rule is `schemas.care_contact`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.care_contact import (
    CARE,
    Contact,
    Standing,
    alarm_fields,
    alarm_id,
    calls_for_alarm,
    contact_of,
    may_miss,
    met_nobody,
    missed_in_check,
    misses_around,
)
from schemas.catalogue import kind_of
from schemas.clock import local_day
from schemas.describe import title
from schemas.workflow import OVER_STATES
from sync_server.domain.judging import GRID_DIGITS
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.issue_life import ISSUE, STEP, case_of, state_of
from sync_server.store import care_read
from sync_server.store.records_read import Row, by_ids, children_of

VISIT = "visit"


def sound_alarms(
    connection: sa.Connection, district: str, visits: Iterable[Mapping[str, Any]], now: datetime
) -> list[str]:
    """Make the issue for everybody whom one of these visits missed for the second time in a row.

    ``visits`` are rows of records as they stand now, written in the running transaction, which
    holds the district's turn. Returns the ids of the issues made. A visit that can have missed
    nobody costs no query.
    """
    made = []
    for visit in visits:
        if may_miss(visit["fields"]) and not visit["voided"] and not visit.get("merged_into"):
            made += _Door(connection, district, visit, now).sound()
    return made


@dataclass(frozen=True)
class _Door:
    """One visit with everything that was ever noted at its door."""

    connection: sa.Connection
    district: str
    visit: Mapping[str, Any]
    now: datetime

    @property
    def household_id(self) -> str | None:
        found = self.visit["fields"].get("household_id")
        return str(found) if found else None

    def sound(self) -> list[str]:
        """Make the alarms this visit calls for and return their ids."""
        people = self._people()
        if not people:
            return []
        about = {*people, self.household_id} - {None}
        lying = care_read.lying(self.connection, self.district, about)
        earlier = care_read.visits_about(
            self.connection,
            self.district,
            lying.grids | {self.visit["grid"][:GRID_DIGITS]},
            self.visit["happened_at"],
            self.household_id,
            people,
        )
        made = []
        for resident_id in people:
            run = self._run(earlier, resident_id)
            if run and self._calls(run, resident_id, people):
                lies_in = (lying.area.get(one) for one in (resident_id, self.household_id or ""))
                area = next((one for one in lies_in if one), self.visit["grid"])
                made.append(self._make(run, resident_id, earlier, area))
        return made

    def _people(self) -> Collection[str]:
        """Return whom the visit can have missed: those checked, those in care behind the door."""
        fields = self.visit["fields"]
        checked = missed_in_check(fields)
        if not self.household_id or not met_nobody(fields):
            return checked
        day = local_day(self.visit["happened_at"])
        behind = care_read.in_care(self.connection, self.district, self.household_id, day)
        return list(dict.fromkeys([*checked, *behind]))

    def _run(self, visits: Sequence[Row], resident_id: str) -> tuple[Contact, ...]:
        found = (
            contact_of(
                resident_id,
                self.household_id,
                row["record_id"],
                row["happened_at"],
                row["fields"],
            )
            for row in visits
        )
        return misses_around([one for one in found if one], self.visit["record_id"])

    def _calls(self, run: tuple[Contact, ...], resident_id: str, people: Collection[str]) -> bool:
        wanted = {alarm_id(one.visit_id, resident_id) for one in run}
        wanted |= {issue_id for one in run for issue_id in one.issue_ids}
        issues = by_ids(self.connection, self.district, wanted)
        steps = children_of(self.connection, self.district, STEP, list(issues))

        def standing(issue_id: str) -> Standing:
            row = issues.get(issue_id)
            if row is None:
                return "unknown"
            if row["kind"] != ISSUE or row["fields"].get("category") != CARE:
                return "other"
            state = state_of(row, case_of(row, steps[issue_id]))
            return "over" if state in OVER_STATES else "open"

        return calls_for_alarm(run, self.visit["record_id"], resident_id, people, standing)

    def _make(
        self, run: tuple[Contact, ...], resident_id: str, visits: Sequence[Row], area: str
    ) -> str:
        """Make the issue as the worker's of the visit: it is his to edit, as if he had reported it.

        It lies in ``area``, where the person is looked after today, so that whoever goes there
        now has it. It belongs to this visit, or to the second of the run when this is the first:
        so two visits raise the same issue in whichever order they come.
        """
        second = run[1].visit_id if run[0].visit_id == self.visit["record_id"] else ""
        found = [row for row in visits if row["record_id"] == second]
        visit: Mapping[Any, Any] = found[0] if found else self.visit
        issue_id = alarm_id(visit["record_id"], resident_id)
        change = CentralChange(
            kind=ISSUE,
            record_id=issue_id,
            action="create",
            fields=alarm_fields(run, visit["happened_at"], self._place()),
            author=visit["author"],
            grid=area,
            by_rule=True,
        )
        apply_central_change(self.connection, self.district, change, self.now)
        return issue_id

    def _place(self) -> dict[str, Any]:
        """Return building, compound and door of the household, as far as they are known."""
        if not self.household_id:
            return {"place": "…"}
        around = care_read.door(self.connection, self.district, self.household_id)
        household = around.get("household") or {}

        def fetch(kind: str, record_id: str) -> Mapping[str, Any] | None:
            return around.get(kind)

        words = title(kind_of("household"), household, "zh", fetch) if household else ""
        room, building = around.get("room") or {}, around.get("building") or {}
        return {
            "building_id": room.get("building_id"),
            "compound_id": building.get("compound_id"),
            "place": words or str(household.get("code") or "…"),
        }
