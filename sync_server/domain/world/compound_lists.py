"""What a compound's record lists over time: its tags, its problems, the sites in it."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from sync_server.domain.world.duty import moment
from sync_server.domain.world.seeds import Ids

PROBLEMS = (
    ("楼道堆物屡清屡堆", "common", "FIRE", "每周联合清理一次"),
    ("飞线充电", "common", "FIRE", "增设充电车棚"),
    ("停车位不足", "common", "VEH", "与临近单位错时共享车位"),
    ("地下管网老化", "individual", "UTL", "列入老旧小区改造计划"),
    ("外墙保温层脱落", "individual", "FAC", "设警戒线，申请维修资金"),
    ("物业费收缴率低", "common", "PROP", "三方议事协商"),
    ("无物业管理", "individual", "PROP", "引入红色物业帮建"),
)  # fmt: skip
WHY = {"demo": "示范创建验收通过", "hard": "列入攻坚名单", "normal": ""}


def tags(rng: Random, ids: Ids, tag: str, today: date) -> tuple[str, dict[str, Any]]:
    """Return since when a compound has its tag, and its tags over time."""
    begun = today - timedelta(days=rng.randint(230, 500))
    entries = {}
    if tag != "normal" and rng.random() < 0.6:  # it was an ordinary one before
        before = begun - timedelta(days=rng.randint(180, 500))
        entries[ids.at(moment(before, 600))] = {"tag": "normal", "since": before.isoformat()}
    entry = {"tag": tag, "since": begun.isoformat()}
    if WHY[tag]:
        entry["why"] = WHY[tag]
    entries[ids.at(moment(begun, 600))] = entry
    return begun.isoformat(), entries


def problems(rng: Random, ids: Ids, tag: str, today: date) -> dict[str, Any]:
    """Return a compound's problem list; hard cases have one for certain."""
    count = rng.randint(1, 3) if tag == "hard" else rng.choice((0, 0, 0, 1))
    found = {}
    for what, scope, category, measure in rng.sample(PROBLEMS, count):
        day = today - timedelta(days=rng.randint(20, 200))
        entry = {"what": what, "scope": scope, "category": category, "measure": measure,
                 "found": day.isoformat()}  # fmt: skip
        if rng.random() < 0.3:
            entry["settled"] = (day + timedelta(days=15)).isoformat()
        found[ids.at(moment(day, 600))] = entry
    return found


def sites(rng: Random, ids: Ids, name: str, households: int, at: date) -> dict[str, Any]:
    """Return the sites of a compound; large ones have them."""
    wanted = [("station", "党群服务站"), ("hall", "议事厅"), ("canteen", "老年食堂")]
    share = 0.7 if households >= 300 else 0.15
    found = {}
    for facility, words in wanted:
        if rng.random() < share:
            found[ids.at(moment(at, 600))] = {
                "facility": facility, "name": f"{name}{words}", "area": rng.randint(20, 180),
                "acquire": rng.choice(("new", "swap", "takeover", "supporting", "reserved")),
                "rules": rng.random() < 0.8,
            }  # fmt: skip
        share /= 2
    return found
