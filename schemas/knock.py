"""What a knock campaign has come to at a door, read off its visits: the same rule on both sides.

Nobody types a state. A door counts as done once somebody was met there, whatever is tried later;
else the last visit tells; 敲门完成率 counts by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TODO, DONE, NOBODY, REFUSED, VACANT, MOVED = (
    "todo", "done", "nobody", "refused", "vacant", "moved",
)  # fmt: skip
STATES = (TODO, NOBODY, REFUSED, DONE, VACANT, MOVED)
"""Codes of KNOCK_STATE, those with something left to do first."""
LEFT = frozenset({TODO, NOBODY, REFUSED})
"""States that ask for another knock."""
BEYOND = frozenset({VACANT, MOVED})
"""States of doors behind which nobody is: they are in no rate."""
ANSWERED = frozenset({"met", "other_person"})
"""Results of a visit at which somebody opened."""


def door_state(visits: Iterable[tuple[str, str, str]]) -> str:
    """Return the state of a door after its visits, each ``(time, id, result)``; times sort as they
    are written."""
    last = TODO
    for _, _, result in sorted(visits):
        if result in ANSWERED:
            return DONE
        if result in STATES:
            last = result
    return last


@dataclass(frozen=True)
class Progress:
    """How many doors stand in each state."""

    counts: Mapping[str, int]

    def __getitem__(self, state: str) -> int:
        """Return how many doors stand in a state."""
        return self.counts.get(state, 0)

    @property
    def doors(self) -> int:
        """All doors."""
        return sum(self.counts.values())

    @property
    def asked(self) -> int:
        """The doors that count: all without vacant and moved ones."""
        return self.doors - sum(self[state] for state in BEYOND)

    @property
    def left(self) -> int:
        """The doors to knock at still."""
        return sum(self[state] for state in LEFT)

    @property
    def percent(self) -> float | None:
        """敲门完成率 in percent, to one decimal; None when no door counts."""
        return round(100 * self[DONE] / self.asked, 1) if self.asked else None
