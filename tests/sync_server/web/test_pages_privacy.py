"""Requests of persons about their own data: who may, the whole way of each kind, what is kept."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.services.ids import new_id
from sync_server.store.privacy_tables import privacy_requests
from sync_server.store.tables import audit, records
from tests.sync_server.web import staff
from tests.sync_server.web.privacy_pages import request_in
from tests.sync_server.web.staff import (
    GRID,
    NEXT_DOOR,
    PHONE,
    Town,
    load,
    post,
    sign_in,
)
from tests.sync_server.world import COMMUNITY, DISTRICT

ASKED = {
    "asked": "access", "words": "要看登记了什么", "asker": "self", "checked": "card",
    "road": "desk", "received_on": "2026-09-30",
}  # fmt: skip


def enter(client: FlaskClient, record_id: str = "", **form: str) -> str:
    """Enter a request; return its id."""
    request_id = new_id()
    said = ASKED | form | {"request_id": request_id, "record_id": record_id}
    answer = post(client, "/privacy/new", **said)
    assert answer.status_code == 303, answer.text
    return request_id


def page(client: FlaskClient, request_id: str) -> str:
    answer = client.get(f"/privacy/{request_id}")
    assert answer.status_code == 200
    return read(answer.text)


def read(html: str) -> str:
    """Return what stands on a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<main") :]).split())


def row_of(town: Town, request_id: str) -> Any:
    with town.centre.store.reading() as connection:
        query = sa.select(privacy_requests).where(privacy_requests.c.request_id == request_id)
        return connection.execute(query).one()


def record(town: Town, record_id: str) -> Any:
    with town.centre.store.reading() as connection:
        query = sa.select(records).where(records.c.record_id == record_id)
        return connection.execute(query).one()


def noted(town: Town, action: str) -> list[Any]:
    with town.centre.store.reading() as connection:
        query = sa.select(audit).where(audit.c.action == action).order_by(audit.c.audit_id)
        return list(connection.execute(query))


# Who may ----------------------------------------------------------------------------------------


def test_nobody_sees_or_asks_beyond_his_areas(town: Town, app: Flask) -> None:
    here, there = (one.ids["resident"] for one in (town.here, town.there))
    staff.hire(town, "far", "district", (DISTRICT,))
    staff.narrow(town, "far", (NEXT_DOOR,))
    community, far, neighbour = (sign_in(app, no) for no in ("community", "far", "neighbour"))
    one = enter(community, here)
    assert row_of(town, one).area == GRID
    for client in (far, neighbour):
        assert client.get(f"/privacy/{one}").status_code == 404
        assert row_of(town, one).no not in client.get("/privacy?state=all").text
        assert post(client, f"/privacy/{one}/unmask", reason="核对").status_code == 404
        again = ASKED | {"request_id": new_id(), "record_id": here}
        assert post(client, "/privacy/new", **again).status_code == 404
        assert client.get(f"/privacy/new?record_id={here}").status_code == 404
        assert "林" not in read(client.get("/privacy/find?q=lsl").text).replace("隔*", "")
    for act in ("take", "answer", "extract", "extract.json", "stop", "task", "wanted"):
        said = {"outcome": "answered", "answer": "好了", "what": "all", "sure": "1",
                "field": "phone", "phone": "1", "why": ""}  # fmt: skip
        assert post(far, f"/privacy/{one}/{act}", **said).status_code == 404, act
        assert post(community, f"/privacy/{one}/{act}", **said).status_code == 403, act
    assert community.get(f"/privacy/new?record_id={there}").status_code == 404
    assert community.get("/privacy?area=" + NEXT_DOOR).status_code == 404
    assert sign_in(app, "street").get(f"/privacy/{one}").status_code == 200
    assert sign_in(app, "leader").get("/privacy").status_code == 403
    assert "由区县办理" in page(community, one)
    assert "由我办理" not in page(community, one)


def test_an_extract_holds_nothing_that_lies_beyond_the_areas_of_who_makes_it(
    town: Town, app: Flask
) -> None:
    ids, author = town.here.ids, town.here.worker.user_id
    said = {"requested_at": "2026-09-30T08:40:00+08:00", "kind": "proxy", "item": "medicine",
            "words": "远处的需求", "applicant": "林示例", "phone": PHONE,
            "resident_id": ids["resident"], "channel": "door"}  # fmt: skip
    load(town.centre, author, "service", town.there.worker.scope_codes[0], said)
    staff.hire(town, "near", "district", (DISTRICT,))
    staff.narrow(town, "near", (COMMUNITY,))
    near = sign_in(app, "near")
    one = enter(near, ids["resident"])
    assert "远处的需求" not in post(near, f"/privacy/{one}/extract").text
    # The person's own communities are looked at, not the whole district.
    district = post(sign_in(app, "district"), f"/privacy/{one}/extract")
    assert "取降压药" in district.text


# The register -----------------------------------------------------------------------------------


def test_late_requests_stand_first_and_are_counted_for_who_answers(town: Town, app: Flask) -> None:
    client, here = sign_in(app, "community"), town.here.ids["resident"]
    soon, late = (enter(client, here, received_on=day) for day in ("2026-09-29", "2026-09-10"))
    assert row_of(town, soon).due_on.isoformat() == "2026-10-14"
    assert row_of(town, late).due_on.isoformat() == "2026-09-25"
    found = client.get("/privacy").text
    assert found.index(late) < found.index(soon)
    assert "超期 5 天" in found
    only = client.get("/privacy?state=late").text
    assert late in only
    assert soon not in only
    home = read(sign_in(app, "district").get("/").text)
    assert "待答复的个人信息请求 2" in home
    assert "超期的个人信息请求 1" in home
    assert "个人信息请求 2" not in read(client.get("/").text)


def test_the_district_sets_how_long_it_takes(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    form = {"amount": "10", "unit": "working_days"}
    assert post(client, "/limits/rule?clock=privacy_answer", **form).status_code == 303
    one = enter(client, town.here.ids["resident"])
    assert row_of(town, one).due_on.isoformat() == "2026-10-20"  # the holidays do not count


def test_a_person_in_no_register_is_entered_by_name(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    said = ASKED | {"request_id": new_id(), "asker": "relative", "words": ""}
    refused = post(client, "/privacy/new", **said, person_name="", area=NEXT_DOOR)
    assert refused.status_code == 422
    for name in ("person_name", "area", "words", "asker_name"):
        assert f'id="{name}-wrong"' in refused.text, name
    one = enter(client, person_name="司马无名", area=COMMUNITY, asker="relative",
                asker_name="司马亲属", phone="10000002222")  # fmt: skip
    told = page(client, one)
    assert "司***" in told
    assert "不在居民资料里" in told
    for hidden in ("司马无名", "司马亲属", "10000002222"):
        assert hidden not in client.get("/privacy").text + told
    shown = post(client, f"/privacy/{one}/unmask", reason="回电话")
    assert "10000002222" in shown.text
    assert noted(town, "unmask")[-1].detail == {"request": row_of(town, one).no, "reason": "回电话"}
    district = sign_in(app, "district")
    assert post(district, f"/privacy/{one}/extract").status_code == 404
    same = {**ASKED, "request_id": one, "person_name": "别人", "area": COMMUNITY}
    assert post(client, "/privacy/new", **same).status_code == 303  # the same form once more
    assert row_of(town, one).person_name == "司马无名"


def test_a_request_is_answered_once_and_by_what_was_looked_at(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    one = enter(client, town.here.ids["resident"], asked="explain", checked="none")
    answered = {"outcome": "answered", "answer": "按入户走访登记。"}
    refused = post(client, f"/privacy/{one}/answer", version="1", **answered)
    assert refused.status_code == 409
    assert "还没有核实身份" in refused.text
    assert "按入户走访登记。" in refused.text  # what was typed comes back
    assert post(client, f"/privacy/{one}/extract").status_code == 409
    post(client, f"/privacy/{one}/identity", version="1", checked="callback")
    stale = post(client, f"/privacy/{one}/answer", version="1", **answered)
    assert stale.status_code == 409
    assert post(client, f"/privacy/{one}/answer", version="2").status_code == 422
    assert post(client, f"/privacy/{one}/answer", version="2", **answered).status_code == 303
    row = row_of(town, one)
    assert (row.state, row.answered_on.isoformat(), row.handler_id) == (
        "answered", "2026-09-30", town.people["district"].user_id)  # fmt: skip
    assert post(client, f"/privacy/{one}/answer", **answered).status_code == 409
    assert post(client, f"/privacy/{one}/extract").status_code == 409
    assert post(client, f"/privacy/{one}/reopen", reopen_reason="").status_code == 422
    assert post(client, f"/privacy/{one}/reopen", reopen_reason="补充答复").status_code == 303
    assert row_of(town, one).state == "open"
    assert {one.action for one in noted_all(town)} >= {
        "privacy_enter", "privacy_check", "privacy_answer", "privacy_reopen",
    }  # fmt: skip


def noted_all(town: Town) -> list[Any]:
    with town.centre.store.reading() as connection:
        return list(connection.execute(sa.select(audit)))


def test_numbers_of_a_year_go_on(town: Town, app: Flask) -> None:
    client, here = sign_in(app, "district"), town.here.ids["resident"]
    first = request_in(town.here, "access", no="990101-2026-GX9999")
    assert row_of(town, first).no.endswith("9999")
    assert [row_of(town, enter(client, here)).no for _ in range(2)] == [
        "990101-2026-GX10000", "990101-2026-GX10001"]  # fmt: skip
