"""From measured costs to machines."""

from __future__ import annotations

import pytest

from benchmarks.arithmetic import SCALES, Measured, Prices, measured, needs, per_million, table

COST = Measured(
    server_s_per_1000=0.3, database_s_per_1000=0.1, up_bytes=300, down_bytes=200, stored_bytes=3000
)


def test_a_citys_peak_minute_is_the_domains() -> None:
    city = needs(SCALES[1], COST)
    assert city.peak_changes_s == pytest.approx(12.5 * 30)
    assert city.peak_cores == pytest.approx(375 * 0.4 / 1000 / 0.6)
    assert city.changes_a_year == pytest.approx(36e6 * 1.15)


def test_nobody_runs_on_one_machine() -> None:
    smallest = needs(SCALES[0], COST)
    assert (smallest.application_machines, smallest.database_machines) == (2, 2)


def test_needs_grow_with_the_laptops() -> None:
    district, city = needs(SCALES[0], COST), needs(SCALES[1], COST)
    assert city.stored_gb_a_year == pytest.approx(10 * district.stored_gb_a_year)
    assert city.peak_mbit_s == pytest.approx(10 * district.peak_mbit_s)


def test_a_million_changes_cost_their_core_hours_and_their_room_twice() -> None:
    million = per_million(COST, Prices(core_hour=0.6, gb_month=1.0))
    assert million["core_hours"] == pytest.approx((0.3 + 2 * 0.1) * 1000 / 3600)
    assert million["gb"] == pytest.approx(6.0)
    assert million["a_year"] == pytest.approx(72.0)
    assert million["taking_in"] == pytest.approx(million["core_hours"])


def test_the_table_is_made_from_a_runs_figures() -> None:
    ingest = {
        "first_send": {
            "ours, as a laptop": {
                "server_cpu_s_per_1000": 0.3, "database_cpu_s_per_1000": 0.1, "up_bytes": 300.0,
                "down_bytes": 200.0,
            }
        },
        "stored_bytes_per_change": {"ours": 3000.0},
    }  # fmt: skip
    assert measured(ingest) == COST
    text = table(measured(ingest), Prices())
    assert all(scale.name in text for scale in SCALES)
