"""Loading ready-made records: with history, numbered, the same bytes for the same input."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from schemas.clock import written
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, chunked, import_records
from sync_server.store.tables import audit, changes, records
from tests.sync_server.world import GRID, NOON, resident


def rows(count: int) -> list[ImportedRecord]:
    return [
        ImportedRecord(new_id(), "resident", GRID, resident(), new_id(), written(NOON))
        for _ in range(count)
    ]


def load(centre, some) -> int:
    with centre.store.writing() as connection:
        return import_records(connection, centre.code, some, author=None, at=NOON)


def test_imported_records_have_a_history_and_follow_in_order(any_centre):
    some = rows(2500)
    for part in chunked(some, 1200):
        load(any_centre, part)
    with any_centre.store.reading() as connection:
        order = connection.execute(
            sa.select(records.c.record_id, records.c.change_no).order_by(records.c.change_no)
        ).all()
        log = connection.execute(sa.select(changes).limit(1)).one()
        record = connection.execute(
            sa.select(records).where(records.c.record_id == log.record_id)
        ).one()
        noted = connection.scalars(sa.select(audit.c.detail).order_by(audit.c.audit_id)).all()
    assert [row.record_id for row in order] == [row.record_id for row in some]
    assert [row.change_no for row in order] == list(range(1, 2501))
    assert (log.outcome, log.version, log.action, log.fields) == (
        "applied", 1, "create", record.fields,
    )  # fmt: skip
    assert "linshili" in record.search_text
    assert record.parent_id == record.fields["household_id"]
    assert noted == [{"records": 1200}, {"records": 1200}, {"records": 100}]


def test_the_same_import_writes_the_same_ids(tmp_path, any_centre):
    some = rows(3)
    load(any_centre, some)
    with any_centre.store.reading() as connection:
        ids = set(connection.scalars(sa.select(changes.c.change_id)))
    from sync_server.services.import_records import derived_id

    assert ids == {derived_id(row.record_id) for row in some}


def test_an_import_that_fails_leaves_nothing(any_centre):
    some = rows(3)
    with pytest.raises(sa.exc.IntegrityError):
        load(any_centre, [*some, some[0]])
    with any_centre.store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(records)) == 0
