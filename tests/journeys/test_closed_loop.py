"""One day of a grid in a real browser, the twelve steps a demonstration plays by hand: from the
worker's list of the day to the relapse, the district's figures and the laptop that was lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from demo.laptop import SyncEnd, Told
from demo.pages import Form, Page
from schemas.clock import SHANGHAI
from tests.journeys import line as faults
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.browsing import Browsing
from tests.journeys.line import Line
from tests.journeys.people import MET, Answers, GridWorker, Staff, words
from tests.journeys.programs import ServedCentre, ServedLaptop
from tests.journeys.world import GRID, PERSONA
from tests.pictures import picture

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("browser")]

COLLEAGUE = "王小样"
WIRE: Answers = {
    "title": "三楼窗户拉线充电",
    "text": "电线从三楼窗户垂下给电动车充电。",
    "place": "3号楼2单元门前",
    "level": "2",
    "urgency": "normal",
    "location": "39.120000, 113.250000",
}
REFUSE: Answers = {
    "text": "单元门口堆放生活垃圾。",
    "place": "3号楼1单元门口",
    "level": "1",
    "urgency": "normal",
    "self_handled": "1",
    "handled_text": "已清走并冲洗地面。",
}
ROAD: Answers = {
    "category": "FAC",
    "title": "下沉路段积水",
    "text": "雨后积水三十厘米，车辆熄火。",
    "place": "示例路下沉段",
    "level": "2",
    "urgency": "normal",
    "source": "patrol",
    "location": "39.140000, 113.280000",
}
MEDICINE = "降压药只剩两天的量"
OLD_PHONE, NEW_PHONE = "13800001111", "13900002222"


class Watcher(GridWorker):
    """A grid worker who watches a sync where a person does: on its page."""

    visitor: Browsing

    def watch(self, told: Told = lambda confirmed, total, received: None) -> SyncEnd:
        """Look at the progress until it stands still."""
        self.visitor.open("/sync")
        progress = self.visitor.tab.locator("#progress")
        expect(progress).to_have_attribute("data-running", "0", timeout=60_000)
        return super().watch(told)


@dataclass
class Cast:
    """Who plays: two workers and the staff, each at a browser of their own."""

    centre: ServedCentre
    line: Line
    worker: Watcher
    colleague: Watcher
    tab: Callable[..., Tab]
    signed_in: dict[str, Staff] = field(default_factory=dict)

    def staff(self, no: str) -> Staff:
        """Return somebody at the centre, signed in since they were first needed."""
        if no not in self.signed_in:
            visitor = Browsing(self.centre.address, self.tab(expected_errors=("403",)))
            self.signed_in[no] = Staff(self.centre, no, visitor)
        return self.signed_in[no]


@pytest.fixture
def cast(centre: ServedCentre, tmp_path: Path, browser_page: Callable[..., Tab]) -> Iterator[Cast]:
    """Both workers joined over a line that can fail, their first sync done."""
    with ExitStack() as stack:
        line = stack.enter_context(Line(centre.address))

        def seat(no: str) -> Watcher:
            laptop = stack.enter_context(ServedLaptop(tmp_path, no))
            laptop.start()
            worker = Watcher(laptop, Browsing(laptop.address, browser_page()))
            worker.move_in(line.address, centre.join_code(no), f"{no}号机")
            return worker

        centre.add_worker("W900001", COLLEAGUE, GRID)
        yield Cast(centre, line, seat(PERSONA), seat("W900001"), browser_page)


# What they do ----------------------------------------------------------------------------------


def sync(worker: GridWorker) -> None:
    """Sync until nothing is left."""
    end = worker.sync()
    assert end.stage == "done", end
    assert worker.unsent() == 0


def paper(page: Page) -> Form:
    """Return the form of a draft."""
    return page.form("_revision", "_act")


def in_part(part: str, said: Answers) -> Answers:
    """Return answers as the form of a part of a visit or patrol names them."""
    return {f"{part}:{name}": value for name, value in said.items()}


def saved(page: Page) -> None:
    """A form was saved: nothing is asked any more."""
    assert "_revision" not in page.html, words(page.html)[:1500]


def report(worker: GridWorker, said: Answers) -> str:
    """Report an issue on the laptop; return its id."""
    page = worker.open("/issues/new")
    page = worker.visitor.submit(page, paper(page), said, "_act=save")
    if "_act" in {name for form in page.forms for name in form.names}:  # asked: no photo?
        page = worker.visitor.submit(page, paper(page), {}, "_act=save")
    found = re.search(r"/issues/([0-9a-f-]{36})", page.url)
    assert found, (page.url, words(page.html)[:800])
    return found[1]


def own_issue(worker: GridWorker, title: str) -> str:
    """Return the id of an issue on the laptop's list."""
    html = worker.open("/issues").html
    found = re.search(rf'href="/issues/([0-9a-f-]{{36}})"[^>]*>[^<]*{title}', html)
    assert found, words(html)[:1500]
    return found[1]


def do(staff: Staff, issue_id: str, action: str, **said: Any) -> Page:
    """Take a step of an issue on the desk's page."""
    page = staff.open(f"/issues/{issue_id}/do/{action}")
    form = next(one for one in page.forms if one.action.endswith(f"/do/{action}"))
    page = staff.visitor.submit(page, form, said)
    assert "已办理" in page.html, words(page.html)[:1500]
    return page


def step(worker: GridWorker, issue_id: str, action: str, **said: str) -> None:
    """Take a step of an issue on the laptop."""
    page = worker.open(f"/issues/{issue_id}")
    form = next(one for one in page.forms if ("action", action) in one.buttons)
    page = worker.visitor.submit(page, form, {}, f"action={action}")
    page = worker.visitor.submit(page, paper(page), dict(said), "_act=save")
    assert page.path == f"/issues/{issue_id}", words(page.html)[:1500]


def act(unit: Staff, issue_id: str, action: str, photo: bytes = b"", **said: str) -> Page:
    """Take a step on a unit's own pages."""
    page = unit.open(f"/handed/{issue_id}/{action}")
    form = next(one for one in page.forms if one.action.endswith(f"/{action}"))
    files = [("photo", ("after.jpg", photo))] if photo else ()
    page = unit.visitor.submit(page, form, dict(said), files=files)
    assert "已办理" in page.html, words(page.html)[:1500]
    return page


def unit_of(staff: Staff, issue_id: str, action: str, name: str) -> str:
    """Return the value of a unit in a step's form by its words."""
    html = staff.open(f"/issues/{issue_id}/do/{action}").html
    pairs = re.findall(r'value="([0-9a-f-]{36})"[^>]*>(?:<label[^>]*>)?([^<]+)', html)
    return next(value for value, label in pairs if name in label)


def start_visit(worker: GridWorker, form_of: Callable[[Form], bool], search: str = "") -> Page:
    """Open the form of a visit from the first button that fits."""
    page = worker.open(f"/visits?q={search}" if search else "/visits")
    form = next(form for form in page.forms if form_of(form))
    return worker.visitor.submit(page, form, {})


def is_care(form: Form) -> bool:
    """Whether a button starts a care visit."""
    return ("purpose", "care") in form.fields


def is_door(household_id: str) -> Callable[[Form], bool]:
    """Tell the button that starts a visit to a household."""
    return lambda form: (
        ("household_id", household_id) in form.fields and "purpose" not in form.names
    )


# The twelve steps ------------------------------------------------------------------------------


def test_the_day_of_a_grid_in_twelve_steps(cast: Cast) -> None:
    issues = a_day_in_the_field(cast)
    to_the_office(cast)
    the_desk(cast, issues)
    the_whistle(cast, issues["road"])
    the_same_phone(cast)
    to_the_end_and_back(cast, issues["wire"])
    the_figures(cast)
    the_lost_laptop(cast)


def a_day_in_the_field(cast: Cast) -> dict[str, str]:
    """Steps 1 to 5: everything without a network; return the issues reported."""
    worker, colleague = cast.worker, cast.colleague
    cast.centre.stop()

    # 1. The list of the day.
    today = words(worker.open("/").html)
    assert "今天的三次巡查" in today
    assert today.count("高风险（7天）") >= 2
    assert today.count("今天到期 去走访") == 2
    assert "退回补充 1" in today
    assert "1条未读" in today

    # 2. A patrol: refuse cleared on the spot with photos, a wire reported, the rest in order.
    page = worker.open("/patrols")
    page = worker.open("/")
    start = next(form for form in page.forms if form.action == "/patrols/start")
    page = worker.visitor.submit(page, start, {})
    page = worker.visitor.submit(page, paper(page), {}, "_act=report:environment")
    photos = [
        (f"_photo.{use}.issue-environment:", (f"{use}.jpg", picture(640, 480)))
        for use in ("before", "after")
    ]
    said = in_part("issue-environment", REFUSE)
    page = worker.visitor.submit(page, paper(page), said, "_act=back", photos)
    page = worker.visitor.submit(page, paper(page), {}, "_act=report:ebike")
    page = worker.visitor.submit(page, paper(page), in_part("issue-ebike", WIRE), "_act=back")
    page = worker.visitor.press(page, paper(page), "_act=all_ok")
    said = {"summary": "一处清理，一处上报，其余正常。"}
    saved(worker.visitor.submit(page, paper(page), said, "_act=save"))
    wire = own_issue(worker, "三楼窗户拉线充电")

    # 3. A care visit: help is needed, the next date is in seven days, the gas hose is reported.
    page = start_visit(worker, is_care)
    form = paper(page)
    states = sorted(name for name in form.names if re.match(r"care_checks\..*\.state$", name))
    checks: Answers = dict.fromkeys(states, "well")
    next_on = (datetime.now(SHANGHAI).date() + timedelta(days=7)).isoformat()
    checks |= {states[0]: "need_help", states[0].replace("state", "change"): MEDICINE,
               states[0].replace("state", "next_on"): next_on}  # fmt: skip
    hose: Answers = {"safety.gas.state": "problem", "safety.gas.note": "软管老化"}
    page = worker.visitor.submit(page, form, MET | checks | hose, "_act=issue")
    gas: Answers = {"category": "UTL", "title": "燃气软管老化", "text": "软管开裂，已关阀。",
                    "level": "2", "urgency": "urgent"}  # fmt: skip
    page = worker.visitor.submit(page, paper(page), in_part("issue", gas), "_act=save")
    saved(page)
    assert "已登记服务单" in page.html
    assert MEDICINE in words(worker.open("/services").html)

    # 4. In the evening a tenant has moved in; only what changed is asked.
    doors = worker.households("502")
    page = start_visit(worker, is_door(doors[1]), "502")
    page = worker.visitor.submit(
        page, paper(page), {"result": "met", "mode": "door"}, "_act=add:opinions"
    )
    (opinion,) = {name for name in paper(page).names if re.match(r"opinions\..*\.text$", name)}
    said = {opinion: "路口没有红绿灯，孩子上学危险。",
            opinion.replace(".text", ".category"): "road_safety",
            "materials.safety.qty": "2"}  # fmt: skip
    page = worker.visitor.submit(page, paper(page), said, "_act=resident")
    part = next(n for n in paper(page).names if re.match(r"resident-.*:name$", n)).split(":")[0]
    assert not any(name.startswith("household:") for name in paper(page).names)
    tenant: Answers = {"name": "赵试样", "sex": "1", "birth": "1996-05", "reside": "tenant",
                       "relation": "99", "basis": "statutory"}  # fmt: skip
    said = in_part(part, tenant) | {"notice_given": "1"}
    saved(worker.visitor.submit(page, paper(page), said, "_act=save"))
    assert "赵试样" in words(worker.open(f"/base/households/{doors[1]}").html)

    # 5. A shop, nobody at home, a refusal; all of it waits on the list.
    page = start_visit(worker, lambda form: "shop_id" in form.names, "文具店")
    saved(
        worker.visitor.submit(page, paper(page), {**MET, "safety.wiring.state": "ok"}, "_act=save")
    )
    for door, result in ((doors[3], "nobody"), (doors[4], "refused")):
        page = start_visit(worker, is_door(door), "502")
        said = {"mode": "door", "result": result, "notice_given": "0"}
        saved(worker.visitor.submit(page, paper(page), said, "_act=save"))
    lines = worker.outbox()
    assert {line.state for line in lines} == {"local"}
    kinds = [kind for line in lines if (kind := line.text.split()[2]) != "照片"]
    assert sorted(kinds) == sorted(["巡查", *["事件"] * 3, *["走访"] * 5, "服务单", "居民"])

    # The colleague saw the wire too, and both will have changed one phone number (9).
    worker.edit("household", doors[2], {"phone": OLD_PHONE})
    again = report(colleague, WIRE | {"category": "FIRE", "title": "充电飞线", "source": "patrol",
                                      "location": "39.120100, 113.250100"})  # fmt: skip
    colleague.edit("household", doors[2], {"phone": NEW_PHONE})
    road = report(worker, ROAD)
    return {"wire": wire, "again": again, "road": road, "household": doors[2]}


def to_the_office(cast: Cast) -> None:
    """Step 6: the link is cut in the middle; everything arrives, once."""
    worker, centre = cast.worker, cast.centre
    centre.start()
    unsent = worker.unsent()
    cast.line.faults.extend([faults.cut_request, faults.cut_reply, faults.doubled])
    for _ in range(4):
        if worker.sync().stage == "done" and not worker.unsent():
            break
    assert worker.unsent() == 0
    cast.line.faults.clear()
    arrived = centre.books.device_changes()
    assert len({row["change_id"] for row in arrived}) == len(arrived)
    assert sum(line.state == "stored" for line in worker.outbox()) == unsent
    stored = centre.books.dump()
    sync(worker)
    assert centre.books.dump()["changes"] == stored["changes"]
    sync(cast.colleague)


def the_desk(cast: Cast, issues: dict[str, str]) -> None:
    """Step 7: the duplicate is merged, the level raised; so the street orders a remedy."""
    community, street = cast.staff("demo-community"), cast.staff("demo-street")
    wire, again = issues["wire"], issues["again"]
    do(community, wire, "accept", level="3", category="FIRE", urgency="normal")
    assert "三楼窗户拉线充电" in community.read(f"/issues/{again}")  # suggested as the same thing
    do(community, again, "merge", into_id=wire, text="同一处")
    bureau = cast.staff("D01")
    target = unit_of(street, wire, "dispatch", "城市管理局")
    do(street, wire, "dispatch", target_id=target, mode="department", text="请处理")
    act(bureau, wire, "refuse", refuse="not_ours", text="属物业管理范围")
    assert "属物业管理范围" in street.read(f"/issues/{wire}")
    target = unit_of(street, wire, "dispatch", "和润物业")
    do(street, wire, "dispatch", target_id=target, mode="property_order", text="限期整改")
    assert "时限" in street.read(f"/issues/{wire}")


def the_whistle(cast: Cast, road: str) -> None:
    """Step 8: three departments are called to the flooded road, one does not come."""
    street, community = cast.staff("demo-street"), cast.staff("demo-community")
    do(community, road, "accept", level="3", category="FAC", urgency="urgent")
    do(street, road, "handle", mode="onsite", text="街道牵头")
    called = [unit_of(street, road, "whistle", name)
              for name in ("城市管理局", "住房和城乡建设局", "交通运输局")]  # fmt: skip
    do(street, road, "whistle", calls=called, text="请到场排水")
    act(cast.staff("D01"), road, "report_in", text="已到场")
    act(cast.staff("D02"), road, "report_in", text="已到场")
    page = street.open(f"/issues/{road}/do/conclude")
    form = next(one for one in page.forms if one.action.endswith("/do/conclude"))
    scores = {name: "5" for name in form.names if "score" in name}
    do(street, road, "conclude", text="联合排水，已通车", **scores)
    do(street, road, "resolve", result="solved", text="积水已排")
    sync(cast.worker)
    shown = words(cast.worker.open(f"/issues/{road}").html)
    assert "住房和城乡建设局" in shown
    assert "积水已排" in shown


def the_same_phone(cast: Cast) -> None:
    """Step 9: staff choose between two numbers; both workers see what and by whom."""
    community = cast.staff("demo-community")
    conflict = cast.centre.books.rows("SELECT * FROM conflicts WHERE path = 'phone'")
    assert len(conflict) == 1
    household = conflict[0]["record_id"]
    community.decide(household, "other", "已电话核实，以后一个为准。")
    for worker in (cast.worker, cast.colleague):
        sync(worker)
        assert NEW_PHONE in words(worker.open(f"/base/households/{household}").html)
        line = next(one for one in worker.outbox() if "已电话核实" in one.text)
        assert community.name in line.text
    assert "知道了" in words(cast.worker.open("/").html)


def to_the_end_and_back(cast: Cast, wire: str) -> None:
    """Step 10: put right, verified offline, rated, closed; the look-back finds it again."""
    worker, company = cast.worker, cast.staff("P01")
    act(company, wire, "take", text="已安排")
    act(company, wire, "resolve", picture(640, 480), result="solved", text="已拆除，加装充电桩")
    sync(worker)
    cast.centre.stop()
    assert "已拆除，加装充电桩" in words(worker.open(f"/issues/{wire}").html)
    step(worker, wire, "verify", text="现场已拆除")
    step(worker, wire, "rate", rating="5", rated_by="王样本", text="满意")
    cast.centre.start()
    sync(worker)
    sync(worker)
    assert "已办结" in words(worker.open(f"/issues/{wire}").html)
    street = cast.staff("demo-street")
    assert "回头看" in street.read(f"/issues/{wire}")
    do(street, wire, "lookback", lookback="relapse", text="又拉线了")
    sync(worker)
    assert "处置中" in words(worker.open(f"/issues/{wire}").html)
    assert "现场已拆除" in street.read(f"/issues/{wire}/file")


def the_figures(cast: Cast) -> None:
    """Step 11: the district's figures, and who has not synced."""
    district = cast.staff("demo-district")
    page = district.read("/statistics")
    for figure in ("处置率", "不出格", "不出社区", "不出街道"):
        assert figure in page
    page = district.read("/statistics/field")
    for figure in ("巡查完成率", "关怀探访率"):
        assert figure in page
    devices = district.read("/devices")
    for no in (PERSONA, "W900001"):
        assert f"{no}号机" in devices


def the_lost_laptop(cast: Cast) -> None:
    """Step 12: the colleague's laptop is lost: who is on it, and nothing comes from it any more."""
    community, admin = cast.staff("demo-community"), cast.staff("demo-admin")
    colleague = cast.colleague
    (row,) = cast.centre.books.rows("SELECT device_id FROM devices WHERE name = 'W900001号机'")
    assert "居民" in community.read(f"/devices/{row['device_id']}/persons")
    page = admin.open(f"/devices/{row['device_id']}")
    form = next(one for one in page.forms if one.action.endswith("/revoke"))
    admin.visitor.submit(page, form, {"state": "lost"})
    before = cast.centre.books.dump()["changes"]
    report(colleague, ROAD | {"title": "井盖松动"})
    end = colleague.sync()
    assert end.stage != "done", end
    assert cast.centre.books.dump()["changes"] == before

    # What everybody else has is one truth.
    sync(cast.worker)
    check_effects(cast.centre.books)
    cast.worker.laptop.stop()
    with cast.worker.laptop.store() as ws:
        check_agreement(ws, cast.centre.books)
