"""The rates of all pages of statistics for every area of a district at once: for closed months and
for files. The same numbers as ``issue_figures``, ``field_figures``, ``timeliness`` and
``service_desk`` show for one area; each thing is read once and added to every area it lies in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from schemas.labels import Label
from schemas.service_clocks import LABELS, NAMES
from sync_server.domain.areas import inside
from sync_server.domain.grid_days import GridDay, by_grid
from sync_server.domain.rates import Rate
from sync_server.domain.service_counts import Counts
from sync_server.domain.working_calendar import midnight
from sync_server.services import field_figures, field_sums, issue_figures, timeliness
from sync_server.services.care_standing import Standing, care_standing
from sync_server.services.places import GRID_LENGTH
from sync_server.services.working_calendar import load_calendar
from sync_server.store import case_counts, field_counts, service_cases
from sync_server.store import timeliness as store_timeliness
from sync_server.store.records_read import areas_within

LEVELS = (6, 9, 12, GRID_LENGTH)
_OF_SERVICES = Label("按已有结果的服务单。", "Of the requests for which it is decided.")
_SERVICES: dict[str, tuple[Label, Label]] = {
    **{
        f"service_{name}": (
            Label(f"服务{LABELS[name].zh}达标率", f"Services: {LABELS[name].en}"), _OF_SERVICES,
        )
        for name in NAMES
    },
    "service_all": (Label("2341 全部达标率", "All four of 2341"), _OF_SERVICES),
    "service_satisfied": (
        Label("服务满意率", "Services: satisfaction"),
        Label("4 分及以上的评价 ÷ 全部评价。", "Ratings of 4 or 5 ÷ all ratings."),
    ),
    "service_rated": (
        Label("评单率", "Services: rated"),
        Label("有评价的 ÷ 已办结的。", "Requests rated ÷ requests done."),
    ),
}  # fmt: skip
INDICATORS: Mapping[str, tuple[Label, Label]] = {
    **issue_figures.DEFINITIONS, **field_figures.DEFINITIONS, **timeliness.DEFINITIONS, **_SERVICES,
}  # fmt: skip
"""Name and definition of every rate, in the order of the pages."""
Figures = dict[str, tuple[int, int]]
"""Of one area: by indicator what is divided by what."""


@dataclass(frozen=True)
class AreaFigures:
    """The figures of one area, with its code and name."""

    code: str
    name: str
    figures: Figures


def rate(name: str, counts: tuple[int, int]) -> Rate:
    """Return an indicator's share with its words."""
    return Rate(name, *counts, INDICATORS[name])


def of_services(found: Counts) -> Figures:
    """Return the rates of counted service requests."""
    clocks = {f"service_{name}": found.clocks[name] for name in NAMES}
    shares = {**clocks, "service_all": found.whole}
    return {
        **{name: (one.met, one.decided) for name, one in shares.items()},
        "service_satisfied": (found.satisfied, found.ratings),
        "service_rated": (found.ratings, found.done),
    }


def rates_of_services(found: Counts) -> dict[str, Rate]:
    """Return the rates of counted service requests by name."""
    return {name: rate(name, counts) for name, counts in of_services(found).items()}


def figures_by_area(
    connection: sa.Connection,
    district: str,
    scope: Sequence[str],
    first: date,
    last: date,
    now: datetime,
) -> list[AreaFigures]:
    """Return the figures of a period for every area in ``scope`` that stood in it or has any, by
    code. Rows of field work and services have to be up to date."""
    here = _Here(connection, district, tuple(scope), first, last, now)
    sums: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for source in (
        _issues, _patrols, _entries, _visits, _care, _ratings, _arrivals, _services,
    ):  # fmt: skip
        for code, name, part, whole in source(here):
            counts = sums[code][name]
            counts[0] += part
            counts[1] += whole
    names, standing = here.registered()
    nothing = {name: [0, 0] for name in INDICATORS}
    found = {
        code: {name: (one[0], one[1]) for name, one in (nothing | sums.get(code, {})).items()}
        for code in sorted({*sums, *standing})
    }
    return [
        AreaFigures(code, names.get(code, code), figures)
        for code, figures in found.items()
        if code in standing or any(whole for _, whole in figures.values())
    ]


@dataclass(frozen=True)
class _Here:
    """What is asked for."""

    connection: sa.Connection
    district: str
    scope: tuple[str, ...]
    first: date
    last: date
    now: datetime

    @property
    def where(self) -> tuple[sa.Connection, str, tuple[str, ...]]:
        return self.connection, self.district, self.scope

    @property
    def as_of(self) -> date:
        """The day care stands on: the period's last, today at the latest."""
        return min(self.last, self.now.astimezone(SHANGHAI).date())

    def around(self, code: str) -> Iterator[str]:
        """Yield the areas of the scope that something in an area is counted in."""
        for length in LEVELS:
            if length <= len(code) and inside(code[:length], self.scope):
                yield code[:length]

    def registered(self) -> tuple[dict[str, str], set[str]]:
        """Return the areas' names, and which of them stood in the period."""
        names, standing = {}, set[str]()
        first, last = self.first.isoformat(), self.last.isoformat()
        for row in areas_within(*self.where):
            code, fields = row["grid"], row["fields"]
            if fields.get("code") == code and len(code) <= GRID_LENGTH:
                names[code] = str(fields.get("name") or code)
                since, until = fields.get("valid_from") or "", fields.get("valid_to") or last
                if since <= last and first <= until:
                    standing.add(code)
        return names, standing | {code for code in self.scope if len(code) <= GRID_LENGTH}


Counted = Iterator[tuple[str, str, int, int]]
"""Area, indicator, part, whole: to be added up."""


def _spread(here: _Here, counted: Iterable[tuple[str, str, int, int]]) -> Counted:
    """Count what is known by grid in every area around it."""
    for grid, name, part, whole in counted:
        for code in here.around(grid):
            yield code, name, part, whole


def _issues(here: _Here) -> Counted:
    since, before = midnight(here.first), midnight(here.last + timedelta(days=1))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in case_counts.count_by_grid(*here.where, since, before, here.now):
        for code in here.around(row["grid"]):
            counts[code].update({name: int(row[name]) for name in case_counts.COUNTS})
    for code, some in counts.items():
        for one in issue_figures.Figures(some).rates:
            yield code, one.name, one.part, one.whole


def _patrols(here: _Here) -> Counted:
    calendar, _ = load_calendar(here.connection, here.district)
    to = min(here.last, here.now.astimezone(SHANGHAI).date() - timedelta(days=1))
    number = (to - here.first).days + 1
    duty = [
        day for n in range(number) if calendar.works(day := here.first + timedelta(days=n))
    ]  # fmt: skip
    days = {
        (grid, day): GridDay(slots, late)
        for grid, day, slots, late in field_counts.patrol_days(*here.where, here.first, here.last)
    }
    sums = by_grid(field_figures.grids_in(*here.where), days, duty)
    yield from _spread(here, ((grid, "patrol", one.done, one.expected)
                              for grid, one in sums.items()))  # fmt: skip


def _entries(here: _Here) -> Counted:
    found = field_counts.entries_by_grid(*here.where, here.first, here.last)
    yield from _spread(here, ((grid, "late", late, total) for grid, _, total, late in found))


def _visits(here: _Here) -> Counted:
    homes = field_sums.homes_met(*here.where, here.first, here.last)
    yield from _spread(here, ((one.grid, "visits", one.met, one.homes) for one in homes))


def _care(here: _Here) -> Counted:
    people: dict[str, list[Standing]] = defaultdict(list)
    for one in care_standing(*here.where, here.as_of):
        for code in here.around(one.grid):
            people[code].append(one)
    for code, some in people.items():
        for one_rate in field_figures.care_rates(some, here.as_of):
            yield code, one_rate.name, one_rate.part, one_rate.whole


def _ratings(here: _Here) -> Counted:
    for grid, met, rated, good in field_counts.ratings_by_grid(*here.where, here.first, here.last):
        yield from _spread(here, [(grid, "satisfied", good, rated), (grid, "rated", rated, met)])


def _arrivals(here: _Here) -> Counted:
    found = store_timeliness.came_in(*here.where, here.first, here.last)
    yield from _spread(here, ((area, timeliness.TIMELY, every - late, every)
                              for area, _, every, late in found))  # fmt: skip


def _services(here: _Here) -> Counted:
    wanted = service_cases.Wanted(
        here.scope, since=midnight(here.first), before=midnight(here.last + timedelta(days=1))
    )
    counts: dict[str, Counts] = defaultdict(Counts)
    for row in service_cases.walk(here.connection, here.district, wanted):
        for code in here.around(row.grid):
            counts[code].add(row, here.now)
    for code, some in counts.items():
        for name, (part, whole) in of_services(some).items():
            yield code, name, part, whole
