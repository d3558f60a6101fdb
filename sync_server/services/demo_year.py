"""World B: a district's places and people are loaded, and its year of issues is lived through.

Every issue is made by the road of central changes and moved on by ``take_steps`` alone, as people
at desks do, each step at its own time; nothing is written as it shall be in the end.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from schemas.cases import Case
from schemas.catalogue import kind_of
from schemas.values import to_wire
from sync_server.domain.world.assembly import TODAY, VERSION
from sync_server.domain.world.lives import Decided, Hands, Lives
from sync_server.domain.world.records import WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.year import Year, YearIssue
from sync_server.domain.world.year_places import DISTRICT, DISTRICT_NAME
from sync_server.services.central import CentralChange, create_in_past
from sync_server.services.demo_accounts import Account, hire
from sync_server.services.districts import begin_synthetic
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.services.issue_life import ISSUE
from sync_server.services.steps import NewStep, take_steps
from sync_server.services.time_limits import load_clockwork
from sync_server.store.engine import Store
from sync_server.store.tables import districts

Progress = Callable[[int, int], None]
SPAN = timedelta(days=7)
"""So much of the year is lived through before the next issues are made."""
AT_ONCE = 400
STEPS_FOR_EACH = 6.3
"""About how many steps an issue has, for a progress display."""
NOT_DRAWN = ("households", "residents", "stations", "volunteer_teams", "members")
"""What the district has besides and this world does not: only their numbers are known."""


@dataclass(frozen=True)
class BuiltYear:
    """What was made: what stands there, how many issues and steps, who can sign in."""

    seed: int
    year: int
    part: int
    as_of: datetime
    places: dict[str, int]
    issues: int
    steps: dict[str, int]
    accounts: tuple[Account, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON, without the accounts."""
        return {
            "synthetic": True,
            "world": "B",
            "version": VERSION,
            "seed": self.seed,
            "year": self.year,
            "part": self.part,
            "as_of": self.as_of.isoformat(),
            "district": DISTRICT,
            "records": {**self.places, "issues": self.issues, "steps": sum(self.steps.values())},
            "steps": dict(sorted(self.steps.items())),
            "not_drawn": list(NOT_DRAWN),
        }


def build_year(
    store: Store,
    *,
    seed: int = 1,
    today: date = TODAY,
    part: int = 1,
    now: datetime,
    progress: Progress = lambda done, about: None,
) -> BuiltYear:
    """Load World B into its district and live through the year before ``today``'s, in one
    transaction: all of it stands there, or nothing. ``part`` 40 is one fortieth of it.

    Raises Refusal ``district_not_empty`` when the district holds anything.
    """
    year = Year(Seed(seed), today.year - 1, part)
    places = year.places
    with store.writing() as connection:
        district = begin_synthetic(connection, DISTRICT, DISTRICT_NAME)
        accounts = hire(connection, DISTRICT, places.users, now)
        imported = (_imported(one) for one in places.records())
        import_records(connection, DISTRICT, imported, author=None, at=places.founded)
        through = _Through(connection, year, progress)
        through.live()
        built = BuiltYear(
            seed, year.year, part, year.end, dict(places.facts()), len(through.issues),
            dict(through.steps), accounts,
        )  # fmt: skip
        settings = {**district.settings, "demo_world": built.as_json()}
        connection.execute(
            sa.update(districts).where(districts.c.district == DISTRICT).values(settings=settings)
        )
    return built


def _imported(record: WorldRecord) -> ImportedRecord:
    return ImportedRecord(**{name: getattr(record, name) for name in WorldRecord.__slots__})


@dataclass(order=True)
class _Living:
    """An issue on its way: when its next step is, and all it takes to draw the one after."""

    at: datetime
    issue_id: str
    issue: YearIssue = field(compare=False)
    rng: Random = field(compare=False)
    hands: Hands = field(compare=False)
    next: Decided = field(compare=False)


class _Through:
    """The year on its way through the centre's services."""

    def __init__(self, connection: sa.Connection, year: Year, progress: Progress) -> None:
        self.connection = connection
        self.year = year
        self.issues = year.issues()
        self.steps: Counter[str] = Counter()
        self._progress = progress
        self._lives = Lives(load_clockwork(connection, DISTRICT), year.end)
        self._hands: dict[tuple[str, str], Hands] = {}
        self._waiting: list[_Living] = []
        self._done = 0
        self._about = round(len(self.issues) * STEPS_FOR_EACH)

    def live(self) -> None:
        """Live through the year, a week at a time: what is reported, then everybody's steps."""
        coming = iter(self.issues)
        ahead = next(coming, None)
        stop = self.year.begins
        while stop < self.year.end:
            stop = min(stop + SPAN, self.year.end + timedelta(seconds=1))
            week = []
            while ahead is not None and ahead.received_at < stop:
                week.append(ahead)
                ahead = next(coming, None)
            for some in _runs(week):
                self._report(some, stop)
            self._work(stop)
        self._progress(self._done, self._done)

    def _report(self, issues: Sequence[YearIssue], now: datetime) -> None:
        wanted = [
            (
                CentralChange(
                    kind=ISSUE,
                    record_id=one.record_id,
                    action="create",
                    fields=to_wire(kind_of(ISSUE), one.fields),
                    author=self._hands_of(one).worker,
                    grid=one.yard.code,
                    by_rule=True,
                ),
                one.received_at,
            )
            for one in issues
        ]
        cases = create_in_past(self.connection, DISTRICT, wanted, now)
        for one in issues:
            rng = self.year.seed.stream("life", one.record_id)
            self._go_on(one, rng, cases[one.record_id], one.received_at)
        self._told(len(issues))

    def _work(self, stop: datetime) -> None:
        """Take every step before ``stop``: of each issue its next one, again and again."""
        while True:
            ready = []
            while self._waiting and self._waiting[0].at < stop:
                ready.append(heapq.heappop(self._waiting))
            if not ready:
                return
            for some in _runs(ready):
                self._take(some, stop)

    def _take(self, ready: Sequence[_Living], now: datetime) -> None:
        wanted = [
            NewStep(one.issue_id, one.next.action, one.next.actor, one.next.said, one.at)
            for one in ready
        ]
        cases = take_steps(self.connection, DISTRICT, wanted, now, past=True)
        for one in ready:
            self.steps[one.next.action] += 1
            self._go_on(one.issue, one.rng, cases[one.issue_id], one.at)
        self._told(len(ready))

    def _go_on(self, issue: YearIssue, rng: Random, case: Case, last: datetime) -> None:
        hands = self._hands_of(issue)
        decided = self._lives.next(rng, issue.story, case, hands, last)
        if decided is not None:
            living = _Living(decided.at, issue.record_id, issue, rng, hands, decided)
            heapq.heappush(self._waiting, living)

    def _hands_of(self, issue: YearIssue) -> Hands:
        key = (issue.yard.code, issue.fields["category"])
        if key not in self._hands:
            self._hands[key] = self.year.places.hands_of(issue.yard, key[1])
        return self._hands[key]

    def _told(self, more: int) -> None:
        self._done += more
        self._progress(self._done, max(self._about, self._done + 1))


def _runs(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
