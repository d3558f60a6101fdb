"""Every statement of the exchange and of the staff's pages can be answered by one shard.

`docs/scaling.md` says how Citus distributes the tables; here is what it rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.exchange import API
from sync_server.app import app_of
from sync_server.services.centre import open_centre
from sync_server.services.devices import issue_join_code
from sync_server.settings import Settings
from sync_server.store.tables import metadata
from sync_server.timer import Timer
from tests.postgres import Server
from tests.sync_server.routing import DISTRIBUTED, Watch, loose_tables
from tests.sync_server.web import staff
from tests.sync_server.web.staff import sign_in
from tests.sync_server.web.test_pages_access import ask, pages
from tests.sync_server.world import DISTRICT, StillClock, household
from tests.test_architecture import ROOT

ALONE = {"secrets"}
"""Tables without a district: reference tables, the same on every node."""
DESKS = ("district", "community", "leader", "auditor", "department", "admin")
"""Roles that together reach every address."""

records, changes, districts = (DISTRIBUTED[name] for name in ("records", "changes", "districts"))


def test_every_table_but_the_reference_tables_has_a_district() -> None:
    assert set(metadata.tables) - set(DISTRIBUTED) == ALONE


@pytest.mark.parametrize("name", sorted(DISTRIBUTED))
def test_every_key_of_a_table_holds_its_district(name: str) -> None:
    table = DISTRIBUTED[name]
    keys = [table.primary_key, *table.constraints]
    unique = [one for one in keys if isinstance(one, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    for key in [*unique, *(index for index in table.indexes if index.unique)]:
        assert "district" in key.columns, key
    for key in table.foreign_keys:
        assert key.column.table.name in {*DISTRIBUTED, *ALONE}
    for constraint in table.foreign_key_constraints:
        assert "district" in constraint.column_keys or constraint.referred_table.name in ALONE


def test_the_page_about_clusters_distributes_every_table() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    found = re.findall(r"create_(\w+)_table\('(\w+)'", page)
    assert {name for how, name in found if how == "reference"} == {*ALONE, "alembic_version"}
    assert sorted(name for how, name in found if how == "distributed") == sorted(DISTRIBUTED)
    for line in page.splitlines():
        if line.startswith("SELECT create_distributed_table"):
            assert "'district'" in line
            assert "colocate_with => 'districts'" in line or "('districts'," in line


# The checker itself -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        sa.select(records).where(records.c.district == "1"),
        sa.select(records).join(changes, records.c.district == changes.c.district)
        .where(changes.c.district == "1"),
        sa.select(records).where(
            records.c.district == "1",
            sa.exists().where(changes.c.district == records.c.district),
        ),
        sa.update(records).where(records.c.district == "1").values(version=1),
        sa.insert(records).values(district="1"),
        sa.text("SELECT * FROM records WHERE district = :d"),
        sa.select(sa.literal(1)),
    ],
)  # fmt: skip
def test_what_names_its_district_is_routed(statement) -> None:
    assert loose_tables(statement) == set()


@pytest.mark.parametrize(
    ("statement", "loose"),
    [
        (sa.select(records), {"records"}),
        (sa.select(records).where(sa.or_(records.c.district == "1", records.c.voided)),
         {"records"}),
        (sa.select(records).join(changes, records.c.record_id == changes.c.record_id)
         .where(records.c.district == "1"), {"changes"}),
        (sa.select(records).where(
            records.c.district == "1",
            sa.exists().where(changes.c.record_id == records.c.record_id)), {"changes"}),
        (sa.select(records.alias()).where(records.c.record_id == "1"), {"records"}),
        (sa.delete(records).where(records.c.record_id == "1"), {"records"}),
        (sa.insert(records).values(record_id="1"), {"records"}),
        (sa.text("SELECT count(*) FROM changes"), {"changes"}),
    ],
)  # fmt: skip
def test_what_does_not_is_found(statement, loose: set[str]) -> None:
    assert loose_tables(statement) == loose


# What the centre really asks --------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Server, migrated_name: str
) -> Iterator[staff.Town]:
    """A town on PostgreSQL."""
    postgres_server.run_sql(f"CREATE DATABASE routed TEMPLATE {migrated_name}")
    folder: Path = tmp_path_factory.mktemp("routed")
    settings = Settings(
        folder, postgres_server.url("routed"), DISTRICT, sign_ins_per_minute=10_000, testing=True
    )
    centre = open_centre(settings, StillClock())
    yield staff.build(centre)
    centre.store.close()
    postgres_server.run_sql("DROP DATABASE routed WITH (FORCE)")


@pytest.mark.postgres
def test_every_statement_of_the_centre_names_its_district(town: staff.Town) -> None:
    addresses = pages(town.here)
    with Watch(town.centre.store.engine) as watch:
        everything(town, addresses)
    assert len(watch.statements) > 200
    astray = watch.astray()
    assert astray == []


def everything(town: staff.Town, addresses: dict[str, tuple[str, str, set[str]]]) -> None:
    """Open every page of a town, let a laptop exchange, and let the centre's minute pass."""
    app = app_of(town.centre)
    clients = {role: sign_in(app, role) for role in DESKS}
    for endpoint in sorted(addresses, key="account.sign_out".__eq__):
        method, address, roles = addresses[endpoint]
        client = next(clients[role] for role in DESKS if role in roles)
        answer = ask(client, method, address, reason="核对电话", state="lost")
        assert answer.status_code < 500, endpoint
    exchanges(town, app)
    Timer(town.centre).tick()


def exchanges(town: staff.Town, app) -> None:
    """Let a laptop join, send, send again, pull, and ask for its account."""
    centre, worker = town.centre, town.there.worker
    assert worker is not None
    with centre.store.writing() as connection:
        code = issue_join_code(connection, centre.code, worker.user_id, centre.clock())
    client = app.test_client()
    said = {"code": code, "device_name": "新本", "public_key": "ef" * 32, "app": "1.0.0"}
    joined = client.post(f"{API}/devices", json=said)
    assert joined.status_code == 201
    laptop = town.there.laptop
    assert laptop is not None
    made = laptop.write("household", "create", household(), grid=worker.scope_codes[0])
    body = laptop.body()
    assert laptop.post(client, body).status_code == 200
    again = laptop.post(client, body)
    assert again.status_code == 200
    laptop.keep(again.json)
    laptop.write("household", "update", {"size": 5}, made["record_id"], base_version=1,
                 grid=worker.scope_codes[0])  # fmt: skip
    assert laptop.post(client).status_code == 200
    headers = {"Authorization": f"Bearer {laptop.token}"}
    assert client.get(f"{API}/sync/account", headers=headers).status_code == 200
