"""The two real programs as processes, each with its data, its port and its log."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.processes import Program, port_is_free
from field_app.services.workspace import Workspace, indexes
from field_app.store.vault import Vault
from tests.journeys.world import Books, Said, World, centre_command

PASSPHRASE = "正确的马 battery 42"
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a loopback port nothing listens on, of those no outgoing connection is given."""
    while not port_is_free(port := random.randrange(20_000, 32_000)):
        pass
    return port


def command(program: str, *arguments: str, typed: str = "", **environment: str) -> Said:
    """Run one of the programs as a process to its end, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


class CentreProgram(Program):
    """The centre on a copy of the small world."""

    def __init__(self, folder: Path, world: World) -> None:
        self.data = folder / "centre"
        self.port = free_port()
        self.log = folder / "centre.log"
        self.world = world
        self.books = Books(self.data / "centre.db")
        shutil.copytree(world.folder, self.data)
        arguments = ["sync_server", "--data", str(self.data), "--port", str(self.port)]
        super().__init__("sync_server", arguments, f"http://127.0.0.1:{self.port}", self.log)

    def command(self, name: str, *arguments: str) -> str:
        """Run a sub-command beside the running centre and return what it printed."""
        said = centre_command(name, "--data", str(self.data), *arguments)
        assert said.status == 0, said.err
        return said.out.strip()

    def join_code(self, no: str) -> str:
        """Return a join code for a worker's laptop."""
        return self.command("join-code", "--no", no)

    def add_worker(self, no: str, name: str, grid: str) -> str:
        """Add a grid worker and return the id."""
        facts = ("--no", no, "--name", name, "--role", "worker", "--scope", grid)
        return self.command("add-user", *facts)


class LaptopProgram(Program):
    """One laptop; it syncs by its button alone, so that a test knows when."""

    def __init__(self, folder: Path, name: str = "laptop", *options: str) -> None:
        self.data = folder / name
        self.port = free_port()
        self.log = folder / f"{name}.log"
        arguments = [
            "field_app", "--data", str(self.data), "--port", str(self.port), "--no-browser",
            "--no-auto-sync", *options,
        ]  # fmt: skip
        super().__init__("field_app", arguments, f"http://127.0.0.1:{self.port}", self.log)

    @contextmanager
    def store(self) -> Iterator[Workspace]:
        """Open the worker's store in this process; the laptop must be stopped."""
        vault = Vault(self.data, indexes=indexes())
        (worker,) = vault.workers()
        opened = vault.unlock(worker.worker_id, PASSPHRASE)
        try:
            yield Workspace(opened.db, lambda: _no_clock())
        finally:
            opened.close()


def _no_clock() -> None:
    raise AssertionError("reading a store asks no clock")
