"""Putting records into another grid, when a community redraws its grids.

What hangs below a record goes with it, and the work about it that is not over; laptops of the old
grid are told that it left, those of the new one get it. A late change of somebody who did not know
is kept as a proposal for the new grid's staff (domain/judging.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from schemas.kind import KindInfo
from sync_server.domain.access import LONGEST_CODE, may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.judging import GRID_DIGITS
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.going_along import GROUPS, with_work
from sync_server.services.issue_life import ISSUE
from sync_server.services.places import Place, names_for, places_of
from sync_server.services.readers import reach
from sync_server.services.steps import follow_up
from sync_server.services.titles import Titles
from sync_server.store import moving
from sync_server.store.moving import Lying, Move
from sync_server.store.writing import lock_district


@dataclass(frozen=True)
class MovePage:
    """A record to be moved: where it lies, how many go with it, where it may go and has been."""

    record_id: str
    title: str
    area: str
    count: int
    choices: tuple[Place, ...]
    history: tuple[Move, ...]


def may_move(person: User, kind: KindInfo) -> bool:
    """Whether the person may put records of this kind into another grid."""
    return may(person.role, "areas") and kind.group in GROUPS and kind.reach == "grid"


def open_move(
    connection: sa.Connection,
    person: User,
    kind: KindInfo,
    record_id: str,
    now: datetime,
    lang: str,
) -> MovePage:
    """Return what the page for moving a record shows; raise Refusal: not_allowed,
    unknown_record."""
    root = _root(connection, person, kind, record_id)
    steps = moving.moves_of(connection, person.district, [record_id]).get(record_id, ())
    titles = Titles(connection, person, lang)
    titles.preload([(kind.name, record_id)])
    codes = {root.area, *(code for one in steps for code in (one.from_area, one.to_area))}
    names = names_for(connection, person.district, codes)
    return MovePage(
        record_id=record_id,
        title=titles.lookup(kind.name, record_id) or f"…{record_id[-6:]}",
        area=names[root.area],
        count=len(with_work(connection, person.district, [root], now)),
        choices=tuple(
            one
            for one in places_of(connection, person, longest=LONGEST_CODE)
            if len(one.code) >= GRID_DIGITS and one.code != root.area
        ),
        history=tuple(
            replace(one, from_area=names[one.from_area], to_area=names[one.to_area])
            for one in reversed(steps)
        ),
    )


def move_record(
    connection: sa.Connection,
    person: User,
    kind: KindInfo,
    record_id: str,
    area: str,
    now: datetime,
) -> int:
    """Put a record into a grid, with all that hangs below it where it lay and the work about it
    that is not over; return how many.

    Raises Refusal: not_allowed, unknown_record, bad_scope (no grid of the person's areas).
    """
    if not (area.isdecimal() and len(area) in (GRID_DIGITS, LONGEST_CODE)):
        raise Refusal("bad_scope")
    if not inside(area, person.scope_codes):
        raise Refusal("bad_scope")
    lock_district(connection, person.district)  # nothing comes below it meanwhile
    root = _root(connection, person, kind, record_id)
    if root.area == area:
        return 0
    some = with_work(connection, person.district, [root], now)
    moving.put_into(connection, person.district, some, area, now, person.user_id)
    reach(connection, person.district, area, now, person.user_id)
    issues = {one.record_id for one in some if one.kind == ISSUE}
    follow_up(connection, person.district, issues, now)
    audit.note(
        connection, person.district, now, "move_records", user_id=person.user_id, target=record_id,
        detail={"from": root.area, "to": area, "records": len(some)},
    )  # fmt: skip
    return len(some)


def _root(connection: sa.Connection, person: User, kind: KindInfo, record_id: str) -> Lying:
    if not may_move(person, kind):
        raise Refusal("not_allowed")
    for one in moving.lying(connection, person.district, [record_id]):
        if one.kind == kind.name and inside(one.area, person.scope_codes):
            return one
    raise Refusal("unknown_record")
