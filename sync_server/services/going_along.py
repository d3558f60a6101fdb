"""What goes along when records are put into another grid: what hangs below them, and the work about
them that is not over. What was done in the field stays where it was done (decision 0021).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from schemas.care_contact import ALIKE, CARE, alarm_id
from schemas.service_flow import OPEN_STATES
from sync_server.domain.areas import inside
from sync_server.domain.judging import GRID_DIGITS
from sync_server.services.central import seen_id_of
from sync_server.store import area_read, base_read, care_read, moving
from sync_server.store.duplicates import gathered
from sync_server.store.moving import Lying

GROUPS = frozenset({"place", "people"})
"""What is base data goes with its place; what was done in the field stays where it was done."""


def with_all_below(connection: sa.Connection, district: str, roots: Sequence[Lying]) -> list[Lying]:
    """Return the records, what hangs below them in the areas they lie in, at any depth, and their
    marks."""
    areas = {one.area for one in roots}
    found, level = {one.record_id: one for one in roots}, list(roots)
    while level:
        children = moving.below(connection, district, [one.record_id for one in level])
        level = [one for one in children if one.record_id not in found and inside(one.area, areas)]
        found |= {one.record_id: one for one in level}
    marks = moving.lying(connection, district, [seen_id_of(one) for one in found])
    return [*found.values(), *marks]


def with_work(
    connection: sa.Connection, district: str, roots: Sequence[Lying], now: datetime
) -> list[Lying]:
    """Return the records with all below them, the shops in their rooms, and what is not over about
    them: issues of their buildings, care issues about their people, service requests of their
    households, each with its steps."""
    found = {one.record_id: one for one in with_all_below(connection, district, roots)}
    ids = {
        kind: [one.record_id for one in found.values() if one.kind == kind]
        for kind in ("building", "room", "household", "resident")
    }
    more: list[str] = []
    for area in sorted({one.area[:GRID_DIGITS] for one in roots}):
        if ids["room"]:
            shops = base_read.lying_in(connection, district, "shop", [area], "room_id")
            more += [one["record_id"] for one in shops if one["room_id"] in ids["room"]]
        if ids["building"]:
            more += area_read.living_issues(connection, district, area, ids["building"])
        if ids["household"]:
            more += _requests(connection, district, area, ids["household"])
        more += _care(connection, district, area, ids["household"], ids["resident"], now)
    along = with_all_below(connection, district, moving.lying(connection, district, set(more)))
    return list((found | {one.record_id: one for one in along}).values())


def work_in(connection: sa.Connection, district: str, area: str) -> list[Lying]:
    """Return every issue and service request of an area that is not over, with its steps."""
    ids = area_read.living_issues(connection, district, area)
    ids += area_read.living_services(connection, district, area, OPEN_STATES)
    return with_all_below(connection, district, moving.lying(connection, district, ids))


def _requests(
    connection: sa.Connection, district: str, area: str, homes: Collection[str]
) -> list[str]:
    living = area_read.living_services(connection, district, area, OPEN_STATES)
    about = base_read.whole_by_ids(connection, district, living)
    return [one for one in living if about[one].get("household_id") in homes]


def _care(
    connection: sa.Connection,
    district: str,
    area: str,
    homes: Sequence[str],
    people: Sequence[str],
    now: datetime,
) -> list[str]:
    """Return the care issues of the area about these people that are not over: the alarms of a
    second miss, and what a visit to their door, or with a check of them, says it raised."""
    if not people:
        return []
    living = area_read.living_issues(connection, district, area)
    said = base_read.whole_by_ids(connection, district, living)
    alarms = {one for one in living if said[one].get("category") == CARE}
    if not alarms:
        return []
    into = gathered(connection, district, [*homes, *people])
    mine = {*people, *(one for one, root in into.items() if root in people)}
    doors = {*homes, *(one for one, root in into.items() if root in homes)}
    visits = care_read.visits_about(
        connection, district, care_read.lying(connection, district, {*mine, *doors}).grids, now,
        doors, mine,
    )  # fmt: skip
    begun = {one[:ALIKE] for one in alarms}
    raised = {
        alarm_id(visit["record_id"], person)
        for visit in visits
        if visit["record_id"][:ALIKE] in begun
        for person in mine
    }
    raised |= {issue_id for visit in visits for issue_id in visit["fields"].get("issue_ids") or ()}
    return sorted(alarms & raised)
