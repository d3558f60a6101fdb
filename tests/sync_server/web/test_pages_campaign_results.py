"""Results of campaigns: noted and corrected by staff, added up by item and unit, exported, sent to
the laptops; what was said before stays."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.services.ids import new_id
from sync_server.store.tables import changes, conflicts, records
from tests.sync_server.web.staff import COMMUNITY, GRID, NEXT_DOOR, Town, load, post, sign_in
from tests.sync_server.web.test_pages_ledgers import sheets_of

STREET = COMMUNITY[:9]
SAID = {"area_code": COMMUNITY, "starts_on": "2026-09-01", "ends_on": "2026-10-20",
        "purpose": "整治飞线", "questions": {"q": {"text": "家里充电吗"}}}  # fmt: skip
WIRES = {"item": "飞线整治", "qty": "3.95", "unit": "ton", "on": "2026-09-20"}


@pytest.fixture
def campaign(town: Town) -> str:
    return load(town.centre, town.here.worker.user_id, "campaign", COMMUNITY,
                SAID | {"name": "飞线行动"})  # fmt: skip


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def note(client: FlaskClient, campaign: str, **said: str):
    """Note a result through the form; return the answer."""
    address = f"/campaigns/{campaign}/results/new"
    page = client.get(address).text
    sent = {"key": hidden(page, "key"), "version": hidden(page, "version"), **said}
    return post(client, address, **sent)


def sums(page: str) -> list[list[str]]:
    """Return the rows of the first table of a page."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t", row)]
        for row in body.split("<tr>")[1:]
    ]


def results(page: str) -> str:
    return page.partition('id="results"')[2].partition("</h2>")[2].partition("<h2")[0]


def test_results_are_noted_and_add_up_by_item_and_unit(
    town: Town, app: Flask, campaign: str
) -> None:
    client = sign_in(app, "community")
    assert "还没有登记成果" in client.get(f"/campaigns/{campaign}").text
    assert note(client, campaign, **WIRES).status_code == 303
    note(client, campaign, **WIRES | {"qty": "0.05"})
    note(client, campaign, **WIRES | {"qty": "４,０００", "unit": "metre", "note": "主街"})
    note(client, campaign, item="充电桩", qty="80", unit="set", on="2026-09-30")
    page = results(client.get(f"/campaigns/{campaign}").text)
    assert sums(page) == [
        ["充电桩", "80", "套", "1"], ["飞线整治", "4,000", "米", "1"],
        ["飞线整治", "4", "吨", "2"],
    ]  # fmt: skip
    assert "主街" in page
    assert '<option value="充电桩">' in client.get(f"/campaigns/{campaign}/results/new").text
    english = results(sign_in(app, "community", "en").get(f"/campaigns/{campaign}").text)
    assert sums(english)[0] == ["充电桩", "80", "sets", "1"]


@pytest.mark.parametrize(
    ("wrong", "control"),
    [({"qty": "4吨"}, "qty"), ({"qty": ""}, "qty"), ({"unit": ""}, "unit"), ({"item": ""}, "item"),
     ({"on": "2026-10-01"}, "on"), ({"area_code": NEXT_DOOR}, "area_code")],
)  # fmt: skip
def test_what_is_wrong_is_said_and_what_was_typed_comes_back(
    town: Town, app: Flask, campaign: str, wrong: dict[str, str], control: str
) -> None:
    client = sign_in(app, "community")
    answer = note(client, campaign, **WIRES | {"note": "主街"} | wrong)
    assert answer.status_code == 422
    assert f'id="field-{control}-wrong"' in answer.text or control == "area_code"
    assert 'value="主街"' in answer.text
    assert "还没有登记成果" in client.get(f"/campaigns/{campaign}").text


def test_a_correction_keeps_what_was_said_and_taking_back_too(
    town: Town, app: Flask, campaign: str
) -> None:
    client = sign_in(app, "community")
    note(client, campaign, **WIRES)
    page = client.get(f"/campaigns/{campaign}").text
    (address,) = re.findall(rf'href="(/campaigns/{campaign}/results/[0-9a-f-]+)"', page)
    form = client.get(address).text
    assert 'value="3.95"' in form
    version = hidden(form, "version")
    assert post(client, address, version=version, **WIRES | {"qty": "4"}).status_code == 303
    assert sums(results(client.get(f"/campaigns/{campaign}").text))[0][1] == "4"
    # Somebody who had opened the form before did not see that: both are kept.
    street = sign_in(app, "street")
    beside = post(street, address, version=version, **WIRES | {"qty": "5"})
    assert "裁决" in street.get(beside.headers["Location"]).text
    with town.centre.store.reading() as connection:
        paths = list(connection.scalars(sa.select(conflicts.c.path)))
        said = list(
            connection.scalars(
                sa.select(changes.c.fields)
                .where(changes.c.record_id == campaign, changes.c.action == "update")
                .order_by(changes.c.change_id)
            )
        )
    assert f"results.{address.rpartition('/')[2]}" in paths
    quantities = [next(iter(one["results"]["add"].values()))["qty"] for one in said]
    assert quantities == ["3.95", "4", "5"]
    assert post(client, f"{address}/remove").status_code == 303
    assert post(client, f"{address}/remove").status_code == 303
    assert "还没有登记成果" in client.get(f"/campaigns/{campaign}").text
    assert "3.95" in client.get(f"/records/campaign/{campaign}").text, "the history keeps it"
    gone = post(client, address, version=version, **WIRES)
    assert gone.status_code == 409


def test_the_same_form_sent_twice_notes_one_result(town: Town, app: Flask, campaign: str) -> None:
    client = sign_in(app, "community")
    sent = {"key": new_id(), "version": "1", **WIRES}
    for _ in range(2):
        assert post(client, f"/campaigns/{campaign}/results/new", **sent).status_code == 303
    assert sums(results(client.get(f"/campaigns/{campaign}").text)) == [
        ["飞线整治", "3.95", "吨", "1"]
    ]
    bad = post(client, f"/campaigns/{campaign}/results/new", **sent | {"key": "x"})
    assert bad.status_code == 400


def test_changing_what_the_campaign_says_leaves_its_results(
    town: Town, app: Flask, campaign: str
) -> None:
    client = sign_in(app, "community")
    note(client, campaign, **WIRES)
    form = client.get(f"/campaigns/{campaign}/change").text
    assert 'name="results' not in form
    sent = {"record_id": campaign, "version": hidden(form, "version"), "area_code": COMMUNITY,
            "name": "飞线行动二", "starts_on": "2026-09-01", "ends_on": "2026-10-20",
            "purpose": "整治飞线", "questions": "家里充电吗"}  # fmt: skip
    assert post(client, f"/campaigns/{campaign}/change", **sent).status_code == 303
    page = client.get(f"/campaigns/{campaign}").text
    assert "飞线行动二" in page
    assert sums(results(page))[0][:2] == ["飞线整治", "3.95"]


def test_totals_over_campaigns_of_an_area_and_period(town: Town, app: Flask, campaign: str) -> None:
    author = town.here.worker.user_id
    own = {"a": WIRES, "b": WIRES | {"on": "2025-12-31"}}
    for name, area, said in (
        ("街道行动", STREET, {"c": WIRES, "d": WIRES | {"qty": "1", "area_code": COMMUNITY},
                              "e": WIRES | {"qty": "7", "area_code": NEXT_DOOR}}),
        ("网格行动", GRID, own),
        ("隔壁行动", NEXT_DOOR, own),
    ):  # fmt: skip
        load(town.centre, author, "campaign", area,
             SAID | {"name": name, "area_code": area, "results": said})  # fmt: skip
    void = load(town.centre, author, "campaign", COMMUNITY, SAID | {"name": "作废", "results": own})
    district, community = sign_in(app, "district"), sign_in(app, "community")
    assert post(district, f"/campaigns/{void}/void", reason="重复建立").status_code == 303
    page = district.get("/campaigns/results").text
    assert sums(page) == [["飞线整治", "19.85", "吨", "5", "3"]]
    # In the community: its grid's, and what the street did there; not what names no place.
    page = community.get("/campaigns/results").text
    assert sums(page) == [["飞线整治", "4.95", "吨", "2", "2"]]
    assert "隔壁" not in page
    page = community.get("/campaigns/results?since=2025-01-01&until=2025-12-31").text
    assert sums(page) == [["飞线整治", "3.95", "吨", "1", "1"]]
    assert sums(district.get(f"/campaigns/results?area={NEXT_DOOR}").text)[0][1] == "10.95"
    assert community.get(f"/campaigns/results?area={NEXT_DOOR}").status_code == 404
    assert (
        "没有登记成果" in community.get("/campaigns/results?since=2024-01-01&until=2024-12-31").text
    )


def test_who_may_not_make_campaigns_reads_results_and_notes_none(
    town: Town, app: Flask, campaign: str
) -> None:
    note(sign_in(app, "community"), campaign, **WIRES)
    leader = sign_in(app, "leader")
    page = leader.get(f"/campaigns/{campaign}").text
    assert "登记成果" not in page
    assert leader.get(f"/campaigns/{campaign}/results/new").status_code == 403
    next_door = sign_in(app, "neighbour")
    assert next_door.get(f"/campaigns/{campaign}/results/new").status_code == 404
    sent = {"key": new_id(), "version": "1", **WIRES}
    assert post(next_door, f"/campaigns/{campaign}/results/new", **sent).status_code == 404


def test_results_are_exported_with_the_campaign_and_reach_laptops(
    town: Town, app: Flask, campaign: str
) -> None:
    district, laptop = sign_in(app, "district"), town.here.laptop
    note(district, campaign, **WIRES)
    note(district, campaign, item="充电桩", qty="80", unit="set", on="2026-09-30")
    [heads, row] = sheets_of(post(district, "/records/campaign/export-xlsx"))["敲门行动"]
    assert "飞线整治 3.95 吨 2026-09-20" in row[heads.index("成果")]
    columns = {
        f"use-{path}": "1" for path in ("name", "results.item", "results.qty", "results.unit")
    }
    assert post(district, "/records/campaign/columns", **columns).status_code == 303
    [heads, *rows] = sheets_of(post(district, "/records/campaign/export-xlsx"))["敲门行动"]
    assert [row[1:] for row in rows] == [["充电桩", 80, "套"], ["飞线整治", 3.95, "吨"]]
    assert laptop is not None
    laptop.send()
    entries = laptop.records[campaign]["fields"]["results"].values()
    assert {one["qty"] for one in entries} == {"3.95", "80"}


def test_a_withdrawn_campaign_takes_no_results(town: Town, app: Flask, campaign: str) -> None:
    client = sign_in(app, "community")
    assert post(client, f"/campaigns/{campaign}/void", reason="重复建立").status_code == 303
    assert client.get(f"/campaigns/{campaign}/results/new").status_code == 409
    with town.centre.store.reading() as connection:
        row = connection.execute(sa.select(records).where(records.c.record_id == campaign)).one()
    assert "results" not in row.fields
