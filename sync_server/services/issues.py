"""Handling issues at the centre: what somebody may see and do, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.cases import Case
from schemas.guards import Actor, offered
from schemas.workflow import OFFICES, UNITS, WORKERS, Transition
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.services.issue_life import ISSUE, STEP, case_of
from sync_server.services.steps import NewStep, take_steps
from sync_server.store import cases, records_read
from sync_server.store.engine import Store
from sync_server.store.records_read import Row, children_of

HANDLERS = OFFICES | UNITS | (WORKERS & {"leader"})
"""Roles that handle issues on the centre's pages."""


def actor_of(person: User) -> Actor:
    """Return a person as the workflow knows one."""
    return Actor(person.user_id, person.role, person.unit_id)


def find_issue(connection: sa.Connection, person: User, issue_id: str) -> Row:
    """Return an issue's row.

    A unit finds what was dispatched to it and not refused, or what it was called to; everybody else
    what lies in his areas. Raises Refusal: not_allowed for a role without issues, unknown_record.
    """
    if person.role not in HANDLERS | {"admin"}:
        raise Refusal("not_allowed")
    row = records_read.get(connection, person.district, issue_id)
    if row is None or row["kind"] != ISSUE or not _sees(connection, person, row):
        raise Refusal("unknown_record")
    return row


def _sees(connection: sa.Connection, person: User, row: Row) -> bool:
    if person.role in UNITS:
        unit = person.unit_id
        return unit is not None and cases.unit_sees(
            connection, person.district, unit, row["record_id"]
        )
    return inside(row["grid"], person.scope_codes)


def open_case(connection: sa.Connection, person: User, issue_id: str) -> tuple[Row, Case]:
    """Return an issue and its case; raises Refusal as ``find_issue``."""
    row = find_issue(connection, person, issue_id)
    steps = children_of(connection, person.district, STEP, [issue_id])[issue_id]
    return row, case_of(row, steps)


def may_do(person: User, case: Case) -> list[Transition]:
    """Return what somebody may do as the case stands, notes last."""
    return offered(case, actor_of(person)) if person.role in HANDLERS else []


def take_step(
    store: Store,
    person: User,
    issue_id: str,
    action: str,
    said: Mapping[str, Any],
    now: datetime,
) -> Case:
    """Take one step of an issue and return its case.

    ``said`` are wire fields of the step. Raises Refusal: as ``find_issue``; step_not_possible with
    ``why``; bad_fields with ``problems``.
    """
    if person.role not in HANDLERS:
        raise Refusal("not_allowed")
    with store.writing() as connection:
        find_issue(connection, person, issue_id)
        wanted = NewStep(issue_id, action, actor_of(person), said, now)
        return take_steps(connection, person.district, [wanted], now)[issue_id]
