"""Issues: what a day brings, from where, how grave it is, and what is reported twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sync_server.domain.world.duty import moment
from sync_server.domain.world.grids import Grid
from sync_server.domain.world.issue_texts import (
    CATEGORIES,
    MATTERS,
    SCRIPTED_RETURN,
    TWICE_NOT_REACHED,
    Matter,
)
from sync_server.domain.world.patrols import Patrol
from sync_server.domain.world.records import Pen, WorldRecord, minutes_later
from sync_server.domain.world.seeds import chosen, poisson
from sync_server.domain.world.sites import Building
from sync_server.domain.world.visits import Visit

PER_DAY = 0.35
SOURCES = {
    "patrol": 55,
    "visit": 16,
    "resident": 11,
    "keeper": 6,
    "property": 3,
    "hotline": 2,
    "mayor_line": 2,
    "box": 1,
    "wish": 1,
    "station": 1,
    "supervision": 2,
}
LEVELS = {"1": 52, "2": 31, "3": 12, "4": 5}
URGENCY = {"normal": 93, "urgent": 6, "emergency": 1}
SELF_HANDLED_SHARE = 0.80
DUPLICATE_SHARE = 0.025
NEAR_MICRODEGREES = 300
"""About 30 m: two reports of one thing lie this close."""


@dataclass(slots=True)
class Issue:
    """One issue in the making. ``scripted`` marks the one the scripted worker got back."""

    record_id: str
    grid: Grid
    happened_at: datetime
    made_at: datetime
    fields: dict[str, Any]
    matter: Matter
    scripted: bool = False
    repeats: str = ""
    """The issue it reports once more."""


def of_day(
    rng: Random,
    pen: Pen,
    grid: Grid,
    day: date,
    patrols: Sequence[Patrol],
    visits: Sequence[Visit],
) -> list[Issue]:
    """Return the day's issues, each linked with the patrol or visit it was found on."""
    issues = [_issue(rng, pen, grid, day, patrols, visits) for _ in range(poisson(rng, PER_DAY))]
    for visit in visits:
        if visit.second_failure:
            issues.append(_not_reached(rng, pen, grid, visit))
    return issues


def _issue(
    rng: Random,
    pen: Pen,
    grid: Grid,
    day: date,
    patrols: Sequence[Patrol],
    visits: Sequence[Visit],
) -> Issue:
    source, category, matter = _what(rng)
    met = [visit for visit in visits if visit.met]
    patrol = None
    if source == "patrol":
        patrol = _walked_past(rng, patrols, matter)
        source = "patrol" if patrol else "resident"
    visit = rng.choice(met) if source == "visit" and met else None
    if source == "visit" and visit is None:
        source = "resident"
    if patrol:
        happened = patrol.started_at + (patrol.ended_at - patrol.started_at) * rng.random()
    elif visit:
        happened = visit.visited_at
    else:
        happened = moment(day, rng.uniform(8 * 60, 20 * 60))
    happened = happened.replace(microsecond=0)
    fields = {"category": category, **_gravity(rng, matter), "source": source}
    if source == "resident":
        fields |= _reporter(rng, grid)
    issue = _at(rng, pen, grid, happened, matter, fields, visit)
    if patrol:
        issue.fields |= {"source_id": patrol.record_id, "source_item": matter.item}
        patrol.items[matter.item] = {"result": "problem_reported", "issue_id": issue.record_id}
    if visit:
        visit.issue_ids.append(issue.record_id)
    return issue


def _what(rng: Random) -> tuple[str, str, Matter]:
    """Return source, category and matter; what a patrol finds is something it checks."""
    source = chosen(rng, SOURCES)
    while True:
        category = chosen(rng, CATEGORIES)
        matter = rng.choice(MATTERS[category])
        if source != "patrol" or matter.item:
            return source, category, matter


def _walked_past(rng: Random, patrols: Sequence[Patrol], matter: Matter) -> Patrol | None:
    """Return a patrol that looked at such things and has not reported one yet."""
    walked = [p for p in patrols if p.items.get(matter.item, {}).get("result") == "ok"]
    return rng.choice(walked) if walked else None


def _gravity(rng: Random, matter: Matter) -> dict[str, Any]:
    level = chosen(rng, LEVELS)
    self_handled = level == "1" and rng.random() < SELF_HANDLED_SHARE
    fields: dict[str, Any] = {"level": level, "urgency": chosen(rng, URGENCY)}
    if self_handled:
        fields |= {"self_handled": True, "handled_text": matter.handled}
    return fields


def _reporter(rng: Random, grid: Grid) -> dict[str, Any]:
    grown = [person for person in rng.choice(grid.homes).people if person.age >= 18]
    person = rng.choice(grown)
    return {"reporter": person.name, "reporter_phone": person.phone}


def _at(
    rng: Random,
    pen: Pen,
    grid: Grid,
    happened: datetime,
    matter: Matter,
    fields: dict[str, Any],
    visit: Visit | None = None,
) -> Issue:
    """Return an issue at a building of the grid: the visited one, else any."""
    building = rng.choice(grid.buildings)
    if visit and visit.home:
        building = visit.home.room.building
    made_at = minutes_later(happened, rng.uniform(3, 25))
    where = {"title": matter.title, "text": matter.text, **_place(rng, building)}
    whole = {"happened_at": happened.isoformat(), **fields, **where}
    return Issue(pen.ids.at(made_at), grid, happened, made_at, whole, matter)


def _place(rng: Random, building: Building) -> dict[str, Any]:
    near = building.no if building.no.endswith("巷") else f"{building.no}号楼"
    return {
        "compound_id": building.site.record_id,
        "building_id": building.record_id,
        "place": f"{building.site.name}{near}",
        "location": building.tile.point(rng),
        "people": rng.randint(1, 30),
    }


def _not_reached(rng: Random, pen: Pen, grid: Grid, visit: Visit) -> Issue:
    """Return the urgent issue after a person in care was not reached twice in a row."""
    fields = {"category": "CARE", "level": "2", "urgency": "urgent", "source": "visit"}
    issue = _at(rng, pen, grid, visit.visited_at, TWICE_NOT_REACHED, fields, visit)
    visit.issue_ids.append(issue.record_id)
    return issue


def scripted_return(rng: Random, pen: Pen, grid: Grid, day: date) -> Issue:
    """Return the issue that came back to the scripted worker for more information."""
    fields = {"category": "VEH", "level": "2", "urgency": "normal", "source": "resident"}
    issue = _at(rng, pen, grid, moment(day, 10 * 60 + 15), SCRIPTED_RETURN, fields)
    issue.scripted = True
    return issue


def seen_again(rng: Random, pen: Pen, issue: Issue, neighbour: Grid) -> Issue:
    """Return the same thing reported by the neighbouring grid's worker within a day."""
    happened = issue.happened_at + timedelta(minutes=rng.randint(40, 22 * 60))
    made_at = minutes_later(happened, rng.uniform(3, 25))
    there = issue.fields["location"]
    fields = {
        name: issue.fields[name]
        for name in ("category", "level", "urgency", "title", "compound_id", "place")
    }
    fields |= {
        "happened_at": happened.isoformat(),
        "source": "resident",
        "text": f"{issue.fields['text'].rstrip('。')}，路过时看到。",
        "location": {
            "lat": there["lat"] + rng.randint(-NEAR_MICRODEGREES, NEAR_MICRODEGREES),
            "lon": there["lon"] + rng.randint(-NEAR_MICRODEGREES, NEAR_MICRODEGREES),
            "crs": there["crs"],
        },
    }
    again = Issue(pen.ids.at(made_at), neighbour, happened, made_at, fields, issue.matter)
    again.repeats = issue.record_id
    return again


def write(pen: Pen, issue: Issue) -> WorldRecord:
    """Return an issue as a record of its worker."""
    author = issue.grid.worker.user_id
    return pen.keep(issue.record_id, issue.grid.code, author, issue.made_at, issue.fields)
