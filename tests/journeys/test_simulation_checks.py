"""The checks are checked: with a defect put into either program the simulation must find it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.journeys.simulation.defects import (
    DEFECTS,
    Defect,
    timer_not_armed_again,
    whole_district_told,
)
from tests.journeys.simulation.district import build_district, district, left_to_themselves
from tests.journeys.simulation.verdict import Verdict, judge

pytestmark = pytest.mark.journey

MOST_TRIES = 40


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A centre and laptops that have joined, to be copied."""
    folder = tmp_path_factory.mktemp("district") / "template"
    build_district(folder)
    return folder


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_defect_does_not_get_by(
    template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, defect: Defect
) -> None:
    caplog.set_level(logging.ERROR)
    first, often = DEFECTS[defect]
    for seed in range(first, first + MOST_TRIES):
        with district(str(seed), template, tmp_path / "run") as run:
            defect(run.patch)
            run.house.restart()
            run.favour(often)
            try:
                judge(run, again=False)
            except AssertionError:
                assert not _broken(caplog.records), "the defect itself does not work"
                return
    pytest.fail(f"{defect.__name__} went unnoticed")


def _broken(told: list[logging.LogRecord]) -> list[str]:
    """Return what was logged of errors that a defect put in wrongly makes: it would be noticed for
    those."""
    kinds = (one.exc_info[0] for one in told if one.exc_info)
    return [kind.__name__ for kind in kinds if kind in (TypeError, AttributeError, NameError)]


def test_what_is_told_too_much_is_heard_on_either_road(template: Path, tmp_path: Path) -> None:
    with district("told", template, tmp_path / "run") as run:
        run.first_records()
        (laptop,) = (machine for machine in run.machines if machine.worker == "wc")
        run.hand.create(laptop, "household", None)
        run.sticks.write(laptop, None)
        (file,) = run.sticks.batches
        assert run.sticks.take_in(file, 0.0)
        assert run.listener.by_stick
        assert set(laptop.disk) <= run.listener.confirmed
        assert run.listener.wrong == []
        whole_district_told(run.patch)
        for road in (laptop.sync, lambda: run.sticks.take_in(file, 0.0)):
            run.listener.wrong.clear()
            road()
            with pytest.raises(AssertionError):
                Verdict(run).nothing_let_out()


def test_left_to_themselves_laptops_bring_everything_home(template: Path, tmp_path: Path) -> None:
    with district("alone", template, tmp_path / "run") as run:
        left_to_themselves(run)


def test_a_timer_that_is_not_armed_again_does_not_get_by(
    template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    with district("alone", template, tmp_path / "run") as run:
        timer_not_armed_again(run.patch)
        with pytest.raises(AssertionError):
            left_to_themselves(run)
