"""Retention on the pages: a period is set, a list made by one is confirmed by another, and what was
emptied is shown as such."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.services import emptying
from sync_server.services.ids import new_id
from sync_server.store.tables import audit, records
from sync_server.timer import Timer
from tests.sync_server.web import staff
from tests.sync_server.web.staff import PHONE, Town, post, sign_in


def read(html: str) -> str:
    """Return what stands on a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<main") :]).split())


def voided_long_ago(town: Town) -> str:
    """Void the resident here, and let four years pass; return the record's id."""
    place = town.here
    assert place.laptop is not None
    one = place.ids["resident"]
    place.laptop.send()
    place.laptop.write(
        "resident", "void", {"reason": "迁走"}, one, base_version=place.laptop.version(one)
    )
    place.laptop.send()
    clock = town.centre.clock
    clock.now = clock.now.replace(year=clock.now.year + 4)  # type: ignore[attr-defined]
    return one


def listed(client: FlaskClient, years: str = "3") -> tuple[int, str]:
    """Set a period and make a list; return the answer's status and the run's id."""
    run_id = new_id()
    assert post(client, "/retention/period", name="people", years=years).status_code == 303
    answer = post(client, "/retention/propose", name="people", run_id=run_id)
    return answer.status_code, run_id


def noted(town: Town) -> list[tuple[str, str]]:
    with town.centre.store.reading() as connection:
        query = sa.select(audit.c.action, audit.c.user_id).where(
            audit.c.action.startswith("retention")
        )
        return [tuple(row) for row in connection.execute(query.order_by(audit.c.audit_id))]


def test_one_lists_another_confirms_and_the_record_is_emptied(town: Town, app: Flask) -> None:
    one = voided_long_ago(town)
    admin, district = sign_in(app, "admin"), sign_in(app, "district")
    assert "没有定，不清空" in read(admin.get("/retention").text)
    status, run_id = listed(admin)
    assert status == 303
    page = read(admin.get(f"/retention/{run_id}").text)
    assert "清空以后不能恢复" in page
    assert "要由另一位管理员或区县人员确认" in page
    assert "居民 1" in page
    address = f"/retention/{run_id}/confirm"
    assert post(admin, address, sure="1").status_code == 403
    unsure = post(district, address)
    assert unsure.status_code == 422
    assert "请先勾选" in read(unsure.text)
    assert post(district, address, sure="1").status_code == 303
    assert post(district, address, sure="1").status_code == 409
    assert "正在清空" in read(district.get("/retention").text)
    Timer(town.centre).tick()
    page = read(district.get(f"/retention/{run_id}").text)
    assert "清空完毕" in page
    record = read(admin.get(f"/records/resident/{one}").text)
    assert "个人信息已于 2030-09-30 12:00 按保存期限清空" in record
    assert record.count("内容已按保存期限清空") == 2
    shown = post(admin, f"/records/resident/{one}/unmask", reason="核对电话").text
    assert PHONE not in shown
    assert "林" not in read(shown)
    people = [town.people[no].user_id for no in ("admin", "admin", "district", "district")]
    actions = ["retention_period", "retention_propose", "retention_confirm", "retention_done"]
    assert noted(town) == list(zip(actions, people, strict=True))
    assert "确认按保存期限清空" in admin.get("/audit").text


def test_a_list_is_given_up(town: Town, app: Flask) -> None:
    one = voided_long_ago(town)
    admin = sign_in(app, "admin")
    _, run_id = listed(admin)
    again = post(admin, "/retention/propose", name="people", run_id=new_id())
    assert again.status_code == 409
    assert "请先办完那一份" in read(again.text)
    assert post(admin, f"/retention/{run_id}/drop").status_code == 303
    assert "已撤回" in read(admin.get("/retention").text)
    assert emptying.empty_some(town.centre, town.centre.clock()) == 0
    with town.centre.store.reading() as connection:
        query = sa.select(records.c.fields).where(records.c.record_id == one)
        assert connection.execute(query).scalar_one()["phone"] == PHONE


def test_what_is_wrong_is_said_on_the_page(town: Town, app: Flask) -> None:
    admin = sign_in(app, "admin")
    wrong = post(admin, "/retention/period", name="people", years="三年")
    assert wrong.status_code == 422
    assert "1 至 30 的整数" in read(wrong.text)
    none = post(admin, "/retention/propose", name="people", run_id=new_id())
    assert none.status_code == 409
    assert "先定年限" in read(none.text)
    status, _ = listed(admin)
    assert status == 409  # nothing has ended
    assert post(admin, "/retention/propose", name="people", run_id="x").status_code == 400
    assert post(admin, "/retention/period", name="others", years="3").status_code == 400
    assert admin.get(f"/retention/{new_id()}").status_code == 404
    assert post(admin, "/retention/period", name="people", years="").status_code == 303
    assert "没有定，不清空" in read(admin.get("/retention").text)


def test_somebody_of_a_part_of_the_district_may_not(town: Town, app: Flask) -> None:
    staff.narrow(town, "admin", (staff.NEXT_DOOR,))
    answer = sign_in(app, "admin").get("/retention")
    assert answer.status_code == 403
    assert "全区县" in answer.text
