"""Checks of Party members at the centre: whose is overdue, by class; the ledger; what an older
laptop leaves alone."""

from __future__ import annotations

import pytest
from flask import Flask

from sync_server.services.ledgers import default_rows
from sync_server.store.records_read import get
from tests.sync_server.web.staff import COMMUNITY, GRID, NEXT_DOOR, PHONE, Town, load, post, sign_in
from tests.sync_server.web.test_pages_coverage import counts
from tests.sync_server.web.test_pages_ledgers import sheets_of

LEDGER = default_rows("990101")[2]["ledger_id"]
MEMBERS = {
    "a": {"name": "林示例", "post": "书记", "phone": PHONE},
    "b": {"name": "王样本"},
    "c": {"name": "赵老师"},
}
CHECKS = {
    "a": {"member_class": "serving", "checked_on": "2026-09-01"},
    "c": {"member_class": "retired", "checked_on": "2026-01-31"},
}


@pytest.fixture
def branch(town: Town) -> str:
    author = town.here.worker.user_id
    said = {"name": "幸福里党支部", "org_kind": "branch", "members": MEMBERS}
    load(town.centre, author, "org", NEXT_DOOR, said | {"name": "隔壁党支部"})
    return load(town.centre, author, "org", COMMUNITY, said | {"member_checks": CHECKS})


def test_members_are_listed_masked_by_what_they_ask_and_by_class(
    town: Town, app: Flask, branch: str
) -> None:
    client = sign_in(app, "community")
    page = client.get("/coverage?of=member").text
    assert counts(page) == [2, 0, 1]
    assert "王**" in page
    assert "赵**" in page
    assert "林**" not in page, "hers is in time"
    assert "隔壁" not in page
    assert not any(one["name"] in page for one in MEMBERS.values())
    assert f'href="/records/org/{branch}"' in page
    retired = client.get("/coverage?of=member&show=all&class=retired").text
    assert "赵**" in retired
    assert "王**" not in retired
    assert counts(client.get(f"/coverage?of=member&area={GRID}").text) == [0, 0, 0]
    english = sign_in(app, "community", "en").get("/coverage?of=member&show=all").text
    assert "In service" in english
    assert "By class of member" in english


def test_the_districts_limit_counts(town: Town, app: Flask, branch: str) -> None:
    district = sign_in(app, "district")
    assert "党员多少天内至少摸排一次" in district.get("/coverage/limits").text
    refused = post(district, "/coverage/limits", version="0", member="20")
    assert refused.status_code == 422, "shorter than its notice"
    assert post(district, "/coverage/limits", version="0", member="365").status_code == 303
    assert counts(sign_in(app, "community").get("/coverage?of=member").text) == [1, 0, 2]


def test_the_ledger_tells_class_and_day_beside_each_member(
    town: Town, app: Flask, branch: str
) -> None:
    client = sign_in(app, "community")
    [heads, *rows] = sheets_of(post(client, f"/ledgers/{LEDGER}/export"))["组织"]
    at = [heads.index(head) for head in ("成员·姓名", "党员摸排·党员类别", "党员摸排·摸排日期")]
    assert [[row[place] for place in at] for row in rows] == [
        ["林**", "在职党员", "2026-09-01"], ["王**", None, None],
        ["赵**", "离退休党员", "2026-01-31"],
    ]  # fmt: skip
    assert "共 3 条" in client.get(f"/ledgers/{LEDGER}").text


def test_the_records_page_and_form_name_whom_a_check_speaks_of_masked(
    town: Town, app: Flask, branch: str
) -> None:
    client = sign_in(app, "community")
    page = client.get(f"/records/org/{branch}").text.partition("党员摸排")[2]
    assert "林**" in page
    form = client.get(f"/places/org/{branch}/change").text
    checks = form.partition('id="list-member_checks"')[2]
    assert "<legend>王**</legend>" in checks
    assert 'value="more:members"' in form
    assert 'value="more:member_checks"' not in form
    owners = {"name": "业委会", "org_kind": "owners", "members": {"o": {"name": "李业主"}}}
    other = load(town.centre, town.here.worker.user_id, "org", COMMUNITY, owners)
    form = client.get(f"/places/org/{other}/change").text
    assert 'name="members.o.name"' in form
    assert 'name="member_checks.o.checked_on"' not in form


def test_a_laptop_that_knows_no_checks_takes_none_away(town: Town, branch: str) -> None:
    laptop = town.here.laptop
    assert laptop is not None
    laptop.send()
    whole = MEMBERS["a"] | {"phone": "13900003333"}
    laptop.write("org", "update", {"members": {"add": {"a": whole}}}, branch, schema=1,
                 grid=COMMUNITY, base_version=laptop.version(branch))  # fmt: skip
    laptop.write("org", "update", {"members": {"remove": ["c"]}}, branch, schema=1,
                 grid=COMMUNITY, base_version=laptop.version(branch))  # fmt: skip
    assert [one["outcome"] for one in laptop.send()["receipts"]] == ["applied", "applied"]
    with town.centre.store.reading() as connection:
        row = get(connection, town.centre.code, branch)
    assert row is not None
    assert row["fields"]["members"]["a"]["phone"] == "13900003333"
    assert row["fields"]["member_checks"] == CHECKS
