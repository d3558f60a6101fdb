"""Who sees what: every address by every role, and nothing of another community by any road."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from schemas.catalogue import kinds
from schemas.exchange import API
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.relay import folder_of
from sync_server.store import units
from sync_server.web.readiness import WATCHED
from tests.sync_server.web import privacy_pages, retention_pages, round_pages
from tests.sync_server.web.campaign_pages import campaign_in, campaign_pages
from tests.sync_server.web.issue_pages import issue_pages
from tests.sync_server.web.pairs import alike_in, undone_in
from tests.sync_server.web.people_pages import people_pages
from tests.sync_server.web.photo_hands import bring, take
from tests.sync_server.web.register_pages import STATISTICS, register_pages
from tests.sync_server.web.staff import (
    GRID,
    NEXT_DOOR,
    NEXT_DOOR_GRID,
    READERS,
    STAFF,
    Place,
    Town,
    household_of,
    load,
    post,
    refused_of,
    sign_in,
)
from tests.sync_server.web.upload_pages import upload_pages

READ, UNMASK, DEVICES, NOTICES = (
    set(READERS),
    {"admin", "district", "street", "community"},
    {"admin", "district", "community"},
    {"admin", "district", "street", "community"},
)
LEVELS = {"admin", "district"}
OFFICES, LIMITS, REGISTER = NOTICES, {"district"}, {"admin", "district"}
HANDED = {"department", "company"}
NOBODYS = new_id()
NO_GRID = NEXT_DOOR + "999"
NOT_OURS = f"/handed/{NOBODYS}"
"""An issue that was handed to nobody (those that were: test_units_isolation.py)."""
OPEN = {"static", "account.sign_in", "account.code", "i18n.switch_language"}
"""What needs no session."""
DECIDING = {
    "conflicts.decide", "waiting.release", "waiting.send_back", "waiting.dismiss", "times.confirm",
    "relay.take", "calendar.decide", "timeliness.as_xlsx",
    "service_requests.step", "issues.take", "areas.end", "duplicates.merge", "duplicates.undo",
    "imports.take", "imports.run", "imports.undo", "imports.choose", "imports.columns",
    "ledgers.add", "people.reset_password", "people.switch",
    "people.remove_second_factor", "second_factor.confirm", "figures_export.as_xlsx",
    "compound_figures.as_xlsx",
    *privacy_pages.DECIDING, *retention_pages.DECIDING,
    *round_pages.DECIDING,
}  # fmt: skip
"""What answers a form without choices or words by asking for them; nothing is done."""


def pages(place: Place) -> dict[str, tuple[str, str, set[str]]]:
    """Every endpoint: its method and address in a place, and the roles that may."""
    ids, laptop, worker = place.ids, place.laptop, place.worker
    assert laptop is not None
    assert worker is not None
    house = household_of(place)
    dispute = f"/conflicts/{ids['household']}"
    refused = f"/waiting/quarantined/{refused_of(place)['change_id']}"
    service = f"/services/{ids['service']}"
    (grid,) = worker.scope_codes
    return {
        "home.today_page": ("GET", "/", set(STAFF)),
        **people_pages(worker.user_id),
        **round_pages.round_pages(),
        **upload_pages(place),
        "conflicts.all_of_them": ("GET", "/conflicts", READ),
        "conflicts.one": ("GET", dispute, READ),
        "conflicts.decide": ("POST", dispute, READ),
        "conflicts.unmask": ("POST", f"{dispute}/unmask", UNMASK),
        "duplicates.queue": ("GET", "/duplicates", READ),
        "duplicates.compare": ("GET", "/duplicates/compare", READ),
        "duplicates.pair": ("GET", alike_in(place), READ),
        "duplicates.unmask": ("POST", f"{alike_in(place)}/unmask", UNMASK),
        "duplicates.apart": ("POST", f"{alike_in(place)}/apart", UNMASK),
        "duplicates.again": ("POST", f"{alike_in(place)}/again", UNMASK),
        "duplicates.merge": ("POST", f"{alike_in(place)}/merge", UNMASK),
        "duplicates.merges": ("GET", "/merges", READ),
        "duplicates.one_merge": ("GET", undone_in(place), READ),
        "duplicates.undo": ("POST", f"{undone_in(place)}/undo", UNMASK),
        "waiting.all_refused": ("GET", "/waiting/quarantined", READ),
        "waiting.all_held": ("GET", "/waiting/held", READ),
        "waiting.judge_again": ("POST", "/waiting/replay", READ),
        "waiting.one": ("GET", refused, READ),
        "waiting.unmask": ("POST", f"{refused}/unmask", UNMASK),
        "waiting.release": ("POST", f"{refused}/release", READ),
        "waiting.send_back": ("POST", f"{refused}/return", READ),
        "waiting.dismiss": ("POST", f"{refused}/dismiss", READ),
        "times.unsure": ("GET", "/times", READ),
        "times.confirm": ("POST", "/times", READ),
        "records.of_kind": ("GET", "/records/resident", READ),
        "records.one": ("GET", house, READ),
        "records.move": ("GET", f"{house}/move", NOTICES),
        "records.unmask": ("POST", f"{house}/unmask", UNMASK),
        "records.seen": ("POST", f"/records/issue/{ids['issue']}/seen", READ),
        "compound_file.show": ("GET", f"/compounds/{ids['compound']}/file", READ),
        "compound_file.unmask": ("POST", f"/compounds/{ids['compound']}/file", UNMASK),
        "household_file.show": ("GET", f"/households/{ids['household']}/file", READ),
        "household_file.unmask": ("POST", f"/households/{ids['household']}/file", UNMASK),
        "place_forms.new": ("GET", f"/places/building/new?parent={ids['compound']}", OFFICES),
        "place_forms.change": ("GET", f"/places/compound/{ids['compound']}/change", OFFICES),
        "place_forms.end": ("POST", f"/places/org/{org_in(place)}/end", OFFICES),
        "areas.tree": ("GET", "/areas", READ),
        "areas.one": ("GET", f"/areas/{grid}", READ),
        "areas.card": ("GET", f"/areas/{grid}/card", READ),
        "areas.change": ("GET", f"/areas/{grid}/change", OFFICES),
        "areas.add": ("GET", f"/areas/{grid}/add", OFFICES),
        "areas.split": ("GET", f"/areas/{grid}/split", OFFICES),
        "areas.merge": ("GET", f"/areas/{grid}/merge", OFFICES),
        "areas.end": ("POST", f"/areas/{grid}/end", OFFICES),
        "quality.report": ("GET", "/quality", READ),
        "quality.one": ("GET", "/quality/guardian", READ),
        "exports.as_csv": ("POST", "/records/resident/export", READ),
        "exports.as_geojson": ("POST", "/records/issue/export-geojson", READ),
        "exports.back_to_list": ("GET", "/records/resident/export", READ),
        "devices.all_of_them": ("GET", "/devices", READ),
        "devices.one": ("GET", f"/devices/{laptop.device_id}", READ),
        "device_accounts.all_of_them": ("GET", "/accounts?show=all", READ),
        "device_accounts.one": ("GET", f"/accounts/{laptop.device_id}", READ),
        "devices.persons": ("GET", f"/devices/{laptop.device_id}/persons", READ),
        "devices.revoke": ("POST", f"/devices/{laptop.device_id}/revoke", DEVICES),
        "devices.workers": ("GET", "/join-codes", DEVICES),
        "devices.issue": ("POST", f"/join-codes/{worker.user_id}", DEVICES),
        "relay.show": ("GET", "/relay", DEVICES),
        "relay.take": ("POST", "/relay", DEVICES),
        "relay.receipt": ("GET", f"/relay/{receipt_in(laptop.centre)}/receipt", DEVICES),
        "photos.missing": ("GET", "/photos/missing", READ),
        "photos.full": ("GET", f"/photos/{photo_in(place)}/full.jpg", READ),
        "photos.small": ("GET", f"/photos/{photo_in(place)}/small.jpg", READ),
        "notices.sent": ("GET", "/notices", READ),
        "notices.write": ("GET", "/notices/new", NOTICES),
        "notices.one": ("GET", f"/notices/{notice_in(place)}", READ),
        "notices.void": ("POST", f"/notices/{notice_in(place)}/void", NOTICES),
        "units.register": ("GET", "/units", READ),
        "units.new": ("GET", "/units/new", REGISTER),
        "units.one": ("GET", f"/units/{unit_in(laptop.centre)}", READ),
        "units.change": ("GET", f"/units/{unit_in(laptop.centre)}/change", REGISTER),
        "units.end": ("POST", f"/units/{unit_in(laptop.centre, '已并入的局')}/end", REGISTER),
        "handed.everything": ("GET", "/handed", HANDED),
        "handed.one": ("GET", NOT_OURS, HANDED),
        "handed.act": ("GET", f"{NOT_OURS}/take", HANDED),
        "handed.full": ("GET", f"{NOT_OURS}/photos/{NOBODYS}/full.jpg", HANDED),
        "handed.small": ("GET", f"{NOT_OURS}/photos/{NOBODYS}/small.jpg", HANDED),
        "calendar.year": ("GET", "/calendar?year=2026", READ),
        "calendar.one": ("GET", "/calendar/2026-10-01", READ),
        "calendar.decide": ("POST", "/calendar/2026-10-01", LIMITS),
        "calendar.hours": ("GET", "/working-hours", LIMITS),
        "limits.table": ("GET", "/limits", READ),
        "limits.rule": ("GET", "/limits/rule?clock=handle&level=2", LIMITS),
        "limits.new": ("GET", "/limits/new", LIMITS),
        "wording.name": ("GET", "/levels", LEVELS),
        "service_requests.queue": ("GET", "/services", READ),
        "service_requests.take_in": ("GET", "/services/new", READ),
        "service_requests.one": ("GET", service, READ),
        "service_requests.step": ("POST", f"{service}/step", READ),
        "issues.overtaken": ("GET", "/issues/overtaken", READ),
        "issues.settle": ("POST", f"/issues/overtaken/{overtaken_in(place)}", READ),
        "figures_export.as_xlsx": ("POST", "/statistics/export", READ),
        "figures_export.back": ("GET", "/statistics/export", READ),
        **issue_pages(ids["issue"]),
        **register_pages(place),
        **privacy_pages.privacy_pages(place),
        **retention_pages.retention_pages(place),
        "service_requests.figures": ("GET", "/services/figures", READ),
        "field_figures.statistics": ("GET", "/statistics/field", READ),
        "field_figures.households": ("GET", "/statistics/field/households", READ),
        **campaign_pages(place),
        "materials.stock": ("GET", "/materials", READ),
        "materials.of_grid": ("GET", f"/materials/grid/{grid_of(place)}", READ),
        "materials.give": ("GET", "/materials/give", NOTICES),
        "materials.take_back": ("POST", f"/materials/{move_in(place)}/void", NOTICES),
        "opinions.all_of_them": ("GET", "/opinions", READ),
        "coverage.show": ("GET", "/coverage", READ),
        "coverage.limits": ("GET", "/coverage/limits", LIMITS),
        "coverage.base_map": ("GET", map_in(place), READ),
    }


def receipt_in(centre: Centre) -> str:
    """Lay a receipt down and return the hash it is fetched by."""
    sha256 = "0" * 64
    with folder_of(centre).writing_receipt(sha256) as out:
        out.write(b"sealed")
    return sha256


def photo_in(place: Place) -> str:
    """Return the id of a photo of a place's issue, taken and brought the first time it is asked
    for."""
    if "photo" not in place.ids:
        place.ids["photo"] = take(place, "issue")
        bring(place)
    return place.ids["photo"]


def overtaken_in(place: Place) -> str:
    """Return the id of a step of a place's laptop that did not count, taken the first time it is
    asked for: nobody had resolved the issue that it says to have verified."""
    if "late_step" not in place.ids:
        laptop, issue_id = place.laptop, place.ids["issue"]
        assert laptop is not None
        said = {"issue_id": issue_id, "action": "verify", "after": [issue_id],
                "at": "2026-09-30T12:00:00+08:00"}  # fmt: skip
        place.ids["late_step"] = laptop.write("issue_step", "step", said, new_id())["record_id"]
        laptop.send()
    return place.ids["late_step"]


def notice_in(place: Place) -> str:
    """Return the id of a notice to a place's grid, whose leader may see it too, sent the first time
    it is asked for."""
    if "grid_notice" not in place.ids:
        worker, laptop = place.worker, place.laptop
        assert worker is not None
        assert laptop is not None
        (grid,) = worker.scope_codes
        said = {"title": "限行", "text": "今日限行", "level": "normal", "area_code": grid,
                "issued_at": "2026-09-30T12:00:00+08:00"}  # fmt: skip
        place.ids["grid_notice"] = load(laptop.centre, worker.user_id, "notice", grid, said)
    return place.ids["grid_notice"]


def org_in(place: Place) -> str:
    """Return the id of an organisation of a place's grid."""
    if "org" not in place.ids:
        place.ids["org"] = loaded(place, "org", {"name": "网格党支部", "org_kind": "branch"})
    return place.ids["org"]


def grid_of(place: Place) -> str:
    """Return a place's grid."""
    assert place.worker is not None
    return place.worker.scope_codes[0]


def move_in(place: Place) -> str:
    """Return the id of a record of leaflets a place's grid received."""
    if "material_move" not in place.ids:
        said = {"moved_at": "2026-09-30T09:00:00+08:00", "material": "law", "move": "received",
                "qty": 20}  # fmt: skip
        place.ids["material_move"] = loaded(place, "material_move", said)
    return place.ids["material_move"]


def map_in(place: Place) -> str:
    """Lay a map file down and return the address it is read at."""
    assert place.laptop is not None
    place.laptop.centre.settings.base_map.write_bytes(b"PMTiles" + bytes(120))
    return "/coverage/basemap.pmtiles"


def loaded(place: Place, kind: str, said: dict[str, Any]) -> str:
    """Load a record into a place's grid."""
    assert place.worker is not None
    assert place.laptop is not None
    return load(place.laptop.centre, place.worker.user_id, kind, grid_of(place), said)


def unit_in(centre: Centre, name: str = "示范区城管局") -> str:
    """Return the id of the district's unit of this name, loaded the first time it is asked for:
    every community sees the same ones."""
    with centre.store.reading() as connection:
        for row in units.all_units(connection, centre.code):
            if row["fields"]["name"] == name:
                return str(row["record_id"])
    said = {"name": name, "unit_kind": "department"}
    return load(centre, new_id(), "unit", centre.code, said)


def ask(client: FlaskClient, method: str, address: str, **form: str):
    return client.get(address) if method == "GET" else post(client, address, **form)


def test_every_address_is_in_the_matrix(quiet_town: Town, quiet_app: Flask) -> None:
    known = {
        rule.endpoint
        for rule in quiet_app.url_map.iter_rules()
        if not rule.rule.startswith(API) and rule.rule not in WATCHED
    }
    assert known - OPEN == set(pages(quiet_town.here))


@pytest.mark.parametrize("role", STAFF)
def test_a_role_reaches_its_pages_and_no_others(
    quiet_town: Town, quiet_app: Flask, role: str
) -> None:
    client = sign_in(quiet_app, role)
    addresses = pages(quiet_town.here)
    for endpoint in sorted(addresses, key="account.sign_out".__eq__):
        method, address, roles = addresses[endpoint]
        answer = ask(client, method, address, reason="核对电话", state="lost")
        if role in roles and endpoint in DECIDING:
            assert answer.status_code in (400, 409, 422), (role, endpoint, answer.status_code)
        elif role in roles and address.startswith(NOT_OURS):
            assert answer.status_code == 404, (role, endpoint, answer.status_code)
        elif role in roles and role in HANDED and endpoint == "home.today_page":
            assert answer.headers["Location"] == "/handed"
        elif role in roles:
            assert answer.status_code < 400, (role, endpoint, answer.status_code)
        else:
            assert answer.status_code == 403, (role, endpoint, answer.status_code)
            assert "林" not in answer.text


def test_nobody_gets_in_without_signing_in(quiet_town: Town, quiet_app: Flask) -> None:
    for method, address, _ in pages(quiet_town.here).values():
        client = quiet_app.test_client()
        answer = ask(client, method, address)
        assert answer.status_code == 302, address
        assert answer.headers["Location"].startswith("/sign-in"), address
        htmx = client.open(
            address, method="GET" if method == "GET" else "POST", headers={"HX-Request": "true"}
        )
        assert htmx.status_code in (400, 401), address


@pytest.mark.parametrize("role", ["community", "leader"])
def test_no_page_shows_anything_of_next_door(quiet_town: Town, quiet_app: Flask, role: str) -> None:
    client = sign_in(quiet_app, role)
    there = quiet_town.there
    ids = {*there.ids.values(), there.batch_id, there.laptop.device_id, there.worker.user_id}
    home = quiet_town.here.ids["household"]
    addresses = ["/", "/uploads", "/waiting/quarantined", "/waiting/held", "/conflicts", "/devices",
                 "/conflicts?state=decided", "/join-codes", "/relay", "/notices", "/notices/new",
                 "/people", "/times", "/photos/missing", "/services", "/services?state=all",
                 "/services/new", "/services/figures?since=2026-01-01", "/statistics/field",
                 *STATISTICS, "/statistics/day?show=all", "/campaigns", "/materials",
                 "/campaigns/results", "/coverage?of=member&show=all",
                 "/opinions", "/imports", "/areas", "/areas?state=all", f"/areas/{GRID}",
                 f"/areas/{GRID}/split", f"/areas/{GRID}/merge", "/quality", "/quality/no_worker",
                 "/quality/small", "/statistics/units", "/meeting",
                 f"/compounds/{quiet_town.here.ids['compound']}/file", f"/households/{home}/file",
                 "/coverage", "/coverage?of=household&show=all", "/waiting/held?long=1",
                 "/waiting/quarantined?desk=returned", f"/conflicts/{home}",
                 f"/waiting/quarantined/{refused_of(quiet_town.here)['change_id']}"]  # fmt: skip
    addresses += [f"/records/{kind.info.name}?state=all" for kind in kinds()]
    addresses += [f"/records/{kind.info.name}?q=gb&state=all" for kind in kinds()]
    named = {"grid_notice": "notice", "late_step": "issue_step", "alike": "resident"}
    addresses += [f"/records/{named.get(name, name)}/{one}"
                  for name, one in quiet_town.here.ids.items() if name != "undone"]  # fmt: skip
    hidden = alike_in(quiet_town.here), undone_in(quiet_town.here)
    addresses += ["/duplicates", "/duplicates?state=apart", "/merges", *hidden]
    alike_in(there), undone_in(there), campaign_in(there)
    for address in addresses:
        page = client.get(address).text
        assert "隔壁" not in page, address
        assert not [one for one in ids if one in page], address


def test_an_export_holds_nothing_of_next_door(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    for kind in kinds():
        answer = post(client, f"/records/{kind.info.name}/export", state="all")
        assert answer.status_code == 200
        assert "隔壁" not in answer.text


def said(page: str) -> str:
    return page[page.index("<main") :]


def test_a_guessed_address_next_door_is_as_good_as_none(quiet_town: Town, quiet_app: Flask) -> None:
    client, nowhere = sign_in(quiet_app, "community"), new_id()
    own = pages(quiet_town.here)
    guessed = {
        (method, address)
        for endpoint, (method, address, roles) in pages(quiet_town.there).items()
        if address != own[endpoint][1] and "community" in roles
    }
    assert len(guessed) == 71
    for method, address in guessed:
        known = next((part for part in address.split("/") if len(part) == 36), NEXT_DOOR_GRID)
        answer = ask(client, method, address, reason="核对电话", state="lost")
        unknown = ask(
            client,
            method,
            address.replace(known, nowhere if len(known) == 36 else NO_GRID),
            reason="核对电话",
            state="lost",
        )
        assert answer.status_code == unknown.status_code == 404, address
        assert said(answer.text) == said(unknown.text)


@pytest.mark.parametrize("area", [NEXT_DOOR, NEXT_DOOR_GRID])
def test_another_area_cannot_be_asked_for(quiet_town: Town, quiet_app: Flask, area: str) -> None:
    client = sign_in(quiet_app, "community")
    assert client.get(f"/records/resident?area={area}").status_code == 404
    assert post(client, "/records/resident/export", area=area).status_code == 404


def test_a_record_is_found_under_its_own_kind_alone(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    assert client.get(f"/records/resident/{quiet_town.here.ids['household']}").status_code == 404
    assert client.get("/records/nonsense").status_code == 404


def test_a_leader_reads_the_names_around_his_grid_but_not_their_pages(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "leader")
    page = client.get(household_of(quiet_town.here)).text
    assert "幸福里 3-1-502" in page
    compound = f"/records/compound/{quiet_town.here.ids['compound']}"
    assert compound not in page
    assert client.get(compound).status_code == 404


@pytest.mark.parametrize("role", ["department", "company"])
def test_units_are_told_that_nothing_waits(quiet_town: Town, quiet_app: Flask, role: str) -> None:
    page = sign_in(quiet_app, role).get("/", follow_redirects=True).text
    assert "没有派发给您单位的事件" in page
    assert "/records/" not in page


def test_an_auditor_is_led_to_the_audit(quiet_town: Town, quiet_app: Flask) -> None:
    answer = sign_in(quiet_app, "auditor").get("/")
    assert answer.headers["Location"] == "/audit"
