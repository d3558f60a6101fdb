"""The staff's town, built once for tests that only look, anew for tests that change something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from sync_server.app import app_of
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from tests.quick import lay_out
from tests.sync_server.web import staff
from tests.sync_server.web.staff import Town
from tests.sync_server.world import DISTRICT, StillClock


@pytest.fixture
def town(centre: Centre) -> Town:
    """A town of this test's own."""
    return staff.build(centre)


@pytest.fixture(scope="module")
def quiet_town(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Town]:
    """A town nobody changes, for every test of a module."""
    folder: Path = tmp_path_factory.mktemp("town")
    lay_out(migrated_file, folder)
    settings = Settings(data=folder, district=DISTRICT, sign_ins_per_minute=10_000, testing=True)
    opened = open_centre(settings, StillClock())
    yield staff.build(opened)
    opened.store.close()


@pytest.fixture(scope="module")
def quiet_app(quiet_town: Town) -> Flask:
    """The app of the town nobody changes."""
    return app_of(quiet_town.centre)
