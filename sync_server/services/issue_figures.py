"""The figures of issues for a period and an area, each with its definition.

Counted anew whenever they are asked for, by when issues happened: what comes late changes the month
it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.codes import code_list
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.domain.rates import Rate
from sync_server.domain.working_calendar import midnight
from sync_server.services.accounts import User, require_records
from sync_server.services.level_labels import LEVELS, own_words
from sync_server.services.units import unit_names
from sync_server.store import case_counts

LONGEST_MONTHS = 36
DEFINITIONS: dict[str, tuple[Label, Label]] = {
    "resolution": (
        Label("处置率", "Resolution rate"),
        Label(
            "已处置（待核查、待评价、已办结）÷ 有效事件。有效事件按发现时间落在期内，"
            "不含并案、作废、退回后未重报的；挂账的仍在分母中。",
            "Resolved (awaiting verification or a rating, or closed) ÷ valid issues. Valid: found"
            " in the period; not merged, not voided, not returned without being resent;"
            " suspended ones count.",
        ),
    ),
    "closing": (
        Label("办结率", "Closing rate"),
        Label("已办结 ÷ 有效事件。", "Closed ÷ valid issues."),
    ),
    "on_time": (
        Label("按时处置率", "On-time rate"),
        Label(
            "按时处置 ÷（已处置 + 超期未处置）。未到期、挂账和尚未定时限的不计，另列；"
            "当场自行处置的算按时。",
            "Resolved by the due time ÷ (resolved + overdue and unresolved). Not yet due, suspended"
            " or without a due time: left out and shown beside; settled on the spot counts as on"
            " time.",
        ),
    ),
    "same_day": (
        Label("不隔夜率", "Same-day rate"),
        Label(
            "一级事件在发现当日（24:00前）处置 ÷ 一级有效事件；与时限长短无关。",
            "Level 1 resolved on the calendar day of being found ÷ valid issues of level 1,"
            " whatever the time limit.",
        ),
    ),
    "in_grid": (
        Label("不出格", "Settled in the grid"),
        Label("在网格一级化解并办结 ÷ 已办结。", "Closed, settled at grid level ÷ closed."),
    ),
    "in_community": (
        Label("不出社区", "Within the community"),
        Label(
            "在网格或社区化解并办结 ÷ 已办结。", "Closed, settled by grid or community ÷ closed."
        ),
    ),
    "in_street": (
        Label("不出街道", "Within the street"),
        Label(
            "在网格、社区或街道化解并办结 ÷ 已办结。",
            "Closed, settled by grid, community or street ÷ closed.",
        ),
    ),
    "rework": (
        Label("返工率", "Rework rate"),
        Label(
            "已处置中返工过至少一次的 ÷ 已处置。正在返工、还没有再处置的不计。",
            "Resolved, sent back for rework at least once ÷ resolved. What is being done again and"
            " not resolved yet is left out.",
        ),
    ),
    "reporting_in": (
        Label("吹哨报到率", "Report-in rate"),
        Label(
            "已报到的单位 ÷ 有效事件中被吹哨的单位。按单位次计，每次吹哨各算一次；"
            "数字点开是有这些单位的事件。",
            "Units that reported in ÷ units called by whistles of valid issues. A unit counts once"
            " for each whistle; the numbers lead to the issues with such units.",
        ),
    ),
    "reporting_in_on_time": (
        Label("按时报到率", "Report-in on time"),
        Label(
            "在报到时限内报到的单位 ÷ 有效事件中被吹哨的单位。还没有报到的算在分母中。",
            "Units that reported in by their time ÷ units called by whistles of valid issues; those"
            " that have not reported in yet count as called.",
        ),
    ),
    "lookback_passed": (
        Label("回头看合格率", "Look-back pass rate"),
        Label(
            "最近一次回头看合格的 ÷ 回头看过的有效事件。部分合格不算合格。",
            "Valid issues that passed at the last look-back ÷ those looked back at. Partly is not"
            " passed.",
        ),
    ),
    "relapse": (
        Label("反弹率", "Relapse rate"),
        Label(
            "反弹过至少一次的 ÷ 回头看过的有效事件；后来又合格的也算反弹过。",
            "Valid issues that relapsed at any look-back ÷ those looked back at, also when they"
            " passed later.",
        ),
    ),
    "issue_satisfied": (
        Label("事件满意率", "Issues: satisfaction"),
        Label("4 分及以上的评价 ÷ 全部评价。", "Ratings of 4 or 5 ÷ all ratings."),
    ),
    "issue_rated": (
        Label("事件评价率", "Issues: rated"),
        Label(
            "有评价的 ÷ 核查通过或已办结的。",
            "Issues rated ÷ issues verified or closed.",
        ),
    ),
}
"""Name and definition of each rate, printed wherever it is shown."""


PARTS: Mapping[str, tuple[str, str]] = {
    "resolution": ("resolved", "valid"),
    "closing": ("closed", "valid"),
    "on_time": ("on_time", "judged"),
    "same_day": ("same_day", "level_1"),
    "in_grid": ("closed_grid", "closed"),
    "in_community": ("in_community", "closed"),
    "in_street": ("in_street", "closed"),
    "rework": ("reworked", "resolved"),
    "reporting_in": ("reports", "calls"),
    "reporting_in_on_time": ("reports_on_time", "calls"),
    "lookback_passed": ("passed", "looked_back"),
    "relapse": ("relapsed", "looked_back"),
    "issue_satisfied": ("satisfied", "rated"),
    "issue_rated": ("rated", "to_rate"),
}
"""The figures each rate divides, as ``FIGURES`` names them."""
OF_UNITS = ("reporting_in", "reporting_in_on_time")
"""Rates of units; their lists are of the issues that have such units."""
FIGURES: Mapping[str, Label] = {
    "valid": Label("有效事件", "Valid issues"),
    "resolved": Label("已处置", "Resolved"),
    "unresolved": Label("未处置", "Unresolved"),
    "suspended": Label("挂账", "Suspended"),
    "closed": Label("已办结", "Closed"),
    "on_time": Label("按时处置", "Resolved on time"),
    "judged": Label("已处置或超期未处置", "Resolved, or overdue and unresolved"),
    "not_due": Label("未到期、挂账或未定时限", "Not due yet, suspended or without a due time"),
    "undated": Label("处置时没有时限", "Resolved without a due time"),
    "level_1": Label("一级有效事件", "Valid issues of level 1"),
    "same_day": Label("一级当日处置", "Level 1 resolved on the day"),
    "closed_grid": Label("不出格", "Settled in the grid"),
    "in_community": Label("不出社区", "Within the community"),
    "in_street": Label("不出街道", "Within the street"),
    "reworked": Label("返工后处置", "Resolved after rework"),
    "calls": Label("吹哨叫了单位", "With units called by a whistle"),
    "reports": Label("有单位报到", "With units that reported in"),
    "reports_on_time": Label("有单位按时报到", "With units that reported in on time"),
    "looked_back": Label("回头看过", "Looked back at"),
    "passed": Label("回头看合格", "Passed at the look-back"),
    "relapsed": Label("反弹过", "Relapsed"),
    "to_rate": Label("核查通过或已办结", "Verified or closed"),
    "rated": Label("有评价", "Rated"),
    "satisfied": Label("评价 4 分及以上", "Rated 4 or 5"),
    "self_handled": Label("自行处置", "Self-handled"),
    "merged": Label("并案", "Merged"),
    "voided": Label("作废", "Void"),
    "returned": Label("退回未重报", "Returned and not resent"),
}
"""What a list of the issues that make a figure is called."""


@dataclass(frozen=True)
class Figures:
    """The counts of some issues, and the rates that follow."""

    counts: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        """Return one count (``case_counts.COUNTS``)."""
        return self.counts.get(name, 0)

    def rate(self, name: str) -> Rate:
        """Return a rate by name (``DEFINITIONS``)."""
        closed = self["closed"]
        grid, community = self["closed_grid"], self["closed_community"]
        parts = {
            "resolution": (self["resolved"], self["valid"]),
            "closing": (closed, self["valid"]),
            "on_time": (self["on_time"], self["on_time"] + self["late"] + self["overdue"]),
            "same_day": (self["same_day"], self["level_1"]),
            "in_grid": (grid, closed),
            "in_community": (grid + community, closed),
            "in_street": (grid + community + self["closed_street"], closed),
        }
        part, whole = PARTS[name]
        return Rate(name, *parts.get(name, (self[part], self[whole])), DEFINITIONS[name])

    @property
    def rates(self) -> list[Rate]:
        """All rates in order."""
        return [self.rate(name) for name in DEFINITIONS]

    @property
    def unresolved(self) -> int:
        """Valid issues that are open or suspended."""
        return self["valid"] - self["resolved"]


@dataclass(frozen=True)
class Level:
    """A level in words: how many valid issues, how many of them resolved."""

    code: str
    name: str
    valid: int
    resolved: int


@dataclass(frozen=True)
class Report:
    """The figures of a period: whole, by month, by category (its code and name) and by the unit
    that has the issues (its id and name), and how complete the data are.

    ``synced_to``: all laptops in use have synced since then; ``never_synced`` counts those that
    have not yet; ``newest``: when the newest issue came in.
    """

    first: date
    last: date
    whole: Figures
    months: tuple[tuple[str, Figures], ...]
    categories: tuple[tuple[str, str, Figures], ...]
    levels: tuple[Level, ...]
    units: tuple[tuple[str, str, Figures], ...]
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
    """Return the figures of the issues found from ``first`` to ``last`` in an area.

    ``area`` empty: everything the person may see. Raises Refusal: not_allowed, bad_period (the end
    before the beginning, or more than three years).
    """
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    bounds = months_of(first, last)
    rows = case_counts.count_cases(connection, person.district, areas, bounds, now)
    by_month: dict[Any, Counter[str]] = {no: Counter() for no in range(len(bounds) - 1)}
    by_category: dict[str, Counter[str]] = {}
    whole: Counter[str] = Counter()
    for row in rows:
        counts = {name: int(row[name]) for name in case_counts.COUNTS}
        by_category.setdefault(row["category"], Counter()).update(counts)
        by_month[row["month"]].update(counts)
        whole.update(counts)
    categories = code_list("ISSUE_CAT")
    order = [item.code for item in categories.items]
    known = sorted(by_category, key=lambda one: order.index(one) if one in order else len(order))
    levels = case_counts.count_by_level(connection, person.district, areas, bounds[0], bounds[-1])
    by_unit = case_counts.count_by_unit(
        connection, person.district, areas, bounds[0], bounds[-1], now
    )
    names = unit_names(connection, person.district) if by_unit else {}
    own = own_words(connection, person.district).get(LEVELS, {})
    usual = code_list(LEVELS)
    synced_to, never, newest = case_counts.complete_as_of(connection, person.district, areas)
    return Report(
        first=first,
        last=last,
        whole=Figures(whole),
        months=tuple(
            (start.strftime("%Y-%m"), Figures(by_month[no])) for no, start in enumerate(bounds[:-1])
        ),
        categories=tuple(
            (one, categories.text(one, lang), Figures(by_category[one])) for one in known
        ),
        levels=tuple(
            Level(one, own.get(one) or usual.text(one, lang), *levels[one])
            for one in sorted(levels)
        ),
        units=tuple(
            sorted(
                (
                    (
                        one["unit_id"],
                        names.get(one["unit_id"]) or f"…{one['unit_id'][-6:]}",
                        Figures({name: int(one[name]) for name in case_counts.COUNTS}),
                    )
                    for one in by_unit
                ),
                key=lambda unit: (unit[1], unit[0]),
            )
        ),
        made_at=now,
        synced_to=synced_to,
        never_synced=never,
        newest=newest,
    )


def months_of(first: date, last: date) -> list[datetime]:
    """Return the beginnings of a period's months, the first day's, and its end.

    Raises Refusal ``bad_period``.
    """
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    if last < first or months > LONGEST_MONTHS:
        raise Refusal("bad_period", most=LONGEST_MONTHS)
    starts = [first]
    while len(starts) < months:
        here = starts[-1]
        starts.append(date(here.year + here.month // 12, here.month % 12 + 1, 1))
    return [midnight(day) for day in (*starts, last + timedelta(days=1))]
