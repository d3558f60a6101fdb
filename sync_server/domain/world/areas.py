"""The area tree with its people, where everything lies on the local map, and the notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sync_server.domain.world.duty import moment
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import (
    DISTRICT,
    DISTRICT_NAME,
    TOWN,
    TOWN_NAME,
    CommunityPlan,
)
from sync_server.domain.world.staff import PERSONA_COMMUNITY, Staff

CENTRE_LAT, CENTRE_LON = 40_000_000, 100_000_000
"""The middle of the map in micro-degrees; arbitrary, hence ``crs: local-demo``."""
SIDE_LAT, SIDE_LON = 36_000, 47_000
"""4 km in micro-degrees there."""
VALID_FROM = "2025-01-01"
ROADS = (
    "东升路", "西苑街", "南屏路", "北辰街", "新华巷", "滨河路", "太平街", "学府路", "劳动路",
)  # fmt: skip
"""The main road of each community, in the table's order."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of the map: its north-west corner and its extent, in micro-degrees."""

    lat: int
    lon: int
    height: int
    width: int

    def part(self, no: int, rows: int, columns: int) -> Tile:
        """Return cell ``no`` (from 0), west to east, then north to south."""
        row, column = divmod(no, columns)
        height, width = self.height // rows, self.width // columns
        return Tile(self.lat - row * height, self.lon + column * width, height, width)

    def point(self, rng: Random) -> dict[str, Any]:
        """Return a random point well inside, as a location is stored."""
        return {
            "lat": self.lat - round(self.height * rng.uniform(0.08, 0.92)),
            "lon": self.lon + round(self.width * rng.uniform(0.08, 0.92)),
            "crs": "local-demo",
        }


def community_tile(no: int) -> Tile:
    """Return the ninth of the map that is community ``no`` (from 1)."""
    whole = Tile(CENTRE_LAT + SIDE_LAT // 2, CENTRE_LON - SIDE_LON // 2, SIDE_LAT, SIDE_LON)
    return whole.part(no - 1, 3, 3)


def grid_tile(plan: CommunityPlan, no: int) -> Tile:
    """Return the cell of grid ``no`` (from 1) within its community."""
    rows = -(-plan.grids // 4)
    return community_tile(plan.no).part(no - 1, rows, -(-plan.grids // rows))


def areas(
    seed: Seed, today: date, communities: Sequence[CommunityPlan], staff: Staff
) -> Iterator[WorldRecord]:
    """Yield district, town, communities and the grids' areas, parents first."""
    author, made_at = staff.district.user_id, moment(today - timedelta(days=225), 10 * 60)

    def area(code: str, name: str, level: str, parent: str, **more: Any) -> WorldRecord:
        pen = Pen("area", seed.ids("area", code))
        fields = {"code": code, "name": name, "level": level, "parent_code": parent}
        return pen.write(code, author, made_at, {**fields, "valid_from": VALID_FROM, **more})

    yield area(DISTRICT, DISTRICT_NAME, "district", "")
    yield area(TOWN, TOWN_NAME, "street", DISTRICT)
    for plan in communities:
        old = {}
        if plan.code == PERSONA_COMMUNITY:
            old = {"old_names": {"1": {"name": "工人新村居委会", "until": "2018-06-30"}}}
        yield area(plan.code, f"{plan.name}社区", "community", TOWN, **old)
    for plan in communities:
        for no in range(1, plan.grids + 1):
            yield area(
                plan.grid_code(no),
                f"{plan.name}第{no}网格",
                "grid",
                plan.code,
                **_grid_facts(plan, no, staff),
            )


def _grid_facts(plan: CommunityPlan, no: int, staff: Staff) -> dict[str, Any]:
    code = plan.grid_code(no)
    road = ROADS[plan.no - 1]
    west, east = no * 20 - 20, no * 20
    return {
        "grid_type": "base",
        "leader_id": staff.leaders[code].user_id,
        "worker_ids": [staff.workers[code].user_id],
        "boundary_text": f"东至{road}{east}号，西至{road}{west}号，南至河堤，北至{road}。",
        "notice_phone": f"0000-{2_000_000 + plan.no * 1000 + no}",
        "supervision_phone": f"0000-{1_000_000 + plan.no * 1000 + no}",
    }


def notices(
    seed: Seed, today: date, communities: Sequence[CommunityPlan], staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the notices in force; one reaches the scripted grid, others go to single grids."""
    for plan in communities:
        pen = Pen("notice", seed.ids("notice", plan.code))
        author = staff.community[plan.code].user_id
        for days_ago, (area_code, level, title, text) in enumerate(_notice_texts(plan), 1):
            at: datetime = moment(today - timedelta(days=days_ago), 16 * 60 + 20)
            fields = {
                "title": title,
                "text": text,
                "level": level,
                "area_code": area_code,
                "issued_at": at.isoformat(),
                "valid_to": (today + timedelta(days=14)).isoformat(),
            }
            yield pen.write(area_code, author, at, fields)


def _notice_texts(plan: CommunityPlan) -> Iterator[tuple[str, str, str, str]]:
    yield (
        plan.code,
        "important",
        "节前安全检查安排",
        "国庆节前请完成楼道堆物、消防通道和电动车充电的检查，高风险关怀对象节前见到本人。",
    )
    last = plan.grid_code(plan.grids)
    yield (
        last,
        "normal",
        "停水通知",
        f"{plan.name}第{plan.grids}网格后天9时至15时检修供水管道，请告知老人提前储水。",
    )
