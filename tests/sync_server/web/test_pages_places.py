"""Compounds, organisations, buildings and rooms written at the centre, as staff meet the forms."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from demo.pages import read_page
from sync_server.services.ids import new_id
from sync_server.store.tables import changes, conflicts
from tests.sync_server.services.desks import stored
from tests.sync_server.web.staff import (
    COMMUNITY,
    GRID,
    NEXT_DOOR,
    PHONE,
    Town,
    load,
    sign_in,
    token,
)


@pytest.fixture(scope="module")
def office(quiet_app: Flask) -> FlaskClient:
    return sign_in(quiet_app, "community")


def controls(page: str) -> MultiDict[str, str]:
    """Return what a browser would post of the page's form if nobody touched it."""
    return MultiDict(read_page("", 200, page).form("record_id", "shown").fields)


def send(client: FlaskClient, address: str, form: MultiDict[str, str], /, **typed: Any) -> Any:
    """Post a form with what was typed into it."""
    for name, value in typed.items():
        full = name.replace("__", ".")
        form.setlist(full, value if isinstance(value, list) else [value])
    form["csrf_token"] = token(client)
    return client.post(address, data=form)


def spare(form: MultiDict[str, str], name: str) -> str:
    """Return the key of the last empty entry a list of the form offers."""
    keys = [full.split(".")[1] for full in form if full.startswith(f"{name}.")]
    return keys[-1]


def new_compound(town: Town, client: FlaskClient, /, **typed: Any) -> Any:
    page = client.get("/places/compound/new").text
    said = {
        "code": f"XQ-{new_id()[-6:]}", "name": f"新苑{new_id()[-4:]}", "kind": "compound",
        "community_code": COMMUNITY, "address": "新路2号", "property_mode": "company",
        "guard": "1", "barrier": "0", "cctv": "1", "self_gov": "owners",
    }  # fmt: skip
    return send(client, "/places/compound/new", controls(page), **(said | typed))


def made_id(answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"].rsplit("/", 1)[-1])


def test_a_compound_is_added_with_contacts_tags_problems_and_sites(quiet_town, office):
    page = office.get("/places/compound/new").text
    form = controls(page)
    keys = {name: spare(form, name) for name in ("contacts", "tags", "problems", "sites")}
    record_id = made_id(
        new_compound(
            quiet_town, office, name="清风苑", built_year="２００３", location="39.18, 113.25",
            **{
                f"contacts__{keys['contacts']}__role": "mediate",
                f"contacts__{keys['contacts']}__name": "阿卜杜拉·买买提",
                f"contacts__{keys['contacts']}__phone": PHONE,
                f"tags__{keys['tags']}__tag": "hard",
                f"tags__{keys['tags']}__since": "2026-03-01",
                f"problems__{keys['problems']}__what": "飞线充电",
                f"problems__{keys['problems']}__scope": "common",
                f"sites__{keys['sites']}__facility": "hall",
                f"sites__{keys['sites']}__name": "议事厅",
            },
        )
    )  # fmt: skip
    row = stored(quiet_town.centre, record_id)
    fields = row.fields
    assert (row.grid, fields["built_year"], fields["guard"], fields["barrier"]) == (
        COMMUNITY, 2003, True, False,
    )  # fmt: skip
    assert [one["name"] for one in fields["contacts"].values()] == ["阿卜杜拉·买买提"]
    assert (fields["tag"], fields["tag_from"]) == ("hard", "2026-03-01")
    file = office.get(f"/compounds/{record_id}/file").text
    for words in ("历次标签", "攻坚", "2026-03-01", "飞线充电", "共性", "议事厅", "阿*"):
        assert words in file, words
    assert PHONE not in file
    assert f"/places/compound/{record_id}/change" in file


def test_what_is_wrong_stands_beside_its_control_and_nothing_typed_is_lost(quiet_town, office):
    answer = new_compound(quiet_town, office, name="", built_year="很早", address="旧路9号")
    assert answer.status_code == 422
    assert "还没有保存" in answer.text
    assert 'id="field-name-wrong"' in answer.text
    assert 'id="field-built_year-wrong"' in answer.text
    form = controls(answer.text)
    assert (form["built_year"], form["address"], form["guard"]) == ("很早", "旧路9号", "1")
    known = new_compound(quiet_town, office, code="XQ-w1")
    assert known.status_code == 422
    assert "已有这个编码的小区" in known.text


def test_only_what_was_touched_is_said_and_personal_values_stay(quiet_town, office):
    record_id = made_id(new_compound(quiet_town, office))
    address = f"/places/compound/{record_id}/change"
    form = controls(office.get(address).text)
    key = spare(form, "contacts")
    typed = {f"contacts__{key}__role": "safety", f"contacts__{key}__name": "林示例",
             f"contacts__{key}__phone": PHONE}  # fmt: skip
    made_id(send(office, address, form, **typed))
    page = office.get(address).text
    assert "林示例" not in page
    assert PHONE not in page
    assert "林**" in page
    form = controls(page)
    made_id(
        send(office, address, form, address="改过的路", **{f"contacts__{key}__role": "hygiene"})
    )
    row = stored(quiet_town.centre, record_id)
    assert row.fields["contacts"][key] == {"role": "hygiene", "name": "林示例", "phone": PHONE}
    with quiet_town.centre.store.reading() as connection:
        said = connection.execute(
            sa.select(changes.c.fields).where(changes.c.record_id == record_id)
            .order_by(changes.c.version.desc()).limit(1)
        ).scalar_one()  # fmt: skip
    assert set(said) == {"address", "contacts"}
    before = row.version
    made_id(send(office, address, controls(office.get(address).text)))
    untouched = stored(quiet_town.centre, record_id)
    assert untouched.version == before, "nothing touched, nothing written"
    form = controls(office.get(address).text)
    form.add("clear", f"contacts.{key}.phone")
    made_id(send(office, address, form))
    assert stored(quiet_town.centre, record_id).fields["contacts"][key] == {
        "role": "hygiene", "name": "林示例",
    }  # fmt: skip
    form = controls(office.get(address).text)
    form.add("gone", f"contacts.{key}")
    made_id(send(office, address, form))
    assert "contacts" not in stored(quiet_town.centre, record_id).fields


def test_what_a_laptop_wrote_meanwhile_stays_or_is_kept_beside_what_was_typed(quiet_town, office):
    record_id, laptop = made_id(new_compound(quiet_town, office)), quiet_town.here.laptop
    address = f"/places/compound/{record_id}/change"
    page = office.get(address).text
    laptop.send()
    laptop.write("compound", "update", {"parking": 30, "brand": "红色家园"}, record_id, grid=GRID,
                 base_version=1, schema=3)  # fmt: skip
    laptop.send()
    answer = send(office, address, controls(page), hydrants="4")
    assert "等待裁决" not in office.get(answer.headers["Location"]).text
    fields = stored(quiet_town.centre, record_id).fields
    assert (fields["parking"], fields["hydrants"], fields["brand"]) == (30, 4, "红色家园")
    made_id(send(office, address, controls(page), brand="平安小区"))
    with quiet_town.centre.store.reading() as connection:
        wanted = sa.select(conflicts).where(conflicts.c.record_id == record_id)
        found = connection.execute(wanted).all()
    assert [one.path for one in found] == ["brand"]
    assert {found[0].visible, found[0].other} == {"红色家园", "平安小区"}, "neither is lost"
    assert found[0].automatic


def test_the_same_form_sent_twice_makes_one(quiet_town, office):
    page = office.get("/places/org/new").text
    form = controls(page)
    said = {"name": "双击党支部", "org_kind": "branch", "area": COMMUNITY}
    first = made_id(send(office, "/places/org/new", form, **said))
    assert made_id(send(office, "/places/org/new", form, **said)) == first
    fresh = controls(office.get("/places/org/new").text)
    again = send(office, "/places/org/new", fresh, **said)
    assert again.status_code == 422
    assert "同一处已有同名的" in again.text


def test_an_organisation_covers_compounds_and_has_members_on_the_compounds_file(quiet_town, office):
    compound = quiet_town.here.ids["compound"]
    address = f"/places/org/new?parent={compound}"
    page = office.get(address).text
    form = controls(page)
    assert form.getlist("compound_ids") == ["", compound]
    key = spare(form, "members")
    said = {"name": "业主委员会", "org_kind": "owners", f"members__{key}__name": "欧阳㛃"}
    more = send(office, "/places/org/new", form, act="more:members", area=COMMUNITY, **said)
    assert more.status_code == 200
    form = controls(more.text)
    assert form["name"] == "业主委员会"
    assert form[f"members.{key}.name"] == "欧阳㛃"
    second = spare(form, "members")
    assert second != key
    record_id = made_id(send(office, "/places/org/new", form, **{
        f"members__{second}__name": "王䶮", f"members__{second}__post": "副主任",
        f"members__{second}__source": "owner_rep"}))  # fmt: skip
    file = office.get(f"/compounds/{compound}/file").text
    for words in ("业主委员会", "欧**", "王*", "副主任", "业主代表"):
        assert words in file, words
    end = send(office, f"/places/org/{record_id}/end", MultiDict(), reason="换届")
    assert end.status_code == 303
    assert stored(quiet_town.centre, record_id).voided
    assert "业主委员会" not in office.get(f"/compounds/{compound}/file").text


def test_a_building_and_its_rooms_are_added_from_the_compounds_file(quiet_town, office):
    compound = quiet_town.here.ids["compound"]
    page = office.get(f"/places/building/new?parent={compound}").text
    form = controls(page)
    assert form["area"] == GRID, "the grid of the compound's other buildings is proposed"
    taken = send(office, "/places/building/new", form, no="3号楼")
    assert taken.status_code == 422
    assert "已有这个楼号" in taken.text
    building = made_id(send(office, "/places/building/new", form, no="7", entrances="2"))
    page = office.get(f"/places/building/{building}/change").text
    assert 'name="entrance_heads.2.head"' in page
    made_id(send(office, f"/places/building/{building}/change", controls(page),
                 entrance_heads__2__head="李示例"))  # fmt: skip
    assert stored(quiet_town.centre, building).fields["entrance_heads"] == {"2": {"head": "李示例"}}
    form = controls(office.get(f"/places/room/new?parent={building}").text)
    room = made_id(send(office, "/places/room/new", form, no="101", label="7-1-101",
                        state="vacant"))  # fmt: skip
    row = stored(quiet_town.centre, room)
    assert (row.grid, row.parent_id) == (GRID, building)
    assert row.fields["building_id"] == building


def test_nobody_writes_beyond_his_areas(quiet_town, quiet_app, office):
    there = quiet_town.there.ids["compound"]
    assert office.get(f"/places/compound/{there}/change").status_code == 404
    assert office.get(f"/places/building/new?parent={there}").status_code == 404
    refused = new_compound(quiet_town, office, community_code=NEXT_DOOR)
    assert refused.status_code == 422
    assert "请选择您辖区内的区域" in refused.text
    form = controls(office.get("/places/org/new").text)
    stray = send(office, "/places/org/new", form, name="越界组织", org_kind="branch",
                 area=COMMUNITY, compound_ids=[there])  # fmt: skip
    assert stray.status_code == 422
    leader = sign_in(quiet_app, "leader")
    assert leader.get("/places/org/new").status_code == 403
    assert "新增" not in leader.get("/records/compound").text
    assert "新增小区" in office.get("/records/compound").text
    for kind in ("household", "notice", "nonsense"):
        assert office.get(f"/places/{kind}/new").status_code == 403


def test_a_form_speaks_english(quiet_town, quiet_app):
    client = sign_in(quiet_app, "street", "en")
    page = client.get(f"/places/compound/{quiet_town.here.ids['compound']}/change").text
    visible = re.sub(r"<option.*?</option>|<[^>]*>", "", page)
    for words in ("Edit", "Problem list", "Add another", "Save", "Tags over time"):
        assert words in visible, words


def test_the_references_of_a_large_district_are_searched(quiet_town, office):
    author = quiet_town.here.worker.user_id
    for n in range(90):
        load(quiet_town.centre, author, "unit", COMMUNITY,
             {"name": f"第{n}物业", "unit_kind": "company"})  # fmt: skip
    address = f"/places/compound/{quiet_town.here.ids['compound']}/change"
    page = office.get(address).text
    assert "个没有列出" in page
    form = controls(page)
    found = send(office, address, form, act="look", brand="留着", **{"find.company_id": "第88物业"})
    assert found.status_code == 200
    assert "第88物业" in found.text
    assert "第17物业" not in found.text
    assert controls(found.text)["brand"] == "留着"
