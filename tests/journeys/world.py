"""The small world of the journeys: built once for a whole test run, copied for every test."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from sqlcipher3 import dbapi2 as sqlite

from sync_server.app import create_app
from sync_server.cli.main import run

DISTRICT = "990101"
GRID = "990101100009003"
PERSONA = "W009003"
NAME = "林示例"
FACTS = "facts.json"


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str


def run_here(work: Callable[[], int], typed: str = "") -> Said:
    """Run a command line in this process; ``typed`` is its standard input, no terminal."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr("sys.stdin", io.StringIO(typed))
        try:
            status = work()
        except SystemExit as end:
            status = int(end.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


def centre_command(*arguments: str, typed: str = "") -> Said:
    """Run the centre's command line in this process."""
    return run_here(lambda: run(list(arguments), create_app), typed)


@dataclass(frozen=True)
class World:
    """A built world: the folder of its centre, and its facts as the command printed them."""

    folder: Path
    facts: dict[str, Any]

    def password(self, no: str) -> str:
        """Return the password of a demo account."""
        return str(next(one["password"] for one in self.facts["accounts"] if one["no"] == no))


def build_world(run_folder: Path) -> World:
    """Return the world of this test run, building it in ``run_folder`` if nobody has yet.

    Its today is the real one, because the programs live in real time.
    """
    folder = run_folder / "small-world"
    with FileLock(run_folder / "small-world.lock"):
        if not (folder / FACTS).exists():
            shutil.rmtree(folder, ignore_errors=True)
            today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
            asked = ["--world", "S", "--today", today, "--json", "--data", str(folder / "centre")]
            said = centre_command("demo-world", *asked)
            assert said.status == 0, said.err
            (folder / FACTS).write_text(said.out, encoding="utf-8")
    return World(folder / "centre", json.loads((folder / FACTS).read_text(encoding="utf-8")))


def run_folder(base: Path) -> Path:
    """Return the folder that all parallel workers of this test run share."""
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


class Books:
    """What the centre has written down, read straight from its database file."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        with self._reading() as connection:
            cursor = connection.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def device_changes(self) -> list[dict[str, Any]]:
        """Return every change that came from a laptop, in the order of its stream."""
        return self.rows("SELECT * FROM changes WHERE device_id IS NOT NULL ORDER BY stream, seq")

    def outcomes(self) -> dict[str, int]:
        """Return how many changes of laptops had each outcome."""
        found = self.rows(
            "SELECT outcome, count(*) n FROM changes WHERE device_id IS NOT NULL GROUP BY outcome"
        )
        return {row["outcome"]: row["n"] for row in found}

    def record(self, record_id: str) -> dict[str, Any]:
        """Return one record with its fields read."""
        (row,) = self.rows("SELECT * FROM records WHERE record_id = ?", [record_id])
        return row | {"fields": json.loads(row["fields"])}

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything that a change can alter, to compare before and after."""
        tables = ("records", "changes", "conflicts", "aliases", "streams", "reseals")
        with self._reading() as connection:
            return {
                name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)
                for name in tables
            }

    def alter(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Change the database behind the program's back."""
        with self._reading() as connection:
            connection.execute(statement, values)
            connection.commit()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        # Not Python's own SQLite: it may carry the WAL-reset bug, and the centre is running.
        connection = sqlite.connect(str(self._database), timeout=15)
        try:
            yield connection
        finally:
            connection.close()
