"""Rows written in bulk read back as SQLAlchemy's own inserts of them do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from sync_server.store.bulk import insert_rows, update_rows
from sync_server.store.scope import Texts, among
from sync_server.store.tables import changes, records
from tests.sync_server.world import DISTRICT, GRID

ODD = 'tab\there, line\nthere, "quoted", back\\slash \\N \\. \\t, 𠮷, \u2028, \x7f, 100%, $1, ?'
TIMES = (
    datetime(2026, 9, 30, 12, 0, 0, 5, timezone(timedelta(hours=8))),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)


def change(number: int, prefix: str, **more):
    return {
        "district": DISTRICT, "change_id": f"{prefix}{number}", "kind": "household", "schema": 1,
        "record_id": ODD[:36], "action": "create", "grid": GRID if number else None,
        "base_version": None if number else 2**53, "base_trail": [1, 2] if number else None,
        "made_at": "2026-09-30T12:00:00+08:00", "author": "", "fields": {"text": ODD, "n": number},
        "received_at": TIMES[number], "doubtful": bool(number), "happened_at": TIMES[-1 - number],
        "outcome": "applied", "version": 1, "problem": [] if number else None, "corrects": None,
    } | more  # fmt: skip


def stored(connection, prefix):
    rows = connection.execute(
        sa.select(changes)
        .where(changes.c.district == DISTRICT, changes.c.change_id.startswith(prefix))
        .order_by(changes.c.change_id)
    ).mappings()
    return [{**row, "change_id": row["change_id"][1:]} for row in rows]


def raw(connection, prefix):
    """Return what the database itself holds."""
    names = ", ".join(f'CAST("{one.name}" AS TEXT)' for one in changes.c if one.name != "change_id")
    found = connection.exec_driver_sql(
        f"SELECT {names} FROM changes WHERE change_id LIKE '{prefix}%%' ORDER BY change_id"
        if connection.dialect.name == "postgresql"
        else f"SELECT {names} FROM changes WHERE change_id LIKE '{prefix}%' ORDER BY change_id"
    )
    return [tuple(row) for row in found]


def test_bulk_rows_are_what_ordinary_inserts_store(any_centre):
    with any_centre.store.writing() as connection:
        connection.execute(sa.insert(changes), [change(number, "a") for number in range(3)])
        insert_rows(connection, changes, [change(number, "b") for number in range(3)])
        insert_rows(connection, changes, [])
        assert stored(connection, "a") == stored(connection, "b")
        assert raw(connection, "a") == raw(connection, "b")


NAMES = ("fields", "problem", "grid", "base_version", "happened_at", "doubtful", "version")


def test_rows_changed_in_bulk_are_what_ordinary_updates_store(any_centre):
    with any_centre.store.writing() as connection:
        for prefix in "abc":
            insert_rows(connection, changes, [change(number, prefix) for number in range(3)])
        new = [change(number, "x", version=number + 7) for number in (2, 0, 1)]
        ids = [0, 1, 2]
        for number, row in zip(ids, new, strict=True):
            this = sa.and_(changes.c.district == DISTRICT, changes.c.change_id == f"a{number}")
            values = {name: row[name] for name in NAMES}
            connection.execute(sa.update(changes).where(this).values(values))
        rows = [row | {"change_id": f"b{number}"} for number, row in zip(ids, new, strict=True)]
        update_rows(connection, changes, DISTRICT, "change_id", NAMES, rows)
        update_rows(connection, changes, "000000", "change_id", NAMES, [change(0, "c", version=9)])
        update_rows(connection, changes, DISTRICT, "change_id", NAMES, [])
        assert stored(connection, "a") == stored(connection, "b") != stored(connection, "c")
        assert raw(connection, "a") == raw(connection, "b")
        assert [row["version"] for row in stored(connection, "c")] == [1, 1, 1]


def test_a_row_that_is_there_already_undoes_all_and_has_its_name(any_centre):
    with pytest.raises(IntegrityError), any_centre.store.writing() as connection:
        insert_rows(connection, changes, [change(0, "a"), change(1, "a"), change(0, "a")])
    with any_centre.store.reading() as connection:
        assert stored(connection, "a") == []


def test_a_time_without_offset_is_refused(any_centre):
    naive = change(0, "a", received_at=datetime(2026, 9, 30))
    with pytest.raises(ValueError, match="offset"), any_centre.store.writing() as connection:
        insert_rows(connection, changes, [naive])


@pytest.mark.parametrize("number", [0, 1, 3])
def test_many_ids_are_asked_for_as_one_parameter(any_centre, number):
    wanted = [f"a{one}" for one in range(number)]
    with any_centre.store.writing() as connection:
        insert_rows(connection, changes, [change(one, "a") for one in range(3)])
        query = sa.select(changes.c.change_id).where(
            changes.c.district == DISTRICT,
            among(changes.c.change_id, sa.bindparam("ids", type_=Texts())),
        )
        found = connection.execute(query, {"ids": [*wanted, "', \"[]"]}).scalars().all()
    assert sorted(found) == wanted


TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


@given(texts=TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(texts=['"', "\\", '\\"', "", "NULL", "{}", ",", " a ", "a\nb", "𠮷"])
@example(texts=[ODD, ODD])
def test_many_texts_arrive_as_they_are(any_centre, texts):
    one = sa.bindparam("one", type_=sa.String())
    query = sa.select(among(one, sa.bindparam("ids", type_=Texts())))
    with any_centre.store.asking() as connection:
        for text in {*texts, "\u2028 no such text"}:
            found = connection.execute(query, {"one": text, "ids": texts}).scalar_one()
            assert bool(found) is (text in texts)


@pytest.mark.parametrize(
    ("table", "column"), [(records, "record_id"), (changes, "change_id"), (changes, "waits_for")]
)
def test_many_ids_are_looked_up_and_not_the_whole_district_read(centre, table, column):
    query = sa.select(table).where(
        table.c.district == DISTRICT, among(table.c[column], sa.bindparam("ids", type_=Texts()))
    )
    with centre.store.reading() as connection:
        text = query.compile(dialect=connection.dialect)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (DISTRICT, "[]")).all()
    assert f"(district=? AND {column}=?)" in plan[0][-1]


def test_statements_that_only_ask_need_no_transaction(any_centre):
    with any_centre.store.asking() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(records)).scalar() == 0
    with any_centre.store.writing() as connection:  # the same pool serves whoever writes
        insert_rows(connection, changes, [change(0, "a")])
    with any_centre.store.reading() as connection:
        assert len(stored(connection, "a")) == 1
