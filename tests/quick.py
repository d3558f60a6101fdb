"""What lets tests start quickly without making them easier: nothing here changes an outcome."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from sync_server.services import accounts
from sync_server.services.districts import open_district
from sync_server.settings import Settings
from sync_server.store import partitioning
from sync_server.store.engine import Store, open_store
from sync_server.store.migrate import migrate
from tests import compiled
from tests.postgres import Server


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hash passwords of staff at the least cost; the hashing itself is the library's."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", hasher)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile each template once for the test run, not once for each app of each worker."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which all workers share
    (folder / "templates").mkdir(exist_ok=True)
    cache = FileSystemBytecodeCache(str(folder / "templates"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": cache})
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        compiled.routes_once(patch)
        compiled.statements_once(patch)
        yield


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database of today's tables, to be copied."""
    settings = Settings(data=tmp_path_factory.mktemp("migrated"), district="990101")
    store = open_store(settings.database)
    migrate(store)
    store.close()
    return Path(settings.data) / "centre.db"


@pytest.fixture(scope="session")
def migrated_name(postgres_server: Server) -> str:
    """The name of an empty PostgreSQL database of today's tables, to be copied; with
    GRIDROUNDS_TEST_PARTS set its large tables are in parts."""
    postgres_server.run_sql("CREATE DATABASE migrated")
    store = open_store(postgres_server.url("migrated"))
    migrate(store)
    if os.environ.get("GRIDROUNDS_TEST_PARTS"):
        put_in_parts(store)
    store.close()
    return "migrated"


def put_in_parts(store: Store) -> None:
    """Put the large tables of a database into parts, as for a district of the tests."""
    with store.writing() as connection:
        open_district(connection, "990101")
        for table in partitioning.LARGE:
            partitioning.part(connection, table, datetime(2026, 9, 30, tzinfo=UTC))


def lay_out(migrated_file: Path, data: Path) -> None:
    """Put an empty database of today's tables into a centre's data folder."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(migrated_file, data / "centre.db")
