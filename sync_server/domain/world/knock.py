"""A knock campaign half-way through in the scripted community, and leaflets at every grid.

Every draw comes from streams of its own, so nothing else of the world moves. Homes with people in
care are left to their care visits: the campaign changes nothing about who is due.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from sync_server.domain.world.duty import moment
from sync_server.domain.world.grids import Grid, Period
from sync_server.domain.world.households import Home
from sync_server.domain.world.records import Pen, WorldRecord, minutes_later
from sync_server.domain.world.seeds import Seed, chosen
from sync_server.domain.world.shape import CommunityPlan
from sync_server.domain.world.staff import PERSONA_COMMUNITY, Staff
from sync_server.domain.world.visits import OPINION_SHARES, OPINIONS

BEGUN_DAYS_AGO, LENGTH_DAYS = 10, 21
DOORS_A_DAY = (14, 24)
AGAIN_SHARE = 0.1
"""Doors at which nobody opened the first time and somebody did on a later day."""
RESULTS = {"done": "met", "nobody": "nobody", "refused": "refused", "vacant": "vacant",
           "moved": "moved"}  # fmt: skip
QUESTIONS = ("接到过可疑电话或短信吗", "家里有人在外地工作或上学吗")
ANSWERS = (
    {"没有": 62, "接到过，没有上当": 31, "接到过，已报警": 4, "不清楚": 3},
    {"没有": 55, "有，子女在外地工作": 30, "有，孩子在外地上学": 15},
)
ANSWERED_SHARE, OPINION_SHARE = 0.7, 0.12
WANTED = ("facility", "road_safety", "green")
PLANNED = {"fraud": 1, "safety": 1}
RECEIVED = {"law": 40, "safety": 80, "fraud": 80, "policy": 60}
"""Sets every grid received at the beginning of the month."""


def campaigns(
    seed: Seed, today: date, communities: Sequence[CommunityPlan], staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the campaign of the scripted community."""
    for plan in communities:
        if plan.code != PERSONA_COMMUNITY:
            continue
        begins = today - timedelta(days=BEGUN_DAYS_AGO)
        made_at = moment(begins - timedelta(days=2), 15 * 60)
        fields = {
            "name": "秋季防诈骗和用电安全敲门行动",
            "area_code": plan.code,
            "starts_on": begins.isoformat(),
            "ends_on": (begins + timedelta(days=LENGTH_DAYS - 1)).isoformat(),
            "purpose": "逐户讲清防诈骗和安全用电，听取对楼院设施、道路和绿地的意见。"
            "白天没人的晚上再敲一次。",
            "questions": {key: {"text": text} for key, text in _questions(seed, plan.code, today)},
            "opinion_cats": list(WANTED),
            "materials": {material: {"qty": qty} for material, qty in PLANNED.items()},
        }
        author = staff.community[plan.code].user_id
        yield _pen(seed, plan.code).keep(
            campaign_id(seed, plan.code, today), plan.code, author, made_at, fields
        )


def about(communities: Sequence[CommunityPlan]) -> int:
    """Return roughly how many records these communities' leaflets and campaign are."""
    doors = BEGUN_DAYS_AGO * sum(DOORS_A_DAY) / 2 * (1 + AGAIN_SHARE)
    knocked = sum(plan.grids for plan in communities if plan.code == PERSONA_COMMUNITY)
    return round(knocked * doors) + sum(plan.grids for plan in communities) * (len(RECEIVED) + 1)


def campaign_id(seed: Seed, community: str, today: date) -> str:
    """Return the id of a community's campaign."""
    made_at = moment(today - timedelta(days=BEGUN_DAYS_AGO + 2), 15 * 60)
    return seed.ids("campaign", community).at(made_at)


def _pen(seed: Seed, community: str) -> Pen:
    return Pen("campaign", seed.ids("unused campaign", community))


def _questions(seed: Seed, community: str, today: date) -> list[tuple[str, str]]:
    ids = seed.ids("campaign questions", community)
    at = moment(today - timedelta(days=BEGUN_DAYS_AGO + 2), 15 * 60)
    return [(ids.at(at), text) for text in QUESTIONS]


def knocks(
    seed: Seed, community: str, grids: Sequence[Grid], period: Period
) -> Iterator[WorldRecord]:
    """Yield the campaign's visits in these grids, up to yesterday, and the leaflets for it."""
    if community != PERSONA_COMMUNITY:
        return
    campaign = campaign_id(seed, community, period.today)
    questions = [key for key, _ in _questions(seed, community, period.today)]
    first = period.today - timedelta(days=BEGUN_DAYS_AGO)
    for grid in grids:
        rng = seed.stream("knock", grid.code)
        pen = Pen("visit", seed.ids("knock", grid.code))
        doors = list(grid.ordinary_homes)
        rng.shuffle(doors)
        again: list[Home] = []
        for back in range(BEGUN_DAYS_AGO):
            day = first + timedelta(days=back)
            count = rng.randint(*DOORS_A_DAY)
            today, doors = doors[:count], doors[count:]
            later, again = again, [home for home in today if _tried(rng, home)]
            minutes = 18 * 60 + rng.uniform(0, 20)
            for home in [*later, *today]:
                minutes += rng.uniform(3, 7)
                opens = "nobody" if home in again else RESULTS[home.knock]
                yield _knock(rng, pen, grid, home, day, minutes, opens, campaign, questions)
        move = Pen("material_move", seed.ids("knock leaflets", grid.code))
        for material in PLANNED:
            qty = -(-len(grid.homes) // 50) * 50
            yield _moved(move, grid, first, material, "received", qty, campaign)


def _tried(rng: Random, home: Home) -> bool:
    return home.knock == "done" and rng.random() < AGAIN_SHARE


def _knock(
    rng: Random,
    pen: Pen,
    grid: Grid,
    home: Home,
    day: date,
    minutes: float,
    result: str,
    campaign: str,
    questions: Sequence[str],
) -> WorldRecord:
    at = moment(day, minutes)
    made_at = minutes_later(at, rng.uniform(1, 3))
    fields: dict[str, Any] = {
        "visited_at": at.isoformat(),
        "household_id": home.record_id,
        "purposes": ["knock"],
        "mode": "door",
        "result": result,
        "notice_given": result == "met",
        "campaign_id": campaign,
    }
    if result == "met":
        grown = [person for person in home.people if person.age >= 18]
        fields |= {
            "met": rng.choice(grown).name,
            "findings": "已讲解防诈骗和安全用电，发放资料。",
            "materials": {material: {"qty": qty} for material, qty in PLANNED.items()},
            "confirm": "verbal",
            "answers": {
                key: {"text": chosen(rng, said)}
                for key, said in zip(questions, ANSWERS, strict=True)
                if rng.random() < ANSWERED_SHARE
            },
        }
        if rng.random() < OPINION_SHARE:
            category = chosen(rng, OPINION_SHARES)
            said = {"category": category, "text": rng.choice(OPINIONS[category])}
            fields["opinions"] = {pen.ids.at(at): said}
    return pen.keep(pen.ids.at(made_at), grid.code, grid.worker.user_id, made_at, fields)


def leaflets(seed: Seed, grids: Sequence[Grid], period: Period) -> Iterator[WorldRecord]:
    """Yield what every grid received at the beginning of the month, and what it gave out in the
    open."""
    first = period.today - timedelta(days=29)
    for grid in grids:
        rng = seed.stream("leaflets", grid.code)
        pen = Pen("material_move", seed.ids("leaflets", grid.code))
        for material, qty in RECEIVED.items():
            yield _moved(pen, grid, first, material, "received", qty, None)
        day = first + timedelta(days=rng.randint(3, 20))
        given = rng.randint(10, 30)
        yield _moved(pen, grid, day, "law", "given", given, None, "广场宣传")


def _moved(
    pen: Pen,
    grid: Grid,
    day: date,
    material: str,
    move: str,
    qty: int,
    campaign: str | None,
    note: str | None = None,
) -> WorldRecord:
    at = moment(day, 9 * 60)
    fields = {
        "moved_at": at.isoformat(),
        "material": material,
        "move": move,
        "qty": qty,
        "campaign_id": campaign,
        "note": note,
    }
    return pen.write(grid.code, grid.worker.user_id, minutes_later(at, 2), fields)
