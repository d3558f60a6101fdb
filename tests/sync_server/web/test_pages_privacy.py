"""Requests of persons about their own data: who may, the whole way of each kind, what is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from schemas.care_contact import alarm_id
from sync_server.app import app_of
from sync_server.services.ids import new_id
from sync_server.store.privacy_tables import privacy_requests
from sync_server.store.tables import audit, records
from tests.sync_server.web import staff
from tests.sync_server.web.staff import (
    GRID,
    ID_NUMBER,
    NEXT_DOOR,
    PHONE,
    Town,
    load,
    load_many,
    post,
    sign_in,
)
from tests.sync_server.world import COMMUNITY, issue, resident

ASKED = {
    "asked": "access", "words": "要看登记了什么", "asker": "self", "checked": "card",
    "road": "desk", "received_on": "2026-09-30",
}  # fmt: skip
WIFE, WIFE_PHONE, GUARDIAN = "欧阳示范", "10000007777", "司马监护"


@pytest.fixture
def any_town(any_centre) -> Town:
    """A town on each database in turn."""
    any_centre.settings = any_centre.settings
    return staff.build(any_centre)


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


def test_smoke(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    one = enter(client, town.here.ids["resident"])
    print(page(client, one))
    ex = post(client, f"/privacy/{one}/extract")
    print(ex.status_code, read(ex.text))
    print(client.get("/privacy").text.count(row_of(town, one).no))
    d = enter(client, town.here.ids["resident"], asked="erase")
    print(read(client.get(f"/privacy/{d}/stop").text))
    a = post(client, f"/privacy/{d}/stop", what="all", sure="1")
    print(a.status_code, record(town, town.here.ids["resident"]).voided)
    print(page(client, d))
