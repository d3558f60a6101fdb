"""A store of its own for every test, a key, a clock that stands still, cheap Argon2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from field_app.store.changes import KeepTable
from field_app.store.keys import Argon2Profile, Clock
from field_app.store.rows import RowStore
from field_app.store.tables import DurableDB

KEY = bytes(range(32))
QUICK = Argon2Profile(memory_kib=64, iterations=1, lanes=1)
INDEXES = {"household": ["grid", "room"]}


class FakeTime:
    """Two hands that tests move: `wall` may jump, `steady` is the time since start."""

    def __init__(self) -> None:
        self.wall = 1_780_000_000.0
        self.steady = 100.0
        self.clock = Clock(wall=lambda: self.wall, steady=lambda: self.steady)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def rows(path: Path) -> RowStore:
    """An empty store with one table, open."""
    store = RowStore.create(path, KEY)
    store.commit([KeepTable("t", 0)])
    return store


@pytest.fixture
def open_db(path: Path) -> Iterator[Callable[..., DurableDB]]:
    """Open the test's store, made on first use; whatever was opened is closed at the end."""
    opened = []

    def open_(**options: Any) -> DurableDB:
        rows = RowStore.open(path, KEY) if path.exists() else RowStore.create(path, KEY)
        db = DurableDB(rows, **{"indexes": INDEXES, "document_id_class": str, **options})
        opened.append(db)
        return db

    yield open_
    for db in opened:
        db.close()


@pytest.fixture
def db(open_db: Callable[..., DurableDB]) -> DurableDB:
    return open_db()
