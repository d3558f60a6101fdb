"""What the centre does by itself as a case stands: at most one step at a time, and it is done with
what follows.

Nothing here looks at the clock: what waits for a time is in ``services/clock_steps.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas import workflow as flow
from schemas.cases import Case
from schemas.clock import local_day, read_moment
from sync_server.domain.case_clocks import due_afterwards, known_at
from sync_server.domain.time_limits import Clockwork

SATISFIED = 3
"""A resident's rating from which on an issue closes by itself; below it staff decide."""
LOOKBACK_CATEGORIES = frozenset({"FIRE", "BLD", "NOI"})
"""Categories that come back easily, looked back at every time; of the others a sample."""
SAMPLE = 10
"""One issue in so many is looked back at."""


@dataclass(frozen=True)
class Wanted:
    """A step the centre takes by itself, with what it says."""

    action: str
    said: dict[str, Any] = field(default_factory=dict)


def wanted_now(case: Case, clockwork: Clockwork) -> Iterator[Wanted]:
    """Yield the step that follows by itself from how the case stands, if there is one."""
    if case.state == flow.VERIFIED and (case.rating or 0) >= SATISFIED:
        yield Wanted("close")
    elif due := due_afterwards(case, clockwork):
        yield Wanted("due", due)
    elif case.state == flow.CLOSED and not case.lookbacks and looks_back(case):
        closed = read_moment(str(case.closed_at))
        planned = clockwork.due("lookback", closed) - timedelta(seconds=1)
        yield Wanted("plan_lookback", {"until": local_day(planned)})


def looks_back(case: Case) -> bool:
    """Tell whether a closed issue is looked back at: by category, else one in SAMPLE by its id.

    An issue of before steps named what they had seen is left alone.
    """
    if case.readings and case.readings[-1].step.after is None:
        return False
    digest = hashlib.sha256(case.issue_id.encode()).digest()
    return case.category in LOOKBACK_CATEGORIES or digest[0] % SAMPLE == 0


def relapsed_at(case: Case) -> datetime | None:
    """Return since when the centre knows of the last relapse a look-back found, None without
    one."""
    found = [one.step for one in case.lookbacks if one.result == "relapse" and one.step]
    return known_at(found[-1]) if found else None
