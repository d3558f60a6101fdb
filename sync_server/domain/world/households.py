"""Households with their people: exact counts, plausible families, names, numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from random import Random

from schemas.fields import IdNumber
from sync_server.domain.world import families, names
from sync_server.domain.world.families import HEADS, IN_LAWS, SPOUSES, Census, Family, Member
from sync_server.domain.world.seeds import Phones, Seed, apportion, chosen
from sync_server.domain.world.shape import DISTRICT, CommunityPlan
from sync_server.domain.world.sites import Room, Site

SIZES = (22, 31, 25, 13, 6, 3)
"""Percent of households with 1, 2 … 6 or more people."""
STATES = {"owner": 62, "rent": 20, "unknown": 3}
TENANTS_SHARE = 0.17
SHARING_SHARE = 0.35
ALONE_FACTOR, EMPTY_NEST_FACTOR = 1.15, 1.4
"""Elders living alone or as couples for each one on the care register."""
RARE_SHARE, DOTTED_SHARE = 0.003, 0.005
PHONE_SHARE, PHONE_AGE = 0.88, 14
ID_SHARE, ID_WRONG_SHARE = 0.35, 0.01
NOTICE_SHARE, CONSENT_SHARE = 0.92, 0.60
NOTICE_VERSION, NOTICE_OWED = "2026-1", "旧台账"
"""The notice given at the door, or a person taken over from the old register without one."""
GUARDIAN_MONTHS = 14 * 12
KNOCK = {"done": 83, "nobody": 8, "vacant": 7, "refused": 1.2, "moved": 0.8}
CENTRE_SHARE = 0.02


@dataclass(slots=True, eq=False)
class Person:
    """One resident in the making."""

    home: Home
    relation: str
    sex: str
    age: int
    name: str
    birth: str
    """Year and month, 1951-04."""
    record_id: str = ""
    phone: str = ""
    id_no: str = ""
    reside: str = "registered"
    registered_here: bool = True
    notice_version: str = NOTICE_VERSION
    basis: str = "consent"


@dataclass(slots=True, eq=False)
class Home:
    """One household in the making."""

    room: Room
    size: int
    people: list[Person] = field(default_factory=list)
    record_id: str = ""
    code: str = ""
    knock: str = "done"
    centre: bool = False
    care_risk: str = ""
    remarks: str = ""

    @property
    def grid(self) -> str:
        """Return the code of the grid it lies in."""
        return self.room.building.grid

    @property
    def seen_at(self) -> datetime:
        """Return when its people were first registered."""
        return self.room.seen_at + timedelta(minutes=2)

    @property
    def head(self) -> Person:
        """Return the head of the household."""
        return self.people[0]

    @property
    def phone(self) -> str:
        """Return the first number there is, the head's before others'."""
        return next((person.phone for person in self.people if person.phone), "")


def settle(seed: Seed, plan: CommunityPlan, sites: list[Site], today: date) -> list[Home]:
    """Fill the community's occupied rooms with its exact number of people."""
    rng = seed.stream("households", plan.code)
    occupied = [r for s in sites for b in s.buildings for r in b.rooms if r.occupied]
    sizes = _sizes(plan)
    rng.shuffle(sizes)
    homes = [Home(room, size) for room, size in zip(occupied, sizes, strict=True)]
    _decide_states(rng, plan, homes)
    household_ids = seed.ids("household", plan.code)
    for no, home in enumerate(homes, 1):
        home.record_id = household_ids.at(home.seen_at)
        home.code = f"H{plan.no:03d}{no:05d}"
        home.knock = chosen(rng, KNOCK)
        home.centre = rng.random() < CENTRE_SHARE
    _people(seed, plan, homes, today)
    return homes


def _sizes(plan: CommunityPlan) -> list[int]:
    """Return the households' sizes by share, the largest ones adjusted to the head count."""
    counts = apportion(plan.households, SIZES)
    sizes = [size for size, count in enumerate(counts, 1) for _ in range(count)]
    largest = len(sizes) - counts[-1]
    step = 1 if sum(sizes) < plan.people else -1
    for n in range(abs(plan.people - sum(sizes))):
        sizes[largest + n % counts[-1]] += step
    return sizes


def _decide_states(rng: Random, plan: CommunityPlan, homes: list[Home]) -> None:
    """Say who owns and who rents: exact shares of rooms, and of people who are tenants."""
    _, rented_count, unknown = apportion(len(homes), list(STATES.values()))
    order = homes.copy()
    rng.shuffle(order)
    rented, others = order[:rented_count], order[rented_count:]
    wanted = round(plan.people * TENANTS_SHARE)
    tenants = sum(home.size for home in rented)
    while tenants > wanted:
        i, j = rng.randrange(len(rented)), rng.randrange(len(others))
        fewer = rented[i].size - others[j].size
        if 0 < fewer <= tenants - wanted:
            rented[i], others[j] = others[j], rented[i]
            tenants -= fewer
    for home in rented:
        home.room.state = "rent"
    for home in others[:unknown]:
        home.room.state = "unknown"
    for home in others[unknown:]:
        home.room.state = "owner"


def _people(seed: Seed, plan: CommunityPlan, homes: list[Home], today: date) -> None:
    rng = seed.stream("families", plan.code)
    drawn = _families(rng, plan, homes)
    person_ids = seed.ids("resident", plan.code)
    month = today.year * 12 + today.month - 1
    for home in homes:
        surnames = {family: names.surname(rng) for family in (HEADS, SPOUSES, IN_LAWS)}
        for place, member in enumerate(drawn[home]):
            person = _person(rng, home, member, surnames, month)
            person.record_id = person_ids.at(home.seen_at + timedelta(seconds=30 * (place + 1)))
            home.people.append(person)
    everyone = [person for home in homes for person in home.people]
    _rare_names(seed.stream("rare names", plan.code), everyone)
    _numbers(seed, plan, everyone)
    _privacy(seed.stream("privacy", plan.code), everyone)


def _families(rng: Random, plan: CommunityPlan, homes: list[Home]) -> dict[Home, Family]:
    """Draw everybody's family: the elders the care register needs first, then the others."""
    census = Census()
    drawn: dict[Home, Family] = {}
    order = homes.copy()
    rng.shuffle(order)
    for size, factor, category, draw in (
        (1, ALONE_FACTOR, "alone", families.single_elder),
        (2, EMPTY_NEST_FACTOR / 2, "empty_nest", families.elder_couple),
    ):
        owned = [home for home in order if home.size == size and home.room.state != "rent"]
        for home in owned[: round(plan.care[category] * factor) + 1]:
            drawn[home] = census.keep(rng, draw)
    for home in order:
        if home not in drawn:
            shared = home.room.state == "rent" and rng.random() < SHARING_SHARE
            drawn[home] = census.keep(rng, partial(families.draw, size=home.size, shared=shared))
    return drawn


def _person(
    rng: Random, home: Home, member: Member, surnames: dict[int, str], month: int
) -> Person:
    surname = surnames.get(member.family) or names.surname(rng)
    # Nobody is born after the survey, so the youngest are seven months old.
    months = member.age * 12 + (rng.randint(7, 11) if member.age == 0 else rng.randint(0, 11))
    year, place = divmod(month - months, 12)
    person = Person(
        home,
        member.relation,
        member.sex,
        member.age,
        surname + names.given(rng, member.sex),
        f"{year}-{place + 1:02d}",
    )
    if home.room.state == "rent":
        person.reside, person.registered_here = "tenant", False
    else:
        person.reside = chosen(rng, {"registered": 93, "non_registered": 6, "temp": 1})
        person.registered_here = person.reside == "registered" and rng.random() < 0.95
    return person


def _rare_names(rng: Random, everyone: list[Person]) -> None:
    """Give an exact share of people names that fonts, searches and prints must get right."""
    rare, dotted = (round(len(everyone) * share) for share in (RARE_SHARE, DOTTED_SHARE))
    picked = rng.sample(everyone, rare + dotted)
    for person in picked[:rare]:
        person.name = names.rare(rng, person.sex, person.name[0])
    for person in picked[rare:]:
        person.name = names.dotted(rng, person.sex)


def _numbers(seed: Seed, plan: CommunityPlan, everyone: list[Person]) -> None:
    """Give phones to most who can have one, ID numbers to a third, a few of those wrong."""
    phones = Phones(seed, plan.no, "resident")
    rng = seed.stream("numbers", plan.code)
    for person in everyone:
        if person.age >= PHONE_AGE and rng.random() < PHONE_SHARE:
            person.phone = phones.next()
    numbered = rng.sample(everyone, round(len(everyone) * ID_SHARE))
    wrong = round(len(numbered) * ID_WRONG_SHARE)
    used: Counter[str] = Counter()
    for place, person in enumerate(numbered):
        year, month = (int(part) for part in person.birth.split("-"))
        if place < wrong:
            # Somebody else's number: well formed, but of another birth month.
            year -= rng.randint(1, 3)
        division = f"99010{rng.randint(2, 6)}" if person.reside == "tenant" else DISTRICT
        born = f"{year}{month:02d}{rng.randint(1, 28):02d}"
        first = plan.no * 100 + (1 if person.sex == "1" else 0)
        key = division + born + person.sex
        person.id_no = id_number(division, born, first + 2 * used[key])
        used[key] += 1


def id_number(division: str, born: str, sequence: int) -> str:
    """Return the citizen number of these parts with its check character (GB 11643)."""
    digits = f"{division}{born}{sequence:03d}"
    return digits + IdNumber.last_character(digits)


def _privacy(rng: Random, everyone: list[Person]) -> None:
    """Say who was told what is recorded, and by what right it is."""
    for person in everyone:
        if rng.random() >= NOTICE_SHARE:
            person.notice_version, person.basis = NOTICE_OWED, "statutory"
        elif rng.random() >= CONSENT_SHARE:
            person.basis = "statutory"


def guardian(person: Person) -> str:
    """Return who answers for somebody under 14 at the time of notice; else nothing."""
    asked = person.home.seen_at
    year, month = (int(part) for part in person.birth.split("-"))
    if (asked.year - year) * 12 + asked.month - month >= GUARDIAN_MONTHS:
        return ""
    if person.relation in ("41", "42", "43", "44"):
        for other in person.home.people:
            if other.relation[0] in "23" and other.age >= 18:
                return other.name
    return person.home.head.name
