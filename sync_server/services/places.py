"""Areas as people choose and read them: names for codes, the tree somebody may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.store.area_read import anything_in
from sync_server.store.records_read import area_names, areas_within

GRID_LENGTH = 15
COMMUNITY_LENGTH = 12
_LEVELS = {6: 0, 9: 1, 12: 2, 15: 3, 17: 4}


@dataclass(frozen=True)
class Place:
    """One area to choose: its code, name and depth (0 for a district, 3 for a grid)."""

    code: str
    name: str
    depth: int


def places_of(
    connection: sa.Connection, person: User, *, longest: int = GRID_LENGTH
) -> list[Place]:
    """Return the areas a person may choose, as a tree in order of the codes.

    The person's own areas are among them even when no area record describes them.
    """
    names = {
        row["grid"]: str(row["fields"].get("name") or "")
        for row in areas_within(connection, person.district, person.scope_codes)
        if row["fields"].get("code") == row["grid"]
    }
    for code in person.scope_codes:
        names.setdefault(code, "")
    return [
        Place(code, name, _LEVELS.get(len(code), 4))
        for code, name in sorted(names.items())
        if len(code) <= longest
    ]


def check_known(connection: sa.Connection, district: str, codes: Collection[str]) -> None:
    """Raise Refusal ``unknown_area`` for a code the district knows nothing of: no area has it or
    lies inside it, and no base data either. Of a grid it is enough that its community is known: a
    new one gets its worker first. A district without any area yet takes every code."""
    unknown = [
        one for one in codes
        if one != district and not anything_in(connection, district, one[:COMMUNITY_LENGTH])
    ]  # fmt: skip
    if unknown and anything_in(connection, district, district):
        raise Refusal("unknown_area", code=unknown[0])


def names_for(
    connection: sa.Connection, district: str, codes: Collection[str | None]
) -> dict[str, str]:
    """Return a name for each area code; a code without an area record stands for itself."""
    wanted = {code for code in codes if code}
    names = area_names(connection, district, wanted)
    return {code: names.get(code) or code for code in wanted}
