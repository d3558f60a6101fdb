"""Records written ahead of others: each as it stands in the end, with numbers of its own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from schemas.kinds.household import Household
from sync_server.domain.merge import Edit
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.ledger import Ledger
from sync_server.store import feed
from sync_server.store.tables import records
from tests.sync_server.world import GRID


def made(ledger: Ledger, record_id: str, code: str) -> None:
    ledger.create(Household, edit(ledger), record_id, GRID, "", {"code": code})


def edit(ledger: Ledger, base: int = 0) -> Edit:
    return Edit(new_id(), new_id(), None, base, ledger.now, doubtful=False)


def changed(ledger: Ledger, record_id: str, code: str) -> None:
    row = ledger.record(record_id)
    assert row is not None
    ledger.change(edit(ledger, row["version"]), record_id, "update", "", {"code": code})


def written(centre: Centre) -> dict[str, Any]:
    with centre.store.reading() as connection:
        query = sa.select(records).where(records.c.kind == "household")
        return {row.record_id: row for row in connection.execute(query)}


def test_a_record_touched_after_it_was_written_is_written_again(any_centre):
    one, other, last = new_id(), new_id(), new_id()
    with any_centre.store.writing() as connection:
        before = feed.last_change_no(connection, any_centre.code)
        ledger = Ledger(connection, any_centre.code, any_centre.clock())
        made(ledger, one, "1-1-101")
        made(ledger, other, "1-1-102")
        ledger.hand_over()
        changed(ledger, one, "1-1-201")
        made(ledger, last, "1-1-103")
        ledger.hand_over()
        assert ledger.write() == 3
    found = written(any_centre)
    assert {one: row.fields["code"] for one, row in found.items()} == {
        one: "1-1-201", other: "1-1-102", last: "1-1-103",
    }  # fmt: skip
    numbers = sorted(row.change_no for row in found.values())
    assert len(set(numbers)) == 3
    assert numbers[0] > before
    assert found[one].change_no == max(numbers)
    assert found[one].version == found[other].version + 1
    with any_centre.store.reading() as connection:
        assert feed.last_change_no(connection, any_centre.code) == max(numbers)


def test_numbers_go_on_where_the_district_stands(any_centre):
    for code in ("1-1-101", "1-1-102"):
        with any_centre.store.writing() as connection:
            before = feed.last_change_no(connection, any_centre.code)
            ledger = Ledger(connection, any_centre.code, any_centre.clock())
            one = new_id()
            made(ledger, one, code)
            ledger.hand_over()
            ledger.write()
            row = connection.execute(sa.select(records).where(records.c.record_id == one)).one()
            assert row.change_no == row.first_no == before + 1
            assert feed.last_change_no(connection, any_centre.code) == before + 1
