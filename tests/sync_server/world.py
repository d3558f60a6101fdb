"""A small centre for tests: one district, two grids, a clock that stands still, laptops by hand."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient

from schemas.clock import written
from schemas.exchange import API
from schemas.seal import ZEROS, seal
from sync_server.services import accounts, devices
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.sync import exchange

NOON = datetime(2026, 9, 30, 4, 0, tzinfo=UTC)
DISTRICT = "990101"
COMMUNITY = "990101100009"
GRID, OTHER_GRID = "990101100009003", "990101100009004"


@dataclass
class StillClock:
    """A clock that tests move."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """Return the time it stands at."""
        return self.now

    def passes(self, **duration: float) -> None:
        """Move it by a duration, as of timedelta."""
        self.now += timedelta(**duration)


def add_worker(centre: Centre, no: str = "w1", grids: Sequence[str] = (GRID,)) -> User:
    """Make a grid worker."""
    with centre.store.writing() as connection:
        return accounts.add_user(
            connection, centre.code, no=no, name=f"张{no}", role="worker", scope_codes=grids,
            now=centre.clock(), kind="full",
        )  # fmt: skip


def join(centre: Centre, worker: User, key: str = "ab" * 32) -> Laptop:
    """Give the worker a laptop that has joined."""
    with centre.store.writing() as connection:
        code = devices.issue_join_code(connection, centre.code, worker.user_id, centre.clock())
    joined = devices.join_device(centre, code, "laptop", key, "1.0.0", centre.clock())
    return Laptop(centre, joined.device.device_id, joined.token, worker.user_id)


@dataclass
class Laptop:
    """What a laptop keeps: its stream, what it has sealed, where it stands."""

    centre: Centre
    device_id: str
    token: str
    worker_id: str
    stream: str = field(default_factory=new_id)
    log: list[dict[str, Any]] = field(default_factory=list)
    acked: int = 0
    epoch: str | None = None
    cursor: str | None = None
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    slow_s: int = 0
    """How far its clock is behind."""

    def write(
        self,
        kind: str,
        action: str,
        fields: dict[str, Any],
        record_id: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Seal one change at the end of the stream and return it."""
        at = self.centre.clock() - timedelta(seconds=self.slow_s)
        change = {
            "change_id": new_id(),
            "kind": kind,
            "schema": 1,
            "record_id": record_id or new_id(),
            "action": action,
            "grid": GRID,
            "base_version": None,
            "made_at": written(at),
            "author": self.worker_id,
            "fields": fields,
            **more,
        }
        prev = self.log[-1]["hash"] if self.log else ZEROS
        self.log.append(seal(change, len(self.log) + 1, prev))
        return self.log[-1]

    def body(self, changes: Sequence[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
        """Return the next request; ``changes`` default to what is not acknowledged."""
        unsent = self.log[self.acked :] if changes is None else list(changes)
        head = {
            "stream": self.stream,
            "acked_seq": self.acked,
            "acked_hash": self.log[self.acked - 1]["hash"] if self.acked else ZEROS,
            "last_seq": len(self.log),
        }
        return {
            "protocol": 1,
            "device_id": self.device_id,
            "batch_id": new_id(),
            "server_epoch": self.epoch,
            "cursor": self.cursor,
            "sent_at": written(self.centre.clock() - timedelta(seconds=self.slow_s)),
            "app": "1.0.0",
            "heads": [head],
            "stream": self.stream,
            "changes": copy.deepcopy(unsent),
            "want": 500,
            **more,
        }

    def send(self, body: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
        """Exchange through the service and keep the answer; return the reply."""
        device = devices.authenticate(self.centre.store, self.token)
        reply = exchange(self.centre, device, body or self.body(), self.centre.clock(), **how)
        answer: dict[str, Any] = json.loads(reply.as_json())
        self.keep(answer)
        return answer

    def post(self, client: FlaskClient, body: Any = None) -> Any:
        """Post over HTTP without keeping the answer; return the response."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return client.post(f"{API}/sync", json=body or self.body(), headers=headers)

    def keep(self, answer: dict[str, Any]) -> None:
        """Store what an answer says, as a laptop does."""
        self.epoch, self.cursor = answer["server_epoch"], answer["cursor"]
        for known in answer["known"]:
            if known["stream"] == self.stream:
                self.acked = known["seq"]
        for update in answer["updates"]:
            if update.get("gone"):
                self.records.pop(update["record_id"], None)
            else:
                self.records[update["record_id"]] = update

    def version(self, record_id: str) -> int:
        """Return the version of a record as this laptop has it."""
        version: int = self.records[record_id]["version"]
        return version


def outcomes(answer: dict[str, Any]) -> list[str]:
    """Return the outcomes of an answer's receipts."""
    return [receipt["outcome"] for receipt in answer["receipts"]]


def household(**more: Any) -> dict[str, Any]:
    """Return the fields of a household's create."""
    return {"code": "3-1-502", "room_id": new_id(), "kind": "family", "size": 3, **more}


def resident(**more: Any) -> dict[str, Any]:
    """Return the fields of an adult resident's create."""
    return {
        "name": "林示例",
        "sex": "1",
        "birth": "1951-04",
        "relation": "02",
        "household_id": new_id(),
        "reside": "registered",
        "notice_version": "2026-1",
        "notice_at": "2026-09-30T08:41:00+08:00",
        "basis": "consent",
        **more,
    }


def issue(**more: Any) -> dict[str, Any]:
    """Return the fields of an issue's create."""
    return {
        "happened_at": "2026-09-30T11:00:00+08:00",
        "category": "ENV",
        "title": "楼道堆物",
        "text": "三单元一楼",
        "level": "2",
        "urgency": "normal",
        "source": "patrol",
        "place": "3号楼",
        **more,
    }
