"""The programs of the demo as processes: started, watched until they answer, stopped cleanly."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import requests

START_S = 60
STOP_S = 10
NEW_GROUP_ON_WINDOWS = 0x200


class ProgramFailed(Exception):
    """A program ended or did not answer; the text is what it said last."""


def port_is_free(port: int) -> bool:
    """Tell whether a program could listen on this loopback port."""
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def run(arguments: list[str], **environment: str) -> tuple[str, str]:
    """Run one of the programs to its end; return what it printed and what it said on the side.

    Raises ProgramFailed.
    """
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **environment, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise ProgramFailed(done.stderr.strip() or done.stdout.strip())
    return done.stdout, done.stderr


class Program:
    """A program that serves until it is stopped; its output goes to a log file."""

    def __init__(self, name: str, arguments: list[str], address: str, log: Path) -> None:
        self.name = name
        self.address = address
        self._arguments = arguments
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until ``/healthz`` answers; raise ProgramFailed."""
        # A process group of its own: Ctrl-C reaches the demo alone, which then stops the
        # programs in order.
        on_windows = os.name == "nt"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command_line(),
                env={**os.environ, "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                creationflags=NEW_GROUP_ON_WINDOWS if on_windows else 0,
                start_new_session=not on_windows,
            )
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ProgramFailed(self.last_words())
            time.sleep(0.1)

    def command_line(self) -> list[str]:
        """Return what starts it."""
        return [sys.executable, "-m", *self._arguments]

    def answers(self) -> bool:
        """Tell whether it says that it is well."""
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{self.address}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Whether the process, once started, ended without being stopped."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and end it when it does not within ten seconds."""
        if self._process is None:
            return
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                if sys.platform == "win32":
                    self._process.send_signal(signal.CTRL_BREAK_EVENT)
                else:
                    self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, as a flat battery would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def last_words(self) -> str:
        """Return the end of its log, with its name."""
        text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        return f"{self.name}: " + ("\n".join(text.splitlines()[-5:]) or "no answer")

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
