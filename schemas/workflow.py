"""The issue workflow as data, used by both apps (domain reference, sections 5.1 and 5.2).

An issue's state is never stored: it is the fold of the issue's opening and its immutable steps,
so steps made offline merge by being appended. A step the table does not allow in the state it
meets leaves the state as it is and stays readable as a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

REPORTED, RETURNED, ACCEPTED, DISPATCHED = "10", "15", "20", "30"
HANDLING, SUSPENDED, RESOLVED, VERIFIED = "40", "45", "50", "60"
CLOSED, MERGED, VOIDED = "70", "80", "90"
OPEN_STATES = (REPORTED, RETURNED, ACCEPTED, DISPATCHED, HANDLING, SUSPENDED)


@dataclass(frozen=True)
class Transition:
    """One row of the state table: who may take ``action`` from ``source`` and where it leads."""

    action: str
    source: str
    target: str
    roles: frozenset[str]
    offline: bool = False


def _rows() -> tuple[Transition, ...]:
    worker = frozenset({"worker", "leader"})
    community = frozenset({"community", "street", "district"})
    reviewers = frozenset({"leader"}) | community
    above = frozenset({"street", "district"})
    handler = frozenset({"department", "company", "community"})
    table = [
        ("accept", REPORTED, ACCEPTED, community, False),
        ("return", REPORTED, RETURNED, community, False),
        ("resend", RETURNED, REPORTED, worker, True),
        ("handle", ACCEPTED, HANDLING, community, False),
        ("dispatch", ACCEPTED, DISPATCHED, community, False),
        ("take", DISPATCHED, HANDLING, handler, False),
        ("refuse", DISPATCHED, ACCEPTED, handler, False),
        ("escalate", HANDLING, ACCEPTED, community, False),
        ("whistle", HANDLING, HANDLING, above, False),
        ("suspend", HANDLING, SUSPENDED, community, False),
        ("resume", SUSPENDED, HANDLING, community | handler, False),
        ("extend", HANDLING, HANDLING, community, False),
        ("resolve", HANDLING, RESOLVED, handler | worker, True),
        ("verify", RESOLVED, VERIFIED, worker | community, True),
        ("rework", RESOLVED, HANDLING, worker | community, True),
        ("close", RESOLVED, CLOSED, reviewers, False),
        ("return", RESOLVED, RETURNED, reviewers, False),
        ("close", VERIFIED, CLOSED, community, False),
        ("reopen", CLOSED, HANDLING, above, False),
    ]
    rows = [Transition(*row) for row in table]
    for state in (*OPEN_STATES, RESOLVED, VERIFIED):
        rows.append(Transition("merge", state, MERGED, community))
    rows.append(Transition("void", REPORTED, VOIDED, community))
    return tuple(rows)


TRANSITIONS = _rows()


def opening_state(issue: Mapping[str, Any]) -> str:
    """Return the state an issue starts in: self-handled ones are resolved on the laptop."""
    return RESOLVED if issue.get("self_handled") else REPORTED


def next_state(state: str, action: str) -> str | None:
    """Return where ``action`` leads from ``state``, or None when the table has no such row."""
    for row in TRANSITIONS:
        if row.action == action and row.source == state:
            return row.target
    return None


def fold(issue: Mapping[str, Any], steps: Iterable[Mapping[str, Any]]) -> str:
    """Return the state of an issue after ``steps`` (stored fields, in the order they count)."""
    state = opening_state(issue)
    for step in steps:
        state = next_state(state, str(step.get("action"))) or state
    return state
