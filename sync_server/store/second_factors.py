"""Reading and writing the second factors of staff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sync_server.store.guard_tables import second_factors as factors
from sync_server.store.tables import districts, users

SETTING = "second_factor_roles"
"""Among a district's settings: the roles that have to have a second factor."""
_ROLES = sa.select(districts.c.settings[SETTING]).where(
    districts.c.district == sa.bindparam("district")
)


def required_roles(connection: sa.Connection, district: str) -> frozenset[str]:
    """Return the roles that have to have a second factor; asked with every page."""
    return frozenset(connection.execute(_ROLES, {"district": district}).scalar() or ())


def find(
    connection: sa.Connection, district: str, user_id: str, *, lock: bool = False
) -> sa.Row[Any] | None:
    """Return somebody's second factor, confirmed or only begun; None when there is none."""
    query = sa.select(factors).where(factors.c.district == district, factors.c.user_id == user_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def begin(
    connection: sa.Connection, district: str, user_id: str, values: Mapping[str, Any]
) -> None:
    """Put a new one that is not confirmed in the place of whatever there is."""
    drop(connection, district, user_id)
    key = {"district": district, "user_id": user_id}
    connection.execute(sa.insert(factors), {**key, **values})


def change(
    connection: sa.Connection, district: str, user_id: str, values: Mapping[str, Any]
) -> None:
    """Write some of its values."""
    this = (factors.c.district == district, factors.c.user_id == user_id)
    connection.execute(sa.update(factors).where(*this).values(**values))


def drop(connection: sa.Connection, district: str, user_id: str) -> None:
    """Take it away, if there is one."""
    this = (factors.c.district == district, factors.c.user_id == user_id)
    connection.execute(sa.delete(factors).where(*this))


def mark(
    connection: sa.Connection, district: str, user_id: str, there: bool, session_mark: str
) -> None:
    """Say at the account whether a second factor is asked for; its sessions end."""
    this = (users.c.district == district, users.c.user_id == user_id)
    values = {"second_factor": there, "session_mark": session_mark}
    connection.execute(sa.update(users).where(*this).values(**values))
