"""An error nobody caught, of the program, a thread or one of gunicorn's processes, is written
without what a database's driver says of a row."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.sync_server.cli.lines import ROOT, environment

NAME = "LinShili"
FAILING = f"""
import socket, sys, threading
import sqlalchemy as sa
from schemas.plain_logs import tell_uncaught
from sync_server.cli import logs, processes

def fail(*_):
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:name)"), {{"name": "{NAME}"}})
    raise AssertionError

class Dropped:
    def __del__(self):
        fail()

tell_uncaught()
"""
THREAD = "one = threading.Thread(target=fail); one.start(); one.join()"
WORKERS = """
logs.set_up(False)
processes.serve(fail, socket.create_server(("127.0.0.1", 0)), workers=1, threads=1)
"""


def said_by(*lines: str) -> str:
    """Return what a program writes on standard error; its frames show no line that we wrote."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join((FAILING, *lines))],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("line", ["fail()", THREAD, "Dropped()", f"logs.set_up(True)\n{THREAD}"])
def test_an_error_nobody_caught_leaves_no_name_on_standard_error(line: str) -> None:
    said = said_by(line)
    assert "sqlalchemy.exc.OperationalError" in said
    assert "in fail" in said
    assert NAME not in said


@pytest.mark.skipif(os.name == "nt", reason="gunicorn needs a Unix")
def test_a_process_that_cannot_open_the_centre_leaves_no_name_on_standard_error() -> None:
    said = said_by(WORKERS)
    assert "a worker failed" in said
    assert "sqlalchemy.exc.OperationalError" in said
    assert "Worker failed to boot" in said
    assert NAME not in said
