"""The lists behind the figures of services hold as many requests as the figures say."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.service_clocks import NAMES
from schemas.service_flow import STATES
from sync_server.domain.service_counts import Counts, Share
from sync_server.services import service_desk
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store import service_cases
from sync_server.store.service_cases import STANDARD, Wanted
from tests.sync_server.world import DISTRICT, GRID, NOON, OTHER_GRID


def _row(chance: random.Random, now: datetime) -> dict[str, Any]:
    def moment() -> datetime:
        # Some fall on the very moment: a clock is met at its due time, and late only after it.
        return now + timedelta(minutes=chance.choice((-90, -60, -30, -1, 0, 0, 1, 30)))

    accepted = moment() if chance.random() < 0.85 else None
    reached = {f"{name}_at": moment() if chance.random() < 0.5 else None for name in NAMES}
    if reached["plan_at"] is None:
        reached["plan_at"] = reached["solve_at"]
    return {
        "district": DISTRICT,
        "service_id": new_id(),
        "grid": chance.choice((GRID, OTHER_GRID)),
        "kind": "order",
        "item": chance.choice(("certificate", "other")),
        "state": chance.choice(tuple(STATES)),
        "taker_id": None,
        "requested_at": moment(),
        "accepted_at": accepted,
        **{f"{name}_due": moment() if accepted else None for name in NAMES},
        **reached,
        "next_due": None,
        "result": None,
        "person_times": chance.choice((None, 1, 2)),
        "rating": chance.choice((None, None, 1, 3, 4, 5)),
    }


def _of_share(share: Share) -> dict[str, int]:
    return {
        "met": share.met,
        "late": share.late,
        "decided": share.decided,
        "running": share.running,
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_has_a_list_of_as_many_requests(any_centre: Centre, seed: int) -> None:
    chance = random.Random(seed)
    rows = [_row(chance, NOON) for _ in range(300)]
    with any_centre.store.writing() as connection:
        service_cases.put_rows(connection, DISTRICT, [], rows)
    with any_centre.store.reading() as connection:
        for areas in ((DISTRICT,), (GRID,)):
            counts = Counts()
            for row in service_cases.walk(connection, DISTRICT, Wanted(areas)):
                counts.add(row, NOON)
            said = {"rated": counts.ratings, "satisfied": counts.satisfied}
            for name, share in {**counts.clocks, STANDARD: counts.whole}.items():
                said |= {f"{name}_{state}": count for state, count in _of_share(share).items()}
            assert set(said) == set(service_desk.FIGURES)
            assert min(said.values()) > 0  # a figure of nothing tells nothing
            for figure, count in said.items():
                wanted = Wanted(areas, figure=service_cases.narrowing(figure, NOON))
                assert service_cases.count(connection, DISTRICT, wanted) == count, figure


def test_what_is_no_figure_narrows_nothing() -> None:
    for figure in ("", "respond", "respond_waived", "nobody_met", "_met"):
        assert service_cases.narrowing(figure, NOON) is None
