"""Reading people and the audit for the staff's pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from sync_server.store.scope import chunks
from sync_server.store.tables import audit, users

Row = sa.RowMapping


def names_of(connection: sa.Connection, district: str, user_ids: Collection[str]) -> dict[str, str]:
    """Return the names of these people by id; unknown ids are left out."""
    names: dict[str, str] = {}
    for run in chunks(user_ids):
        query = sa.select(users.c.user_id, users.c.name).where(
            users.c.district == district, users.c.user_id.in_(run)
        )
        names.update((row.user_id, row.name) for row in connection.execute(query))
    return names


def everybody(connection: sa.Connection, district: str) -> Sequence[Row]:
    """Return the people of a district by number, without what proves who they are."""
    wanted = [
        users.c.user_id, users.c.no, users.c.name, users.c.kind, users.c.role,
        users.c.scope_codes, users.c.unit_id, users.c.active, users.c.created_at,
        users.c.locked_until, users.c.second_factor,
        users.c.password_hash.is_not(None).label("signs_in"),
    ]  # fmt: skip
    query = sa.select(*wanted).where(users.c.district == district).order_by(users.c.no)
    return connection.execute(query).mappings().all()


def audit_entries(
    connection: sa.Connection,
    district: str,
    *,
    action: str,
    user_id: str,
    since: datetime | None,
    before: datetime | None,
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return a page of the audit, newest first, and how many entries there are in all."""
    conditions = [audit.c.district == district]
    if action:
        conditions.append(audit.c.action == action)
    if user_id:
        conditions.append(audit.c.user_id == user_id)
    if since is not None:
        conditions.append(audit.c.at >= since)
    if before is not None:
        conditions.append(audit.c.at < before)
    counted = sa.select(sa.func.count()).select_from(audit).where(*conditions)
    total = connection.execute(counted).scalar_one()
    query = (
        sa.select(audit)
        .where(*conditions)
        .order_by(audit.c.at.desc(), audit.c.audit_id.desc())
        .offset(start)
        .limit(size)
    )
    return connection.execute(query).mappings().all(), total


def audit_actions(connection: sa.Connection, district: str) -> list[str]:
    """Return the actions that occur in the audit, in order."""
    query = sa.select(audit.c.action).where(audit.c.district == district).distinct()
    return sorted(connection.execute(query).scalars())
