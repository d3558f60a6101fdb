"""Epochs of the centre: a restored database begins a new one, and laptops refill what it lost.

Versions and change numbers jump (docs/PROTOCOL.md, Epoch), so that no number an older history gave
out is given out again for something else; what laptops hold of the lost part is told apart by it.

A database that was put back cannot know how far histories reached that went with the others. So an
epoch's numbers are named by the second it begins in: two that begin in different histories never
share a number. For the same reason numbers jump, within the epoch, whenever a program opens the
database: until a laptop shows it, nobody knows that an older copy was put there, and what is given
out meanwhile must not be what the other history gave out. What lies between two jumps is a *run*;
one run has one history, which is what versions of a record can be compared by (domain/merge.py).
"""

from __future__ import annotations

import logging
import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sync_server.domain.merge import EPOCH_STEP
from sync_server.services import audit
from sync_server.store import writing
from sync_server.store.cases import skip_numbers
from sync_server.store.tables import districts, records

log = logging.getLogger(__name__)

CASE_NUMBERS_LOST = 1_000
"""So many numbers of issues are left out: more a lost part of a history has hardly given out."""
FIRST_SECOND = datetime(2026, 1, 1, tzinfo=UTC)
MOST_FLOORS = 1000
"""So many runs are remembered; of earlier ones each record knows those that changed it."""


def begin_epoch(
    connection: sa.Connection,
    district: str,
    at: datetime,
    *,
    above_change_no: int = 0,
) -> str:
    """Begin a new epoch of a district in the running write transaction; return its name.

    Numbers go on above every one that this database, or ``above_change_no``, knows of, and above
    those of every epoch that began before ``at`` in whatever history.
    """
    begins = _jump(connection, district, at, above_change_no)
    epoch = secrets.token_hex(16)
    connection.execute(
        sa.update(districts).where(districts.c.district == district).values(server_epoch=epoch)
    )
    skip_numbers(connection, district, CASE_NUMBERS_LOST)
    audit.note(connection, district, at, "epoch_begun", detail={"above": begins})
    log.warning("district %s began a new epoch above %d", district, begins)
    return epoch


def begin_run(connection: sa.Connection, district: str, at: datetime) -> int | None:
    """Let the numbers of a program that opens the database begin above all others; return above
    which, None when none was ever given out.

    A run that has given none out here is left too: this may be a copy made when it had just begun,
    and the original went on in it.
    """
    numbers = writing.lock_numbers(connection, district)
    if numbers.change_no == numbers.floor == 0:
        return None
    return _jump(connection, district, at)


def _jump(connection: sa.Connection, district: str, at: datetime, above_change_no: int = 0) -> int:
    numbers = writing.lock_numbers(connection, district)
    highest = max(numbers.change_no, numbers.floor, above_change_no)
    unused = numbers.change_no == numbers.floor
    if not unused:  # else the jump before this one has looked
        most = sa.select(sa.func.max(records.c.version)).where(records.c.district == district)
        highest = max(highest, connection.execute(most).scalar() or 0)
    second = int((at - FIRST_SECOND).total_seconds())
    begins = max(highest // EPOCH_STEP + 1, second) * EPOCH_STEP
    without = numbers.floor if unused else None
    connection.execute(
        sa.update(districts)
        .where(districts.c.district == district)
        .values(version_floor=begins, settings=_floors(connection, district, begins, without))
    )
    writing.set_change_no(connection, district, begins)
    return begins


def begin_where_older(
    connection: sa.Connection, district: str, at: datetime, remembered: int | None
) -> int | None:
    """Begin a new epoch when this machine has seen one begin above ``remembered`` of which this
    database knows nothing: an older copy lies in its place. Returns the new floor, None when all
    is well."""
    wanted = sa.select(districts.c.version_floor).where(districts.c.district == district)
    floor = connection.execute(wanted).scalar_one()
    if remembered is None or remembered <= floor:
        return None
    begin_epoch(connection, district, at, above_change_no=remembered + 1)
    return int(connection.execute(wanted).scalar_one())


def _floors(
    connection: sa.Connection, district: str, begins: int, without: int | None
) -> dict[str, Any]:
    """Return the district's settings with one more run's beginning, ``without`` that of a run that
    gave no number out: so starting a program often costs no place."""
    wanted = sa.select(districts.c.settings).where(districts.c.district == district)
    settings = connection.execute(wanted).scalar_one()
    before = [one for one in settings.get(writing.FLOORS, ()) if one != without]
    return {**settings, writing.FLOORS: [*before, begins][-MOST_FLOORS:]}
