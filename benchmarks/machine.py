"""What a figure was measured on: cores, memory, disk and versions, without the machine's name."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from sqlcipher3 import dbapi2 as sqlite

LIBRARIES = ("flask", "gunicorn", "marshmallow", "psycopg", "sqlalchemy", "sqlcipher3", "waitress")


def machine(folder: Path | None = None) -> dict[str, Any]:
    """Return what this machine is; ``fsync_ms`` is the median of its disk under ``folder``."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "fsync_ms": round(fsync_ms(folder), 2),
        "busy_before": round(psutil.cpu_percent(0.5) / 100, 2),
    }


def versions() -> dict[str, str]:
    """Return the versions that matter to the figures."""
    found = {"python": platform.python_version(), "sqlite": sqlite.sqlite_version}
    for name in LIBRARIES:
        found[name] = metadata.version(name)
    return found


def tell(folder: Path | None = None, **more: str) -> dict[str, Any]:
    """Print the machine and the versions, and return them for the last line's JSON."""
    here, built = machine(folder), versions() | more
    print(
        f"{here['cores']} cores ({here['processor']}), {here['memory_gb']} GB, {here['system']}, "
        f"fsync {here['fsync_ms']} ms, {here['busy_before']:.0%} busy before"
    )
    print(", ".join(f"{name} {version}" for name, version in built.items()), flush=True)
    return {"machine": here, "versions": built}


def fsync_ms(folder: Path | None, times: int = 30) -> float:
    """Return the median milliseconds of writing 8 KB and waiting for the disk."""
    spent = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(times):
            file.write(b"x" * 8192)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def _processor() -> str:
    """Return the processor's model where the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.machine()
