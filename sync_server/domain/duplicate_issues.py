"""Which issues may be one matter reported twice.

Alike are two issues of one category, found within 72 hours of each other, at the same building or
at most 50 metres apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

WITHIN = timedelta(hours=72)
METRES = 50
_METRES_PER_DEGREE = 111_320
DEGREE = 1_000_000
"""Positions are in whole millionths of a degree."""
Case = Mapping[str, Any]


def span_lat() -> int:
    """Return how far apart in latitude two places of METRES distance are at most."""
    return math.ceil(METRES / _METRES_PER_DEGREE * DEGREE) + 1


def span_lon(lat: int) -> int:
    """Return how far apart in longitude two places of METRES distance are at most."""
    shrink = max(0.01, math.cos(math.radians(abs(lat) / DEGREE) + 1e-5))
    return math.ceil(span_lat() / shrink) + 1


def alike(one: Case, other: Case) -> bool:
    """Tell whether two issues (their facts as the table ``cases`` has them) may be one matter."""
    if one["issue_id"] == other["issue_id"] or one["category"] != other["category"]:
        return False
    if abs(one["happened_at"] - other["happened_at"]) > WITHIN:
        return False
    if one["building_id"] and one["building_id"] == other["building_id"]:
        return True
    away = metres(one, other)
    return away is not None and away <= METRES


def metres(one: Case, other: Case) -> float | None:
    """Return how far apart two issues are, None when one has no position."""
    if any(case[name] is None for case in (one, other) for name in ("lat", "lon")):
        return None
    north = (one["lat"] - other["lat"]) / DEGREE * _METRES_PER_DEGREE
    middle = math.radians((one["lat"] + other["lat"]) / 2 / DEGREE)
    east = (one["lon"] - other["lon"]) / DEGREE * _METRES_PER_DEGREE * math.cos(middle)
    return math.hypot(north, east)
