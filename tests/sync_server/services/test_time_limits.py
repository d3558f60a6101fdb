"""A district's calendar and limits: read for deadlines, changed by the district's staff alone."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
import sqlalchemy as sa

from schemas.clock import SHANGHAI
from sync_server.domain.deadlines import Limit
from sync_server.domain.errors import Refusal
from sync_server.domain.time_limits import Clockwork, Key
from sync_server.domain.working_calendar import MORNING_AND_AFTERNOON
from sync_server.services import accounts, time_limits, working_calendar
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.districts import open_district
from sync_server.services.epochs import begin_epoch
from sync_server.store.tables import audit, calendar_days
from sync_server.store.tables import time_limits as own_limits
from tests.sync_server.world import DISTRICT

HANDLE_2 = Key("handle", level="2")
SATURDAY = date(2026, 3, 7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def staff(centre: Centre, role: str) -> User:
    with centre.store.writing() as connection:
        return accounts.add_user(
            connection, centre.code, no=role, name=f"职员{role}", role=role,
            scope_codes=(DISTRICT,), now=centre.clock(),
        )  # fmt: skip


def clockwork(centre: Centre, district: str = DISTRICT) -> Clockwork:
    with centre.store.reading() as connection:
        return time_limits.load_clockwork(connection, district)


def actions(centre: Centre) -> list[tuple[str, str | None]]:
    with centre.store.reading() as connection:
        rows = connection.execute(sa.select(audit).order_by(audit.c.audit_id))
        return [(row.action, row.target) for row in rows if row.action != "add_user"]


def test_a_new_district_has_the_official_days_and_the_defaults(any_centre):
    found = clockwork(any_centre)
    assert found.due("handle", at("2026-09-29 15:00"), "FAC", "2") == at("2026-10-09 17:30")
    assert found.desk_hours
    with any_centre.store.reading() as connection:
        assert not connection.execute(sa.select(calendar_days)).all()
        assert not connection.execute(sa.select(own_limits)).all()


def test_what_the_district_sets_counts_from_then_on_and_is_written_down(any_centre):
    centre, now = any_centre, any_centre.clock()
    boss = staff(centre, "district")
    store = centre.store
    assert working_calendar.set_day(store, boss, SATURDAY, True, "换休", now)
    assert time_limits.set_limit(store, boss, HANDLE_2, " 2 ", "working_days", now)
    spans = [("09:00", "12:00"), ("13:00", "18:00"), ("", "")]
    assert working_calendar.set_hours(store, boss, spans, False, now)
    found = clockwork(centre)
    # Friday March 6, Saturday 7 is worked (1), Sunday is not, Monday 9 (2), until 18:00.
    assert found.due("handle", at("2026-03-06 10:00"), "FAC", "2") == at("2026-03-09 18:00")
    assert found.calendar.hours == ((time(9), time(12)), (time(13), time(18)))
    assert found.service_start(at("2026-03-08 10:00")) == at("2026-03-08 10:00")
    assert actions(centre) == [
        ("set_day", "2026-03-07"),
        ("set_limit", "handle/*/2/*"),
        ("set_hours", None),
    ]
    for again in (
        working_calendar.set_day(store, boss, SATURDAY, True, "换休", now),
        time_limits.set_limit(store, boss, HANDLE_2, "2", "working_days", now),
        working_calendar.set_hours(store, boss, spans, False, now),
    ):
        assert not again
    assert len(actions(centre)) == 3


def test_a_district_does_not_see_anothers(any_centre):
    centre, now = any_centre, any_centre.clock()
    boss = staff(centre, "district")
    with centre.store.writing() as connection:
        open_district(connection, "990102", beside=True)
    working_calendar.set_day(centre.store, boss, SATURDAY, True, "", now)
    time_limits.set_limit(centre.store, boss, HANDLE_2, "2", "working_days", now)
    working_calendar.set_hours(centre.store, boss, [("09:00", "18:00")], False, now)
    other = clockwork(centre, "990102")
    assert other.limits.own == {}
    assert other.desk_hours
    assert other.calendar.hours == MORNING_AND_AFTERNOON
    assert not other.calendar.works(SATURDAY)


def test_setting_the_default_takes_the_districts_word_back(centre):
    boss, now = staff(centre, "district"), centre.clock()
    time_limits.set_limit(centre.store, boss, HANDLE_2, "2", "working_days", now)
    assert clockwork(centre).limits.find("handle", "FAC", "2").own
    time_limits.set_limit(centre.store, boss, HANDLE_2, "3", "working_days", now)
    assert not clockwork(centre).limits.find("handle", "FAC", "2").own
    working_calendar.set_day(centre.store, boss, SATURDAY, True, "", now)
    working_calendar.set_day(centre.store, boss, SATURDAY, False, "", now)
    with centre.store.reading() as connection:
        assert not connection.execute(sa.select(calendar_days)).all()
    assert [action for action, _ in actions(centre)] == [
        "set_limit", "reset_limit", "set_day", "reset_day",
    ]  # fmt: skip


def test_a_rule_of_the_districts_own_can_be_made_and_dropped(centre):
    boss, now, key = staff(centre, "district"), centre.clock(), Key("handle", "NOI", "2", "urgent")
    assert time_limits.set_limit(centre.store, boss, key, "6", "working_hours", now)
    assert clockwork(centre).limit("handle", "NOI", "2", "urgent") == Limit(6, "working_hours")
    with centre.store.reading() as connection:
        rule = time_limits.open_rule(connection, boss, key, "zh")
    assert (rule.category, rule.level, rule.urgency) == ("噪声油烟", "二级（社区）", "紧急")
    assert rule.default is None
    assert (rule.set_by, rule.set_at) == ("职员district", now)
    assert time_limits.reset_limit(centre.store, boss, key, now)
    assert not time_limits.reset_limit(centre.store, boss, key, now)
    assert clockwork(centre).limit("handle", "NOI", "2", "urgent") == Limit(3, "working_days")


@pytest.mark.parametrize(
    ("key", "amount", "unit", "code"),
    [
        (HANDLE_2, "", "working_days", "bad_limit"),
        (HANDLE_2, "0", "working_days", "bad_limit"),
        (HANDLE_2, "-1", "working_days", "bad_limit"),
        (HANDLE_2, "1.5", "working_days", "bad_limit"),
        (HANDLE_2, "三", "working_days", "bad_limit"),
        (HANDLE_2, "10000", "working_days", "bad_limit"),
        (HANDLE_2, "3", "weeks", "bad_limit"),
        (Key("tea"), "3", "working_days", "bad_rule"),
        (Key("handle", "TEA"), "3", "working_days", "bad_rule"),
        (Key("lookback", "ENV"), "3", "natural_days", "bad_rule"),
    ],
)
def test_a_limit_that_is_none_is_refused(centre, key, amount, unit, code):
    boss = staff(centre, "district")
    with pytest.raises(Refusal, match=code):
        time_limits.set_limit(centre.store, boss, key, amount, unit, centre.clock())
    assert not actions(centre)


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [("", "")],
        [("09:00", "")],
        [("18:00", "09:00")],
        [("09:00", "12:00"), ("11:00", "18:00")],
        [("9 Uhr", "12:00")],
    ],
)
def test_hours_that_are_none_are_refused(centre, spans):
    boss = staff(centre, "district")
    with pytest.raises(Refusal, match="bad_hours"):
        working_calendar.set_hours(centre.store, boss, spans, True, centre.clock())
    assert not actions(centre)


@pytest.mark.parametrize("role", ["admin", "street", "community", "leader", "auditor"])
def test_others_change_nothing(centre, role):
    somebody, now, store = staff(centre, role), centre.clock(), centre.store
    for attempt in (
        lambda: working_calendar.set_day(store, somebody, SATURDAY, True, "", now),
        lambda: working_calendar.reset_day(store, somebody, SATURDAY, now),
        lambda: working_calendar.set_hours(store, somebody, [("09:00", "18:00")], True, now),
        lambda: time_limits.set_limit(store, somebody, HANDLE_2, "2", "working_days", now),
        lambda: time_limits.reset_limit(store, somebody, HANDLE_2, now),
    ):
        with pytest.raises(Refusal, match="not_allowed"):
            attempt()


def test_hours_and_what_else_stands_in_the_settings_leave_each_other_alone(centre):
    boss, now = staff(centre, "district"), centre.clock()
    working_calendar.set_hours(centre.store, boss, [("09:00", "18:00")], True, now)
    with centre.store.writing() as connection:
        begin_epoch(connection, DISTRICT, now)
    working_calendar.set_hours(centre.store, boss, [("09:00", "17:00")], True, now)
    with centre.store.reading() as connection:
        settings = open_district(connection, DISTRICT).settings
    assert settings["floors"]
    assert settings["working_hours"] == [["09:00", "17:00"]]


def test_a_year_shows_what_is_official_and_what_is_the_districts(centre):
    boss, now = staff(centre, "district"), centre.clock()
    working_calendar.set_day(centre.store, boss, date(2026, 10, 8), False, "区运动会", now)
    with centre.store.reading() as connection:
        page = working_calendar.open_year(connection, boss, 2026, "zh")
        later = working_calendar.open_year(connection, boss, 2099, "zh")
    october = {day.day.day: day for week in page.months[9] for day in week if day}
    assert len(october) == 31
    assert (october[1].works, october[1].occasion) == (False, "国庆节")
    assert october[10].works
    assert october[10].adjusted
    assert (october[8].works, october[8].officially, october[8].note) == (False, True, "区运动会")
    # Of 365 days 104 lie on weekends; 19 weekdays are holidays (Jan 1 2, Feb 16-20 23, Apr 6,
    # May 1 4 5, Jun 19, Sep 25, Oct 1 2 5 6 7), 6 weekend days are worked; one is the district's.
    assert page.worked == 365 - 104 - 19 + 6 - 1
    assert [day.day for day in page.own] == [date(2026, 10, 8)]
    assert page.published
    assert not later.published


def test_a_note_has_a_limit(centre):
    boss = staff(centre, "district")
    with pytest.raises(Refusal, match="note_too_long"):
        working_calendar.set_day(centre.store, boss, SATURDAY, True, "长" * 201, centre.clock())
