"""Several processes: started anew and ended without a request lost, counted and on duty as one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from schemas.exchange import API
from sync_server.store.occupancy import take_duty
from tests.postgres import free_port
from tests.sync_server.cli.lines import ROOT, command, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn needs a Unix"),
]

WAIT_S = 60
JOIN = {"code": "AAAA-AAAA-AAAA", "device_name": "本", "public_key": "ab" * 32, "app": "1"}


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(address: str, path: str = "healthz") -> int | str:
    """Ask over a line of its own; return the status, or what went wrong."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(address + path, timeout=WAIT_S).status_code
    except requests.RequestException as error:
        return repr(error)


def test_processes_are_started_anew_and_ended_without_a_request_lost(tmp_path: Path) -> None:
    asked = ("--data", tmp_path, "--production", "--workers", 2, "--json-logs")
    with logged(tmp_path / "log", *asked) as (process, address):
        master = psutil.Process(process.pid)
        wait_for(lambda: ask(address) == 200)
        first = workers(master)
        answers = renewed(master, first, address)
        assert set(answers) == {200}

        counted = sum(answers.values())
        wait_for(lambda: figure(address) >= counted)  # whichever process is asked tells of all
        wait_for(lambda: on_duty(tmp_path))

        half = begun_request(address)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert end_of(half) == b"403"
        process.wait(WAIT_S)
        assert process.returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {"gunicorn.error", "sync_server.web.request_log"} <= {one["logger"] for one in lines}
    assert [one for one in lines if one["level"] in ("ERROR", "CRITICAL")] == []
    assert take_duty(tmp_path, "imports") is not None


def on_duty(folder: Path) -> bool:
    """Whether one of the processes does the work of imports."""
    mine = take_duty(folder, "imports")
    if mine is not None:
        mine.release()
    return mine is None


@contextmanager
def logged(log: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the centre on a free port, its log in a file: a full pipe would stop it."""
    port = free_port()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command("--port", port, *arguments), cwd=ROOT, env=environment(),
            stdout=subprocess.DEVNULL, stderr=file,
        )  # fmt: skip
    try:
        yield process, f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()


def workers(master: psutil.Process) -> set[int]:
    return {one.pid for one in master.children()}


def renewed(master: psutil.Process, first: set[int], address: str) -> Counter[int | str]:
    """Ask without a pause while all workers are replaced; return the answers."""
    answers: Counter[int | str] = Counter()
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            answers[ask(address)] += 1

    asking = [threading.Thread(target=keep_asking) for _ in range(2)]
    for one in asking:
        one.start()
    try:
        master.send_signal(signal.SIGHUP)
        wait_for(lambda: len(workers(master)) == 2 and not workers(master) & first)
        wait_for(lambda: sum(answers.values()) > 20)
    finally:
        done.set()
        for one in asking:
            one.join()
    return answers


def figure(address: str) -> float:
    told = requests.get(f"{address}metrics", timeout=20).text
    found = re.search(r'gridrounds_requests_total\{.*route="/healthz".*\} ([0-9.]+)', told)
    return float(found[1]) if found else 0


def begun_request(address: str) -> socket.socket:
    """Send half of a request that a worker waits for."""
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    body = json.dumps(JOIN).encode()
    line = socket.create_connection((host, int(port)), timeout=WAIT_S)
    line.sendall(
        f"POST {API}/devices HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body[:10]
    )
    return line


def end_of(line: socket.socket) -> bytes:
    """Send the other half; return the status of the answer."""
    with line:
        line.sendall(json.dumps(JOIN).encode()[10:])
        return line.recv(4096).split(b" ")[1]
