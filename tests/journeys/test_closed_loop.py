"""One day of a grid, from the e-bike wire seen on patrol to the relapse after it was closed, for
worker, community, street, departments, property company and district, each on the real pages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from demo.pages import Page
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.world import NAME
from tests.pictures import picture

pytestmark = [pytest.mark.journey, pytest.mark.slow]

WIRE = {
    "category": "FIRE",
    "title": "三楼窗户拉线充电",
    "text": "电线从三楼窗户垂下给电动车充电。",
    "place": "3号楼2单元门前",
    "level": "2",
    "urgency": "normal",
    "source": "patrol",
    "location": "39.120000, 113.250000",
}
ROAD = WIRE | {
    "category": "FAC",
    "title": "下沉路段积水",
    "text": "雨后积水三十厘米，车辆熄火。",
    "place": "示例路下沉段",
    "location": "39.140000, 113.280000",
}


def report(worker: GridWorker, **said: str) -> str:
    """Report an issue on the laptop; return its id."""
    page = worker.open("/issues/new")
    form = page.form("title", "category")
    page = worker.visitor.submit(page, form, WIRE | said, "_act=save")
    if "_act=save_anyway" in page.html or "warn_ok" in page.html:
        page = worker.visitor.submit(page, page.form("title"), {}, "_act=save")
    found = re.search(r"/issues/([0-9a-f-]{36})", page.url)
    assert found, (page.url, words(page.html)[:400])
    return found[1]


def sync(worker: GridWorker) -> None:
    """Sync until nothing is left."""
    end = worker.sync()
    assert end.stage == "done", end
    assert worker.unsent() == 0


def do(staff: Staff, issue_id: str, action: str, **said: Any) -> Page:
    """Take a step of an issue on the desk's page."""
    page = staff.open(f"/issues/{issue_id}/do/{action}")
    form = next(one for one in page.forms if one.action.endswith(f"/do/{action}"))
    page = staff.visitor.submit(page, form, said)
    assert "已办理" in page.html, words(page.html)[:600]
    return page


def step(worker: GridWorker, issue_id: str, action: str, **said: str) -> None:
    """Take a step of an issue on the laptop."""
    page = worker.open(f"/issues/{issue_id}")
    form = next(one for one in page.forms if ("action", action) in one.buttons)
    page = worker.visitor.submit(page, form, {}, f"action={action}")
    page = worker.visitor.submit(page, page.form("_revision", "_act"), said, "_act=save")
    assert page.path == f"/issues/{issue_id}", words(page.html)[:600]


def act(unit: Staff, issue_id: str, action: str, photo: bytes = b"", **said: str) -> Page:
    """Take a step on a unit's own pages."""
    page = unit.open(f"/handed/{issue_id}/{action}")
    form = next(one for one in page.forms if one.action.endswith(f"/{action}"))
    files = [("photo", ("after.jpg", photo))] if photo else ()
    page = unit.visitor.submit(page, form, dict(said), files=files)
    assert "已办理" in page.html, words(page.html)[:600]
    return page


def unit_of(staff: Staff, issue_id: str, action: str, name: str) -> str:
    """Return the value of a unit in a step's form by its words."""
    html = staff.open(f"/issues/{issue_id}/do/{action}").html
    pairs = re.findall(r'value="([0-9a-f-]{36})"[^>]*>(?:<label[^>]*>)?([^<]+)', html)
    return next(value for value, label in pairs if name in label)


def test_a_problem_is_handled_to_the_end_and_the_worker_sees_it(centre, new_worker):
    first, second = new_worker(), new_worker("W900001", "王小样")
    community, street = Staff(centre), Staff(centre, "demo-street")
    company, bureau = Staff(centre, "P01"), Staff(centre, "D01")

    # 2 and 6. Both see the wire on patrol, offline; at the office everything arrives.
    issue_id = report(first)
    again = report(second, title="充电飞线", location="39.120100, 113.250100")
    sync(first)
    sync(second)

    # 7. The desk merges the second report into the first, raises nothing, and orders rectification.
    do(community, issue_id, "accept", level="2", category="FIRE", urgency="normal")
    page = community.read(f"/issues/{again}")
    assert "三楼窗户拉线充电" in page  # suggested as the same thing
    do(community, again, "merge", into_id=issue_id, text="同一处")
    refused = unit_of(community, issue_id, "dispatch", "城市管理局")
    do(community, issue_id, "dispatch", target_id=refused, mode="department", text="请处理")
    act(bureau, issue_id, "refuse", refuse="not_ours", text="属物业管理范围")
    target = unit_of(community, issue_id, "dispatch", "和润物业")
    do(community, issue_id, "dispatch", target_id=target, mode="property_order", text="限期整改")
    act(company, issue_id, "take", text="已安排")
    do(community, issue_id, "remind", remind="onsite", text="请抓紧")
    after = picture(640, 480)
    act(company, issue_id, "resolve", after, result="solved", text="已拆除飞线，加装充电桩")

    # 10. The worker sees it offline, verifies on site, the resident rates at the door.
    sync(first)
    shown = words(first.open(f"/issues/{issue_id}").html)
    assert "和润物业" in shown
    assert "已拆除飞线" in shown
    step(first, issue_id, "verify", text="现场已拆除")
    step(first, issue_id, "rate", rating="5", rated_by="王样本", text="满意")
    sync(first)
    sync(first)
    assert "已办结" in words(first.open(f"/issues/{issue_id}").html)
    sync(second)
    assert "并案" in words(second.open(f"/issues/{again}").html)

    # Fire safety is looked back at; the relapse reopens it.
    page = community.read(f"/issues/{issue_id}")
    assert "回头看" in page
    do(street, issue_id, "lookback", lookback="relapse", text="又拉线了")
    sync(first)
    assert "处置中" in words(first.open(f"/issues/{issue_id}").html)
    assert "现场已拆除" in community.read(f"/issues/{issue_id}/file")

    # 8. The street whistles for the flooded road: two come, one does not.
    road = report(first, **ROAD)
    sync(first)
    do(community, road, "accept", level="3", category="FAC", urgency="urgent")
    do(street, road, "handle", mode="onsite", text="街道牵头")
    called = [unit_of(street, road, "whistle", name)
              for name in ("城市管理局", "住房和城乡建设局", "交通运输局")]  # fmt: skip
    do(street, road, "whistle", calls=called, text="请到场排水")
    act(bureau, road, "report_in", text="已到场")
    act(Staff(centre, "D02"), road, "report_in", text="已到场")
    page = street.open(f"/issues/{road}/do/conclude")
    form = next(one for one in page.forms if one.action.endswith("/do/conclude"))
    scores = {name: "5" for name in form.names if "score" in name}
    do(street, road, "conclude", text="联合排水，已通车", **scores)
    do(street, road, "resolve", result="solved", text="积水已排")
    sync(first)
    shown = words(first.open(f"/issues/{road}").html)
    assert "住房和城乡建设局" in shown
    assert NAME in words(first.open("/").html) or "今日" in words(first.open("/").html)

    # 11 and 12. Figures count both; a lost laptop is refused, its people are listed.
    assert "处置率" in Staff(centre, "demo-district").read("/statistics")
    page = community.open("/devices")
    device = re.findall(r"/devices/([0-9a-f-]{36})", page.html)[0]
    assert "居民" in community.read(f"/devices/{device}/persons")
