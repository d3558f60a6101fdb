"""Fixtures of the journeys: the small world, a centre on a copy of it, laptops, a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.line import Line
from tests.journeys.programs import ROOT, CentreProgram, LaptopProgram
from tests.journeys.world import World, build_world, run_folder


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small world, built once for the whole test run."""
    return build_world(run_folder(tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are started from the checkout, wherever the tests are."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def centre(world: World, tmp_path: Path) -> Iterator[CentreProgram]:
    """The centre, not started yet; ended with the test."""
    with CentreProgram(tmp_path, world) as program:
        yield program


@pytest.fixture
def new_laptop(tmp_path: Path) -> Iterator[Callable[..., LaptopProgram]]:
    """Make laptops by name; started ones are ended with the test."""
    with ExitStack() as stack:
        yield lambda *named: stack.enter_context(LaptopProgram(tmp_path, *named))


@pytest.fixture
def line(centre: CentreProgram) -> Iterator[Line]:
    """The line to the centre."""
    with Line(centre.address) as line:
        yield line
