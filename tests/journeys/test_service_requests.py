"""A service request from a door without a network, and one from the hotline to a laptop that is
away: both are done, rated and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest

from demo.pages import Form, Page
from schemas.clock import SHANGHAI
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import MET, Answers, GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import GRID, NAME

pytestmark = pytest.mark.journey

NEED = "降压药只剩两天的量"
HOTLINE = {
    "area": GRID, "kind": "order", "item": "repair", "words": "客厅灯不亮，请人来看",
    "applicant": "李样本", "phone": "10000001234", "channel": "hotline",
}  # fmt: skip
KEPT = ("响应 达标", "回复 达标", "解决 达标", "方案 无须")


def synced(worker: GridWorker) -> None:
    end = worker.sync()
    assert end.stage == "done", end
    assert worker.unsent() == 0


def visit_in_need(worker: GridWorker) -> None:
    """Visit the first person whose care visit is due, and find that help is needed."""
    page = worker.open("/visits")
    form = next(form for form in page.forms if ("purpose", "care") in form.fields)
    page = worker.visitor.submit(page, form, {})
    form = page.form("_revision", "_act")
    states = sorted(name for name in form.names if re.match(r"care_checks\..*\.state$", name))
    checks: Answers = dict.fromkeys(states, "well")
    checks |= {states[0]: "need_help", states[0].replace("state", "change"): NEED}
    answers = MET | checks
    page = worker.visitor.submit(page, form, answers, "_act=save")
    assert "已登记服务单" in page.html, words(page.html)


def request_on(worker: GridWorker, words_of_it: str) -> str:
    """Return the address of the request that says this, on a laptop's list."""
    for line in worker.open("/services").html.split("<li>")[1:]:
        if words_of_it in line:
            found = re.search(r'href="(/services/[0-9a-f-]{36})"', line)
            assert found
            return found[1]
    raise AssertionError(f"{words_of_it} is not on the list")


def take(worker: GridWorker, request: str, action: str, **said: str) -> str:
    """Take a step on a laptop, with its form if it has one; return what its page says then."""
    page = worker.open(request)
    page = worker.visitor.submit(page, _steps(page), {}, f"action={action}")
    if said:
        page = worker.visitor.submit(page, page.form("_revision", "_act"), dict(said), "_act=save")
    assert page.path == request, words(page.html)
    return words(page.html)


def _steps(page: Page) -> Form:
    return next(form for form in page.forms if form.action.endswith("/step"))


def worker_of(page: Page) -> str:
    """Return whom the desk would choose as the worker on a request's page."""
    found = re.search(rf'<option value="([0-9a-f-]{{36}})"[^>]*>{NAME} ', page.html)
    assert found
    return found[1]


def at_desk(staff: Staff, request: str, action: str, **said: str) -> str:
    """Take a step at the desk; return what the request's page says then."""
    page = staff.open(request)
    form = next(form for form in page.forms if ("action", action) in form.fields)
    page = staff.visitor.submit(page, form, dict(said))
    assert "已办理" in page.html, words(page.html)
    return words(page.html)


def test_requests_of_the_door_and_of_the_hotline_are_done_rated_and_counted(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
) -> None:
    today = datetime.now(SHANGHAI).date().isoformat()
    worker = new_worker()

    # At the door, without a network: the care check alone opens the request.
    centre.stop()
    visit_in_need(worker)
    request = request_on(worker, NEED)
    assert "待受理" in words(worker.open(request).html)
    take(worker, request, "accept")
    assert f"接单人 {NAME}" in take(worker, request, "claim")
    done = take(worker, request, "solve", result="solved", person_times="2", text="药已送到")
    for said in ("待评单", "2人次", "药已送到", *KEPT[:3]):
        assert said in done
    assert worker.unsent() == 5  # the visit, the request, three steps

    centre.start()
    synced(worker)
    assert set(centre.books.outcomes()) == {"applied"}
    staff = Staff(centre)
    assert NEED in staff.read("/services?state=solved")
    shown = staff.read(request)
    for said in ("待评单", NAME, "2 人次", "药已送到", *KEPT):
        assert said in shown

    # The hotline: taken in and given to the worker, whose laptop is away.
    page = staff.open("/services/new")
    page = staff.visitor.submit(page, page.form("record_id", "applicant"), dict(HOTLINE))
    assert "已登记并受理" in page.html, words(page.html)
    ordered = page.path
    taker = worker_of(staff.open(ordered))
    assert "已派单" in at_desk(staff, ordered, "assign", taker_id=taker, text="请今天上门")
    assert HOTLINE["words"] not in worker.open("/services").html
    synced(worker)
    assert HOTLINE["applicant"] in words(worker.open("/").html)
    assert request_on(worker, HOTLINE["words"]) == ordered
    centre.stop()
    assert f"接单人 {NAME}" in take(worker, ordered, "claim")
    take(worker, ordered, "solve", result="solved", person_times="3", text="换了灯管")
    centre.start()
    assert "已派单" in staff.read(ordered)
    synced(worker)
    shown = staff.read(ordered)
    for said in ("待评单", NAME, "3 人次", "请今天上门", "换了灯管", *KEPT):
        assert said in shown

    # The residents rate: one at the door, one rung up by the desk.
    assert "评价 5 分" in take(worker, request, "rate", rating="5")
    assert "评价 3 分" in at_desk(staff, ordered, "rate", rating="3", text="来得有点晚")
    synced(worker)
    for address, rating in ((request, "评价 5 分"), (ordered, "评价 3 分")):
        for page_words in (words(worker.open(address).html), staff.read(address)):
            assert "已评单" in page_words
            assert rating in page_words

    figures = staff.read(f"/services/figures?since={today}")
    assert "件次 2 办结 2 ，未办结 0，另有取消 0" in figures
    assert "人次 5 每办结一件 2.50 人次" in figures
    assert "2341 全部达标 100.0 % 2 ÷ 2" in figures
    assert "满意率 50.0 % 1 ÷ 2" in figures

    check_effects(centre.books)
    worker.laptop.stop()
    with worker.laptop.store() as ws:
        check_agreement(ws, centre.books)
