"""The issue desk at the centre: the queue, the forms of steps, the case file, late steps."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from schemas import workflow as flow
from schemas.clock import written
from sync_server.services.ids import new_id
from sync_server.services.issues import take_step
from sync_server.store.case_tables import cases
from sync_server.store.tables import audit, records
from tests.pictures import picture
from tests.sync_server.web.staff import Town, hire, load, post, sign_in, token
from tests.sync_server.world import DISTRICT, GRID, StillClock, issue

STREET = DISTRICT + "100"


@pytest.fixture
def unit(town: Town) -> str:
    """A department of the district that leads matters of facilities."""
    said = {"name": "城管局", "unit_kind": "department", "categories": ["FAC"]}
    return load(town.centre, town.people["district"].user_id, "unit", DISTRICT, said)


@pytest.fixture
def desk(app: Flask, town: Town, unit: str) -> FlaskClient:
    """Somebody of the community, signed in."""
    return sign_in(app, "community")


def report(town: Town, **more: Any) -> str:
    """Report an issue from the laptop and return its id."""
    said = issue(category="FAC", title="路灯不亮", level="2", **more)
    made = town.here.laptop.write("issue", "create", said, grid=GRID)
    town.here.laptop.send()
    return str(made["record_id"])


def hidden(page: str) -> dict[str, str]:
    """Return what a step's form carries unseen."""
    return {
        name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]  # type: ignore[index]
        for name in ("step_id", "seen")
    }


def act(client: FlaskClient, issue_id: str, action: str, **said: Any) -> Any:
    """Fill in and send the form of a step as a browser does."""
    address = f"/issues/{issue_id}/do/{action}"
    page = client.get(address)
    assert page.status_code == 200, page.text
    form = {"csrf_token": token(client), **hidden(page.text), **said}
    return client.post(address, data=form)


def done(client: FlaskClient, issue_id: str, action: str, **said: Any) -> None:
    """Take a step that is taken."""
    answer = act(client, issue_id, action, **said)
    assert answer.status_code == 303, re.findall(r'class="(?:wrong|alert)[^>]*>[^<]+', answer.text)


def stands(town: Town, issue_id: str) -> Any:
    with town.centre.store.reading() as connection:
        query = sa.select(cases).where(cases.c.issue_id == issue_id)
        return connection.execute(query).mappings().one()


def counts(page: str) -> dict[str, int]:
    """Return the counts of a queue's tabs by their names."""
    found = re.findall(r'<li><a [^>]*>([^<]+) <span class="count[^"]*">(\d+)</span>', page)
    return {name.strip(): int(count) for name, count in found}


def accepted(desk: FlaskClient, town: Town, level: str = "2", **more: Any) -> str:
    issue_id = report(town, **more)
    done(desk, issue_id, "accept", level=level, category="FAC", urgency="normal")
    return issue_id


def test_an_issue_is_handled_from_the_pages_from_acceptance_to_its_end(
    desk: FlaskClient, town: Town, unit: str
) -> None:
    issue_id = report(town)
    assert "去办理" in desk.get(f"/records/issue/{issue_id}").text
    done(desk, issue_id, "accept", level="2", category="FAC", urgency="normal", text="受理了")
    done(desk, issue_id, "handle", assignee_id=town.here.worker.user_id, text="请去看看")
    page = desk.get(f"/issues/{issue_id}").text
    assert "还没有送达网格员w1的终端" in page
    assert "受理了" in page
    assert "990101-2026-000001" in page
    town.here.laptop.send()
    town.here.laptop.send()
    assert "已送达网格员w1的终端" in desk.get(f"/issues/{issue_id}").text


def test_the_office_resolves_verifies_rates_and_the_issue_is_closed(
    desk: FlaskClient, town: Town
) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle", mode="onsite")
    taken = (BytesIO(picture(2000, 1200)), "after.jpg")
    done(
        desk, issue_id, "resolve", result="solved", text="已换灯泡", resolved_level="2", photo=taken
    )
    page = desk.get(f"/issues/{issue_id}").text
    shown = re.search(r"/photos/([0-9a-f-]{36})/small.jpg", page)
    assert shown, page
    assert desk.get(shown[0]).mimetype == "image/jpeg"
    assert re.search(r"化解层级</dt><dd>二级（社区）(.|\n)*[^ ] · 社区工作人员 · ", page)
    done(desk, issue_id, "verify")
    assert "3 一般" in desk.get(f"/issues/{issue_id}/do/rate").text
    done(desk, issue_id, "rate", rating="5", rated_by="王样本")
    assert stands(town, issue_id)["state"] == flow.CLOSED
    page = desk.get(f"/issues/{issue_id}").text
    assert "王样本" not in page
    assert "王**" in page


def test_a_photo_sent_with_a_step_keeps_nothing_but_pixels(desk: FlaskClient, town: Town) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle")
    image, out, exif = Image.new("RGB", (900, 600), "red"), BytesIO(), Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    image.save(out, "JPEG", exif=exif)
    done(desk, issue_id, "resolve", result="solved", text="好了", photo=(BytesIO(out.getvalue()), "x.png"))  # fmt: skip  # noqa: E501
    kept = [one.read_bytes() for one in town.centre.settings.photos.rglob("*") if one.is_file()]
    assert kept
    assert not any(b"SECRET PLACE" in one for one in kept)
    with town.centre.store.reading() as connection:
        query = sa.select(records).where(records.c.kind == "photo", records.c.grid == GRID)
        row = connection.execute(query).mappings().one()
    assert (row["fields"]["use"], row["fields"]["width"]) == ("after", 900)
    assert row["fields"]["owner_type"] == "issue_step"


def test_a_file_that_is_no_photo_is_told_and_nothing_typed_is_lost(
    desk: FlaskClient, town: Town
) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle")
    answer = act(
        desk,
        issue_id,
        "resolve",
        result="solved",
        text="已换灯泡",
        photo=(BytesIO(b"GIF89a nothing"), "x.jpg"),
    )
    assert answer.status_code == 422
    assert "有文件不是照片" in answer.text
    assert "已换灯泡</textarea>" in answer.text
    assert stands(town, issue_id)["state"] == flow.HANDLING


def test_what_a_form_needs_is_said_beside_the_field(desk: FlaskClient, town: Town) -> None:
    issue_id = report(town)
    answer = act(desk, issue_id, "accept", level="", category="FAC", urgency="normal", text="记下")
    assert answer.status_code == 422
    assert 'id="field-level-wrong">必须填写' in answer.text
    assert "记下</textarea>" in answer.text
    assert act(desk, issue_id, "return", text="").status_code == 422
    assert stands(town, issue_id)["state"] == flow.REPORTED


def test_times_that_are_past_or_too_far_are_refused(desk: FlaskClient, town: Town) -> None:
    issue_id = accepted(desk, town)
    late = act(desk, issue_id, "handle", due_at="2026-09-29T10:00")
    assert "时限要晚于现在" in late.text
    done(desk, issue_id, "handle")
    far = act(desk, issue_id, "ask_suspend", text="等材料", until="2027-01-30")
    assert "最多 90 天" in far.text
    done(desk, issue_id, "ask_suspend", text="等材料", until="2026-10-20")
    assert stands(town, issue_id)["asked"] == ["suspend"]


def test_the_level_above_sees_and_decides_what_was_asked(
    app: Flask, desk: FlaskClient, town: Town
) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle")
    done(desk, issue_id, "ask_suspend", text="等材料", until="2026-10-20")
    assert counts(desk.get("/issues").text).get("待审批", 0) == 0
    street = sign_in(app, "street")
    assert counts(street.get("/issues").text)["待审批"] == 1
    assert "等材料" in street.get(f"/issues/{issue_id}").text
    refused = desk.get(f"/issues/{issue_id}/do/suspend")
    assert refused.status_code == 403
    done(street, issue_id, "suspend", until="2026-10-15")
    row = stands(town, issue_id)
    assert (row["state"], str(row["suspended_until"])) == (flow.SUSPENDED, "2026-10-15")
    assert counts(street.get("/issues").text)["挂账"] == 1


def test_a_request_is_declined_by_its_name(app: Flask, desk: FlaskClient, town: Town) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle")
    done(desk, issue_id, "ask_extend", text="要两天", due_at="2026-10-20T18:00")
    done(sign_in(app, "street"), issue_id, "decline", declines="extend", text="抓紧办")
    assert stands(town, issue_id)["asked"] == []
    page = desk.get(f"/issues/{issue_id}").text
    assert "抓紧办" in page
    assert "申请延期" in page


def test_voiding_takes_a_second_person_and_the_first_is_told_why(
    app: Flask, desk: FlaskClient, town: Town
) -> None:
    hire(town, "second", "community", ("990101100009",))
    issue_id = report(town)
    done(desk, issue_id, "ask_void", text="误报")
    page = desk.get(f"/issues/{issue_id}/do/void").text
    assert "提出的人不能自己同意" in page
    done(sign_in(app, "second"), issue_id, "void")
    assert stands(town, issue_id)["state"] == flow.VOIDED


def test_a_department_is_suggested_dispatched_to_and_refuses(
    app: Flask, desk: FlaskClient, town: Town, unit: str
) -> None:
    issue_id = accepted(desk, town)
    page = desk.get(f"/issues/{issue_id}/do/dispatch").text
    assert re.search(rf'value="{unit}" selected>城管局 · 部门 · 主办此类', page)
    done(desk, issue_id, "dispatch", target_id=unit)
    row = stands(town, issue_id)
    assert (row["state"], row["mode"], row["unit_id"]) == (flow.DISPATCHED, "department", unit)
    assert "城管局" in desk.get("/issues?tab=handling").text
    assert counts(desk.get(f"/issues?unit={unit}").text)["未办结"] == 1
    wrong = act(desk, accepted(desk, town), "dispatch", target_id=new_id())
    assert wrong.status_code == 422


def test_the_street_whistles_and_concludes_with_scores(
    app: Flask, desk: FlaskClient, town: Town, unit: str
) -> None:
    issue_id = accepted(desk, town, "3")
    street = sign_in(app, "street")
    done(street, issue_id, "handle")
    assert act(street, issue_id, "whistle", text="一起来看").status_code == 422
    done(street, issue_id, "whistle", text="一起来看", calls=unit)
    page = street.get(f"/issues/{issue_id}").text
    assert "未报到" in page
    assert re.findall(r'btn-primary" href="[^"]+">([^<]+)', page) == ["哨件办结"]
    assert counts(street.get("/issues").text)["吹哨未报到"] == 1
    assert act(street, issue_id, "conclude", text="办好了").status_code == 422
    done(street, issue_id, "conclude", text="办好了", **{f"scores.{unit}": "4"})
    assert "结论：办好了" in street.get(f"/issues/{issue_id}").text


def test_two_people_at_once_the_second_is_told_and_keeps_his_words(
    app: Flask, desk: FlaskClient, town: Town
) -> None:
    issue_id = report(town)
    form = hidden(desk.get(f"/issues/{issue_id}/do/accept").text)
    other = sign_in(app, "community")
    done(other, issue_id, "return", text="请补照片")
    answer = post(
        desk,
        f"/issues/{issue_id}/do/accept",
        level="2",
        category="FAC",
        urgency="normal",
        text="我的意见",
        **form,
    )
    assert answer.status_code == 409
    assert "我的意见</textarea>" in answer.text
    assert "不能这样办理" in answer.text
    assert stands(town, issue_id)["state"] == flow.RETURNED


def test_a_step_that_is_possible_still_asks_for_another_look_first(
    app: Flask, desk: FlaskClient, town: Town
) -> None:
    issue_id = accepted(desk, town)
    page = desk.get(f"/issues/{issue_id}/do/handle").text
    done(
        sign_in(app, "community"), issue_id, "classify", level="2", category="ENV", urgency="urgent"
    )
    answer = post(desk, f"/issues/{issue_id}/do/handle", text="本级办", **hidden(page))
    assert answer.status_code == 409
    assert "职员community刚办理过“定级”" in answer.text
    again = post(desk, f"/issues/{issue_id}/do/handle", text="本级办", **hidden(answer.text))
    assert again.status_code == 303


def test_the_same_form_sent_twice_takes_one_step(desk: FlaskClient, town: Town) -> None:
    issue_id = accepted(desk, town)
    form = hidden(desk.get(f"/issues/{issue_id}/do/note").text)
    for _ in range(2):
        assert post(desk, f"/issues/{issue_id}/do/note", text="打过电话", **form).status_code == 303
    assert desk.get(f"/issues/{issue_id}").text.count("打过电话") == 1


def test_the_queue_counts_what_waits_and_puts_emergencies_first(
    app: Flask, desk: FlaskClient, town: Town, clock: StillClock
) -> None:
    before = counts(desk.get("/issues").text)
    first, urgent = report(town), report(town, urgency="emergency", place="配电房")
    page = desk.get("/issues?tab=accept").text
    assert page.index(urgent) < page.index(first)
    after = counts(page)
    assert after["待受理"] == before["待受理"] + 2
    assert f'事件办理 <span class="count">{after["要我办的"]}</span>' in page
    clock.passes(minutes=25)
    late = desk.get("/issues?tab=late").text
    assert re.search(r"超期的事件</span><strong>1<", desk.get("/").text)
    assert urgent in late
    assert first not in late
    found = desk.get("/issues?tab=open&q=pdf").text
    assert urgent in found
    assert first not in found
    assert "共 1 件" in desk.get("/issues?tab=open&urgency=emergency").text
    other = counts(sign_in(app, "neighbour").get("/issues").text)
    assert other["待受理"] == 1


def test_work_not_delivered_is_late_for_that_reason(
    desk: FlaskClient, town: Town, clock: StillClock
) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle", assignee_id=town.here.worker.user_id)
    clock.passes(days=20)
    desk = sign_in(desk.application, "community")
    line = desk.get("/issues?tab=late&q=路灯").text
    assert "未送达" in line
    town.here.laptop.send()
    town.here.laptop.send()
    assert "未送达" in desk.get(f"/issues/{issue_id}").text  # it came after the due time


def test_nobody_sees_or_touches_issues_of_other_areas(app: Flask, town: Town) -> None:
    issue_id = report(town)
    other = sign_in(app, "neighbour")
    for address in ("", "/file", "/do/accept"):
        assert other.get(f"/issues/{issue_id}{address}").status_code == 404
    assert post(other, f"/issues/{issue_id}/do/accept", level="2").status_code == 404
    assert issue_id not in other.get("/issues?tab=all").text
    assert other.get(f"/issues?area={GRID}").status_code == 404
    admin = sign_in(app, "admin")
    assert admin.get(f"/issues/{issue_id}").status_code == 200
    assert post(admin, f"/issues/{issue_id}/do/accept", level="2").status_code == 403
    assert sign_in(app, "auditor").get("/issues").status_code == 403


def test_a_leader_confirms_what_a_worker_settled_himself(app: Flask, town: Town) -> None:
    said = issue(title="顺手清理", level="1", self_handled=True, handled_text="当场清理")
    issue_id = town.here.laptop.write("issue", "create", said, grid=GRID)["record_id"]
    town.here.laptop.send()
    leader = sign_in(app, "leader")
    assert counts(leader.get("/issues").text)["自行处置待确认"] >= 1
    done(leader, issue_id, "close")
    assert stands(town, issue_id)["state"] == flow.CLOSED


def test_the_same_matter_is_suggested_merged_and_parted_again(
    desk: FlaskClient, town: Town
) -> None:
    building = town.here.ids["building"]
    first, second = report(town, building_id=building), report(town, building_id=building)
    assert "可能是同一件事" in desk.get(f"/issues/{second}").text
    assert act(desk, second, "merge").status_code == 422
    assert "没有找到这个编号" in act(desk, second, "merge", into_no="990101-2026-009999").text
    done(desk, second, "merge", into_id=first, text="同一盏灯")
    assert stands(town, second)["into_id"] == first
    assert second in desk.get(f"/issues/{first}").text
    assert "已并入" in desk.get(f"/issues/{second}").text
    done(desk, second, "unmerge", text="不是同一盏")
    row = stands(town, second)
    assert (row["state"], row["into_id"]) == (flow.REPORTED, None)
    town.here.laptop.send()
    kinds = [
        one["fields"].get("action")
        for one in town.here.laptop.records.values()
        if one["kind"] == "issue_step"
    ]
    assert {"merge", "unmerge"} <= set(kinds)


def test_an_issue_far_away_or_long_ago_is_not_suggested(desk: FlaskClient, town: Town) -> None:
    here = {"lat": 39_000_000, "lon": 112_000_000, "crs": "WGS84"}
    first = report(town, location=here)
    report(town, location=here | {"lat": 39_000_900})
    report(town, location=here, happened_at="2026-09-20T08:00:00+08:00")
    assert "可能是同一件事" not in desk.get(f"/issues/{first}").text
    report(town, location=here | {"lat": 39_000_300})
    assert "相距 33 米" in desk.get(f"/issues/{first}").text


def test_a_late_step_of_a_laptop_is_listed_and_settled(
    desk: FlaskClient, town: Town, clock: StillClock
) -> None:
    issue_id = accepted(desk, town)
    done(desk, issue_id, "handle")
    done(desk, issue_id, "resolve", result="solved", text="好了", resolved_level="2")
    with town.centre.store.reading() as connection:
        query = sa.select(records.c.record_id).where(records.c.parent_id == issue_id)
        known = connection.execute(query.order_by(records.c.change_no.desc())).scalars().first()
    done(desk, issue_id, "verify")
    step = town.here.laptop.write(
        "issue_step",
        "step",
        {
            "issue_id": issue_id,
            "action": "rework",
            "at": written(clock()),
            "text": "没修好",
            "after": [known],
        },
        new_id(),
        grid=GRID,
    )
    town.here.laptop.send()
    page = desk.get("/issues/overtaken").text
    assert "没修好" in page
    assert "到达时：已核查待评价" in page
    assert "未生效流转" in desk.get("/issues").text
    settle = f"/issues/overtaken/{step['record_id']}"
    assert post(sign_in(desk.application, "neighbour"), settle).status_code == 404
    assert post(desk, settle).status_code == 303
    assert "没修好" not in desk.get("/issues/overtaken").text
    assert "职员community" in desk.get("/issues/overtaken?state=settled").text
    with town.centre.store.reading() as connection:
        noted = sa.select(audit.c.target).where(audit.c.action == "settle_overtaken")
        assert connection.execute(noted).scalars().all() == [step["record_id"]]


def test_the_case_file_holds_the_whole_life_of_an_issue(desk: FlaskClient, town: Town) -> None:
    issue_id = accepted(desk, town)
    take_step(
        town.centre.store,
        town.people["community"],
        issue_id,
        "handle",
        {"assignee_id": town.here.worker.user_id, "text": "今天去"},
        town.centre.clock(),
    )
    page = desk.get(f"/issues/{issue_id}/file").text
    for words in ("案卷", "路灯不亮", "990101-2026-000001", "受理", "开始处置", "今天去", "时限"):
        assert words in page
    assert "<nav" not in page
