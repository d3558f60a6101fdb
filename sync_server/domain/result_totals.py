"""Adding up what campaigns achieved: quantities of one item in one unit, exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Entry:
    """One result: which campaign, what, how much (text, as stored), in which unit (code)."""

    campaign_id: str
    item: str
    qty: str
    unit: str


@dataclass(frozen=True)
class Total:
    """What one item comes to in one unit, in how many results of how many campaigns."""

    item: str
    unit: str
    qty: Decimal
    results: int
    campaigns: int


def add_up(some: Iterable[Entry]) -> tuple[Total, ...]:
    """Return the totals by item and unit, by the item's name; different units are never added."""
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for one in some:
        found[one.item, one.unit].append(one)
    return tuple(
        Total(
            item, unit, sum((Decimal(one.qty) for one in entries), Decimal(0)), len(entries),
            len({one.campaign_id for one in entries}),
        )
        for (item, unit), entries in sorted(found.items())
    )  # fmt: skip
