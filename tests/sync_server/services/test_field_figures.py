"""Field work counted at the centre, on each database: patrols, visits, care, campaigns, stock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import campaigns, field_figures, field_lines, materials, opinions
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.centre import Centre, open_centre
from sync_server.services.field_figures import Report
from sync_server.settings import Settings
from sync_server.store import field_counts
from sync_server.store.records_read import get
from sync_server.store.tables import aliases, records
from tests.sync_server.services.field_place import Place, build
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, NOON, OTHER_GRID, StillClock

FIRST, LAST = date(2026, 9, 21), date(2026, 9, 30)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request, tmp_path_factory) -> Iterator[Place]:
    """The two grids, on each database in turn."""
    url = ""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        server.run_sql("CREATE DATABASE field_figures")
        url = server.url("field_figures")
    folder = tmp_path_factory.mktemp("field")
    centre = open_centre(Settings(folder, url, DISTRICT, testing=True), StillClock())
    yield build(centre)
    centre.store.close()


def report(place: Place, role: str = "community", area: str = "", **more) -> Report:
    with place.centre.store.reading() as connection:
        return field_figures.report(
            connection, place.people[role], FIRST, LAST, area, NOON, "zh", **more
        )


def shares(found: Report) -> dict[str, tuple[int, int]]:
    return {one.name: (one.part, one.whole) for one in found.rates}


def test_patrols_count_by_slot_on_duty_days_and_late_ones_are_shown_apart(place: Place) -> None:
    found = report(place)
    # 21–24, 28, 29: the 25th is a holiday, the 30th is not over; the fourth grid began on the 22nd.
    assert (found.duty_days, found.sums.expected) == (6, 6 * 3 + 5 * 3)
    assert shares(found)["patrol"] == (5, 33)
    assert (found.sums.late, found.sums.missing) == (1, 28)
    third, fourth = found.grids
    assert (third.sums.done, fourth.sums.done) == (5, 0)
    gaps = dict(found.gaps)
    assert [(grid.code, slots) for grid, slots in gaps[date(2026, 9, 23)]] == [
        (GRID, ("1", "3")), (OTHER_GRID, ("1", "2", "3")),
    ]  # fmt: skip
    assert date(2026, 9, 21) not in gaps
    assert found.rate("late").part == 2
    assert shares(found)["late"] == (2, 7 + 5)


def test_one_grid_shows_its_days(place: Place) -> None:
    found = report(place, area=GRID)
    days = {day: (duty, one.slots, one.late, one["met"]) for day, duty, one in found.days}
    assert days[date(2026, 9, 22)] == (True, 1, 1, 0)
    assert days[date(2026, 9, 26)] == (False, 1, 0, 0)
    assert days[date(2026, 9, 24)] == (True, 0, 0, 2)
    assert date(2026, 9, 27) not in days
    assert next(iter(days)) == date(2026, 9, 30)
    began = report(place, area=OTHER_GRID)
    assert min(day for day, _, _ in began.days) == date(2026, 9, 22)


def test_visits_cover_occupied_households(place: Place) -> None:
    found = report(place)
    assert shares(found)["visits"] == (3, 4)
    assert (found.sums["visits"], found.sums["met"], found.sums["leaflets"]) == (5, 3, 2)
    assert shares(found)["satisfied"] == (1, 2)
    assert shares(found)["rated"] == (2, 3)
    assert report(place, area=OTHER_GRID).rate("visits").percent == 0.0


def test_who_rates_was_met_so_that_no_share_is_above_the_whole(centre: Centre) -> None:
    place = build(centre)
    for number in range(3):
        place.visit(f"other {number}", 29, "home 1", "other_person", rating=5)
    place.load()
    found = report(place)
    assert shares(found)["rated"] == (5, 6)
    (grid,) = report(place, area=GRID).rates[-1:]
    assert (grid.part, grid.whole) == (5, 6)


def test_care_counts_who_was_reached_by_the_laptops_own_rule(place: Place) -> None:
    found = report(place)
    # Somebody else of home 2 was met, the person in care was not: still overdue.
    assert shares(found)["care"] == (2, 3)
    assert shares(found)["care_month"] == (2, 3)
    (late,) = found.overdue
    assert (late.standing.household_id, late.standing.reached_on) == (place.ids["home 2"], None)
    assert late.name.startswith("林")
    assert "示例" not in late.name
    assert late.home == "幸福里 1-1-102"
    without = report(place, phone=False)
    assert shares(without)["care"] == (1, 3)
    assert {one.standing.household_id for one in without.overdue} == {
        place.ids["home 2"], place.ids["home 3"],
    }  # fmt: skip


def test_a_period_and_an_area_are_checked(place: Place) -> None:
    with place.centre.store.reading() as connection:
        me = place.people["leader"]
        with pytest.raises(Refusal, match="bad_period"):
            field_figures.report(connection, me, LAST, FIRST, "", NOON, "zh")
        other = field_figures.report(connection, me, FIRST, LAST, OTHER_GRID, NOON, "zh")
        assert (other.grids, shares(other)["patrol"]) == ((), (0, 0))


def test_a_campaign_comes_on_as_its_visits_say(place: Place) -> None:
    with place.centre.store.reading() as connection:
        (line,) = campaigns.list_campaigns(
            connection, place.people["leader"], date(2026, 9, 30), "zh"
        )
        assert (line.name, line.state, line.progress.doors) == ("防诈骗敲门", "running", 4)
        found = campaigns.open_campaign(
            connection, place.people["community"], place.ids["campaign"], date(2026, 9, 30), "zh"
        )
    progress = found.progress
    counts = {state: progress[state] for state in ("done", "nobody", "vacant", "todo")}
    assert counts == {"done": 1, "nobody": 1, "vacant": 1, "todo": 2}
    assert (progress.asked, progress.left, progress.percent) == (4, 3, 25.0)
    assert [(one.code, one.progress.doors) for one in found.grids] == [(GRID, 4), (OTHER_GRID, 1)]
    (door,) = found.doors
    assert (door.household_id, door.tries, door.title) == (
        place.ids["home 3"], 1, "幸福里 1-1-103",
    )  # fmt: skip
    assert found.opinions == (("green", "绿地更新", 1),)
    assert found.questions[0][2] == 1
    (material,) = found.materials
    assert (material.planned, material.received, material.handed_out) == (10, 50, 2)


def test_answers_and_opinions_are_read_with_their_words(place: Place) -> None:
    me = place.people["community"]
    with place.centre.store.reading() as connection:
        row = get(connection, DISTRICT, place.ids["campaign"])
        assert row is not None
        (key,) = row["fields"]["questions"]
        said = campaigns.open_answers(connection, me, place.ids["campaign"], key, 1, "zh")
        assert [line[3] for line in said.lines] == ["接到过一次"]
        found = opinions.list_opinions(
            connection, me, first=FIRST, last=LAST, area="", category="green",
            campaign_id=place.ids["campaign"], page=1, lang="zh",
        )  # fmt: skip
        assert [(one.text, one.home) for one in found.lines] == [("补种树", "幸福里 1-1-101")]
        assert {code: n for code, _, n in found.categories}["green"] == 1
        with pytest.raises(Refusal, match="unknown_record"):
            campaigns.open_answers(connection, me, place.ids["campaign"], "nothing", 1, "zh")


def test_stock_is_added_up_and_a_void_record_leaves_the_sum(place: Place) -> None:
    def left() -> int:
        field_lines.bring_up_to_date(place.centre.store, DISTRICT)
        with place.centre.store.reading() as connection:
            page = materials.open_grid(connection, place.people["community"], GRID, 1, "zh")
        return page.stock["fraud"].left

    assert left() == 48
    me, store = place.people["community"], place.centre.store
    form = {"moved_at": "2026-09-29T09:00", "material": "fraud", "move": "received", "qty": "20"}
    record_id = "01998a00-0000-7000-8000-00000000f001"

    def give(**more: str) -> materials.Form | None:
        said = form | more
        return materials.give(
            store, me, record_id, GRID, "", lambda name: [said[name]], list(said), NOON, "zh"
        )

    refused = give(qty="-3")
    assert refused is not None
    assert set(refused.problems) == {"qty"}
    for _ in range(2):  # sent twice, it counts once
        assert give() is None
        assert left() == 68
    with pytest.raises(Refusal, match="not_allowed"):
        materials.take_back(store, place.people["leader"], record_id, "数错了", NOON)
    assert materials.take_back(store, me, record_id, "数错了", NOON) == GRID
    assert left() == 48


def test_a_void_visit_takes_everything_it_said_with_it(place: Place) -> None:
    before = report(place)
    place.visit("extra", 29, "home 5", opinions={"k": {"category": "other", "text": "x"}})
    place.load()
    assert report(place).sums["met"] == before.sums["met"] + 1
    change = CentralChange(
        "visit", place.ids["extra"], "void", {"reason": "重复"}, place.worker, base_version=1,
        settles=True,
    )  # fmt: skip
    with place.centre.store.writing() as connection:
        apply_central_change(connection, DISTRICT, change, NOON)
    assert field_lines.bring_up_to_date(place.centre.store, DISTRICT) == 1
    after = report(place)
    assert shares(after) == shares(before)
    with place.centre.store.reading() as connection:
        found = opinions.list_opinions(
            connection, place.people["community"], first=FIRST, last=LAST, area=COMMUNITY,
            category="", campaign_id="", page=1, lang="zh",
        )  # fmt: skip
    assert found.total == 1


def test_neither_a_merged_household_nor_a_redrawn_grid_loses_what_was_done(place: Place) -> None:
    redrawn = OTHER_GRID[:-3] + "009"
    place.put("home 6", "household", {"code": "H6", "kind": "family"}, redrawn)
    place.visit("visit 6", 28, "home 6", campaign_id=place.ids["campaign"])  # in its former grid
    place.load()

    def standing() -> tuple[int, dict[str, int]]:
        with place.centre.store.reading() as connection:
            page = campaigns.open_campaign(
                connection, place.people["community"], place.ids["campaign"], LAST, "zh",
                area=redrawn,
            )  # fmt: skip
        return report(place, area=redrawn).rate("visits").part, dict(page.progress.counts)

    assert standing() == (1, {"done": 1})
    place.put("home 7", "household", {"code": "H7", "kind": "family"}, redrawn)
    place.load()
    merged = {"record_id": place.ids["home 6"], "survivor_id": place.ids["home 7"]}
    with place.centre.store.writing() as connection:
        connection.execute(aliases.insert().values(district=DISTRICT, made_at=NOON, **merged))
        connection.execute(
            records.update()
            .where(records.c.district == DISTRICT, records.c.record_id == merged["record_id"])
            .values(merged_into=merged["survivor_id"])
        )
    assert standing() == (1, {"done": 1})


def test_a_grids_visits_are_read_without_those_of_the_district(centre: Centre) -> None:
    asked = []
    with centre.store.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        field_counts.visit_days(connection, DISTRICT, (GRID,), FIRST, LAST)
        ((statement, values),) = asked
        if centre.store.engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert "base_grid=?" in str(plan)


def test_the_visits_of_a_grid_and_day_are_counted_in_one_go(place: Place) -> None:
    with place.centre.store.reading() as connection:
        found = field_counts.visit_days(connection, DISTRICT, (DISTRICT,), FIRST, LAST)
        by_grid = list(field_counts.entries_by_grid(connection, DISTRICT, (DISTRICT,), FIRST, LAST))
        rated = list(field_counts.ratings_by_grid(connection, DISTRICT, (DISTRICT,), FIRST, LAST))
    for grid, what, visits, late in by_grid:
        if what == "visit":
            days = [one for one in found if one.grid == grid]
            assert (sum(one.visits for one in days), sum(one.late for one in days)) == (
                visits, late,
            )  # fmt: skip
    for grid, *numbers in rated:
        days = [one for one in found if one.grid == grid]
        assert numbers == [sum(one[n] for one in days) for n in (5, 6, 7)]
    assert {one.grid for one in found} == {grid for grid, *_ in rated}
