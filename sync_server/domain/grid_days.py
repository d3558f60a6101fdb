"""What a grid did on its days: which of the three patrols were walked, and everything else that was
recorded, for completion and for spotting gaps. Nobody is ranked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from itertools import accumulate
from operator import and_
from types import MappingProxyType

SLOTS: tuple[tuple[str, int], ...] = (("1", 1), ("2", 2), ("3", 4))
"""The slots of a day and their bits in a sum of slots."""
ALL_SLOTS = sum(bit for _, bit in SLOTS)
_MISSING = tuple(
    tuple(slot for slot, bit in SLOTS if not patrolled & bit) for patrolled in range(8)
)
WORK = ("visits", "met", "issues", "self_handled", "base_changes", "leaflets")


@dataclass(slots=True)
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


@dataclass(slots=True)
class GridMonth:
    """One month of one grid that stood throughout; days are sums of ``1 << day``.

    ``slots`` and ``late`` are the days on which each of SLOTS was patrolled, and was by late
    entries alone; ``active`` those on which anything was recorded; ``counts`` are of WORK.
    """

    slots: tuple[int, ...] = (0,) * len(SLOTS)
    late: tuple[int, ...] = (0,) * len(SLOTS)
    active: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, day: int, number: int = 1) -> None:
        """Count some of WORK on a day of the month."""
        self.counts[what] = self.counts.get(what, 0) + number
        self.active |= 1 << day

    def patrolled(self, day: int) -> int:
        """Return the slots patrolled on a day of the month as a sum of their bits."""
        return sum(bit for (_, bit), days in zip(SLOTS, self.slots, strict=True) if days >> day & 1)


@dataclass(frozen=True)
class Rounds:
    """Whether a grid had a patrol and a visit on a day."""

    patrol: bool
    visit: bool


NO_ROUND = Rounds(patrol=False, visit=False)


def rounds_of(day: GridDay | None) -> Rounds:
    """Return which rounds a day had: a patrol of any slot, a visit with any result."""
    return Rounds(bool(day.slots), bool(day["visits"])) if day else NO_ROUND


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

    def expect(self, days: int) -> None:
        """Add so many duty days of a grid, idle as long as nothing of them is taken."""
        self.expected += len(SLOTS) * days
        self.idle_days += days

    def take(self, day: GridDay, *, on_duty: bool) -> None:
        """Add what one day has; patrols count on duty days alone, which are expected already, other
        work on any."""
        if on_duty:
            if day.slots:
                self.done += day.slots.bit_count()
                self.idle_days -= 1
            elif not day.idle:
                self.idle_days -= 1
            if day.late:
                self.late += day.late.bit_count()
        for what, number in day.counts.items():
            self.counts[what] += number

    def take_month(self, month: GridMonth, duty: int) -> None:
        """Add what a month has, of which the days ``duty`` are expected already."""
        self.done += sum((days & duty).bit_count() for days in month.slots)
        self.late += sum((days & duty).bit_count() for days in month.late)
        self.idle_days -= (month.active & duty).bit_count()
        for what, number in month.counts.items():
            self.counts[what] += number


Days = Mapping[tuple[str, date], GridDay]
"""What is known by grid and day; a day without an entry is one without work."""
Months = Mapping[tuple[str, date], GridMonth]
"""What is known by grid and month (its first day) instead: of these no day is among the Days."""
_NOTHING = GridDay()


@dataclass(frozen=True)
class Gaps:
    """What nobody patrolled: by duty day from the latest which grids lack which slots, of as many
    days as were asked for, and how many days there are in all."""

    listed: tuple[tuple[date, tuple[tuple[Grid, tuple[str, ...]], ...]], ...]
    days: int


def by_grid(
    grids: Iterable[Grid], days: Days, duty: Iterable[date], months: Months = MappingProxyType({})
) -> dict[str, Sums]:
    """Return every grid's sums over the duty days it stood, and over its work on other days."""
    known, in_order = {grid.code: grid for grid in grids}, sorted(set(duty))
    sums = {code: Sums() for code in known}
    for code, grid in known.items():
        sums[code].expect(len(_stood(grid, in_order)))
    for code, _, found, on_duty in _counting(known, days, in_order):
        sums[code].take(found, on_duty=on_duty)
    asked = _by_month(in_order)
    for (code, first), month in months.items():
        if code in sums:
            sums[code].take_month(month, asked[first])
    return sums


def by_month(
    grids: Iterable[Grid], days: Days, duty: Iterable[date], months: Months = MappingProxyType({})
) -> dict[str, Sums]:
    """Return the sums of every month (2026-09) over all grids."""
    known, in_order = {grid.code: grid for grid in grids}, sorted(set(duty))
    sums: dict[tuple[int, int], Sums] = defaultdict(Sums)
    for day, standing in zip(in_order, _standing(known.values(), in_order), strict=True):
        sums[day.year, day.month].expect(standing)
    for _, day, found, on_duty in _counting(known, days, in_order):
        sums[day.year, day.month].take(found, on_duty=on_duty)
    asked = _by_month(in_order)
    for (code, first), month in months.items():
        if code in known:
            sums[first.year, first.month].take_month(month, asked[first])
    return {f"{year:04d}-{month:02d}": found for (year, month), found in sums.items()}


def gaps(
    grids: Iterable[Grid],
    days: Days,
    duty: Iterable[date],
    most: int | None = None,
    months: Months = MappingProxyType({}),
) -> Gaps:
    """Return what nobody patrolled on duty days; ``most``: so many of the latest are listed."""
    in_order = sorted(set(duty))
    by_code = {grid.code: grid for grid in grids}
    known = list(by_code.values())
    whole = Counter(
        day for code, day, found, on_duty in _counting(by_code, days, in_order)
        if on_duty and found.slots == ALL_SLOTS
    )  # fmt: skip
    whole.update(_whole_days(by_code, _by_month(in_order), months))
    lacking = [
        day for day, standing in zip(in_order, _standing(known, in_order), strict=True)
        if whole[day] < standing
    ]  # fmt: skip
    latest = lacking[::-1][:most]
    listed = ((day, tuple(_lacking(known, days, months, day))) for day in latest)
    return Gaps(tuple(listed), len(lacking))


def _whole_days(grids: Container[str], asked: Mapping[date, int], months: Months) -> Counter[date]:
    """Return how many of the months have all slots, by day of those ``asked``; few days of a month
    lack one, so these are counted."""
    lack: Counter[date] = Counter()
    standing: Counter[date] = Counter()
    for (code, first), month in months.items():
        if code in grids and (duty := asked.get(first)):
            standing[first] += 1
            whole = reduce(and_, month.slots)
            lack.update(first.replace(day=day) for day in _days_of(duty & ~whole))
    days = (
        (first.replace(day=day), number)
        for first, number in standing.items()
        for day in _days_of(asked[first])
    )
    return Counter({day: number - lack[day] for day, number in days})


def _lacking(
    grids: Iterable[Grid], days: Days, months: Months, day: date
) -> Iterator[tuple[Grid, tuple[str, ...]]]:
    """Yield the grids that lack slots of a day, with these."""
    first = day.replace(day=1)
    for grid in grids:
        month = months.get((grid.code, first))
        found = GridDay(month.patrolled(day.day)) if month else days.get((grid.code, day), _NOTHING)
        if grid.stood(day) and (missing := found.missing):
            yield grid, missing


def _by_month(duty: Iterable[date]) -> defaultdict[date, int]:
    """Return the duty days of each month as a sum of 1 << day."""
    asked: defaultdict[date, int] = defaultdict(int)
    for day in duty:
        asked[day.replace(day=1)] |= 1 << day.day
    return asked


def _days_of(days: int) -> Iterator[int]:
    """Yield the days that a sum of 1 << day is of."""
    while days:
        yield days.bit_length() - 1
        days ^= 1 << (days.bit_length() - 1)


def _counting(
    grids: Mapping[str, Grid], days: Days, duty: Sequence[date]
) -> Iterator[tuple[str, date, GridDay, bool]]:
    """Yield the entries of these grids that count, with whether they are of a duty day: on such a
    day the grid has to stand."""
    on_duty = set(duty)
    throughout = {code for code, grid in grids.items() if len(_stood(grid, duty)) == len(duty)}
    for (code, day), found in days.items():
        asked, grid = day in on_duty, grids.get(code)
        if grid is not None and (not asked or code in throughout or grid.stood(day)):
            yield code, day, found, asked


def _stood(grid: Grid, duty: Sequence[date]) -> range:
    """Return at which places of the duty days, which are in order, a grid stood."""
    first = 0 if grid.since is None else bisect_left(duty, grid.since)
    end = len(duty) if grid.until is None else bisect_right(duty, grid.until)
    return range(first, end)


def _standing(grids: Iterable[Grid], duty: Sequence[date]) -> list[int]:
    """Return how many grids stood on each of the duty days, which are in order."""
    turns = [0] * (len(duty) + 1)
    for grid in grids:
        if stood := _stood(grid, duty):
            turns[stood.start] += 1
            turns[stood.stop] -= 1
    return list(accumulate(turns))[: len(duty)]
