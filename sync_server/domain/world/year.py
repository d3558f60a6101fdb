"""World B's year of issues: exactly so many by category, month and level, and so many resolved.

What is drawn here is how each issue begins and what its life must bring about; its steps are taken
by the centre's own services (``services/demo_year.py``). The numbers are the public ones of a real
district's year: 11,925 issues, 11,138 of them resolved.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from schemas.clock import written
from sync_server.domain.world.duty import moment
from sync_server.domain.world.issue_texts import MATTERS, Matter
from sync_server.domain.world.issues import NEAR_MICRODEGREES, SELF_HANDLED_SHARE, SOURCES, URGENCY
from sync_server.domain.world.lives import ESCALATED, REFUSED, REFUSED_AGAIN, Story, draw_story
from sync_server.domain.world.seeds import Seed, apportion, chosen, dealt
from sync_server.domain.world.year_places import Places, Site, Yard


class Target(NamedTuple):
    """How many issues of a category there are, and how many are resolved."""

    issues: int
    resolved: int


CATEGORIES: Mapping[str, Target] = {
    "ENV": Target(2504, 2466),
    "FAC": Target(2027, 1870),
    "FIRE": Target(1670, 1612),
    "VEH": Target(1431, 1326),
    "PROP": Target(1193, 1034),
    "BLD": Target(954, 807),
    "DISP": Target(596, 560),
    "NOI": Target(477, 430),
    "UTL": Target(477, 453),
    "SEC": Target(238, 231),
    "SHOP": Target(179, 174),
    "CARE": Target(119, 117),
    "EPI": Target(36, 36),
    "OTH": Target(24, 22),
}
MONTHS = (894, 715, 1014, 1014, 1073, 1133, 1192, 1133, 1014, 954, 954, 835)
LEVELS = {"1": 6201, "2": 3697, "3": 1431, "4": 596}
MERGED, VOIDED = 298, 72
"""On top of the valid ones; together 370."""
WEEKDAYS = (1.15, 1.1, 1.05, 1.05, 1.05, 0.85, 0.75)
REPORTED_AFTER = timedelta(days=20)
"""The history ends so long after the year: when the year's report is made."""
HARD = {"1": 0.3, "2": 1.0, "3": 2.5, "4": 5.0}
RECENT = {12: 9.0, 11: 4.0, 10: 2.0}
STUCK = {"": 70, "20": 8, "30": 22}
"""Where unresolved issues stand: being handled, accepted, or dispatched and not taken on."""
SUSPENDED_SHARE = 0.12
"""Of the unresolved ones of levels 3 and 4, on top, if they are recent enough."""


@dataclass(frozen=True)
class Expected:
    """What the year comes to."""

    issues: Mapping[str, int]
    resolved: Mapping[str, int]
    months: tuple[int, ...]
    levels: Mapping[str, int]
    merged: int
    voided: int

    @property
    def valid(self) -> int:
        """How many issues count."""
        return sum(self.issues.values())

    @property
    def solved(self) -> int:
        """How many of them are resolved."""
        return sum(self.resolved.values())


def expected(part: int = 1) -> Expected:
    """Return what the year, or one in ``part`` of it, comes to."""
    total = round(sum(MONTHS) / part)
    issues = apportion(total, [one.issues for one in CATEGORIES.values()])
    return Expected(
        issues=dict(zip(CATEGORIES, issues, strict=True)),
        resolved={
            name: round(count * CATEGORIES[name].resolved / CATEGORIES[name].issues)
            for name, count in zip(CATEGORIES, issues, strict=True)
        },
        months=tuple(apportion(total, MONTHS)),
        levels=dict(zip(LEVELS, apportion(total, list(LEVELS.values())), strict=True)),
        merged=round(MERGED / part),
        voided=round(VOIDED / part),
    )


@dataclass(slots=True)
class YearIssue:
    """One issue as it is reported, and the story of its life."""

    record_id: str
    yard: Yard
    received_at: datetime
    fields: dict[str, Any]
    story: Story


class Year:
    """A year of issues in World B."""

    def __init__(self, seed: Seed, year: int, part: int = 1) -> None:
        self.seed = seed
        self.year = year
        self.begins = moment(date(year, 1, 1), 0)
        self.end = moment(date(year + 1, 1, 1), 0) + REPORTED_AFTER
        self.expected = expected(part)
        self.places = Places(seed, self.begins, part)

    def issues(self) -> list[YearIssue]:
        """Return every issue in the order the centre got them."""
        valid = self._valid()
        extra = [*self._merged(valid), *self._voided()]
        return sorted((*valid, *extra), key=lambda one: (one.received_at, one.record_id))

    def _valid(self) -> list[YearIssue]:
        rng, wanted = self.seed.stream("year", "issues"), self.expected
        categories = _shuffled(rng, wanted.issues)
        levels = _shuffled(rng, wanted.levels)
        days = self._days(rng)
        ids = self.seed.ids("year", "issues")
        own = iter(dealt(rng, levels.count("1"), {True: SELF_HANDLED_SHARE, False: 0.2}))
        facts = [
            (category, level, day, level == "1" and next(own))
            for category, level, day in zip(categories, levels, days, strict=True)
        ]
        open_ones = self._unresolved(rng, facts)
        made = []
        for no, (category, level, day, self_handled) in enumerate(facts):
            one = self._issue(rng, ids, category, level, day, self_handled)
            self._fate(rng, one.story, level, no in open_ones, day)
            one.fields["level"] = one.story.level
            made.append(one)
        return made

    def _days(self, rng: Random) -> list[date]:
        days = []
        for month, count in enumerate(self.expected.months, 1):
            first = date(self.year, month, 1)
            here = [first + timedelta(days=n) for n in range(31)]
            here = [day for day in here if day.month == month]
            weights = [WEEKDAYS[day.weekday()] for day in here]
            days += rng.choices(here, weights, k=count)
        rng.shuffle(days)
        return days

    def _unresolved(self, rng: Random, facts: Sequence[tuple[str, str, date, bool]]) -> set[int]:
        """Return which issues are not resolved: per category exactly, rather hard and recent
        ones."""
        found: set[int] = set()
        for category, count in self.expected.issues.items():
            missing = count - self.expected.resolved[category]
            drawn = [
                (rng.random() ** (1 / (HARD[level] * RECENT.get(day.month, 0.5))), no)
                for no, (name, level, day, own) in enumerate(facts)
                if name == category and not own
            ]
            found.update(no for _, no in heapq.nlargest(missing, drawn))
        return found

    def _fate(self, rng: Random, story: Story, level: str, open_: bool, day: date) -> None:
        """Let a story end as the year's figures say."""
        story.solved = not open_
        if open_:
            story.escalated, story.refusals = False, min(story.refusals, 1)
            story.suspended = 0
            story.stuck = (
                chosen(rng, STUCK)
                if story.unit or level in "34"
                else chosen(rng, {"": 85, "20": 15})
            )
            recent = self.end.date() - day < timedelta(days=60)
            if recent and level in ("3", "4") and rng.random() < SUSPENDED_SHARE * 4:
                story.suspended, story.stuck = rng.randint(62, 85), ""
            return
        if level in ("3", "4"):
            # Those that come to this level from the one below; the shares are of all issues.
            counts = self.expected.levels
            share = sum(counts.values()) / (counts["3"] + counts["4"])
            chance = rng.random()
            if chance < ESCALATED * share:
                story.level, story.escalated = str(int(level) - 1), True
                story.refusals = min(story.refusals, 1)
            elif chance < (ESCALATED + REFUSED * REFUSED_AGAIN) * share:
                story.level, story.refusals = str(int(level) - 1), 2
                story.unit = "lead"
            else:
                story.refusals = min(story.refusals, 1)
        else:
            story.refusals = min(story.refusals, 1)

    def _issue(
        self, rng: Random, ids: Any, category: str, level: str, day: date, self_handled: bool
    ) -> YearIssue:
        yard = rng.choice(self.places.yards)
        source, matter = _matter(rng, category)
        happened = moment(day, rng.uniform(8 * 60, 20 * 60))
        fields: dict[str, Any] = {
            "happened_at": written(happened),
            "category": category,
            "title": matter.title,
            "text": matter.text,
            "level": level,
            "urgency": chosen(rng, URGENCY),
            "source": source,
            **_place(rng, rng.choice(yard.sites)),
        }
        if self_handled:
            fields |= {"self_handled": True, "handled_text": matter.handled}
        record_id = ids.at(happened)
        story = draw_story(self.seed.stream("story", record_id), fields, matter.handled)
        return YearIssue(record_id, yard, _received(rng, happened), fields, story)

    def _merged(self, valid: Sequence[YearIssue]) -> list[YearIssue]:
        """Return second reports of the same things, by the worker of another grid nearby."""
        rng, ids = self.seed.stream("year", "merged"), self.seed.ids("year", "merged")
        reported = [one for one in valid if not one.fields.get("self_handled")]
        made = []
        for one in rng.sample(reported, self.expected.merged):
            near = [yard for yard in self.places.yards if yard.community == one.yard.community]
            yard = rng.choice([yard for yard in near if yard is not one.yard] or near)
            happened = datetime.fromisoformat(one.fields["happened_at"])
            happened = min(happened + timedelta(minutes=rng.randint(40, 22 * 60)), self._last)
            fields = {**one.fields, "happened_at": written(happened), "source": "resident"}
            fields["text"] = f"{fields['text'].rstrip('。')}，路过时看到。"
            fields["location"] = _beside(rng, fields["location"])
            story = Story(level=one.story.level, handled="", into_id=one.record_id, solved=True)
            received = max(_received(rng, happened), one.received_at + timedelta(minutes=5))
            made.append(YearIssue(ids.at(happened), yard, received, fields, story))
        return made

    @property
    def _last(self) -> datetime:
        return moment(date(self.year, 12, 31), 23 * 60 + 50)

    def _voided(self) -> list[YearIssue]:
        rng, ids = self.seed.stream("year", "voided"), self.seed.ids("year", "voided")
        made = []
        for category in dealt(rng, self.expected.voided, self.expected.issues):
            day = date(self.year, 1, 1) + timedelta(days=rng.randrange(365))
            one = self._issue(rng, ids, category, rng.choice("12"), day, False)
            one.story = Story(level=one.fields["level"], handled="", void=True, solved=True)
            made.append(one)
        return made


def _shuffled(rng: Random, counts: Mapping[str, int]) -> list[str]:
    values = [name for name, count in counts.items() for _ in range(count)]
    rng.shuffle(values)
    return values


def _matter(rng: Random, category: str) -> tuple[str, Matter]:
    matter = rng.choice(MATTERS[category])
    shares = SOURCES if matter.item else {**SOURCES, "patrol": 0}
    return chosen(rng, shares), matter


def _place(rng: Random, site: Site) -> dict[str, Any]:
    return {
        "compound_id": site.record_id,
        "place": f"{site.name}{rng.randint(1, 12)}号楼",
        "location": site.tile.point(rng),
        "people": rng.randint(1, 30),
    }


def _beside(rng: Random, spot: Mapping[str, Any]) -> dict[str, Any]:
    near = NEAR_MICRODEGREES
    return {
        "lat": spot["lat"] + rng.randint(-near, near),
        "lon": spot["lon"] + rng.randint(-near, near),
        "crs": spot["crs"],
    }


def _received(rng: Random, happened: datetime) -> datetime:
    """Return when a laptop brought it: mostly the same day, some after days offline."""
    draw = rng.random()
    if draw < 0.88:
        return happened + timedelta(minutes=rng.uniform(5, 200))
    if draw < 0.97:
        return happened + timedelta(hours=rng.uniform(12, 60))
    return happened + timedelta(days=rng.uniform(3, 12))
