"""What units make of the issues and whistles they are given, counted by hand on each database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from sync_server.app import app_of
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, unit_figures
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.services.issue_queue import Asked, queue
from sync_server.store.tables import audit, users
from tests.sync_server.services.test_issue_indicators import CALLED, PERIOD, UNITS, Town
from tests.sync_server.web.staff import PASSWORD, post, sign_in
from tests.sync_server.world import COMMUNITY, DISTRICT

CITY, WATER = UNITS


@pytest.fixture
def town(any_centre) -> Town:
    """Two departments: one has two issues and refused a third, both were called twice."""
    town = Town(any_centre)
    made = [
        ImportedRecord(unit, "unit", DISTRICT, {"name": name, "unit_kind": "department"},
                       town.people["district"].user_id, "2026-09-01T08:00:00+08:00")
        for unit, name in ((CITY, "城管局"), (WATER, "水务局"))
    ]  # fmt: skip
    with any_centre.store.writing() as connection:
        import_records(connection, DISTRICT, made, author=None, at=any_centre.clock())
    first, second, third = given(town), given(town), given(town)
    for issue in (first, second):
        town.do(CITY, issue, "take")
    town.do(CITY, third, "refuse", refuse="not_ours", text="不归我们管")
    town.do(CITY, first, "resolve", result="solved", text="修好了")
    town.community(first, ("verify", {}), ("rate", {"rating": 5}))
    whistled = town.issue()
    town.do("street", whistled, "whistle", text="一起来看", calls=CALLED)
    town.do(CITY, whistled, "report_in")
    town.centre.clock.passes(days=12)
    town.do(WATER, whistled, "report_in")
    scores = {"add": {CITY: {"score": 5}, WATER: {"score": 2}}}
    town.do("street", whistled, "conclude", text="已理顺", scores=scores)
    town.do("street", whistled, "whistle", text="再来看", calls=CALLED)
    town.do(CITY, whistled, "report_in")
    return town


def given(town: Town) -> str:
    made = town.issue()
    town.do("community", made, "escalate", text="要部门来办")
    town.do("street", made, "dispatch", target_id=CITY, text="请处置")
    return made


def report(town: Town, role: str = "district", area: str = "") -> dict[str, unit_figures.Line]:
    with town.centre.store.reading() as connection:
        found = unit_figures.report(
            connection, town.people[role], *PERIOD, area, town.centre.clock(), "zh"
        )
    return {one.unit_id: one for one in found.lines}


def test_issues_whistles_and_scores_of_each_unit(town: Town) -> None:
    found = report(town)
    city, water = found[CITY], found[WATER]
    # What it refused is not its own.
    assert [city.issues[one] for one in ("valid", "resolved", "rated", "satisfied")] == [2, 1, 1, 1]
    assert (city.issues.unresolved, water.issues["valid"]) == (1, 0)
    assert [(one.reporting_in.part, one.reporting_in.whole) for one in (city, water)] == [
        (2, 2), (1, 2),
    ]  # fmt: skip
    assert (city.reporting_in_on_time.part, water.reporting_in_on_time.part) == (2, 0)
    assert (city.average, water.average) == (5, 2)
    assert sorted((one.late, one.score, one.conclusion) for one in water.calls) == [
        (False, None, ""), (True, 2, "已理顺"),
    ]  # fmt: skip


def test_its_issues_are_listed_by_the_same_condition(town: Town) -> None:
    since, until = (day.isoformat() for day in PERIOD)
    city = report(town)[CITY]
    counts = {"valid": 2, "resolved": 1, "unresolved": 1, "rated": 1, "satisfied": 1}
    with town.centre.store.reading() as connection:
        for figure, count in counts.items():
            asked = Asked(figure=figure, unit=CITY, since=since, until=until)
            listed = queue(connection, town.people["district"], asked, town.centre.clock(), "zh")
            assert listed.total == count, figure
            assert (CITY, "城管局") in listed.units
    assert city.issues.unresolved == counts["unresolved"]


def test_areas_and_periods_narrow_it(town: Town) -> None:
    assert report(town, "community")[CITY].issues["valid"] == 2
    with town.centre.store.reading() as connection:
        person, now = town.people["community"], town.centre.clock()
        for area in ("990101100008", "990102"):
            with pytest.raises(Refusal, match="unknown_record"):
                unit_figures.report(connection, person, *PERIOD, area, now, "zh")
        with pytest.raises(Refusal, match="bad_period"):
            unit_figures.report(connection, person, *reversed(PERIOD), "", now, "zh")
        with pytest.raises(Refusal, match="not_allowed"):
            unit_figures.report(connection, town.people[CITY], *PERIOD, "", now, "zh")
        before = (date(2026, 8, 1), date(2026, 8, 31))
        assert not unit_figures.report(connection, person, *before, "", now, "zh").lines
        street = replace(person, role="street", scope_codes=(COMMUNITY[:9],))
        assert unit_figures.report(connection, street, *PERIOD, "", now, "zh").lines


def test_the_page_leads_from_a_unit_to_its_calls(town: Town) -> None:
    with town.centre.store.writing() as connection:
        connection.execute(users.update().where(users.c.user_id == town.people["street"].user_id)
                           .values(password_hash=accounts.hash_password(PASSWORD)))  # fmt: skip
    client = sign_in(app_of(town.centre), town.people["street"].no)
    page = client.get("/statistics/units?since=2026-09-01&until=2026-10-31").text
    assert "城管局" in page
    assert "怎样计算" in page
    called = client.get(f"/statistics/units?since=2026-09-01&until=2026-10-31&unit={WATER}").text
    assert "水务局：每次吹哨" in called
    assert "已理顺" in called
    assert "逾期" in called
    assert client.get("/statistics/units?since=2026-10-01&until=2026-09-01").status_code == 422
    told = post(client, "/statistics/units/export", since="2026-09-01", until="2026-10-31")
    book = load_workbook(BytesIO(told.data))
    units, calls, notes = (list(book[name].iter_rows(values_only=True)) for name in book.sheetnames)
    assert [row[:5] for row in units[1:]] == [
        ("城管局", "部门", 2, 1, 1), ("水务局", "部门", 0, 0, 0),
    ]  # fmt: skip
    assert len(calls) == 1 + 4
    assert sorted(row[7] or 0 for row in calls[1:]) == [0, 0, 2, 5]
    assert ("时段", "2026-09-01 – 2026-10-31") in notes
    with town.centre.store.reading() as connection:
        noted = connection.execute(sa.select(audit).where(audit.c.action == "export")).all()
    assert len(noted) == 1
