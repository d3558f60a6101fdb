"""Giving grids into other hands, from now on; what was, stays written down.

What a worker wrote while a grid was his counts and is credited to him whenever it comes; his
laptop lets go of the grid's records at its next sync, never of unsent work. What he is yet to read
follows him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import LAPTOP_ROLES, User, check_scope, get_user
from sync_server.services.places import Place, check_known, names_for, places_of
from sync_server.services.readers import follow
from sync_server.store import people_read
from sync_server.store.holdings import holdings_of, write_holdings
from sync_server.store.people_read import Row
from sync_server.store.tables import users
from sync_server.store.writing import lock_district

LONGEST_CODE = 17
GRID_DIGITS = 15


@dataclass(frozen=True)
class Choice:
    """One grid that can be given: its name, whether the worker holds it, and who else does."""

    place: Place
    held: bool
    others: tuple[str, ...]


@dataclass(frozen=True)
class Stretch:
    """One grid somebody held, by name, with its time; ``until`` None: still."""

    code: str
    name: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class GridsPage:
    """A worker with the grids staff may give him, those they may not take, and his history."""

    worker: User
    choices: tuple[Choice, ...]
    elsewhere: tuple[str, ...]
    history: tuple[Stretch, ...]


def reassign(
    connection: sa.Connection,
    district: str,
    user_id: str,
    codes: Sequence[str],
    now: datetime,
    *,
    by: str | None = None,
) -> bool:
    """Give a worker these grids and no others from ``now`` on; return whether that changes any.

    Raises Refusal: unknown_user; not_allowed for somebody without a laptop's role; bad_scope;
    unknown_area for a code that is new to him and that the district knows nothing of.
    """
    lock_district(connection, district)  # as whoever redraws grids does, before anybody's row
    worker = _locked(connection, district, user_id)
    if worker.role not in LAPTOP_ROLES:
        raise Refusal("not_allowed")
    wanted = sorted(set(codes))
    check_scope(district, worker.role, wanted)
    if wanted == sorted(worker.scope_codes):
        return False
    check_known(connection, district, sorted(set(wanted) - set(worker.scope_codes)))
    connection.execute(
        sa.update(users)
        .where(users.c.district == district, users.c.user_id == user_id)
        .values(scope_codes=wanted)
    )
    write_holdings(connection, district, user_id, wanted, now)
    before = set(worker.scope_codes)
    if left := before - set(wanted):
        follow(connection, district, user_id, left, now, by)
    detail = {"given": sorted(set(wanted) - before), "taken": sorted(before - set(wanted))}
    audit.note(connection, district, now, "reassign", user_id=by, target=user_id, detail=detail)
    return True


def reassign_as(
    connection: sa.Connection, person: User, user_id: str, codes: Sequence[str], now: datetime
) -> bool:
    """Reassign for somebody of the staff: what lies outside his areas stays as it is.

    Raises Refusal: not_allowed, unknown_user (also outside the areas), bad_scope, unknown_area.
    """
    lock_district(connection, person.district)
    _locked(connection, person.district, user_id)
    worker = _worker_of(connection, person, user_id)
    if not all(inside(code, person.scope_codes) for code in codes):
        raise Refusal("bad_scope")
    kept = [code for code in worker.scope_codes if not inside(code, person.scope_codes)]
    return reassign(connection, person.district, user_id, [*codes, *kept], now, by=person.user_id)


def open_grids(connection: sa.Connection, person: User, user_id: str) -> GridsPage:
    """Return what the page for a worker's grids shows; raises as ``reassign_as``."""
    worker = _worker_of(connection, person, user_id)
    others = _holders(connection, person.district, but=user_id)
    held = set(worker.scope_codes)
    places = places_of(connection, person, longest=LONGEST_CODE)
    shown = [one for one in places if len(one.code) >= GRID_DIGITS or one.code in held]
    known = {one.code for one in shown}
    mine = [code for code in worker.scope_codes if inside(code, person.scope_codes)]
    stretches = holdings_of(connection, person.district, [user_id])[user_id]
    names = names_for(
        connection, person.district, {*(one.code for one in stretches), *worker.scope_codes}
    )
    shown += [Place(code, "", 3) for code in mine if code not in known]
    return GridsPage(
        worker=worker,
        choices=tuple(
            Choice(one, one.code in held, tuple(others.get(one.code, ()))) for one in shown
        ),
        elsewhere=tuple(names[code] for code in worker.scope_codes if code not in mine),
        history=tuple(
            Stretch(one.code, names[one.code], one.since, one.until) for one in reversed(stretches)
        ),
    )


def _locked(connection: sa.Connection, district: str, user_id: str) -> User:
    """Return somebody whom nobody else changes until this transaction ends."""
    this = (users.c.district == district, users.c.user_id == user_id)
    connection.execute(sa.select(users.c.user_id).where(*this).with_for_update())
    return get_user(connection, district, user_id)


def _worker_of(connection: sa.Connection, person: User, user_id: str) -> User:
    if not may(person.role, "people"):
        raise Refusal("not_allowed")
    worker = get_user(connection, person.district, user_id)
    near = any(inside(code, person.scope_codes) for code in worker.scope_codes)
    if worker.role not in LAPTOP_ROLES or not near:
        raise Refusal("unknown_user")
    return worker


def _holders(connection: sa.Connection, district: str, but: str) -> dict[str, list[str]]:
    """Return the names of the others in use by the area codes they hold."""
    found: dict[str, list[str]] = {}
    for row in people_read.everybody(connection, district):
        if row["user_id"] != but and row["active"] and row["role"] in LAPTOP_ROLES:
            _add(found, row)
    return found


def _add(found: dict[str, list[str]], row: Row) -> None:
    for code in row["scope_codes"]:
        found.setdefault(code, []).append(row["name"])
