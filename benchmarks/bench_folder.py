"""What the laptop's built folder costs, beside the same program from a checkout in the same run.

`python -m benchmarks.bench_folder [--records 10000] [--rounds 5] [--program FILE]`  (QUICK=1: two)

Both are started in turn on one store of that many records, the folder's without any environment:
until the unlock page answers, from the passphrase to 今日, and the memory held after that page.
Wall and processor seconds (on a busy machine the latter count). The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks import cpu
from benchmarks.bench_pages import PASSPHRASE, equip
from benchmarks.machine import tell
from benchmarks.rounds import interleaved, last_line, rounds_asked
from benchmarks.servers import free_port
from demo.pages import Visitor

PROGRAM = Path("dist") / "gridrounds-laptop" / "gridrounds"
WAIT_S = 120
NOTHING = {"PATH": "/nonexistent"}


def start(command: list[str], environment: dict[str, str], data: Path) -> dict[str, float]:
    """Start a program once, unlock it, end it; return what it took."""
    port = free_port()
    command = [*command, "--data", str(data), "--port", str(port), "--no-browser", "--no-auto-sync"]
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            visitor = Visitor(f"http://127.0.0.1:{port}")
            page = None
            while page is None:
                if process.poll() is not None or time.perf_counter() - begun > WAIT_S:
                    raise SystemExit("the program did not start")
                try:
                    page = visitor.open("/unlock")
                except requests.ConnectionError:
                    time.sleep(0.005)
            told = {
                "first_page_s": time.perf_counter() - begun,
                "first_page_cpu_s": cpu.seconds(process.pid),
                "fresh_mb": cpu.resident(process.pid) / 2**20,
            }
            begun = time.perf_counter()
            today = visitor.submit(page, page.form("passphrase"), {"passphrase": PASSPHRASE})
            if today.path != "/":
                raise SystemExit(f"not unlocked: {today.path}")
            told["unlock_to_today_s"] = time.perf_counter() - begun
            told["today_cpu_s"] = cpu.seconds(process.pid)
            told["today_mb"] = cpu.resident(process.pid) / 2**20
        finally:
            process.terminate()
    return told


def size_mb(folder: Path) -> float:
    """Return what a folder's files come to, in MB."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 2**20


def main() -> int:
    """Measure and print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("--records", type=int, default=10_000)
    asked.add_argument("--rounds", type=int)
    asked.add_argument("--program", type=Path, default=PROGRAM)
    args = asked.parse_args()
    program = args.program.resolve()
    if not program.is_file():
        raise SystemExit(f"{args.program} is not there: run `make laptop-folder` first")
    about: dict[str, Any] = tell()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "laptop"
        equip(data, args.records)
        programs = {
            "folder": ([str(program)], NOTHING),
            "checkout": ([sys.executable, "-m", "field_app"], dict(os.environ)),
        }
        told: dict[str, Any] = dict(
            interleaved(
                list(programs),
                rounds_asked(args.rounds),
                lambda name: start(*programs[name], data),
            )
        )
    told["folder_mb"] = size_mb(program.parent)
    for name, figures in told.items():
        print(f"{name:10} {figures}")
    return last_line("folder", {**about, **told}, {})


if __name__ == "__main__":
    raise SystemExit(main())
