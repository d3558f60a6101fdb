"""How people in care stand on a day: when they were last reached, when the next visit is due.

The rule is the laptop's (``schemas/care_contact.py``, ``schemas/care_due.py``); here it is applied
to a whole area at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.care_due import due_after, holds_on, strictness
from schemas.clock import SHANGHAI
from sync_server.domain.working_calendar import midnight
from sync_server.services import contacts
from sync_server.store import base_read, field_counts


@dataclass(frozen=True)
class Standing:
    """Somebody in care: ``reached_on`` is when they last were, ``due`` by when they are next."""

    resident_id: str
    household_id: str
    grid: str
    risk: str
    keeper_id: str
    reached_on: date | None
    due: date

    def overdue(self, day: date) -> int:
        """Return for how many days the visit is overdue on ``day``; 0 when it is not."""
        return max(0, (day - self.due).days)


def care_standing(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    day: date,
    *,
    phone: bool = True,
) -> list[Standing]:
    """Return everybody in care in these areas on ``day``, as was known of them that evening: each
    once, with the riskiest of several care records and the earliest due day (decision 0026).

    ``phone``: whether somebody reached by telephone counts as reached.
    """
    register = field_counts.care_register(connection, district, areas)
    before = midnight(day + timedelta(days=1))
    people = [row["resident_id"] for row in register]
    into = field_counts.survivors(connection, district)
    checks = field_counts.last_checks(connection, district, people, before, phone=phone, into=into)
    homes = {row["household_id"] for row in register if row["household_id"]}
    met = contacts.homes_met(connection, district, homes, day, phone=phone, into=into)
    missed = field_counts.missed_though_met(
        connection, district, {row["resident_id"]: row["household_id"] for row in register}, day,
        phone=phone, into=into,
    )  # fmt: skip
    found = []
    for resident, cares in _held(register, day).items():
        row = min(cares, key=lambda one: (strictness(one), one["record_id"]))
        home = row["household_id"] or ""
        check = checks.get(resident)
        checked_on = check["at"].astimezone(SHANGHAI).date() if check else None
        met_on = missed[resident] if resident in missed else met.get(home)
        reached_on = max((one for one in (checked_on, met_on) if one), default=None)
        said = {}
        if check is not None and reached_on == checked_on:
            said = {"state": check["state"], "next_on": check["next_on"]}
        on = reached_on.isoformat() if reached_on else None
        found.append(
            Standing(
                resident_id=resident,
                household_id=home or resident,
                grid=row["grid"],
                risk=row["risk"] or "",
                keeper_id=row["keeper_id"] or "",
                reached_on=reached_on,
                due=date.fromisoformat(min(due_after(one, on, said) for one in cares)),
            )
        )
    return found


def _held(register: Iterable[sa.RowMapping], day: date) -> dict[str, list[dict[str, Any]]]:
    """Return the care records that hold on a day, by person."""
    this_day, held = day.isoformat(), defaultdict[str, list[dict[str, Any]]](list)
    for one in register:
        if holds_on(dict(one), this_day):
            held[one["resident_id"]].append({str(name): value for name, value in one.items()})
    return held


def in_care(
    connection: sa.Connection, district: str, areas: Collection[str], day: date
) -> dict[str, str]:
    """Return the household of everybody ``care_standing`` tells of (their own id without one)."""
    held = _held(field_counts.care_register(connection, district, areas), day)
    return {
        one: min(cares, key=lambda each: (strictness(each), each["record_id"]))["household_id"]
        or one
        for one, cares in held.items()
    }


def risk_of(
    connection: sa.Connection, district: str, people: Collection[str], today: str
) -> dict[str, str]:
    """Return the risk of whoever of ``people`` is looked after ``today``, each once: the riskiest
    of several care records tells."""
    held = base_read.hanging(
        connection, district, "care", people, "risk", "visit_every_days", "since", "until"
    )
    here = [one for one in held if holds_on(dict(one), today)]
    here.sort(key=lambda one: (strictness(dict(one)), one["record_id"]), reverse=True)
    return {one["parent_id"]: one["risk"] or "" for one in here}
