"""How the departments and property companies handle what they are given: issues, whistles and how
the street rates their part (报到评分), residents' ratings. Units are looked at, people are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.cases import Call
from schemas.codes import code_list
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.domain.rates import Rate
from sync_server.domain.working_calendar import midnight
from sync_server.services.accounts import User, require_records
from sync_server.services.casework import in_time
from sync_server.services.issue_figures import LONGEST_MONTHS, Figures
from sync_server.services.issue_life import STEP, case_of
from sync_server.store import case_counts, records_read, units

DEFINITIONS: Mapping[str, tuple[Label, Label]] = {
    "reporting_in": (
        Label("吹哨报到率", "Report-in rate"),
        Label(
            "已报到的次数 ÷ 被吹哨的次数；每次吹哨各算一次。",
            "Times reported in ÷ times called; each whistle counts.",
        ),
    ),
    "reporting_in_on_time": (
        Label("按时报到率", "Report-in on time"),
        Label(
            "在报到时限内报到的次数 ÷ 被吹哨的次数。",
            "Times reported in by the time set ÷ times called.",
        ),
    ),
}


@dataclass(frozen=True)
class Called:
    """One call of a unit by a whistle: on which issue, when, and what became of it."""

    issue_id: str
    title: str
    no: str
    at: str
    due_at: str | None
    reported_at: str | None
    late: bool
    score: int | None
    conclusion: str


@dataclass
class Line:
    """One unit: the figures of the issues that are its own now, and its calls."""

    unit_id: str
    name: str
    kind: str
    ended: bool
    issues: Figures
    calls: list[Called] = field(default_factory=list)
    reported: int = 0
    on_time: int = 0

    @property
    def scores(self) -> list[int]:
        """How the street rated its part, whistle by whistle."""
        return [one.score for one in self.calls if one.score is not None]

    @property
    def average(self) -> float | None:
        """The mean of the scores; None without any."""
        return sum(self.scores) / len(self.scores) if self.scores else None

    @property
    def reporting_in(self) -> Rate:
        """Of its calls those it reported in to."""
        return Rate("reporting_in", self.reported, len(self.calls), DEFINITIONS["reporting_in"])

    @property
    def reporting_in_on_time(self) -> Rate:
        """Of its calls those it reported in to by the time set."""
        words = DEFINITIONS["reporting_in_on_time"]
        return Rate("reporting_in_on_time", self.on_time, len(self.calls), words)


@dataclass(frozen=True)
class Report:
    """The units with a part in valid issues found in a period, by kind and name."""

    lines: tuple[Line, ...]
    made_at: datetime
    synced_to: datetime | None
    never_synced: int
    newest: datetime | None


def report(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    area: str,
    now: datetime,
    lang: str,
) -> Report:
    """Return the units' figures of the issues found from ``first`` to ``last`` in an area.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's, bad_period.
    """
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    if last < first or (last - first).days > 31 * LONGEST_MONTHS:
        raise Refusal("bad_period", most=LONGEST_MONTHS)
    district = person.district
    since, before = midnight(first), midnight(last + timedelta(days=1))
    counts = case_counts.count_by_unit(connection, district, areas, since, before, now)
    calls = list(_calls(connection, district, areas, since, before))
    kinds = code_list("UNIT_KIND")
    lines = {
        row["record_id"]: Line(
            unit_id=row["record_id"],
            name=str(row["fields"].get("name") or ""),
            kind=kinds.text(str(row["fields"].get("unit_kind") or ""), lang),
            ended=bool(row["voided"]),
            issues=Figures(
                {name: int(value) for name, value in counts[row["record_id"]].items()
                 if name != "unit_id"} if row["record_id"] in counts else {}
            ),
        )
        for row in units.all_units(connection, district)
    }  # fmt: skip
    for unit, called, call in calls:
        if line := lines.get(unit):
            line.calls.append(called)
            line.reported += call.reported_at is not None
            line.on_time += in_time(call)
    synced_to, never, newest = case_counts.complete_as_of(connection, district, areas)
    busy = [one for one in lines.values() if one.issues["valid"] or one.calls]
    return Report(
        lines=tuple(sorted(busy, key=lambda one: (one.kind, one.name))),
        made_at=now,
        synced_to=synced_to,
        never_synced=never,
        newest=newest,
    )


def _calls(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    since: datetime,
    before: datetime,
) -> Iterator[tuple[str, Called, Call]]:
    """Yield every call of a unit by the whistles of valid issues found in a period."""
    ids = case_counts.whistled(connection, district, areas, since, before)
    issues = records_read.by_ids(connection, district, ids)
    steps = records_read.children_of(connection, district, STEP, ids)
    for one in ids:
        if (row := issues.get(one)) is None:
            continue
        case = case_of(row, steps[one])
        for whistle in case.whistles:
            for unit, call in whistle.calls.items():
                called = Called(
                    issue_id=one,
                    title=str(row["fields"].get("title") or ""),
                    no=case.no or "",
                    at=whistle.step.at,
                    due_at=call.due_at,
                    reported_at=call.reported_at,
                    late=call.reported_at is not None and not in_time(call),
                    score=call.score,
                    conclusion=whistle.conclusion,
                )
                yield unit, called, call
