"""From measured figures to machines, storage, network and cost: a district to the nation.

`python -m benchmarks.arithmetic` reads what the last runs left in
``benchmarks/results/`` and prints a table in Markdown.

The load is the domain's (a city: 18,100 grids, 39,300 laptops, 36 million patrols and visits a
year, 58 % of laptops syncing at 17:30 ± 45 min, the peak minute at 12.5 laptops a second); the
costs are measured. Everything in between is here, in the open, to be done again with other numbers.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rounds import RESULTS

CHANGES_A_SYNC = 30
PEAK_SHARE_A_SECOND = 12.5 / 39_300
"""Of all laptops, those that come in each second of the peak minute."""
CHANGES_A_YEAR = 36_000_000 / 39_300 * 1.15
"""Patrols, visits, and 15 % for issues, their steps, photos and edits, of each laptop."""
PHOTOS_A_DAY, PHOTO_KB, DUTY_DAYS = 18_500 / 39_300, 280, 250
BUSY = 0.6
"""How much of its cores a server is planned to use in the peak minute."""
CORES = 8
"""Cores of one machine in the plan."""
COPIES = 2
"""A primary and its synchronous standby."""


@dataclass(frozen=True)
class Scale:
    """One size of administration."""

    name: str
    laptops: int
    districts: int


SCALES = (
    Scale("a district", 3_930, 1),
    Scale("a city", 39_300, 10),
    Scale("a province of ten", 393_000, 100),
    Scale("the nation", 4_500_000, 2_843),
)
"""The nation: 2,843 county-level units, and the 4.5 million grid workers that are commonly told."""


@dataclass(frozen=True)
class Measured:
    """What one change costs, as measured. Seconds are of one core; bytes as they travel or lie."""

    server_s_per_1000: float
    database_s_per_1000: float
    up_bytes: float
    down_bytes: float
    stored_bytes: float


@dataclass(frozen=True)
class Prices:
    """An example's prices, to be replaced by one's own."""

    core_hour: float = 0.30
    gb_month: float = 1.00
    currency: str = "CNY"


@dataclass(frozen=True)
class Needs:
    """What a scale needs."""

    scale: Scale
    peak_changes_s: float
    peak_cores: float
    application_machines: int
    database_machines: int
    changes_a_year: float
    stored_gb_a_year: float
    photo_tb_a_year: float
    peak_mbit_s: float


def needs(scale: Scale, cost: Measured) -> Needs:
    """Return what a scale needs in its peak minute and in a year."""
    peak = scale.laptops * PEAK_SHARE_A_SECOND * CHANGES_A_SYNC
    application = peak * cost.server_s_per_1000 / 1000 / BUSY
    storing = peak * cost.database_s_per_1000 / 1000 / BUSY
    yearly = scale.laptops * CHANGES_A_YEAR
    photos = scale.laptops * PHOTOS_A_DAY * DUTY_DAYS * PHOTO_KB * 1024
    return Needs(
        scale=scale,
        peak_changes_s=peak,
        peak_cores=application + storing,
        application_machines=max(2, math.ceil(application / CORES)),
        database_machines=COPIES * max(1, math.ceil(storing / CORES)),
        changes_a_year=yearly,
        stored_gb_a_year=yearly * cost.stored_bytes / 1e9,
        photo_tb_a_year=photos / 1e12,
        peak_mbit_s=peak * (cost.up_bytes + cost.down_bytes) * 8 / 1e6,
    )


def per_million(cost: Measured, prices: Prices) -> dict[str, float]:
    """Return what a million changes cost: core hours, gigabytes, and in money.

    ``taking_in`` is paid once, ``a_year`` each year that both copies are kept.
    """
    hours = (cost.server_s_per_1000 + COPIES * cost.database_s_per_1000) * 1000 / 3600
    stored = cost.stored_bytes * 1e6 / 1e9 * COPIES
    return {
        "core_hours": hours,
        "gb": stored,
        "taking_in": hours * prices.core_hour / BUSY,
        "a_year": stored * prices.gb_month * 12,
        "traffic_gb": (cost.up_bytes + cost.down_bytes) * 1e6 / 1e9,
    }


def measured(ingest: Mapping[str, Any]) -> Measured:
    """Return the costs from an ingest run's figures: as a laptop does it, all it takes included."""
    laptop = ingest["first_send"]["ours, as a laptop"]
    return Measured(
        server_s_per_1000=laptop["server_cpu_s_per_1000"],
        database_s_per_1000=laptop["database_cpu_s_per_1000"],
        up_bytes=laptop["up_bytes"],
        down_bytes=laptop["down_bytes"],
        stored_bytes=ingest["stored_bytes_per_change"]["ours"],
    )


def table(cost: Measured, prices: Prices) -> str:
    """Return the arithmetic as a Markdown table with its cost per million below."""
    head = (
        "| | laptops | changes/s in the peak minute | cores for it | application machines | "
        "database machines | changes a year | database a year, one copy | photos a year | "
        "traffic in the peak minute |"
    )
    rows = [head, "|" + "---|" * 10]
    for scale in SCALES:
        one = needs(scale, cost)
        rows.append(
            f"| {scale.name} | {scale.laptops:,} | {one.peak_changes_s:,.0f} | "
            f"{one.peak_cores:,.1f} | {one.application_machines:,} | {one.database_machines:,} | "
            f"{one.changes_a_year / 1e6:,.1f} million | {one.stored_gb_a_year:,.0f} GB | "
            f"{one.photo_tb_a_year:,.1f} TB | {one.peak_mbit_s:,.1f} Mbit/s |"
        )
    million = per_million(cost, prices)
    rows += [
        "",
        f"A million changes: {million['core_hours']:.2f} core hours, {million['gb']:.1f} GB on "
        f"both copies, {million['traffic_gb']:.1f} GB of traffic. At {prices.core_hour:.2f} "
        f"{prices.currency} a core hour and {prices.gb_month:.2f} {prices.currency} a gigabyte and "
        f"month: {million['taking_in']:.2f} {prices.currency} to take them in, "
        f"{million['a_year']:.0f} {prices.currency} for each year they are kept.",
    ]
    return "\n".join(rows)


def main() -> int:
    """Print the table from the last figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--results", type=Path, default=RESULTS / "ingest.json")
    parser.add_argument("--core-hour", type=float, default=Prices.core_hour)
    parser.add_argument("--gb-month", type=float, default=Prices.gb_month)
    parser.add_argument("--currency", default=Prices.currency)
    asked = parser.parse_args()
    ingest = json.loads(asked.results.read_text(encoding="utf-8"))
    prices = Prices(asked.core_hour, asked.gb_month, asked.currency)
    print(table(measured(ingest), prices))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
