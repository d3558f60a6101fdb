"""Who held which area when: what a change made in the field is judged and credited by.

A worker's late work counts for the grid that was his when he wrote, whoever holds it today.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sync_server.domain.times import TRAVEL_S

SLACK = timedelta(seconds=TRAVEL_S)
"""Corrected times are this exact."""
UNTOLD_FOR = timedelta(days=90)
"""How long after a grid was taken from somebody he may not know of it: as long as a laptop keeps
what it has sent."""


@dataclass(frozen=True)
class Holding:
    """One area code in somebody's hands from ``since`` until ``until`` (None: still)."""

    code: str
    since: datetime
    until: datetime | None = None


class Made(NamedTuple):
    """When a change was made: the corrected time, whether its clock is doubtful, its receipt."""

    at: datetime
    doubtful: bool
    received_at: datetime


def held_when(holdings: Iterable[Holding], made: Made) -> tuple[str, ...]:
    """Return the codes that were held when a change was made.

    A doubtful clock refuses nothing: then whatever was held at any time before the receipt counts.
    """
    return tuple(
        one.code
        for one in holdings
        if (one.since <= made.received_at if made.doubtful else _spans(one, made.at))
    )


def held_now(holdings: Collection[Holding], codes: Iterable[str]) -> tuple[str, ...]:
    """Return what somebody holds by ``holdings``; ``codes``, read a moment before them, say what
    nothing is written down of."""
    standing = {one.code for one in holdings if one.until is None}
    ended = {one.code for one in holdings} - standing
    return tuple(sorted(standing | (set(codes) - ended)))


def untold(holdings: Iterable[Holding], made: Made, told: Collection[str]) -> tuple[str, ...]:
    """Return the codes that had ended when a change came, which the writer could not know: his
    laptop was told last that they are his (``told``).

    That excuses nobody for ever: only what ended ``UNTOLD_FOR`` ago or later.
    """
    return tuple(
        one.code
        for one in holdings
        if one.until is not None
        and one.code in told
        and one.until <= made.received_at <= one.until + UNTOLD_FOR
    )


def _spans(holding: Holding, at: datetime) -> bool:
    begun = holding.since - SLACK <= at
    return begun and (holding.until is None or at < holding.until + SLACK)
