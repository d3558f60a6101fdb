"""A Party branch is entered at the centre, its members are looked up at the door, and the centre
sees who is left; what two laptops note of two members at once stands side by side."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from demo.pages import Page
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import Answers, GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import GRID

pytestmark = pytest.mark.journey

SECRETARY, MEMBER = "林示例", "王样本"


def enter_branch(staff: Staff) -> str:
    """Enter a branch with two members in the grid's community; return its id."""
    page = staff.open("/places/org/new")
    typed: Answers = {"name": "幸福里党支部", "org_kind": "branch", "area": GRID[:12]}
    form = page.form("record_id", "org_kind")
    page = staff.visitor.submit(page, form, typed, "act=more:members")
    form = page.form("record_id", "org_kind")
    keys = {one.split(".")[1] for one in form.names if one.startswith("members.")}
    names = dict(zip(sorted(keys), (SECRETARY, MEMBER), strict=True))
    typed = {f"members.{key}.name": name for key, name in names.items()}
    page = staff.visitor.submit(page, form, typed)
    assert page.path.startswith("/records/org/"), words(page.html)
    return page.path.rpartition("/")[2]


def overdue(worker: GridWorker) -> dict[str, str]:
    """Return where the check of each member who is overdue is noted, by name."""
    html = worker.open("/coverage?of=member&show=overdue").html
    found = {}
    for line in html.split("<li>"):
        if where := re.search(r'href="(/base/organisations/[^"]+)"', line):
            name = SECRETARY if SECRETARY in line else MEMBER
            found[name] = where[1]
    return found


def look_up(worker: GridWorker, where: str, said: str) -> Page:
    """Note a check, made today."""
    page = worker.open(where)
    form = page.form("_revision", "_act")
    key = where.rpartition("=")[2]
    page = worker.visitor.submit(
        page, form, {f"member_checks.{key}.member_class": said}, "_act=save"
    )
    assert "已保存在本机" in page.html, words(page.html)
    return page


def test_members_are_looked_up_at_the_door_and_the_centre_sees_who_is_left(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
) -> None:
    staff, worker = Staff(centre), new_worker()
    branch = enter_branch(staff)
    assert "超期 共 2 条" in staff.read("/coverage?of=member")
    assert worker.sync().stage == "done"
    colleague = new_worker("W1", "王小样")
    todo = overdue(worker)
    assert set(todo) == {SECRETARY, MEMBER} == set(overdue(colleague))

    look_up(worker, todo[SECRETARY], "serving")
    assert set(overdue(worker)) == {MEMBER}
    assert worker.sync().stage == "done"
    assert set(centre.books.outcomes()) == {"applied"}
    page = staff.read("/coverage?of=member&show=all")
    assert "在职党员" in page
    assert SECRETARY not in page

    # The colleague has not heard of it, and finds the other one at home.
    look_up(colleague, overdue(colleague)[MEMBER], "floating")
    assert colleague.sync().stage == "done"
    assert "conflict" not in centre.books.outcomes()
    assert worker.sync().stage == "done"
    assert overdue(worker) == {} == overdue(colleague)
    assert "没有这样的" in staff.read("/coverage?of=member")
    assert "流动党员" in staff.read(f"/records/org/{branch}")

    check_effects(centre.books)
    for one in (worker, colleague):
        one.laptop.stop()
        with one.laptop.store() as ws:
            check_agreement(ws, centre.books)
