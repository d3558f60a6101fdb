"""Whatever the order and the road, the same values are kept (invariant I6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.simulation.district import build_district, district
from tests.journeys.simulation.orders import deliver, kept_values, offline_day
from tests.journeys.simulation.verdict import Verdict

pytestmark = pytest.mark.journey

ORDERS = 3


@pytest.mark.parametrize("day", range(1))
def test_the_order_of_arrival_changes_nothing_that_is_kept(tmp_path: Path, day: int) -> None:
    build_district(tmp_path / "template")
    results = []
    for order in range(ORDERS):
        with district(f"day {day}", tmp_path / "template", tmp_path / "run") as run:
            offline_day(run)
            entered = sorted(run.book.entries)
            deliver(run, f"order {order}", stick=order == ORDERS - 1)
            Verdict(run).check()
            results.append((entered, kept_values(run)))
    assert all(result == results[0] for result in results)
