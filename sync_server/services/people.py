"""People and the audit as staff see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.codes import code_list
from sync_server.domain.access import may, may_handle
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.spoken import spoken_password
from sync_server.services import accounts
from sync_server.services.accounts import (
    LAPTOP_ROLES,
    WITHOUT_PAGES,
    User,
    get_user,
    hash_password,
    require,
)
from sync_server.services.places import names_for
from sync_server.services.units import unit_names
from sync_server.services.uploads import span
from sync_server.store import people_read
from sync_server.store.audit_chain import Head, head
from sync_server.store.engine import Store
from sync_server.store.people_read import Row

AUDIT_PAGE = 100


@dataclass(frozen=True)
class Person:
    """Somebody with an account: role and kind in words, areas by name, the unit he acts for."""

    row: Row
    role: str
    kind: str
    areas: tuple[str, ...]
    unit: str = ""
    manageable: bool = False
    """Whether whoever looks may set the password and switch the account off."""

    @property
    def holds_grids(self) -> bool:
        """Whether the person works in grids, with a laptop."""
        return self.row["role"] in LAPTOP_ROLES

    @property
    def has_pages(self) -> bool:
        """Whether a password would let the person in here."""
        return self.row["role"] not in WITHOUT_PAGES


@dataclass(frozen=True)
class AuditPage:
    """A page of the audit; ``names`` are people by id, ``actions`` what can be asked for, ``head``
    is the end of the chain over all of it."""

    entries: tuple[Row, ...]
    names: dict[str, str]
    actions: tuple[str, ...]
    total: int
    page: int
    pages: int
    head: Head


def authors(connection: sa.Connection, person: User) -> list[Row]:
    """Return the people working inside the person's areas, by number."""
    return [
        row
        for row in people_read.everybody(connection, person.district)
        if any(code.startswith(one) for code in row["scope_codes"] for one in person.scope_codes)
    ]


def list_people(connection: sa.Connection, person: User, lang: str) -> list[Person]:
    """Return the accounts inside the person's areas; raise Refusal ``not_allowed``."""
    if not may(person.role, "people"):
        raise Refusal("not_allowed")
    rows = authors(connection, person)
    codes = {code for row in rows for code in row["scope_codes"]}
    names = names_for(connection, person.district, codes)
    acting_for = unit_names(connection, person.district)
    roles, sorts = code_list("ROLE"), code_list("USER_KIND")
    return [
        Person(
            row,
            roles.text(row["role"], lang),
            sorts.text(row["kind"], lang),
            tuple(names[code] for code in row["scope_codes"]),
            acting_for.get(row["unit_id"] or "", ""),
            not _why_not(person, row["user_id"], row["role"], row["scope_codes"]),
        )
        for row in rows
    ]


def account_of(connection: sa.Connection, person: User, user_id: str) -> User:
    """Return somebody whose account the person may handle.

    That takes the right ``accounts``, a lower role (``may_handle``), and all of the other's areas.
    Raises Refusal: not_allowed, unknown_user (also outside the areas), account_elsewhere,
    own_account.
    """
    if not may(person.role, "accounts"):
        raise Refusal("not_allowed")
    found = get_user(connection, person.district, user_id)
    if not any(inside(code, person.scope_codes) for code in found.scope_codes):
        raise Refusal("unknown_user")
    if code := _why_not(person, found.user_id, found.role, found.scope_codes):
        raise Refusal(code)
    return found


def open_account(connection: sa.Connection, person: User, user_id: str, lang: str) -> Person:
    """Return somebody whose account the person may handle, as listed; raises as ``account_of``."""
    account_of(connection, person, user_id)
    [found] = [
        one for one in list_people(connection, person, lang) if one.row["user_id"] == user_id
    ]
    return found


def reset_password(store: Store, person: User, user_id: str, now: datetime) -> tuple[User, str]:
    """Give somebody a new password; return him and it, which is told nowhere else.

    Raises Refusal as ``account_of``, and laptop_only for somebody who signs in on no page.
    """
    password = spoken_password()
    new_hash = hash_password(password)
    with store.writing() as connection:
        account_of(connection, person, user_id)
        accounts.reset_password(
            connection, person.district, user_id, new_hash, now, by=person.user_id
        )
        return get_user(connection, person.district, user_id), password


def switch(
    connection: sa.Connection, person: User, user_id: str, active: bool, now: datetime
) -> bool:
    """Let somebody in or keep him out; return whether that changes anything.

    Raises Refusal as ``account_of``.
    """
    if account_of(connection, person, user_id).active == active:
        return False
    accounts.set_active(connection, person.district, user_id, active, now, person.user_id)
    return True


def _why_not(person: User, user_id: str, role: str, scope_codes: Sequence[str]) -> str:
    """Return the code of what keeps the person from handling an account, empty for nothing."""
    if not may_handle(person.role, role):
        return "not_allowed"
    if user_id == person.user_id:
        return "own_account"
    if not all(inside(code, person.scope_codes) for code in scope_codes):
        return "account_elsewhere"
    return ""


def audit_page(
    connection: sa.Connection,
    person: User,
    *,
    action: str,
    user_id: str,
    since: date | None,
    until: date | None,
    page: int,
) -> AuditPage:
    """Return a page of the district's audit, newest first; raise Refusal ``not_allowed``."""
    require(person, "audit")
    entries, total = people_read.audit_entries(
        connection,
        person.district,
        action=action,
        user_id=user_id,
        since=span(since)[0] if since else None,
        before=span(until)[0] + timedelta(days=1) if until else None,
        start=(page - 1) * AUDIT_PAGE,
        size=AUDIT_PAGE,
    )
    everybody = people_read.everybody(connection, person.district)
    return AuditPage(
        entries=tuple(entries),
        names={row["user_id"]: f"{row['name']} {row['no']}" for row in everybody},
        actions=tuple(people_read.audit_actions(connection, person.district)),
        total=total,
        page=page,
        pages=max(1, -(-total // AUDIT_PAGE)),
        head=head(connection, person.district),
    )
