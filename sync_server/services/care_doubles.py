"""Two care records of one person: put before staff, who make one of them at the duplicates' desk.

They come about when two residents are merged who both have one, or when a laptop that did not know
of the merge, or of the other record, adds one. An ended care record is no double of the present
one. Nothing is merged by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from schemas.clock import local_day
from schemas.likeness.reasons import HIGHEST, Reason
from sync_server.domain.duplicates import CARE, in_order
from sync_server.store import care_doubles as store_doubles
from sync_server.store import duplicates, new_pairs

SCORE = round(HIGHEST * 100)
REASON = Reason("care_twice", 10.0)
Pair = tuple[str, str]


def settle_within(
    connection: sa.Connection, district: str, now: datetime,
    residents: Collection[str] | None = None,
) -> int:  # fmt: skip
    """Put every pair of care records of one person on the desk, take those off that are none any
    more, and let those that wait follow records that were moved, within the running write
    transaction; return how many are new. Of some ``residents`` alone when they are named (nothing
    is taken off then). Doing it twice does nothing twice."""
    fresh, over, moved = _differing(connection, district, now, residents)
    for ids, areas in moved.items():
        values = {"first_area": areas[0], "second_area": areas[1]}
        duplicates.change_pair(connection, district, ids, values)
    if residents is None:
        duplicates.drop_pairs(connection, district, over)
    new_pairs.add_pairs(connection, fresh)
    return len(fresh)


def waiting_for(connection: sa.Connection, district: str, resident_id: str) -> Pair | None:
    """Return the open pair of care records of one person, None when there is none."""
    mine = duplicates.below(connection, district, CARE, [resident_id]).get(resident_id, [])
    known = duplicates.pairs_with(connection, district, mine)
    found = [ids for ids, row in known.items() if row["state"] == "open" and row["kind"] == CARE]
    return min(found, default=None)


def both_cared_for(connection: sa.Connection, district: str, residents: Iterable[str]) -> bool:
    """Whether each of these people has a care record."""
    wanted = set(residents)
    return duplicates.below(connection, district, CARE, wanted).keys() == wanted


def _differing(
    connection: sa.Connection, district: str, now: datetime,
    residents: Collection[str] | None = None,
) -> tuple[list[dict[str, Any]], list[Pair], dict[Pair, tuple[str, str]]]:  # fmt: skip
    """Return the rows of pairs to be put on the desk, the pairs to be taken off, and where those
    lie by now that were moved."""
    day = local_day(now)
    wanted: dict[Pair, tuple[str, str]] = {}
    for several in store_doubles.doubled(connection, district, CARE, residents).values():
        here = [
            row for row in several
            if not row["fields"].get("until") or str(row["fields"]["until"]) >= day
        ]  # fmt: skip
        areas = {row["record_id"]: str(row["grid"]) for row in here}
        for one, other in pairwise(sorted(areas)):
            wanted[in_order(one, other)] = (areas[one], areas[other])
    known = store_doubles.pairs_of_kind(connection, district, CARE)
    fresh = [
        {
            "district": district, "first_id": ids[0], "second_id": ids[1], "kind": CARE,
            "first_area": areas[0], "second_area": areas[1], "score": SCORE,
            "reasons": [REASON.as_json()], "found_at": now, "state": "open",
        }
        for ids, areas in wanted.items()
        if ids not in known
    ]  # fmt: skip
    over = [ids for ids, state in known.items() if state == "open" and ids not in wanted]
    lay = store_doubles.areas_of_kind(connection, district, CARE)
    moved = {ids: areas for ids, areas in wanted.items() if lay.get(ids, areas) != areas}
    return fresh, over, moved
