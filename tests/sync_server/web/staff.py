"""A small district for the staff's pages: two communities, somebody of every role, some work done.

Everything of the other community carries the word 隔壁, so that a page that shows any of it to
somebody of this community is noticed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from schemas.clock import written
from sync_server.services import accounts
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.store.tables import batches, users
from tests.sync_server.world import (
    COMMUNITY,
    DISTRICT,
    GRID,
    OTHER_GRID,
    Laptop,
    household,
    issue,
    join,
    resident,
)

PASSWORD = "correct horse battery"
NEXT_DOOR = "990101100008"
NEXT_DOOR_GRID = "990101100008001"
PHONE, ID_NUMBER = "10000001234", "990101198001010014"
FIRST_PHONE, SECOND_PHONE = "10000005555", "10000006666"
"""Two laptops change one household's phone without knowing of each other: a conflict."""
STAFF = {
    "admin": (DISTRICT,),
    "district": (DISTRICT,),
    "street": (DISTRICT + "100",),
    "community": (COMMUNITY,),
    "leader": (GRID,),
    "department": (DISTRICT,),
    "company": (DISTRICT,),
    "auditor": (DISTRICT,),
    "worker": (GRID,),
}
"""A role's areas; each person's number is the name of the role, ``neighbour`` is next door's."""
READERS = ("admin", "district", "street", "community", "leader")


@cache
def _hash() -> str:
    """Return the hash of PASSWORD, made when the tests' quick hashing is in place."""
    return accounts.hash_password(PASSWORD)


@dataclass
class Place:
    """One community's records and laptop."""

    ids: dict[str, str] = field(default_factory=dict)
    worker: User | None = None
    laptop: Laptop | None = None
    batch_id: str = ""


@dataclass
class Town:
    """The district: people by number, this community and the one next door."""

    centre: Centre
    people: dict[str, User] = field(default_factory=dict)
    here: Place = field(default_factory=Place)
    there: Place = field(default_factory=Place)


def build(centre: Centre) -> Town:
    """Fill an empty centre."""
    town = Town(centre)
    for role, scope in STAFF.items():
        hire(town, role, role, scope)
    hire(town, "neighbour", "community", (NEXT_DOOR,))
    town.here = _place(town, "w1", GRID, COMMUNITY, "")
    town.there = _place(town, "w2", NEXT_DOOR_GRID, NEXT_DOOR, "隔壁")
    return town


def narrow(town: Town, no: str, scope: tuple[str, ...]) -> None:
    """Give somebody the areas an account of his role may have had before it needed them all."""
    with town.centre.store.writing() as connection:
        own = sa.update(users).where(users.c.no == no)
        connection.execute(own.values(scope_codes=list(scope)))


def hire(town: Town, no: str, role: str, scope: tuple[str, ...]) -> User:
    """Make an account that signs in with PASSWORD."""
    centre = town.centre
    with centre.store.writing() as connection:
        town.people[no] = accounts.add_user(
            connection, centre.code, no=no, name=f"职员{no}", role=role, scope_codes=scope,
            now=centre.clock(),
        )  # fmt: skip
        connection.execute(sa.update(users).where(users.c.no == no).values(password_hash=_hash()))
    return town.people[no]


def load(centre: Centre, author: str, kind: str, grid: str, fields: dict[str, Any]) -> str:
    """Put one record into the store as base data and return its id."""
    [record_id] = load_many(centre, author, kind, grid, [fields])
    return record_id


def load_many(
    centre: Centre, author: str, kind: str, grid: str, every: list[dict[str, Any]]
) -> list[str]:
    """Put records of one kind into the store in one transaction and return their ids."""
    at = centre.clock()
    loaded = [ImportedRecord(new_id(), kind, grid, fields, author, written(at)) for fields in every]
    with centre.store.writing() as connection:
        import_records(connection, centre.code, loaded, author=None, at=at)
    return [one.record_id for one in loaded]


def _place(town: Town, no: str, grid: str, community: str, mark: str) -> Place:
    """Make one community with its base data and a laptop that has synced."""
    centre = town.centre
    with centre.store.writing() as connection:
        worker = accounts.add_user(
            connection, centre.code, no=no, name=f"{mark}网格员{no}", role="worker",
            scope_codes=(grid,), now=centre.clock(), kind="full",
        )  # fmt: skip
    place = Place(worker=worker)
    ids, author = place.ids, worker.user_id
    base = {"level": "grid", "valid_from": "2026-01-01"}
    for code, level in ((community, "community"), (grid, "grid")):
        said = {**base, "code": code, "name": f"{mark}区域{code[-3:]}", "level": level}
        ids["area"] = load(centre, author, "area", code, said)
    ids["compound"] = load(
        centre, author, "compound", community,
        {"code": f"XQ-{no}", "name": f"{mark}幸福里", "kind": "compound", "address": f"{mark}路1号",
         "community_code": community, "property_mode": "none", "guard": True, "barrier": False,
         "cctv": False, "self_gov": "none"},
    )  # fmt: skip
    ids["building"] = load(
        centre, author, "building", grid, {"compound_id": ids["compound"], "no": "3"}
    )
    ids["room"] = load(
        centre, author, "room", grid,
        {"building_id": ids["building"], "no": "502", "label": "3-1-502", "state": "owner"},
    )  # fmt: skip
    ids["household"] = load(
        centre, author, "household", grid,
        {"code": f"H-{no}", "room_id": ids["room"], "kind": "family", "phone": PHONE},
    )  # fmt: skip
    ids["resident"] = load(
        centre, author, "resident", grid,
        resident(name=f"{mark}林示例", household_id=ids["household"], phone=PHONE,
                 id_no=ID_NUMBER),
    )  # fmt: skip
    ids["care"] = load(
        centre, author, "care", grid,
        {"resident_id": ids["resident"], "cats": ["alone"], "risk": "high", "visit_every_days": 7,
         "needs": f"{mark}送药", "keeper_id": author, "since": "2026-01-01", "basis": "consent"},
    )  # fmt: skip
    ids["notice"] = load(
        centre, author, "notice", community,
        {"title": f"{mark}停水通知", "text": "明天停水", "level": "normal",
         "area_code": community, "issued_at": written(centre.clock())},
    )  # fmt: skip
    ids["service"] = load(
        centre, author, "service", grid,
        {"requested_at": "2026-09-30T08:40:00+08:00", "kind": "proxy", "item": "medicine",
         "words": f"{mark}取降压药", "applicant": f"{mark}林示例", "phone": PHONE,
         "household_id": ids["household"], "channel": "door"},
    )  # fmt: skip
    place.laptop = join(centre, worker, key=("ab" if not mark else "cd") * 32)
    _work(place, grid, mark)
    second = join(centre, worker, key=("ef" if not mark else "fe") * 32)
    second.write(
        "household", "update", {"phone": SECOND_PHONE, "size": 5}, ids["household"],
        grid=grid, base_version=1,
    )  # fmt: skip
    second.send()
    with centre.store.reading() as connection:
        found = sa.select(batches.c.batch_id).where(batches.c.device_id == place.laptop.device_id)
        place.batch_id = connection.execute(found).scalars().first() or ""
    return place


def _work(place: Place, grid: str, mark: str) -> None:
    """Write and send a morning's work: a visit, an issue, a step, and what goes wrong."""
    laptop, ids = place.laptop, place.ids
    assert laptop is not None
    visit = laptop.write(
        "visit", "create",
        {"visited_at": "2026-09-30T11:30:00+08:00", "household_id": ids["household"],
         "purposes": ["daily"], "mode": "door", "result": "met", "met": f"{mark}王样本",
         "notice_given": True, "findings": f"{mark}燃气软管老化",
         "care_checks": {"add": {ids["resident"]: {"state": "need_help"}}},
         "safety": {"add": {"gas": {"state": "problem", "note": "软管老化"}}}},
        grid=grid,
    )  # fmt: skip
    ids["visit"] = visit["record_id"]
    found = laptop.write(
        "issue", "create", issue(title=f"{mark}楼道堆物", reporter_phone=PHONE), grid=grid
    )
    ids["issue"] = found["record_id"]
    step = laptop.write(
        "issue_step", "step",
        {"issue_id": ids["issue"], "action": "verify", "at": "2026-09-30T11:50:00+08:00",
         "text": f"{mark}已看过"},
        grid=grid,
    )  # fmt: skip
    ids["issue_step"] = step["record_id"]
    laptop.write(
        "household", "update", {"size": 4, "phone": FIRST_PHONE}, ids["household"],
        grid=grid, base_version=1,
    )  # fmt: skip
    laptop.write("resident", "create", {"name": f"{mark}缺项", "sex": "1"}, grid=grid)
    laptop.write(
        "household", "update", {"remarks": f"{mark}无主"}, new_id(), grid=grid, base_version=1
    )
    laptop.send()


def sign_in(app: Flask, no: str, lang: str = "zh") -> FlaskClient:
    """Return a client signed in as the person with this number."""
    client = app.test_client()
    answer = post(client, "/sign-in", no=no, password=PASSWORD)
    assert answer.status_code == 303, answer.text
    if lang != "zh":
        post(client, "/language", lang=lang, next="/")
    return client


def token(client: FlaskClient) -> str:
    """Return a CSRF token of the client's session."""
    page = client.get("/sign-in", follow_redirects=True).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


_tokens: WeakKeyDictionary[FlaskClient, str] = WeakKeyDictionary()


def post(client: FlaskClient, address: str, **form: str) -> Any:
    """Post a form with the session's CSRF token; return the response."""
    if known := _tokens.get(client):
        answer = client.post(address, data={"csrf_token": known, **form})
        if answer.status_code != 400:  # perhaps the token's session is over
            return answer
    _tokens[client] = token(client)
    return client.post(address, data={"csrf_token": _tokens[client], **form})


def refused_of(place: Place) -> dict[str, Any]:
    """Return the change of a place's laptop that was refused: a resident without birth month."""
    assert place.laptop is not None
    [found] = [one for one in place.laptop.log if "缺项" in str(one["fields"].get("name"))]
    return found


def household_of(place: Place) -> str:
    """Return the address of a place's household."""
    return f"/records/household/{place.ids['household']}"


__all__ = ["COMMUNITY", "GRID", "OTHER_GRID", "household"]
