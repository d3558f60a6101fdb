"""Where issues came from, how they were handled, and what property companies were told to mend:
each count beside that of the days before and of the same days a year ago."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.codes import CodeList, code_list
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.working_calendar import midnight
from sync_server.services.accounts import User, require_records
from sync_server.services.titles import Titles
from sync_server.store import case_groups
from sync_server.store.case_groups import Span

PROPERTY = "property_order"
NOT_SAID = Label("未定", "Not said")
DEFINITIONS = (
    (
        Label("上一段、去年同期", "Days before, a year ago"),
        Label(
            "上一段是紧接在所选时间之前、同样长的一段；去年同期是去年同样的日子。都数有效事件，"
            "按现在的数据算出。",
            "The days before are as many days right before the period; a year ago the same days of"
            " the last year. Both count valid issues, by today's data.",
        ),
    ),
    (
        Label("办理方式", "How handled"),
        Label(
            "派发或处置时定的方式，后来改过的按最后一次；还没有派发或处置的为“未定”。催办是这些"
            "事件上催办的次数。",
            "As said when it was dispatched or handled, the last time it was said; “not said”"
            " before that. Reminders: how often these issues were reminded of.",
        ),
    ),
    (
        Label("督促物业整改", "Property rectification"),
        Label(
            "办理方式为物业整改的有效事件，按现在承办的企业分；拒收、撤回后没有再派的为“未定”。"
            "复查通过是核查通过或已办结的。",
            "Valid issues handled as property rectification, by the company that has them now; “not"
            " said” where it was refused or recalled and not given again. Rechecked: verified or"
            " closed.",
        ),
    ),
)
"""What the tables count, printed below them."""


@dataclass(frozen=True)
class Line:
    """The counts of one source, way of handling or company."""

    code: str
    name: str
    counts: Mapping[str, Any]

    def __getitem__(self, name: str) -> int:
        """Return one count."""
        return int(self.counts.get(name) or 0)

    def change(self, no: int, name: str = "valid") -> float | None:
        """Return the change since an earlier span in percent, None where there was nothing."""
        return changed(self[name], self[f"{name}_{no}"])


@dataclass(frozen=True)
class Origins:
    """The three tables of a period."""

    sources: tuple[Line, ...]
    modes: tuple[Line, ...]
    companies: tuple[Line, ...]

    @property
    def rectified(self) -> int:
        """How many issues property companies were told to put right."""
        return sum(one["valid"] for one in self.companies)


def changed(present: int, before: int) -> float | None:
    """Return by how much percent a count changed, None where there was nothing before."""
    return round(100 * (present - before) / before, 1) if before else None


def origins(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    area: str,
    now: datetime,
    lang: str,
    source: str = "",
) -> Origins:
    """Return the tables of the issues found from ``first`` to ``last``, of one ``source`` when one
    is said; raise Refusal ``not_allowed``."""
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    spans, district = spans_of(first, last), person.district
    rows = case_groups.count_groups(
        connection, district, areas, ("source", "mode", "unit_id"), spans, now, source=source
    )
    by_source, by_mode = (case_groups.added_up(rows, one) for one in ("source", "mode"))
    by_unit = case_groups.added_up((row for row in rows if row["mode"] == PROPERTY), "unit_id")
    titles = Titles(connection, person, lang)
    titles.preload(("record", one) for one in by_unit if one)
    companies = (
        Line(one, (titles.lookup("unit", one) if one else "") or NOT_SAID.text(lang), counts)
        for one, counts in by_unit.items()
        if counts["valid"]
    )
    return Origins(
        tuple(_coded(code_list("ISSUE_SOURCE"), by_source, lang)),
        tuple(_coded(code_list("HANDLE_MODE"), by_mode, lang)),
        tuple(sorted(companies, key=lambda one: (not one.code, -one["valid"], one.name))),
    )


def spans_of(first: date, last: date) -> list[Span]:
    """Return a period, as many days right before it, and its days a year ago."""
    days = last - first + timedelta(days=1)
    pairs = [
        (first, last + timedelta(days=1)),
        (first - days, first),
        (_year_ago(first), _year_ago(last) + timedelta(days=1)),
    ]
    return [(midnight(one), midnight(other)) for one, other in pairs]


def _year_ago(day: date) -> date:
    leap = day.month == 2 and day.day == 29
    return day.replace(year=day.year - 1, day=28 if leap else day.day)


def _coded(
    codes: CodeList, found: Mapping[str, Mapping[str, Any]], lang: str
) -> Iterable[Line]:  # fmt: skip
    order = [item.code for item in codes.items]
    known = sorted(found, key=lambda one: (order.index(one) if one in order else 99, not one))
    for one in known:
        name = codes.text(one, lang) if one else NOT_SAID.text(lang)
        line = Line(one, name, found[one])
        if line["valid"] or line["valid_1"] or line["valid_2"]:
            yield line
