"""The files of compounds and households: whole, masked, within one's areas, and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Page
from pypdf import PdfReader

from sync_server.services import compound_file
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.merging import Wanted, merge_within
from sync_server.store.tables import audit
from tests.sync_server.web.staff import (
    COMMUNITY,
    GRID,
    OTHER_GRID,
    PASSWORD,
    Town,
    load,
    load_many,
    post,
    sign_in,
)
from tests.sync_server.world import household, issue, resident

RARE = ("阿卜杜拉·买买提", "𠮷田靖", "欧阳㛃", "王䶮")
"""Names that fonts, masks and paper stumble over."""
CONTACT_PHONE = "10000004321"


@pytest.fixture(scope="module")
def filled(quiet_town: Town) -> Town:
    """The town with a compound of which everything is known."""
    here = quiet_town.here
    assert here.worker is not None
    centre, author, ids = quiet_town.centre, here.worker.user_id, here.ids
    company = load(
        centre, author, "unit", centre.code, {"name": "和润物业", "unit_kind": "company"}
    )
    said = {
        "type_ty4": "old", "type_lz5": "courtyard", "company_id": company, "guard": False,
        "tag": "hard", "tag_from": "2026-03-01", "built_year": 1998,
        "contacts": {"add": {"a": {"role": "mediate", "name": RARE[0], "phone": CONTACT_PHONE}}},
        "linked": {"add": {"leader": {"name": "李区长", "phone": CONTACT_PHONE}}},
    }  # fmt: skip
    with centre.store.writing() as connection:
        change = CentralChange("compound", ids["compound"], "update", said, author, base_version=1)
        apply_central_change(connection, centre.code, change, centre.clock())
    load(centre, author, "org", COMMUNITY, {
        "name": "幸福里党支部", "org_kind": "branch", "compound_ids": [ids["compound"]],
        "members": {"m1": {"name": RARE[1], "post": "书记", "source": "owners"},
                    "m2": {"name": "已离任", "until": "2020-01-01"}},
    })  # fmt: skip
    assert here.laptop is not None
    here.laptop.write("issue", "create", issue(title="东门井盖松动", compound_id=ids["compound"]))
    patrol = {"slot": "1", "started_at": "2026-09-30T08:30:00+08:00",
              "ended_at": "2026-09-30T09:10:00+08:00", "covered_ids": [ids["compound"]],
              "items": {"add": {"green": {"result": "ok"}}}}  # fmt: skip
    here.laptop.write("patrol", "create", patrol)
    here.laptop.send()
    load(centre, author, "visit", GRID, {  # a year mistyped: it moves no due day
        "visited_at": "2027-09-30T09:00:00+08:00", "household_id": ids["household"],
        "purposes": ["daily"], "mode": "door", "result": "met", "notice_given": True,
    })  # fmt: skip
    load_many(centre, author, "resident", GRID, [
        resident(name=RARE[2], household_id=ids["household"], relation="20", birth="2015-07",
                 guardian="林示例"),
        resident(name=RARE[3], household_id=ids["household"], relation="20",
                 moved_out_at="2026-05-01", move_reason="外出务工"),
    ])  # fmt: skip
    return quiet_town


def compound_of(town: Town) -> str:
    return f"/compounds/{town.here.ids['compound']}/file"


def household_of(town: Town) -> str:
    return f"/households/{town.here.ids['household']}/file"


def read(html: str) -> str:
    """Return what stands on a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<main") :]).split())


def test_the_compound_file_holds_everything_masked(filled: Town, quiet_app: Flask) -> None:
    page = read(sign_in(quiet_app, "community").get(compound_of(filled)).text)
    for told in ("与网格关系 一致", "三无小区 是", "老旧型", "家属院", "和润物业",
                 "标签 攻坚", "攻坚 2026-03-01 至今", "楼栋 1", "住户 1", "人口 2", "关怀对象 1",
                 "幸福里党支部", "书记 业委会", "联系领导 李区长", "调解员 阿*******",
                 "东门井盖松动",
                 "未办结 1 件，共 1 件", "早巡", "3-1-502", "见到 1 户"):  # fmt: skip
        assert told in page, told
    for hidden in (*RARE[:2], CONTACT_PHONE, "已离任", "隔壁"):
        assert hidden not in page, hidden


def test_the_household_file_tells_members_care_visits_and_who_left(
    filled: Town, quiet_app: Flask
) -> None:
    page = read(sign_in(quiet_app, "leader").get(household_of(filled)).text)
    for told in ("林**", "990101********001*", "监护人", "林**", "外出务工", "2026-05-01",
                 "下次探访 2026-10-07 前", "燃气软管老化", "服务单"):  # fmt: skip
        assert told in page, told
    assert "需求 ●●●" in page  # what somebody in care needs stays hidden


def test_few_people_in_care_stand_in_a_file_on_the_screen_alone_above_the_community(
    filled: Town, quiet_app: Flask
) -> None:
    page = sign_in(quiet_app, "district").get(compound_of(filled)).text
    told = '<span class="on-screen">1</span><span class="on-paper">少于 5</span>'
    assert page.count(told) == 3  # the compound, its risk and its building
    assert "on-paper" not in sign_in(quiet_app, "community").get(compound_of(filled)).text


def test_unmasking_a_file_is_written_down_with_its_reason(filled: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    refused = post(client, compound_of(filled), reason="")
    assert refused.status_code == 422
    assert CONTACT_PHONE not in refused.text
    shown = post(client, compound_of(filled), reason="打印存档")
    assert CONTACT_PHONE in shown.text
    shown = post(client, household_of(filled), reason="打印存档")
    assert "990101198001010014" in shown.text
    assert "需求 送药" in read(shown.text)
    with filled.centre.store.reading() as connection:
        noted = connection.execute(sa.select(audit.c.target, audit.c.detail)
                                   .where(audit.c.action == "unmask")).all()  # fmt: skip
    assert {one.target: one.detail["reason"] for one in noted} == {
        filled.here.ids["compound"]: "打印存档", filled.here.ids["household"]: "打印存档",
    }  # fmt: skip
    assert CONTACT_PHONE not in client.get(compound_of(filled)).text


def test_a_file_is_printed_with_its_chinese_text_intact(
    filled: Town, quiet_app: Flask, live_server: Callable[[Any], str],
    browser_page: Callable[..., Page],
) -> None:  # fmt: skip
    address, page = live_server(quiet_app), browser_page()
    page.goto(f"{address}/sign-in")
    page.fill("[name=no]", "community")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    wanted = {
        compound_of(filled): ("幸福里", "一小区一档案", RARE[0], "幸福里党支部", "东门井盖松动"),
        household_of(filled): ("一户一档", "林示例", "外出务工", "990101198001010014", "需求送药"),
    }
    for path, texts in wanted.items():
        page.goto(address + path)
        page.locator("details.unmask summary").click()
        page.fill("#reason", "打印存档")
        page.keyboard.press("Enter")
        page.locator(".alert-warning").wait_for()
        paper = PdfReader(BytesIO(page.pdf(format="A4")))
        printed = "".join("".join(one.extract_text().split()) for one in paper.pages)
        for text in texts:
            assert text in printed, (text, printed[:2000])
        assert "显示完整个人信息" not in printed  # buttons stay on the screen


def test_a_large_compound_is_read_in_few_queries(filled: Town) -> None:
    centre, ids = filled.centre, filled.here.ids
    assert filled.here.worker is not None
    author = filled.here.worker.user_id
    large = load(centre, author, "compound", COMMUNITY, {"name": "大院", "code": "XQ-9"})
    building = load(centre, author, "building", OTHER_GRID, {"compound_id": large, "no": "1"})
    rooms = load_many(centre, author, "room", OTHER_GRID, [
        {"building_id": building, "no": str(n), "label": f"1-{n}", "state": "owner"}
        for n in range(300)
    ])  # fmt: skip
    load_many(centre, author, "household", OTHER_GRID, [household(room_id=one) for one in rooms])

    def asked(compound: str) -> tuple[int, int]:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        engine = centre.store.engine
        sa.event.listen(engine, "before_cursor_execute", counted)
        try:
            with centre.store.reading() as connection:
                found = compound_file.open_file(
                    connection, filled.people["community"], compound, centre.clock(), "zh"
                )
        finally:
            sa.event.remove(engine, "before_cursor_execute", counted)
        return count, found.counts.households

    (few, one), (many, all_of_them) = asked(ids["compound"]), asked(large)
    assert (one, all_of_them) == (1, 300)
    assert many <= few + 2, (few, many)


def test_what_was_done_before_a_merge_counts_in_the_compound_file(filled: Town) -> None:
    centre, staff = filled.centre, filled.people["community"]
    assert filled.here.worker is not None
    author = filled.here.worker.user_id
    yard = load(centre, author, "compound", COMMUNITY, {"name": "小院", "code": "XQ-8"})
    building = load(centre, author, "building", OTHER_GRID, {"compound_id": yard, "no": "8"})
    room, double_room = load_many(centre, author, "room", OTHER_GRID, [
        {"building_id": building, "no": no, "label": f"8-{no}", "state": "owner"}
        for no in ("102", "101")
    ])  # fmt: skip
    home, double = load_many(centre, author, "household", OTHER_GRID, [
        household(room_id=room), household(room_id=double_room)
    ])  # fmt: skip
    load_many(centre, author, "visit", OTHER_GRID, [
        {"visited_at": f"2026-09-{day}T09:00:00+08:00", "household_id": one, "purposes": ["daily"],
         "mode": "door", "result": "met", "notice_given": True}
        for day, one in (("20", home), ("21", double), ("22", double))
    ])  # fmt: skip
    shop = {"name": "小卖部", "kind": "retail", "room_id": double_room}
    load(centre, author, "shop", OTHER_GRID, shop)
    with centre.store.writing() as connection:
        for one, other in ((double, home), (double_room, room)):
            merge_within(connection, staff, Wanted(one, other, {}, (1, 1)), centre.clock())
    with centre.store.reading() as connection:
        found = compound_file.open_file(connection, staff, yard, centre.clock(), "zh")
    assert (found.counts.households, found.counts.shops) == (1, 1)
    assert (found.visits_total, found.visited) == (3, 1)
    assert all("8-102" in one.words for one in found.visits)


def test_care_that_begins_later_is_in_no_figure_of_the_file(filled: Town, quiet_app: Flask) -> None:
    def said() -> str:
        page = read(sign_in(quiet_app, "community").get(compound_of(filled)).text)
        return page[page.index("关怀对象") : page.index("商铺")]

    author = filled.people["community"].user_id
    someone = resident(name=RARE[3], household_id=filled.here.ids["household"], relation="20")
    person = load(filled.centre, author, "resident", GRID, someone)
    before = said()
    for since, more in (("2026-11-01", 0), ("2026-09-01", 1)):
        load(filled.centre, author, "care", GRID, {
            "resident_id": person, "cats": ["disabled"], "risk": "high", "visit_every_days": 7,
            "keeper_id": author, "since": since, "basis": "consent",
        })  # fmt: skip
        assert (said() == before) == (not more)
