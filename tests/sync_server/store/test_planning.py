"""The figures by which SQLite chooses an index."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.store import planning
from sync_server.store.engine import open_store
from sync_server.store.migrate import differences, migrate
from sync_server.store.planning import tell_sizes


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'centre.db'}")
    migrate(opened)
    yield opened
    opened.close()


def figures(store) -> dict[str, str]:
    with store.reading() as connection:
        found = connection.exec_driver_sql("SELECT idx, stat FROM sqlite_stat1")
        return {row.idx: row.stat for row in found}


def test_every_index_has_its_figures(store):
    told = figures(store)
    with store.reading() as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'index'")
        assert set(told) - {"likeness_keys"} == set(names.scalars())
        assert differences(connection) == []
    assert told["likeness_keys"] == "1000000 1000000 62500 10 1 sz=73"  # no rows beside its key
    assert told["sqlite_autoindex_records_1"] == "1000000 1000000 1 sz=49"  # district, record_id
    assert told["ix_records_district_grid_change_no"] == "1000000 1000000 1000 10 sz=54"
    assert told["ix_changes_waiting"].startswith("10000 10000 10 ")  # those that wait, no others


def test_figures_are_written_once(store):
    with store.reading() as connection:
        before = connection.exec_driver_sql("PRAGMA data_version").scalar()
        tell_sizes(store)
        assert connection.exec_driver_sql("PRAGMA data_version").scalar() == before


def test_other_figures_are_put_right(store):
    told = figures(store)
    with store.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
    assert figures(store) != told
    tell_sizes(store)
    assert figures(store) == told


def test_connections_opened_before_are_opened_anew(store):
    query = (
        "EXPLAIN QUERY PLAN SELECT opened_at FROM conflicts WHERE district = '1'"
        " AND record_id IN ('2', '3') ORDER BY conflict_id"
    )
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    store.engine.dispose()
    with store.reading() as connection:
        assert "(district=?)" in connection.exec_driver_sql(query).all()[0][-1]
    tell_sizes(store)
    with store.reading() as connection:
        assert "(district=? AND record_id=?)" in connection.exec_driver_sql(query).all()[0][-1]


def test_a_full_disk_keeps_no_database_closed(store, monkeypatch):
    monkeypatch.setattr(planning, "ROWS", 2_000_000)
    told = figures(store)

    def full(*_: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("database or disk is full"))

    sa.event.listen(store.engine, "before_cursor_execute", full_when_written := (
        lambda c, u, text, p, x, m: full() if text.startswith("DELETE") else None
    ))  # fmt: skip
    tell_sizes(store)
    sa.event.remove(store.engine, "before_cursor_execute", full_when_written)
    assert figures(store) == told


def test_nor_does_anything_else(store, monkeypatch, caplog):
    monkeypatch.setattr(planning, "ROWS", 2_000_000)

    def refuse():
        raise Refusal("unavailable")

    monkeypatch.setattr(store, "writing", refuse)
    tell_sizes(store)
    assert "unavailable" in caplog.text


def test_samples_that_somebody_took_are_thrown_away(store):
    told = figures(store)
    with store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO districts VALUES ('1', 'x', 'e', 0, 0, 0, '{}')")
        connection.exec_driver_sql("ANALYZE")
    with store.reading() as connection:
        samples = "SELECT count(*) FROM sqlite_stat4"
        assert connection.exec_driver_sql(samples).scalar()
    tell_sizes(store)
    with store.reading() as connection:
        assert connection.exec_driver_sql(samples).scalar() == 0
    assert figures(store) == told


def test_an_index_on_an_expression_has_figures_too(store):
    with store.writing() as connection:
        year = "district, substr(made_at, 1, 4)"
        connection.exec_driver_sql(f"CREATE INDEX by_year ON records ({year})")
    tell_sizes(store)
    assert figures(store)["by_year"] == "1000000 1000000 10 sz=24"
