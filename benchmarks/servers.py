"""The servers that are measured: PostgreSQL as in production, our centre, peers under gunicorn.

All listen on loopback alone, on free ports, with their data in one folder that is thrown away. What
is switched off for tests is on here: a commit waits for the disk.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks import cpu
from benchmarks.keepalive import Connection, request
from benchmarks.machine import tell
from sync_server import compiled
from tests import postgres

ROOT = Path(__file__).resolve().parents[1]
WORKERS, THREADS = 2, 8
START_S, STOP_S = 90, 20
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "5min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "effective_cache_size": "4GB",
}
"""PostgreSQL as for a small production machine; everything durable."""


class NotStarted(Exception):
    """A server did not come up; the text is what it said last."""


@dataclass(frozen=True)
class Database:
    """A running PostgreSQL."""

    server: postgres.Server

    @property
    def pid(self) -> int:
        """The first of its processes."""
        text = (self.server.folder / "data" / "postmaster.pid").read_text(encoding="ascii")
        return int(text.splitlines()[0])

    @property
    def version(self) -> str:
        """Its version."""
        said = subprocess.run(
            [str(self.server.bin / "postgres"), "--version"],
            capture_output=True, text=True, check=True, cwd="/",
            **postgres.as_postgres_user(),
        )  # fmt: skip
        return said.stdout.split()[2]

    def create(self, name: str) -> str:
        """Make an empty database and return its address for SQLAlchemy."""
        self.server.run_sql(f"CREATE DATABASE {name}")
        return self.server.url(name)

    def drop(self, name: str) -> None:
        """Give a database's room back."""
        self.server.run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def settle(self, name: str) -> None:
        """Let a database look at what it has, as it does by itself within a minute of work: without
        statistics it guesses how its rows are spread, and reads far more than it needs."""
        with psycopg.connect(self.plain_url(name), autocommit=True) as connection:
            connection.execute("ANALYZE")

    def plain_url(self, name: str) -> str:
        """Return a database's address for libpq."""
        return self.server.url(name, driver="")


def _end(number: int, frame: object) -> None:
    """End as Ctrl-C does, so that whatever was started is stopped."""
    raise SystemExit(128 + number)


@contextlib.contextmanager
def database(folder: Path) -> Iterator[Database]:
    """Run a durable PostgreSQL in a folder of its own; a terminated run still cleans up."""
    signal.signal(signal.SIGTERM, _end)
    place = folder / "postgresql"
    place.mkdir(parents=True)
    for parent in (place, *place.parents):  # PostgreSQL's own user has to reach it
        with contextlib.suppress(OSError):
            parent.chmod(parent.stat().st_mode | 0o011)
        if parent == folder:
            break
    server = postgres.start(place, DURABLE)
    try:
        yield Database(server)
    finally:
        postgres.stop(server)


@contextlib.contextmanager
def workplace(bench: str, at: Path | None) -> Iterator[tuple[Path, Database, dict[str, Any]]]:
    """Make a folder (in ``at``) that is thrown away, with a durable PostgreSQL; print and yield
    what the figures are measured on."""
    with (
        tempfile.TemporaryDirectory(
            prefix=f"bench-{bench}-", dir=at, ignore_cleanup_errors=True
        ) as made,
        database(Path(made)) as postgresql,
    ):
        versions = {"postgresql": postgresql.version, "compiled": compiled_modules()}
        yield Path(made), postgresql, tell(Path(made), **versions)


def compiled_modules() -> str:
    """Return how many of its modules a centre that is started now runs compiled."""
    fitting, all_of_them = compiled.fits(compiled.folder()), len(compiled.MODULES)
    return f"{fitting} of {all_of_them} modules" if fitting else "no modules"


class Server:
    """A program that serves at ``address`` until it is stopped; its output goes to a log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        log: Path,
        *,
        environment: dict[str, str] | None = None,
        health: str = "/healthz",
        folder: Path = ROOT,
        poll_s: float = 0.05,
    ) -> None:
        self.name, self.log = name, log
        self.address = f"http://127.0.0.1:{port}"
        self._command, self._health, self._folder = list(command), health, folder
        self._environment, self._poll_s = environment or {}, poll_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def cpu_s(self) -> float:
        """Return the processor seconds it and its children have spent."""
        return cpu.seconds(self.pid)

    def __enter__(self) -> Server:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**os.environ, "PYTHONUTF8": "1", **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + START_S
            while not self.answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise NotStarted(f"{self.name}: {self.last_words()}")
                time.sleep(self._poll_s)
        except BaseException:  # a run that is ended while it waits leaves nothing behind either
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def answers(self) -> bool:
        """Whether it answers at all."""
        line = Connection(self.address, timeout_s=5)
        try:
            return line.ask(request(self.address, "GET", self._health)).status < 500
        except (OSError, EOFError):
            return False
        finally:
            line.close()

    def last_words(self) -> str:
        """Return the end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace").strip()
        return "\n".join(text.splitlines()[-8:])

    def stop(self) -> None:
        """End it and whatever it started."""
        if self._process is None:
            return
        left = cpu.family(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait()
        self._process = None


def free_port() -> int:
    """Return a loopback port nothing listens on, below those given to outgoing connections."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise NotStarted("no free port")


_given: set[int] = set()


def centre(
    name: str,
    data: Path,
    log: Path,
    *,
    database_url: str = "",
    exchanges: int = THREADS,
) -> Server:
    """Return our centre as its own command line starts it."""
    port = free_port()
    command = [sys.executable, "-m", "sync_server", "--data", str(data), "--port", str(port),
               "--production", "--workers", str(WORKERS),
               "--exchanges", str(exchanges)]  # fmt: skip
    if database_url:
        command += ["--database-url", database_url]
    return Server(name, command, port, log)


def bare_flask(name: str, url: str, log: Path, *, schema: bool = False) -> Server:
    """Return the bare Flask peer under gunicorn, as many workers and threads as ours."""
    port = free_port()
    environment = {"BARE_DATABASE": url} | ({"BARE_SCHEMA": "1"} if schema else {})
    command = [sys.executable, *gunicorn(port, "benchmarks.peers.bare_flask:application")]
    return Server(name, command, port, log, environment=environment)


def gunicorn(port: int, application: str) -> list[str]:
    """Return gunicorn's arguments, the same for every Python peer."""
    return ["-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS),
            "--threads", str(THREADS), "--worker-class", "gthread", "--timeout", "120",
            "--no-control-socket", application]  # fmt: skip
