"""What of an area's registers the figures count: households that are occupied, residents who have
not moved out, people in care today and their households.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sync_server.services.accounts import User
from sync_server.services.care_standing import in_care
from sync_server.services.listing import PRESENT
from sync_server.store import field_counts, field_lists, records_read
from sync_server.store.records_read import Selection

RESIDENT = "resident"


@dataclass(frozen=True)
class AreaBase:
    """The counts of one area on a day."""

    occupied: int
    present: int
    people_in_care: int
    care_homes: int


def base_of(connection: sa.Connection, person: User, code: str, day: date) -> AreaBase:
    """Return the counts of an area that the person may see (``area_tree.find_area``)."""
    district = person.district
    wanted = Selection(RESIDENT, (code,), figure=field_lists.narrowing(district, RESIDENT, PRESENT))
    cared_for = in_care(connection, district, (code,), day)
    return AreaBase(
        occupied=sum(1 for _ in field_counts.homes(connection, district, (code,))),
        present=records_read.count(connection, district, wanted),
        people_in_care=len(cared_for),
        care_homes=len(set(cared_for.values())),
    )
