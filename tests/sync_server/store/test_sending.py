"""Rows whose storing is not waited for at once: nothing is taken for stored that is not."""

from __future__ import annotations

import gc
from contextlib import suppress
from functools import partial
from operator import itemgetter

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError

from sync_server.domain.errors import Refusal
from sync_server.store import sending
from sync_server.store.bulk import insert_rows
from sync_server.store.engine import open_store
from sync_server.store.poison import each_if_not_all
from sync_server.store.tables import changes
from tests.sync_server.store.test_bulk import change, stored


def under_way() -> int:
    return len(sending._under_way)


def test_whatever_is_asked_next_finds_the_rows(any_centre):
    with any_centre.store.writing() as connection:
        insert_rows(connection, changes, [change(number, "a") for number in range(3)])
        assert under_way() == (0 if any_centre.store.is_sqlite else 1)
        assert len(stored(connection, "a")) == 3
        insert_rows(connection, changes, [change(0, "b")])
        insert_rows(connection, changes, [change(0, "c")])
        connection.execute(sa.delete(changes).where(changes.c.change_id == "b0"))
    assert under_way() == 0
    with any_centre.store.reading() as connection:
        assert [len(stored(connection, one)) for one in "abc"] == [3, 0, 1]


def send(store, rows, then=lambda connection: None):
    """Hand rows over and do what is done ``then`` in the same transaction."""
    with store.writing() as connection:
        insert_rows(connection, changes, [change(0, "a")])
        insert_rows(connection, changes, rows)
        then(connection)


def give_up(_connection):
    raise Refusal("busy")


def more_rows(connection):
    insert_rows(connection, changes, [change(2, "a")])


def ask(connection):
    connection.execute(sa.select(changes.c.change_id)).all()


@pytest.mark.parametrize("then", [lambda one: None, ask, more_rows, sa.Connection.begin_nested])
def test_rows_that_cannot_be_stored_undo_all(any_centre, then):
    with pytest.raises(IntegrityError):
        send(any_centre.store, [change(1, "a"), change(0, "a")], then)
    assert under_way() == 0
    with any_centre.store.writing() as connection:  # the same connection serves the next
        assert stored(connection, "a") == []
        insert_rows(connection, changes, [change(0, "a")])


@pytest.mark.parametrize("number", [0, 1])
def test_who_gives_up_meanwhile_leaves_nothing(any_centre, number):
    with pytest.raises((Refusal, IntegrityError)):
        send(any_centre.store, [change(number, "a")], give_up)
    assert under_way() == 0
    with any_centre.store.writing() as connection:
        assert stored(connection, "a") == []
        insert_rows(connection, changes, [change(0, "a")])


def test_a_savepoint_takes_its_own_error_and_the_rest_is_stored(any_centre):
    rows = [change(1, "a"), change(0, "a"), change(2, "a")]
    with any_centre.store.writing() as connection:
        insert_rows(connection, changes, [change(0, "a")])
    with any_centre.store.writing() as connection:
        insert_rows(connection, changes, [change(0, "b")])
        left = each_if_not_all(
            connection, rows, partial(insert_rows, connection, changes), itemgetter("change_id")
        )
        assert [row["change_id"] for row in left] == ["a0"]
    with any_centre.store.reading() as connection:
        assert [len(stored(connection, one)) for one in "ab"] == [3, 1]


def test_a_failed_transaction_cannot_be_committed_whoever_passes_over_its_error(any_centre):
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite stores rows at once")
    with any_centre.store.writing() as connection:
        insert_rows(connection, changes, [change(0, "a")])

    def pass_over():
        with any_centre.store.writing() as connection:
            insert_rows(connection, changes, [change(0, "a")])
            with suppress(IntegrityError), connection.begin_nested():
                pass

    with pytest.raises(InternalError):
        pass_over()
    with any_centre.store.writing() as connection:
        assert len(stored(connection, "a")) == 1
        insert_rows(connection, changes, [change(1, "a")])


def test_a_connection_that_is_gone_is_remembered_no_more(any_centre):
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite stores rows at once")

    def break_off(connection):
        connection.invalidate()
        raise Refusal("busy")

    with pytest.raises(Refusal):
        send(any_centre.store, [change(1, "a")], break_off)
    gc.collect()
    assert under_way() == 0


def test_a_row_that_cannot_be_written_down_undoes_all(any_centre):
    with pytest.raises(DBAPIError, match=r"adapt|supported"):
        send(any_centre.store, [change(1, "a", author=object())])
    assert under_way() == 0
    with any_centre.store.reading() as connection:
        assert stored(connection, "a") == []


def test_a_server_that_goes_away_meanwhile_is_named(migrated_url):
    store = open_store(migrated_url)

    def lose_it(connection):
        mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        insert_rows(connection, changes, [change(2, "a")])
        with store.asking() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")

    with pytest.raises(Refusal) as refused:
        send(store, [change(1, "a")], lose_it)
    assert refused.value.code == "database_unreachable"
    with store.reading() as connection:
        assert stored(connection, "a") == []
    store.close()
