"""A centre of its own for every test, on SQLite; `any_centre` runs the test on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sync_server.app import app_of
from sync_server.services.accounts import User
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from tests.postgres import Server
from tests.quick import lay_out
from tests.sync_server.world import DISTRICT, Laptop, StillClock, add_worker, join


@pytest.fixture
def clock() -> StillClock:
    """A clock that stands at noon until the test moves it."""
    return StillClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a centre in the test's own folder."""
    return Settings(data=tmp_path / "centre", district=DISTRICT, testing=True)


@pytest.fixture
def centre(settings: Settings, clock: StillClock, migrated_file: Path) -> Iterator[Centre]:
    """An empty centre on SQLite."""
    lay_out(migrated_file, settings.data)
    opened = open_centre(settings, clock)
    yield opened
    opened.store.close()


_copies = count(1)


@pytest.fixture
def migrated_url(postgres_server: Server, migrated_name: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database of today's tables that only this test uses."""
    name = f"copy_{next(_copies)}"
    postgres_server.run_sql(f"CREATE DATABASE {name} TEMPLATE {migrated_name} STRATEGY FILE_COPY")
    yield postgres_server.url(name)
    postgres_server.run_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def any_centre(
    request: pytest.FixtureRequest, tmp_path: Path, clock: StillClock
) -> Iterator[Centre]:
    """An empty centre on each database in turn."""
    folder, url = tmp_path / "centre", ""
    if request.param == "postgres":
        url = request.getfixturevalue("migrated_url")
    else:
        lay_out(request.getfixturevalue("migrated_file"), folder)
    opened = open_centre(Settings(folder, url, DISTRICT, testing=True), clock)
    yield opened
    opened.store.close()


@pytest.fixture
def app(centre: Centre) -> Flask:
    """The centre's app on SQLite."""
    return app_of(centre)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the app."""
    return app.test_client()


@pytest.fixture
def worker(centre: Centre) -> User:
    """A grid worker of the first grid."""
    return add_worker(centre)


@pytest.fixture
def laptop(centre: Centre, worker: User) -> Laptop:
    """The worker's laptop, joined."""
    return join(centre, worker)
