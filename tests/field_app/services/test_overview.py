"""Looking over many records: what fits, the newest first, copies where they are handed out."""

from __future__ import annotations

import pytest

from field_app.services.overview import look, newest
from field_app.services.records import get_view, save_record
from field_app.services.workspace import Workspace
from tests.field_app.laptops import Laptop
from tests.field_app.small_grid import fill, pull_in, rid


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def test_voided_and_merged_records_are_looked_over_only_when_asked_for(ws: Workspace) -> None:
    save_record(ws, "household", "void", {"reason": "重复"}, record_id=rid("household", 1))
    pull_in(ws, "household", rid("household", 2), {"code": "x"}, merged_into=rid("household", 3))
    assert len(look(ws, "household")) == 28
    assert len(look(ws, "household", lambda view: True)) == 30


def test_the_newest_are_copies_that_may_be_changed(ws: Workspace) -> None:
    for number in (1, 2, 3):
        pull_in(ws, "visit", rid("visit", number), {"visited_at": f"2026-09-0{number}"})
    first, second = newest(ws, "visit", "visited_at", 2)
    assert (first["record_id"], second["record_id"]) == (rid("visit", 3), rid("visit", 2))
    first["fields"]["visited_at"] = "changed"
    view = get_view(ws, "visit", rid("visit", 3))
    assert view is not None
    assert view["fields"]["visited_at"] == "2026-09-03"


def test_what_is_being_written_is_seen_by_who_writes_it(ws: Workspace) -> None:
    with ws.db.transaction():
        pull_in(ws, "visit", rid("visit", 1), {"visited_at": "2026-09-01"})
        assert len(look(ws, "visit")) == 1
