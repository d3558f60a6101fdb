"""Making a copy of the whole centre while it runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from schemas.clock import SHANGHAI
from sync_server.services import audit
from sync_server.services.centre import Centre
from sync_server.store.copying import copy_database


def back_up(centre: Centre, target: Path | None, now: datetime) -> tuple[Path, int]:
    """Write a verified copy and return where it lies and its size in bytes.

    ``target`` None: a new file named by day and time in ``backups`` beside the data. Raises what
    ``store/copying.py`` raises; the database is not touched.
    """
    path = target or default_target(centre, now)
    size = copy_database(centre.store, path)
    with centre.store.writing() as connection:
        audit.note(connection, centre.code, now, "backup", detail={"bytes": size})
    return path, size


def default_target(centre: Centre, now: datetime) -> Path:
    """Return where a copy made now goes when nobody named a file."""
    stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S")
    suffix = "db" if centre.store.is_sqlite else "dump"
    return centre.settings.data / "backups" / f"centre-{stamp}.{suffix}"
