"""A door with somebody in care behind it, for every test of what is raised there."""

from __future__ import annotations

import pytest

from sync_server.services.centre import Centre
from tests.sync_server.care_door import Door


@pytest.fixture
def door(any_centre: Centre) -> Door:
    """The door, on each database."""
    return Door(any_centre)


@pytest.fixture
def plain_door(centre: Centre) -> Door:
    """The door, on one database, for what none of them decides."""
    return Door(centre)
