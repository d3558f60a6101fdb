"""A centre of its own for every test, on SQLite; `any_centre` runs the test on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sync_server.app import app_of
from sync_server.services.accounts import User
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
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
def centre(settings: Settings, clock: StillClock) -> Iterator[Centre]:
    """An empty centre on SQLite."""
    opened = open_centre(settings, clock)
    yield opened
    opened.store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def any_centre(
    request: pytest.FixtureRequest, tmp_path: Path, clock: StillClock
) -> Iterator[Centre]:
    """An empty centre on each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    folder = tmp_path / "centre"
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
