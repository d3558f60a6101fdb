"""The care register: exact counts, people who fit their category, visits by the interval."""

from collections import Counter
from datetime import date, timedelta

import pytest

from schemas.kinds.care import INTERVAL_DAYS
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import plan

GRID = "990101100009003"


@pytest.fixture
def care(tier_s):
    return [record.fields for record in tier_s.by_kind["care"]]


@pytest.fixture
def last_reached(tier_s):
    """Return the day of the last visit that reached each person in care."""
    last = {}
    for visit in tier_s.by_kind["visit"]:
        day = date.fromisoformat(visit.fields["visited_at"][:10])
        for resident_id, found in visit.fields.get("care_checks", {}).items():
            if found["state"] != "not_reached":
                last[resident_id] = max(day, last.get(resident_id, day))
    return last


def test_categories_and_their_union_are_exact(tier_s, care):
    (mine,) = plan("S", Seed(1))
    counts = Counter(category for fields in care for category in fields["cats"])
    assert counts == mine.care
    assert len({fields["resident_id"] for fields in care}) == len(care) == 347
    homes = {tier_s.field(fields["resident_id"], "household_id") for fields in care}
    assert abs(len(homes) - 256) <= 3


def test_people_fit_their_categories(tier_s, care):
    families = tier_s.families()
    for fields in care:
        person = tier_s.by_id[fields["resident_id"]]
        family = families[person.fields["household_id"]]
        age, cats = tier_s.age(person), fields["cats"]
        assert "alone" not in cats or (age >= 60 and len(family) == 1)
        assert "empty_nest" not in cats or (
            len(family) == 2 and all(tier_s.age(one) >= 60 for one in family)
        )
        assert "aged80" not in cats or age >= 80
        assert "child" not in cats or age <= 17
        assert not {"disabled_elder", "left_behind"} & set(cats) or age >= 60


def test_risks_have_their_shares_and_intervals(tier_s, care):
    assert Counter(fields["risk"] for fields in care) == {"high": 28, "key": 111, "general": 208}
    assert all(fields["visit_every_days"] == INTERVAL_DAYS[fields["risk"]] for fields in care)
    highest = {}
    for fields in care:
        home = tier_s.field(fields["resident_id"], "household_id")
        risks = [fields["risk"], highest.get(home, "general")]
        highest[home] = min(risks, key=list(INTERVAL_DAYS).index)
    for household in tier_s.by_kind["household"]:
        assert household.fields.get("care_risk") == highest.get(household.record_id)


def test_everybody_in_care_was_reached_and_few_are_overdue(tier_s, care, last_reached):
    overdue = 0
    for fields in care:
        since = (tier_s.world.today - last_reached[fields["resident_id"]]).days
        overdue += since > fields["visit_every_days"]
    assert 0 < overdue < len(care) * 0.1


def test_the_scripted_grid_has_two_visits_due_today_and_none_overdue(tier_s, care, last_reached):
    due = {
        fields["resident_id"]: last_reached[fields["resident_id"]]
        + timedelta(days=fields["visit_every_days"])
        for fields in care
        if tier_s.by_id[fields["resident_id"]].grid == GRID
    }
    persona = tier_s.world.persona()
    today = tier_s.world.today
    assert {one for one, day in due.items() if day <= today} == set(persona.due_today)
    risks = {fields["resident_id"]: fields["risk"] for fields in care}
    assert [risks[one] for one in persona.due_today] == ["high", "high"]
    assert [due[one] for one in persona.due_today] == [today, today]


def test_nobody_is_reached_before_the_care_began(care, last_reached):
    for fields in care:
        assert fields["since"] <= last_reached[fields["resident_id"]].isoformat()
