"""The sign NUL, which PostgreSQL takes in no text: it names nothing, and is left out of a form."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from demo.pages import read_page
from schemas.exchange import API
from sync_server.app import app_of
from sync_server.services.centre import Centre
from sync_server.store.tables import records
from tests.sync_server.web import staff
from tests.sync_server.web.staff import GRID, sign_in

NAMED = ("/conflicts/{}", "/devices/{}", "/people/{}/grids", "/uploads/{}", "/merges/{}",
         "/waiting/quarantined/{}", "/services/{}", "/photos/{}/full.jpg", "/records/resident/{}",
         "/duplicates/{}/{}", "/accounts/{}", "/areas/{}")  # fmt: skip


@pytest.mark.parametrize("sign", ["%00", "a%00b"])
def test_an_address_with_nul_names_nothing(any_centre: Centre, sign: str) -> None:
    town = staff.build(any_centre)
    app = app_of(any_centre)
    client = sign_in(app, "district")
    for address in NAMED:
        assert client.get(address.format(sign, sign)).status_code == 404, address
    assert client.get(f"/records/resident?q={sign}&area=&author={sign}").status_code == 200
    assert town.here.laptop is not None
    asked = {"Authorization": f"Bearer {town.here.laptop.token}", "Tus-Resumable": "1.0.0"}
    answer = app.test_client().head(f"{API}/photos/{sign}", headers=asked)
    assert answer.status_code == 404


def test_a_text_with_nul_is_kept_without_it(any_centre: Centre) -> None:
    staff.build(any_centre)
    client = sign_in(app_of(any_centre), "community")
    form = read_page("/notices/new", 200, client.get("/notices/new").text).form("title", "text")
    said = {"title": "停\0水", "text": "明\0天停水", "level": "normal", "area_code": GRID}
    answer = client.post("/notices/new", data=dict(form.fields) | said)
    assert answer.status_code == 303, answer.text
    with any_centre.store.reading() as connection:
        kept = connection.scalars(sa.select(records.c.fields).where(records.c.kind == "notice"))
        assert "停水" in [one["title"] for one in kept]
