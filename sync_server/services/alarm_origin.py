"""Where an alarm about somebody in care comes from: the visit it was raised under, the household.

An alarm names nobody; who handles it at the centre is led to the file with the emergency contact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.care_contact import ALIKE, CARE, alarm_id
from sync_server.services.titles import Titles
from sync_server.store import care_read, duplicates
from sync_server.store.records_read import Row, children_of

VISIT, HOUSEHOLD, RESIDENT = "visit", "household", "resident"


@dataclass(frozen=True)
class Way:
    """A record that may be opened."""

    kind: str
    record_id: str
    title: str


@dataclass(frozen=True)
class Origin:
    """Whom an alarm is about, where they live and the visit; None: unknown, or not to be opened."""

    resident: Way | None
    household: Way | None
    visit: Way | None


def origin_of(
    connection: sa.Connection, district: str, issue: Mapping[Any, Any], titles: Titles
) -> Origin | None:
    """Return where an issue comes from, None when it is no alarm or nothing of it may be opened."""
    if issue["fields"].get("category") != CARE or issue["fields"].get("source") != VISIT:
        return None
    visit, resident_id = _raised_by(connection, district, issue["record_id"])
    if visit is None:
        return None
    home = visit["fields"].get(HOUSEHOLD + "_id")
    titles.preload((RESIDENT, one) for one in (resident_id,) if one)
    if known := titles.known(RESIDENT, resident_id):
        home = known[1].get(HOUSEHOLD + "_id") or home
    titles.preload(pair for pair in ((VISIT, visit["record_id"]), (HOUSEHOLD, home)) if pair[1])
    resident, household, seen = (
        _way(titles, kind, one)
        for kind, one in ((RESIDENT, resident_id), (HOUSEHOLD, home), (VISIT, visit["record_id"]))
    )
    return Origin(resident, household, seen) if household or seen else None


def _raised_by(connection: sa.Connection, district: str, issue_id: str) -> tuple[Row | None, str]:
    """Return the visit an alarm was raised under and the person it is about, as far as known."""
    alike = care_read.visits_alike(connection, district, issue_id, ALIKE)
    for visit in alike:
        for one in _people(connection, district, visit):
            if alarm_id(visit["record_id"], one) == issue_id:
                return visit, one
    naming = [one for one in alike if issue_id in (one["fields"].get("issue_ids") or ())]
    naming = naming or care_read.visits_naming(connection, district, {issue_id})
    if not naming:
        return None, ""
    checked = list(naming[0]["fields"].get("care_checks") or ())
    return naming[0], checked[0] if len(checked) == 1 else ""


def _people(connection: sa.Connection, district: str, visit: Row) -> Iterator[str]:
    """Yield whom a visit may have missed: those checked, and all who live behind the door."""
    yield from visit["fields"].get("care_checks") or ()
    home = visit["fields"].get(HOUSEHOLD + "_id")
    if home:
        homes = {home, *duplicates.roots(connection, district, [home]).values()}
        for some in children_of(connection, district, RESIDENT, sorted(homes)).values():
            yield from (row["record_id"] for row in some)


def _way(titles: Titles, kind: str, record_id: str | None) -> Way | None:
    if not record_id or titles.opens(record_id) != kind:
        return None
    name = titles.lookup(kind, record_id) or f"…{record_id[-6:]}"
    return Way(kind, titles.target(record_id), name)
