"""The page where a worker's grids are changed: within the staff's own areas, from now on."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from sync_server.services.accounts import get_user
from sync_server.store.holdings import holdings_of
from tests.sync_server.web import staff
from tests.sync_server.web.staff import GRID, NEXT_DOOR_GRID, OTHER_GRID, Town, sign_in, token
from tests.sync_server.world import StillClock


def save(client: FlaskClient, address: str, *grids: str) -> Any:
    form = {"csrf_token": token(client), "grid": list(grids)}
    return client.post(address, data=form)


def grids_of(town: Town, user_id: str) -> set[str]:
    with town.centre.store.reading() as connection:
        return set(get_user(connection, town.centre.code, user_id).scope_codes)


def second_grid(town: Town) -> None:
    """Give the community a second grid, with its area record."""
    said = {"code": OTHER_GRID, "name": "第四网格", "level": "grid", "valid_from": "2026-01-01"}
    staff.load(town.centre, town.here.worker.user_id, "area", OTHER_GRID, said)


def test_a_grid_changes_hands_on_the_page(town: Town, app: Flask, clock: StillClock) -> None:
    second_grid(town)
    worker = town.here.worker
    client = sign_in(app, "community")
    listed = client.get("/people").text
    address = f"/people/{worker.user_id}/grids"
    assert f'href="{address}"' in listed
    page = client.get(address).text
    assert f'value="{GRID}" checked' in page
    assert f'value="{OTHER_GRID}">' in page
    assert "无人负责" in page
    clock.passes(minutes=20)
    answer = save(client, address, OTHER_GRID)
    assert answer.status_code == 303
    page = client.get(address).text
    assert "已保存，从现在起生效。" in page
    assert page.count("2026-09-30 12:20") == 2  # when one ended and the other began
    assert grids_of(town, worker.user_id) == {OTHER_GRID}
    with town.centre.store.reading() as connection:
        held = holdings_of(connection, town.centre.code, [worker.user_id])[worker.user_id]
    assert [(one.code, one.until is None) for one in held] == [(GRID, False), (OTHER_GRID, True)]
    assert "调整网格" in sign_in(app, "auditor").get("/audit").text


def test_what_was_chosen_stays_when_it_cannot_be_saved(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    address = f"/people/{town.here.worker.user_id}/grids"
    answer = save(client, address)
    assert answer.status_code == 422
    assert "至少选择一个网格" in answer.text
    assert " checked" not in answer.text
    assert grids_of(town, town.here.worker.user_id) == {GRID}


def test_nobody_gives_or_takes_beyond_his_areas(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    address = f"/people/{town.here.worker.user_id}/grids"
    assert save(client, address, GRID, NEXT_DOOR_GRID).status_code == 422
    there = town.there.worker.user_id
    assert client.get(f"/people/{there}/grids").status_code == 404
    assert save(client, f"/people/{there}/grids", GRID).status_code == 404
    assert grids_of(town, there) == {NEXT_DOOR_GRID}
    # Somebody with a grid on either side keeps the one that is not this office's.
    both = staff.hire(town, "w9", "worker", (GRID, NEXT_DOOR_GRID)).user_id
    second_grid(town)
    page = client.get(f"/people/{both}/grids").text
    assert "不在您的辖区" in page
    assert save(client, f"/people/{both}/grids", OTHER_GRID).status_code == 303
    assert grids_of(town, both) == {OTHER_GRID, NEXT_DOOR_GRID}


def test_staff_without_a_laptop_have_no_grids_to_change(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    assert client.get(f"/people/{town.people['street'].user_id}/grids").status_code == 404


def test_a_household_is_moved_on_its_page(town: Town, app: Flask) -> None:
    second_grid(town)
    client = sign_in(app, "community")
    house = staff.household_of(town.here)
    assert f'href="{house}/move"' in client.get(house).text
    page = client.get(f"{house}/move").text
    assert f'value="{OTHER_GRID}"' in page
    assert f'value="{GRID}"' not in page
    assert f'value="{NEXT_DOOR_GRID}"' not in page
    for area in ("", NEXT_DOOR_GRID):
        answer = staff.post(client, f"{house}/move", area=area)
        assert answer.status_code == 422
        assert "还没有移动" in answer.text
    answer = staff.post(client, f"{house}/move", area=OTHER_GRID)
    assert answer.status_code == 303
    assert "已移动" in client.get(house).text
    page = client.get(f"{house}/move").text
    assert "移动经过" in page
    assert "第四网格" in page


def test_only_offices_move_records_and_only_base_data(town: Town, app: Flask) -> None:
    house = staff.household_of(town.here)
    leader = sign_in(app, "leader")
    assert "/move" not in leader.get(house).text
    assert leader.get(f"{house}/move").status_code == 403
    client = sign_in(app, "community")
    visit = f"/records/visit/{town.here.ids['visit']}"
    assert "/move" not in client.get(visit).text
    assert client.get(f"{visit}/move").status_code == 403
    assert client.get(f"{staff.household_of(town.there)}/move").status_code == 404
