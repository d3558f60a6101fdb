"""The lists behind the figures of field work hold as many households and records as they say."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from schemas.kind import Kind
from sync_server.domain.errors import Refusal
from sync_server.services import field_figures, field_lists, field_sums, listing, records
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.field_lists import HomeList
from sync_server.store.tables import aliases
from sync_server.store.tables import records as records_table
from tests.sync_server.services.field_place import Place, build
from tests.sync_server.world import DISTRICT, GRID, NOON, OTHER_GRID

FIRST, LAST = date(2026, 9, 21), date(2026, 9, 30)


def more_work(place: Place, seed: int) -> None:
    """Add visits and patrols of all sorts, late ones and rated ones among them."""
    chance = random.Random(seed)
    results = ("met", "met", "nobody", "refused", "other_person", "vacant")
    for number in range(40):
        rating = {"rating": chance.randint(1, 5)} if chance.random() < 0.4 else {}
        mode = chance.choice(("door", "phone"))
        day, home = chance.randint(1, 29), f"home {chance.randint(1, 5)}"
        place.visit(f"more {number}", day, home, chance.choice(results), mode=mode, **rating)
        grid = chance.choice((GRID, OTHER_GRID))
        place.patrol(chance.randint(1, 29), chance.choice("123"), late_h=number % 40, grid=grid)
    place.load()


def listed(
    place: Place, me: User, figure: str, first: date, last: date, area: str, *, phone: bool = True
) -> HomeList:
    with place.centre.store.reading() as connection:
        return field_lists.households(
            connection, me, figure, first, last, area, 1, NOON, "zh", phone=phone
        )


def counted(place: Place, me: User, name: str, figure: str, period: tuple[date, date],
            area: str) -> int:  # fmt: skip
    kind: type[Kind] = records.kind_for(me, name)
    first, last = (one.isoformat() for one in period)
    asked = listing.read(kind, {"figure": figure, "since": first, "until": last, "area": area})
    with place.centre.store.reading() as connection:
        return records.list_records(connection, me, kind, asked, "zh").total


def test_every_figure_has_a_list_of_as_many(any_centre: Centre) -> None:
    place = build(any_centre)
    more_work(place, 1)
    with any_centre.store.writing() as connection:  # what was done at home 5 is home 3's as well
        connection.execute(
            sa.insert(aliases),
            {"district": DISTRICT, "record_id": place.ids["home 5"],
             "survivor_id": place.ids["home 3"], "made_at": NOON},
        )  # fmt: skip
        connection.execute(
            sa.update(records_table)
            .where(records_table.c.record_id == place.ids["home 5"])
            .values(merged_into=place.ids["home 3"])
        )
        field_sums.look_again(connection, DISTRICT, [place.ids["home 5"]])
    field_sums.look_at_homes(any_centre.store, DISTRICT)
    me = place.people["district"]
    for period in (
        (FIRST, LAST),
        (date(2026, 9, 3), date(2026, 9, 9)),
        (LAST, LAST + timedelta(5)),
    ):
        for area in ("", GRID, OTHER_GRID):
            for phone in {True, period[0] != FIRST}:
                with any_centre.store.reading() as connection:
                    found = field_figures.report(
                        connection, me, *period, area, NOON, "zh", phone=phone
                    )
                said = {}
                for rate, part, rest, whole in (
                    ("visits", "homes_met", "homes_unmet", "homes"),
                    ("care", "care_in_time", "care_late", "care_homes"),
                    ("care_month", "care_reached", "care_unreached", "care_homes"),
                ):
                    one = found.rate(rate)
                    said |= {part: one.part, rest: one.whole - one.part, whole: one.whole}
                assert set(said) == set(field_lists.FIGURES)
                for figure, count in said.items():
                    one_list = listed(place, me, figure, *period, area, phone=phone)
                    assert one_list.total == len(one_list.lines) == count, (figure, area, period)
                late = listed(place, me, "care_late", *period, area, phone=phone)
                assert late.late_people == found.overdue_people
            entries = found.late_entries
            whole, rated = found.rate("satisfied"), found.rate("rated")
            for kind, figure, count in (
                ("patrol", "late", entries["patrol"][1]),
                ("visit", "late", entries["visit"][1]),
                ("visit", "", entries["visit"][0]),
                ("patrol", "", entries["patrol"][0]),
                ("visit", "satisfied", whole.part),
                ("visit", "rated", whole.whole),
                ("visit", "rated", rated.part),
                ("visit", "met", rated.whole),
            ):
                assert counted(place, me, kind, figure, period, area) == count, (kind, figure)


def test_a_household_met_leads_to_the_visit_that_met_it(centre: Centre) -> None:
    place = build(centre)
    me = place.people["community"]
    met = {one.title: one for one in listed(place, me, "homes_met", FIRST, LAST, "").lines}
    assert met["幸福里 1-1-103"].met_on == date(2026, 9, 24)
    assert met["幸福里 1-1-103"].visit_id == place.ids["visit 3"]
    (unmet,) = listed(place, me, "homes_unmet", FIRST, LAST, "").lines
    assert (unmet.title, unmet.met_on, unmet.visit_id) == ("幸福里 1-1-105", None, "")
    (late,) = listed(place, me, "care_late", FIRST, LAST, "").lines
    assert (late.title, [one.name[0] for one in late.people]) == ("幸福里 1-1-102", ["林"])
    assert "示例" not in late.people[0].name


def test_an_area_outside_ones_own_and_a_bad_period_are_refused(centre: Centre) -> None:
    place = build(centre)
    with pytest.raises(Refusal, match="unknown_record"):
        listed(place, place.people["leader"], "homes", FIRST, LAST, OTHER_GRID)
    with pytest.raises(Refusal, match="bad_period"):
        listed(place, place.people["leader"], "homes", LAST, FIRST, "")
