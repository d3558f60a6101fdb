"""The day's figures, uploads, what waits, devices, join codes, notices, people and the audit."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from schemas.exchange import API
from schemas.messages import Problem
from sync_server.services.ids import new_id
from sync_server.store.tables import join_codes
from tests.sync_server.services.desks import audited
from tests.sync_server.web.staff import (
    COMMUNITY,
    GRID,
    NEXT_DOOR,
    NEXT_DOOR_GRID,
    Town,
    post,
    sign_in,
)
from tests.sync_server.web.upload_pages import unusable_in
from tests.sync_server.world import StillClock, add_worker, resident


def figures(page: str) -> dict[str, tuple[int, str]]:
    """Return the figures of the first page: label to count and address."""
    found = re.findall(
        r'<a href="([^"]+)"><span class="label">([^<]+)</span><strong>([\d,]+)</strong>', page
    )
    return {label: (int(count), address.replace("&amp;", "&")) for address, label, count in found}


def test_the_first_page_counts_the_day_and_leads_to_each_list(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "community")
    found = figures(client.get("/").text)
    assert {label: count for label, (count, _) in found.items()} == {
        "收到的上传": 2,
        "可能重复的记录": 0,
        "材料收发（今天发生）": 0,
        "巡查（今天发生）": 0,
        "走访（今天发生）": 1,
        "照片（今天发生）": 0,
        "事件（今天发生）": 1,
        "服务单（今天发生）": 1,
        "要我办的事件": 1,
        "其中紧急": 0,
        "超期的事件": 0,
        "没有巡查或走访的网格": 1,
        "未裁决的冲突": 1,
        "待处理的变更": 1,
        "已退回，等填报人修改": 0,
        "等待主记录的变更": 1,
        "等待超过 5 天": 0,
        "时间存疑的变更": 0,
        "待受理的服务单": 1,
        "有超时的服务单": 0,
        "今天还没有同步的": 0,
        "超过 1 天没有同步": 0,
        "超过 3 天没有同步": 0,
        "超过 7 天没有同步": 0,
        "时钟不准": 0,
    }
    for label, (_, address) in found.items():
        assert client.get(address).status_code == 200, label
    district = figures(sign_in(quiet_app, "district").get("/").text)
    assert district["收到的上传"][0] == 4
    assert district["未裁决的冲突"][0] == 2


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_word_of_the_menu_leads_to_one_page(
    quiet_town: Town, quiet_app: Flask, lang: str
) -> None:
    page = sign_in(quiet_app, "admin", lang).get("/").text
    menu = page[page.index('<nav class="side"') : page.index("<main")]
    words = [text.strip() for text in re.findall(r"<a [^>]*>([^<]+)", menu)]
    assert len(words) > 40
    assert [text for text in words if words.count(text) > 1] == []


def test_uploads_stand_by_device_with_their_outcomes(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    page = client.get("/uploads").text
    assert "2 台终端，2 批，7 条变更" in page
    assert "网格员w1 · laptop" in page
    for words in ("已入库", "有冲突", "等待中", "待处理"):
        assert words in page
    assert "没有收到上传" in client.get("/uploads?day=2026-09-29").text
    assert "下面是今天的" in client.get("/uploads?day=29.9.").text


def test_an_upload_shows_each_change_with_its_problems_in_words(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client, here = sign_in(quiet_app, "community"), quiet_town.here
    page = client.get(f"/uploads/{here.batch_id}").text
    assert page.count('<tr id="c-') == 6
    assert f"/records/visit/{here.ids['visit']}" in page
    assert "<strong>出生年月</strong>：必须填写。" in page
    assert "缺**" not in page
    assert "缺*" in page
    assert "王样本" not in page
    english = sign_in(quiet_app, "community", "en").get(f"/uploads/{here.batch_id}").text
    assert "<strong>Birth month</strong>: This must be filled in." in english


def test_what_waits_leaves_the_list_when_it_is_settled(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client, laptop = sign_in(app, "community"), town.here.laptop
    assert "必须填写" in client.get("/waiting/quarantined").text
    held = client.get("/waiting/held").text
    assert "H" in held
    [refused] = [one for one in laptop.log if one["fields"].get("name") == "缺项"]
    laptop.write(
        "resident", "create", resident(name="补全"), refused["record_id"], grid=GRID,
        corrects=refused["change_id"],
    )  # fmt: skip
    [waiting] = [one for one in laptop.log if one["fields"].get("remarks") == "无主"]
    laptop.write("household", "create",
                 {"code": "H-9", "room_id": town.here.ids["room"], "kind": "family"},
                 waiting["record_id"], grid=GRID)  # fmt: skip
    laptop.send()
    assert "没有。" in client.get("/waiting/quarantined").text
    assert "没有。" in client.get("/waiting/held").text
    found = figures(client.get("/").text)
    assert found["待处理的变更"][0] == found["等待主记录的变更"][0] == 0


def test_an_unusable_batch_is_listed_as_kept(town: Town, app: Flask) -> None:
    body = town.here.laptop.body() | {"heads": "broken"}
    assert town.here.laptop.post(app.test_client(), body).status_code == 422
    client = sign_in(app, "community")
    page = client.get("/uploads").text
    assert "无法读取，原文已保留" in page
    address = re.search(r'/uploads/[0-9a-f-]{36}(?=">[^<]*</a></td>\s*<td[^>]*>网络</td>)', page)
    assert address
    assert "原文已整批保留" in client.get("/").text or "无法读取" in client.get("/").text


def test_the_text_of_an_unusable_batch_is_shown_for_a_reason_in_this_answer_alone(
    town: Town, app: Flask
) -> None:
    address, client = f"/uploads/{unusable_in(town.here)}", sign_in(app, "community")
    assert f'href="{address}#raw"' in client.get("/uploads").text
    page = client.get(address).text
    assert "查看原文" in page
    assert "缺项" not in page
    answer = post(client, f"{address}/unmask", reason=" ")
    assert answer.status_code == 422
    assert "缺项" not in answer.text
    page = post(client, f"{address}/unmask", reason="核对格式").text
    assert "缺项" in page
    assert "&#34;heads&#34;: &#34;broken&#34;" in page
    assert "缺项" not in client.get(address).text
    assert audited(town.centre)[-1] == "unmask"
    assert "查看原文" not in sign_in(app, "leader").get(address).text
    readable = f"/uploads/{town.here.batch_id}/unmask"
    assert post(client, readable, reason="核对格式").status_code == 404


def test_the_text_of_a_batch_that_speaks_of_other_areas_is_for_those_who_see_them(
    town: Town, app: Flask
) -> None:
    address = f"/uploads/{unusable_in(town.here, changes=[{'grid': NEXT_DOOR_GRID}, 7])}"
    community, district = sign_in(app, "community"), sign_in(app, "district")
    assert "查看原文" not in community.get(address).text
    assert post(community, f"{address}/unmask", reason="核对格式").status_code == 404
    assert NEXT_DOOR_GRID in post(district, f"{address}/unmask", reason="核对格式").text


def test_silent_devices_are_told_apart_by_days(town: Town, app: Flask, clock: StillClock) -> None:
    clock.passes(days=4)
    town.there.laptop.send()
    client = sign_in(app, "district")
    everything = client.get("/devices").text
    assert "4 天前" in everything
    for days, count in ((1, 3), (3, 3), (7, 0)):
        page = client.get(f"/devices?silent={days}").text
        assert f"共 {count} 台" in page
        assert figures(client.get("/").text)[f"超过 {days} 天没有同步"][0] == count
    assert "不详" in everything
    assert "共 4 台" in client.get("/devices?silent=x").text


def test_a_device_shows_its_streams_and_last_batches(quiet_town: Town, quiet_app: Flask) -> None:
    laptop = quiet_town.here.laptop
    page = sign_in(quiet_app, "community").get(f"/devices/{laptop.device_id}").text
    assert laptop.stream in page
    assert "abab abab abab" in page
    assert f"/uploads/{quiet_town.here.batch_id}" in page


def test_a_device_refused_by_staff_syncs_no_more(town: Town, app: Flask) -> None:
    client, laptop = sign_in(app, "community"), town.here.laptop
    address = f"/devices/{laptop.device_id}"
    assert f'action="{address}/revoke"' in client.get(address).text
    assert post(client, f"{address}/revoke", state="lost").status_code == 303
    page = client.get(address).text
    assert "丢失" in page
    assert "/revoke" not in page
    assert laptop.post(app.test_client()).status_code == 403


def test_a_join_code_is_shown_once_and_lets_a_laptop_in(town: Town, app: Flask) -> None:
    client, worker = sign_in(app, "community"), town.here.worker
    listed = client.get("/join-codes").text
    assert "网格员w1" in listed
    assert "职员leader" in listed
    assert "隔壁" not in listed
    page = post(client, f"/join-codes/{worker.user_id}").text
    code = re.search(r'id="join-code">([^<]+)<', page)
    assert code
    for words in ("网格员w1的加入码", "72小时", "http://localhost/"):
        assert words in page
    assert code[1] not in client.get("/join-codes").text
    body = {"code": code[1], "device_name": "新机", "public_key": "99" * 32, "app": "1.0.0"}
    assert app.test_client().post(f"{API}/devices", json=body).status_code == 201
    assert "新机" in client.get("/devices").text


def test_a_join_code_is_given_out_by_who_has_all_of_the_workers_grids(
    town: Town, app: Flask
) -> None:
    both = add_worker(town.centre, "w3", (GRID, NEXT_DOOR_GRID))
    for no in ("community", "neighbour"):
        client = sign_in(app, no)
        listed = client.get("/join-codes").text
        assert "张w3" in listed
        assert f"/join-codes/{both.user_id}" not in listed
        answer = post(client, f"/join-codes/{both.user_id}")
        assert answer.status_code == 403
        assert "由区县开" in listed
        assert "由区县开" in answer.text
    with town.centre.store.reading() as connection:
        made = sa.select(join_codes).where(join_codes.c.worker_id == both.user_id)
        assert connection.execute(made).all() == []
    district = sign_in(app, "district")
    assert f"/join-codes/{both.user_id}" in district.get("/join-codes").text
    assert 'id="join-code"' in post(district, f"/join-codes/{both.user_id}").text


def test_a_notice_reaches_the_laptops_of_its_area(
    town: Town, app: Flask, clock: StillClock
) -> None:
    client = sign_in(app, "community")
    form = client.get("/notices/new").text
    record_id = re.search(r'name="record_id" value="([^"]+)"', form)
    assert record_id
    assert 'value="2026-09-30T12:00"' in form
    said = {"record_id": record_id[1], "title": "防汛提醒", "text": "今夜有雨\n关好门窗",
            "level": "important", "area_code": COMMUNITY,
            "issued_at": "2026-09-30T12:00", "valid_to": ""}  # fmt: skip
    clock.passes(minutes=1)
    assert post(client, "/notices/new", **said).status_code == 303
    page = client.get("/notices").text
    assert "通知已发出" in page
    assert "0 / 2 台" in page
    assert post(client, "/notices/new", **said).status_code == 303
    assert client.get("/notices").text.count("防汛提醒") == 1
    clock.passes(minutes=1)
    town.here.laptop.send()
    town.there.laptop.send()
    assert town.here.laptop.records[record_id[1]]["fields"]["title"] == "防汛提醒"
    assert record_id[1] not in town.there.laptop.records
    assert "1 / 2 台" in client.get("/notices").text


def test_a_refused_notice_comes_back_as_typed_with_what_is_wrong(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    said = {"record_id": new_id(), "title": "字" * 81, "text": "<b>正文</b>", "level": "",
            "area_code": NEXT_DOOR, "issued_at": "昨天"}  # fmt: skip
    answer = post(client, "/notices/new", **said)
    assert answer.status_code == 422
    assert "最多80个字" in answer.text
    assert "&lt;b&gt;正文&lt;/b&gt;" in answer.text
    assert answer.text.count("请选择您辖区内的区域") == 1
    assert "必须填写" in answer.text
    assert Problem("bad_moment") in answer.text
    assert "防汛" not in client.get("/notices").text
    assert post(client, "/notices/new", **(said | {"record_id": "x"})).status_code == 400


def test_people_stand_with_role_and_area(quiet_town: Town, quiet_app: Flask) -> None:
    page = sign_in(quiet_app, "community").get("/people").text
    assert "职员community" in page
    assert "社区工作人员" in page
    assert "网格员w1" in page
    assert "neighbour" not in page
    assert "neighbour" in sign_in(quiet_app, "district").get("/people").text


def test_the_audit_narrows_by_action_person_and_day(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    post(client, f"/records/resident/{town.here.ids['resident']}/unmask", reason="核对电话")
    auditor = sign_in(app, "auditor")
    page = auditor.get("/audit?action=unmask").text
    assert "核对电话" in page
    assert "职员community" in page
    assert town.here.ids["resident"] in page
    assert "共 1 条" in page
    who = town.people["auditor"].user_id
    assert "核对电话" not in auditor.get(f"/audit?user={who}").text
    assert "没有符合条件" in auditor.get("/audit?until=2026-09-29").text
    assert "林示例" not in auditor.get("/audit").text


def test_the_audit_speaks_the_reader_s_language(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    post(client, f"/records/resident/{town.here.ids['resident']}/unmask", reason="核对电话")
    post(client, "/records/resident/export")
    post(sign_in(app, "admin"), f"/devices/{town.here.laptop.device_id}/revoke", state="lost")
    auditor = sign_in(app, "auditor")
    page = auditor.get("/audit").text
    told = [
        "<dt>类别</dt><dd>居民</dd>",
        "<dt>个人信息已遮盖</dt><dd>是</dd>",
        "<dd>无</dd>",
        "挂失终端",
    ]
    assert [words for words in told if words not in page] == []
    post(auditor, "/language", lang="en")
    page = auditor.get("/audit").text
    told = ["<dt>Kind</dt><dd>Resident</dd>", "<dt>Masked</dt><dd>Yes</dd>", "Device lost"]
    assert [words for words in told if words not in page] == []
