"""Lists and single records: what they show, what they hide, what follows from a declaration."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from schemas.catalogue import extended, kinds
from schemas.fields import Code, IdNumber, Line, PersonName, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from sync_server.services.central import seen_id_of
from sync_server.store import records_read
from sync_server.store.tables import audit
from tests.sync_server.web.staff import (
    FIRST_PHONE,
    GRID,
    ID_NUMBER,
    OTHER_GRID,
    PHONE,
    SECOND_PHONE,
    Town,
    household_of,
    load,
    load_many,
    post,
    sign_in,
)
from tests.sync_server.world import resident


def listed(page: str) -> list[str]:
    """Return the first cells of a list page's rows."""
    results = page[page.index('id="results"') :]
    return re.findall(r'<th scope="row"[^>]*><a[^>]*>([^<]*)</a>', results)


def total(page: str) -> int:
    found = re.search(r'role="status">共 ([\d,]+) 条', page)
    assert found, page
    return int(found[1].replace(",", ""))


class Pump(Kind):
    """A made-up kind, declared here and nowhere else."""

    info = KindInfo(
        name="pump",
        label=Label("水泵", "Pump"),
        group="place",
        title=("code",),
        parent="building_id",
    )
    code = Line("编号", "Number", required=True, search=True, column=True)
    building_id = Ref("楼栋", "Building", "building", column=True)
    use = Code("用途", "Use", "ROOM_USE", column=True)
    power = Whole("功率", "Power", column=True)
    keeper = PersonName("看管人", "Keeper", column=True, search=True)


def test_a_list_shows_the_columns_of_its_kind_masked(quiet_town: Town, quiet_app: Flask) -> None:
    page = sign_in(quiet_app, "community").get("/records/resident").text
    assert listed(page) == ["林**"]
    assert "100****1234" in page
    assert "幸福里 3-1-502" in page
    for hidden in ("林示例", PHONE, ID_NUMBER):
        assert hidden not in page


def test_every_kind_has_a_list_and_every_record_a_page(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    for kind in kinds():
        answer = client.get(f"/records/{kind.info.name}")
        assert answer.status_code == 200
        assert f"<h1>{kind.info.label.zh}</h1>" in answer.text
    for name, record_id in quiet_town.here.ids.items():
        answer = client.get(f"/records/{name}/{record_id}")
        assert answer.status_code == 200, name
        assert answer.text.count("<h1") == 1


@pytest.mark.parametrize(
    "typed", ["林示例", "linshili", "lsl", "LSL", "示例", "3-1-502", "H-w1", "幸福里 lsl"]
)
def test_somebody_is_found_by_characters_pinyin_initials_and_door(
    quiet_town: Town, quiet_app: Flask, typed: str
) -> None:
    page = sign_in(quiet_app, "community").get("/records/resident", query_string={"q": typed})
    assert listed(page.text) == ["林**"]


@pytest.mark.parametrize("typed", ["王", "lsl 9-9-999", "%", "_", "林_例", "'", "\\"])
def test_a_search_takes_signs_as_they_are(quiet_town: Town, quiet_app: Flask, typed: str) -> None:
    page = sign_in(quiet_app, "community").get("/records/resident", query_string={"q": typed})
    assert listed(page.text) == []
    assert "没有符合条件的记录" in page.text


def test_a_list_narrows_by_area_day_author_code_and_state(town: Town, app: Flask) -> None:
    centre, author = town.centre, town.here.worker.user_id
    other = town.people["community"].user_id
    load(centre, author, "resident", OTHER_GRID, resident(name="张样本", sex="2"))
    load(centre, other, "resident", GRID, resident(name="王样本", sex="2"))
    client = sign_in(app, "community")

    def found(**filters: str) -> list[str]:
        return sorted(listed(client.get("/records/resident", query_string=filters).text))

    assert found() == ["张**", "林**", "王**"]
    assert found(area=OTHER_GRID) == ["张**"]
    assert found(area=GRID) == ["林**", "王**"]
    assert found(area="990101100009") == ["张**", "林**", "王**"]
    assert found(author=other) == ["王**"]
    assert found(**{"f.sex": "1"}) == ["林**"]
    assert found(**{"f.sex": "nonsense"}) == ["张**", "林**", "王**"]
    assert found(since="2026-09-30", until="2026-09-30") == ["张**", "林**", "王**"]
    assert found(since="2026-10-01") == []
    assert found(until="2026-09-29") == []
    assert found(state="voided") == []


def test_a_wrong_day_is_named_and_does_not_narrow(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    page = client.get("/records/resident?since=2026-02-31&page=x&state=y&sort=z").text
    assert "写错的日期没有用来筛选" in page
    assert 'value="2026-02-31"' in page
    assert total(page) == 1


def test_a_field_called_like_a_filter_is_not_taken_for_one(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "community")
    assert total(client.get("/records/room?f.state=owner").text) == 1
    assert total(client.get("/records/room?f.state=rent").text) == 0
    assert total(client.get("/records/room?state=rent").text) == 1


def test_personal_fields_can_neither_be_chosen_nor_sorted_by(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "community")
    page = client.get("/records/care").text
    assert 'name="f.risk"' in page
    assert 'name="f.cats"' not in page
    assert total(client.get("/records/care?f.cats=child").text) == 1
    page = client.get("/records/resident?sort=phone").text
    assert "sort=phone" not in page[page.index('id="results"') :]
    assert 'aria-sort="descending"><a' in page  # by the time it happened, as always


def test_a_long_list_has_pages_of_fifty_in_a_lasting_order(town: Town, app: Flask) -> None:
    shops = [{"name": f"店{n:03}", "kind": "retail", "address": "路"} for n in range(120)]
    load_many(town.centre, town.here.worker.user_id, "shop", GRID, shops)
    client = sign_in(app, "community")
    names: list[str] = []
    for page in (1, 2, 3):
        found = client.get(f"/records/shop?sort=name&page={page}").text
        assert total(found) == 120
        names += listed(found)
    assert names == [f"店{number:03}" for number in range(120)]
    backwards = client.get("/records/shop?sort=-name").text
    assert listed(backwards)[:2] == ["店119", "店118"]
    assert listed(client.get("/records/shop?sort=name&page=99").text)[-1] == "店119"


def test_a_list_reads_referred_records_in_a_few_queries(town: Town, app: Flask) -> None:
    ids = town.here.ids
    author = town.here.worker.user_id
    doors = [
        {"building_id": ids["building"], "no": str(n), "label": f"3-2-{n}", "state": "owner"}
        for n in range(45)
    ]
    rooms = load_many(town.centre, author, "room", GRID, doors)
    homes = [{"code": f"H-{n}", "room_id": room, "kind": "family"} for n, room in enumerate(rooms)]
    load_many(town.centre, author, "household", GRID, homes)
    asked: list[str] = []
    sa.event.listen(
        town.centre.store.engine, "before_cursor_execute", lambda *args: asked.append(args[2])
    )
    client = sign_in(app, "community")
    asked.clear()
    page = client.get("/records/household").text
    assert page.count("幸福里 3-2-") == 45
    assert len([one for one in asked if one.lstrip().startswith("SELECT")]) < 20


def test_a_record_shows_its_fields_its_parents_and_what_refers_to_it(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client, ids = sign_in(quiet_app, "community"), quiet_town.here.ids
    page = client.get(household_of(quiet_town.here)).text
    assert "<h1>幸福里 3-1-502 <small>家庭户</small></h1>" in page
    assert "100****5555" in page
    for name in ("compound", "building", "room"):
        assert f"/records/{name}/{ids[name]}" in page[: page.index("<h1>")]
    assert f"/records/resident/{ids['resident']}" in page
    assert f"/records/visit/{ids['visit']}" in page
    assert "未填" in page
    for hidden in (PHONE, FIRST_PHONE, SECOND_PHONE, "林示例", "王样本"):
        assert hidden not in page


def test_a_sensitive_list_is_hidden_whole(quiet_town: Town, quiet_app: Flask) -> None:
    page = (
        sign_in(quiet_app, "community").get(f"/records/visit/{quiet_town.here.ids['visit']}").text
    )
    assert "关怀随访" in page
    assert "需帮助" not in page
    assert "软管老化" in page


def test_unmasking_shows_everything_once_and_is_written_down(town: Town, app: Flask) -> None:
    client, ids = sign_in(app, "community"), town.here.ids
    address = f"/records/resident/{ids['resident']}"
    shown = post(client, f"{address}/unmask", reason="  核对  电话 ")
    assert shown.status_code == 200
    for plain in ("林示例", PHONE, ID_NUMBER, "1951-04"):
        assert plain in shown.text
    again = client.get(address).text
    for plain in ("林示例", PHONE, ID_NUMBER, "1951-04"):
        assert plain not in again
    with town.centre.store.reading() as connection:
        entry = connection.execute(sa.select(audit).where(audit.c.action == "unmask")).one()
    assert entry.user_id == town.people["community"].user_id
    assert entry.target == ids["resident"]
    assert entry.detail == {"kind": "resident", "version": 1, "reason": "核对 电话"}


def test_unmasking_one_record_leaves_those_that_refer_to_it_masked(town: Town, app: Flask) -> None:
    page = post(sign_in(app, "community"), f"{household_of(town.here)}/unmask", reason="核对").text
    assert FIRST_PHONE in page
    assert "林**" in page
    assert "林示例" not in page


@pytest.mark.parametrize("reason", ["", " ", "x", "长" * 201, "a\u0007b"])
def test_unmasking_needs_a_reason(town: Town, app: Flask, reason: str) -> None:
    client = sign_in(app, "community")
    answer = post(client, f"{household_of(town.here)}/unmask", reason=reason)
    assert answer.status_code == 422
    assert "请写明查看原因" in answer.text
    assert FIRST_PHONE not in answer.text
    with town.centre.store.reading() as connection:
        found = sa.select(audit.c.audit_id).where(audit.c.action == "unmask")
        assert connection.execute(found).first() is None


def test_a_leader_is_not_offered_unmasking(quiet_town: Town, quiet_app: Flask) -> None:
    assert "/unmask" not in sign_in(quiet_app, "leader").get(household_of(quiet_town.here)).text


def test_all_versions_stand_with_what_they_changed_and_by_whom(
    quiet_town: Town, quiet_app: Flask
) -> None:
    page = sign_in(quiet_app, "community").get(household_of(quiet_town.here)).text
    history = page[page.index("全部版本") :]
    rows = history.split("<tr id=")[1:]
    assert len(rows) == 3
    newest, middle, oldest = rows
    assert "有冲突" in newest
    assert "100****6666" in newest
    assert "与他人的改动冲突，另存" in newest
    assert "100****1234" in middle
    assert "100****5555" in middle
    assert "新建" in oldest
    assert "网格员w1" in newest
    for row in (newest, middle):
        assert "起始版本 1" in row
        for words in ("填报", "校正", "收到"):
            assert words in row


def test_open_and_decided_conflicts_show_both_values(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    page = client.get(household_of(quiet_town.here)).text
    part = page[page.index("<h2>冲突 ") : page.index("全部版本")]
    assert "100****5555" in part
    assert "100****6666" in part
    assert "起初是" in part
    assert "100****1234" in part
    assert "未裁决" in part
    assert "按时间先后自动裁决" in part
    open_ones = client.get("/conflicts").text
    assert "100****6666" in open_ones
    assert "共 1 条" in open_ones
    assert "自动裁决" in client.get("/conflicts?state=decided").text
    assert listed(client.get("/records/household?state=conflict").text) == ["H-w1"]


def test_an_issue_shows_the_state_its_steps_lead_to(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    page = client.get(f"/records/issue/{quiet_town.here.ids['issue']}").text
    assert '<span class="tag tag-state">已上报</span>' in page
    assert "当时不能这样流转，作为附注保留" in page
    assert "已看过" in page
    assert "已上报" in client.get("/records/issue").text


def test_a_change_by_a_wrong_clock_is_marked_in_list_and_history(town: Town, app: Flask) -> None:
    laptop = town.here.laptop
    laptop.slow_s = 3 * 3600
    laptop.write("shop", "create", {"name": "慢店", "kind": "retail", "address": "路"}, grid=GRID)
    laptop.send()
    client = sign_in(app, "community")
    page = client.get("/records/shop").text
    assert page[page.index('id="results"') :].count("时间存疑") == 1
    assert listed(client.get("/records/shop?state=doubtful").text) == ["慢店"]
    page = client.get(f"/records/shop/{laptop.log[-1]['record_id']}").text
    assert page[page.index("<main") :].count("时间存疑") == 2
    assert "慢 3 小时" in client.get("/devices?clock=doubtful").text


def test_opening_a_record_tells_its_author(town: Town, app: Flask) -> None:
    client, issue_id = sign_in(app, "community"), town.here.ids["issue"]
    page = client.get(f"/records/issue/{issue_id}").text
    assert f'hx-post="/records/issue/{issue_id}/seen" hx-trigger="load"' in page
    assert post(client, f"/records/issue/{issue_id}/seen").status_code == 204
    assert post(client, f"/records/issue/{issue_id}/seen").status_code == 204
    with town.centre.store.reading() as connection:
        mark = records_read.get(connection, town.centre.code, seen_id_of(issue_id))
    assert mark is not None
    page = client.get(f"/records/issue/{issue_id}").text
    assert "职员community 查看于 2026-09-30 12:00（版本 1）" in page
    assert "/seen" not in page
    assert "/seen" not in client.get(f"/records/room/{town.here.ids['room']}").text
    assert mark["fields"]["seen_by"] == town.people["community"].user_id
    assert mark["version"] == 1


def test_a_voided_record_leaves_the_list_and_keeps_its_page(town: Town, app: Flask) -> None:
    laptop, ids = town.here.laptop, town.here.ids
    laptop.write("visit", "void", {"reason": "重复录入"}, ids["visit"], grid=GRID, base_version=1)
    laptop.send()
    client = sign_in(app, "community")
    assert total(client.get("/records/visit").text) == 0
    assert total(client.get("/records/visit?state=voided").text) == 1
    page = client.get(f"/records/visit/{ids['visit']}").text
    assert "已作废" in page
    assert "重复录入" in page


def test_a_made_up_kind_appears_on_every_page_without_code(town: Town, app: Flask) -> None:
    with extended(Pump):
        fields = {"code": "B-7", "building_id": town.here.ids["building"], "use": "shop",
                  "power": 1500, "keeper": "赵看管"}  # fmt: skip
        pump = load(town.centre, town.here.worker.user_id, "pump", GRID, fields)
        client = sign_in(app, "community")
        assert 'href="/records/pump"' in client.get("/").text
        page = client.get("/records/pump?q=zkg&f.use=shop&sort=-power").text
        assert listed(page) == ["B-7"]
        for words in ("编号", "楼栋", "用途", "功率", "看管人", "商用", "1500", "赵**", "幸福里 3"):
            assert words in page, words
        assert "赵看管" not in page
        page = client.get(f"/records/pump/{pump}").text
        assert "<h1>B-7 <small>水泵</small></h1>" in page
        assert f"/records/building/{town.here.ids['building']}" in page
        building = client.get(f"/records/building/{town.here.ids['building']}").text
        assert f"/records/pump/{pump}" in building
        assert "赵看管" in post(client, f"/records/pump/{pump}/unmask", reason="核对").text
        export = post(client, "/records/pump/export").text
        assert "编号" in export
        assert "赵**" in export
        post(client, "/language", lang="en", next="/")
        assert "Keeper" in client.get("/records/pump").text
        assert listed(client.get("/records/pump?q=幸福里").text) == ["B-7"]


def test_a_kind_without_masked_words_offers_no_unmasking(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "community")
    assert "/unmask" not in client.get(f"/records/room/{quiet_town.here.ids['room']}").text


class Meter(Kind):
    """A made-up kind whose code column is personal."""

    info = KindInfo(name="meter", label=Label("表", "Meter"), group="place", title=("no",))
    no = Line("号", "No.", required=True, column=True)
    use = Code("用途", "Use", "ROOM_USE", column=True, privacy="sensitive")
    owner_id_no = IdNumber("证号", "ID", column=True)


def test_a_personal_code_column_is_masked_and_cannot_be_asked_for(town: Town, app: Flask) -> None:
    with extended(Meter):
        load(town.centre, town.here.worker.user_id, "meter", GRID,
             {"no": "1", "use": "live", "owner_id_no": ID_NUMBER})  # fmt: skip
        page = sign_in(app, "community").get("/records/meter?f.use=shop").text
        assert listed(page) == ["1"]
        assert "居住" not in page
        assert "990101********001*" in page
