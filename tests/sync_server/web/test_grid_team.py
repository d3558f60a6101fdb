"""The team a grid should have (1+3+N): who is lacking, and a district's own numbers."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import Flask

from sync_server.domain.grid_team import USUAL, vacancies
from sync_server.store.tables import audit
from tests.sync_server.web.staff import NEXT_DOOR_GRID, Town, post, sign_in
from tests.sync_server.world import GRID


def test_who_fills_no_post_that_is_asked_for_stands_in_for_nobody() -> None:
    assert vacancies(USUAL, ["leader", "full", "aux", "aux"]) == {}
    assert vacancies(USUAL, ["aux"]) == {"leader": 1, "full": 1}
    assert vacancies({**USUAL, "part": 2}, ["leader", "full", "part"]) == {"part": 1}


def row_of(page: str, code: str) -> str:
    """Return the row of an area in the tree as text."""
    found = re.search(rf'<tr[^>]*><th[^>]*>[^<]*<a href="/areas/{code}">.*?</tr>', page, re.S)
    assert found is not None
    return re.sub(r"<[^>]+>", " ", found[0])


def test_a_district_says_what_a_grid_should_have_and_sees_who_is_lacking(
    town: Town, app: Flask
) -> None:
    district = sign_in(app, "district")
    page = district.get("/areas").text
    assert "网格长 1、专职网格员 1" in page
    assert "缺专职网格员" not in row_of(page, GRID)
    asked = district.get("/areas/team").text
    assert "通用：1 人" in asked
    assert post(district, "/areas/team", version="0", part="很多").status_code == 422
    assert post(district, "/areas/team", version="0", part="1", aux="2").status_code == 303
    page = district.get("/areas").text
    assert "网格长 1、专职网格员 1、兼职网格员 1、辅助人员 2" in page
    for code in (GRID, NEXT_DOOR_GRID):
        assert "缺辅助人员 2 人" in row_of(page, code)
    assert "缺辅助人员 2 人" in row_of(page, GRID[:12])
    assert "缺兼职网格员 1 人" in district.get(f"/areas/{GRID}").text
    with town.centre.store.reading() as connection:
        told = connection.scalars(sa.select(audit.c.detail).where(audit.c.action == "grid_team"))
        assert list(told) == [{"team_part": 1, "team_aux": 2}]
    assert "定网格配备" in sign_in(app, "admin").get("/audit").text
    assert sign_in(app, "community").get("/areas/team").status_code == 403
    ours = sign_in(app, "community").get("/areas").text
    assert NEXT_DOOR_GRID not in ours
    assert "缺辅助人员 2 人" in row_of(ours, GRID)
