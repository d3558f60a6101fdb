"""A server under measurement never outlives its run, and its figures tell how it ran."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks import servers
from benchmarks.servers import NotStarted, Server, free_port
from sync_server import compiled


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


def test_figures_tell_whether_the_centre_ran_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(compiled.VARIABLE, str(tmp_path))
    assert servers.compiled_modules() == "no modules"
    module = compiled.MODULES[0]
    today = compiled.print_of(compiled.source_of(module).read_bytes())
    (tmp_path / compiled.name_of(module, today, b"code")).write_bytes(b"code")
    assert servers.compiled_modules() == f"1 of {len(compiled.MODULES)} modules"
    monkeypatch.setenv(compiled.VARIABLE, "0")
    assert servers.compiled_modules() == "no modules"
