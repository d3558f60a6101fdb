"""The compounds of an area beside each other: issues, complaints and their change, what property
companies were told to mend, and how many months nobody has complained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.clock import local_day
from schemas.codes import code_list
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.working_calendar import midnight
from sync_server.services.accounts import User, require_records
from sync_server.services.issue_origins import PROPERTY, changed, spans_of
from sync_server.services.places import names_for
from sync_server.store import base_read, case_groups

COMPOUND = "compound"
COMMUNITY_LENGTH = 12
DEFINITIONS = (
    (
        Label("事件、未处置", "Issues, unresolved"),
        Label(
            "填报时指明这个小区、发现时间落在期内的有效事件；没有指明小区的不计。",
            "Valid issues found in the period whose report names the compound; those that name none"
            " are left out.",
        ),
    ),
    (
        Label("居民投诉", "Complaints of residents"),
        Label(
            "来源为居民反映、热线、意见箱、书记信箱、市长热线、信访的有效事件。增减是与紧接在前、同样长"
            "的一段和与去年同样的日子相比，都按现在的数据算出。",
            "Valid issues from residents, hotline, suggestion box, secretary's mailbox, mayor's"
            " line or petition. The change is against as many days right before, and against the"
            " same days a year ago, both by today's data.",
        ),
    ),
    (
        Label("连续零投诉", "Months without complaint"),
        Label(
            "截至期末，最近一次居民投诉所在月份之后的完整月数；从未有过投诉的，从这个区域最早有事件的"
            "月份数起，前面加“至少”。",
            "Whole months, up to the end of the period, after the month of the last complaint."
            " Where nobody ever complained they are counted from the first month with any issue in"
            " the area, and “at least” is said.",
        ),
    ),
    (
        Label("物业整改", "Property rectification"),
        Label(
            "其中办理方式为物业整改的有效事件。",
            "Those of the valid issues that a property company was told to mend.",
        ),
    ),
)
"""Name and definition of each column, printed below the table."""


@dataclass(frozen=True)
class Free:
    """How many whole months nobody has complained; ``least``: nobody ever has."""

    months: int
    least: bool


@dataclass(frozen=True)
class Line:
    """One compound with its counts."""

    record_id: str
    name: str
    area: str
    tag: str
    counts: Mapping[str, Any]
    rectified: int
    free: Free | None

    def __getitem__(self, name: str) -> int:
        """Return one count, as ``case_groups`` names it."""
        return int(self.counts.get(name) or 0)

    def change(self, no: int) -> float | None:
        """Return the change of the complaints since an earlier span in percent."""
        return changed(self["complaints"], self[f"complaints_{no}"])


def lines(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    area: str,
    tag: str,
    now: datetime,
    lang: str,
) -> list[Line]:
    """Return the compounds of an area (empty: all the person may see), with ``tag`` if one is asked
    for; those most complained about first. Raises Refusal ``not_allowed``."""
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    rows = _compounds(connection, person.district, areas)
    found = _counted(connection, person, first, last, areas, now)
    names = names_for(connection, person.district, {row["grid"] for row in rows})
    tags = code_list("COMPOUND_TAG")
    wanted = [row for row in rows if not tag or (row["tag"] or "") == tag]
    shown = [
        Line(
            row["record_id"], str(row["name"] or ""), names.get(row["grid"], row["grid"]),
            tags.text(row["tag"], lang) if row["tag"] else "",
            *found.of(row["record_id"]),
        )
        for row in wanted
    ]  # fmt: skip
    return sorted(shown, key=lambda one: (-one["complaints"], -one["valid"], one.name))


def _compounds(
    connection: sa.Connection, district: str, areas: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    """Return the compounds of communities, and those with buildings in grids: record_id, grid, name
    and tag."""
    whole = [one for one in areas if len(one) <= COMMUNITY_LENGTH]
    grids = [one for one in areas if len(one) > COMMUNITY_LENGTH]
    found: dict[str, Mapping[str, Any]] = {
        row["record_id"]: dict(row)
        for row in base_read.lying_in(connection, district, COMPOUND, whole, "name", "tag")
    }
    if grids:
        ids = {compound for compound, _ in base_read.building_places(connection, district, grids)}
        for one, row in base_read.rows_by_ids(connection, district, ids - found.keys()).items():
            said = {name: row["fields"].get(name) for name in ("name", "tag")}
            found[one] = {"record_id": one, "grid": row["grid"], **said}
    return list(found.values())


def one_line(
    connection: sa.Connection, person: User, record_id: str, last: date, now: datetime
) -> Line:
    """Return the counts of one compound from the beginning of a year to a day of it, as far as they
    lie in the person's areas."""
    areas = tuple(person.scope_codes)
    found = _counted(connection, person, last.replace(month=1, day=1), last, areas, now, record_id)
    return Line(record_id, "", "", "", *found.of(record_id))


@dataclass(frozen=True)
class _Counted:
    counts: Mapping[str, Mapping[str, Any]]
    rectified: Mapping[str, Mapping[str, Any]]
    last: Mapping[str, datetime]
    earliest: datetime | None
    until: date

    def of(self, record_id: str) -> tuple[Mapping[str, Any], int, Free | None]:
        counts = self.counts.get(record_id, {})
        mended = int(self.rectified.get(record_id, {}).get("valid") or 0)
        return counts, mended, free_months(self.last.get(record_id), self.earliest, self.until)


def _counted(
    connection: sa.Connection,
    person: User,
    first: date,
    last: date,
    areas: tuple[str, ...],
    now: datetime,
    compound: str = "",
) -> _Counted:
    spans, district = spans_of(first, last), person.district
    rows = case_groups.count_groups(
        connection, district, areas, ("compound_id", "mode"), spans, now, compound=compound
    )
    counts, rectified = (
        case_groups.added_up(some, "compound_id")
        for some in (rows, [row for row in rows if row["mode"] == PROPERTY])
    )
    end = midnight(last + timedelta(days=1))
    last_ones, earliest = case_groups.last_complaints(connection, district, areas, end)
    return _Counted(counts, rectified, last_ones, earliest, last)


def free_months(complained: datetime | None, earliest: datetime | None, until: date) -> Free | None:
    """Return the whole months without a complaint up to ``until``; None while there are no issues
    at all."""
    begun = complained or earliest
    if begun is None:
        return None
    tomorrow = until + timedelta(days=1)
    whole = _month(tomorrow) - 1  # the last month that is over
    months = whole - _month(date.fromisoformat(local_day(begun)))
    if complained is None:
        months += 1  # the month of the first issue is one of them
    return Free(max(0, months), complained is None)


def _month(day: date) -> int:
    return day.year * 12 + day.month
