"""The issue workflow as data, used by both apps.

An issue's state is never stored: it is the fold of the issue and its immutable steps
(``schemas/cases.py``), so steps made offline merge by being appended. A step the table does not
allow where it meets the issue changes nothing and stays readable as a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

REPORTED, RETURNED, ACCEPTED, DISPATCHED = "10", "15", "20", "30"
HANDLING, SUSPENDED, RESOLVED, VERIFIED = "40", "45", "50", "60"
CLOSED, MERGED, VOIDED = "70", "80", "90"
OPEN_STATES = (REPORTED, RETURNED, ACCEPTED, DISPATCHED, HANDLING, SUSPENDED)
LIVING_STATES = (*OPEN_STATES, RESOLVED, VERIFIED)
"""States in which something is still to be done by somebody."""
OVER_STATES = (CLOSED, MERGED, VOIDED)

WORKERS = frozenset({"worker", "leader"})
OFFICES = frozenset({"community", "street", "district"})
UNITS = frozenset({"department", "company"})
SYSTEM = "system"
"""Whose steps the centre takes by itself when a time has come."""
SYSTEM_ID = "00000000-0000-7000-8000-000000000000"
"""The author of the centre's own steps."""

OFFICE_LEVEL = {"community": 2, "street": 3, "district": 4}
HIGHEST_LEVEL = 4
MOST_SUSPENDED_DAYS = 90
UNRATED_DAYS = 3
LOOKBACK_DAYS = 30


@dataclass(frozen=True)
class Transition:
    """One row of the state table.

    ``roles`` may take ``action`` from ``source``, on a laptop too when ``offline``; ``guards`` name
    what else must hold (``schemas/guards.py``). It leads to ``target``, or to ``swerve`` when the
    step says so: (field, value, target). ``needs`` are the fields it cannot do without.
    """

    action: str
    source: str
    target: str
    roles: frozenset[str]
    offline: bool = False
    guards: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    swerve: tuple[str, str, str] | None = None

    def leads_to(self, said: object) -> str:
        """Return the state a step with this value in the swerving field leads to."""
        if self.swerve is not None and said == self.swerve[1]:
            return self.swerve[2]
        return self.target


def _rows() -> Iterator[Transition]:
    community, street = frozenset({"community"}), frozenset({"street"})
    above = frozenset({"street", "district"})
    handlers = UNITS | OFFICES
    yield Transition("accept", REPORTED, ACCEPTED, community, needs=("level",))
    yield Transition(
        "return", REPORTED, RETURNED, community, guards=("from_laptop",), needs=("text",)
    )
    yield Transition("resend", RETURNED, REPORTED, WORKERS, offline=True, needs=("text",))
    # Voiding takes two: one asks with a reason, another one agrees.
    yield Transition("ask_void", REPORTED, REPORTED, community, needs=("text",))
    yield Transition("void", REPORTED, VOIDED, community, guards=("void_asked", "second_person"))
    yield Transition("decline", REPORTED, REPORTED, community, guards=("void_asked",))
    for state in (ACCEPTED, HANDLING):
        yield Transition("classify", state, state, OFFICES, guards=("owner",), needs=("level",))
    yield Transition("handle", ACCEPTED, HANDLING, OFFICES, guards=("owner",))
    yield Transition(
        "dispatch", ACCEPTED, DISPATCHED, OFFICES, guards=("owner",), needs=("target_id",)
    )
    yield Transition("take", DISPATCHED, HANDLING, UNITS, guards=("its_unit",))
    yield Transition(
        "refuse", DISPATCHED, ACCEPTED, UNITS, guards=("its_unit",), needs=("refuse", "text")
    )
    yield Transition(
        "recall", DISPATCHED, ACCEPTED, OFFICES, guards=("recaller", "with_unit"), needs=("text",)
    )
    yield Transition(
        "recall", HANDLING, ACCEPTED, OFFICES, guards=("recaller", "with_unit"), needs=("text",)
    )
    yield Transition(
        "ask_escalate",
        HANDLING,
        HANDLING,
        WORKERS | UNITS,
        offline=True,
        guards=("handler", "not_highest"),
        needs=("text",),
    )
    yield Transition(
        "escalate", HANDLING, ACCEPTED, OFFICES, guards=("owner", "not_highest"), needs=("text",)
    )
    yield Transition("whistle", HANDLING, HANDLING, street, needs=("text", "calls"))
    yield Transition("report_in", HANDLING, HANDLING, UNITS, guards=("called",))
    yield Transition(
        "conclude", HANDLING, HANDLING, street, guards=("whistle_open",), needs=("text",)
    )
    for ask in ("suspend", "extend"):
        wanted = ("text", "until" if ask == "suspend" else "due_at")
        yield Transition(
            f"ask_{ask}", HANDLING, HANDLING, handlers, guards=("handler",), needs=wanted
        )
        target = SUSPENDED if ask == "suspend" else HANDLING
        yield Transition(ask, HANDLING, target, above, guards=(f"{ask}_asked", "approver"))
    yield Transition("decline", HANDLING, HANDLING, OFFICES, guards=("asked", "decliner"))
    yield Transition("resume", SUSPENDED, HANDLING, handlers | {SYSTEM}, guards=("resumer",))
    yield Transition(
        "resolve",
        HANDLING,
        RESOLVED,
        handlers | WORKERS,
        offline=True,
        guards=("handler",),
        needs=("result", "text"),
    )
    on_site = WORKERS | {"community"}
    yield Transition(
        "verify", RESOLVED, VERIFIED, on_site, offline=True, guards=("not_self_handled",)
    )
    yield Transition(
        "rework",
        RESOLVED,
        HANDLING,
        on_site,
        offline=True,
        guards=("not_self_handled",),
        needs=("text",),
    )
    confirmers = frozenset({"leader", "community"})
    yield Transition("close", RESOLVED, CLOSED, confirmers, guards=("self_handled",))
    yield Transition(
        "return", RESOLVED, RETURNED, confirmers, guards=("self_handled",), needs=("text",)
    )
    for state in (VERIFIED, CLOSED):
        yield Transition("rate", state, state, on_site, offline=True, needs=("rating",))
    yield Transition(
        "close", VERIFIED, CLOSED, frozenset({"community", SYSTEM}), guards=("rated_or_waited",)
    )
    yield Transition("plan_lookback", CLOSED, CLOSED, above | {SYSTEM}, needs=("until",))
    yield Transition(
        "lookback",
        CLOSED,
        CLOSED,
        above | WORKERS,
        offline=True,
        guards=("lookback_planned",),
        needs=("lookback",),
        swerve=("lookback", "relapse", HANDLING),
    )
    yield Transition("reopen", CLOSED, HANDLING, above, needs=("text",))
    for state in LIVING_STATES:
        yield Transition("merge", state, MERGED, community, needs=("into_id",))
        yield Transition("note", state, state, WORKERS | OFFICES | UNITS, offline=True)
    yield Transition("unmerge", MERGED, MERGED, community, needs=("text",))
    for state in (ACCEPTED, DISPATCHED, HANDLING, RESOLVED):
        yield Transition("remind", state, state, OFFICES, needs=("remind",))
        # The centre sets a due time anew where a step was made without a calendar at hand.
        yield Transition("due", state, state, frozenset({SYSTEM}), needs=("due_at",))
    yield Transition("note", CLOSED, CLOSED, WORKERS | OFFICES, offline=True)


TRANSITIONS = tuple(_rows())
OFFLINE_ACTIONS = frozenset(row.action for row in TRANSITIONS if row.offline)
"""What a laptop may append at all; in which state is judged by the fold."""
SPEAKING = frozenset({"note", "remind"})
"""Actions that never change anything but the timeline and its counts."""


def rows_for(action: str, state: str) -> list[Transition]:
    """Return the rows of ``action`` from ``state``."""
    return [row for row in TRANSITIONS if row.action == action and row.source == state]


def opening_state(issue: Mapping[str, Any]) -> str:
    """Return the state an issue starts in: self-handled ones are resolved on the laptop."""
    return RESOLVED if issue.get("self_handled") else REPORTED


def next_state(state: str, action: str) -> str | None:
    """Return where ``action`` leads from ``state`` when all its guards hold, or None."""
    rows = rows_for(action, state)
    return rows[0].target if rows else None
