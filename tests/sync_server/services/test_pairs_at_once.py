"""The search and a person come to the same new pair at once: what the person said stays."""

from __future__ import annotations

from typing import Any

import pytest

from sync_server.services import duplicate_desk
from sync_server.services.centre import Centre
from sync_server.store import duplicates, new_pairs
from tests.sync_server.services.desks import hire
from tests.sync_server.web.staff import load
from tests.sync_server.world import DISTRICT, GRID, add_worker, resident


def test_two_who_are_not_the_same_stay_apart_whoever_wrote_first(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre, staff = any_centre, hire(any_centre)
    author = add_worker(centre).user_id
    one, other = sorted(load(centre, author, "resident", GRID, resident()) for _ in range(2))
    found: dict[str, Any] = {
        "district": DISTRICT, "first_id": one, "second_id": other, "kind": "resident",
        "first_area": GRID, "second_area": GRID, "score": 90, "reasons": [],
        "found_at": centre.clock(), "state": "open",
    }  # fmt: skip
    with centre.store.writing() as connection:
        new_pairs.add_pairs(connection, [found])
    with monkeypatch.context() as meanwhile:  # the desk looked before the search wrote
        meanwhile.setattr(duplicates, "pair", lambda *_: None)
        duplicate_desk.set_apart(centre.store, staff, one, other, "同名", centre.clock())
    with centre.store.writing() as connection:  # the search looked before the desk wrote
        new_pairs.add_pairs(connection, [found])
    with centre.store.reading() as connection:
        known = duplicates.pair(connection, DISTRICT, (one, other))
    assert known is not None
    assert (known["state"], known["words"], known["score"]) == ("apart", "同名", 90)
