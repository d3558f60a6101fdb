"""Older copies of the database: told from every other file, and taken away when there are many."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from sqlcipher3 import dbapi2 as sqlite

from sync_server.domain.errors import Refusal
from sync_server.store.copying import SCRATCH
from sync_server.store.folders import disk_trouble, sync_folder
from sync_server.store.restoring import OURS, check_dump

STILL_WRITTEN_S = 86_400.0
"""Whatever nobody has written to for so long, nobody is writing any more."""


def remove_older(newest: Path, named: re.Pattern[str], keep: int) -> Iterator[Path]:
    """Remove copies beside ``newest`` until ``keep`` are left, and yield each once it is gone.

    Only files that are ``named`` so, end as ``newest`` does and hold our tables are counted and
    removed, the first by name first; ``newest`` stays whatever its name, and so does the last by
    name, whoever else removes. Raises Refusal: backup_not_removed, folder_unusable.
    """
    folder = newest.parent
    with disk_trouble(folder):
        found = sorted(one for one in folder.iterdir() if named.fullmatch(one.name))
        ours = [one for one in found if one.suffix == newest.suffix and _is_ours(one)]
    for old in ours[:-keep]:
        if old == newest:
            continue
        try:
            old.unlink(missing_ok=True)
            sync_folder(folder)
        except OSError as err:
            raise Refusal("backup_not_removed", file=str(old), words=err.strerror or "") from err
        yield old


def remove_unfinished(folder: Path, named: re.Pattern[str]) -> None:
    """Remove what backups that were killed left half-written under names that are ``named`` so.

    One that somebody still writes is younger than a day. What cannot be removed stays.
    """
    with suppress(OSError):
        for one in folder.glob(f"*{SCRATCH}*"):
            whole, _, rest = one.name.partition(SCRATCH)
            if not named.fullmatch(whole) or rest not in ("", "-journal"):
                continue
            with suppress(OSError):
                if time.time() - one.stat().st_mtime > STILL_WRITTEN_S:
                    one.unlink()


def _is_ours(file: Path) -> bool:
    """Whether a file is a copy of a centre, looked into no further than its list of tables."""
    if file.is_symlink() or not file.is_file():
        return False
    if file.suffix != ".db":
        try:
            check_dump(file)
        except Refusal as refusal:
            if refusal.code == "program_missing":
                raise
            return False
        return True
    address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite.connect(address, uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    except (sqlite.Error, UnicodeDecodeError):
        return False
    return tables >= OURS
