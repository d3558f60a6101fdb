"""Shops: some in rooms where somebody trades, the others along the community's road."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from stdnum.cn import uscc

from sync_server.domain.world import names
from sync_server.domain.world.areas import ROADS
from sync_server.domain.world.duty import duty_day_at_or_after, moment
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Phones, Seed, apportion, dealt
from sync_server.domain.world.shape import DISTRICT, CommunityPlan
from sync_server.domain.world.sites import SURVEY_FROM, SURVEY_TO, Room, Site
from sync_server.domain.world.staff import Staff

KINDS = {
    "catering": 28,
    "retail": 34,
    "repair": 7,
    "beauty": 9,
    "lodging": 3,
    "education": 4,
    "medical": 3,
    "logistics": 3,
    "workshop": 4,
    "other": 5,
}
TRADES = {
    "catering": ("面馆", "小炒", "早点铺", "火锅店", "烧烤", "饺子馆", "凉皮店"),
    "retail": ("便利店", "水果店", "五金店", "粮油店", "烟酒店", "文具店", "服装店"),
    "repair": ("电动车维修", "家电维修", "修鞋铺", "手机维修"),
    "beauty": ("理发店", "美容店", "美甲店"),
    "lodging": ("旅馆", "民宿", "招待所"),
    "education": ("托管班", "书法班", "舞蹈班"),
    "medical": ("药店", "诊所", "口腔门诊"),
    "logistics": ("快递点", "货运站"),
    "workshop": ("门窗加工", "豆腐坊", "裁缝铺", "石材加工"),
    "other": ("打印店", "洗衣店", "废品收购", "照相馆"),
}
STYLES = "兴旺顺发祥瑞丰源福隆盛安泰和美佳好乐满香聚万全德信诚老新小大"
CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
SLEEP_IN_SHARE, CODE_SHARE = 0.04, 0.60


def shops(
    seed: Seed, plan: CommunityPlan, sites: Sequence[Site], today: date, staff: Staff
) -> Iterator[WorldRecord]:
    """Yield exactly the community's shops."""
    rng = seed.stream("shops", plan.code)
    phones = Phones(seed, plan.no, "shop")
    pen = Pen("shop", seed.ids("shop", plan.code))
    kinds = dealt(rng, plan.shops, KINDS)
    sleep_in = set(rng.sample(range(plan.shops), round(plan.shops * SLEEP_IN_SHARE)))
    rooms = _trading_rooms(sites)
    grids = list(range(1, plan.grids + 1))
    per_grid = apportion(plan.shops, [rng.uniform(0.7, 1.3) for _ in grids])
    n = 0
    for grid, count in zip(grids, per_grid, strict=True):
        code = plan.grid_code(grid)
        free = rooms.get(code, [])
        author = staff.workers[code].user_id
        for place in range(count):
            room = free[place] if place < len(free) else None
            made_at = _registered(rng, today)
            fields = {
                **_place(plan, room, n),
                **_trade(rng, kinds[n], sleep_in=n in sleep_in),
                "keeper": names.person(rng, rng.choice("12")),
                "phone": phones.next() if rng.random() < 0.9 else None,
                "uscc": _credit_code(rng) if rng.random() < CODE_SHARE else None,
                "extinguisher_until": _extinguisher(rng, today),
            }
            yield pen.write(code, author, made_at, fields)
            n += 1


def _trading_rooms(sites: Sequence[Site]) -> dict[str, list[Room]]:
    rooms: dict[str, list[Room]] = {}
    for site in sites:
        for building in site.buildings:
            trading = [room for room in building.rooms if room.state == "business"]
            rooms.setdefault(building.grid, []).extend(trading)
    return rooms


def _registered(rng: Random, today: date) -> datetime:
    day = today - timedelta(days=rng.randint(SURVEY_TO, SURVEY_FROM))
    return moment(duty_day_at_or_after(day), rng.randint(9 * 60, 17 * 60))


def _place(plan: CommunityPlan, room: Room | None, n: int) -> dict[str, Any]:
    if room is None:
        return {"address": f"{ROADS[plan.no - 1]}{n * 2 + 1}号"}
    site = room.building.site
    return {"address": f"{site.name}{room.label}", "room_id": room.record_id}


def _trade(rng: Random, kind: str, *, sleep_in: bool) -> dict[str, Any]:
    name = "".join(rng.sample(STYLES, 2)) + rng.choice(TRADES[kind])
    cooks = kind == "catering"
    return {
        "name": name,
        "kind": kind,
        "staff": rng.randint(1, 8 if kind in ("catering", "education", "medical") else 4),
        "sleep_in": sleep_in,
        "gas": cooks and rng.random() < 0.7,
        "fumes": cooks and rng.random() < 0.8,
    }


def _credit_code(rng: Random) -> str:
    """Return a checked code of a sole trader in a district that does not exist."""
    body = f"92{DISTRICT}MA" + "".join(
        rng.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in "1234567"
    )
    return body + uscc.calc_check_digit(body)


def _extinguisher(rng: Random, today: date) -> str | None:
    if rng.random() < 0.15:
        return None
    return (today + timedelta(days=rng.randint(-60, 540))).isoformat()
