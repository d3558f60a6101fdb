"""What must be true when a laptop and the centre are done: nothing lost, twice or different."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from field_app.services.records import kind_names
from field_app.services.streams import all_streams
from field_app.services.workspace import CHANGES, Workspace, plain
from schemas.catalogue import KINDS
from tests.journeys.world import Books

OUTCOMES = {"applied", "merged", "unchanged", "conflict", "held", "quarantined"}


def check_agreement(ws: Workspace, books: Books) -> None:
    """Compare a laptop that has nothing unsent with the centre."""
    check_receipts(ws, books)
    check_scope(ws, books)


def check_receipts(ws: Workspace, books: Books) -> None:
    """Every change the laptop made is at the centre once, with the outcome the laptop knows."""
    made = plain(ws.table(CHANGES))
    streams = all_streams(ws)
    there = {
        row["change_id"]: row
        for stream in streams
        for row in books.rows("SELECT * FROM changes WHERE stream = ? ORDER BY seq", [stream])
    }
    assert set(there) == {change["change_id"] for change in made}
    for change in made:
        row = there[change["change_id"]]
        assert change["acked"]
        assert (row["seq"], row["hash"]) == (change["seq"], change["hash"])
        assert row["outcome"] == change["outcome"]
    for stream, head in streams.items():
        rows = [row for row in there.values() if row["stream"] == stream]
        assert [row["seq"] for row in rows] == list(range(1, head["last_seq"] + 1))
        counts = Counter(row["outcome"] for row in rows)
        assert set(counts) <= OUTCOMES
        assert sum(counts.values()) == head["last_seq"]


def check_effects(books: Books) -> None:
    """No change of a laptop had its effect twice: an applied one made a version of its own."""
    changes = books.device_changes()
    versions = Counter(
        (row["record_id"], row["version"]) for row in changes if row["outcome"] == "applied"
    )
    assert [place for place, makers in versions.items() if makers > 1] == []
    creates = [row for row in changes if row["action"] in ("create", "step")]
    made_once = Counter(row["record_id"] for row in creates if row["outcome"] == "applied")
    assert set(made_once.values()) <= {1}
    marks = ",".join("?" * len(made_once))
    found = books.rows(
        f"SELECT record_id FROM records WHERE record_id IN ({marks})", list(made_once)
    )
    assert len(found) == len(made_once)


def check_scope(ws: Workspace, books: Books) -> None:
    """The laptop holds what the centre has of its grids, no more and no less."""
    copies: dict[str, dict[str, Any]] = {}
    for name in kind_names():
        for view in plain(ws.table(name)):
            assert view["state"] not in ("local", "received"), view
            copies[view["record_id"]] = view["copy"]
    expected = _in_scope(books, ws.grids)
    assert set(copies) == set(expected)
    for record_id, row in expected.items():
        copy = copies[record_id]
        assert (copy["version"], copy["voided"]) == (row["version"], bool(row["voided"]))
        assert copy["merged_into"] == row["merged_into"]
        assert copy["fields"] == json.loads(row["fields"])


def _in_scope(books: Books, grids: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    def held(row: dict[str, Any]) -> bool:
        inside = any(row["grid"].startswith(grid) for grid in grids)
        above = any(grid.startswith(row["grid"]) for grid in grids)
        return inside or (above and KINDS[row["kind"]].info.reach == "community")

    rows = books.rows(
        "SELECT record_id, kind, grid, version, voided, merged_into, fields FROM records"
    )
    return {row["record_id"]: row for row in rows if held(row)}
