"""The programs as processes that start at once: forks of one that has everything loaded.

A power cut costs a restart; loading the modules anew for each would be most of a test's time. Run
as a program, this module reads a line of JSON for each fork and answers with its process id.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from demo.processes import START_S, Program, ProgramFailed
from tests.journeys.programs import ROOT, CentreProgram, LaptopProgram


class Zygote:
    """The process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def fork(self, arguments: list[str], log: Path) -> int:
        """Start ``python -m`` with these arguments and return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([arguments, str(log)]) + "\n")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; its forks are ended by whoever started them."""
        self._process.communicate()


class Forked(Program):
    """A program started by the zygote."""

    zygote: Zygote
    _pid = 0

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._pid = self.zygote.fork(self._arguments, self._log)
        deadline = time.monotonic() + START_S
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                raise ProgramFailed(self.last_words())
            time.sleep(0.02)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, 0)
            return self._pid > 0
        return False

    def kill(self) -> None:
        """End it at once, as a flat battery would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        while self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)
            time.sleep(0.01)
        self._pid = 0


class ForkedCentre(Forked, CentreProgram):
    """The centre, quickly started."""


class ForkedLaptop(Forked, LaptopProgram):
    """A laptop, quickly started."""


@contextlib.contextmanager
def zygote() -> Iterator[Zygote]:
    """Have a zygote for a while."""
    running = Zygote()
    try:
        yield running
    finally:
        running.close()


def serve_forks() -> None:
    """Fork as told until standard input ends."""
    from field_app.__main__ import main as field_app
    from sync_server.app import create_app
    from sync_server.cli.main import run as sync_server

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        (program, *arguments), log = json.loads(line)
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(0)
        status = 1
        try:
            if program == "field_app":
                status = field_app(arguments)
            else:
                status = sync_server(arguments, create_app)
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(status)


if __name__ == "__main__":
    serve_forks()
