"""A server under measurement never outlives its run."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.servers import NotStarted, Server, free_port


def test_a_run_that_is_ended_while_a_server_starts_leaves_none_behind(tmp_path: Path) -> None:
    class Ended(Server):
        """The run is ended while this one is waited for."""

        def answers(self) -> bool:
            started.append(self.pid)
            raise SystemExit(143)

    started: list[int] = []
    forever = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(SystemExit), Ended("forever", forever, free_port(), tmp_path / "log"):
        pass
    assert not psutil.pid_exists(started[0])


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no room')"]
    with (
        pytest.raises(NotStarted, match="broken: no room"),
        Server("broken", broken, free_port(), tmp_path / "log"),
    ):
        pass
