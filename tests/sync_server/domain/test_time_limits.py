"""Which limit holds for which work: the product's defaults, a district's own, and who wins."""

from __future__ import annotations

from datetime import datetime

import pytest

from schemas.clock import SHANGHAI
from schemas.codes import code_list
from sync_server.domain.deadlines import Limit
from sync_server.domain.official_days import official_days
from sync_server.domain.time_limits import (
    ANY,
    BY_ISSUE,
    CLOCK_LABELS,
    CLOCKS,
    DEFAULTS,
    Clockwork,
    Key,
    Limits,
    rules_in_order,
)
from sync_server.domain.working_calendar import Calendar

PLAIN = Clockwork(Calendar(official_days()), Limits({}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("clock", "category", "level", "urgency", "words"),
    [
        ("handle", "FAC", "1", "normal", "当日24:00前"),
        ("handle", "FAC", "2", "normal", "3个工作日"),
        ("handle", "FAC", "3", "urgent", "7个工作日"),
        ("handle", "FAC", "4", "emergency", "15个工作日"),
        ("handle", "ENV", "2", "normal", "当日24:00前"),
        ("handle", "ENV", "3", "normal", "7个工作日"),
        ("accept", "FAC", "2", "normal", "4工作小时"),
        ("accept", "FIRE", "2", "emergency", "20分钟"),
        ("take", "FIRE", "3", "emergency", "20分钟"),
        ("take", "FIRE", "3", "normal", "4工作小时"),
        ("verify", "FAC", "2", "normal", "2个工作日"),
        ("confirm", ANY, ANY, ANY, "1个工作日"),
        ("report_in", "FAC", "3", "normal", "4工作小时"),
        ("report_in", "FAC", "3", "urgent", "1工作小时"),
        ("lookback", ANY, ANY, ANY, "30天"),
        ("care_change", ANY, ANY, ANY, "24小时"),
        ("service_respond", ANY, ANY, ANY, "20分钟"),
        ("service_answer", ANY, ANY, ANY, "30分钟"),
        ("service_solve", ANY, ANY, ANY, "4小时"),
        ("service_plan", ANY, ANY, ANY, "1个工作日"),
        ("close_unrated", ANY, ANY, ANY, "3天"),
        ("suspend", ANY, ANY, ANY, "90天"),
    ],
)
def test_the_defaults(clock, category, level, urgency, words):
    assert PLAIN.limit(clock, category, level, urgency).text("zh") == words


def test_every_clock_has_words_and_a_limit_for_anything():
    for clock in CLOCKS:
        assert clock in CLOCK_LABELS
        assert Key(clock) in DEFAULTS
        assert PLAIN.limits.find(clock, "?", "?", "?").key.clock == clock
    for key in DEFAULTS:
        assert key[1:] == (ANY, ANY, ANY) or key.clock in BY_ISSUE
        for part, codes in zip(key[1:], ("ISSUE_CAT", "ISSUE_LEVEL", "URGENCY"), strict=True):
            assert part == ANY or part in code_list(codes)


def test_an_unknown_clock_is_an_error():
    with pytest.raises(KeyError):
        PLAIN.limit("tea")


def test_the_most_particular_rule_wins_and_a_districts_own_replaces_a_default():
    hour = {
        Key("handle", level="2"): Limit(5, "working_days"),
        Key("handle", "NOI"): Limit(2, "working_days"),
        Key("handle", urgency="urgent"): Limit(1, "working_days"),
        Key("handle", "NOI", "2", "urgent"): Limit(6, "working_hours"),
    }
    own = Limits(hour)
    for work, amount in [
        (("FAC", "2", "normal"), 5),
        (("NOI", "2", "normal"), 2),  # the category before the level
        (("FAC", "2", "urgent"), 1),  # the urgency before the level
        (("NOI", "3", "urgent"), 2),  # the category before the urgency
        (("NOI", "2", "urgent"), 6),
    ]:
        assert own.find("handle", *work).limit.amount == amount, work
    assert own.find("handle", "FAC", "2").own
    assert not own.find("handle", "FAC", "3").own


def test_rules_are_listed_clock_by_clock_the_general_ones_first():
    listed = rules_in_order([Key("accept", "FIRE")])
    assert listed[:3] == [Key("accept"), Key("accept", urgency="emergency"), Key("accept", "FIRE")]
    assert set(listed) == {*DEFAULTS, Key("accept", "FIRE")}


def test_a_request_taken_in_at_night_counts_from_the_next_opening_unless_switched_off():
    friday = at("2026-03-06 20:00")
    assert PLAIN.service_start(friday) == at("2026-03-09 08:30")
    always = Clockwork(PLAIN.calendar, PLAIN.limits, desk_hours=False)
    assert always.service_start(friday) == friday
    due = PLAIN.due("service_answer", PLAIN.service_start(friday))
    assert due == at("2026-03-09 09:00")
