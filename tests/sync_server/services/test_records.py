"""What the staff's pages read, on both databases: lists, histories, uploads, devices."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.catalogue import kind_of
from schemas.clock import written
from sync_server.domain.errors import Refusal
from sync_server.services import (
    device_pages,
    exports,
    listing,
    notices,
    overview,
    people,
    record_page,
    records,
    uploads,
)
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from tests.sync_server.web import staff
from tests.sync_server.web.staff import GRID, OTHER_GRID, Town, load, load_many
from tests.sync_server.world import Laptop, join, resident

DAY = date(2026, 9, 30)


@pytest.fixture
def town(any_centre: Centre) -> Town:
    return staff.build(any_centre)


def found(town: Town, kind: str, no: str = "community", **arguments: str) -> records.RecordList:
    declared = kind_of(kind)
    asked = listing.read(declared, arguments)
    with town.centre.store.reading() as connection:
        return records.list_records(connection, town.people[no], declared, asked, "zh")


def first_cells(listed: records.RecordList) -> list[str]:
    return [line.cells[0].text for line in listed.lines]


def page(town: Town, kind: str, record_id: str, no: str = "community") -> record_page.RecordPage:
    with town.centre.store.reading() as connection:
        return record_page.open_record(connection, town.people[no], kind, record_id, "zh")


def add_compounds(town: Town) -> list[str]:
    base = {"kind": "compound", "address": "路", "community_code": staff.COMMUNITY,
            "property_mode": "none", "guard": True, "barrier": True, "cctv": True,
            "self_gov": "none"}  # fmt: skip
    every = [
        {**base, "code": f"N{number}", "name": f"新村{number}", "households": number}
        for number in (9, 100, 20)
    ]
    return load_many(
        town.centre, town.people["community"].user_id, "compound", staff.COMMUNITY, every
    )


def test_numbers_sort_as_numbers_and_the_empty_come_last(town: Town) -> None:
    add_compounds(town)
    assert first_cells(found(town, "compound", sort="households")) == ["N9", "N20", "N100", "XQ-w1"]
    assert first_cells(found(town, "compound", sort="-households")) == [
        "N100", "N20", "N9", "XQ-w1"
    ]  # fmt: skip


def test_a_list_of_codes_is_asked_for_one_of_them(town: Town) -> None:
    laptop = town.here.laptop
    laptop.write(
        "visit", "create",
        {"visited_at": "2026-09-30T10:00:00+08:00", "household_id": town.here.ids["household"],
         "purposes": ["care", "safety"], "mode": "door", "result": "met", "notice_given": True},
    )  # fmt: skip
    laptop.send()
    assert found(town, "visit").total == 2
    assert found(town, "visit", **{"f.purposes": "safety"}).total == 1
    assert found(town, "visit", **{"f.purposes": "daily"}).total == 1
    assert found(town, "visit", **{"f.purposes": "info"}).total == 0


def test_lists_of_references_count_as_referring(town: Town) -> None:
    compounds = add_compounds(town)
    said = {"slot": "1", "started_at": "2026-09-30T08:30:00+08:00",
            "ended_at": "2026-09-30T09:10:00+08:00", "covered_ids": compounds[:2]}  # fmt: skip
    patrol = load(town.centre, town.here.worker.user_id, "patrol", GRID, said)
    for compound, expected in zip(compounds, [[patrol], [patrol], []], strict=True):
        children = page(town, "compound", compound).children
        assert [link.record_id for group in children for link, _ in group.links] == expected


def test_words_are_looked_for_in_the_record_and_in_what_it_stands_under(town: Town) -> None:
    load(town.centre, town.here.worker.user_id, "resident", OTHER_GRID, resident(name="林别处"))
    for typed, total in (("lin", 2), ("502", 1), ("xfl lin", 1), ("xfl 别处", 0), ("幸福里", 1)):
        assert found(town, "resident", q=typed).total == total, typed
    assert found(town, "care", q="lsl").total == 1
    assert found(town, "resident", "leader", q="幸福里 502").total == 1


def test_somebody_sees_exactly_his_areas(town: Town) -> None:
    totals = {no: found(town, "resident", no).total for no in ("admin", "community", "leader")}
    assert totals == {"admin": 2, "community": 1, "leader": 1}
    load(town.centre, town.here.worker.user_id, "resident", OTHER_GRID, resident())
    assert found(town, "resident", "community").total == 2
    assert found(town, "resident", "leader").total == 1
    with pytest.raises(Refusal, match="not_allowed"):
        records.kind_for(town.people["auditor"], "resident")
    with pytest.raises(Refusal, match="unknown_record"):
        page(town, "resident", town.there.ids["resident"])


def test_a_title_goes_through_references_level_by_level(town: Town) -> None:
    shown = page(town, "visit", town.here.ids["visit"])
    assert shown.title == "2026-09-30 11:30 幸福里 3-1-502"
    shown = page(town, "care", town.here.ids["care"])
    assert shown.title == "林**"
    assert [link.title for link in shown.parents] == [
        "幸福里", "幸福里 3", "幸福里 3-1-502", "幸福里 3-1-502", "林**"
    ]  # fmt: skip


def test_a_reference_next_door_has_no_name_here(town: Town) -> None:
    said = resident(name="林搬来", household_id=town.there.ids["household"])
    moved = load(town.centre, town.here.worker.user_id, "resident", GRID, said)
    shown = page(town, "resident", moved)
    [link] = [link for one in shown.fields for link in one.links]
    assert (link.title, link.kind) == (f"…{said['household_id'][-6:]}", "")
    assert [one.title for one in shown.parents] == [link.title]
    assert "隔壁" in page(town, "resident", moved, "district").parents[0].title
    assert found(town, "resident", q="gbxfl").total == 0


def test_history_replays_what_was_set_kept_beside_and_refused(town: Town) -> None:
    history = page(town, "household", town.here.ids["household"]).history
    told = [
        [(delta.label, delta.old.text, delta.new.text, delta.effect) for delta in entry.deltas]
        for entry in history.entries
    ]
    assert sorted(told[0]) == [
        ("人口数", "4", "5", "set"),
        ("联系电话", "100****5555", "100****6666", "beside"),
    ]
    assert ("人口数", "", "4", "set") in told[1]
    assert ("联系电话", "100****1234", "100****5555", "set") in told[1]
    assert [entry.row["version"] for entry in history.entries][-1] == 1
    dispute = history.disputes[0]
    assert (dispute.label, dispute.visible.text, dispute.other.text) == (
        "联系电话", "100****5555", "100****6666"
    )  # fmt: skip


def test_a_writer_s_earlier_value_stays_beside_when_his_later_one_takes_its_place(
    town: Town,
) -> None:
    second = join(town.centre, worker(town), key="12" * 32)
    household = town.here.ids["household"]
    for phone in ("10000007777", "10000008888"):
        second.write("household", "update", {"phone": phone}, household, grid=GRID, base_version=1)
        second.send()
    entries = page(town, "household", household).history.entries
    assert [entry.deltas[0].effect for entry in entries[:2]] == ["beside", "beside"]
    assert [entry.deltas[0].old.text for entry in entries[:2]] == ["100****5555"] * 2


def worker(town: Town) -> User:
    assert town.here.worker is not None
    return town.here.worker


def test_a_change_of_an_unknown_kind_is_shown_without_its_values(town: Town) -> None:
    laptop = town.here.laptop
    assert isinstance(laptop, Laptop)
    laptop.write("rocket", "create", {"secret": "不公开"}, schema=9)
    laptop.write("household", "update", {"size": 5}, town.here.ids["household"], schema=99)
    laptop.send()
    with town.centre.store.reading() as connection:
        waiting = uploads.waiting(connection, town.people["community"], "quarantined", 1, "zh")
    texts = [delta.new.text for one in waiting.changes for delta in one.entry.deltas]
    assert "不公开" not in texts
    assert "●●●" in texts
    assert {one.kind for one in waiting.changes} == {"rocket", "家庭户", "居民"}


def test_a_change_with_fields_of_the_wrong_shape_is_shown_without_falling(town: Town) -> None:
    laptop = town.here.laptop
    for fields in (
        {"items": "x", "slot": {"a": 1}},
        {"items": {"add": "x"}, "covered_ids": 5, "summary": ["x"]},
        {"items": {"add": {"k": "x"}, "remove": 7}, "started_at": 12},
    ):
        laptop.write("patrol", "create", fields)
        laptop.write("patrol", "void", fields, new_id())
    laptop.send()
    with town.centre.store.reading() as connection:
        waiting = uploads.waiting(connection, town.people["community"], "quarantined", 1, "zh")
    assert waiting.total == 7


def test_the_day_s_figures_and_uploads_are_those_of_the_areas(town: Town) -> None:
    now = town.centre.clock()
    with town.centre.store.reading() as connection:
        here = overview.overview(connection, town.people["community"], DAY, now, "zh")
        everywhere = overview.overview(connection, town.people["district"], DAY, now, "zh")
        day = uploads.uploads_of_day(connection, town.people["leader"], DAY)
    assert (here.uploads, everywhere.uploads) == (2, 4)
    assert (here.conflicts, everywhere.conflicts) == (1, 2)
    assert (here.quarantined, here.held) == (1, 1)
    assert {name: count for name, _, count in here.happened}["visit"] == 1
    assert [one.worker for one in day.devices] == ["网格员w1", "网格员w1"]
    assert sum(day.outcomes.values()) == day.changes == 7


def test_devices_belong_to_the_areas_of_their_worker(town: Town) -> None:
    now = town.centre.clock()
    with town.centre.store.reading() as connection:
        counts = {
            no: len(device_pages.list_devices(connection, town.people[no], now))
            for no in ("district", "community", "leader", "neighbour")
        }
        workers = device_pages.workers_of(connection, town.people["community"])
    assert counts == {"district": 4, "community": 2, "leader": 2, "neighbour": 2}
    assert {one.no: one.devices for one in workers} == {"w1": 2, "worker": 0, "leader": 0}


def test_people_and_audit_can_be_read(town: Town) -> None:
    with town.centre.store.reading() as connection:
        listed = people.list_people(connection, town.people["community"], "zh")
        audit = people.audit_page(
            connection, town.people["auditor"], action="add_user", user_id="", since=DAY,
            until=DAY, page=1,
        )  # fmt: skip
    assert "w2" not in {one.row["no"] for one in listed}
    assert audit.total == 12


def test_an_export_streams_on_both_databases(town: Town) -> None:
    kind = kind_of("resident")
    words = exports.Words(*["x"] * 12)
    export = exports.begin_export(
        town.centre.store, town.people["community"], kind, listing.read(kind, {"q": "lsl"}),
        town.centre.clock(), "zh", words, unmask=False, reason="",
    )  # fmt: skip
    assert "林**" in "".join(exports.lines(town.centre.store, export))


def test_a_notice_is_a_change_like_any_other(town: Town) -> None:
    person, said = town.people["community"], {
        "title": ["防汛"], "text": ["有雨"], "level": ["normal"],
        "area_code": [GRID], "issued_at": [written(town.centre.clock())],
    }  # fmt: skip
    record_id = new_id()
    form = notices.send_notice(
        town.centre.store, person, record_id, lambda name: said.get(name, []), list(said),
        town.centre.clock(), "zh",
    )  # fmt: skip
    assert form is None
    shown = page(town, "notice", record_id)
    assert shown.row["grid"] == GRID
    assert [entry.device for entry in shown.history.entries] == [""]
