"""What a centre stands on, looked at: the database, its tables, the data folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.store.engine import Store
from sync_server.store.folders import disk_trouble
from sync_server.store.migrate import step, steps

PROBE = b"0" * 4096


def check_database(store: Store) -> None:
    """Raise Refusal when the database cannot be read, or takes no writes."""
    with store.reading() as connection:
        if store.is_sqlite:
            connection.execute(sa.select(sa.literal(1)))
            if store.path is not None and not os.access(store.path, os.W_OK):
                raise Refusal("folder_unusable", folder=str(store.path.parent))
        elif connection.exec_driver_sql("SHOW transaction_read_only").scalar() != "off":
            raise Refusal("database_unreachable")


def check_tables(store: Store) -> None:
    """Raise Refusal ``database_newer`` or ``database_older`` unless tables and program match."""
    with store.reading() as connection:
        present = step(connection)
    if present != steps()[-1]:
        code = "database_older" if present in steps() or present is None else "database_newer"
        raise Refusal(code, step=present)


def check_folder(folder: Path) -> None:
    """Raise Refusal ``disk_full`` or ``folder_unusable`` unless something can be written there."""
    with disk_trouble(folder), tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(PROBE)
        probe.flush()
        os.fsync(probe.fileno())
