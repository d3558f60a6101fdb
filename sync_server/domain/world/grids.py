"""One grid as its worker knows it: who, which compounds and homes, which shops, on which days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sync_server.domain.world.care import Care
from sync_server.domain.world.duty import duty_days, moment
from sync_server.domain.world.households import Home
from sync_server.domain.world.records import WorldRecord, WorldUser
from sync_server.domain.world.shape import CommunityPlan, WorldName
from sync_server.domain.world.sites import Building, Site
from sync_server.domain.world.staff import Staff

BOUNDED_DAYS = 7
"""World A keeps this many duty days of field work, Tier S the whole month."""
MONTH_DAYS = 29
"""From the first to the last but one day of September 2026."""


@dataclass(frozen=True)
class Period:
    """The days whose field work the world holds; the day of ``today`` is still to be worked."""

    today: date
    days: tuple[date, ...]

    @property
    def end(self) -> datetime:
        """Return the moment after which nothing has happened yet: yesterday's evening."""
        return moment(self.today - timedelta(days=1), 23 * 60)


def period(world: WorldName, today: date) -> Period:
    """Return the duty days of the month before ``today``, for World A the last seven of them."""
    days = duty_days(today - timedelta(days=MONTH_DAYS), today - timedelta(days=1))
    return Period(today, tuple(days if world == "S" else days[-BOUNDED_DAYS:]))


@dataclass(slots=True)
class Grid:
    """What field work in one grid is about."""

    code: str
    community: str
    worker: WorldUser
    leader: WorldUser
    buildings: list[Building]
    sites: list[Site]
    homes: list[Home]
    ordinary_homes: list[Home]
    """Homes with nobody in care; the others are visited by their interval."""
    care_homes: dict[str, list[Care]] = field(default_factory=dict)
    shops: list[WorldRecord] = field(default_factory=list)


def grids_of(
    plan: CommunityPlan,
    sites: Sequence[Site],
    homes: Sequence[Home],
    register: Sequence[Care],
    shops: Sequence[WorldRecord],
    staff: Staff,
) -> list[Grid]:
    """Return the community's grids in order."""
    grids = []
    for no in range(1, plan.grids + 1):
        code = plan.grid_code(no)
        buildings = [b for site in sites for b in site.buildings if b.grid == code]
        here = [home for home in homes if home.grid == code]
        care: dict[str, list[Care]] = {}
        for entry in register:
            if entry.person.home.grid == code:
                care.setdefault(entry.person.home.record_id, []).append(entry)
        grids.append(
            Grid(
                code=code,
                community=plan.code,
                worker=staff.workers[code],
                leader=staff.leaders[code],
                buildings=buildings,
                sites=[s for s in sites if any(b.grid == code for b in s.buildings)],
                homes=here,
                ordinary_homes=[home for home in here if home.record_id not in care],
                care_homes=care,
                shops=[shop for shop in shops if shop.grid == code],
            )
        )
    return grids
