"""Requests counted by service point, on each database: items and person-times apart, their lists,
and the rows of a database from before."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from schemas.clock import SHANGHAI
from sync_server.services import service_cases, service_desk
from sync_server.services.centre import Centre
from sync_server.store.migrate import differences
from sync_server.store.migrations.versions import step_0024_service_points
from tests.sync_server.services.test_service_requests import staff, step, take_in
from tests.sync_server.world import COMMUNITY, GRID, OTHER_GRID, add_worker

POINT = "红色驿站便民服务点"
SINCE = datetime(2026, 9, 1, tzinfo=SHANGHAI)
BEFORE = datetime(2026, 10, 1, tzinfo=SHANGHAI)


@pytest.fixture
def clerk(any_centre: Centre):
    """A community with two requests at a point, one at another, one at none, one next door."""
    add_worker(any_centre, grids=(GRID, OTHER_GRID))
    person = staff(any_centre)
    done = take_in(any_centre, person, point=POINT, channel="point")
    take_in(any_centre, person, OTHER_GRID, point=POINT, channel="point")
    take_in(any_centre, person, point="老年食堂")
    take_in(any_centre, person)
    step(any_centre, person, done, "claim")
    step(any_centre, person, done, "solve", result="solved", person_times="3", text="办好了")
    there = staff(any_centre, scope="990101100008")
    take_in(any_centre, there, "990101100008", point=POINT)
    service_cases.bring_up_to_date(any_centre.store, any_centre.code)
    return person


def figures(centre: Centre, person) -> service_desk.Figures:
    with centre.store.reading() as connection:
        return service_desk.figures(
            connection, person, area="", since=SINCE, before=BEFORE, now=centre.clock(), lang="zh"
        )


def by_point(found: service_desk.Figures) -> dict[tuple[str, str], tuple[int, int]]:
    return {(code, point): (one.items, one.person_times) for code, _, point, one in found.points}


def listed(centre: Centre, person, point: str, state: str = service_desk.COUNTED) -> int:
    with centre.store.reading() as connection:
        return service_desk.queue(
            connection, person, area="", state=state, kind="", page=1, now=centre.clock(),
            lang="zh", point=point,
        ).total  # fmt: skip


def test_items_and_person_times_are_counted_by_point(any_centre: Centre, clerk) -> None:
    assert by_point(figures(any_centre, clerk)) == {
        (COMMUNITY, POINT): (2, 3), (COMMUNITY, "老年食堂"): (1, 0),
    }  # fmt: skip
    assert figures(any_centre, clerk).whole.items == 4
    assert [listed(any_centre, clerk, one) for one in (POINT, "老年食堂", "没有")] == [2, 1, 0]
    assert listed(any_centre, clerk, POINT, service_desk.DONE) == 1


def test_points_of_one_name_are_kept_apart_and_only_ones_own_offered(
    any_centre: Centre, clerk
) -> None:
    street = staff(any_centre, "street", COMMUNITY[:9])
    assert by_point(figures(any_centre, street))[("990101100008", POINT)] == (1, 0)
    with any_centre.store.reading() as connection:
        assert service_desk.known_points(connection, clerk) == [POINT, "老年食堂"]
        leader = staff(any_centre, "leader", OTHER_GRID)
    with any_centre.store.reading() as connection:
        assert service_desk.known_points(connection, leader) == [POINT]


def test_a_database_from_before_has_the_points_of_its_old_requests(
    any_centre: Centre, clerk
) -> None:
    before = by_point(figures(any_centre, clerk))
    with any_centre.store.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE service_cases DROP COLUMN point")
        with Operations.context(MigrationContext.configure(connection)):
            step_0024_service_points.upgrade()
    with any_centre.store.reading() as connection:
        assert differences(connection) == []
        none = connection.scalar(sa.text("SELECT count(*) FROM service_cases WHERE point IS NULL"))
    assert none == 1
    assert by_point(figures(any_centre, clerk)) == before
