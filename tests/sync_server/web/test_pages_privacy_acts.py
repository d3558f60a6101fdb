"""What is done about privacy requests: the extract, a correction by a laptop, stopping; on each
database in turn."""

from __future__ import annotations

import io
import json

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask

from sync_server.app import app_of
from sync_server.services import field_figures
from sync_server.services.duplicates import search_duplicates
from sync_server.services.ids import new_id
from sync_server.services.ledgers import default_rows
from sync_server.services.merging import Wanted, merge_within
from sync_server.store.tables import conflicts, records
from tests.sync_server.web import staff
from tests.sync_server.web.photo_hands import bring, take
from tests.sync_server.web.staff import GRID, ID_NUMBER, PHONE, Town, load, post, sign_in
from tests.sync_server.web.test_pages_privacy import enter, noted, page, read, record, row_of
from tests.sync_server.world import issue, resident

NAME = "林示例"
WIFE, WIFE_PHONE, WIFE_ID = "欧阳示范", "10000007777", "990101195202020023"
GUARDIAN, CONTACT, STRANGER = "司马监护", "慕容亲属", "10000003333"
OTHERS = (WIFE, WIFE_PHONE, WIFE_ID, GUARDIAN, CONTACT, STRANGER)


@pytest.fixture
def town(any_centre) -> Town:
    """A town on each database in turn."""
    return staff.build(any_centre)


@pytest.fixture
def app(town: Town) -> Flask:
    """Its app."""
    return app_of(town.centre)


def fill(town: Town) -> None:
    """Write everything there can be about one resident, with other people's data beside it."""
    centre, ids, author = town.centre, town.here.ids, town.here.worker.user_id
    laptop = town.here.laptop

    def put(kind: str, **said: object) -> str:
        return load(centre, author, kind, GRID, said)

    put("resident", **resident(name=WIFE, household_id=ids["household"], phone=WIFE_PHONE,
                               id_no=WIFE_ID, relation="12"))  # fmt: skip
    for kind, record_id, said in (
        ("resident", ids["resident"], {"guardian": GUARDIAN}),
        ("care", ids["care"], {"contact": f"{CONTACT} {STRANGER}"}),
    ):
        laptop.write(kind, "update", said, record_id, base_version=1)
    put("care", resident_id=ids["resident"], cats=["disabled"], risk="general",
        visit_every_days=90, keeper_id=author, since="2025-01-01", until="2025-12-31",
        basis="statutory", needs="轮椅")  # fmt: skip
    seen = {"household_id": ids["household"], "purposes": ["daily"], "mode": "door",
            "result": "met", "notice_given": True}  # fmt: skip
    put("visit", **seen, visited_at="2026-08-01T09:00:00+08:00", met=NAME,
        findings=f"本人说{WIFE}电话{WIFE_PHONE}，身份证{WIFE_ID}，本人{PHONE}")  # fmt: skip
    put("visit", **seen, visited_at="2026-08-02T09:00:00+08:00", met=WIFE,
        findings="与家属谈的事")  # fmt: skip
    put("issue", **issue(title="井盖松动", reporter=NAME, reporter_phone=PHONE))
    put("issue", **issue(title="同名者的事", reporter=NAME, reporter_phone=STRANGER))
    put("issue", **issue(title="没留电话的事", reporter=NAME))
    put("org", name="楼道互助组", org_kind="group", members={
        "a": {"name": NAME, "post": "组员", "phone": PHONE},
        "b": {"name": WIFE, "post": "组长", "phone": WIFE_PHONE}}, member_checks={
        "a": {"member_class": "serving", "checked_on": "2026-07-01"},
        "b": {"member_class": "retired", "checked_on": "2026-07-02"}})  # fmt: skip
    put("building", compound_id=ids["compound"], no="9", head=NAME, head_phone=PHONE)
    put("photo", owner_type="care", owner_id=ids["care"], use="scene", sha256="0" * 64,
        bytes=1000, taken_at="2026-08-01T09:00:00+08:00")  # fmt: skip
    laptop.send()


def test_the_extract_holds_everything_and_masks_others(town: Town, app: Flask) -> None:
    fill(town)
    client, ids = sign_in(app, "district"), town.here.ids
    post(client, f"/records/resident/{ids['resident']}/unmask", reason="核对身份")
    post(client, "/records/resident/export", unmask="1", reason="年度核对")
    one = enter(client, ids["resident"])
    row = row_of(town, one)
    shown = post(client, f"/privacy/{one}/extract")
    text = read(shown.text)
    for told in (
        NAME, ID_NUMBER, PHONE, "1951-04", "幸福里 3-1-502", "送药", "轮椅", "2025-12-31",
        "本人同意", "2026-1", "需要帮助", "取降压药", "井盖松动", "楼道互助组", "组员", "楼栋长",
        "在职党员", "2026-08-01 09:00", "2026-08-02 09:00", "核对身份", "年度核对", "网格员w1",
        row.no, "监护人 司***", "用途", "紧急联系人 ●●●",
    ):  # fmt: skip
        assert told in text, told
    for hidden in (*OTHERS, "与家属谈的事", "同名者的事", "没留电话的事", "隔壁", "离退休党员"):
        assert hidden not in shown.text, hidden
    assert "可能也是此人的" in text  # the issue without a number, by its link alone
    sent = post(client, f"/privacy/{one}/extract.json")
    found = json.loads(sent.data)
    assert sent.headers["Content-Disposition"].startswith("attachment")
    names = [part["name"] for part in found["sections"]]
    assert names == ["resident", "home", "care", "notice", "visit", "service", "issue", "member",
                     "photo", "request", "history", "holder", "looked", "export"]  # fmt: skip
    values = {
        (one["field"], one["value"])
        for part in found["sections"] for item in part["items"] for one in item["values"]
    }  # fmt: skip
    assert ("id_no", ID_NUMBER) in values
    for hidden in (*OTHERS, "没留电话的事"):
        assert hidden not in sent.text, hidden
    assert [(one.target, one.detail["reason"], one.detail["format"])
            for one in noted(town, "privacy_extract")] == [
        (ids["resident"], row.no, "page"), (ids["resident"], row.no, "json")]  # fmt: skip
    back = client.get(f"/privacy/{one}/extract.json")
    assert back.headers["Location"].endswith(one)


def test_the_extract_of_a_merged_person_holds_what_was_said_of_both(town: Town, app: Flask) -> None:
    ids, author = town.here.ids, town.here.worker.user_id
    twin = load(town.centre, author, "resident", GRID,
                resident(name=NAME, household_id=ids["household"], phone=PHONE))  # fmt: skip
    checks = {"add": {twin: {"state": "well", "action": "量了血压"}}}
    town.here.laptop.write("visit", "create", {
        "visited_at": "2026-09-29T09:00:00+08:00", "household_id": ids["household"],
        "purposes": ["care"], "mode": "door", "result": "met", "notice_given": True,
        "care_checks": checks})  # fmt: skip
    town.here.laptop.send()
    client = sign_in(app, "district")
    one = enter(client, twin)
    with town.centre.store.writing() as connection:
        wanted = Wanted(twin, ids["resident"], {}, (1, 1))
        merge_within(connection, town.people["district"], wanted, town.centre.clock())
    assert ids["resident"] in client.get(f"/privacy/{one}").text
    assert "量了血压" in post(client, f"/privacy/{one}/extract").text
    assert row_of(town, one).no in client.get(f"/records/resident/{ids['resident']}").text


def test_a_correction_is_done_by_the_worker_of_the_grid(town: Town, app: Flask) -> None:
    client, ids, laptop = sign_in(app, "district"), town.here.ids, town.here.laptop
    one = enter(client, ids["resident"], asked="correct", words="电话换了")
    assert "填要更正的内容" in page(client, one)
    assert 'name="phone"' in client.get(f"/privacy/{one}?field=phone").text
    wrong = post(client, f"/privacy/{one}/wanted", field="birth", birth="不知道")
    assert wrong.status_code == 422
    assert 'value="不知道"' in wrong.text
    assert post(client, f"/privacy/{one}/wanted", field="household_id").status_code == 400
    new = "10000009876"
    said = {"field": "phone", "phone": new, "why": "换号"}
    assert post(client, f"/privacy/{one}/wanted", **said).status_code == 303
    told = page(client, one)
    assert "应为 100****9876" in told
    assert "现为 100****1234" in told
    assert "记录里还没有更正" in told
    assert new not in client.get(f"/privacy/{one}").text
    assert post(client, f"/privacy/{one}/task", worker=new_id()).status_code == 422
    worker = town.here.worker.user_id
    assert post(client, f"/privacy/{one}/task", worker=worker).status_code == 303
    task = record(town, row_of(town, one).task_id)
    assert (task.kind, task.grid, task.fields["asked_of"]) == ("correction", GRID, worker)
    assert new not in task.fields["words"]
    assert "等他修改" in page(client, one)
    # At the centre the value stays masked, on the laptop the worker reads it.
    assert new not in sign_in(app, "leader").get(f"/records/correction/{task.record_id}").text
    laptop.send()
    held = laptop.records[task.record_id]["fields"]
    assert held["marked"]["phone"]["words"] == f"应为：{new}"
    version = laptop.version(ids["resident"])
    laptop.write("resident", "update", {"phone": new}, ids["resident"], base_version=version)
    laptop.send()
    told = page(client, one)
    assert "记录里已是要更正成的值" in told
    assert "网格员w1 已答复" in told
    assert record(town, task.record_id).fields["closed"] is True
    assert "交给网格员" not in told


def test_what_else_the_worker_changes_leaves_the_task_open(town: Town, app: Flask) -> None:
    client, ids, laptop = sign_in(app, "district"), town.here.ids, town.here.laptop
    one = enter(client, ids["resident"], asked="correct")
    post(client, f"/privacy/{one}/wanted", field="phone", phone="10000009876")
    post(client, f"/privacy/{one}/task", worker=town.here.worker.user_id)
    task_id = row_of(town, one).task_id
    laptop.send()
    version = laptop.version(ids["resident"])
    laptop.write("resident", "update", {"sex": "2"}, ids["resident"], base_version=version)
    laptop.send()
    assert record(town, task_id).fields["closed"] is False
    # Another wish takes the task back.
    post(client, f"/privacy/{one}/wanted", field="phone", phone="10000009999")
    assert record(town, task_id).fields["closed"] is True
    assert row_of(town, one).task_id is None


def test_a_value_can_be_asked_to_be_emptied_unless_it_has_to_be_there(
    town: Town, app: Flask
) -> None:
    client, ids, laptop = sign_in(app, "district"), town.here.ids, town.here.laptop
    one = enter(client, ids["resident"], asked="correct")
    assert post(client, f"/privacy/{one}/wanted", field="name", name="").status_code == 422
    assert post(client, f"/privacy/{one}/wanted", field="phone", phone="").status_code == 303
    assert "应为 空" in page(client, one)
    post(client, f"/privacy/{one}/task", worker=town.here.worker.user_id)
    laptop.send()
    task = laptop.records[row_of(town, one).task_id]["fields"]
    assert task["marked"] == {"phone": {"words": "请清空"}}
    version = laptop.version(ids["resident"])
    laptop.write("resident", "update", {"phone": None}, ids["resident"], base_version=version)
    laptop.send()
    assert "记录里已是要更正成的值" in page(client, one)


# Stopping ---------------------------------------------------------------------------------------


def stop(client, request_id: str, what: str = "all") -> int:
    return int(post(client, f"/privacy/{request_id}/stop", what=what, sure="1").status_code)


def test_deletion_takes_the_person_out_of_everything_in_use(town: Town, app: Flask) -> None:
    fill(town)
    centre, ids, laptop = town.centre, town.here.ids, town.here.laptop
    client, community = sign_in(app, "district"), sign_in(app, "community")
    home = {"head_id": ids["resident"], "phone": PHONE}
    laptop.send()
    laptop.write("household", "update", home, ids["household"],
                 base_version=laptop.version(ids["household"]))  # fmt: skip
    laptop.send()
    one = enter(client, ids["resident"], asked="erase", words="搬走了")
    told = read(client.get(f"/privacy/{one}/stop").text)
    for words in ("2 份关怀资料作废", "法定职责、本人同意", "1 张照片作废", "“户主”清空",
                  "联系电话与此人的相同", "走访 3 次", "服务单 1 张", "不能马上抹掉"):  # fmt: skip
        assert words in told, words
    assert post(client, f"/privacy/{one}/stop", what="all").status_code == 422  # not confirmed
    assert post(client, f"/privacy/{one}/stop", what="care", sure="1").status_code == 400
    before = standing(town)
    assert stop(client, one) == 303
    assert stop(client, one) == 409
    assert [record(town, ids[kind]).voided for kind in ("resident", "care")] == [True, True]
    house = record(town, ids["household"])
    assert (house.fields.get("head_id"), house.fields.get("phone")) == (None, None)
    assert (row_of(town, one).stopped, row_of(town, one).state) == ("all", "open")
    [entry] = noted(town, "privacy_stop")
    assert entry.detail == {"request": row_of(town, one).no, "what": "all", "records": 4}
    # Lists, search, files, ledgers, exports, counts.
    for place in ("/records/resident", "/records/resident?q=lsl", "/records/care",
                  "/privacy/find?q=zzz"):  # fmt: skip
        assert "林**" not in community.get(place).text, place
    file = read(community.get(f"/households/{ids['household']}/file").text)
    assert "林**" not in file.partition("档案变更")[0]
    assert "没有关怀对象" in file
    for n in (1, 3):
        ledger = default_rows(centre.code)[n]["ledger_id"]
        answer = post(community, f"/ledgers/{ledger}/export")
        book = openpyxl.load_workbook(io.BytesIO(answer.data))
        assert "林**" not in str([list(sheet.values) for sheet in book.worksheets])
    sent = post(community, "/records/resident/export", unmask="1", reason="核对名册")
    assert NAME not in sent.text
    assert before[0] == 1
    assert standing(town) == (0, before[1] - 1)
    # What is stored is found by who looks for it, masked; the history says why.
    kept = community.get(f"/records/resident/{ids['resident']}")
    assert NAME not in kept.text
    assert f"个人信息请求 {row_of(town, one).no}：删除" in kept.text
    # Laptops learn it; the request is closed with words.
    laptop.send()
    assert laptop.records[ids["resident"]]["voided"] is True
    assert laptop.records[ids["care"]]["voided"] is True
    said = {"outcome": "answered", "answer": "已停止使用，依法只作保存。"}
    assert post(client, f"/privacy/{one}/answer", **said).status_code == 303
    assert "只作保存" in page(client, one)


def standing(town: Town) -> tuple[int, int]:
    """Return how many people in care are counted, and how many residents quality looks at."""
    centre, me = town.centre, town.people["community"]
    day = centre.clock().date()
    with centre.store.reading() as connection:
        report = field_figures.report(connection, me, day, day, "", centre.clock(), "zh")
        care = next(one.whole for one in report.rates if one.name == "care")
        query = sa.select(sa.func.count()).select_from(records).where(
            records.c.kind == "resident", records.c.voided.is_(False), records.c.grid == GRID
        )  # fmt: skip
        return care, connection.scalar(query)


def test_pictures_and_likely_doubles_of_a_deleted_person_are_shown_no_more(
    town: Town, app: Flask
) -> None:
    ids, author = town.here.ids, town.here.worker.user_id
    load(town.centre, author, "resident", GRID,
         resident(name=NAME, household_id=ids["household"], phone=PHONE))  # fmt: skip
    photo = take(town.here, "care")
    bring(town.here)
    search_duplicates(town.centre.store, town.centre.code, town.centre.clock())
    client = sign_in(app, "district")
    assert client.get(f"/photos/{photo}/full.jpg").status_code == 200
    assert "林**" in client.get("/duplicates").text
    assert stop(client, enter(client, ids["resident"], asked="erase")) == 303
    search_duplicates(town.centre.store, town.centre.code, town.centre.clock())
    assert client.get(f"/photos/{photo}/full.jpg").status_code == 404
    assert client.get(f"/photos/{photo}/small.jpg").status_code == 404
    assert "林**" not in client.get("/duplicates").text


def test_nobody_is_called_to_somebody_who_asked_to_be_deleted(town: Town, app: Flask) -> None:
    client, ids, laptop = sign_in(app, "district"), town.here.ids, town.here.laptop

    def miss(minute: int, **more: object) -> None:
        laptop.write("visit", "create", {
            "visited_at": f"2026-09-30T11:{minute}:00+08:00", "household_id": ids["household"],
            "purposes": ["care"], "mode": "door", "result": "nobody", "notice_given": True,
            **more})  # fmt: skip
        laptop.send()

    one = enter(client, ids["resident"], asked="erase")
    miss(40)
    assert stop(client, one) == 303
    named = {"care_checks": {"add": {ids["resident"]: {"state": "not_reached"}}}}
    miss(45, **named)  # by a laptop that did not know it yet
    miss(50, **named)
    with town.centre.store.reading() as connection:
        kinds = connection.execute(
            sa.select(records.c.fields["category"].as_string()).where(records.c.kind == "issue")
        ).scalars()
        assert "CARE" not in set(kinds)


def test_what_a_laptop_had_not_sent_brings_nobody_back(town: Town, app: Flask) -> None:
    client, ids, laptop = sign_in(app, "district"), town.here.ids, town.here.laptop
    laptop.send()
    version = laptop.version(ids["resident"])
    one = enter(client, ids["resident"], asked="erase")
    assert stop(client, one) == 303
    laptop.write("resident", "update", {"phone": "10000001111"}, ids["resident"],
                 base_version=version)  # fmt: skip
    laptop.send()
    assert record(town, ids["resident"]).voided is True
    with town.centre.store.reading() as connection:
        query = sa.select(conflicts.c.decision).where(conflicts.c.record_id == ids["resident"])
        assert list(connection.execute(query).scalars()) == [None]


def test_withdrawn_consent_to_care_leaves_the_resident(town: Town, app: Flask) -> None:
    client, ids = sign_in(app, "district"), town.here.ids
    agreed = {"on": "2026-01-10", "by": "self", "scope": ["basic", "care"], "how": "signed"}
    laptop = town.here.laptop
    assert laptop is not None
    laptop.write("resident", "update", {"consents": {"add": {"a": agreed}}}, ids["resident"],
                 base_version=record(town, ids["resident"]).version, schema=3)  # fmt: skip
    laptop.send()
    one = enter(client, ids["resident"], asked="withdraw")
    assert "只停止使用关怀资料" in read(client.get(f"/privacy/{one}/stop").text)
    assert post(client, f"/privacy/{one}/stop", sure="1").status_code == 400  # neither chosen
    assert stop(client, one, "care") == 303
    assert [record(town, ids[kind]).voided for kind in ("resident", "care")] == [False, True]
    assert standing(town)[0] == 0
    said = record(town, ids["resident"]).fields["consents"]
    assert [(one["scope"], one.get("ended")) for _, one in sorted(said.items(), reverse=True)] == [
        (["basic"], None), (["care"], "2026-09-30"),
    ]  # fmt: skip
    assert stop(client, one, "all") == 303  # and later everything
    assert record(town, ids["resident"]).voided is True


def test_nothing_is_stopped_before_it_is_known_who_asks(town: Town, app: Flask) -> None:
    client, ids = sign_in(app, "district"), town.here.ids
    one = enter(client, ids["resident"], asked="erase", checked="none")
    assert stop(client, one) == 409
    assert record(town, ids["resident"]).voided is False
    assert stop(client, enter(client, ids["resident"])) == 403  # an access request stops nothing
