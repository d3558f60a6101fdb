"""People and the audit as staff see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from schemas.codes import code_list
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import LAPTOP_ROLES, User
from sync_server.services.places import names_for
from sync_server.services.units import unit_names
from sync_server.services.uploads import span
from sync_server.store import people_read
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

    @property
    def holds_grids(self) -> bool:
        """Whether the person works in grids, with a laptop."""
        return self.row["role"] in LAPTOP_ROLES


@dataclass(frozen=True)
class AuditPage:
    """A page of the audit; ``names`` are people by id, ``actions`` what can be asked for."""

    entries: tuple[Row, ...]
    names: dict[str, str]
    actions: tuple[str, ...]
    total: int
    page: int
    pages: int


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
        )
        for row in rows
    ]


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
    if not may(person.role, "audit"):
        raise Refusal("not_allowed")
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
    )
