"""The code lists as a district uses them: what forms offer at both ends, and which standard's code
an issue is accepted with."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from schemas.code_settings import settings_of
from schemas.codes import Setting
from sync_server.store.tables import audit
from tests.sync_server.web.staff import Town, sign_in, token


def change(client: FlaskClient, name: str, **said: str):
    """Change a list; ``__`` stands for a dot."""
    found = re.search(r'name="version" value="(\d+)"', client.get(f"/code-lists/{name}").text)
    assert found
    form = {one.replace("__", "."): text for one, text in said.items()}
    form |= {"version": found[1], "csrf_token": token(client)}
    return client.post(f"/code-lists/{name}", data=form)


def test_a_code_that_is_not_used_is_offered_no_more_and_keeps_its_words(
    town: Town, app: Flask
) -> None:
    district = sign_in(app, "district")
    page = sign_in(app, "leader").get("/code-lists").text
    assert "商铺·类别" in page
    assert "/code-lists/SHOP_KIND" not in page
    answer = change(district, "COMPOUND_TYPE_LZ5", unused__village="1", standard__mixed="本市:05")
    assert answer.status_code == 303
    page = district.get("/code-lists").text
    assert "<s>村居管理</s>" in page
    assert "本市:05" in page
    form = sign_in(app, "community").get("/places/compound/new").text
    assert "混合" in form
    assert "村居管理" not in form
    english = sign_in(app, "leader", "en").get("/code-lists").text
    assert "<s>Village-managed</s>" in english
    laptop = town.here.laptop
    assert laptop is not None
    laptop.send()
    (area,) = [one for one in laptop.records.values() if one["fields"].get("level") == "district"]
    assert settings_of(area["fields"]) == {
        "COMPOUND_TYPE_LZ5": {"village": Setting(unused=True), "mixed": Setting(standard="本市:05")}
    }  # fmt: skip
    with town.centre.store.reading() as connection:
        (row,) = connection.execute(sa.select(audit).where(audit.c.action == "code_settings"))
    assert (row.target, row.detail["unused"]) == (
        "COMPOUND_TYPE_LZ5",
        ["COMPOUND_TYPE_LZ5.village"],
    )
    assert "定代码表" in sign_in(app, "admin").get("/audit").text
    assert change(district, "COMPOUND_TYPE_LZ5").status_code == 303
    assert "村居管理" in sign_in(app, "community").get("/places/compound/new").text


def test_one_list_s_form_leaves_the_others_alone(town: Town, app: Flask) -> None:
    district = sign_in(app, "district")
    change(district, "WEATHER", unused__fog="1")
    change(district, "SKILL", unused__law="1")
    page = district.get("/code-lists").text
    assert "<s>雾霾</s>" in page
    assert "<s>法律</s>" in page


def test_a_list_keeps_something_to_choose_and_says_what_cannot_be_kept(
    town: Town, app: Flask
) -> None:
    district = sign_in(app, "district")
    every = {f"unused__{code}": "1" for code in ("own", "joint", "functional", "general", "none")}
    answer = change(district, "ORG_FORM", **every)
    assert answer.status_code == 422
    assert "至少留一项可选" in answer.text
    answer = change(district, "ORG_FORM", standard__own="长" * 61)
    assert answer.status_code == 422
    assert "长" * 61 in answer.text
    assert district.get("/code-lists/ISSUE_STATE").status_code == 404


def test_an_issue_is_accepted_with_the_standard_s_code_of_its_category(
    town: Town, app: Flask
) -> None:
    district, issue = sign_in(app, "district"), town.here.ids["issue"]
    page = district.get("/code-lists/ISSUE_CAT").text
    assert "unused." not in page, "categories decide who handles an issue and by when"
    codes = re.findall(r'name="standard\.(\w+)"', page)
    said = {f"standard__{code}": f"GB/T 30428.2:{code}" for code in codes}
    assert change(district, "ISSUE_CAT", **said).status_code == 303
    form = sign_in(app, "community").get(f"/issues/{issue}/do/accept").text
    found = re.search(r'name="std_code"[^>]*value="GB/T 30428.2:(\w+)"', form)
    assert found, form
    assert found[1] in codes
