"""What a database's driver says of a failing row stays out of the log, as a line and as JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.cli import logs
from sync_server.services.centre import Centre
from sync_server.store.bulk import insert_rows
from sync_server.store.duplicate_tables import duplicate_pairs
from tests.sync_server.world import DISTRICT

NAME = "LinShili"
log = logging.getLogger("tests.rows")


@contextmanager
def serving(as_json: bool) -> Iterator[None]:
    """Log as a serving centre does, and nothing else."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    logs.set_up(as_json)
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def row(centre: Centre, **more: Any) -> dict[str, Any]:
    return {
        "district": DISTRICT, "first_id": "a", "second_id": "b", "kind": "resident",
        "first_area": "1", "second_area": "1", "score": 1, "reasons": [],
        "found_at": centre.clock(), "state": None, "words": NAME, **more,
    }  # fmt: skip


def fail(centre: Centre, way: str) -> None:
    """Let a statement with a name in it fail, below another error."""
    try:
        with centre.store.writing() as connection:
            if way == "insert":
                connection.execute(sa.insert(duplicate_pairs).values(**row(centre)))
            elif way == "copy":
                insert_rows(connection, duplicate_pairs, [row(centre)])
            elif way == "key":
                for _ in range(2):
                    insert_rows(connection, duplicate_pairs, [row(centre, state=NAME)])
            else:
                connection.exec_driver_sql(f"SELECT CAST('{NAME}' AS {NAME})")
    except sa.exc.DBAPIError as err:
        log.warning("error=%s", err)
        raise ValueError("around it") from err


@pytest.mark.parametrize(
    ("way", "state"), [("insert", "23502"), ("copy", "23502"), ("key", "23505"), ("cast", "42704")]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_failing_row_is_not_in_the_log(
    any_centre: Centre, way: str, state: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sqlite = any_centre.store.is_sqlite
    if sqlite and way == "cast":
        pytest.skip("SQLite casts to anything")
    with serving(as_json):
        try:
            fail(any_centre, way)
        except ValueError:
            log.exception("request failed")
    said = capsys.readouterr().err
    assert NAME not in said
    assert ("constraint failed: duplicate_pairs." if sqlite else f"sqlstate {state}") in said
    assert ("table duplicate_pairs" in said) is (not sqlite and way != "cast")
    assert "in fail" in said
    assert "ValueError: around it" in said


@pytest.mark.parametrize("as_json", [False, True])
def test_a_damaged_text_is_not_in_the_log(
    centre: Centre, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = NAME.encode().hex() + "ff"
    with serving(as_json):
        try:
            with centre.store.reading() as connection:
                connection.exec_driver_sql(f"SELECT CAST(x'{damaged}' AS TEXT)").all()
        except sa.exc.DBAPIError:
            log.exception("request failed")
    said = capsys.readouterr().err
    assert "request failed" in said
    assert NAME not in said
