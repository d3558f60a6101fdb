"""Whose data lay on a lost laptop: masked, in full with a reason, and only of one's own areas."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.services import device_persons
from sync_server.store.tables import audit
from tests.sync_server.web.staff import PHONE, load, post, sign_in
from tests.sync_server.world import GRID, resident


def address(town):
    return f"/devices/{town.here.laptop.device_id}/persons"


def test_the_list_is_masked_and_names_everybody_of_the_laptops_grids(town, app):
    page = sign_in(app, "community").get(address(town)).text
    assert "*" in page
    assert PHONE not in page
    assert "隔壁" not in page


def test_in_full_it_takes_a_reason_that_is_written_down(town, app, centre):
    client = sign_in(app, "community")
    assert post(client, address(town), reason=" ").status_code == 422
    assert PHONE in post(client, address(town), reason="终端丢失，告知受影响的人").text
    with centre.store.reading() as connection:
        kept = connection.execute(sa.select(audit).where(audit.c.action == "list_persons")).one()
    assert kept.detail["reason"] == "终端丢失，告知受影响的人"
    assert kept.detail["persons"] >= 1


def test_next_door_and_roles_without_the_right_are_refused(town, app):
    assert sign_in(app, "neighbour").get(address(town)).status_code == 404
    leader = sign_in(app, "leader")
    assert leader.get(address(town)).status_code == 200
    assert post(leader, address(town), reason="想看看").status_code == 403


def test_what_came_after_its_last_sync_was_not_on_it(town, centre, clock):
    person, device = town.people["community"], town.here.laptop.device_id

    def listed():
        with centre.store.reading() as connection:
            return device_persons.list_persons(connection, person, device, centre.clock(), "zh")

    before = len(listed().persons)
    clock.passes(hours=1)
    load(centre, person.user_id, "resident", GRID, resident(name="周后来"))
    assert len(listed().persons) == before > 0
    town.here.laptop.send()
    assert len(listed().persons) == before + 1
