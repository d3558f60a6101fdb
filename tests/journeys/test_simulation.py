"""A district of laptops under all faults at once, by seeds; GRIDROUNDS_SEEDS says how many.

A seed that fails is named by its test and runs alone by it:
``GRIDROUNDS_SEEDS=18 pytest tests/journeys/test_simulation.py -k seed-17``.
Seeds that once failed stay in ``FAILED``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.journeys.simulation.centre import Cluster
from tests.journeys.simulation.district import SMALL, build_district, district
from tests.journeys.simulation.verdict import judge
from tests.postgres import Server

pytestmark = pytest.mark.journey

SEEDS = int(os.environ.get("GRIDROUNDS_SEEDS", "5"))
SEEDS_ON_POSTGRES = max(SEEDS // 8, 1)
FAILED = [22]
"""Seeds that once failed and are always run. 22: a change is written over a refused one, whose
writer had seen what both replace."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A centre and laptops that have joined, to be copied."""
    folder = tmp_path_factory.mktemp("district") / "template"
    build_district(folder)
    return folder


@pytest.mark.parametrize("seed", sorted({*range(SEEDS), *FAILED}), ids=lambda seed: f"seed-{seed}")
def test_all_faults_at_once_lose_nothing(template: Path, tmp_path: Path, seed: int) -> None:
    with district(str(seed), template, tmp_path / "run") as run:
        judge(run)


@pytest.fixture
def cluster(postgres_server: Server, postgres_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """The disk of a centre on PostgreSQL; what it makes on the server goes with it."""
    disk = Cluster(
        tmp_path / "run", postgres_server.run_sql, postgres_server.url, f"run_{uuid4().hex[:12]}"
    )
    postgres_server.run_sql(f"CREATE DATABASE {disk.made[0]}")
    yield disk
    for name in disk.made:
        postgres_server.run_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("seed", range(SEEDS_ON_POSTGRES), ids=lambda seed: f"seed-{seed}")
def test_all_faults_at_once_lose_nothing_on_postgresql(
    cluster: Cluster, tmp_path: Path, seed: int
) -> None:
    build_district(tmp_path / "run", SMALL, cluster)
    shutil.copytree(tmp_path / "run", tmp_path / "template")
    with district(str(seed), tmp_path / "template", tmp_path / "run", SMALL, cluster) as run:
        judge(run)


def test_a_seed_says_all_that_happens(template: Path, tmp_path: Path) -> None:
    logs = []
    for name in ("once", "again"):
        with district("1", template, tmp_path / name) as run:
            run.trouble()
            run.peace()
            logs.append((run.done, run.tally, run.book.entries))
    assert logs[0] == logs[1]
