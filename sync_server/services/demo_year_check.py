"""World B's golden numbers beside what the centre counts of its year."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from sync_server.domain.register_counts import shares
from sync_server.domain.working_calendar import midnight
from sync_server.domain.world.year import expected
from sync_server.domain.world.year_places import (
    BRANCHES,
    COINCIDING,
    COMMUNITIES,
    COMPOUNDS,
    DISTRICT,
    GRIDS,
    MICRO_GRIDS,
    STREETS,
)
from sync_server.services import register_figures
from sync_server.services.issue_figures import Figures, months_of
from sync_server.store import case_counts
from sync_server.store.records_read import Selection, areas_within
from sync_server.store.records_read import count as count_records


@dataclass(frozen=True)
class Compared:
    """One number as it should be and as it was counted."""

    name: str
    expected: str
    found: str

    @property
    def fits(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.found


def check_year(connection: sa.Connection, year: int, part: int, now: datetime) -> list[Compared]:
    """Return every golden number of the year, or of one in ``part`` of it, beside what is counted
    at the centre."""
    wanted = expected(part)
    bounds = months_of(date(year, 1, 1), date(year, 12, 31))
    rows = case_counts.count_cases(connection, DISTRICT, (DISTRICT,), bounds, now)
    whole: Counter[str] = Counter()
    months: Counter[int] = Counter()
    categories: dict[str, Counter[str]] = {}
    for row in rows:
        counts = {name: int(row[name]) for name in case_counts.COUNTS}
        whole.update(counts)
        months[row["month"]] += counts["valid"]
        categories.setdefault(row["category"], Counter()).update(counts)
    levels = case_counts.count_by_level(
        connection, DISTRICT, (DISTRICT,), midnight(date(year, 1, 1)), bounds[-1]
    )
    percent = Figures(whole).rate("resolution").percent
    found = [
        *(_places(connection, now) if part == 1 else ()),
        ("issues valid", wanted.valid, whole["valid"]),
        ("issues resolved", wanted.solved, whole["resolved"]),
        ("resolution rate %", round(100 * wanted.solved / wanted.valid, 1), percent),
        ("open or suspended", wanted.valid - wanted.solved, whole["valid"] - whole["resolved"]),
        ("merged", wanted.merged, whole["merged"]),
        ("voided", wanted.voided, whole["voided"]),
        ("returned and not resent", 0, whole["returned"]),
    ]
    for name, count in wanted.issues.items():
        here = categories.get(name, Counter())
        found.append((f"{name} issues", count, here["valid"]))
        found.append((f"{name} resolved", wanted.resolved[name], here["resolved"]))
    for no, count in enumerate(wanted.months):
        found.append((f"month {no + 1}", count, months[no]))
    for level, count in wanted.levels.items():
        found.append((f"level {level}", count, levels.get(level, (0, 0))[0]))
    return [Compared(name, _text(one), _text(other)) for name, one, other in found]


def _places(connection: sa.Connection, now: datetime) -> list[tuple[str, float, float | None]]:
    areas = areas_within(connection, DISTRICT, (DISTRICT,))
    levels = Counter(str(row["fields"].get("level")) for row in areas)
    counts = {"street": STREETS, "community": COMMUNITIES, "grid": GRIDS, "micro": MICRO_GRIDS}
    found: list[tuple[str, float, float | None]] = [
        (f"areas: {name}", number, levels[name]) for name, number in counts.items()
    ]
    compounds = count_records(connection, DISTRICT, Selection("compound", (DISTRICT,)))
    day = register_figures.day_of(now)
    counted = shares(
        register_figures.registers(connection, DISTRICT, (DISTRICT,), day).compounds
    )  # fmt: skip
    return [
        *found,
        ("compounds", COMPOUNDS, compounds),
        ("compounds with a Party organisation", BRANCHES, counted["org"][0]),
        ("coinciding with a grid", COINCIDING, counted["coinciding"][0]),
    ]


def _text(number: float | None) -> str:
    return "-" if number is None else f"{number:,}"
