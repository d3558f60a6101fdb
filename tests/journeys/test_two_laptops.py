"""Two workers with laptops on one grid: nobody's work vanishes, and both end with the same."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import NAME

pytestmark = pytest.mark.journey

COLLEAGUE = "王小样"
FIRST_PHONE, SECOND_PHONE = "13800001111", "13900002222"
FIRST_MASKED, SECOND_MASKED = "138****1111", "139****2222"


@pytest.fixture
def pair(new_worker: Callable[..., GridWorker]) -> tuple[GridWorker, GridWorker]:
    """The grid's worker, and a colleague added by the command line, each at a laptop."""
    return new_worker(), new_worker("W900001", COLLEAGUE)


def synced(worker: GridWorker) -> None:
    end = worker.sync()
    assert end.stage == "done", end
    assert worker.unsent() == 0


def agree(centre: CentreProgram, *workers: GridWorker) -> None:
    """Sync everybody to the end, close the laptops, and compare them with the centre."""
    for worker in (*workers, *workers):
        synced(worker)
    check_effects(centre.books)
    for worker in workers:
        worker.laptop.stop()
        with worker.laptop.store() as ws:
            check_agreement(ws, centre.books)


def test_different_fields_of_one_household_are_both_kept(centre, pair):
    first, second = pair
    household = first.households("502")[0]
    version = centre.books.record(household)["version"]
    first.edit("household", household, {"phone": FIRST_PHONE})
    second.edit("household", household, {"size": "7", "remarks": "暑假有亲戚同住"})
    synced(first)
    synced(second)
    synced(first)

    record = centre.books.record(household)
    assert record["fields"]["phone"] == FIRST_PHONE
    assert record["fields"]["size"] == 7
    assert record["fields"]["remarks"] == "暑假有亲戚同住"
    assert record["version"] > version
    assert centre.books.outcomes() == {"applied": 1, "merged": 1}
    for worker in pair:
        page = worker.open(f"/base/households/{household}").html
        assert FIRST_PHONE in page
        assert "暑假有亲戚同住" in page
        assert set(worker.states().values()) == {"stored"}
    history = Staff(centre).read(f"/records/household/{household}").split("全部版本")[1]
    assert NAME in history
    assert COLLEAGUE in history
    assert centre.books.rows("SELECT * FROM conflicts") == []
    agree(centre, *pair)


def test_the_same_phone_changed_twice_is_a_conflict_with_both_values_in_sight(centre, pair):
    first, second = pair
    household = first.households("502")[0]
    first.edit("household", household, {"phone": FIRST_PHONE})
    second.edit("household", household, {"phone": SECOND_PHONE})
    synced(first)
    synced(second)

    assert centre.books.record(household)["fields"]["phone"] == FIRST_PHONE
    (conflict,) = centre.books.rows("SELECT * FROM conflicts")
    assert (json.loads(conflict["visible"]), json.loads(conflict["other"])) == (
        FIRST_PHONE,
        SECOND_PHONE,
    )
    assert conflict["decision"] is None
    assert centre.books.outcomes() == {"applied": 1, "conflict": 1}

    # The worker who came second sees both values; the first one's stands untouched.
    (mine,) = second.outbox()
    assert mine.state == "conflict"
    assert "待裁决" in mine.text
    for page in (mine.text, words(second.open("/sync").html)):
        assert "您填的 服务器现有 联系电话" in page
        assert page.index(SECOND_MASKED) < page.index(FIRST_MASKED)
    synced(first)
    assert set(first.states().values()) == {"stored"}
    assert FIRST_PHONE in first.open(f"/base/households/{household}").html

    # So do the staff, on the list of conflicts and on the record.
    staff = Staff(centre)
    for path in ("/conflicts", f"/records/household/{household}"):
        page = staff.read(path)
        assert FIRST_MASKED in page
        assert SECOND_MASKED in page
        assert NAME in page
        assert COLLEAGUE in page
        assert "未裁决" in page
    agree(centre, *pair)


def test_staff_decide_and_both_workers_see_what_became_of_their_value_and_who_decided(centre, pair):
    first, second = pair
    household = first.households("502")[0]
    first.edit("household", household, {"phone": FIRST_PHONE})
    second.edit("household", household, {"phone": SECOND_PHONE})
    synced(first)
    synced(second)

    staff = Staff(centre)
    staff.decide(household, "other", "已电话核实，以后一个为准。")
    assert centre.books.record(household)["fields"]["phone"] == SECOND_PHONE
    for worker, words_of_state in ((first, "stored"), (second, "stored")):
        synced(worker)
        (line,) = worker.outbox()
        assert line.state == words_of_state
        assert "已电话核实" in line.text
        assert staff.name in line.text
        assert SECOND_PHONE in worker.open(f"/base/households/{household}").html
    assert "知道了" in words(first.open("/").html)  # his value was not taken: he is told once

    # Decided anew: nothing is final, and both are told again.
    staff.decide(household, "visible", "户主来电更正。")
    for worker in pair:
        synced(worker)
        assert "户主来电更正" in worker.outbox()[0].text
        assert FIRST_PHONE in worker.open(f"/base/households/{household}").html
    agree(centre, *pair)


def test_who_saw_the_other_value_replaces_it_without_a_conflict(centre, pair):
    first, second = pair
    household = first.households("502")[0]
    first.edit("household", household, {"phone": FIRST_PHONE})
    synced(first)
    synced(second)
    second.edit("household", household, {"phone": SECOND_PHONE})
    synced(second)
    assert centre.books.record(household)["fields"]["phone"] == SECOND_PHONE
    assert centre.books.rows("SELECT * FROM conflicts") == []
    agree(centre, *pair)


@pytest.mark.parametrize("void_first", [True, False])
def test_voided_by_one_and_edited_by_the_other_is_a_conflict(centre, pair, void_first):
    first, second = pair
    household = first.households("502")[0]
    resident = next(
        row["record_id"]
        for row in centre.books.rows("SELECT record_id, fields FROM records WHERE kind='resident'")
        if json.loads(row["fields"])["household_id"] == household
    )
    first.void("resident", resident, "重复登记")
    second.edit("resident", resident, {"phone": SECOND_PHONE})
    for worker in pair if void_first else (second, first):
        synced(worker)

    late = second if void_first else first
    assert sorted(centre.books.outcomes().items()) == [("applied", 1), ("conflict", 1)]
    assert list(late.states().values()) == ["conflict"]
    conflicts = centre.books.rows("SELECT * FROM conflicts WHERE decision IS NULL")
    assert {row["record_id"] for row in conflicts} == {resident}
    record = centre.books.record(resident)
    if not void_first:  # what stands when a void comes unseen goes on standing
        assert not record["voided"]
        assert record["fields"]["phone"] == SECOND_PHONE
    page = Staff(centre).read(f"/records/resident/{resident}")
    assert "未裁决" in page
    assert SECOND_MASKED in page
    assert NAME in page
    assert COLLEAGUE in page
    assert "重复登记" in page or "作废" in page
    for worker in pair:
        assert words(worker.open(f"/records/resident/{resident}").html)
    agree(centre, *pair)


def test_a_second_sign_in_leaves_the_first_workers_unsent_work_untouched(centre, new_worker):
    first = new_worker()
    household = first.households("502")[0]
    first.edit("household", household, {"phone": FIRST_PHONE})
    before = first.outbox()
    second = GridWorker(first.laptop)
    centre.add_worker("W900002", COLLEAGUE, "990101100009001")
    second.move_in(centre.address, centre.join_code("W900002"), "同一台电脑")
    assert second.unsent() == 0
    assert COLLEAGUE in second.open("/").html
    assert first.open("/").path == "/unlock"  # one worker at a time
    first.unlock_as(NAME)
    assert first.outbox() == before
    synced(first)
    assert set(first.states().values()) == {"stored"}
