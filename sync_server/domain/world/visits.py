"""Visits to homes and shops: why, whether somebody was met, what was said and found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from schemas.kinds.care import INTERVAL_DAYS
from sync_server.domain.world.care_rounds import CareVisit
from sync_server.domain.world.duty import moment
from sync_server.domain.world.grids import Grid
from sync_server.domain.world.households import Home, Person
from sync_server.domain.world.records import Pen, WorldRecord, minutes_later
from sync_server.domain.world.seeds import chosen, poisson

PER_DAY, MOST_PER_DAY = 5.0, 14
PURPOSES = {
    "daily": 34,
    "info": 16,
    "safety": 9,
    "policy": 6,
    "service": 5,
    "mediation": 1,
    "feedback": 2,
}
EVENING_SHARE = 0.48
DAY_TIMES = ((9 * 60 + 40, 11 * 60 + 50), (15 * 60 + 40, 17 * 60 + 20))
EVENING_TIMES = ((17 * 60 + 35, 18 * 60 + 5), (19 * 60 + 50, 21 * 60))
MET_BY_DAY, MET_IN_THE_EVENING = 58, 85
NOT_MET = {"nobody": 19, "vacant": 5, "refused": 2, "moved": 1, "other_person": 2}
SHOP_SHARE = 0.5
"""Of the safety visits, how many go to a shop."""
OPINION_SHARE, RATING_SHARE = 0.08, 0.30
RATINGS = {5: 62, 4: 27, 3: 7, 2: 2, 1: 2}
LATE_SHARE = 0.02
LATE_REASON = "晚间走访，次日补录"
OPINIONS = {
    "facility": ("健身器材有几件坏了", "楼道灯晚上不亮", "希望加装扶手"),
    "road_safety": ("路口车速快，希望设减速带", "井盖响，夜里影响休息", "学校门口缺斑马线"),
    "green": ("绿化带缺株，希望补种", "树枝挡住窗户"),
    "property": ("物业保洁次数少", "门禁坏了没人修"),
    "environment": ("垃圾桶清运不及时", "宠物粪便没人管"),
    "policy": ("想了解医保缴费时间", "想问老旧小区改造安排"),
    "other": ("希望多组织邻里活动",),
}
OPINION_SHARES = {
    "facility": 36,
    "road_safety": 24,
    "green": 14,
    "property": 12,
    "environment": 8,
    "policy": 4,
    "other": 2,
}
FINDINGS = {
    "daily": "家中一切正常。",
    "info": "信息已核对，无变化。",
    "safety": "已查看用电和燃气。",
    "policy": "已讲解政策并发放资料。",
    "service": "已代办，材料已交回。",
    "mediation": "双方愿意继续协商。",
    "feedback": "对处理结果表示认可。",
}
MATERIALS = {"policy": "policy", "safety": "safety", "daily": "fraud"}
CARE_ACTIONS = {
    "need_help": ("需要代买药品", "已联系社区代办"),
    "abnormal": ("身体不适，精神差", "已通知家属并报社区"),
}


@dataclass(slots=True)
class Visit:
    """One visit in the making; issues it leads to are added before it is written."""

    record_id: str
    home: Home | None
    visited_at: datetime
    made_at: datetime
    fields: dict[str, Any]
    issue_ids: list[str] = field(default_factory=list)
    second_failure: bool = False

    @property
    def met(self) -> bool:
        """Whether somebody of the household was met."""
        return self.home is not None and self.fields["result"] == "met"


def ordinary(
    rng: Random, pen: Pen, grid: Grid, day: date, care_visits: int, end: datetime
) -> list[Visit]:
    """Return the day's visits besides those of care: the day's number less what care took.

    Some are entered late, but none after ``end``.
    """
    count = min(poisson(rng, PER_DAY), MOST_PER_DAY) - care_visits
    return [_ordinary(rng, pen, grid, day, end) for _ in range(count)]


def _ordinary(rng: Random, pen: Pen, grid: Grid, day: date, end: datetime) -> Visit:
    purpose = chosen(rng, PURPOSES)
    evening = rng.random() < EVENING_SHARE
    visited_at, made_at, late = _times(rng, day, evening, end)
    fields: dict[str, Any] = {"purposes": [purpose], "mode": _mode(rng, purpose)}
    home = None
    if purpose == "safety" and grid.shops and rng.random() < SHOP_SHARE:
        shop = rng.choice(grid.shops)
        fields |= {"shop_id": shop.record_id, "result": "met", "met": shop.fields.get("keeper")}
    else:
        home = rng.choice(grid.ordinary_homes)
        fields |= {"household_id": home.record_id, "result": _result(rng, evening)}
        if fields["result"] == "met":
            fields["met"] = _who(rng, home).name
    met = fields["result"] == "met"
    fields |= {"notice_given": met, "late_reason": LATE_REASON if late else None}
    if met:
        fields |= _found(rng, pen, purpose, visited_at)
    return Visit(pen.ids.at(made_at), home, visited_at, made_at, fields)


def _mode(rng: Random, purpose: str) -> str:
    if purpose in ("info", "feedback"):
        return chosen(rng, {"door": 60, "phone": 40})
    return chosen(rng, {"door": 90, "phone": 4, "outside": 6})


def _result(rng: Random, evening: bool) -> str:
    met = MET_IN_THE_EVENING if evening else MET_BY_DAY
    return "met" if rng.random() * 100 < met else chosen(rng, NOT_MET)


def _times(rng: Random, day: date, evening: bool, end: datetime) -> tuple[datetime, datetime, bool]:
    """Return when a visit was made, when it was entered, and whether that was late."""
    visited_at = moment(day, rng.uniform(*rng.choice(EVENING_TIMES if evening else DAY_TIMES)))
    entered_at = minutes_later(visited_at, rng.uniform(5, 20))
    if rng.random() < LATE_SHARE:
        late = entered_at + timedelta(hours=rng.randint(25, 38))
        if late <= end:
            return visited_at, late, True
    return visited_at, entered_at, False


def _who(rng: Random, home: Home) -> Person:
    grown = [person for person in home.people if person.age >= 18]
    return rng.choice(grown)


def _found(rng: Random, pen: Pen, purpose: str, at: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {"findings": FINDINGS[purpose], "confirm": chosen(rng, CONFIRM)}
    if purpose == "safety":
        fields["safety"] = {
            item: {"state": chosen(rng, {"ok": 88, "problem": 7, "not_seen": 5})}
            for item in ("gas", "wiring", "ebike", "smoke_alarm")
        }
    if purpose in MATERIALS and rng.random() < 0.4:
        fields["materials"] = {MATERIALS[purpose]: {"qty": rng.randint(1, 2)}}
    if rng.random() < OPINION_SHARE:
        category = chosen(rng, OPINION_SHARES)
        opinion = {"category": category, "text": rng.choice(OPINIONS[category])}
        fields["opinions"] = {pen.ids.at(at): opinion}
    if rng.random() < RATING_SHARE:
        fields["rating"] = chosen(rng, RATINGS)
    return fields


CONFIRM = {"verbal": 80, "signed": 20}


def of_care(rng: Random, pen: Pen, planned: CareVisit, end: datetime) -> Visit:
    """Return a care visit: how everybody on the register was found, or that nobody was."""
    visited_at, made_at, late = _times(rng, planned.day, False, end)
    home = planned.entries[0].person.home
    fields: dict[str, Any] = {
        "household_id": home.record_id,
        "purposes": ["care"],
        "mode": "door",
        "late_reason": LATE_REASON if late else None,
    }
    if planned.states is None:
        checks = {e.person.record_id: {"state": "not_reached"} for e in planned.entries}
        fields |= {"result": "nobody", "notice_given": False, "care_checks": checks}
    else:
        met = max(planned.entries, key=lambda e: e.person.age).person
        fields |= {"result": "met", "met": met.name, "notice_given": True}
        fields["care_checks"] = _care_checks(planned, planned.states)
        fields["confirm"] = chosen(rng, CONFIRM)
    return Visit(
        pen.ids.at(made_at),
        home,
        visited_at,
        made_at,
        fields,
        second_failure=planned.second_failure,
    )


def _care_checks(planned: CareVisit, states: dict[str, str]) -> dict[str, dict[str, str]]:
    checks = {}
    for entry in planned.entries:
        state = states[entry.person.record_id]
        next_on = planned.day + timedelta(days=INTERVAL_DAYS[entry.risk])
        check = {"state": state, "next_on": next_on.isoformat()}
        if state in CARE_ACTIONS:
            check["change"], check["action"] = CARE_ACTIONS[state]
        checks[entry.person.record_id] = check
    return checks


def write(pen: Pen, grid: Grid, visit: Visit) -> WorldRecord:
    """Return a visit as a record."""
    fields = {
        "visited_at": visit.visited_at.isoformat(),
        **visit.fields,
        "issue_ids": visit.issue_ids,
    }
    return pen.keep(visit.record_id, grid.code, grid.worker.user_id, visit.made_at, fields)
