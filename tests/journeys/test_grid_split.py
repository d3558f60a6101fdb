"""A grid is split in two while both of its workers are out for a week and know nothing of it:
whatever they wrote arrives, once, and each laptop ends with its half."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from field_app.services.records import kind_names
from field_app.services.workspace import plain
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import MET, GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import GRID, PERSONA, Books

pytestmark = pytest.mark.journey

COLLEAGUE = "W900001"
NEWBORN = {
    "name": "林新生", "sex": "1", "birth": "2026-08", "relation": "20", "reside": "registered",
    "guardian": "林示例", "notice_version": "2026-1", "basis": "consent",
}  # fmt: skip
FIRST, SECOND, THIRD = "13800001111", "13800002222", "13800003333"


def homes_of(books: Books) -> dict[str, list[str]]:
    """Return the grid's households by building."""
    rows = books.rows(
        "SELECT home.record_id home, room.parent_id building FROM records home"
        " JOIN records room ON room.record_id = home.parent_id"
        " WHERE home.kind = 'household' AND home.grid = ? ORDER BY home.record_id",
        [GRID],
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["building"], []).append(row["home"])
    return found


def add_member(worker: GridWorker, household: str, answers: dict[str, Any]) -> None:
    """Register somebody in a household."""
    page = worker.open(f"/base/households/{household}/resident")
    page = worker.visitor.submit(page, page.form("_revision", "_act"), answers, "_act=save")
    assert "已保存在本机" in page.html, words(page.html)


def visit(worker: GridWorker, household: str) -> None:
    """Call at a household and meet somebody."""
    page = worker.open(f"/base/households/{household}")
    form = next(form for form in page.forms if form.action.endswith("/visits/start"))
    page = worker.visitor.submit(page, form, {})
    paper = page.form("_revision", "_act")
    checks = [name for name in paper.names if name.startswith("care_checks.")
              and name.endswith(".state")]  # fmt: skip
    page = worker.visitor.submit(page, paper, dict.fromkeys(checks, "well") | MET, "_act=save")
    assert "已保存在本机" in page.html, words(page.html)


def sync(worker: GridWorker) -> None:
    """Sync to the end; agree to let go of what went, if the laptop asks."""
    end = worker.sync()
    if end.stage == "stopped":
        assert "移除" in end.words
        page = worker.open("/sync")
        form = next(form for form in page.forms if form.action.endswith("/sync"))
        worker.visitor.submit(page, form, {}, "agreed=1")
        end = worker.watch()
    assert end.stage == "done", end
    assert worker.unsent() == 0


def split_off(centre: CentreProgram, building: str) -> str:
    """Let staff put one building into a new grid, the colleague's, and return its code."""
    books, staff = centre.books, Staff(centre)
    page = staff.open(f"/areas/{GRID}/split")
    people = {
        no: books.rows("SELECT user_id FROM users WHERE no = ?", [no])[0]["user_id"]
        for no in (PERSONA, COLLEAGUE)
    }
    leader = books.rows("SELECT user_id FROM users WHERE role = 'leader' AND scope_codes LIKE ?",
                        [f"%{GRID}%"])[0]["user_id"]  # fmt: skip
    page = staff.visitor.submit(
        page,
        page.form("building", "name"),
        {"name": "拆出的网格", "building": [building], "old": [people[PERSONA], leader],
         "new": [people[COLLEAGUE]]},
    )  # fmt: skip
    assert "已拆分" in page.html, words(page.html)
    return page.path.rpartition("/")[2]


def counted(books: Books) -> dict[str, int]:
    """Return how many records of base data stand."""
    rows = books.rows(
        "SELECT kind, count(*) n FROM records WHERE voided = 0 AND merged_into IS NULL"
        " AND kind IN ('building', 'room', 'household', 'resident', 'care', 'shop') GROUP BY kind"
    )
    return {row["kind"]: row["n"] for row in rows}


def test_a_split_nobody_knew_of_loses_and_doubles_nothing(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
):
    old, new = new_worker(), new_worker(COLLEAGUE, "王小样")
    books = centre.books
    homes = homes_of(books)
    gone_building = min(homes, key=lambda one: (abs(len(homes[one]) - 20), one))
    stays = [home for building, some in homes.items() if building != gone_building
             for home in some]  # fmt: skip
    goes, before = homes[gone_building], counted(books)

    def days_later(days: int) -> None:
        for program in (centre, old.laptop, new.laptop):
            program.ahead = timedelta(days=days)

    # Both are out: each writes in both halves, on three days of the week.
    old.edit("household", stays[0], {"phone": FIRST})
    days_later(1)
    old.edit("household", goes[0], {"phone": FIRST})
    add_member(old, goes[1], NEWBORN)
    visit(old, goes[2])
    new.edit("household", stays[1], {"phone": SECOND})

    days_later(3)
    code = split_off(centre, gone_building)
    assert {books.record(home)["grid"] for home in goes} == {code}

    days_later(6)
    new.edit("household", goes[3], {"phone": SECOND})
    visit(new, stays[2])
    assert (old.unsent(), new.unsent()) == (4, 3)

    days_later(7)
    # The one who keeps the old half may no longer change the other: that waits for staff.
    sync(old), sync(new)
    assert books.outcomes() == {"applied": 6, "conflict": 1}
    Staff(centre).decide(goes[0], "other", "已电话核实。")
    sync(old), sync(new), sync(old)
    phones = {home: books.record(home)["fields"]["phone"]
              for home in (stays[0], goes[0], stays[1], goes[3])}  # fmt: skip
    assert phones == {stays[0]: FIRST, goes[0]: FIRST, stays[1]: SECOND, goes[3]: SECOND}
    after = counted(books)
    assert after == before | {"resident": before["resident"] + 1}
    check_effects(books)

    # Every home is on one laptop, and on one alone.
    held: list[set[str]] = []
    for worker in (old, new):
        worker.laptop.stop()
        with worker.laptop.store() as ws:
            check_agreement(ws, books)
            held.append({view["record_id"] for view in plain(ws.table("household"))})
            everything = {view["grid"] for name in kind_names() for view in plain(ws.table(name))}
            assert (code in everything) == (worker is new)
    assert held == [set(stays), set(goes)]
