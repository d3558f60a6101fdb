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
    """Take every step whose time has come by ``now`` and return how many."""
    taken = 0
    while True:
        with store.writing() as connection:
            writing.lock_district(connection, district)
            some = cases.waiting_for_time(
                connection, district, verified=flow.VERIFIED, suspended=flow.SUSPENDED,
                now=now, today=date.fromisoformat(local_day(now)), size=CHUNK,
            )  # fmt: skip
            if not some:
                return taken
            wanted = [
                NewStep(
                    row["issue_id"],
                    "close" if row["state"] == flow.VERIFIED else "resume",
                    SYSTEM,
                    {},
                    now,
                )
                for row in some
            ]
            try:
                take_steps(connection, district, wanted, now)
            except Refusal:
                # A row that does not say what its steps say: nothing to be done by the clock.
                return taken
        taken += len(some)
