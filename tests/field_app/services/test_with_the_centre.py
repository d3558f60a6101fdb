"""Laptops and the real centre: misses two of them saw, notices read offline, names of levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from field_app.services import drafts, visits
from field_app.services.care import finish_record, void_record
from field_app.services.care_alarms import open_alarms
from field_app.services.drafts import MAIN, Typed
from field_app.services.notices import notice, read_notice
from field_app.services.records import save_record, views
from field_app.services.today import today
from field_app.services.workspace import Workspace
from schemas.care_contact import alarm_id
from schemas.clock import written
from sync_server.services.care_alarms import sound_after
from sync_server.services.level_labels import name_levels
from sync_server.store.records_read import by_ids, first_marks
from sync_server.store.tables import records
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


WELL = {"result": "met", "mode": "door", "notice_given": "1"}


def found_between(street: Street, hands: Hands) -> tuple[str, str]:
    """Let the first laptop's worker find somebody between a miss of his own and a colleague's, as
    both laptops know; return the last two visits."""
    street.miss(street.one)
    hands.passes(DAY_S)
    ws = street.one.ws
    found = visits.start_visit(ws, household_id=street.home)
    draft = drafts.find(ws, found)
    assert draft is not None
    texts = draft["parts"][MAIN]["texts"] | {name: [text] for name, text in WELL.items()}
    texts[f"care_checks.{street.person}.state"] = ["well"]
    assert visits.finish_visit(ws, found, Typed({MAIN: texts}, draft["revision"], "a")).saved
    street.one.sync()
    street.other.sync()
    hands.passes(DAY_S)
    last = street.miss(street.other)
    street.other.sync()
    street.one.sync()
    assert issues(ws) == issues(street.other.ws) == []
    return found, last


def correct(ws: Workspace, visit_id: str, **typed: str) -> None:
    """Correct a visit in its form."""
    draft_id = drafts.open_draft(ws, "record", {MAIN: drafts.edit_part(ws, "visit", visit_id)})
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = draft["parts"][MAIN]["texts"] | {name: [text] for name, text in typed.items()}
    assert finish_record(ws, draft_id, Typed({MAIN: texts}, draft["revision"], "a")).saved


def before_both(street: Street, found: str) -> dict[str, str]:
    return {"visited_at": "2026-09-29T09:00"}


def missed_too(street: Street, found: str) -> dict[str, str]:
    return {"result": "nobody", f"care_checks.{street.person}.state": "not_reached"}


@pytest.mark.parametrize(("says", "under"), [(None, 1), (before_both, 1), (missed_too, 0)])
@pytest.mark.parametrize("notices", ["laptop", "centre"])
def test_both_sides_raise_the_one_alarm_when_a_visit_between_two_misses_goes(
    street: Street, hands: Hands, says: Callable[..., dict[str, str]] | None, under: int,
    notices: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """An older program does not notice; the centre does then."""
    between = found_between(street, hands)
    found, ws = between[0], street.one.ws
    wanted = [alarm_id(between[under], street.person)]
    with monkeypatch.context() as older:
        for module in ("visits", "care") if notices == "centre" else ():
            older.setattr(f"field_app.services.{module}.called_for", lambda *_: [])
        if says is None:
            assert void_record(ws, "visit", found, "走错门")[0].saved
        else:
            correct(ws, found, **says(street, found))
    assert issues(ws) == (wanted if notices == "laptop" else [])
    street.one.sync()
    street.other.sync()
    assert issues(ws) == issues(street.other.ws) == wanted
    assert {view["state"] for view in views(ws, "issue")} == {"stored"}
    assert [one.issue_id for one in open_alarms(street.other.ws)] == wanted


def test_the_centre_that_has_raised_a_colleagues_alarm_takes_the_laptops_for_the_same(
    street: Street, hands: Hands
) -> None:
    found, last = found_between(street, hands)
    ws = street.one.ws
    assert void_record(ws, "visit", found, "走错门")[0].saved
    change = ws.table("changes").find_by("record_id", alarm_id(last, street.person))[0]
    centre = street.line.centre
    with centre.store.writing() as connection:  # by whatever road the visit went there
        row = by_ids(connection, centre.code, [found])[found]
        moving = sa.update(records).where(records.c.record_id == found)
        connection.execute(moving.values(voided=True))
        raised = sound_after(connection, centre.code, row, {**row, "voided": True}, hands())
        connection.execute(moving.values(voided=False))
    assert raised == [alarm_id(last, street.person)]
    street.one.sync()
    assert ws.table("changes").get(doc_id=change["change_id"])["outcome"] == "unchanged"
    assert issues(ws) == raised


def test_an_alarm_stays_an_issue_when_its_miss_is_voided_on_both_sides(
    street: Street, hands: Hands
) -> None:
    """Somebody may be at the door already; the worker voids it himself."""
    street.miss(street.one)
    hands.passes(DAY_S)
    second = street.miss(street.one)
    (raised,) = issues(street.one.ws)
    assert void_record(street.one.ws, "visit", second, "走错门")[1] == []
    assert issues(street.one.ws) == [raised]
    street.one.sync()
    street.other.sync()
    assert issues(street.one.ws) == issues(street.other.ws) == [raised]
    assert [one.issue_id for one in today(street.one.ws).alarms] == [raised]
    saved, _ = void_record(street.one.ws, "issue", raised, "走错门")
    assert saved.saved
    street.one.sync()
    street.other.sync()
    assert issues(street.one.ws) == issues(street.other.ws) == []
    assert today(street.one.ws).alarms == ()


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
