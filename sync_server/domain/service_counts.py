"""What is counted about service requests: items and person-times apart, the share that
meets each of the four clocks and the whole standard, satisfaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.service_clocks import NAMES, Clock, Name, judged, reaches
from schemas.service_flow import CANCELLED, OPEN_STATES, REQUESTED

SATISFIED = 4
"""The least rating that counts as satisfied."""


@dataclass
class Share:
    """How many reached something of those for which it is decided; ``running`` are not yet."""

    met: int = 0
    late: int = 0
    running: int = 0

    @property
    def decided(self) -> int:
        """How many the share is of."""
        return self.met + self.late

    @property
    def percent(self) -> float | None:
        """The share in percent; None where nothing is decided."""
        return 100 * self.met / self.decided if self.decided else None


@dataclass
class Counts:
    """The figures of some requests. ``items`` are all but the cancelled ones."""

    items: int = 0
    cancelled: int = 0
    waiting: int = 0
    """Not accepted yet: no clock runs."""
    open: int = 0
    done: int = 0
    person_times: int = 0
    clocks: dict[Name, Share] = field(default_factory=lambda: {name: Share() for name in NAMES})
    whole: Share = field(default_factory=Share)
    ratings: int = 0
    satisfied: int = 0

    @property
    def satisfaction(self) -> float | None:
        """Ratings of 4 and more, in percent of all ratings; None without ratings."""
        return 100 * self.satisfied / self.ratings if self.ratings else None

    @property
    def response_rate(self) -> float | None:
        """Requests rated, in percent of those done; None when none is done."""
        return 100 * self.ratings / self.done if self.done else None

    @property
    def each(self) -> float | None:
        """Person-times an item done; None when none is done."""
        return self.person_times / self.done if self.done else None

    def add(self, row: Any, now: datetime) -> None:
        """Count one request's row (``store/service_cases``) as it stands at ``now``."""
        if row.state == CANCELLED:
            self.cancelled += 1
            return
        self.items += 1
        if row.state == REQUESTED:
            self.waiting += 1
        if row.state in OPEN_STATES:
            self.open += 1
        else:
            self.done += 1
            self.person_times += row.person_times or 0
        if row.rating is not None:
            self.ratings += 1
            self.satisfied += row.rating >= SATISFIED
        self._clocks(clocks_of(row._mapping, now))

    def _clocks(self, found: tuple[Clock, ...]) -> None:
        if not found:
            return
        for one in found:
            share = self.clocks[one.name]
            if one.state == "met":
                share.met += 1
            elif one.state == "late":
                share.late += 1
            elif one.state == "running":
                share.running += 1
        match reaches(found):
            case True:
                self.whole.met += 1
            case False:
                self.whole.late += 1
            case None:
                self.whole.running += 1


def clocks_of(row: Mapping[str, Any], now: datetime) -> tuple[Clock, ...]:
    """Return the four clocks of a request's row; none before acceptance or when cancelled."""
    if row["accepted_at"] is None or row["state"] in (CANCELLED, REQUESTED):
        return ()
    dues = {name: row[f"{name}_due"] for name in NAMES}
    return judged(dues, {name: row[f"{name}_at"] for name in NAMES}, now)
