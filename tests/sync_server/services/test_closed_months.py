"""Closed months on each database: figures of every area are those the pages show, stored once on
the day the district says, and shown beside what is worked out later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from sync_server.domain.areas import inside
from sync_server.domain.time_limits import Key
from sync_server.services import (
    area_figures,
    casework,
    closed_months,
    field_figures,
    field_lines,
    issue_figures,
    service_cases,
    service_desk,
    time_limits,
    timeliness,
)
from sync_server.services.area_figures import Figures
from sync_server.services.centre import open_centre
from sync_server.services.closed_months import first_of, freeze_due, frozen, last_of
from sync_server.settings import Settings
from sync_server.store import closed_months as stored
from sync_server.timer import Timer
from tests.sync_server.services.field_place import Place, build
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, NOON, OTHER_GRID, StillClock, issue

pytestmark = pytest.mark.xdist_group("closed months")

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)
MIDNIGHT = datetime.fromisoformat("2026-10-06T00:00:00+08:00")
"""24:00 of the fifth of October."""
LATER = MIDNIGHT + timedelta(days=40)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request, tmp_path_factory) -> Iterator[Place]:
    """The two grids with their days in September, on each database in turn."""
    url = ""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        server.run_sql("CREATE DATABASE closed_months")
        url = server.url("closed_months")
    folder = tmp_path_factory.mktemp("closed")
    centre = open_centre(Settings(folder, url, DISTRICT, testing=True), StillClock())
    found = build(centre)
    asked = {"requested_at": "2026-09-22T09:00:00+08:00", "kind": "request", "item": "repair",
             "words": "修灯", "applicant": "林示例", "channel": "door"}  # fmt: skip
    found.put("service", "service", asked, GRID)
    found.put("issue", "issue", issue(), OTHER_GRID, "2026-09-23T09:00:00+08:00")
    found.put("abroad", "issue", issue(), COMMUNITY, "2026-09-23T09:00:00+08:00")
    found.load()
    casework.fold_missing(centre.store, DISTRICT, NOON)
    service_cases.bring_up_to_date(centre.store, DISTRICT)
    yield found
    centre.store.close()


def shown(place: Place, area: str, now: datetime) -> Figures:
    """Return what the pages show of September."""
    me, store = place.people["district"], place.centre.store
    with store.reading() as connection:
        issues = issue_figures.report(connection, me, FIRST, LAST, area, now, "zh").whole.rates
        field = field_figures.report(connection, me, FIRST, LAST, area, now, "zh").rates
        synced = timeliness.report(connection, me, FIRST, LAST, area, now, "zh").whole
        services = service_desk.figures(
            connection, me, area=area, since=datetime.fromisoformat("2026-09-01T00:00:00+08:00"),
            before=datetime.fromisoformat("2026-10-01T00:00:00+08:00"), now=now, lang="zh",
        )  # fmt: skip
    rates = {one.name: (one.part, one.whole) for one in (*issues, *field, synced)}
    return rates | area_figures.of_services(services.whole)


def by_area(place: Place, now: datetime, scope: str = DISTRICT) -> dict[str, Figures]:
    with place.centre.store.reading() as connection:
        found = area_figures.figures_by_area(connection, DISTRICT, (scope,), FIRST, LAST, now)
    return {one.code: one.figures for one in found}


@pytest.mark.parametrize("now", [NOON, LATER])
def test_figures_of_every_area_are_those_its_pages_show(place: Place, now: datetime) -> None:
    found = by_area(place, now)
    assert set(found) == {DISTRICT, COMMUNITY[:9], COMMUNITY, GRID, OTHER_GRID}
    for area, figures in found.items():
        assert figures == shown(place, area, now), area
        assert set(figures) == set(area_figures.INDICATORS)
    assert found[COMMUNITY]["resolution"] == (0, 2)  # one lies in no grid
    assert found[GRID]["care"][1] == 3
    assert found[GRID]["late"] == (2, 12)
    inner = by_area(place, now, COMMUNITY)
    assert inner == {code: one for code, one in found.items() if inside(code, [COMMUNITY])}


def test_a_month_is_closed_once_at_the_end_of_its_fifth_day_and_never_changes(
    place: Place,
) -> None:
    store, me = place.centre.store, place.people["district"]
    assert freeze_due(store, DISTRICT, MIDNIGHT - timedelta(seconds=1)) == 0
    with store.reading() as connection:
        assert frozen(connection, me, FIRST, LAST, "") is None
    before = by_area(place, MIDNIGHT)
    assert freeze_due(store, DISTRICT, MIDNIGHT) == 1
    # What comes late belongs to September, and September stays closed.
    place.visit("too late", 29, "home 1", "nobody")
    place.load()
    assert freeze_due(store, DISTRICT, MIDNIGHT + timedelta(hours=1)) == 0
    with store.reading() as connection:
        rows = stored.of_month(connection, DISTRICT, "2026-09", (DISTRICT,))
        kept = {row["area"]: {name: tuple(two) for name, two in row["figures"].items()}
                for row in rows}  # fmt: skip
        found = frozen(connection, me, FIRST, LAST, GRID)
        both = frozen(connection, place.people["community"], FIRST, LAST, "")
        assert frozen(connection, me, FIRST, LAST - timedelta(days=1), "") is None
        assert frozen(connection, me, FIRST, LAST, f"{COMMUNITY}099").missing  # type: ignore[union-attr]
        page = field_figures.report(connection, me, FIRST, LAST, GRID, LATER, "zh")
    assert kept == before
    assert {row["area"]: row["name"] for row in rows}[GRID] == "第三网格"
    assert found is not None
    assert both is not None
    assert found.frozen_at == MIDNIGHT
    late = page.rate("late")
    assert (found.rates["late"].whole, late.whole) == (12, 13)
    assert found.differs(late)
    assert not found.differs(page.rate("care"))
    assert found.beside(late) == found.rates["late"]
    assert both.rates["late"].whole == 12


def test_two_that_close_a_month_at_once_store_it_once(place: Place) -> None:
    with place.centre.store.reading() as connection:
        found = area_figures.figures_by_area(connection, DISTRICT, (DISTRICT,), FIRST, LAST, LATER)
    assert closed_months._put(place.centre.store, DISTRICT, "2026-08", found, NOON)
    assert not closed_months._put(place.centre.store, DISTRICT, "2026-08", found, LATER)
    with place.centre.store.reading() as connection:
        assert closed_months.closed(connection, DISTRICT)["2026-08"] == NOON


def test_what_was_missed_is_closed_later_the_latest_month_first_back_to_the_first_work(
    place: Place,
) -> None:
    store = place.centre.store
    place.put("old", "issue", issue(happened_at="2026-06-11T09:00:00+08:00"))
    place.load()
    casework.fold_missing(store, DISTRICT, NOON)
    with store.reading() as connection:
        before = closed_months.closed(connection, DISTRICT)
    Timer(replace(place.centre, clock=lambda: LATER)).tick()  # a minute, a month
    with store.reading() as connection:
        at = closed_months.closed(connection, DISTRICT)
    assert at.keys() - before.keys() == {"2026-10"}  # it is past its fifth day
    assert sum(iter(lambda: freeze_due(store, DISTRICT, LATER), 0)) == 4 - len(before)
    with store.reading() as connection:
        at = closed_months.closed(connection, DISTRICT)
    assert set(at) == {"2026-06", "2026-07", "2026-08", "2026-09", "2026-10"}
    assert at["2026-10"] == at["2026-06"] == LATER


def test_a_district_closes_its_months_when_it_says(place: Place) -> None:
    store, me = place.centre.store, place.people["district"]
    field_lines.bring_up_to_date(store, DISTRICT)
    time_limits.set_limit(store, me, Key("close_month"), "1", "working_days", NOON)
    with store.reading() as connection:
        at = closed_months.closes_at(connection, DISTRICT, FIRST)
    # The first seven days of October are holidays.
    assert at == datetime.fromisoformat("2026-10-08T17:30:00+08:00")
    assert last_of(date(2028, 2, 11)) == date(2028, 2, 29)
    assert first_of(LAST) == FIRST
    assert field_lines.bring_up_to_date(store, DISTRICT) == 0
