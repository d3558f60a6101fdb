"""The records of people: households, residents, and the care register."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from schemas.clock import written
from schemas.kinds.care import INTERVAL_DAYS
from sync_server.domain.world.care import Care
from sync_server.domain.world.households import Home, Person, guardian
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import CommunityPlan
from sync_server.domain.world.staff import Staff

NEEDS = {
    "alone": "希望每周有人上门看看。",
    "empty_nest": "子女在外地，希望节前帮助视频通话。",
    "left_behind": "与子女联系少，希望有人陪聊。",
    "disabled_elder": "需要送药上门和翻身护理指导。",
    "severe_disability": "需要协助办理辅具和补贴。",
    "special_fp": "希望多些陪伴，节日探望。",
    "aged80": "需要代缴水电费。",
    "low_income": "关注低保续期。",
    "extreme_poor": "需要代购日用品。",
    "child": "需要课后照看。",
    "mobility": "上下楼不便，需要代取快递。",
    "chronic": "需要定期代取处方药。",
}


def households(seed: Seed, homes: Sequence[Home], staff: Staff) -> Iterator[WorldRecord]:
    """Yield the households."""
    pen = Pen("household", seed.ids("unused"))
    for home in homes:
        fields = {
            "code": home.code,
            "room_id": home.room.record_id,
            "kind": "tenant" if home.room.state == "rent" else "family",
            "head_id": home.head.record_id,
            "size": home.size,
            "phone": home.phone,
            "centre": home.centre,
            "care_risk": home.care_risk,
            "remarks": home.remarks,
        }
        author = staff.workers[home.grid].user_id
        yield pen.keep(home.record_id, home.grid, author, home.seen_at, fields)


def residents(
    seed: Seed, homes: Sequence[Home], register: Sequence[Care], staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the people, each household's head first; those in care gave consent to it."""
    cared = {entry.person for entry in register}
    pen = Pen("resident", seed.ids("unused"))
    for home in homes:
        author = staff.workers[home.grid].user_id
        notice_at = written(home.seen_at)
        for place, person in enumerate(home.people):
            made_at = home.seen_at + timedelta(seconds=30 * (place + 1))
            fields = _resident(person, notice_at, person in cared)
            yield pen.keep(person.record_id, home.grid, author, made_at, fields)


def _consents(person: Person, by: str, on: str, cared: bool) -> dict[str, Any]:
    """Return the consents of somebody held by consent that the law wants noted: a guardian's, and
    those of their own to care; of every sixteenth nobody noted any."""
    if person.basis != "consent" or not (cared or by) or person.record_id.endswith("0"):
        return {}
    scope = ["basic", *(["id_no"] if person.id_no else []), *(["care"] if cared else [])]
    said = {"on": on, "by": "guardian" if by else "self", "scope": scope, "how": "signed"}
    return {person.record_id: said}


def _resident(person: Person, notice_at: str, cared: bool) -> dict[str, Any]:
    by = guardian(person)
    return {
        "name": person.name,
        "sex": person.sex,
        "birth": person.birth,
        "id_no": person.id_no,
        "relation": person.relation,
        "household_id": person.home.record_id,
        "phone": person.phone,
        "reside": person.reside,
        "same_as_registered": person.registered_here,
        "guardian": by,
        "notice_version": person.notice_version,
        "notice_at": notice_at,
        "basis": person.basis,
        "consents": _consents(person, by, notice_at[:10], cared),
    }


def care_register(
    seed: Seed, plan: CommunityPlan, register: Sequence[Care], today: date, staff: Staff
) -> Iterator[WorldRecord]:
    """Yield the care register, each entry under its resident."""
    rng = seed.stream("care records", plan.code)
    pen = Pen("care", seed.ids("care", plan.code))
    for entry in register:
        home = entry.person.home
        keeper = staff.workers[home.grid].user_id
        others = [other for other in home.people if other is not entry.person and other.phone]
        contact = f"{others[0].name} {others[0].phone}" if others else None
        fields = {
            "resident_id": entry.person.record_id,
            "cats": entry.cats,
            "risk": entry.risk,
            "visit_every_days": INTERVAL_DAYS[entry.risk],
            "contact": contact,
            "needs": NEEDS[rng.choice(entry.cats)] if rng.random() < 0.6 else None,
            "keeper_id": keeper,
            "since": (home.seen_at.date() - timedelta(days=rng.randint(0, 1200))).isoformat(),
            "basis": entry.person.basis,
        }
        made_at = home.seen_at + timedelta(minutes=8)
        yield pen.write(home.grid, keeper, made_at, fields)
