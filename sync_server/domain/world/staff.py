"""Who works in a world: grid workers and leaders, community to district staff, those who handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sync_server.domain.world import names
from sync_server.domain.world.duty import moment
from sync_server.domain.world.records import WorldUser
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import DISTRICT, TOWN, CommunityPlan

PERSONA_COMMUNITY = f"{TOWN}009"
PERSONA_GRID = f"{PERSONA_COMMUNITY}003"
PERSONA_WORKER = "林示例"
ACCOUNTS = (
    ("demo-community", "陈示范", "staff", "community", PERSONA_COMMUNITY),
    ("demo-street", "赵样例", "staff", "street", TOWN),
    ("demo-district", "孙演示", "staff", "district", DISTRICT),
    ("demo-admin", "周演练", "admin", "admin", DISTRICT),
)
"""Number, name, kind, role and area of those who sign in at the centre."""
DEPARTMENTS = (
    "城市管理局", "住房和城乡建设局", "消防救援大队", "市场监督管理局", "公安局", "民政局",
    "卫生健康局", "交通运输局", "自然资源局", "生态环境局", "供水公司", "供电公司",
)  # fmt: skip
COMPANIES = ("和润物业", "安居物业", "清源物业", "同心物业")
SHOWN = frozenset({"D01", "D02", "D08", "P01"})
"""Who of the units signs in: enough for a dispatch, a rectification order and a whistle."""


@dataclass(frozen=True)
class Staff:
    """The users of a world, by the work they do."""

    users: tuple[WorldUser, ...]
    workers: dict[str, WorldUser]
    """By grid code."""
    leaders: dict[str, WorldUser]
    community: dict[str, WorldUser]
    """By community code: who accepts issues there."""
    street: WorldUser
    district: WorldUser
    seconds: dict[str, WorldUser]
    """By community code: who else works there; voiding an issue takes two."""
    units: dict[str, tuple[str, str]]
    """Departments and companies by name: unit id, and the user who acts for it."""

    @property
    def company_units(self) -> list[tuple[str, str]]:
        """The property companies among the units."""
        return [self.units[name] for name in COMPANIES]


def hire(seed: Seed, today: date, communities: Sequence[CommunityPlan]) -> Staff:
    """Return everybody who works in ``communities``; numbers and ids depend on nobody else."""

    def person(
        no: str,
        kind: str,
        role: str,
        scope: str,
        *,
        name: str = "",
        account: bool = False,
        unit_id: str = "",
    ) -> WorldUser:
        rng = seed.stream("staff", no)
        sex = rng.choice("12")
        made_at = moment(today - timedelta(days=rng.randint(230, 700)), 9 * 60)
        user_id = seed.ids("staff", no).at(made_at)
        name = name or names.person(rng, sex)
        return WorldUser(user_id, no, name, kind, role, (scope,), account, unit_id)

    accounts = {
        no: person(no, kind, role, scope, name=name, account=True)
        for no, name, kind, role, scope in ACCOUNTS
    }
    workers, leaders, community, seconds = {}, {}, {}, {}
    for plan in communities:
        code = f"{plan.no:03d}"
        community[plan.code] = (
            accounts["demo-community"]
            if plan.code == PERSONA_COMMUNITY
            else person(f"C{code}", "staff", "community", plan.code)
        )
        seconds[plan.code] = person(f"C{code}B", "staff", "community", plan.code)
        for no in range(1, plan.grids + 1):
            grid = plan.grid_code(no)
            name = PERSONA_WORKER if grid == PERSONA_GRID else ""
            workers[grid] = person(f"W{code}{no:03d}", "full", "worker", grid, name=name)
            shown = grid == PERSONA_GRID
            leaders[grid] = person(f"L{code}{no:03d}", "part", "leader", grid, account=shown)
    clerks = {}
    for letter, kind, called in (("D", "department", DEPARTMENTS), ("P", "company", COMPANIES)):
        for no, name in enumerate(called, 1):
            number = f"{letter}{no:02d}"
            clerks[name] = person(
                number, kind, kind, DISTRICT, name=f"{name}经办",
                account=number in SHOWN, unit_id=unit_id(seed, today, name),
            )  # fmt: skip
    everybody = {
        user.user_id: user
        for user in (
            *accounts.values(),
            *community.values(),
            *workers.values(),
            *leaders.values(),
            *seconds.values(),
            *clerks.values(),
        )
    }
    return Staff(
        users=tuple(everybody.values()),
        workers=workers,
        leaders=leaders,
        community=community,
        street=accounts["demo-street"],
        district=accounts["demo-district"],
        seconds=seconds,
        units={name: (one.unit_id, one.user_id) for name, one in clerks.items()},
    )


def unit_id(seed: Seed, today: date, name: str) -> str:
    """Return the id of the unit of this name."""
    return seed.ids("unit", name).at(units_made_at(today))


def units_made_at(today: date) -> datetime:
    """Return when the district entered its units."""
    return moment(today - timedelta(days=224), 10 * 60)
