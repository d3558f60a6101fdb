"""Districts of laptops under all faults at once, many of them, in one process for each core.

``run`` says what lived through it: laptops, changes, faults by type, and what was violated (named
by the seed, which ``python -m tests.torture.simulation SEED`` runs alone).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import logging
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests.field_app.laptops import GRID, NEXT_GRID
from tests.journeys.simulation.centre import Cluster, Disk
from tests.journeys.simulation.chance import Tally
from tests.journeys.simulation.district import Plan, build_district, district
from tests.journeys.simulation.verdict import judge

LAPTOPS, CHANGES, FAULTS = 1_000, 100_000, 10_000
"""What a run of scale 1 reaches at least."""
THIRD_GRID = "990101100009005"
BUSY = Plan(
    "busy",
    {"a1": ("wa", (GRID,)), "a2": ("wa", (GRID,)), "b1": ("wb", (GRID,)),
     "c1": ("wc", (NEXT_GRID,)), "d1": ("wd", (NEXT_GRID, THIRD_GRID)),
     "e1": ("we", (THIRD_GRID,))},
    steps=170,
    most_machines=9,
    work_at_once=12,
)  # fmt: skip
"""A district of the big run: more workers, more at a time."""
RAM = Path("/dev/shm")


def run(scale: float, database: str | None, first_seed: int = 0) -> dict[str, Any]:
    """Run districts until laptops, changes and faults are as many as ``scale`` asks for.

    ``database`` is the address of a PostgreSQL server; None: SQLite. The districts' seeds are
    ``first_seed`` and those after it. ``violations`` must be empty.
    """
    wanted = {"laptops": LAPTOPS * scale, "changes": CHANGES * scale, "faults": FAULTS * scale}
    began, faults, sums = time.monotonic(), Counter[str](), Counter[str]()
    violations: list[str] = []
    with _pool(database) as pool:
        seeds = itertools.count(first_seed)
        waiting = {pool.submit(one_district, next(seeds)) for _ in range(_processes())}
        while waiting:
            done, waiting = concurrent.futures.wait(
                waiting, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                found = future.result()
                faults += Counter(found["faults"])
                sums += Counter({name: found[name] for name in ("laptops", "changes", "updates")})
                violations += found["violations"]
                sums["districts"] += 1
                sums["faults"] = sum(faults.values())
                if any(sums[name] < most for name, most in wanted.items()) and not violations:
                    waiting.add(pool.submit(one_district, next(seeds)))
    return {
        "seeds": f"{first_seed} to {first_seed + sums['districts'] - 1}",
        **{name: sums[name] for name in ("districts", "laptops", "changes", "updates")},
        "faults": sums["faults"],
        "faults_by_type": dict(sorted(faults.items())),
        "violations": violations,
        "seconds": round(time.monotonic() - began, 1),
    }


def one_district(seed: int) -> dict[str, Any]:
    """Live through one district; return its figures, and its violation if there was one."""
    folder = Path(tempfile.mkdtemp(prefix=f"run-{seed}-", dir=_here.folder))
    disk = _here.disk(folder)
    violations, tally, figures = [], Tally(), {"laptops": 0, "changes": 0, "updates": 0}
    try:
        with district(f"torture {seed}", _here.template, folder / "run", BUSY, disk) as lived:
            try:
                judge(lived)
            except Exception:
                violations.append(f"seed {seed}: {traceback.format_exc(limit=-3)[:3000]}")
            tally = lived.tally
            figures = {
                "laptops": len(lived.machines),
                "changes": sum(entry.at is not None for entry in lived.book.entries.values()),
                "updates": lived.listener.updates,
            }
    except Exception:
        violations.append(f"seed {seed}: {traceback.format_exc(limit=-3)[:3000]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _here.forget(disk)
    return {**figures, "faults": dict(tally), "violations": violations}


class _Here:
    """What one process builds once: the template of a district, on files or on a server."""

    folder: Path
    template: Path

    def __init__(self) -> None:
        self._server = ""
        self._database = ""

    def prepare(self, folder: str, server: str | None) -> None:
        """Build the template in this process's own folder."""
        logging.disable(logging.CRITICAL)
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.template = self.folder / "template"
        self._server = server or ""
        disk = None
        if server:
            self._database = f"torture_{uuid.uuid4().hex[:12]}"
            self.run_sql(f"CREATE DATABASE {self._database}")
            disk = Cluster(self.template, self.run_sql, self.url_of, self._database)
        build_district(self.template, BUSY, disk)

    def disk(self, folder: Path) -> Disk:
        """Return the centre's disk for a run in ``folder``."""
        if not self._server:
            return Disk(folder / "run")
        name = f"torture_{uuid.uuid4().hex[:12]}"
        self.run_sql(f"CREATE DATABASE {name} TEMPLATE {self._database}")
        return Cluster(folder / "run", self.run_sql, self.url_of, name)

    def forget(self, disk: Disk) -> None:
        """Drop the databases a run has made."""
        if isinstance(disk, Cluster):
            for name in disk.made:
                self.run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url_of(self, name: str) -> str:
        """Return the address of a database of the server."""
        url = make_url(self._server).set(database=name, drivername="postgresql+psycopg")
        return url.render_as_string(hide_password=False)

    def run_sql(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        url = make_url(self._server).set(drivername="postgresql")
        with psycopg.connect(
            url.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


_here = _Here()


@contextlib.contextmanager
def _pool(database: str | None) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    folder = tempfile.mkdtemp(prefix="gridrounds-", dir=RAM if os.access(RAM, os.W_OK) else None)
    try:
        with concurrent.futures.ProcessPoolExecutor(
            _processes(),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
            initargs=(folder, database),
        ) as pool:
            yield pool
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: str, server: str | None) -> None:
    _here.prepare(folder, server)


def _processes() -> int:
    return max(len(os.sched_getaffinity(0)), 1) if hasattr(os, "sched_getaffinity") else 2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        _here.prepare(place, None)
        print(one_district(int(sys.argv[1])))
