"""Laptops for tests: the real app on a real store, with a clock that stands still."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from field_app.app import create_app
from field_app.domain.identity import Identity
from field_app.domain.progress import Progress
from field_app.services.connection import calls, connects
from field_app.services.desk import Desk
from field_app.services.joining import Call
from field_app.services.records import Saved, save_record
from field_app.services.workspace import Workspace, indexes
from field_app.settings import Settings
from field_app.store.keys import Argon2Profile, Clock
from field_app.store.vault import Vault

WORKER, OTHER_WORKER = (
    "01998a00-0000-7000-8000-00000000aaaa",
    "01998a00-0000-7000-8000-00000000cccc",
)
DEVICE = "01998a00-0000-7000-8000-00000000dddd"
GRID, NEXT_GRID = "990101100009003", "990101100009004"
PASSPHRASE = "correct horse 电池"
CENTRE = "http://127.0.0.1:8765"
MORNING = datetime(2026, 9, 30, 0, 41, tzinfo=UTC)
QUICK = Argon2Profile(memory_kib=64, iterations=1, lanes=1)
ISSUE = {
    "happened_at": "2026-09-30T08:40:00+08:00", "category": "FIRE", "title": "楼道堆物",
    "text": "三楼楼道堆放纸箱", "level": "2", "urgency": "normal", "source": "patrol",
    "place": "3号楼2单元",
}  # fmt: skip
HOUSEHOLD = {"code": "H0001", "room_id": "01998a00-0000-7000-8000-000000000001", "kind": "family"}


class Hands:
    """The laptop's clocks, moved by the test alone: the wall clock and the steady one."""

    def __init__(self) -> None:
        self.wall = MORNING
        self.steady = 1000.0

    def __call__(self) -> datetime:
        return self.wall

    def passes(self, seconds: float) -> None:
        """Let time pass on both."""
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    @property
    def vault_clock(self) -> Clock:
        """The same hands as the store sees them."""
        return Clock(wall=lambda: self.wall.timestamp(), steady=lambda: self.steady)


def identity(**more: Any) -> Identity:
    """Return the identity of a worker who joined the tests' centre."""
    values: dict[str, Any] = {
        "server_url": CENTRE, "device_id": DEVICE, "device_name": "测试本", "token": "the-token",
        "private_key": "11" * 32, "public_key": "22" * 32, "worker_id": WORKER,
        "worker_no": "W001", "worker_name": "林示例", "role": "worker", "district": "990101",
        "grids": (GRID,), "server_key": "33" * 32, "server_epoch": "e1",
        "joined_at": "2026-09-01T08:00:00+08:00", "synthetic": True,
    }  # fmt: skip
    return Identity(**values | more)


class Laptop:
    """One laptop: its data folder, desk, app and a browser."""

    def __init__(self, folder: Path, hands: Hands, **settings: Any) -> None:
        self.folder = folder
        self.hands = hands
        self.settings = Settings(folder, **settings)
        vault = Vault(folder, argon=QUICK, clock=hands.vault_clock, indexes=indexes())
        self.waits: list[float] = []
        self.desk = Desk(vault, connects(self.settings), hands, lambda: hands.steady, QUICK)
        self.desk.rounds.sleep = self.waits.append

    @property
    def call(self) -> Call:
        """What opens a connection to a centre that does not know us yet."""
        return calls(self.settings, self.hands)

    def sync(self, *, agreed: bool = False) -> Progress:
        """Run a round to its end without waiting between tries."""
        progress = self.desk.rounds.run(self.ws, agreed=agreed)
        assert progress is not None
        return progress

    @cached_property
    def app(self) -> Flask:
        """The laptop's app, made when a test first looks at a page."""
        return create_app(self.settings, self.desk)

    @cached_property
    def browser(self) -> Browser:
        """A browser at the laptop."""
        return Browser(self)

    def settle(self, worker_id: str = WORKER, **more: Any) -> str:
        """Make a worker's store as joining does, unlock it and return the recovery key."""
        store, key = self.desk.vault.create(worker_id, "林示例", PASSPHRASE)
        document = identity(worker_id=worker_id, **more).document()
        Workspace(store.db, self.hands).keep_setting("identity", **document)
        self.desk.take(store)
        return key

    @property
    def ws(self) -> Workspace:
        """The unlocked worker."""
        found = self.desk.present()
        assert found is not None
        return found

    def close(self) -> None:
        """Lock it."""
        self.desk.lock()


class Browser:
    """A browser at the laptop that keeps cookies and posts the token of the page it saw."""

    def __init__(self, laptop: Laptop) -> None:
        self.base = f"http://127.0.0.1:{laptop.settings.port}"
        self.client: FlaskClient = laptop.app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, base_url=self.base, **options)

    def token(self, path: str = "/unlock") -> str:
        """Return the form token of a page."""
        page = self.client.get(path, base_url=self.base, follow_redirects=True)
        found = re.search(r'name="csrf-token" content="([^"]+)"', page.text)
        assert found, page.status
        return found[1]

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Submit a form as the page at hand would."""
        seen = options.pop("seen", "/unlock")
        values = {"csrf_token": self.token(seen), **(data or {})}
        return self.client.post(path, base_url=self.base, data=values, **options)

    def unlock(self, passphrase: str = PASSPHRASE, worker_id: str = WORKER) -> TestResponse:
        """Type the passphrase."""
        return self.post("/unlock", {"worker_id": worker_id, "passphrase": passphrase})


def save_issue(ws: Workspace, **more: Any) -> Saved:
    """Report a problem; the values in ``more`` replace the usual ones."""
    saved = save_record(ws, "issue", "create", {**ISSUE, **more})
    assert saved.saved, saved.problems
    return saved
