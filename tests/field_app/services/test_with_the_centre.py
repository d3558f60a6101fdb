"""Laptops and the real centre: misses two of them saw, notices read offline, names of levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from field_app.services import drafts, visits
from field_app.services.care_alarms import open_alarms
from field_app.services.drafts import MAIN, Typed
from field_app.services.notices import notice, read_notice
from field_app.services.records import save_record, views
from field_app.services.today import today
from field_app.services.workspace import Workspace
from schemas.clock import written
from sync_server.services.level_labels import name_levels
from sync_server.store.records_read import first_marks
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import Hands, Laptop
from tests.sync_server.web.staff import load
from tests.sync_server.world import COMMUNITY, GRID, resident

DAY_S = 24 * 3600


class Street:
    """A household with somebody in care at the centre, and two laptops that hold it."""

    def __init__(self, line: CentreLine, joined: Callable[..., Laptop]) -> None:
        first, second = line.worker("w1"), line.worker("w2")
        centre, author = line.centre, first.user_id
        compound = load(centre, author, "compound", COMMUNITY, {
            "code": "X1", "name": "幸福里", "kind": "compound", "address": "建设路1号",
            "community_code": COMMUNITY, "property_mode": "none", "guard": True,
            "barrier": False, "cctv": True, "self_gov": "none",
        })  # fmt: skip
        building = load(centre, author, "building", GRID, {"compound_id": compound, "no": "3"})
        room = load(centre, author, "room", GRID, {
            "building_id": building, "no": "502", "label": "3-1-502", "state": "owner",
        })  # fmt: skip
        said = {"code": "H1", "room_id": room, "kind": "family"}
        self.home = load(centre, author, "household", GRID, said)
        self.person = load(centre, author, "resident", GRID, resident(household_id=self.home))
        load(centre, author, "care", GRID, {
            "resident_id": self.person, "cats": ["alone"], "risk": "high", "visit_every_days": 7,
            "keeper_id": author, "since": "2026-01-01", "basis": "consent",
            "contact": "侄子林甲 13700009999",
        })  # fmt: skip
        self.line = line
        self.one, self.other = joined("one", first), joined("two", second)
        for laptop in (self.one, self.other):
            assert laptop.sync().stage == "done"

    def miss(self, laptop: Laptop) -> str:
        """Visit and find nobody; return the visit's id."""
        ws = laptop.ws
        draft_id = visits.start_visit(ws, household_id=self.home, result="nobody")
        draft = drafts.find(ws, draft_id)
        assert draft is not None
        texts = draft["parts"][MAIN]["texts"] | {
            f"care_checks.{self.person}.state": ["not_reached"]
        }
        typed = Typed({MAIN: texts}, draft["revision"], "a")
        assert visits.finish_visit(ws, draft_id, typed).saved
        return draft_id


@pytest.fixture
def street(line: CentreLine, joined: Callable[..., Laptop]) -> Street:
    """The street."""
    return Street(line, joined)


def issues(ws: Workspace) -> list[str]:
    """Return the ids of the issues a laptop shows."""
    return [view["record_id"] for view in views(ws, "issue")]


def test_each_laptop_missed_once_and_both_show_the_one_alarm(street: Street, hands: Hands) -> None:
    street.miss(street.one)
    hands.passes(DAY_S)
    street.miss(street.other)
    assert issues(street.one.ws) == issues(street.other.ws) == []
    street.one.sync()
    street.other.sync()  # brings the second miss, and its reply the alarm
    street.one.sync()
    (alarm,) = today(street.other.ws).alarms
    assert alarm.contact == "侄子林甲 13700009999"
    assert issues(street.one.ws) == issues(street.other.ws) == [alarm.issue_id]
    assert [one.name for one in open_alarms(street.one.ws)] == ["林示例"]
    page = street.other.browser
    page.unlock(worker_id=street.other.ws.worker_id)
    assert "请立即联系紧急联系人" in page.get("/").text
    # It is the worker's own: he may put it right like any issue he reported.
    said = save_record(street.other.ws, "issue", "update", {"people": 2},
                       record_id=alarm.issue_id)  # fmt: skip
    assert said.saved, said.problems
    street.other.sync()
    assert street.other.ws.table("changes").get(doc_id=said.change_id)["outcome"] == "applied"


def test_what_the_laptop_raised_itself_is_not_raised_again(street: Street, hands: Hands) -> None:
    street.miss(street.one)
    hands.passes(DAY_S)
    street.miss(street.one)
    (raised,) = issues(street.one.ws)
    street.one.sync()
    street.other.sync()
    assert issues(street.one.ws) == issues(street.other.ws) == [raised]
    assert {view["state"] for view in views(street.one.ws, "issue")} == {"stored"}
    hands.passes(DAY_S)
    street.miss(street.other)
    street.other.sync()
    assert issues(street.other.ws) == [raised]


def test_misses_of_one_day_on_two_laptops_become_one_alarm_however_they_sync(
    street: Street, hands: Hands
) -> None:
    street.miss(street.one)
    hands.passes(3600)
    street.miss(street.other)
    hands.passes(3600)
    street.miss(street.one)  # knows of its own first miss: raises by itself
    (raised,) = issues(street.one.ws)
    street.other.sync()
    street.one.sync()
    street.other.sync()
    assert issues(street.other.ws) == [raised]
    assert written(hands())[:10] == "2026-09-30"


def test_a_notice_read_offline_is_known_at_the_centre_and_on_the_workers_other_laptop(
    line: CentreLine, joined: Callable[..., Laptop], hands: Hands
) -> None:
    worker = line.worker("w1")
    one, other = joined("one", worker), joined("two", worker)
    said = {"title": "停水通知", "text": "明天停水", "level": "normal", "area_code": COMMUNITY,
            "issued_at": written(hands())}  # fmt: skip
    notice_id = load(line.centre, worker.user_id, "notice", COMMUNITY, said)
    for laptop in (one, other):
        laptop.sync()
        assert notice(laptop.ws, notice_id).unread
    hands.passes(60)
    read_notice(one.ws, notice_id)
    read_notice(one.ws, notice_id)
    one.sync()
    other.sync()
    assert not notice(other.ws, notice_id).unread
    read_notice(other.ws, notice_id)
    other.sync()
    with line.centre.store.reading() as connection:
        marks = first_marks(connection, line.centre.code, "notice_read", [notice_id])
    assert list(marks[notice_id]) == [worker.user_id]
    assert len(views(other.ws, "notice_read")) == 1


def test_the_levels_names_reach_the_laptop_with_a_sync(
    line: CentreLine, joined: Callable[..., Laptop], hands: Hands
) -> None:
    worker = line.worker("w1")
    laptop = joined("one", worker)
    laptop.sync()
    staff = replace(worker, role="district", scope_codes=(line.centre.code,))
    assert name_levels(line.centre.store, staff, {"2": "小事"}, 0, hands(), "zh") is None
    laptop.sync()
    page = laptop.browser
    page.unlock(worker_id=worker.user_id)
    assert "2 小事" in page.get("/issues/new", follow_redirects=True).text
