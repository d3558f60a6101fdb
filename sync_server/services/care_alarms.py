"""Two misses in a row of somebody in care, noticed at the centre.

Two laptops may each have seen one miss, an older program does not raise the issue itself, and a
late visit may fill a gap, and the visit between two misses may be voided or corrected. So whatever
brings a visit in or changes one asks here, in the same transaction, and the urgent issue is made
when nobody has made it. The rule is `schemas.care_contact`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from schemas.care_contact import (
    CARE,
    MET,
    Contact,
    Standing,
    alarm_fields,
    alarm_id,
    at_survivors,
    calls_for_alarm,
    contact_of,
    counting,
    following,
    last_contact,
    let_go,
    may_miss,
    may_reach,
    met_nobody,
    missed_in_check,
    misses_around,
    raised_under,
    reached_in_check,
)
from schemas.catalogue import kind_of
from schemas.clock import local_day
from schemas.describe import title
from schemas.workflow import OVER_STATES
from sync_server.domain.judging import GRID_DIGITS
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.issue_life import ISSUE, STEP, case_of, state_of
from sync_server.services.ledger import Ledger
from sync_server.store import care_read, duplicates
from sync_server.store.records_read import Row, by_ids, children_of

VISIT, HOUSEHOLD, RESIDENT = "visit", "household", "resident"
Visit = Mapping[Any, Any]
"""A visit's row."""
SAYS = ("household_id", "result", "care_checks")
"""What a visit says of whom it reached."""


def sound_alarms(
    connection: sa.Connection,
    district: str,
    ledger: Ledger,
    now: datetime,
    refused: Collection[str] = (),
) -> list[str]:
    """Make the issue for everybody missed for the second time in a row, as the visits of a
    transaction tell, whose records are written.

    An issue that a visit names and that comes after it, or is ``refused``, may turn out to be no
    alarm: then the visit is asked again. Returns the ids of the issues made. A new visit that can
    have missed nobody costs no query, nor does an issue that comes with its visit.
    """
    made = []
    visits = ledger.touched(VISIT)
    for visit in visits:
        before = ledger.stood.get(visit["record_id"])
        made += sound_after(connection, district, before, visit, now)
    named = {one for visit in visits for one in visit["fields"].get("issue_ids") or ()}
    came = {row["record_id"] for row in ledger.touched(ISSUE) if _is_other(row["fields"])}
    late = ({*came, *refused} - named) - ledger.stood.keys()
    for row in care_read.visits_naming(connection, district, late) if late else ():
        made += sound_after(connection, district, None, row, now)
    return made


def _is_other(issue: Mapping[str, Any]) -> bool:
    """Tell whether an issue was found on a visit and is no alarm."""
    return issue.get("source") == VISIT and issue.get("category") != CARE


def sound_after(
    connection: sa.Connection,
    district: str,
    before: Visit | None,
    after: Visit,
    now: datetime,
) -> list[str]:
    """Make the issues that a visit calls for as it stands now (``after``), and those for which
    there is nothing between two misses any more, because it reached people ``before`` (None: it is
    new) and says so no longer.

    Both are rows of the record; the second is written in the running transaction, which holds the
    district's turn. Returns the ids of the issues made.
    """
    made = []
    if _stands(after) and may_miss(after["fields"]):
        made += _Door(connection, district, after, now).sound()
    if before is not None and _stands(before) and _lets_go(before, after):
        made += _Door(connection, district, before, now).sound_next(after)
    return made


def sound_regrouped(
    connection: sa.Connection, district: str, record_ids: Collection[str], now: datetime
) -> list[str]:
    """Make the issues about people in care whose last two visits missed them, now that these people
    or households became one with others, or stand for themselves again.

    Within the running write transaction, which holds the district's turn; records of other kinds
    are passed over. Returns the ids of the issues made.
    """
    made = []
    for row in by_ids(connection, district, record_ids).values():
        if row["kind"] in (HOUSEHOLD, RESIDENT) and _stands(row):
            home = row["record_id"] if row["kind"] == HOUSEHOLD else row["parent_id"]
            seen_now = {"fields": {"household_id": home}, "happened_at": now, "grid": row["grid"]}
            door = _Door(connection, district, seen_now, now)
            made += door.sound_last(None if row["kind"] == HOUSEHOLD else row["record_id"])
    return made


def left_unsaid(
    connection: sa.Connection, district: str, before: Visit, after: Visit, now: datetime
) -> bool:
    """Tell whether a visit counts as having met somebody in care only because it met somebody at
    their door, as it stands in ``after`` and not ``before``: nobody says how they were."""
    if not _stands(after) or after["fields"].get("result") not in MET:
        return False
    unsaid = _Door(connection, district, after, now).unsaid()
    return bool(unsaid) and not unsaid <= _Door(connection, district, before, now).unsaid()


def _stands(visit: Visit) -> bool:
    return not visit["voided"] and not visit["merged_into"]


def _lets_go(before: Visit, after: Visit) -> bool:
    """Tell whether somebody whom a visit reached may not have been reached by it, or not then."""
    if not may_reach(before["fields"]):
        return False
    if not _stands(after) or before["happened_at"] != after["happened_at"]:
        return True
    return any(before["fields"].get(name) != after["fields"].get(name) for name in SAYS)


def _names(record_id: str, into: Mapping[str, str]) -> list[str]:
    """Return a record's id and those of the records that went into it."""
    return [record_id, *(one for one, root in into.items() if root == record_id)]


@dataclass(frozen=True)
class _Door:
    """One visit with everything that was ever noted at its door."""

    connection: sa.Connection
    district: str
    visit: Visit
    now: datetime

    @cached_property
    def into(self) -> Mapping[str, str]:
        """Where the household and the people that the visit names went, those merged."""
        fields = self.visit["fields"]
        named = {fields.get("household_id"), *(fields.get("care_checks") or ())} - {None}
        return duplicates.roots(self.connection, self.district, named)

    @property
    def household_id(self) -> str | None:
        """The household as it stands today."""
        found = self.visit["fields"].get("household_id")
        return self.into.get(found, str(found)) if found else None

    @cached_property
    def behind(self) -> Collection[str]:
        """Who is looked after behind the door on the visit's day."""
        day = local_day(self.visit["happened_at"])
        home = self.household_id
        return care_read.in_care(self.connection, self.district, home, day) if home else ()

    def unsaid(self) -> set[str]:
        """Return whom the visit met by who opened the door alone, without a check of them."""
        fields = self.visit["fields"]
        if fields.get("result") not in MET:
            return set()
        checked = {self.into.get(one, one) for one in fields.get("care_checks") or ()}
        return {*self.behind} - checked

    def sound(self) -> list[str]:
        """Make the alarms this visit calls for and return their ids."""
        fields = self.visit["fields"]
        people = self._people(missed_in_check(fields), behind=met_nobody(fields))
        return self._sound(people, lambda contacts: self.visit["record_id"])

    def sound_next(self, now: Visit) -> list[str]:
        """Make the alarms that the next visit after this one calls for, or the last before it when
        none came after, about people whom this one reached once, and as it stands ``now`` not, or
        at another time; return their ids."""
        fields, at = self.visit["fields"], self.visit["happened_at"]
        people = self._people(reached_in_check(fields), behind=fields.get("result") in MET)
        said, says = (at_survivors(one, self.into, self.into) for one in (fields, now["fields"]))
        same = _stands(now) and now["happened_at"] == at
        known = by_ids(self.connection, self.district, people)
        homes = care_read.homes(self.connection, self.district, known)
        gone = let_go({one: homes.get(one) for one in people}, said, says if same else None)
        return self._sound(gone, lambda found: following(found, at, self.visit["record_id"]))

    def sound_last(self, only: str | None) -> list[str]:
        """Make the alarms that the last visit of all calls for, about everybody in care behind the
        door or one of them; return their ids."""
        people = [one for one in self._people((), behind=True) if only in (None, one)]
        return self._sound(people, last_contact)

    def _sound(
        self, people: Collection[str], which: Callable[[Sequence[Contact]], str]
    ) -> list[str]:
        """Make the alarms about ``people`` that one of the visits calls for: of the contacts with
        somebody, the one that ``which`` names. Of who was voided nobody is called to anything."""
        if not people:
            return []
        known = by_ids(self.connection, self.district, people)
        people = [one for one in people if one not in known or not known[one]["voided"]]
        home_of = care_read.homes(self.connection, self.district, known)
        homes = list({*home_of.values(), *filter(None, [self.household_id])})
        into = duplicates.gathered(self.connection, self.district, [*people, *homes])
        lying = care_read.lying(self.connection, self.district, {*people, *homes, *into})
        names = {one: _names(one, into) for one in people}
        visits = care_read.visits_about(
            self.connection,
            self.district,
            lying.grids | {self.visit["grid"][:GRID_DIGITS]},
            self.visit["happened_at"],
            [name for one in homes for name in _names(one, into)],
            [name for some in names.values() for name in some],
        )
        rows = {row["record_id"]: row for row in visits}
        made = []
        for resident_id in people:
            contacts = self._contacts(visits, into, resident_id, home_of.get(resident_id))
            visit_id = which(contacts)
            run = misses_around(contacts, visit_id)
            if run and self._calls(
                run,
                visit_id,
                names[resident_id],
                self._others(run, rows, names, home_of.get(resident_id)),
            ):
                lies_in = (lying.area.get(one) for one in (resident_id, self.household_id or ""))
                area = next((one for one in lies_in if one), self.visit["grid"])
                owner = rows[raised_under(run, visit_id)]
                made.append(self._make(run, resident_id, owner, area))
        return made

    def _people(self, checked: Collection[str], *, behind: bool) -> list[str]:
        """Return whom the visit is about: those checked, and (``behind``) those in care behind the
        door."""
        people = list(dict.fromkeys(self.into.get(one, one) for one in checked))
        return list(dict.fromkeys([*people, *self.behind])) if behind else people

    def _contacts(
        self,
        visits: Sequence[Row],
        into: Mapping[str, str],
        resident_id: str,
        household_id: str | None,
    ) -> list[Contact]:
        found = (
            contact_of(
                resident_id,
                household_id,
                row["record_id"],
                row["happened_at"],
                at_survivors(row["fields"], into, into),
            )
            for row in visits
        )
        return counting((one for one in found if one), local_day(self.now))

    def _calls(
        self,
        run: tuple[Contact, ...],
        visit_id: str,
        mine: Collection[str],
        others: Collection[str],
    ) -> bool:
        wanted = {alarm_id(one.visit_id, name) for one in run for name in mine}
        wanted |= {issue_id for one in run for issue_id in one.issue_ids}
        issues = by_ids(self.connection, self.district, wanted)
        steps = children_of(self.connection, self.district, STEP, list(issues))
        strange = {issue_id for one in run for issue_id in one.issue_ids} - issues.keys()
        refused = care_read.refused(self.connection, self.district, strange)

        def standing(issue_id: str) -> Standing:
            row = issues.get(issue_id)
            if row is None:
                return "other" if issue_id in refused else "unknown"
            if row["kind"] != ISSUE or row["fields"].get("category") != CARE:
                return "other"
            state = state_of(row, case_of(row, steps[issue_id]))
            return "over" if state in OVER_STATES else "open"

        return calls_for_alarm(run, visit_id, mine, others, standing)

    def _others(
        self,
        run: tuple[Contact, ...],
        rows: Mapping[str, Row],
        names: Mapping[str, Collection[str]],
        home: str | None,
    ) -> list[str]:
        """Return the names of whom else the alarms of a run's visits may be about."""
        missed = [who for one in run for who in missed_in_check(rows[one.visit_id]["fields"])]
        missed += missed_in_check(self.visit["fields"])
        others = {*self._people(missed, behind=True)}
        if home and home != self.household_id:
            day = local_day(self.visit["happened_at"])
            others |= {*care_read.in_care(self.connection, self.district, home, day)}
        others -= names.keys()
        into = duplicates.gathered(self.connection, self.district, others) if others else {}
        found = [name for one in others for name in _names(one, into)]
        return found + [name for some in names.values() for name in some]

    def _make(self, run: tuple[Contact, ...], resident_id: str, visit: Row, area: str) -> str:
        """Make the issue as the worker's of the visit: it is his to edit, as if he had reported it.

        It lies in ``area``, where the person is looked after today, so that whoever goes there
        now has it.
        """
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
