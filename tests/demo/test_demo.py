"""``python -m demo`` as a person starts it: plays to the end, stops cleanly, refuses politely."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from demo.pages import Visitor
from demo.plan import Plan, empty_folder
from demo.processes import port_is_free
from demo.year import play_year
from tests.journeys.programs import ROOT, free_port

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(os.name == "nt", reason="sends SIGINT"),
]

LONGEST_S = 480
STOP_S = 15
CHINESE = re.compile(r"[\u3400-\u9fff]{2,}")


class Demo:
    """A running demo with its output in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = (free_port(), free_port())
        self.output = folder.with_suffix(".out")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        environment = {
            "DEMO_DIR": str(self.folder),
            "SERVER_PORT": str(self.ports[0]),
            "LAPTOP_PORT": str(self.ports[1]),
            "WORLD": "S",
        }
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "demo"],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text(encoding="utf-8")

    def wait_until(self, come: Callable[[], bool]) -> None:
        """Wait until something has come while it runs."""
        assert self._process
        deadline = time.monotonic() + LONGEST_S
        while not come():
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self) -> int:
        """Wait for its end and return its status."""
        assert self._process
        return self._process.wait(LONGEST_S)

    def enter(self) -> None:
        """Press Enter."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def interrupt(self) -> int:
        """Press Ctrl-C and return its status."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_S)

    def close(self) -> None:
        """End it whatever happened."""
        if self._process and self._process.poll() is None:
            self.interrupt()


@pytest.fixture
def demo(tmp_path: Path):
    """A demo on free ports, ended with the test."""
    demo = Demo(tmp_path / "demo")
    yield demo
    demo.close()


def test_it_plays_to_the_end_stops_on_ctrl_c_and_can_be_run_again(demo: Demo) -> None:
    demo.start()
    demo.wait_until(lambda: "Ctrl-C" in demo.said)
    told = json.loads((demo.folder / "demo.json").read_text(encoding="utf-8"))
    check_facts(told, demo)
    check_answers(told)
    check_link(told, demo)
    check_colleague(told)
    check_silent_laptop(told)
    check_killed(told, demo)
    steps = re.findall(r"^\[(\d+)/(\d+)\]", demo.said, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, int(steps[0][1]) + 1))
    assert demo.interrupt() == 0
    assert all(port_is_free(port) for port in demo.ports)

    # Again in the same folder, and stopped in the middle.
    demo.start()
    demo.wait_until(lambda: not (demo.folder / "centre.log").exists())
    demo.wait_until(lambda: (demo.folder / "centre" / "centre.db").exists())
    assert not (demo.folder / "demo.json").exists()
    before = demo.folder.with_name("demo-before")
    assert json.loads((before / "demo.json").read_text(encoding="utf-8")) == told
    assert demo.interrupt() == 0
    assert "Stopped" in demo.said
    assert all(port_is_free(port) for port in demo.ports)


def check_facts(told: dict[str, object], demo: Demo) -> None:
    """All that is printed is in demo.json too, and is true."""
    assert told["synthetic"] is True
    assert (told["world"], told["seed"]) == ("S", 1)
    server, laptop = (f"http://127.0.0.1:{port}" for port in demo.ports)
    assert (told["server"], told["laptop"]) == (server, laptop)
    accounts, worker = told["accounts"], told["worker"]
    assert isinstance(accounts, list)
    assert isinstance(worker, dict)
    assert {one["role"] for one in accounts} >= {"community", "street", "district", "admin"}
    printed = [server, laptop, worker["passphrase"], told["join_code"]]
    printed += [one[name] for one in accounts for name in ("no", "password")]
    assert [text for text in printed if str(text) not in demo.said] == []
    assert re.fullmatch(r"([0-9A-Z]{4}-){7}[0-9A-Z]{4}", worker["recovery_key"])


def check_answers(told: dict[str, object]) -> None:
    """Both programs are well, and every account, code and batch told of works."""
    for address in (told["server"], told["laptop"]):
        assert requests.get(f"{address}/healthz", timeout=10).json()["status"] == "ok"
    for one in told["accounts"]:
        visitor = Visitor(str(told["server"]))
        page = visitor.open("/sign-in")
        typed = {"no": one["no"], "password": one["password"]}
        assert visitor.submit(page, page.form("no", "password"), typed).path != "/sign-in"
    laptop = Visitor(str(told["laptop"]))
    page = laptop.open("/unlock")
    typed = {"passphrase": told["worker"]["passphrase"]}
    page = laptop.submit(page, page.form("worker_id", "passphrase"), typed)
    assert page.path == "/"
    assert told["worker"]["name"] in page.html
    outbox = laptop.open("/outbox").html
    states = set(re.findall(r'<li data-change="[^"]+" data-state="([^"]+)"', outbox))
    assert states == {"stored"}
    batch = Path(told["batch"]).read_bytes()
    headers = {
        "Authorization": f"Bearer {told['device_token']}",
        "Content-Type": "application/json",
    }
    answer = requests.post(
        f"{told['server']}/api/v1/sync", data=batch, headers=headers, timeout=30
    ).json()
    assert {one["outcome"] for one in answer["receipts"]} == {"duplicate"}
    assert len(answer["receipts"]) == len(json.loads(batch)["changes"]) >= 4


def check_link(told: dict[str, object], demo: Demo) -> None:
    """Enter takes the centre away from a laptop that goes on, and brings it back."""
    demo.enter()
    demo.wait_until(lambda: "中心连不上" in demo.said)
    assert port_is_free(demo.ports[0])
    assert requests.get(f"{told['laptop']}/healthz", timeout=10).ok
    demo.enter()
    demo.wait_until(lambda: "网络已恢复" in demo.said)
    assert requests.get(f"{told['server']}/healthz", timeout=10).ok


def check_killed(told: dict[str, object], demo: Demo) -> None:
    """A laptop that somebody kills, to see what becomes of his work, is started again."""
    processes = Path("/proc")
    if not processes.exists():  # macOS has no such list
        return
    laptop = f"{demo.folder / 'laptop'}\0".encode()
    (pid,) = (one.parent.name for one in processes.glob("[0-9]*/cmdline") if laptop in _read(one))
    os.kill(int(pid), signal.SIGKILL)
    demo.wait_until(lambda: "was started again" in demo.said)
    assert requests.get(f"{told['laptop']}/healthz", timeout=10).ok
    assert requests.get(f"{told['server']}/healthz", timeout=10).ok


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def check_silent_laptop(told: dict[str, object]) -> None:
    """Staff find a laptop that has not synced for days."""
    visitor = Visitor(str(told["server"]))
    page = visitor.open("/sign-in")
    account = next(one for one in told["accounts"] if one["role"] == "district")
    typed = {"no": account["no"], "password": account["password"]}
    visitor.submit(page, page.form("no", "password"), typed)
    silent = visitor.open("/devices?silent=3").html
    assert "W009005" in silent
    assert "4 天前" in silent


def check_colleague(told: dict[str, object]) -> None:
    """The second laptop holds the same grid: two people can change one household."""
    asked = {"code": told["join_code"], "device_name": "2", "public_key": "ab" * 32, "app": "1"}
    answer = requests.post(f"{told['server']}/api/v1/devices", json=asked, timeout=30).json()
    assert answer["worker"]["no"] == told["join_code_worker"]
    assert answer["worker"]["grids"] == [told["worker"]["grid"]]


def test_a_year_is_served_with_its_figures(tmp_path: Path) -> None:
    plan = Plan("B", 1, free_port(), free_port(), tmp_path / "demo")
    empty_folder(plan.folder)
    with ExitStack() as stack:
        play_year(plan, stack, part=200)
        told = json.loads((plan.folder / "demo.json").read_text(encoding="utf-8"))
        account = next(one for one in told["accounts"] if one["role"] == "district")
        visitor = Visitor(plan.server)
        page = visitor.open("/sign-in")
        typed = {"no": account["no"], "password": account["password"]}
        visitor.submit(page, page.form("no", "password"), typed)
        assert "处置率" in visitor.open(told["statistics"]).html
    assert port_is_free(plan.server_port)


def check_refusal(demo: Demo, *parts: str) -> None:
    demo.start()
    assert demo.end() == 1
    assert CHINESE.search(demo.said)
    assert "The demo did not finish" in demo.said
    assert "Traceback" not in demo.said
    for part in parts:
        assert part in demo.said


def test_a_folder_with_other_files_is_refused(demo: Demo) -> None:
    demo.folder.mkdir()
    (demo.folder / "wedding.jpg").write_bytes(b"dear")
    check_refusal(demo, str(demo.folder), "DEMO_DIR")
    assert [path.name for path in demo.folder.iterdir()] == ["wedding.jpg"]


@pytest.mark.parametrize("place", [0, 1])
def test_a_port_in_use_is_refused_before_anything_is_written(demo: Demo, place: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", demo.ports[place]))
        other.listen()
        check_refusal(demo, str(demo.ports[place]), ("SERVER_PORT", "LAPTOP_PORT")[place])
    assert not demo.folder.exists()
