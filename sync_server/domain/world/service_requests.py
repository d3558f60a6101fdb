"""Service requests: what residents ask for, on care visits and at the community's desk."""

from __future__ import annotations

from datetime import date
from random import Random

from schemas.clock import written
from sync_server.domain.world.duty import moment
from sync_server.domain.world.grids import Grid
from sync_server.domain.world.records import Pen, WorldRecord, minutes_later
from sync_server.domain.world.seeds import chosen, poisson
from sync_server.domain.world.staff import Staff
from sync_server.domain.world.visits import Visit

AT_DESKS_PER_DAY = 0.125
"""Requests of a grid and working day that come to a desk; as many come of care visits."""
CARE_SHARE = 0.45
"""Of those a care visit finds in need of help, how many need more than the worker does at once."""
DONE_AT_ONCE = "已当场代办"
KINDS = {"proxy": 50, "order": 38, "wish": 12}
CHANNELS = {"hotline": 44, "desk": 26, "point": 14, "station": 10, "box": 6}
POINT = "红色驿站便民服务点"
ITEMS = {
    "proxy": {"medical_fee": 26, "pension": 22, "papers": 18, "subsidy": 14, "utility_fee": 20},
    "order": {"repair": 44, "drain": 34, "medicine": 14, "other": 8},
    "wish": {"other": 70, "medicine": 15, "repair": 15},
}
WORDS = {
    "papers": ("居住证到期，请代为办理", "老人行动不便，想办优待证"),
    "medical_fee": ("不会用手机，请代缴医保", "想帮孩子缴医保"),
    "utility_fee": ("电费单看不懂，请代缴", "水费欠费，请代缴"),
    "medicine": ("降压药快吃完了，请代买", "想请人陪同去卫生院"),
    "repair": ("客厅灯不亮", "热水器打不着火", "插座松动，有火花"),
    "drain": ("厨房下水道堵了", "卫生间地漏返水"),
    "pension": ("养老资格认证不会操作", "老人无法刷脸，请上门认证"),
    "subsidy": ("想申请高龄补贴", "想问残疾人补贴怎么办"),
    "other": ("想要一副老花镜", "家里缺一床棉被", "想请人陪老人说说话"),
}
OFFICE = ((8 * 60 + 40, 11 * 60 + 40), (14 * 60 + 10, 17 * 60 + 10))


def of_visit(rng: Random, pen: Pen, grid: Grid, visit: Visit) -> list[WorldRecord]:
    """Return the requests of people in care whom a visit found in need of help, linked with it.

    The others were helped at once, and their check says so.
    """
    found = []
    for resident_id, check in visit.fields.get("care_checks", {}).items():
        if check["state"] != "need_help" or visit.home is None:
            continue
        if rng.random() >= CARE_SHARE:
            check["action"] = DONE_AT_ONCE
            continue
        person = next(one for one in visit.home.people if one.record_id == resident_id)
        fields = {
            "requested_at": written(visit.visited_at),
            "kind": "proxy",
            "item": "other",
            "words": "；".join((check["change"], check["action"])),
            "applicant": person.name,
            "phone": person.phone or visit.home.phone,
            "household_id": visit.home.record_id,
            "resident_id": resident_id,
            "visit_id": visit.record_id,
            "channel": "door",
        }
        found.append(pen.write(grid.code, grid.worker.user_id, visit.made_at, fields))
    if found:
        visit.fields["service_ids"] = [one.record_id for one in found]
    return found


def at_desks(rng: Random, pen: Pen, grid: Grid, day: date, staff: Staff) -> list[WorldRecord]:
    """Return the requests of a day that somebody at the community's desk wrote down; wishes lie in
    the community, for all its workers."""
    found = []
    for _ in range(poisson(rng, AT_DESKS_PER_DAY)):
        kind = chosen(rng, KINDS)
        item = chosen(rng, ITEMS[kind])
        channel = "wish_tree" if kind == "wish" else chosen(rng, CHANNELS)
        home = rng.choice(grid.homes)
        person = rng.choice([one for one in home.people if one.age >= 14])
        asked_at = moment(day, rng.uniform(*rng.choice(OFFICE)))
        written_at = minutes_later(asked_at, rng.uniform(1, 4))
        fields = {
            "requested_at": written(asked_at),
            "kind": kind,
            "item": item,
            "words": rng.choice(WORDS[item]),
            "applicant": person.name,
            "phone": person.phone or home.phone,
            "household_id": home.record_id,
            "resident_id": person.record_id,
            "channel": channel,
            "point": POINT if channel == "point" else None,
            "urgency": chosen(rng, {"normal": 94, "urgent": 6}),
        }
        area = grid.community if kind == "wish" else grid.code
        author = staff.community[grid.community].user_id
        found.append(pen.write(area, author, written_at, fields))
    return found
