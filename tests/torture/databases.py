"""Databases to torture: SQLite needs none, PostgreSQL gets a fresh one each time."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tests import postgres


class Databases:
    """Fresh databases on the server that an address names; without address, SQLite's files."""

    def __init__(self, address: str | None) -> None:
        self._address = sa.make_url(address) if address else None

    def __enter__(self) -> Databases:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextmanager
    def fresh(self, like: str = "") -> Iterator[str]:
        """Give the address of an empty database, or one as the one at ``like``, dropped afterwards;
        "" for SQLite."""
        if self._address is None:
            yield ""
            return
        name = f"torture_{uuid.uuid4().hex[:12]}"
        origin = f" TEMPLATE {sa.make_url(like).database} STRATEGY FILE_COPY" if like else ""
        self._run(f"CREATE DATABASE {name}{origin}")
        try:
            url = self._address.set(drivername="postgresql+psycopg", database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        assert self._address is not None
        address = self._address.set(drivername="postgresql")
        with psycopg.connect(
            address.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(statement)


@contextmanager
def throw_away_postgres() -> Iterator[str]:
    """Start a PostgreSQL server and give an address on it; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-postgres-"))
    try:
        server = postgres.start(folder)
        try:
            yield server.url("postgres")
        finally:
            postgres.stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
