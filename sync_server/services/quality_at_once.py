"""What the data-quality report finds of rooms, households and people: all checks of theirs at once,
each record read once or twice instead of by every check. The lists of single checks ask for their
own (``quality.py``); both find the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache

import sqlalchemy as sa
from marshmallow import ValidationError

from schemas.catalogue import kind_of
from schemas.fields import IdNumber
from sync_server.domain.quality import differs, plainly_right
from sync_server.store import places_read, quality_read

Number = tuple[str, str | None, str | None, str | None]
"""A person's record, with number, birth and sex."""


def homes_and_people(
    connection: sa.Connection, district: str, areas: Collection[str], born_after: str
) -> dict[str, list[str]]:
    """Return the ids of the records at fault by the code of the check."""
    where = (connection, district, areas)
    buildings = {one.building_id for one in places_read.buildings(*where)}
    rooms, homes = places_read.room_buildings(*where), places_read.home_rooms(*where)
    families = {one: (here, heads) for one, here, heads in quality_read.families(*where)}
    lived_in = {one for one, (here, _) in families.items() if here}
    several = {one for one, (here, heads) in families.items() if one and here and heads != 1}

    def alone(kind: str, parent: str, on: Iterable[str], standing: Collection[str]) -> list[str]:
        """Return what hangs on nothing, sought among what hangs on nothing of these areas."""
        below = {one for one in on if one not in standing}
        return quality_read.orphans(*where, kind, parent, below=below)

    return {
        "room_alone": alone("room", "building", rooms.values(), buildings),
        "household_alone": alone("household", "room", homes.values(), rooms),
        "resident_alone": alone("resident", "household", families, homes),
        "empty": quality_read.childless(
            *where, "household", "resident", present=True, among=homes.keys() - lived_in
        ),
        "heads": quality_read.without_one_head(*where, several),
        **_people(connection, district, areas, born_after),
    }


def _people(
    connection: sa.Connection, district: str, areas: Collection[str], born_after: str
) -> dict[str, list[str]]:
    numbers: list[Number] = []
    guardian: list[str] = []
    notice: list[str] = []
    for one, id_no, birth, sex, unguarded, unnoticed in quality_read.doubtful_people(
        connection, district, areas, born_after
    ):
        if id_no:
            numbers.append((one, id_no, birth, sex))
        if unguarded:
            guardian.append(one)
        if unnoticed:
            notice.append(one)
    failed, differing = check_numbers(numbers)
    return {"guardian": guardian, "notice": notice, "id_no": failed, "id_differs": differing}


def check_numbers(numbers: Iterable[Number]) -> tuple[list[str], list[str]]:
    """Return the people whose number fails its check, and those whose number says another birth or
    sex than is filed of them."""
    failed: list[str] = []
    differing: list[str] = []
    for record_id, id_no, birth, sex in numbers:
        try:
            checked = id_no if plainly_right(id_no or "") else _number().check(id_no)
        except ValidationError:
            failed.append(record_id)
            continue
        if checked and differs(checked, birth, sex):
            differing.append(record_id)
    return failed, differing


@cache
def _number() -> IdNumber:
    declared = kind_of("resident").declared()["id_no"]
    assert isinstance(declared, IdNumber)
    return declared
