"""World B's places and people: the area tree, compounds, units and who works where.

Only what issues need stands here; homes and people of a district this size are not drawn. A part of
the world (``part`` 40: one fortieth) has everything in proportion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sync_server.domain.world import names
from sync_server.domain.world.areas import CENTRE_LAT, CENTRE_LON, Tile
from sync_server.domain.world.issue_texts import DEPARTMENTS
from sync_server.domain.world.lives import Hands
from sync_server.domain.world.places import ENDINGS, NEW_NAMES, OLD_NAMES, UNIT_NAMES
from sync_server.domain.world.records import Pen, WorldRecord, WorldUser
from sync_server.domain.world.seeds import Seed, apportion, dealt

DISTRICT, DISTRICT_NAME = "990102", "岳楼区"
STREETS, COMMUNITIES, GRIDS, MICRO_GRIDS = 12, 90, 675, 1_819
OVERLAPS = {"equal": 410, "compound_larger": 205, "compound_smaller": 362}
COMPOUNDS = sum(OVERLAPS.values())
BRANCHES, COINCIDING = 357, 247
"""Compounds with a Party branch of their own or shared; of them, those that are one grid."""
COMPANIES, COMPANY_COMPOUNDS = 39, 98
"""Property companies with a branch, and the compounds they look after."""
OTHER_MODES = {"company": 25, "none": 31, "self": 18, "big_help": 8, "public": 8, "unit_help": 10}
TYPES = {"residential": 28.16, "transitional": 5.40, "old": 50.71, "unit": 15.74}
STREET_NAMES = names.listed("岳楼 南湖 吕仙 枫桥 城陵 东风 金鹗 望岳 梅溪 洛王 奇家 三眼")
COMMUNITY_NAMES = names.listed(
    "东井 西井 花板 茶巷 鱼巷 竹荫 梅岭 梨园 学坡 桃李 站前 天伦 云梦 白杨 尚书 油榨 "
    "求索 滨湖 青年 新湖 洞氮 延寿 龙台 湖滨 五里 马壕 星云 华能 冷水 学苑"
)
COMMUNITY_ENDINGS = ("", "南", "北")
COMPANY_NAMES = names.listed(
    "和润 安居 清源 同心 佳园 康泰 永安 瑞丰 鸿达 金桂 晨曦 嘉和 万禾 众邦 宜家 惠民 绿城南 "
    "长乐 悦家 恒益 盛和 百顺 天成 福临 朗润 华庭 信达里 锦程 诚达 海晏 顺和 泰和 丰泽 德邻 "
    "睦邻 景和 益民 润泽 星源"
)
SIDE_LAT, SIDE_LON = 36_000, 47_000
FOUNDED_BEFORE = timedelta(days=60)
OTHER_UNITS = 4


@dataclass(frozen=True)
class Site:
    """A compound as issues know it."""

    record_id: str
    name: str
    tile: Tile


@dataclass(frozen=True)
class Yard:
    """One grid: its code, micro-grids, the compounds it shares in, and its part of the map."""

    code: str
    name: str
    community: str
    micro_grids: int
    tile: Tile
    sites: tuple[Site, ...]


class Places:
    """World B's places and staff, drawn when it is made; ``founded`` is when they were entered."""

    def __init__(self, seed: Seed, begins: datetime, part: int = 1) -> None:
        self.seed = seed
        self.founded = begins - FOUNDED_BEFORE
        self.part = part
        self.users: list[WorldUser] = []
        self.units: dict[str, str] = {}
        """Unit ids by name."""
        self._records: list[WorldRecord] = []
        self._clerks: dict[str, str] = {}
        self._staff: dict[str, str] = {}
        self._areas_and_staff()
        self._units()
        self._compounds()
        self.hands: dict[str, Hands] = {}

    def size(self, whole: int, least: int = 1) -> int:
        """Return a number of the whole world in this part of it."""
        return max(round(whole / self.part), least)

    def records(self) -> Iterator[WorldRecord]:
        """Yield areas, units and compounds, parents first."""
        yield from self._records

    def _person(
        self, no: str, kind: str, role: str, scope: str, name: str = "", account: bool = False,
        unit_id: str = "",
    ) -> str:  # fmt: skip
        rng = self.seed.stream("staff", no)
        user_id = self.seed.ids("staff", no).at(self.founded)
        name = name or names.person(rng, rng.choice("12"))
        self.users.append(WorldUser(user_id, no, name, kind, role, (scope,), account, unit_id))
        self._staff[no] = user_id
        return user_id

    def _area(self, code: str, name: str, level: str, parent: str, **more: Any) -> None:
        pen = Pen("area", self.seed.ids("area", code))
        fields = {"code": code, "name": name, "level": level, "parent_code": parent}
        valid_from = self.founded.date().isoformat()
        author = self._staff["demo-district"]
        self._records.append(
            pen.write(code, author, self.founded, {**fields, "valid_from": valid_from, **more})
        )

    def _areas_and_staff(self) -> None:
        self._person("demo-district", "staff", "district", DISTRICT, "孙演示", True)
        self._person("demo-admin", "admin", "admin", DISTRICT, "周演练", True)
        self._area(DISTRICT, DISTRICT_NAME, "district", "")
        rng = self.seed.stream("places", "shape")
        streets = self.size(STREETS)
        per_street = apportion(self.size(COMMUNITIES, streets), [1] * streets)
        communities = sum(per_street)
        per_community = apportion(
            self.size(GRIDS, communities), [rng.uniform(0.75, 1.25) for _ in range(communities)]
        )
        grids = sum(per_community)
        micro = apportion(
            self.size(MICRO_GRIDS, grids), [rng.uniform(0.8, 1.2) for _ in range(grids)]
        )
        self.communities: list[str] = []
        self.yards: list[Yard] = []
        plans: list[tuple[str, str, str, int]] = []
        for street in range(streets):
            street_code = f"{DISTRICT}{street + 1:03d}"
            self._area(street_code, f"{STREET_NAMES[street]}街道", "street", DISTRICT)
            first = street == 0
            self._person(
                "demo-street" if first else f"S{street + 1:02d}", "staff", "street", street_code,
                "赵样例" if first else "", first,
            )  # fmt: skip
            for place in range(per_street[street]):
                no = len(self.communities)
                code = f"{street_code}{place + 1:03d}"
                name = COMMUNITY_NAMES[no % 30] + COMMUNITY_ENDINGS[no // 30]
                self._area(code, f"{name}社区", "community", street_code)
                self._person(
                    "demo-community" if no == 0 else f"C{no + 1:03d}A", "staff", "community", code,
                    "陈示范" if no == 0 else "", no == 0,
                )  # fmt: skip
                self._person(f"C{no + 1:03d}B", "staff", "community", code)
                self.communities.append(code)
                plans.append((code, name, street_code, per_community[no]))
        self._grids(plans, micro)

    def _grids(self, plans: list[tuple[str, str, str, int]], micro: list[int]) -> None:
        whole = Tile(CENTRE_LAT + SIDE_LAT // 2, CENTRE_LON - SIDE_LON // 2, SIDE_LAT, SIDE_LON)
        rows = -(-len(plans) // 10)
        number = 0
        for no, (community, name, _, count) in enumerate(plans):
            tile = whole.part(no, rows, 10)
            down = -(-count // 3)
            for place in range(1, count + 1):
                code, parts = f"{community}{place:03d}", micro[number]
                worker = self._person(f"W{code[6:]}", "full", "worker", code)
                leader = self._person(f"L{code[6:]}", "part", "leader", code)
                self._area(
                    code, f"{name}第{place}网格", "grid", community,
                    grid_type="large", leader_id=leader, worker_ids=[worker],
                )  # fmt: skip
                for small in range(1, parts + 1):
                    self._area(
                        f"{code}{small:02d}", f"{name}第{place}网格{small}号微网格", "micro", code,
                        grid_type="micro",
                    )  # fmt: skip
                self.yards.append(
                    Yard(code, name, community, parts, tile.part(place - 1, down, 3), ())
                )
                number += 1

    def _units(self) -> None:
        pen = Pen("unit", self.seed.ids("units"))
        leads: dict[str, list[str]] = {}
        for category, name in DEPARTMENTS.items():
            leads.setdefault(name, []).append(category)
        companies = [f"{one}物业" for one in COMPANY_NAMES[: self.size(COMPANIES)]]
        for no, name in enumerate((*leads, *companies), 1):
            department = name in leads
            kind = "department" if department else "company"
            fields = {
                "name": name,
                "unit_kind": kind,
                "categories": leads.get(name, ["PROP"]),
                "has_org": True,
            }
            record = pen.write(DISTRICT, self._staff["demo-district"], self.founded, fields)
            self._records.append(record)
            self.units[name] = record.record_id
            number = f"{'D' if department else 'P'}{no:02d}"
            clerk = self._person(
                number,
                kind,
                kind,
                DISTRICT,
                f"{name[:6]}经办",
                unit_id=record.record_id,
            )
            self._clerks[record.record_id] = clerk

    def _compounds(self) -> None:
        rng = self.seed.stream("places", "compounds")
        total = self.size(COMPOUNDS, len(self.yards) // 4 + 1)
        overlaps = dealt(rng, total, OVERLAPS)
        types = dealt(rng, total, TYPES)
        branch = _branches(rng, overlaps, self.size(BRANCHES), self.size(COINCIDING))
        managed = set(rng.sample(range(total), min(self.size(COMPANY_COMPOUNDS), total)))
        modes = iter(dealt(rng, total - len(managed), OTHER_MODES))
        per_yard = apportion(total, [1] * len(self.yards))
        per_yard = per_yard if total >= len(self.yards) else [1] * total
        pen = Pen("compound", self.seed.ids("compounds"))
        sites: dict[int, list[Site]] = {}
        n = 0
        for no, count in enumerate(per_yard):
            yard = self.yards[no]
            for place in range(count):
                name = f"{yard.name}{_site_name(types[n], n)}"
                tile = yard.tile.part(place, 2, 2)
                mode = "company" if n in managed else next(modes)
                fields = self._compound(rng, n, yard, name, tile, mode)
                fields |= {"overlap": overlaps[n], "type_ty4": types[n], "org_form": branch[n]}
                author = self._staff[f"W{yard.code[6:]}"]
                record = pen.write(yard.community, author, self.founded, fields)
                self._records.append(record)
                sites.setdefault(no, []).append(Site(record.record_id, name, tile))
                n += 1
        by_community: dict[str, list[Site]] = {}
        for no, some in sites.items():
            by_community.setdefault(self.yards[no].community, []).extend(some)
        self.yards = [
            Yard(
                one.code, one.name, one.community, one.micro_grids, one.tile,
                tuple(sites.get(no) or by_community[one.community]),
            )
            for no, one in enumerate(self.yards)
        ]  # fmt: skip

    def _compound(
        self, rng: Random, no: int, yard: Yard, name: str, tile: Tile, mode: str
    ) -> dict[str, Any]:
        households = max(12, min(1_200, round(rng.lognormvariate(5.3, 0.8))))
        managed = mode in ("company", "public", "big_help")
        protected = 0.9 if managed else 0.4
        bodies = ("owners", "manage", "none") if managed else ("self_manage", "none")
        return {
            "code": f"XQ-{no + 1:04d}",
            "name": name,
            "kind": "compound",
            "community_code": yard.community,
            "address": f"{yard.name}路{no % 180 * 2 + 1}号",
            "built_year": rng.randint(1978, 2022),
            "buildings": max(1, households // 60),
            "households": households,
            "property_mode": mode,
            **{one: rng.random() < protected for one in ("guard", "barrier", "cctv")},
            "self_gov": rng.choice(bodies),
            "location": tile.point(rng),
        }

    def hands_of(self, yard: Yard, category: str) -> Hands:
        """Return who handles issues of a category in a grid."""
        no = self.communities.index(yard.community)
        street = int(yard.community[6:9])
        lead = self.units[DEPARTMENTS[category]]
        others = [self.units[name] for name in dict.fromkeys(DEPARTMENTS.values())]
        companies = [self.units[name] for name in self.units if name.endswith("物业")]
        company = companies[int(yard.code[9:]) % len(companies)]
        staff = self._staff
        return Hands(
            worker=staff[f"W{yard.code[6:]}"],
            leader=staff[f"L{yard.code[6:]}"],
            community=(
                staff["demo-community" if no == 0 else f"C{no + 1:03d}A"],
                staff[f"C{no + 1:03d}B"],
            ),
            street=staff["demo-street" if street == 1 else f"S{street:02d}"],
            district=staff["demo-district"],
            lead=(lead, self._clerks[lead]),
            company=(company, self._clerks[company]) if category == "PROP" else None,
            others=tuple((one, self._clerks[one]) for one in others if one != lead),
        )

    def facts(self) -> Mapping[str, int]:
        """Return what stands there, counted."""
        compounds = [one.fields for one in self._records if one.kind == "compound"]
        levels = [one.fields["level"] for one in self._records if one.kind == "area"]
        return {
            "streets": levels.count("street"),
            "communities": levels.count("community"),
            "grids": levels.count("grid"),
            "micro_grids": levels.count("micro"),
            "compounds": len(compounds),
            "compounds_with_branch": sum(one["org_form"] != "none" for one in compounds),
            "units": len(self.units),
            "people_with_work": len(self.users),
        }


def _site_name(kind: str, no: int) -> str:
    style = {"old": "old", "unit": "unit"}.get(kind, "new")
    words = {"old": OLD_NAMES, "unit": UNIT_NAMES, "new": NEW_NAMES}[style]
    return words[no % len(words)] + ENDINGS[style][no // len(words) % len(ENDINGS[style])]


def _branches(rng: Random, overlaps: list[Any], branches: int, coinciding: int) -> list[str]:
    """Return the form of Party branch of each compound: those that are one grid have their own."""
    forms = ["none"] * len(overlaps)
    equal = [no for no, one in enumerate(overlaps) if one == "equal"]
    other = [no for no, one in enumerate(overlaps) if one != "equal"]
    for no in rng.sample(equal, min(coinciding, len(equal))):
        forms[no] = "own"
    for no in rng.sample(other, min(branches - coinciding, len(other))):
        forms[no] = rng.choice(("joint", "functional"))
    return forms
