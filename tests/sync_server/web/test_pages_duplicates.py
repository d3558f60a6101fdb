"""Records that may be one, on the staff's pages: what is masked elsewhere is masked in reasons."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from sync_server.services.duplicates import search_duplicates
from sync_server.store.duplicate_tables import duplicate_pairs
from tests.sync_server.web.staff import Town, load, sign_in
from tests.sync_server.world import DISTRICT, GRID, resident

MONTHS = ("1951-04", "1951-05")


def test_reasons_tell_no_birth_month(town: Town, app: Flask) -> None:
    place, centre = town.here, town.centre
    assert place.worker is not None
    beside = resident(birth=MONTHS[1], household_id=place.ids["household"])
    other = load(centre, place.worker.user_id, "resident", GRID, beside)
    search_duplicates(centre.store, DISTRICT, centre.clock())
    with centre.store.reading() as connection:
        kept = connection.execute(sa.select(duplicate_pairs.c.reasons)).scalars().all()
    assert "birth_near" in str(kept)
    leader, one = sign_in(app, "leader"), place.ids["resident"]
    pages = ("/duplicates", f"/records/resident/{one}", f"/duplicates/{one}/{other}")
    shown = "".join(leader.get(page).text for page in pages)
    assert "出生年月相近" in shown
    for month in MONTHS:
        assert month not in str(kept)
        assert month not in shown
