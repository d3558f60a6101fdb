"""The account of one device: what the centre has of it, to be compared with the laptop's own log.

The laptop compares after each round and tells what it found with its next request; nothing is
repaired here or there because two sums differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.exchange import ACCOUNTED
from sync_server.store import account_read
from sync_server.store.account_read import Known, Tally

MOST_MISSING = 500
"""How many hashes of missing photos an account names; ``expected`` and ``present`` count all."""
LONGEST_TIME = 40
_MOST = 2**53


@dataclass(frozen=True)
class Account:
    """What the centre has of one device. Every ``counts`` is by outcome; ``by_day`` and
    ``by_stream`` are by day (as the laptop wrote it) and by stream."""

    known: tuple[Known, ...]
    counts: Counter[str]
    by_day: dict[str, Counter[str]]
    by_stream: dict[str, Counter[str]]
    photos_expected: int
    photos_present: int
    photos_missing: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {
            "known": [one._asdict() for one in self.known],
            "counts": _all(self.counts),
            "by_day": [{"day": day} | _all(self.by_day[day]) for day in sorted(self.by_day)],
            "streams": [
                {"stream": one.stream} | _all(self.by_stream.get(one.stream, Counter()))
                for one in self.known
            ],
            "photos": {
                "expected": self.photos_expected,
                "present": self.photos_present,
                "missing": list(self.photos_missing),
            },
        }


def account_of(connection: sa.Connection, district: str, device_id: str) -> Account:
    """Count what the centre has of a device, in four or five queries."""
    tallies = account_read.tallies(connection, district, device_id)
    expected, present = account_read.photo_counts(connection, district, device_id)
    missing: Iterable[str] = ()
    if expected > present:
        missing = account_read.missing_photos(connection, district, device_id, MOST_MISSING)
    mine = [one for one in tallies if one.counts]
    return Account(
        known=tuple(account_read.known_streams(connection, district, device_id)),
        counts=_summed(mine, lambda one: "").get("", Counter()),
        by_day=_summed(mine, lambda one: one.day),
        by_stream=_summed(tallies, lambda one: one.stream),
        photos_expected=expected,
        photos_present=present,
        photos_missing=tuple(missing),
    )


def read_told(told: Any) -> dict[str, Any] | None:
    """Return the members of a laptop's word that staff are shown, None when it cannot be read.

    ``at`` is when the laptop last compared (null: never), ``made`` how many changes its log has
    held, ``unsent`` how many will not be confirmed by this exchange, ``differences`` how many it
    found.
    """
    if not isinstance(told, dict):
        return None
    counts = {name: told.get(name) for name in ("made", "unsent", "differences")}
    if not all(_counts(value) for value in counts.values()):
        return None
    at = told.get("at")
    fit = isinstance(at, str) and at.isprintable() and len(at) <= LONGEST_TIME
    return {"at": at if fit else None, **counts}


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _summed(tallies: Iterable[Tally], key: Any) -> dict[str, Counter[str]]:
    sums: dict[str, Counter[str]] = {}
    for one in tallies:
        sums.setdefault(key(one), Counter())[one.outcome] += one.places
    return sums


def _all(counts: Counter[str]) -> dict[str, int]:
    return {outcome: counts[outcome] for outcome in ACCOUNTED}
