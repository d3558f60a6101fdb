"""A small grid as a laptop holds it after a pull: places, people, care, a shop, notices.

Two compounds, five buildings, 40 rooms, 30 households, 80 residents, 6 people in care; everything
was made at the centre (version set, nothing of the worker's own lies on top).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from field_app.domain.views import build_view, copy_of
from field_app.services.workspace import SETTINGS, Workspace, put_all
from field_app.store.tables import DurableDB
from schemas.catalogue import kind_of
from tests.field_app.laptops import GRID, WORKER

COMMUNITY = "990101100009"
COLLEAGUE = "01998a00-0000-7000-8000-00000000bbbb"
PULLED = "2026-09-01T08:00:00+08:00"

_NUMBERS = {
    name: number
    for number, name in enumerate(
        ("area", "compound", "building", "room", "shop", "household", "resident", "care",
         "patrol", "visit", "issue", "issue_step", "notice", "service",
         "service_step"), 1)
}  # fmt: skip

SPECIAL_NAMES = {
    1: "林示例",
    2: "单雄信",
    3: "阿卜杜拉·买买提",
    4: "𠮷田靖",
    5: "欧阳㛃",
    6: "曾小贤",
}
"""Names that pinyin, searching and printing stumble over."""
SURNAMES, GIVEN = "王李张刘陈杨黄赵吴周", "伟芳娜敏静丽强磊洋艳"


def rid(kind: str, number: int) -> str:
    """Return the id of the ``number``-th record of a kind."""
    return f"01998a00-0000-7000-8{_NUMBERS[kind]:03d}-{number:012d}"


def name_of(number: int) -> str:
    """Return the name of the ``number``-th resident."""
    if number in SPECIAL_NAMES:
        return SPECIAL_NAMES[number]
    return SURNAMES[number % 10] + GIVEN[number // 10 % 10] + GIVEN[(number * 3) % 10]


def places() -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Yield the area, compounds, buildings, rooms and the shop as (kind, id, fields, area)."""
    yield "area", rid("area", 1), {
        "code": GRID, "name": "东关社区第三网格", "level": "grid", "parent_code": COMMUNITY,
        "valid_from": "2020-01-01", "worker_ids": [WORKER, COLLEAGUE],
    }, GRID  # fmt: skip
    common = {
        "community_code": COMMUNITY, "property_mode": "none", "guard": True, "barrier": False,
        "cctv": True, "self_gov": "none",
    }  # fmt: skip
    yield "compound", rid("compound", 1), {
        "code": "XQ-0007", "name": "幸福里", "kind": "compound", "address": "建设路1号",
        "households": 24, **common,
    }, COMMUNITY  # fmt: skip
    yield "compound", rid("compound", 2), {
        "code": "XQ-0008", "name": "柳巷平房区", "kind": "bungalow", "address": "柳巷", **common,
    }, COMMUNITY  # fmt: skip
    buildings = [("1", 1), ("2", 1), ("3", 1), ("柳巷", 2), ("槐树巷", 2)]
    for number, (no, compound) in enumerate(buildings, 1):
        yield "building", rid("building", number), {
            "compound_id": rid("compound", compound), "no": no, "floors": 6 if compound == 1 else 1,
        }, GRID  # fmt: skip
        for place in range(8):
            room = (number - 1) * 8 + place + 1
            if compound == 1:
                unit, flat = str(place % 2 + 1), f"{place // 2 + 2}0{place % 2 + 1}"
                fields = {"unit_no": unit, "no": flat, "label": f"{no}-{unit}-{flat}",
                          "floor": place // 2 + 2}  # fmt: skip
            else:
                fields = {"no": str(place + 1), "label": f"{no}{place + 1}号"}
            state = "owner" if room <= 30 else "vacant"
            yield "room", rid("room", room), {
                "building_id": rid("building", number), "state": state, **fields,
            }, GRID  # fmt: skip
    yield "shop", rid("shop", 1), {
        "name": "老李烧饼铺", "kind": "catering", "address": "建设路3号", "keeper": "李炊",
        "phone": "13900001111", "gas": True,
    }, GRID  # fmt: skip


def people() -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Yield households, residents and care records as (kind, id, fields, area)."""
    for number in range(1, 31):
        yield "household", rid("household", number), {
            "code": f"H{number:04d}", "room_id": rid("room", number), "kind": "family",
            "phone": f"138{number:04d}{5678 - number:04d}", "size": 3 if number <= 20 else 2,
        }, GRID  # fmt: skip
    person = 0
    for household in range(1, 31):
        for member in range(3 if household <= 20 else 2):
            person += 1
            yield "resident", rid("resident", person), {
                "name": name_of(person), "sex": "1" if person % 2 else "2",
                "birth": f"{1945 + person % 50}-0{person % 9 + 1}",
                "relation": ("02", "10", "20")[member], "household_id": rid("household", household),
                "reside": "registered", "notice_version": "2026-1", "notice_at": PULLED,
                "basis": "statutory",
                **({"id_no": "99010119510412001X"} if person == 1 else {}),
                **({"phone": f"1370000{person:04d}"} if person % 4 == 0 else {}),
            }, GRID  # fmt: skip
    for number in range(1, 7):
        risk, days = (("high", 7), ("key", 30), ("general", 90))[number % 3]
        yield "care", rid("care", number), {
            "resident_id": rid("resident", 1 + (number - 1) * 3), "cats": ["alone"], "risk": risk,
            "visit_every_days": days, "keeper_id": WORKER, "since": "2026-09-20",
            "basis": "statutory",
        }, GRID  # fmt: skip


def notices() -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Yield two notices, one of them over."""
    for number, (title, level, until) in enumerate(
        [("国庆期间加强防火巡查", "important", "2026-10-08"), ("旧通知", "normal", "2026-09-15")], 1
    ):
        yield "notice", rid("notice", number), {
            "title": title, "text": "重点查看楼道堆物和电动车充电。\n发现问题当日上报。",
            "level": level, "area_code": COMMUNITY, "issued_at": PULLED, "valid_to": until,
        }, COMMUNITY  # fmt: skip


def pulled(
    kind: str, record_id: str, fields: Mapping[str, Any], area: str, *, version: int = 1,
    author: str = COLLEAGUE, made_at: str = PULLED, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the view of a record that came from the centre."""
    update = {
        "record_id": record_id, "kind": kind, "schema": kind_of(kind).info.version, "grid": area,
        "version": version, "last": {"author": author, "made_at": made_at}, **more,
    }  # fmt: skip
    view = build_view(copy_of(update, fields, None), [])
    assert view is not None
    return view


def pull_in(ws: Workspace, kind: str, record_id: str, fields: Mapping[str, Any],
            area: str = GRID, **more: Any) -> None:  # fmt: skip
    """Put one record into the store as a pull does, with its cursor moved."""
    with ws.db.transaction():
        ws.put(kind, record_id, pulled(kind, record_id, fields, area, **more))
        ws.keep_setting("cursor", value=f"{ws.setting('cursor').get('value', '')}+")


def fill(db: DurableDB, spell: Callable[[str], str] = str) -> None:
    """Store the small grid as the first pull does, in one commit; ``spell`` writes its texts."""
    with db.transaction():
        put_all(db, SETTINGS, {"cursor": {"value": "c1"}})
        by_kind: dict[str, dict[str, Mapping[str, Any]]] = {}
        for kind, record_id, fields, area in (*places(), *people(), *notices()):
            spelled = {name: spell(value) if isinstance(value, str) else value
                       for name, value in fields.items()}  # fmt: skip
            by_kind.setdefault(kind, {})[record_id] = pulled(kind, record_id, spelled, area)
        for kind, documents in by_kind.items():
            put_all(db, kind, documents)
