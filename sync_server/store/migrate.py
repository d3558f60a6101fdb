"""Bringing a database to today's tables, by numbered steps (Alembic as a library).

All steps of a start run in one transaction: a program that dies half-way leaves the database as it
was. Two programs starting at once take turns.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sync_server.domain.errors import Refusal
from sync_server.store.engine import Store
from sync_server.store.planning import tell_sizes
from sync_server.store.tables import metadata

PART = re.compile(r"_(?:d\d{6}|rest)(?:_(?:m\d{6}|rest))?\Z")
"""How the name of a part of a table ends (``partitioning.py``)."""
FOLDER = Path(__file__).parent / "migrations"
TURN = 7_402_190_117
"""PostgreSQL's advisory lock for migrating; an arbitrary number of ours."""


def migrate(store: Store, to: str = "head") -> None:
    """Bring the database to step ``to``; raise Refusal ``database_newer`` when it is beyond."""
    with store.writing() as connection:
        migrate_within(connection, to)
    tell_sizes(store)


def migrate_within(connection: sa.Connection, to: str = "head") -> None:
    """Do what ``migrate`` does in the caller's write transaction."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TURN)))
    known = steps()
    if (present := step(connection)) is not None and present not in known:
        raise Refusal("database_newer", step=present)
    if to != "head" or present != known[-1]:
        command.upgrade(_config(connection), to)


@functools.cache
def steps() -> tuple[str, ...]:
    """Return the names of all steps, the first first."""
    scripts = ScriptDirectory.from_config(_config())
    return tuple(script.revision for script in scripts.walk_revisions())[::-1]


def step(connection: sa.Connection) -> str | None:
    """Return the step a database is at, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: sa.Connection) -> list[object]:
    """Return how the database differs from ``tables.py`` (what ``alembic check`` reports)."""
    here = connection.dialect.name

    def meant_for_here(thing: Any, name: str | None, kind: str, *_: object) -> bool:
        if kind == "table" and name and PART.search(name):
            return False  # a part of a table, not one of its own
        return thing.info.get("only", here) == here if hasattr(thing, "info") else True

    options = {"compare_type": True, "include_object": meant_for_here}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, metadata))


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config
