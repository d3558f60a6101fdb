"""Three patrols a day: when they were walked, what was checked, what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from schemas.codes import code_list
from sync_server.domain.world.duty import moment
from sync_server.domain.world.grids import Grid
from sync_server.domain.world.records import Pen, WorldRecord, minutes_later
from sync_server.domain.world.seeds import Seed, chosen

SLOTS = {"1": (8 * 60 + 30, 0.06), "2": (14 * 60 + 30, 0.04), "3": (18 * 60 + 45, 0.11)}
"""Start in minutes after midnight, and how often the patrol is missed."""
SPREAD_MINUTES = 35
MEDIAN_MINUTES, SIGMA = 38, 0.25
LATE_SHARE = 0.03
LATE_REASONS = ("电脑没电，次日补录", "当天处理急事未及时录入", "设备送修后补录")
RESULTS = {"ok": 95.2, "problem_fixed": 4.0, "not_checked": 0.8}
FIXED = {
    "environment": "散落垃圾已清走",
    "stacking": "楼道纸箱已请住户搬走",
    "fire_lane": "占道车辆已联系挪开",
    "extinguisher": "歪倒的灭火器已归位",
    "ebike": "已劝导拔下飞线",
    "illegal_build": "临时棚布已劝导收起",
    "facility": "松动的护栏已扶正",
    "road_light": "移位的井盖已复位",
    "green": "倒伏的树枝已清走",
    "parking": "乱停共享单车已摆齐",
    "construction": "装修围挡已请工人扶好",
    "shop": "店外经营已劝入店内",
    "security": "敞开的单元门已关好",
    "care": "已帮老人提菜上楼",
    "notice": "破损海报已更换",
}
WEATHER = {"sunny": 46, "cloudy": 30, "rain": 14, "wind": 6, "fog": 4}


@dataclass(slots=True)
class Patrol:
    """One patrol in the making; issues found on it are noted under their check item."""

    record_id: str
    slot: str
    started_at: datetime
    ended_at: datetime
    made_at: datetime
    late_reason: str
    items: dict[str, dict[str, Any]]


def walk(rng: Random, pen: Pen, grid: Grid, day: date, end: datetime) -> list[Patrol]:
    """Return the day's patrols of a grid; some are missed, some entered late but before ``end``."""
    patrols = []
    for slot, (start, missed) in SLOTS.items():
        if rng.random() < missed:
            continue
        started_at = moment(day, start + rng.uniform(-SPREAD_MINUTES, SPREAD_MINUTES))
        minutes = MEDIAN_MINUTES * math.exp(rng.gauss(0, SIGMA))
        ended_at = minutes_later(started_at, minutes)
        made_at = ended_at
        late = rng.random() < LATE_SHARE
        if late:
            made_at += timedelta(hours=rng.randint(25, 40))
            late = made_at <= end
        patrols.append(
            Patrol(
                pen.ids.at(ended_at),
                slot,
                started_at,
                ended_at,
                made_at if late else ended_at,
                rng.choice(LATE_REASONS) if late else "",
                dict(_items(rng)),
            )
        )
    return patrols


def _items(rng: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    codes = [item.code for item in code_list("CHECK_ITEM").items]
    checked = set(rng.sample(codes, rng.randint(12, len(codes))))
    for code in codes:
        if code in checked:
            result = chosen(rng, RESULTS)
            entry = {"result": result}
            if result == "problem_fixed":
                entry["note"] = FIXED[code]
            yield code, entry


def weather(seed: Seed, day: date) -> str:
    """Return the day's weather, the same for the whole district."""
    return chosen(seed.stream("weather", day.isoformat()), WEATHER)


def write(pen: Pen, grid: Grid, patrol: Patrol, sky: str) -> WorldRecord:
    """Return a patrol as a record."""
    fields = {
        "slot": patrol.slot,
        "started_at": patrol.started_at.isoformat(),
        "ended_at": patrol.ended_at.isoformat(),
        "covered_ids": [site.record_id for site in grid.sites],
        "items": patrol.items,
        "weather": sky,
        "late_reason": patrol.late_reason,
    }
    return pen.keep(patrol.record_id, grid.code, grid.worker.user_id, patrol.made_at, fields)
