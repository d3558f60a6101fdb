"""Which grids had no patrol or no visit on a day, on each database, and the page listing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from sync_server.app import app_of
from sync_server.domain.errors import Refusal
from sync_server.services import daily_rounds
from sync_server.services.accounts import hash_password
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store.tables import users
from tests.sync_server.services.field_place import Place, build
from tests.sync_server.web.staff import PASSWORD, sign_in
from tests.sync_server.world import DISTRICT, GRID, NOON, OTHER_GRID, StillClock


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request, tmp_path_factory) -> Iterator[Place]:
    """The two grids, on each database in turn."""
    url = ""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        server.run_sql("CREATE DATABASE daily_rounds")
        url = server.url("daily_rounds")
    folder = tmp_path_factory.mktemp("daily")
    centre = open_centre(Settings(folder, url, DISTRICT, testing=True), StillClock())
    yield build(centre)
    centre.store.close()


def on(place: Place, day: int, shown: str = daily_rounds.GAPS, area: str = "", role="community"):
    with place.centre.store.reading() as connection:
        return daily_rounds.report(
            connection, place.people[role], date(2026, 9, day), area, shown, NOON
        )


def codes(found: daily_rounds.Report) -> list[str]:
    return [line.grid.code for line in found.lines]


def test_a_day_lists_the_grids_that_lack_a_patrol_or_a_visit(place: Place) -> None:
    found = on(place, 23)
    assert codes(found) == [OTHER_GRID]
    assert found.lines[0].kinds == {"gaps", "all", "no_patrol", "no_visit", "neither"}
    assert codes(on(place, 23, "whole")) == [GRID]
    # A visit without a patrol, and one that met nobody, are visits all the same.
    for day in (24, 28):
        line = on(place, day).lines[0]
        assert (line.grid.code, "no_patrol" in line.kinds, "no_visit" in line.kinds) == (
            GRID, True, False,
        )  # fmt: skip
    # A patrol that was entered late is a patrol.
    late = on(place, 22).lines[0]
    assert (late.grid.code, late.kinds & {"no_patrol", "no_visit"}) == (GRID, {"no_visit"})


def test_a_grid_counts_on_the_days_it_stood(place: Place) -> None:
    assert (on(place, 21).counts["all"], on(place, 22).counts["all"]) == (1, 2)
    assert on(place, 21).counts == {
        "gaps": 1, "neither": 0, "no_patrol": 0, "no_visit": 1, "whole": 0, "all": 1,
    }  # fmt: skip


def test_the_list_of_every_kind_is_as_long_as_its_count(place: Place) -> None:
    for day in range(21, 31):
        for area in ("", GRID, OTHER_GRID):
            for shown in daily_rounds.SHOWN:
                found = on(place, day, shown, area)
                assert len(found.lines) == found.counts[shown], (day, area, shown)
    days = dict(on(place, 30).days)
    assert date(2026, 9, 26) not in days  # a Saturday
    assert days[date(2026, 9, 23)] == on(place, 23).counts


def test_a_saturday_is_no_duty_day_and_the_present_one_is_not_over(place: Place) -> None:
    assert (on(place, 26).duty, on(place, 26).over) == (False, True)
    assert (on(place, 30).duty, on(place, 30).over) == (True, False)
    with place.centre.store.reading() as connection:
        last = daily_rounds.last_duty_day(connection, DISTRICT, date(2026, 9, 28))
        assert last == date(2026, 9, 24)  # the 25th is a holiday
        assert daily_rounds.gaps_on(connection, place.people["community"], last) == 2


def test_a_leader_sees_his_grid_alone(place: Place) -> None:
    assert codes(on(place, 28, "all", role="leader")) == [GRID]
    with pytest.raises(Refusal, match="unknown_record"):
        on(place, 28, area=OTHER_GRID, role="leader")
    nobody = replace(place.people["community"], role="auditor")
    with place.centre.store.reading() as connection, pytest.raises(Refusal, match="not_allowed"):
        daily_rounds.report(connection, nobody, date(2026, 9, 28), "", "all", NOON)


def test_the_page_names_the_grids_and_the_first_page_leads_there(place: Place) -> None:
    with place.centre.store.writing() as connection:
        connection.execute(users.update().where(users.c.no.in_(("community", "leader"))).values(
            password_hash=hash_password(PASSWORD)))  # fmt: skip
    app = app_of(place.centre)
    client = sign_in(app, "community")
    page = client.get("/statistics/day?day=2026-09-28").text
    assert "第三网格" in page
    assert page.count('quarantined">没有巡查</span>') == 2
    assert "怎样计算" in page
    assert "没有在用的终端" in page
    other = client.get("/statistics/day?day=2026-09-28&show=no_visit").text
    assert "2 个网格" not in other.split('id="list"')[1].split("</h2>")[0]
    home = client.get("/").text
    assert "没有巡查或走访的网格" in home
    assert "/statistics/day?day=2026-09-29" in home
    mine = sign_in(app, "leader").get("/statistics/day?day=2026-09-28&show=all").text
    assert "第四网格" not in mine
