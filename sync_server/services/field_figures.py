"""The figures of field work for a period and an area, each with its definition: patrols, late
entries, visits, care, satisfaction, and what each grid did.

Counted whenever they are asked for, by when things happened: what comes late changes the day it
belongs to, and the month that was added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.domain.grid_days import Grid, GridDay, Sums, by_grid, by_month, gaps
from sync_server.domain.rates import Rate
from sync_server.domain.working_calendar import Calendar
from sync_server.services import contacts, field_sums
from sync_server.services.accounts import User, require_records
from sync_server.services.care_standing import Standing, care_standing
from sync_server.services.field_work import recorded
from sync_server.services.issue_figures import LONGEST_MONTHS
from sync_server.services.places import GRID_LENGTH
from sync_server.services.titles import Titles
from sync_server.services.working_calendar import load_calendar
from sync_server.store import case_counts, field_counts
from sync_server.store.records_read import areas_within

DAYS_LISTED = 10
"""So many of the latest duty days with gaps are listed for several grids; for one grid all."""
OVERDUE_LISTED = 20
DEFINITIONS: dict[str, tuple[Label, Label]] = {
    "patrol": (
        Label("巡查完成率", "Patrol completion"),
        Label(
            "至少有一次有效巡查的班次 ÷（网格数 × 3 × 值班日）。值班日按工作日历，"
            "算到昨天为止；巡查按开始时间所在的日子、填报的班次计入，作废的不算；"
            "补录的计入，另列。",
            "Slots with at least one valid patrol ÷ (grids × 3 × duty days). Duty days by the"
            " working calendar, up to yesterday; a patrol counts for the day it started and the"
            " slot it names, a void one does not; late entries count and are shown beside.",
        ),
    ),
    "late": (
        Label("补录率", "Late entries"),
        Label(
            "发生超过 24 小时才录入的巡查和走访 ÷ 全部巡查和走访。",
            "Patrols and visits entered more than 24 hours after they happened ÷ all of them.",
        ),
    ),
    "visits": (
        Label("走访覆盖率", "Visit coverage"),
        Label(
            "期内见到本人的家庭户 ÷ 有人住的家庭户（现有家庭户，除去房屋空置的）。",
            "Households somebody of whom was met in the period ÷ occupied households (those"
            " registered now, without those in vacant rooms).",
        ),
    ),
    "care": (
        Label("关怀探访率", "Care contact"),
        Label(
            "期末当天没有人超过探访间隔的关怀户 ÷ 全部关怀户"
            "（当天在册、至今没有迁出的关怀对象所在的户，一户一次）。见到本人，"
            "或关怀随访记为状况良好、需要帮助、异常的算探访到；异常的次日要再看。",
            "Households with people in care of whom nobody is past the interval on the period's"
            " last day ÷ all of them, once each (people in care on that day who have not moved out"
            " since). Reached: met, or found well, in need of help or in a serious"
            " state by a care check; after a serious one they are due the next day.",
        ),
    ),
    "care_month": (
        Label("当月探访率", "Care contact this month"),
        Label(
            "期末当月至少探访到一人的关怀户 ÷ 全部关怀户（目标 100%）。",
            "Households with people in care reached at least once in the month of the period's"
            " last day ÷ all of them (target 100 %).",
        ),
    ),
    "satisfied": (
        Label("走访满意率", "Satisfaction at visits"),
        Label("走访中 4 分及以上的评价 ÷ 全部评价。", "Ratings of 4 or 5 ÷ all ratings at visits."),
    ),
    "rated": (
        Label("评价率", "Rating response"),
        Label(
            "有评价的走访 ÷ 见到人的走访；有评价的都算见到人。",
            "Visits with a rating ÷ visits that met somebody; whoever rated was met.",
        ),
    ),
}
"""Name and definition of each rate, printed wherever it is shown."""


def _rate(name: str, part: int, whole: int) -> Rate:
    return Rate(name, part, whole, DEFINITIONS[name])


@dataclass(frozen=True)
class GridLine:
    """One grid: its patrols and work, its homes and those visited, its care households and those
    in time."""

    grid: Grid
    sums: Sums
    homes: int
    visited: int
    care_homes: int
    care_in_time: int

    @property
    def patrol(self) -> Rate:
        """Patrol completion."""
        return _rate("patrol", self.sums.done, self.sums.expected)

    @property
    def coverage(self) -> Rate:
        """Visit coverage."""
        return _rate("visits", self.visited, self.homes)


@dataclass(frozen=True)
class Overdue:
    """Somebody in care whose visit is overdue: masked name, home, who is in charge."""

    standing: Standing
    name: str
    home: str
    area: str
    keeper: str
    days: int


@dataclass(frozen=True)
class Month:
    """One month: its sums, and how many patrols and visits were entered, how many of them late."""

    name: str
    sums: Sums
    entries: int
    late: int


@dataclass(frozen=True)
class Report:
    """The figures of a period, and how complete the data are.

    ``to`` is the last day whose patrols are asked for (yesterday at the latest), None when the
    period holds no such day; ``days`` are one grid's days, the latest first, empty for several
    grids; ``gaps`` what nobody patrolled. ``synced_to``, ``never_synced``, ``newest`` as for
    issues.
    """

    first: date
    last: date
    to: date | None
    duty_days: int
    rates: tuple[Rate, ...]
    sums: Sums
    late_entries: dict[str, tuple[int, int]]
    months: tuple[Month, ...]
    grids: tuple[GridLine, ...]
    days: tuple[tuple[date, bool, GridDay], ...]
    gaps: tuple[tuple[date, tuple[tuple[Grid, tuple[str, ...]], ...]], ...]
    gap_days: int
    overdue: tuple[Overdue, ...]
    overdue_people: int
    made_at: datetime
    synced_to: datetime | None
    never_synced: int
    newest: datetime | None

    def rate(self, name: str) -> Rate:
        """Return a rate by name (``DEFINITIONS``)."""
        return next(one for one in self.rates if one.name == name)


def report(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    area: str,
    now: datetime,
    lang: str,
    *,
    phone: bool = True,
) -> Report:
    """Return the figures of the field work from ``first`` to ``last`` in an area.

    ``area`` empty: everything the person may see; ``phone``: whether calls count as care contact.
    Raises Refusal: not_allowed, bad_period (the end before the beginning, or more than three
    years).
    """
    require_records(person)
    if last < first or (last - first).days > 31 * LONGEST_MONTHS:
        raise Refusal("bad_period", most=LONGEST_MONTHS)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    district = person.district
    today = now.astimezone(SHANGHAI).date()
    to = min(last, today - timedelta(days=1))
    calendar, _ = load_calendar(connection, district)
    duty = [day for day in _days(first, to) if calendar.works(day)]
    grids = grids_in(connection, district, areas)
    work = recorded(connection, district, areas, grids, first, last, today)
    sums = by_grid(grids, work.days, duty, work.months)
    whole = _added(sums.values())
    people = care_standing(connection, district, areas, min(last, today), phone=phone)
    as_of = min(last, today)
    lines, homes, visited = _lines(connection, district, areas, grids, sums, people, first, last,
                                   as_of)  # fmt: skip
    late_ones, every = (sum(pair[n] for pair in work.entries.values()) for n in (1, 0))
    most = None if len(grids) == 1 else DAYS_LISTED
    lacking = gaps(grids, work.days, duty, most, work.months)
    overdue = sorted((one for one in people if one.overdue(as_of)), key=lambda one: one.due)
    synced_to, never, _ = case_counts.complete_as_of(connection, district, areas)
    newest = None if synced_to else field_sums.newest_came_in(connection, district, areas)
    return Report(
        first=first,
        last=last,
        to=to if to >= first else None,
        duty_days=len(duty),
        rates=(
            _rate("patrol", whole.done, whole.expected),
            _rate("late", late_ones, every),
            _rate("visits", visited, homes),
            *care_rates(people, as_of),
            _rate("satisfied", work.good, work.rated),
            _rate("rated", work.rated, work.opened),
        ),
        sums=whole,
        late_entries=work.entries,
        months=tuple(
            Month(name, found, *work.entries_by_month.get(name, (0, 0)))
            for name, found in sorted(by_month(grids, work.days, duty, work.months).items())
        ),
        grids=lines,
        days=_own_days(grids, work.days, calendar, first, min(last, today)),
        gaps=lacking.listed,
        gap_days=lacking.days,
        overdue=tuple(_named(connection, person, overdue[:OVERDUE_LISTED], as_of, lang, grids)),
        overdue_people=len(overdue),
        made_at=now,
        synced_to=synced_to,
        never_synced=never,
        newest=newest,
    )


def grids_in(connection: sa.Connection, district: str, areas: Sequence[str]) -> list[Grid]:
    """Return the grids inside these areas, by code, with the days they stand."""
    return [
        Grid(
            row["grid"],
            str(row["fields"].get("name") or row["grid"]),
            _day(row["fields"].get("valid_from")),
            _day(row["fields"].get("valid_to")),
        )
        for row in areas_within(connection, district, tuple(areas))
        if len(row["grid"]) == GRID_LENGTH and row["fields"].get("code") == row["grid"]
    ]


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _added(some: Iterable[Sums]) -> Sums:
    whole = Sums()
    for one in some:
        whole.expected += one.expected
        whole.done += one.done
        whole.late += one.late
        whole.idle_days += one.idle_days
        for what, number in one.counts.items():
            whole.counts[what] += number
    return whole


def _lines(
    connection: sa.Connection,
    district: str,
    areas: Sequence[str],
    grids: Sequence[Grid],
    sums: dict[str, Sums],
    people: Sequence[Standing],
    first: date,
    last: date,
    as_of: date,
) -> tuple[tuple[GridLine, ...], int, int]:
    """Return the grids' lines, how many homes there are, and how many of them were visited."""
    homes: Counter[str] = Counter()
    visited: Counter[str] = Counter()
    for one in field_sums.homes_met(connection, district, areas, first, last):
        homes[one.grid[:GRID_LENGTH]] += one.homes
        visited[one.grid[:GRID_LENGTH]] += one.met
    care = {(one.grid[:GRID_LENGTH], one.household_id) for one in people}
    late = {(one.grid[:GRID_LENGTH], one.household_id) for one in people if one.overdue(as_of)}
    cared, behind = (Counter(grid for grid, _ in some) for some in (care, late))
    standing = (grid for grid in grids if grid.stood_within(first, last))
    lines = tuple(
        GridLine(
            grid, sums[grid.code], homes[grid.code], visited[grid.code], cared[grid.code],
            cared[grid.code] - behind[grid.code],
        )
        for grid in standing
    )  # fmt: skip
    return lines, sum(homes.values()), sum(visited.values())


def homes_met(
    connection: sa.Connection, district: str, areas: Sequence[str], first: date, last: date
) -> Iterator[tuple[str, str, date | None]]:
    """Yield ``(household, grid, day)`` of every occupied household: when it was last met in the
    period, None when it was not."""
    homes = list(field_counts.homes(connection, district, areas))
    met = contacts.last_met(connection, district, areas, [one for one, _, _ in homes], last)
    for household, grid, _ in homes:
        day = met.get(household)
        yield household, grid, day if day is not None and day >= first else None


def care_homes(people: Sequence[Standing], as_of: date) -> dict[str, set[str]]:
    """Return the households with people in care that make each figure of care: all of them, those
    in time and late on the day, those reached in its month and not."""
    homes = {one.household_id for one in people}
    late = {one.household_id for one in people if one.overdue(as_of)}
    month = as_of.replace(day=1)
    reached = {one.household_id for one in people if one.reached_on and one.reached_on >= month}
    return {
        "care_homes": homes, "care_in_time": homes - late, "care_late": late,
        "care_reached": reached, "care_unreached": homes - reached,
    }  # fmt: skip


def care_rates(people: Sequence[Standing], as_of: date) -> tuple[Rate, Rate]:
    """Return the share of households in time, and of those reached in the month of the day."""
    of = {name: len(some) for name, some in care_homes(people, as_of).items()}
    return (
        _rate("care", of["care_in_time"], of["care_homes"]),
        _rate("care_month", of["care_reached"], of["care_homes"]),
    )


def _own_days(
    grids: Sequence[Grid],
    days: dict[tuple[str, date], GridDay],
    calendar: Calendar,
    first: date,
    last: date,
) -> tuple[tuple[date, bool, GridDay], ...]:
    """Return the days of a single grid with whether each asks for patrols, as no day does on which
    the grid did not stand; the latest first."""
    if len(grids) != 1:
        return ()
    nothing = GridDay()
    grid = grids[0]
    listed = ((day, days.get((grid.code, day), nothing)) for day in _days(first, last))
    found = [(day, calendar.works(day) and grid.stood(day), one) for day, one in listed]
    return tuple((day, duty, one) for day, duty, one in reversed(found) if duty or not one.idle)


def _named(
    connection: sa.Connection,
    person: User,
    overdue: Sequence[Standing],
    day: date,
    lang: str,
    grids: Sequence[Grid],
) -> Iterable[Overdue]:
    titles = Titles(connection, person, lang)
    titles.preload(
        pair
        for one in overdue
        for pair in (
            ("resident", one.resident_id), ("household", one.household_id), ("user", one.keeper_id),
        )
        if pair[1]
    )  # fmt: skip
    areas = {grid.code: grid.name for grid in grids}
    for one in overdue:
        yield Overdue(
            standing=one,
            name=titles.lookup("resident", one.resident_id) or "",
            home=titles.lookup("household", one.household_id) or "",
            area=areas.get(one.grid[:GRID_LENGTH], one.grid),
            keeper=titles.lookup("user", one.keeper_id) or "",
            days=one.overdue(day),
        )
