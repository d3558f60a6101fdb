"""The accounts of a demo world, with a password for those who sign in at the centre."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sync_server.domain.spoken import spoken_password
from sync_server.domain.world import WorldUser
from sync_server.services.accounts import add_user


@dataclass(frozen=True)
class Account:
    """One who can sign in at the centre; the password is shown once, to whoever built the world."""

    no: str
    name: str
    role: str
    scope_codes: tuple[str, ...]
    password: str


def hire(
    connection: sa.Connection,
    district: str,
    users: Iterable[WorldUser],
    now: datetime,
) -> tuple[Account, ...]:
    """Make everybody's account."""
    accounts = []
    for user in users:
        password = spoken_password() if user.account else None
        add_user(
            connection,
            district,
            no=user.no,
            name=user.name,
            role=user.role,
            kind=user.kind,
            scope_codes=user.scope_codes,
            now=now,
            password=password,
            demo=True,
            user_id=user.user_id,
            unit_id=user.unit_id or None,
        )
        if password:
            accounts.append(Account(user.no, user.name, user.role, user.scope_codes, password))
    return tuple(accounts)
