"""What became of a community's issues: steps folded and completed as the centre would, up to
yesterday.

A worker's steps are those of his laptop; all others are the centre's, with due times, numbers and
what follows by itself, so that each counts by the workflow's own guards.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any

from schemas import workflow as flow
from schemas.cases import Case, begin, take
from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI, written
from schemas.steps_order import Step, heads
from schemas.values import apply
from sync_server.domain.automatic import wanted_now
from sync_server.domain.case_steps import completed
from sync_server.domain.official_days import PUBLISHED, official_days
from sync_server.domain.time_limits import Clockwork, Limits
from sync_server.domain.working_calendar import Calendar
from sync_server.domain.world.issue_texts import DEPARTMENTS
from sync_server.domain.world.issues import Issue
from sync_server.domain.world.lives import SYSTEM, Decided, Hands, Lives, Story, draw_story
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import DISTRICT
from sync_server.domain.world.staff import PERSONA_GRID, Staff

VOIDED = 0.006
STEP = kind_of("issue_step")
CLOCKWORK = Clockwork(Calendar(official_days(), published=PUBLISHED), Limits({}))


class Numbers:
    """The numbers of a world's issues, in the order they are accepted or closed in it."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}

    def take(self, at: datetime) -> str:
        """Return the next number of a moment's year."""
        year = at.astimezone(SHANGHAI).year
        self.last[year] = self.last.get(year, 0) + 1
        return f"{DISTRICT}-{year}-{self.last[year]:06d}"


class Desk:
    """The people who move a community's issues on, and the end of time."""

    def __init__(self, seed: Seed, staff: Staff, end: datetime, numbers: Numbers) -> None:
        self.seed = seed
        self.staff = staff
        self.numbers = numbers
        self.lives = Lives(CLOCKWORK, end)

    def steps(self, issue: Issue) -> Iterator[WorldRecord]:
        """Yield an issue's steps in order, none later than the end of the period."""
        rng = self.seed.stream("issue", issue.record_id)
        pen = Pen("issue_step", self.seed.ids("issue", issue.record_id))
        hands, story = self._hands(issue), _story(rng, issue)
        case = begin(issue.record_id, hands.worker, issue.fields)
        last = issue.made_at
        while decided := self.lives.next(rng, story, case, hands, last):
            last = decided.at
            yield self._taken(pen, issue, case, decided)
            while by_itself := next(wanted_now(case, CLOCKWORK), None):
                step = Decided(by_itself.action, SYSTEM, last, by_itself.said)
                yield self._taken(pen, issue, case, step)

    def _taken(self, pen: Pen, issue: Issue, case: Case, decided: Decided) -> WorldRecord:
        """Let a step count in the case and return its record."""
        actor, at = decided.actor, decided.at
        if actor.role in flow.WORKERS and decided.action in flow.OFFLINE_ACTIONS:
            said: dict[str, Any] = {
                **decided.said,
                "issue_id": issue.record_id,
                "action": decided.action,
                "at": written(at),
                "after": heads(issue.record_id, case.steps),
            }
        else:
            said = completed(
                issue.record_id, decided.action, decided.said, actor, at, case, CLOCKWORK,
                self.numbers.take,
            )  # fmt: skip
        step_id, stored = pen.ids.at(at), dict(apply(STEP, {}, said))
        reading = take(case, Step(step_id, actor.user_id, written(at), stored))
        if reading.why:
            raise ValueError(f"a step that does not count: {decided.action}, {reading.why}")
        stored |= {"from_state": reading.before, "to_state": reading.after}
        return pen.keep(step_id, issue.grid.code, actor.user_id, at, stored)

    def _hands(self, issue: Issue) -> Hands:
        staff, grid = self.staff, issue.grid
        lead = staff.units[DEPARTMENTS[issue.fields["category"]]]
        company = staff.company_units[int(grid.code[-3:]) % len(staff.company_units)]
        return Hands(
            worker=grid.worker.user_id,
            leader=grid.leader.user_id,
            community=(
                staff.community[grid.community].user_id,
                staff.seconds[grid.community].user_id,
            ),
            street=staff.street.user_id,
            district=staff.district.user_id,
            lead=lead,
            company=company if issue.fields["category"] == "PROP" else None,
            others=tuple(
                one
                for name, one in staff.units.items()
                if one != lead and name in DEPARTMENTS.values()
            ),
        )


def _story(rng: Random, issue: Issue) -> Story:
    story = draw_story(rng, issue.fields, issue.matter.handled)
    story.into_id = issue.repeats or None
    story.void = rng.random() < VOIDED
    if issue.grid.code == PERSONA_GRID:
        story.returned, story.void = issue.scripted, False
    if issue.scripted:
        story.stuck = flow.RETURNED
    return story
