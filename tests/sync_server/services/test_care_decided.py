"""A conflict's decision lets no visit meet somebody in care without a word on how they were."""

from __future__ import annotations

from typing import Any

import pytest

from sync_server.services.accounts import get_user
from sync_server.services.centre import Centre
from tests.sync_server.care_door import Door
from tests.sync_server.services.desks import choose, hire, stored
from tests.sync_server.world import join


@pytest.fixture
def door(any_centre: Centre) -> Door:
    """The door, on each database."""
    return Door(any_centre)


def disputed(door: Door, **more: Any) -> str:
    """Let two laptops of one worker say other results of a visit: vacant stands, met waits."""
    visit_id = door.visit(door.one, 5, care_checks=None, **more)
    door.one.send()
    with door.centre.store.reading() as connection:
        worker = get_user(connection, door.centre.code, door.one.worker_id)
    second = join(door.centre, worker, key="aa" * 32)
    door.one.write("visit", "update", {"result": "vacant"}, visit_id, base_version=1)
    door.one.send()
    second.slow_s = 3 * 3600  # a doubtful clock decides nothing by itself
    second.write("visit", "update", {"result": "met"}, visit_id, base_version=1)
    second.send()
    return visit_id


def test_met_without_a_state_is_not_decided_but_asked(door: Door) -> None:
    staff, visit_id = hire(door.centre), disputed(door)
    assert stored(door.centre, visit_id).fields["result"] == "vacant"
    (trouble,) = choose(door.centre, staff, visit_id, "other").values()
    assert trouble.code == "states_needed"
    assert stored(door.centre, visit_id).fields["result"] == "vacant"
    assert choose(door.centre, staff, visit_id, "ask", words="见到本人了吗") == {}


def test_met_with_a_state_is_decided(door: Door) -> None:
    staff, visit_id = hire(door.centre), disputed(door)
    checks = {"care_checks": {"add": {door.person: {"state": "not_reached"}}}}
    version = stored(door.centre, visit_id).version
    door.one.write("visit", "update", checks, visit_id, base_version=version)
    door.one.send()
    assert choose(door.centre, staff, visit_id, "other") == {}
    assert stored(door.centre, visit_id).fields["result"] == "met"


def test_met_at_a_door_with_nobody_in_care_is_decided(door: Door) -> None:
    staff, visit_id = hire(door.centre), disputed(door, household_id=door.building)
    assert choose(door.centre, staff, visit_id, "other") == {}
    assert stored(door.centre, visit_id).fields["result"] == "met"
