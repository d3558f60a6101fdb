"""Two PostgreSQL servers, a primary and its standby, as docs/operations.md says how to run them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from tests.postgres import (
    SETTINGS,
    SUPERUSER,
    Server,
    as_postgres_user,
    command,
    find_bin,
    free_port,
)

NAMES = ("a", "b")
STREAMING = {
    "wal_level": "replica",
    "max_wal_senders": "6",
    "hot_standby": "on",
    "wal_keep_size": "256MB",
}
DURABLE = {"fsync": "on", "full_page_writes": "on"}
WAIT_S = 60


@dataclass(frozen=True)
class Node:
    """One server: its name as a standby, its files, its port."""

    name: str
    server: Server

    @property
    def data(self) -> Path:
        """Its cluster."""
        return self.server.folder / f"data-{self.name}"

    @property
    def pid(self) -> int:
        """Its first process."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement, outside any transaction, and return what it gives."""
        with psycopg.connect(self.server.url(database, driver=""), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


class Pair:
    """A primary and a standby that take turns being either."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        if owner := as_postgres_user():
            shutil.chown(folder, owner["user"], owner["group"])
        source = find_bin(folder)
        nodes = [Node(name, Server(source, folder, free_port())) for name in NAMES]
        self.primary, self.standby = nodes
        self._places = ",".join(f"127.0.0.1:{node.server.port}" for node in nodes)
        self._settings = {**SETTINGS, **STREAMING} | (DURABLE if durable else {})
        del self._settings["synchronous_commit"]  # as it comes: on
        self._sync = [] if durable else ["--no-sync"]
        self._source = source

    def address(self, database: str) -> str:
        """Return the address of a database on whichever of the two takes writes."""
        return f"postgresql://{SUPERUSER}@{self._places}/{database}?target_session_attrs=read-write"

    def begin(self, *, synchronous: bool = True) -> None:
        """Make and start both."""
        options = ["-A", "trust", "-E", "UTF8", "--locale=C", "-U", SUPERUSER, *self._sync]
        command(self._source, "initdb", "-D", str(self.primary.data), *options)
        self.start(self.primary)
        self.follow(synchronous=synchronous)

    def start(self, node: Node) -> None:
        """Start a server and wait until it answers."""
        said = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        command(
            self._source, "pg_ctl", "start", "-w", "-t", str(WAIT_S), "-D", str(node.data),
            "-l", str(node.server.folder / f"log-{node.name}"),
            "-o", f"-p {node.server.port} {said}",
        )  # fmt: skip

    def follow(self, *, synchronous: bool = True) -> None:
        """Make the standby anew from the primary; nothing is confirmed without it from then on."""
        shutil.rmtree(self.standby.data, ignore_errors=True)
        source = f"host=127.0.0.1 port={self.primary.server.port} user={SUPERUSER}"
        command(
            self._source, "pg_basebackup", "-D", str(self.standby.data), "-R", "-X", "stream",
            "-c", "fast", "-d", f"{source} application_name={self.standby.name}", *self._sync,
        )  # fmt: skip
        self.start(self.standby)
        if synchronous:
            # Only now, or the copy would wait for a standby as well when it is the primary.
            self.primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{self.standby.name}'")
            self.primary.ask("SELECT pg_reload_conf()")
        wanted = "sync" if synchronous else "async"
        self._wait(
            lambda: (wanted,) in self.primary.ask("SELECT sync_state FROM pg_stat_replication")
        )

    def catch_up(self) -> None:
        """Wait until the standby has all there is."""
        behind = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()"
        self._wait(lambda: self.primary.ask(behind) == [(0,)])

    def kill_primary(self) -> None:
        """End the primary with SIGKILL, every process of it: each is a group of its own."""
        first = psutil.Process(self.primary.pid)
        others = first.children(recursive=True)
        for one in (first, *others):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(others, 10)

    def promote(self) -> None:
        """Make the standby the primary; the dead one may become its standby by ``follow``."""
        command(
            self._source, "pg_ctl", "promote", "-w", "-t", str(WAIT_S), "-D", str(self.standby.data)
        )
        self.primary, self.standby = self.standby, self.primary

    def stop_standby(self) -> None:
        """End the standby in order; its data stays."""
        command(self._source, "pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.standby.data))

    def end(self) -> None:
        """Stop whatever still runs."""
        for node in (self.primary, self.standby):
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                command(self._source, "pg_ctl", "stop", "-m", "immediate", "-D", str(node.data))

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError("the servers did not get ready")
            time.sleep(0.05)


@contextmanager
def replicas(*, durable: bool = False, synchronous: bool = True) -> Iterator[Pair]:
    """Run a pair for the block; skips the test where there is no PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-replicas-"))
    try:
        pair = Pair(folder, durable=durable)
        try:
            pair.begin(synchronous=synchronous)
            yield pair
        finally:
            pair.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
