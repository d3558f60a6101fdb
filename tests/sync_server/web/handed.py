"""Issues handed to departments and companies: units, who acts for them, and steps by staff."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sync_server.services import accounts
from sync_server.services.accounts import User
from sync_server.services.issues import take_step
from sync_server.store.tables import users
from tests.sync_server.web.staff import Town, hire, load
from tests.sync_server.world import DISTRICT, issue


def add_unit(town: Town, name: str = "示范区城管局", kind: str = "department") -> str:
    """Put a unit into the register and return its id."""
    author = town.people["district"].user_id
    fields = {"name": name, "unit_kind": kind, "categories": ["ENV"]}
    return load(town.centre, author, "unit", DISTRICT, fields)


def act_for(town: Town, no: str, role: str, unit_id: str | None) -> User:
    """Make an account that acts for a unit (None: for none) and signs in with PASSWORD."""
    person = hire(town, no, role, (DISTRICT,))
    with town.centre.store.writing() as connection:
        connection.execute(sa.update(users).where(users.c.no == no).values(unit_id=unit_id))
        person = town.people[no] = accounts.get_user(connection, DISTRICT, person.user_id)
    return person


def report(town: Town, **more: Any) -> str:
    """Report an issue from this community's laptop, accept it, and return its id."""
    laptop = town.here.laptop
    assert laptop is not None
    made = laptop.write("issue", "create", issue(**more))
    laptop.send()
    step(town, "community", made["record_id"], "accept", level="2")
    return str(made["record_id"])


def dispatched(town: Town, unit_id: str, **more: Any) -> str:
    """Report and accept an issue, dispatch it to a unit, and return its id."""
    issue_id = report(town, **more)
    step(town, "community", issue_id, "dispatch", target_id=unit_id)
    return issue_id


def step(town: Town, no: str, issue_id: str, action: str, **said: Any) -> None:
    """Let somebody take a step."""
    take_step(town.centre.store, town.people[no], issue_id, action, said, town.centre.clock())
