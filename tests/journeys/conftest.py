"""Fixtures of the journeys: the small world, a centre on a copy of it, laptops."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.people import GridWorker
from tests.journeys.programs import (
    ROOT,
    CentreProgram,
    LaptopProgram,
    ServedCentre,
    ServedLaptop,
)
from tests.journeys.world import GRID, PERSONA, World, build_world, run_folder


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small world, built once for the whole test run."""
    return build_world(run_folder(tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are started from the checkout, wherever the tests are."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(autouse=True)
def _leave_nothing_behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Throw away what a test that passed has written: every one copies the whole world."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def centre(world: World, tmp_path: Path) -> Iterator[ServedCentre]:
    """The centre in this process, started."""
    with ServedCentre(tmp_path, world) as served:
        served.start()
        yield served


@pytest.fixture
def new_worker(centre: CentreProgram, tmp_path: Path) -> Iterator[Callable[..., GridWorker]]:
    """Seat workers at laptops of their own, in this process: joined, first sync done.

    ``new_worker()`` is the world's persona; ``new_worker("W1", "王小样")`` is added to her grid.
    """
    with ExitStack() as stack:

        def seat(no: str = PERSONA, name: str = "", road: str = "", grid: str = GRID) -> GridWorker:
            if no != PERSONA:
                centre.add_worker(no, name, grid)
            laptop = stack.enter_context(ServedLaptop(tmp_path, no))
            laptop.start()
            worker = GridWorker(laptop)
            worker.move_in(road or centre.address, centre.join_code(no), f"{no}号机")
            return worker

        yield seat


@pytest.fixture
def centre_process(world: World, tmp_path: Path) -> Iterator[CentreProgram]:
    """The centre as a process, not started yet; ended with the test."""
    with CentreProgram(tmp_path, world) as program:
        yield program


@pytest.fixture
def laptop_process(tmp_path: Path) -> Iterator[LaptopProgram]:
    """A laptop as a process, not started yet; ended with the test."""
    with LaptopProgram(tmp_path) as program:
        yield program
