"""What a district calls the levels of an issue: one page names them, every page shows it."""

from __future__ import annotations

import csv
import io
import re

from flask import Flask
from flask.testing import FlaskClient

from tests.sync_server.web.staff import Town, post, sign_in


def named(client: FlaskClient, **names: str) -> str:
    """Give the levels names on the page and return the page it leads to."""
    found = re.search(r'name="version" value="(\d+)"', client.get("/levels").text)
    assert found
    answer = post(client, "/levels", version=found[1], **names)
    return answer.text if answer.status_code == 422 else client.get("/levels").text


def test_a_named_level_is_shown_with_its_number_wherever_it_stands(town: Town, app: Flask) -> None:
    client, issue = sign_in(app, "district"), town.here.ids["issue"]
    assert "二级（社区）" in client.get(f"/records/issue/{issue}").text
    assert 'value="小事"' in named(client, **{"1": "微事", "2": "小事", "3": "大事"})
    for address in (f"/records/issue/{issue}", "/records/issue"):
        page = client.get(address).text
        assert "2 小事" in page
        assert "二级（社区）" not in page
    options = re.findall(
        r'<option value="\d"[^>]*>([^<]+)</option>', client.get("/records/issue").text
    )
    assert options[:4] == ["1 微事", "2 小事", "3 大事", "四级（区县）"]
    assert "2 小事" in sign_in(app, "leader", "en").get(f"/records/issue/{issue}").text
    file = post(client, "/records/issue/export").text
    rows = list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"))))
    assert {row["级别"] for row in rows} == {"2 小事"}


def test_the_names_travel_to_the_laptops_on_the_districts_record(town: Town, app: Flask) -> None:
    client, laptop = sign_in(app, "district"), town.here.laptop
    named(client, **{"2": "小事"})
    assert laptop is not None
    laptop.send()
    (area,) = [one for one in laptop.records.values() if one["fields"].get("level") == "district"]
    assert area["fields"]["level_labels"] == {"2": {"label": "小事"}}
    assert area["grid"] == town.centre.code
    named(client, **{"2": "", "3": "大事"})
    laptop.send()
    assert laptop.records[area["record_id"]]["fields"]["level_labels"] == {"3": {"label": "大事"}}


def test_saving_the_same_names_again_changes_nothing(town: Town, app: Flask) -> None:
    client, laptop = sign_in(app, "district"), town.here.laptop
    named(client, **{"2": "小事"})
    assert laptop is not None
    laptop.send()
    named(client, **{"2": " 小事 "})
    assert laptop.send()["updates"] == []


def test_a_name_too_long_is_refused_and_comes_back(town: Town, app: Flask) -> None:
    page = named(sign_in(app, "district"), **{"1": "微事", "2": "长" * 13})
    assert "还没有保存" in page
    assert "长" * 13 in page
    assert 'value="微事"' in page


def test_only_the_districts_staff_name_levels_and_it_is_written_down(
    town: Town, app: Flask
) -> None:
    for role in ("community", "street", "leader", "auditor"):
        assert sign_in(app, role).get("/levels").status_code == 403
    named(sign_in(app, "district"), **{"2": "小事"})
    assert "命名事件级别" in sign_in(app, "auditor").get("/audit").text
    assert "小事" not in sign_in(app, "auditor").get("/audit").text


def test_nobody_elses_words_are_spoken_in_the_next_request(town: Town, app: Flask) -> None:
    named(sign_in(app, "district"), **{"2": "小事"})
    assert "小事" not in app.test_client().get("/api/v1/codes").text
