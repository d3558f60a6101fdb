"""What a weekly meeting (例会) goes through: the week's issues by category, everything that is
stuck with who has it and until when, late service requests, gaps in the rounds, silent laptops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from sync_server.domain.access import narrowed
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import daily_rounds, issue_figures, issue_queue, service_desk
from sync_server.services.accounts import User, require_records
from sync_server.services.daily_rounds import GAPS
from sync_server.services.device_pages import Device, is_silent, list_devices
from sync_server.services.issue_queue import TABS, Asked, Line

STUCK = ("late", "called", "soon", "approve", "accept", "suspended", "returned", "lookback")
"""The tabs of the queue that a meeting goes through, in this order."""


@dataclass(frozen=True)
class Part:
    """One tab of the queue: its name, its first lines, and how many issues it has."""

    tab: str
    name: str
    lines: tuple[Line, ...]
    total: int


@dataclass(frozen=True)
class Sheet:
    """The sheet of a week up to a day. ``gaps``: the duty days of the week that are over, with how
    many grids had no patrol or no visit."""

    first: date
    last: date
    figures: issue_figures.Report
    parts: tuple[Part, ...]
    late_services: int
    gaps: tuple[tuple[date, int], ...]
    silent: tuple[Device, ...]
    made_at: datetime


def sheet(
    connection: sa.Connection, person: User, last: date, area: str, now: datetime, lang: str
) -> Sheet:
    """Return the sheet of the week that ``last`` is in, up to that day.

    How things stand (late, stuck, silent) is as of now, whatever the week. Raises Refusal:
    not_allowed, unknown_record for an area outside the person's.
    """
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    first = last - timedelta(days=last.weekday())
    rounds = daily_rounds.report(connection, person, last, area, GAPS, now)
    return Sheet(
        first=first,
        last=last,
        figures=issue_figures.report(connection, person, first, last, area, now, lang),
        parts=_parts(connection, person, area, now, lang),
        late_services=service_desk.queue(
            connection, person, area=area, state=service_desk.LATE, kind="", page=1, now=now,
            lang=lang,
        ).total,
        gaps=tuple(
            (day, counts[GAPS])
            for day, counts in reversed(rounds.days)
            if day >= first and (day < last or rounds.over)
        ),
        silent=tuple(
            one
            for one in list_devices(connection, person, now)
            if is_silent(one, 1) and any(inside(grid, areas) for grid in one.row["grids"])
        ),
        made_at=now,
    )  # fmt: skip


def _parts(
    connection: sa.Connection, person: User, area: str, now: datetime, lang: str
) -> tuple[Part, ...]:
    found = {
        tab: issue_queue.queue(connection, person, Asked(tab=tab, area=area), now, lang)
        for tab in STUCK
    }
    totals: Mapping[str, int] = {tab: one.total for tab, one in found.items()}
    return tuple(
        Part(tab, TABS[tab].text(lang), found[tab].lines, totals[tab])
        for tab in STUCK
        if totals[tab]
    )
