"""Restoring the centre from a backup, so that its laptops refill what the backup lacks.

The backup is looked through and brought to today's tables before it takes the database's place;
every district begins a new epoch, with numbers above all that were ever given out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from sync_server.domain.errors import Refusal
from sync_server.services import audit, floors
from sync_server.services.epochs import begin_epoch
from sync_server.settings import Settings
from sync_server.store import relocating, restoring
from sync_server.store.engine import Store, open_store
from sync_server.store.migrate import migrate
from sync_server.store.occupancy import occupy
from sync_server.store.tables import districts, records


@dataclass(frozen=True)
class Restored:
    """What was done: the districts, where the replaced database lies, from where numbers go on."""

    districts: tuple[str, ...]
    aside: Path | None
    above: int


def restore(settings: Settings, backup: Path, now: datetime) -> Restored:
    """Put a backup in the place of the database, which is kept aside.

    PostgreSQL: the archive is loaded into the empty database of ``settings``. Raises Refusal:
    server_running, no_backup, not_a_backup, backup_of_other, backup_damaged, database_newer,
    database_not_empty, restore_failed, program_missing, disk_full, folder_unusable. What stood
    before still stands.
    """
    if not backup.is_file():
        raise Refusal("no_backup", file=str(backup))
    hold = occupy(settings.data, alone=True)
    try:
        try:
            return _restore(settings, backup, now)
        except Refusal as refusal:
            refusal.facts.setdefault("file", str(backup))
            raise
    finally:
        hold.release()


def _restore(settings: Settings, backup: Path, now: datetime) -> Restored:
    store = open_store(settings.database)
    if store.path is None:
        try:
            return _restore_postgresql(settings, store, backup, now)
        finally:
            store.close()
    database = store.path
    store.close()
    stamp = now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S")
    aside = database.with_name(f"{database.name}.before-restore-{stamp}")
    replaced = restoring.read_replaced(database)
    with restoring.sqlite_copy(backup, database) as scratch:
        copy = open_store(f"sqlite:///{scratch}")
        try:
            relocating.mark(copy, relocating.HERE)
            codes, above = _begin(settings, copy, replaced, now)
        finally:
            copy.close()
        kept = restoring.put_in_place(scratch, database, aside)
    return Restored(codes, aside if kept else None, above)


def _restore_postgresql(settings: Settings, store: Store, backup: Path, now: datetime) -> Restored:
    with store.reading() as connection:
        if not restoring.is_empty(connection):
            raise Refusal("database_not_empty")
    restoring.load_dump(store, backup)
    codes, above = _begin(settings, store, None, now)
    return Restored(codes, None, above)


def _begin(
    settings: Settings, store: Store, replaced: restoring.Replaced | None, now: datetime
) -> tuple[tuple[str, ...], int]:
    """Bring the restored database to today's tables, check it, and begin an epoch everywhere.

    Whom the replaced database kept out stays out.
    """
    migrate(store)
    remembered = floors.remembered(settings.data)
    known = replaced.highest if replaced else 0
    with store.writing() as connection:
        restoring.check_content(connection)
        above = max(known, remembered or 0, _highest(connection))
        if replaced is not None:
            restoring.keep_out(connection, replaced)
        codes = tuple(connection.scalars(sa.select(districts.c.district)))
        for code in codes:
            begin_epoch(connection, code, now, above_change_no=above + 1)
            audit.note(connection, code, now, "restore", detail={"above": above})
        begins = _highest(connection)
        floors.remember(settings.data, begins)
    return codes, begins


def _highest(connection: sa.Connection) -> int:
    """Return the highest change number or version of any district."""
    numbers = (sa.func.max(districts.c.change_no), sa.func.max(records.c.version))
    return max(connection.execute(sa.select(one)).scalar() or 0 for one in numbers)
