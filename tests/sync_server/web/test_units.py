"""The register of departments and companies: who may, what a form keeps, ending, accounts."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.domain.errors import Refusal
from sync_server.services import accounts, units
from sync_server.services.ids import new_id
from sync_server.store.tables import changes, records
from tests.sync_server.web.handed import dispatched
from tests.sync_server.web.staff import Town, post, sign_in
from tests.sync_server.world import COMMUNITY, DISTRICT

CITY = {"name": "示范区城管局", "unit_kind": "department", "categories": "ENV", "area": DISTRICT,
        "keeper": "钱样本", "phone": "10000007777", "version": "0"}  # fmt: skip


def add(client: FlaskClient, **more: str) -> str:
    """Add a unit through the form; return its id."""
    unit_id = new_id()
    said = {**CITY, "name": f"城管局{unit_id[-6:]}", "record_id": unit_id, **more}
    answer = post(client, "/units/new", **said)
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"] == f"/units/{unit_id}"
    return unit_id


def stored(town: Town, unit_id: str):
    with town.centre.store.reading() as connection:
        query = sa.select(records).where(records.c.record_id == unit_id)
        return connection.execute(query).mappings().one()


def test_the_district_adds_a_unit_and_the_community_sees_it(
    quiet_town: Town, quiet_app: Flask
) -> None:
    unit_id = add(sign_in(quiet_app, "district"))
    row = stored(quiet_town, unit_id)
    assert (row["kind"], row["grid"], row["fields"]["categories"]) == ("unit", DISTRICT, ["ENV"])
    page = sign_in(quiet_app, "community").get("/units").text
    assert row["fields"]["name"] in page
    one = sign_in(quiet_app, "community").get(f"/units/{unit_id}").text
    assert "10000007777" not in one
    assert "钱样本" not in one
    assert "/change" not in one


def test_the_same_form_sent_twice_makes_one_unit(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "district")
    unit_id = add(client)
    answer = post(client, "/units/new", **{**CITY, "record_id": unit_id, "name": "再来一次"})
    assert answer.status_code == 303
    assert stored(quiet_town, unit_id)["fields"]["name"] != "再来一次"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"name": ""}, "name-wrong"), ({"area": ""}, "area-wrong"), ({"area": "110101"}, "area-wrong"),
     ({"unit_kind": ""}, "unit_kind-wrong")],
)  # fmt: skip
def test_what_was_typed_comes_back_with_what_is_wrong(
    quiet_town: Town, quiet_app: Flask, wrong: dict[str, str], words: str
) -> None:
    client = sign_in(quiet_app, "district")
    answer = post(client, "/units/new", **{**CITY, "record_id": new_id(), "uscc": "KEPT", **wrong})
    assert answer.status_code == 422
    assert words in answer.text
    assert "KEPT" in answer.text


def test_two_units_in_use_do_not_share_a_name(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "district")
    add(client, name="同名局")
    answer = post(client, "/units/new", **{**CITY, "record_id": new_id(), "name": "同名局"})
    assert answer.status_code == 422
    assert "已有同名的单位" in answer.text


def test_a_change_keeps_the_personal_fields_it_does_not_show(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "district")
    unit_id = add(client)
    form = client.get(f"/units/{unit_id}/change").text
    assert "10000007777" not in form
    assert "钱样本" not in form
    said = {"name": "示范区城市管理局", "unit_kind": "department", "keeper": "", "phone": ""}
    answer = post(client, f"/units/{unit_id}/change", version="1", **said)
    assert answer.status_code == 303
    fields = stored(quiet_town, unit_id)["fields"]
    assert (fields["name"], fields["phone"]) == ("示范区城市管理局", "10000007777")
    post(client, f"/units/{unit_id}/change", version="2", clear="phone", **said)
    fields = stored(quiet_town, unit_id)["fields"]
    assert "phone" not in fields
    assert fields["keeper"] == "钱样本"
    with quiet_town.centre.store.reading() as connection:
        query = sa.select(changes.c.author).where(changes.c.record_id == unit_id)
        authors = connection.execute(query).scalars().all()
    assert authors == [quiet_town.people["district"].user_id] * 3


def test_a_form_older_than_the_unit_saves_nothing_and_shows_both(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "district")
    unit_id = add(client, name="旧名局")
    other = {"name": "新名局", "unit_kind": "department", "categories": "FACILITY", "keeper": "",
             "phone": "10000006666", "version": "1"}  # fmt: skip
    assert post(client, f"/units/{unit_id}/change", **other).status_code == 303
    mine = {**other, "name": "旧名局", "categories": "ENV", "uscc": "KEPT", "phone": ""}
    answer = post(client, f"/units/{unit_id}/change", **mine)
    assert answer.status_code == 409
    fields = stored(quiet_town, unit_id)["fields"]
    assert (fields["name"], fields["categories"]) == ("新名局", ["FACILITY"])
    assert "uscc" not in fields
    assert "刚被别人改过" in answer.text
    assert 'value="旧名局"' in answer.text
    assert "现为 新名局" in answer.text
    assert 'value="KEPT"' in answer.text
    assert "10000006666" not in answer.text
    again = re.search(r'name="version" value="(\d+)"', answer.text)
    assert again
    mine |= {"name": "新名局", "version": again[1]}
    assert post(client, f"/units/{unit_id}/change", **mine).status_code == 303
    fields = stored(quiet_town, unit_id)["fields"]
    assert (fields["name"], fields["phone"]) == ("新名局", "10000006666")
    assert post(client, f"/units/{unit_id}/change", **mine).status_code == 303  # sent once more


def test_a_unit_with_open_issues_is_not_ended_and_an_idle_one_is(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "district")
    busy, idle = add(client), add(client, name="闲着的物业", unit_kind="company")
    dispatched(quiet_town, busy)
    answer = post(client, f"/units/{busy}/end", reason="机构改革")
    assert answer.status_code == 422
    assert "还有 1 件未办结的事件" in answer.text
    assert post(client, f"/units/{idle}/end", reason="").status_code == 422
    assert post(client, f"/units/{idle}/end", reason="合同到期").status_code == 303
    assert stored(quiet_town, idle)["voided"]
    assert "闲着的物业" not in client.get("/units").text
    assert "闲着的物业" in client.get("/units?state=ended").text
    assert client.get(f"/units/{idle}/change").status_code == 409


def test_an_account_is_given_by_name_or_id_to_a_unit_of_its_kind_in_use(
    quiet_town: Town, quiet_app: Flask
) -> None:
    unit_id = add(sign_in(quiet_app, "district"), name="示范区城管局")
    with quiet_town.centre.store.writing() as connection:
        for wanted in ("示范区城管局", unit_id):
            assert units.unit_for(connection, DISTRICT, "department", wanted) == unit_id
        for role, wanted, code in (
            ("company", unit_id, "unknown_unit"), ("department", "没有的局", "unknown_unit"),
            ("department", "", "unit_needed"), ("street", unit_id, "unit_needless"),
        ):  # fmt: skip
            with pytest.raises(Refusal, match=code):
                units.unit_for(connection, DISTRICT, role, wanted)
        assert units.unit_for(connection, DISTRICT, "street", "") is None
        accounts.add_user(
            connection, DISTRICT, no="d9", name="孙经办", role="department",
            scope_codes=(COMMUNITY,), now=quiet_town.centre.clock(), unit_id=unit_id,
        )  # fmt: skip
    client = sign_in(quiet_app, "district")
    assert "孙经办" in client.get(f"/units/{unit_id}").text
    assert re.search(rf'/units/{unit_id}">示范区城管局</a>', client.get("/people").text)
