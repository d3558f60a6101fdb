"""Records that may be one, and a merge, in the staff's town."""

from __future__ import annotations

from sync_server.services import accounts
from sync_server.services.merging import Wanted, merge_within, undo_within
from tests.sync_server.web.staff import Place, load
from tests.sync_server.world import DISTRICT, resident


def alike_in(place: Place) -> str:
    """Return the address of two households of a place side by side, the second one loaded the
    first time it is asked for."""
    if "alike" not in place.ids:
        place.ids["alike"] = beside(place)
    return f"/duplicates/{place.ids['resident']}/{place.ids['alike']}"


def undone_in(place: Place) -> str:
    """Return the address of a merge that was undone, made the first time it is asked for."""
    laptop = place.laptop
    assert laptop is not None
    if "undone" not in place.ids:
        ids = beside(place), beside(place)
        with laptop.centre.store.writing() as connection:
            staff = accounts.add_user(
                connection, DISTRICT, no=ids[0], name="合并人", role="district",
                scope_codes=(DISTRICT,), now=laptop.centre.clock(),
            )  # fmt: skip
            wanted = Wanted(ids[0], ids[1], {}, (1, 1))
            made = merge_within(connection, staff, wanted, laptop.centre.clock())
            undo_within(connection, staff, made, "", laptop.centre.clock())
        place.ids["undone"] = made
    return f"/merges/{place.ids['undone']}"


def beside(place: Place) -> str:
    """Load one more resident into a place's household and return the id."""
    laptop, worker = place.laptop, place.worker
    assert laptop is not None
    assert worker is not None
    mark = "" if place.ids["household"] and worker.no == "w1" else "隔壁"
    said = resident(name=f"{mark}林示列", household_id=place.ids["household"])
    return load(laptop.centre, worker.user_id, "resident", worker.scope_codes[0], said)
