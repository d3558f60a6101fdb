"""One household entered twice: merged at the centre, changed by a laptop that did not know, undone.

At each step both laptops and the centre agree, and no value is gone.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.programs import CentreProgram

pytestmark = pytest.mark.journey

OWN_PHONE, THEIR_PHONE, LATER_PHONE = "13800001111", "13900002222", "13700003333"


def agreed(centre: CentreProgram, *workers: GridWorker) -> None:
    """Sync everybody twice, compare every laptop with the centre, and go on working."""
    for worker in (*workers, *workers):
        assert worker.sync().stage == "done"
    check_effects(centre.books)
    for worker in workers:
        worker.laptop.stop()
        with worker.laptop.store() as ws:
            check_agreement(ws, centre.books)
        worker.come_back()


def values(centre: CentreProgram, *record_ids: str) -> list[str | None]:
    return [centre.books.record(one)["fields"].get("phone") for one in record_ids]


def test_merge_later_change_of_an_unaware_laptop_and_undo(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
) -> None:
    first, second = new_worker(), new_worker("W900001", "王小样")
    here, there = first.households("502")[:2]
    first.edit("household", here, {"phone": OWN_PHONE})
    first.edit("household", there, {"phone": THEIR_PHONE})
    for worker in (first, second):
        assert worker.sync().stage == "done"
    people = {
        row["record_id"]
        for row in centre.books.rows(
            "SELECT record_id FROM records WHERE kind = 'resident' AND parent_id = ?", [there]
        )
    }
    assert people

    # The second laptop goes out; meanwhile the community makes one household of the two.
    second.edit("household", there, {"phone": LATER_PHONE, "remarks": "晚上在家"})
    staff = Staff(centre)
    page = staff.open(f"/duplicates/{here}/{there}?keep={here}")
    form = page.form("seen_survivor")
    page = staff.visitor.submit(page, form, {"pick-phone": "survivor", "words": "同一户"})
    assert "已合并" in page.html, words(page.html)
    merged_page = page.path
    assert first.sync().stage == "done"
    shown = first.open(f"/base/households/{there}")  # leads to the one that is left
    assert shown.path.endswith(here)
    for record_id in people:
        assert record_id in shown.html

    # Its change goes to the survivor: what it had not seen there is a question for the staff.
    agreed(centre, second, first)
    assert values(centre, here, there) == [OWN_PHONE, THEIR_PHONE]
    assert centre.books.record(here)["fields"]["remarks"] == "晚上在家"
    (conflict,) = centre.books.rows("SELECT * FROM conflicts WHERE decision IS NULL")
    assert conflict["record_id"] == here
    assert LATER_PHONE in conflict["other"]
    (mine,) = second.outbox()
    assert mine.state == "conflict"
    for phone in (LATER_PHONE, OWN_PHONE):
        assert f"{phone[:3]}****{phone[-4:]}" in mine.text
    history = staff.read(f"/records/household/{here}")
    assert "晚上在家" in history

    # They were two after all: each has its own again, with what came to it since.
    page = staff.open(merged_page)
    undo = next(form for form in page.forms if form.action.endswith("/undo"))
    page = staff.visitor.submit(page, undo, {"words": "两户人家"})
    assert "已撤销合并" in page.html, words(page.html)
    agreed(centre, first, second)
    assert values(centre, here, there) == [OWN_PHONE, LATER_PHONE]
    assert "remarks" not in centre.books.record(here)["fields"]
    assert centre.books.record(there)["fields"]["remarks"] == "晚上在家"
    assert centre.books.rows("SELECT * FROM conflicts WHERE decision IS NULL") == []
    for worker in (first, second):
        assert LATER_PHONE in worker.open(f"/base/households/{there}").html
        assert OWN_PHONE in worker.open(f"/base/households/{here}").html
    assert set(second.states().values()) <= {"stored", "seen"}
