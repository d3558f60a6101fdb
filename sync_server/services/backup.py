"""Making a copy of the whole centre while it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from schemas.clock import SHANGHAI
from sync_server.services import audit
from sync_server.services.centre import Centre
from sync_server.settings import Settings
from sync_server.store.copying import copy_database
from sync_server.store.engine import Store, open_store
from sync_server.store.migrate import step, steps
from sync_server.store.occupancy import occupy
from sync_server.store.old_copies import remove_older, remove_unfinished

NAMED = re.compile(r"centre-\d{8}-\d{6}\.(?:db|dump)")
"""What ``default_target`` calls a copy."""


def back_up(centre: Centre, target: Path | None, now: datetime) -> tuple[Path, int]:
    """Write a verified copy and return where it lies and its size in bytes.

    ``target`` None: a new file named by day and time in ``backups`` beside the data, where what
    killed backups left half-written goes first. Raises what ``store/copying.py`` raises; the
    database is not touched.
    """
    path = target or _in_backups(centre.settings, centre.store, now)
    size = copy_database(centre.store, path)
    with centre.store.writing() as connection:
        audit.note(connection, centre.code, now, "backup", detail={"bytes": size})
    return path, size


def back_up_older(
    settings: Settings, target: Path | None, now: datetime
) -> tuple[Path, int] | None:
    """Copy a database that an older program left, as it is, and return what ``back_up`` does; None
    when it is no older one.

    Opening the centre would bring it to today's tables first, and no copy the older program can
    read would ever be made. Nothing is written into the database, not even that it was copied.
    Raises as ``back_up``, and Refusal ``being_restored``.
    """
    occupy(settings.data).release()  # not held on: who is first there lets the numbers jump
    store = open_store(settings.database)
    try:
        with store.reading() as connection:
            if step(connection) not in steps()[:-1]:
                return None
        path = target or _in_backups(settings, store, now)
        return path, copy_database(store, path)
    finally:
        store.close()


def note_cleared(centre: Centre, removed: Sequence[Path], now: datetime) -> None:
    """Write into the audit which older copies were removed."""
    if removed:
        with centre.store.writing() as connection:
            detail = {"file": [one.name for one in removed]}
            audit.note(connection, centre.code, now, "clear_backups", detail=detail)


def clear_older(newest: Path, keep: int) -> Iterator[Path]:
    """Remove all but ``keep`` of the copies that lie beside ``newest`` under names of ours, and
    yield each; ``newest`` was just made and is one of those kept.

    Raises as ``store/old_copies.py``.
    """
    return remove_older(newest, NAMED, keep)


def _in_backups(settings: Settings, store: Store, now: datetime) -> Path:
    target = default_target(settings, store, now)
    remove_unfinished(target.parent, NAMED)
    return target


def default_target(settings: Settings, store: Store, now: datetime) -> Path:
    """Return where a copy made now goes when nobody named a file."""
    stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S")
    suffix = "db" if store.is_sqlite else "dump"
    return settings.data / "backups" / f"centre-{stamp}.{suffix}"
