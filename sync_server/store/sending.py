"""COPY on PostgreSQL: many rows handed over at once, the answer waited for when it is needed.

While the database stores what it was sent, the program goes on; whatever it asks of the same
connection next, the end of the transaction above all, first waits until that is stored, and fails
where it failed. So nothing is ever taken for stored that is not: a savepoint waits at once, for its
error belongs inside, and a transaction that has failed, whoever passed over the error, cannot be
committed. What is read row by row from the database (``yield_per``) has to be read to its end
before a COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import psycopg
import sqlalchemy as sa
from psycopg import generators
from psycopg.copy import LibpqWriter
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import event

COPY = "COPY "
_under_way: WeakSet[psycopg.Connection[Any]] = WeakSet()
"""The connections with a COPY whose answer has not been waited for."""


def copies_in(engine: sa.Engine) -> None:
    """Teach an engine on PostgreSQL to run COPY with the rows it is handed, and to wait for its
    answer before anything else."""

    @event.listens_for(engine, "do_execute")
    def one(cursor: Any, statement: str, row: Any, context: Any) -> bool:
        return _copied(cursor, statement, [row], context.root_connection)

    @event.listens_for(engine, "do_executemany")
    def many(cursor: Any, statement: str, rows: Sequence[Any], context: Any) -> bool:
        return _copied(cursor, statement, rows, context.root_connection)

    @event.listens_for(engine, "do_execute_no_params")
    def plain(cursor: Any, _statement: str, _context: Any) -> None:
        settle(cursor.connection)

    @event.listens_for(engine, "commit")
    def before_commit(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        failed = driver.pgconn.transaction_status == TransactionStatus.INERROR
        if failed or driver in _under_way:  # PostgreSQL would undo a failed one without a word
            connection.exec_driver_sql("SELECT 1")  # fails, if it does, by SQLAlchemy's names

    @event.listens_for(engine, "rollback")
    def before_rollback(connection: sa.Connection) -> None:
        if connection.invalidated:  # it broke: there is no answer any more
            return
        driver: Any = connection.connection.driver_connection
        with suppress(psycopg.Error):  # it is undone all the same
            settle(driver)


def stores_meanwhile(connection: sa.Connection) -> bool:
    """Tell whether rows are stored while the program goes on: not on SQLite, where it stores them
    itself."""
    return connection.dialect.name == "postgresql"


def settle(connection: psycopg.Connection[Any]) -> None:
    """Wait for the answer to the COPY under way, if there is one; raise its error."""
    if connection not in _under_way:
        return
    _under_way.discard(connection)
    for result in connection.wait(generators.fetch_many(connection.pgconn)):
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result, encoding=connection.info.encoding)


def _copied(cursor: Any, statement: str, rows: Sequence[Any], connection: sa.Connection) -> bool:
    """Run a COPY; tell whether it was one."""
    settle(cursor.connection)
    if not statement.startswith(COPY):
        return False
    with cursor.copy(statement, writer=_Sender(cursor)) as copy:
        for row in rows:
            copy.write_row(row)
    if connection.in_nested_transaction():
        settle(cursor.connection)
    return True


class _Sender(LibpqWriter):
    """Sends rows and says that they were all, without waiting for what becomes of them."""

    def finish(self, exc: BaseException | None = None) -> None:
        """Say that these were all; an error undoes them, which is waited for."""
        if exc is not None:
            super().finish(exc)
            return
        self.connection.wait(_ended(self._pgconn))
        _under_way.add(self.connection)


def _ended(pgconn: Any) -> Any:
    while pgconn.put_copy_end() == 0:
        yield generators.WAIT_W
    while pgconn.flush():
        yield generators.WAIT_W
