"""The records of places: what compounds are called and how they are run, buildings, rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from sync_server.domain.world import compound_lists, names
from sync_server.domain.world.areas import ROADS
from sync_server.domain.world.duty import moment
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Ids, Phones, Seed, apportion, chosen
from sync_server.domain.world.shape import CommunityPlan
from sync_server.domain.world.sites import Building, Room, Site
from sync_server.domain.world.staff import Staff

NEW_NAMES = names.listed(
    "锦禾 云栖 百合 安泰 明德 丰和 春晖 静安 翠屏 望月 听雨 兰亭 御景 海棠 枫桥 梧桐 碧水 "
    "金穗 银杏 沁园 雅居 和悦 天润 盛景 瑞祥 嘉禾 温馨 蓝湾 橡树 紫荆 玉泉 晨光 星河 朗诗 "
    "怡景 康乐 福临 长青 锦绣 书香 青山 绿洲 荷塘"
)
UNIT_NAMES = names.listed(
    "机械厂 纺织厂 粮站 面粉厂 化肥厂 印刷厂 水泥厂 农机站 供销社 运输队 汽车站 邮电所 "
    "广播站 气象站 林业局 水利局 公路段 食品厂 酒厂 糖厂 砖瓦厂 五金厂 木器厂 造纸厂 塑料厂 "
    "电机厂 阀门厂 轴承厂 铸造厂 制药厂 县医院 中医院 一中 二中 三中 实验小学 党校 文化馆 "
    "图书馆 百货公司 物资局 石油公司 烟草站"
)
OLD_NAMES = names.listed(
    "红旗 建设 向阳 新建 团结 胜利 友谊 光明 幸福 和平 前进 跃进 解放 东风 朝阳 卫国 民主 "
    "永红 曙光 五一 七一 八一 长征 先锋 工农 文明 进步 振兴 繁荣 兴华 爱民 拥军 青年 三八 "
    "劳动 生产 创业 星火 燎原 红星 红光 金光 北斗"
)
LANES = names.listed(
    "槐树 柳树 枣树 榆树 杏花 桃园 梨园 石桥 水井 磨坊 豆腐 铁匠 油坊 灯笼 城隍 鼓楼 文昌 "
    "龙王 马号 羊市 米市 布市 盐店 草场 大院 小院 前街 后街 南园 北坡 窑坡"
)
"""Words to make names of; how many of each and of the endings is what keeps names unique."""
ENDINGS = {
    "new": ("苑", "花园", "小区", "家园", "雅苑"),
    "unit": ("家属院", "宿舍区", "职工小区", "家属楼", "住宅区"),
    "old": ("小区", "楼院", "新村", "住宅小区", "里"),
    "bungalow": ("巷平房区", "胡同平房区"),
}
BUILT = {
    "residential": (2006, 2022),
    "transitional": (1998, 2008),
    "old": (1978, 1999),
    "unit": (1975, 1996),
    "bungalow": (1950, 1982),
}
MANAGED = ("company", "public", "big_help")
ROLES = ("sweep", "mediate", "hygiene", "safety", "supervise")
ROLES_SHARE, HEAD_SHARE, ENTRANCE_HEAD_SHARE = 0.60, 0.70, 0.35
OWNER_UNITS = ("县住房保障中心", "县国有资产中心", "县房管所")
EMPTY_STATES = {"vacant": 12, "business": 3}
HAZARDS = ("阳台堆放杂物", "燃气软管老化", "私拉电线", "屋顶渗漏", "液化气罐靠近灶台")


def call_sites(plan: CommunityPlan, sites: Sequence[Site]) -> None:
    """Give the community's sites their names and addresses."""
    road = ROADS[plan.no - 1]
    for site in sites:
        site.name = _name(site)
        if site.plan is None:
            site.address = site.name.removesuffix("平房区")
        else:
            site.address = f"{road}{site.no * 2 + plan.no}号"


def _name(site: Site) -> str:
    if site.plan is None:
        style, words = "bungalow", LANES
    elif site.plan.type_ty4 in ("residential", "transitional"):
        style, words = "new", NEW_NAMES
    elif site.plan.type_ty4 == "unit":
        style, words = "unit", UNIT_NAMES
    else:
        style, words = "old", OLD_NAMES
    round_no, word = divmod(site.no - 1, len(words))
    # Shifting the ending by the word mixes them; the counts have no common divisor.
    endings = ENDINGS[style]
    ending = endings[(word + round_no) % len(endings)] if style != "bungalow" else endings[round_no]
    return words[word] + ending


def compounds(
    seed: Seed, plan: CommunityPlan, sites: Sequence[Site], today: date, staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the community's compounds and bungalow areas."""
    rng = seed.stream("places", "compounds", plan.code)
    phones = Phones(seed, plan.no, "contact")
    pen = Pen("compound", seed.ids("contacts", plan.code))
    made_at = moment(today - timedelta(days=222), 10 * 60)
    author = staff.community[plan.code].user_id
    lists = seed.stream("places", "lists", plan.code)
    list_ids = seed.ids("lists", plan.code)
    for site in sites:
        fields: dict[str, Any] = {
            "code": f"XQ-{site.no:04d}" if site.plan else f"PF-{site.no:04d}",
            "name": site.name,
            "kind": "compound" if site.plan else "bungalow",
            "type_ty4": site.plan.type_ty4 if site.plan else None,
            "overlap": site.plan.case if site.plan else "compound_smaller",
            "community_code": plan.code,
            "address": site.address,
            "built_year": rng.randint(*BUILT[site.plan.type_ty4 if site.plan else "bungalow"]),
            "buildings": len(site.buildings),
            "households": site.households,
            **_management(rng, site),
            **_equipment(rng, site),
            "contacts": _contacts(rng, site, pen, phones, made_at),
            "location": site.buildings[0].tile.point(rng),
        }
        fields |= _lists(lists, list_ids, fields, today)
        at = made_at + timedelta(minutes=site.no)
        yield pen.keep(site.record_id, plan.code, author, at, fields)


def _lists(rng: Random, ids: Ids, fields: dict[str, Any], today: date) -> dict[str, Any]:
    """Return what it lists over time, as of before it was registered here."""
    tag, name = fields["tag"], fields["name"]
    since, tags = compound_lists.tags(rng, ids, tag, today)
    day = today - timedelta(days=222)
    found = {
        "problems": compound_lists.problems(rng, ids, tag, today),
        "sites": compound_lists.sites(rng, ids, name, fields["households"], day),
    }
    return {"tag_from": since, "tags": tags, **{key: one for key, one in found.items() if one}}


def _management(rng: Random, site: Site) -> dict[str, Any]:
    """Return who runs it and what protects it; 三无 ones have nothing of either."""
    mode = site.plan.mode if site.plan else chosen(rng, {"self": 60, "none": 40})
    managed = mode in MANAGED
    flags = {
        name: rng.random() < (0.9 if managed else 0.4) for name in ("guard", "barrier", "cctv")
    }
    owner = rng.choice(OWNER_UNITS) if mode in ("unit_help", "public") else None
    if site.plan and site.plan.three_none:
        flags = dict.fromkeys(flags, False)
    elif not managed and not any(flags.values()):
        flags["barrier"] = True
    bodies = {"owners": 30, "manage": 25, "none": 45} if managed else {
        "self_manage": 40, "council": 6, "none": 54,
    }  # fmt: skip
    eligible = site.households >= 50
    body = chosen(rng, bodies) if eligible else "none"
    return {
        "property_mode": mode,
        "owner_unit": owner,
        **flags,
        "self_gov": body,
        "eligible": eligible,
        "org_form": chosen(rng, {"own": 30, "joint": 35, "functional": 10, "none": 25}),
        "tag": chosen(rng, {"demo": 8, "hard": 8, "normal": 84}),
    }


def _equipment(rng: Random, site: Site) -> dict[str, Any]:
    count = site.households
    lifts = sum(b.entrances * 2 for b in site.buildings if has_lift(b))
    share = {"new": 0.9, "old": 0.3, "bungalow": 0.05}[site.style]
    return {
        "lifts": lifts,
        "parking": round(count * share * rng.uniform(0.7, 1.1)),
        "chargers": round(count * 0.08 * rng.random()),
        "hydrants": len(site.buildings) * (2 if site.style == "new" else 1),
        "space": "有活动室" if rng.random() < 0.35 else "无公共用房",
    }


def _contacts(rng: Random, site: Site, pen: Pen, phones: Phones, made_at: Any) -> dict[str, Any]:
    if rng.random() >= ROLES_SHARE:
        return {}
    return {
        pen.ids.at(made_at): {
            "role": role,
            "name": names.person(rng, rng.choice("12")),
            "phone": phones.next(),
        }
        for role in ROLES
    }


def has_lift(building: Building) -> bool:
    """Tell whether a building has a lift."""
    return building.floors >= 7


def buildings(
    seed: Seed, plan: CommunityPlan, sites: Sequence[Site], staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the community's buildings; a lane of a bungalow area counts as one."""
    rng = seed.stream("places", "buildings", plan.code)
    phones = Phones(seed, plan.no, "head")
    pen = Pen("building", seed.ids("unused"))
    for building in (b for site in sites for b in site.buildings):
        headed = rng.random() < HEAD_SHARE
        heads = {
            str(unit): {"head": names.person(rng, rng.choice("12")), "phone": phones.next()}
            for unit in range(1, building.entrances + 1)
            if building.site.plan and rng.random() < ENTRANCE_HEAD_SHARE
        }
        fields = {
            "compound_id": building.site.record_id,
            "no": building.no,
            "floors": building.floors,
            "entrances": building.entrances,
            "lift": has_lift(building),
            "high_rise": building.floors >= 10,
            "head": names.person(rng, rng.choice("12")) if headed else None,
            "head_phone": phones.next() if headed else None,
            "entrance_heads": heads,
            "location": building.tile.point(rng),
        }
        made_at = building.rooms[0].seen_at - timedelta(minutes=5)
        author = staff.workers[building.grid].user_id
        yield pen.keep(building.record_id, building.grid, author, made_at, fields)


def decide_empty_rooms(seed: Seed, plan: CommunityPlan, sites: Sequence[Site]) -> None:
    """Say of every room without a household whether it is vacant or somebody trades there."""
    rng = seed.stream("places", "empty", plan.code)
    empty = [r for s in sites for b in s.buildings for r in b.rooms if not r.occupied]
    counts = apportion(len(empty), list(EMPTY_STATES.values()))
    states = [state for state, n in zip(EMPTY_STATES, counts, strict=True) for _ in range(n)]
    rng.shuffle(states)
    for room, state in zip(empty, states, strict=True):
        room.state = state


def rooms(
    seed: Seed, plan: CommunityPlan, sites: Sequence[Site], staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the community's rooms."""
    rng = seed.stream("places", "rooms", plan.code)
    pen = Pen("room", seed.ids("unused"))
    for room in (r for s in sites for b in s.buildings for r in b.rooms):
        grid = room.building.grid
        author = staff.workers[grid].user_id
        yield pen.keep(room.record_id, grid, author, room.seen_at, _room_fields(rng, room))


def _room_fields(rng: Random, room: Room) -> dict[str, Any]:
    return {
        "building_id": room.building.record_id,
        "unit_no": str(room.unit) if room.unit else None,
        "no": room.no,
        "label": room.label,
        "floor": room.floor,
        "use": "shop" if room.state == "business" else "live",
        "state": room.state,
        "hazards": rng.choice(HAZARDS) if rng.random() < 0.01 else None,
    }
