"""What a grid did on its days: which of the three patrols were walked, and everything else that was
recorded, for completion and for spotting gaps. Nobody is ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

SLOTS: tuple[tuple[str, int], ...] = (("1", 1), ("2", 2), ("3", 4))
"""The slots of a day and their bits in a sum of slots."""
_MISSING = tuple(
    tuple(slot for slot, bit in SLOTS if not patrolled & bit) for patrolled in range(8)
)
WORK = ("visits", "met", "issues", "self_handled", "base_changes", "leaflets")


@dataclass
class GridDay:
    """One day of one grid; ``slots`` and ``late`` are sums of the slots' bits: patrolled, and
    patrolled by late entries alone."""

    slots: int = 0
    late: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, number: int = 1) -> None:
        """Count some of WORK."""
        self.counts[what] = self.counts.get(what, 0) + number

    def __getitem__(self, what: str) -> int:
        """Return how much of ``what`` (WORK) there was."""
        return self.counts.get(what, 0)

    @property
    def idle(self) -> bool:
        """Whether nothing was recorded at all."""
        return not self.slots and not any(self.counts.values())

    @property
    def missing(self) -> tuple[str, ...]:
        """The slots nobody patrolled."""
        return _MISSING[self.slots]


@dataclass(frozen=True)
class Grid:
    """A grid with the days it stood: from ``since`` until ``until``, open where nothing is said."""

    code: str
    name: str
    since: date | None = None
    until: date | None = None

    def stood(self, day: date) -> bool:
        """Tell whether the grid stood on a day."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )

    def stood_within(self, first: date, last: date) -> bool:
        """Tell whether the grid stood on any day of a period."""
        return (self.since is None or self.since <= last) and (
            self.until is None or first <= self.until
        )


@dataclass
class Sums:
    """What some grid days add up to."""

    expected: int = 0
    """Slots that were to be patrolled: three a duty day."""
    done: int = 0
    late: int = 0
    """Of ``done`` those patrolled by late entries alone."""
    idle_days: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WORK, 0))

    @property
    def missing(self) -> int:
        """Slots nobody patrolled."""
        return self.expected - self.done

    def __getitem__(self, what: str) -> int:
        """Return how much of ``what`` (WORK) there was."""
        return self.counts[what]

    def take(self, day: GridDay, *, on_duty: bool) -> None:
        """Add one day; patrols count on duty days alone, other work on any."""
        if on_duty:
            self.expected += len(SLOTS)
            self.done += day.slots.bit_count()
            self.late += day.late.bit_count()
            self.idle_days += day.idle
        for what, number in day.counts.items():
            self.counts[what] += number


Days = Mapping[tuple[str, date], GridDay]
"""What is known by grid and day; a day without an entry is one without work."""
_NOTHING = GridDay()


def by_grid(grids: Iterable[Grid], days: Days, duty: Iterable[date]) -> dict[str, Sums]:
    """Return every grid's sums over the duty days it stood, and over its work on other days."""
    on_duty = set(duty)
    sums = {grid.code: Sums() for grid in grids}
    for grid in grids:
        for day in on_duty:
            if grid.stood(day):
                found = days.get((grid.code, day), _NOTHING)
                sums[grid.code].take(found, on_duty=True)
    for (code, day), found in days.items():
        if code in sums and day not in on_duty:
            sums[code].take(found, on_duty=False)
    return sums


def by_month(grids: Iterable[Grid], days: Days, duty: Iterable[date]) -> dict[str, Sums]:
    """Return the sums of every month (2026-09) over all grids."""
    on_duty = set(duty)
    standing = {grid.code: grid for grid in grids}
    sums: dict[str, Sums] = {}
    for day in sorted(on_duty):
        month = sums.setdefault(day.strftime("%Y-%m"), Sums())
        for code, grid in standing.items():
            if grid.stood(day):
                month.take(days.get((code, day), _NOTHING), on_duty=True)
    for (code, day), found in days.items():
        if code in standing and day not in on_duty:
            sums.setdefault(day.strftime("%Y-%m"), Sums()).take(found, on_duty=False)
    return sums


def gaps(
    grids: Iterable[Grid], days: Days, duty: Iterable[date]
) -> dict[date, list[tuple[Grid, tuple[str, ...]]]]:
    """Return, by duty day from the latest, which grids lack which slots."""
    listed = list(grids)
    found: dict[date, list[tuple[Grid, tuple[str, ...]]]] = {}
    for day in sorted(duty, reverse=True):
        lacking = [
            (grid, missing)
            for grid in listed
            if grid.stood(day) and (missing := days.get((grid.code, day), _NOTHING).missing)
        ]
        if lacking:
            found[day] = lacking
    return found
