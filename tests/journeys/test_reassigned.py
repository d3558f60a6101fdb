"""A grid changes hands (F17), or a household goes to another grid (F8), while its worker is out:
late work stays his, nothing is overwritten unseen, records go over once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from field_app.services.records import kind_names
from field_app.services.workspace import plain
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import MET, GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import DISTRICT, GRID, NAME, PERSONA, Books

pytestmark = pytest.mark.journey

COLLEAGUE = "W900001"
FREE_GRID = "990101100009099"
"""A grid of the community in which nothing lies."""
PHONE = "13800001111"


def received(worker: GridWorker) -> int:
    """Sync to the end; return how many updates came down."""
    told: list[int] = []
    end = worker.sync(lambda confirmed, total, received: told.append(received))
    assert end.stage == "done", end
    assert worker.unsent() == 0
    return told[-1]


def in_grid(books: Books) -> int:
    """Return how many records lie in the grid."""
    (row,) = books.rows("SELECT count(*) n FROM records WHERE grid LIKE ?", [f"{GRID}%"])
    return int(row["n"])


def agree_to_lose(worker: GridWorker) -> None:
    """Sync; the laptop asks before it lets go of so many records, and is told yes."""
    end = worker.sync()
    assert end.stage == "stopped"
    assert "移除" in end.words
    page = worker.open("/sync")
    form = next(form for form in page.forms if form.action.endswith("/sync"))
    worker.visitor.submit(page, form, {}, "agreed=1")
    end = worker.watch()
    assert end.stage == "done", end


def test_late_work_is_his_and_the_records_go_over_once(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
):
    old, new = new_worker(), new_worker(COLLEAGUE, "王小样", grid=FREE_GRID)
    (household,) = old.households("502")[:1]
    old.edit("household", household, {"phone": PHONE})
    old.visit_found("502", MET)
    assert old.unsent() == 2
    lying = in_grid(centre.books)
    centre.command("reassign", "--no", COLLEAGUE, "--grids", GRID)
    centre.command("reassign", "--no", PERSONA, "--grids", FREE_GRID)

    # The new worker gets the grid, whole and once.
    assert received(new) == lying
    assert received(new) == 0

    # The old one's late work is taken and his, and his laptop lets go of the grid.
    agree_to_lose(old)
    assert old.unsent() == 0
    assert centre.books.outcomes() == {"applied": 2}
    author = centre.books.rows("SELECT user_id FROM users WHERE no = ?", [PERSONA])[0]["user_id"]
    late = centre.books.device_changes()
    assert {change["author"] for change in late} == {author}
    assert {change["grid"] for change in late} == {GRID}
    assert set(old.states().values()) <= {"stored", "seen"}
    assert old.households("502") == []
    visit = next(change["record_id"] for change in late if change["kind"] == "visit")
    assert NAME in Staff(centre).read(f"/records/visit/{visit}")

    # The new one gets what came late, and nothing twice.
    assert received(new) == 2
    assert received(new) == 0
    assert received(old) == 0
    assert centre.books.record(household)["fields"]["phone"] == PHONE

    check_effects(centre.books)
    for worker in (old, new):
        worker.laptop.stop()
        with worker.laptop.store() as ws:
            check_agreement(ws, centre.books)
            grids = {view["grid"] for name in kind_names() for view in plain(ws.table(name))}
            assert (GRID in grids) == (worker is new)


def test_an_edit_of_a_household_that_was_moved_meanwhile_is_a_proposal_for_its_new_grid(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
):
    old = new_worker()
    household = old.households("502")[0]
    before = centre.books.record(household)["fields"].get("phone")
    assert before != PHONE
    old.edit("household", household, {"phone": PHONE})
    staff = Staff(centre)
    page = staff.visitor.open(f"/records/household/{household}/move")
    other = next(code for code in re.findall(r'value="(\d{15})"', page.html) if code != GRID)
    page = staff.visitor.submit(page, page.form("area"), {"area": other})
    assert "已移动" in page.html

    end = old.sync()
    assert end.stage == "done", end
    assert old.unsent() == 0
    assert centre.books.outcomes() == {"conflict": 1}
    assert set(old.states().values()) == {"conflict"}
    record = centre.books.record(household)
    assert (record["grid"], record["fields"].get("phone")) == (other, before)
    (entry,) = centre.books.rows("SELECT * FROM conflicts")
    assert (entry["path"], entry["decision"]) == ("phone", None)
    assert "138****1111" in staff.read("/conflicts")
    (mine,) = old.outbox()
    assert "待裁决" in mine.text

    # The new grid's staff decide; the worker learns of it, and then lets go of the household.
    staff.decide(household, "other", "已电话核实。")
    assert centre.books.record(household)["fields"]["phone"] == PHONE
    assert old.sync().stage == "done"
    (mine,) = old.outbox()
    assert mine.state == "stored", mine
    assert household not in old.households("502")
    old.laptop.stop()
    with old.laptop.store() as ws:
        check_agreement(ws, centre.books)


def test_the_page_gives_the_grid_away_and_names_who_holds_it(centre: CentreProgram):
    centre.add_worker(COLLEAGUE, "王小样", FREE_GRID)
    staff = Staff(centre)
    people = staff.visitor.open("/people")
    address = re.search(rf"<td>{COLLEAGUE}</td>.*?(/people/[0-9a-f-]+/grids)", people.html, re.S)
    assert address
    page = staff.visitor.open(address[1])
    assert re.search(f"现由 [^负]*{NAME}", words(page.html))
    page = staff.visitor.submit(page, page.form("grid"), {"grid": [GRID]})
    assert "已保存，从现在起生效。" in page.html
    held = centre.books.rows(
        "SELECT code, until FROM holdings JOIN users USING (district, user_id)"
        " WHERE district = ? AND no = ? ORDER BY code",
        [DISTRICT, COLLEAGUE],
    )
    assert [(row["code"], row["until"] is None) for row in held] == [
        (GRID, True), (FREE_GRID, False),
    ]  # fmt: skip
