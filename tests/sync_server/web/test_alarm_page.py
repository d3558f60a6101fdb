"""The page of an alarm about somebody in care leads to the file with the emergency contact."""

from __future__ import annotations

from flask import Flask

from sync_server.services.centre import Centre
from tests.sync_server.care_door import Door
from tests.sync_server.web.staff import Town, hire, sign_in
from tests.sync_server.world import COMMUNITY


def test_the_page_of_an_alarm_links_household_and_visit(app: Flask, centre: Centre) -> None:
    door = Door(centre)
    door.visit(door.one, 9)
    visit = door.visit(door.one, 2)
    door.one.send()
    hire(Town(centre), "community", "community", (COMMUNITY,))
    client = sign_in(app, "community")
    page = client.get(f"/issues/{door.alarms()[0]['record_id']}").text
    address = f"/households/{door.home}/file"
    assert f'href="{address}"' in page
    assert f'href="/records/visit/{visit}"' in page
    assert "林示例" not in page
    assert client.get(address).status_code == 200
