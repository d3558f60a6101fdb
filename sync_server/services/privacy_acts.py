"""What the district does about a privacy request: taking it on, answering, refusing, opening again.

Everything names the version somebody looked at, so that two people do not answer past each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.domain import privacy as rule
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.privacy_requests import day_of, find, handles
from sync_server.services.record_page import checked_reason
from sync_server.store import privacy, writing
from sync_server.store.engine import Store
from sync_server.store.privacy import Row

LONGEST_ANSWER = 4000


def handled(
    connection: sa.Connection, person: User, request_id: str, version: str = "", *,
    state: str = rule.OPEN,
) -> Row:  # fmt: skip
    """Take the district's turn and return a request somebody may handle.

    Raises Refusal: not_allowed, unknown_record; out_of_date when it is in another state, or not at
    the ``version`` that was looked at.
    """
    writing.lock_district(connection, person.district)
    row = find(connection, person, request_id)
    if not handles(person, row["area"]):
        raise Refusal("not_allowed")
    if (row["state"] == rule.OPEN) != (state == rule.OPEN):
        raise Refusal("out_of_date")
    if version and version != str(row["version"]):
        raise Refusal("out_of_date")
    return row


def take_on(store: Store, person: User, request_id: str, version: str, now: datetime) -> None:
    """Say that one handles a request oneself. Raises Refusal as ``handled``."""
    with store.writing() as connection:
        row = handled(connection, person, request_id, version)
        if row["handler_id"] == person.user_id:
            return
        privacy.change(connection, person.district, request_id, {"handler_id": person.user_id})
        audit.note(connection, person.district, now, "privacy_take", **facts_of(person, row))


def check_identity(
    store: Store, person: User, request_id: str, version: str, checked: str, now: datetime
) -> None:
    """Say how it was made sure who asks. Raises Refusal as ``handled``, and bad_request."""
    if checked not in rule.CHECKS:
        raise Refusal("bad_request")
    with store.writing() as connection:
        row = handled(connection, person, request_id, version)
        if row["checked"] == checked:
            return
        privacy.change(connection, person.district, request_id, {"checked": checked})
        audit.note(
            connection,
            person.district,
            now,
            "privacy_check",
            **facts_of(person, row, checked=checked),
        )


def answer(
    store: Store, person: User, request_id: str, version: str, outcome: str, words: str,
    now: datetime,
) -> None:  # fmt: skip
    """Answer a request, or refuse it for a reason; the day is today's.

    Raises Refusal as ``handled``; answer_needed without words or an outcome, identity_first when
    it was never made sure who asks.
    """
    said = words.strip().replace("\r\n", "\n")
    if outcome not in (rule.ANSWERED, rule.REFUSED) or not 2 <= len(said) <= LONGEST_ANSWER:
        raise Refusal("answer_needed", most=LONGEST_ANSWER)
    with store.writing() as connection:
        row = handled(connection, person, request_id, version)
        require_identity(row, outcome)
        values = {"state": outcome, "answer": said, "answered_on": day_of(now),
                  "handler_id": person.user_id}  # fmt: skip
        privacy.change(connection, person.district, request_id, values)
        audit.note(
            connection,
            person.district,
            now,
            "privacy_answer",
            **facts_of(person, row, outcome=outcome),
        )


def reopen(
    store: Store, person: User, request_id: str, version: str, reason: str, now: datetime
) -> None:
    """Open a request again that is over; its answer so far stays. Raises Refusal as ``handled``,
    and reason_needed."""
    why = checked_reason(reason)
    with store.writing() as connection:
        row = handled(connection, person, request_id, version, state=rule.ANSWERED)
        values = {"state": rule.OPEN, "answered_on": None, "handler_id": person.user_id}
        privacy.change(connection, person.district, request_id, values)
        audit.note(
            connection, person.district, now, "privacy_reopen", **facts_of(person, row, reason=why)
        )


def require_identity(row: Row, outcome: str = rule.ANSWERED) -> None:
    """Raise Refusal ``identity_first`` unless it was made sure who asks, or he is refused."""
    if row["checked"] == rule.UNCHECKED and outcome != rule.REFUSED:
        raise Refusal("identity_first")


def facts_of(person: User, row: Row, **facts: Any) -> dict[str, Any]:
    """Return what the audit says of an act on a request, besides the act."""
    return {
        "user_id": person.user_id,
        "target": row["record_id"] or row["request_id"],
        "detail": {"request": row["no"], **facts},
    }
