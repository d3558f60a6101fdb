"""PostgreSQL's own: several servers in one address, promises of a commit, lost connections."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from sync_server.domain.errors import Refusal
from sync_server.store import postgresql, readiness
from sync_server.store.copying import postgresql_program
from sync_server.store.engine import Store, open_store
from tests.postgres import Server


@pytest.mark.parametrize(
    ("address", "hosts", "ports"),
    [
        ("postgresql://u:p%40@a:1,b:2/grid", "a,b", "1,2"),
        ("postgresql+psycopg://u@a,b/grid?sslmode=require", "a,b", None),
        ("postgresql://u@/grid?host=a:1&host=b:2", "a,b", "1,2"),
    ],
)
def test_an_address_may_name_several_servers(address, hosts, ports):
    engine = open_store(address).engine
    _, to = engine.dialect.create_connect_args(engine.url)
    assert (to["host"], to["dbname"], to["user"]) == (hosts, "grid", "u")
    assert to.get("port") in (ports, ",")
    assert to["target_session_attrs"] == "read-write"
    assert to.get("password") in ("p@", None)


def test_what_is_asked_of_a_server_may_be_said_otherwise(monkeypatch):
    engine = open_store("postgresql://u@a,b/grid?target_session_attrs=any").engine
    assert engine.url.query["target_session_attrs"] == "any"
    assert "target_session_attrs" not in open_store("postgresql://u@a:1/grid").engine.url.query


@pytest.mark.parametrize("address", ["postgresql://u@a:one/grid", "postgresql://u@a:1,b:x/grid"])
def test_a_port_that_is_none_is_refused(address):
    with pytest.raises(Refusal, match="bad_database_url"):
        open_store(address)


def test_the_server_that_takes_writes_is_found_behind_a_dead_one(postgres_server: Server):
    url = f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{postgres_server.port}/postgres"
    store = open_store(url)
    with store.writing() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    done = postgresql_program("psql", "-Atc", "SELECT 1", into=store)
    assert done.stdout == b"1\n", done.stderr
    store.close()


def test_programs_take_from_the_environment_what_the_address_leaves_open(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    url = sa.make_url(postgres_url)
    for name, value in {"HOST": url.host, "PORT": url.port, "USER": url.username}.items():
        monkeypatch.setenv(f"PG{name}", str(value))
    store = open_store(f"postgresql:///{url.database}?application_name=a+centre&sslmode=disable")
    question = "SELECT current_database(), current_setting('application_name')"
    with store.reading() as connection:
        ours = tuple(connection.exec_driver_sql(question).one())
    done = postgresql_program("psql", "-Atc", question, into=store)
    store.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().strip() == "|".join(ours) == f"{url.database}|a centre"


@pytest.mark.parametrize(
    ("address", "password", "expected"),
    [
        (
            "postgresql:///grid?sslmode=verify-full&sslrootcert=/a/root.crt&sslcert=/a/c.crt",
            "of the environment",
            {"dbname": "grid", "sslmode": "verify-full", "sslrootcert": "/a/root.crt",
             "sslcert": "/a/c.crt"},
        ),
        (
            "postgresql+psycopg://u:p%40@a:1,b:2/grid?prepare_threshold=5",
            "p@",
            {"dbname": "grid", "user": "u", "host": "a,b", "port": "1,2",
             "target_session_attrs": "read-write"},
        ),
        ("postgresql://u@a", "of the environment", {"user": "u", "host": "a"}),
        ("postgresql:///?host=/run/pg", "of the environment", {"host": "/run/pg"}),
    ],
)  # fmt: skip
def test_programs_connect_as_the_centre_does(tmp_path, monkeypatch, address, password, expected):
    program = tmp_path / "pg_dump"
    program.write_text("""#!/bin/sh\nprintf '%s\\n' "$PGPASSWORD" "$@"\n""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", "of the environment")
    done = postgresql_program("pg_dump", "-Fc", into=open_store(address))
    given, *arguments = done.stdout.decode().splitlines()
    assert given == password
    assert arguments[:2] == ["--no-password", "-d"]
    assert arguments[3:] == ["-Fc"]
    made = conninfo_to_dict(arguments[2])
    assert {name: made[name] for name in expected} == expected
    assert "password" not in made
    left_out = {"host", "port", "user", "dbname"} - set(expected)
    assert not left_out & set(made)


def test_no_server_that_takes_writes_is_a_database_out_of_reach(postgres_url: str):
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as other:
        name = other.info.dbname
        other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = open_store(f"{postgres_url}?target_session_attrs=read-write")
    with pytest.raises(Refusal, match="database_unreachable"), store.reading():
        pass
    alone = open_store(postgres_url)
    with pytest.raises(Refusal, match="database_unreachable"), alone.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x int)")
    with pytest.raises(Refusal, match="database_unreachable"):
        readiness.check_database(alone)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("57P01", "database_unreachable"), ("57P03", "database_unreachable"),
        ("08006", "database_unreachable"), ("40P01", "unavailable"), ("53300", "unavailable"),
        ("53100", "disk_full"), ("55P03", "busy"), ("23505", None), ("", None),
    ],
)  # fmt: skip
def test_states_of_the_database_have_names(state, code):
    assert postgresql.code_of(state) == code


def test_a_connection_that_breaks_is_out_of_reach_and_the_next_one_is_made_anew(postgres_url: str):
    store = open_store(postgres_url)
    with pytest.raises(Refusal, match="database_unreachable"):
        break_off(store, postgres_url)
    with store.reading() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    end_backend(postgres_url, pid)  # while it lies in the pool
    with store.writing() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    store.close()


def test_a_pool_without_a_free_connection_is_busy(postgres_url: str):
    store = open_store(postgres_url)
    pool = store.engine.pool
    pool._timeout, pool._max_overflow = 0.01, 0
    held = [store.engine.connect() for _ in range(pool.size())]
    with pytest.raises(Refusal, match="unavailable"), store.reading():
        pass
    for connection in held:
        connection.close()
    store.close()


def test_a_commit_is_durable_whatever_the_server_says(postgres_url: str, postgres_server: Server):
    with open_store(postgres_url).reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    name = sa.make_url(postgres_url).database
    postgres_server.run_sql(f"ALTER DATABASE {name} SET synchronous_commit = remote_apply")
    with open_store(postgres_url).reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "remote_apply"


def test_a_commit_whose_standby_was_not_waited_for_is_not_confirmed(
    postgres_url: str, postgres_server: Server
):
    """PostgreSQL answers it as any other, with a warning: the standby may not have it."""
    store = open_store(postgres_url)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x int)")
    told: list[str] = []

    def write() -> None:
        while not told:  # the server takes a moment to notice that it has to wait
            try:
                with store.writing() as connection:
                    connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            except Refusal as refusal:
                told.append(refusal.code)

    waits_for(postgres_server, "nobody")
    try:
        thread = threading.Thread(target=write)
        thread.start()
        cancel_the_waiting(postgres_url)
        thread.join(20)
    finally:
        waits_for(postgres_server, "")
    assert told == ["database_unreachable"]
    with store.writing() as connection:  # the connection is as good as new
        assert (connection.exec_driver_sql("SELECT count(*) FROM t").scalar() or 0) > 0
    store.close()


def test_another_timeline_is_told_once_before_the_first_write_on_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    store, arrived = open_store(postgres_url), []
    store.server.on_arrival(arrived.append)
    with store.writing():
        assert arrived == []  # it has been on no other
    monkeypatch.setattr(postgresql, "TIMELINE", "SELECT '0000FFFF'")
    store.engine.dispose()  # as when the server died: connections are made anew
    with store.reading():
        assert arrived == []
    for _ in range(2):
        with store.writing():
            assert len(arrived) == 1
    store.close()


def break_off(store: Store, url: str) -> None:
    with store.writing() as connection:
        end_backend(url, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
        connection.exec_driver_sql("SELECT 1")


def waits_for(server: Server, names: str) -> None:
    server.run_sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    server.run_sql("SELECT pg_reload_conf()")
    with psycopg.connect(server.url("postgres", driver=""), autocommit=True) as connection:
        while connection.execute("SHOW synchronous_standby_names").fetchone() != (names,):
            pass


def cancel_the_waiting(url: str) -> None:
    """Break off what waits for a standby, as an impatient operator might."""
    deadline = time.monotonic() + 20
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
        while not other.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            " AND datname = current_database()"
        ).fetchall():
            assert time.monotonic() < deadline


def end_backend(url: str, pid: object) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
