"""Steps whose time has come: verified issues that nobody rated are closed, suspensions end.

Run every minute by the serving program and by ``python -m sync_server run-due``; doing it twice, or
from several processes, does nothing twice.
"""

from __future__ import annotations

from datetime import date, datetime

from schemas import workflow as flow
from schemas.clock import local_day
from sync_server.domain.errors import Refusal
from sync_server.services.steps import SYSTEM, NewStep, take_steps
from sync_server.store import cases, writing
from sync_server.store.engine import Store

CHUNK = 200


def take_due_steps(store: Store, district: str, now: datetime) -> int:
    """Take every step whose time has come by ``now`` and return how many.

    One that is refused, because a row does not say what its steps say, stops no other.
    """
    taken = 0
    refused: set[str] = set()
    while True:
        with store.writing() as connection:
            writing.lock_district(connection, district)
            some = cases.waiting_for_time(
                connection, district, verified=flow.VERIFIED, suspended=flow.SUSPENDED,
                now=now, today=date.fromisoformat(local_day(now)), size=CHUNK,
            )  # fmt: skip
            fresh = [row for row in some if row["issue_id"] not in refused]
            if not fresh:
                return taken
            for row in fresh:
                action = "close" if row["state"] == flow.VERIFIED else "resume"
                step = NewStep(row["issue_id"], action, SYSTEM, {}, now)
                try:
                    take_steps(connection, district, [step], now)
                except Refusal:
                    refused.add(row["issue_id"])
                else:
                    taken += 1
