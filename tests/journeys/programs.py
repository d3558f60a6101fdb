"""The two real programs as processes, each with its data, its port and its log."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from demo.processes import Program, port_is_free
from field_app.__main__ import main
from field_app.app import create_app as create_laptop
from field_app.services.connection import connects
from field_app.services.desk import Desk, wall_clock
from field_app.services.workspace import Workspace, indexes
from field_app.settings import Settings as LaptopSettings
from field_app.store.vault import Vault
from sync_server.app import app_of
from sync_server.services.centre import open_centre, utc_now
from sync_server.settings import Settings as CentreSettings
from tests.field_app.laptops import QUICK
from tests.journeys.world import Books, Said, World, centre_command, run_here

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


def laptop_command(*arguments: str) -> Said:
    """Run the laptop's command line in this process, without a terminal."""
    return run_here(lambda: main(list(arguments)))


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
    """One laptop; it syncs by its button alone, so that a test knows when.

    ``LAPTOP_PROGRAM`` names the program to play with in place of this checkout's: a folder built by
    ``make laptop-folder``, another system's under an emulator.
    """

    def __init__(self, folder: Path, name: str = "laptop", *options: str) -> None:
        self.data = folder / name
        self.port = free_port()
        self.log = folder / f"{name}.log"
        arguments = [
            "field_app", "--data", str(self.data), "--port", str(self.port), "--no-browser",
            "--no-auto-sync", *options,
        ]  # fmt: skip
        super().__init__("field_app", arguments, f"http://127.0.0.1:{self.port}", self.log)

    def command_line(self) -> list[str]:
        """Return what starts it: the program built as a folder, where one is named."""
        built = os.environ.get("LAPTOP_PROGRAM")
        return [built, *self._arguments[1:]] if built else super().command_line()

    def command(self, name: str, *arguments: str) -> Said:
        """Run a sub-command in this process, knowing the passphrase; the laptop must be stopped."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GRIDROUNDS_PASSPHRASE", PASSPHRASE)
            return laptop_command(name, "--data", str(self.data), *arguments)

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


class Served(Program):
    """Serves on its port from this process instead: the same program over the same sockets,
    started in no time, and not to be killed."""

    port: int
    ahead = timedelta(0)
    """How far its clock is ahead of this machine's: days go by when all are moved together."""

    def make_app(self) -> tuple[Flask, Callable[[], None]]:
        """Return the app and what closes its data."""
        raise NotImplementedError

    def start(self) -> None:
        """Listen and answer."""
        app, self._close = self.make_app()
        self._server = make_server("127.0.0.1", self.port, app, threaded=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return hasattr(self, "_server")

    def stop(self) -> None:
        """Answer nobody any more and close the data."""
        if self.running:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._close()
            del self._server

    def kill(self) -> None:
        """Refuse: it would take the test with it."""
        raise AssertionError("only a process can be killed")


class ServedCentre(Served, CentreProgram):
    """The centre in this process."""

    def make_app(self) -> tuple[Flask, Callable[[], None]]:
        """Open the database."""
        settings = CentreSettings(self.data, port=self.port)
        opened = open_centre(settings, lambda: utc_now() + self.ahead)
        return app_of(opened), opened.store.close


class ServedLaptop(Served, LaptopProgram):
    """A laptop in this process."""

    def make_app(self) -> tuple[Flask, Callable[[], None]]:
        """Sit down at the data folder, locked."""
        settings = LaptopSettings(self.data, port=self.port)
        # Guessing a passphrase costs as little as may be: tests unlock all the time.
        vault = Vault(self.data, argon=QUICK, indexes=indexes())
        desk = Desk(vault, connects(settings), lambda: wall_clock() + self.ahead, argon=QUICK)
        return create_laptop(settings, desk), desk.lock
