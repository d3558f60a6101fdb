"""Large tables in parts: nothing is lost on the way, and the program works as before."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import partitioning
from sync_server.services.centre import Centre, open_centre
from sync_server.services.districts import open_district
from sync_server.services.ids import new_id
from sync_server.settings import Settings
from sync_server.store import partitioning as store
from sync_server.store.engine import Store
from sync_server.store.migrate import differences
from sync_server.store.tables import changes, metadata
from tests.postgres import Server
from tests.quick import put_in_parts
from tests.sync_server.retention_place import Place
from tests.sync_server.services import (
    test_concurrency,
    test_delivery,
    test_epochs,
    test_exchange,
    test_moves,
    test_retention,
)
from tests.sync_server.world import (
    DISTRICT,
    NOON,
    StillClock,
    add_worker,
    household,
    join,
    outcomes,
)

NEXT = "990102"


def no_one(_table: str, _rows: int) -> None:
    """Tell nobody."""


@pytest.fixture
def settings(tmp_path: Path, migrated_url: str) -> Settings:
    return Settings(tmp_path / "centre", migrated_url, DISTRICT, testing=True)


def lived_in(settings: Settings) -> Any:
    """Let a laptop work on a centre; return the laptop, its centre closed."""
    centre = open_centre(settings, StillClock())
    laptop = join(centre, add_worker(centre))
    for number in range(5):
        made = laptop.write("household", "create", household())
        laptop.write("household", "update", {"size": number + 2}, made["record_id"])
    laptop.send()
    laptop.send()
    centre.store.close()
    return laptop


def content(database: Store) -> dict[str, list[Any]]:
    """Everything in the database, by table."""
    with database.reading() as connection:
        return {
            name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for name, table in metadata.tables.items()
        }


def test_all_that_is_there_goes_along_and_work_goes_on(settings: Settings) -> None:
    laptop = lived_in(settings)
    centre = open_centre(settings, laptop.centre.clock)
    before, told = content(centre.store), {}
    with pytest.raises(Refusal, match="server_running"):
        partitioning.partition(settings, NOON, no_one)
    centre.store.close()

    partitioning.partition(settings, NOON, told.__setitem__)
    assert set(told) == set(store.LARGE)
    assert told["changes"] == 10
    laptop.centre = centre = open_centre(settings, laptop.centre.clock)
    after = content(centre.store)
    for name in ("districts", "history_marks"):  # a start lets numbers jump
        before.pop(name), after.pop(name)
    assert after == before
    with centre.store.reading() as connection:
        # The key of streams' places is each part's own.
        assert [columns_of(one) for one in differences(connection)] in (
            [], [["district", "stream", "seq"]],
        )  # fmt: skip
        assert all(store.is_parted(connection, name) for name in store.LARGE)

    laptop.write("household", "create", household())
    assert outcomes(laptop.send()) == ["applied"]
    assert outcomes(laptop.send(laptop.body(laptop.log))) == ["duplicate"] * 11
    centre.store.close()


def columns_of(difference: Any) -> list[str]:
    """Return the columns of a constraint that was found to differ."""
    return [column.name for column in difference[1].columns]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Only these tables are large."""
    names = ("batches", "changes", "records")
    monkeypatch.setattr(store, "LARGE", names)
    return names


def test_a_run_that_was_broken_off_goes_on_and_a_finished_one_has_nothing_to_do(
    settings: Settings, few: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(settings)
    real, done = store.part, count(1)

    def part(*given: Any) -> int:
        if next(done) == 3:
            raise KeyboardInterrupt
        return real(*given)

    first: dict[str, int] = {}
    second: dict[str, int] = {}
    third: dict[str, int] = {}
    monkeypatch.setattr(store, "part", part)
    with pytest.raises(KeyboardInterrupt):
        partitioning.partition(settings, NOON, first.__setitem__)
    partitioning.partition(settings, NOON, second.__setitem__)
    partitioning.partition(settings, NOON, third.__setitem__)
    assert list(first) == ["batches", "changes"]
    assert list(second) == ["records"]
    assert third == {}


def test_a_table_that_would_come_out_different_stays_as_it_was(
    settings: Settings, few: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = lived_in(settings)
    real, seen = store._content, count()

    def content_of(connection: sa.Connection, table: str) -> Any:
        more = [("990109", 0, next(seen))] if table == "records" else []
        return [*real(connection, table), *more]

    monkeypatch.setattr(store, "_content", content_of)
    with pytest.raises(Refusal, match="parts_differ"):
        partitioning.partition(settings, NOON, no_one)
    laptop.centre = open_centre(settings, laptop.centre.clock)
    with laptop.centre.store.reading() as connection:
        assert not store.is_parted(connection, "records")
    assert outcomes(laptop.send(laptop.body(laptop.log))) == ["duplicate"] * 10
    laptop.centre.store.close()


def test_the_embedded_database_has_no_parts(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="not_postgresql"):
        partitioning.partition(Settings(tmp_path), NOON, no_one)


# In parts ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parted_name(postgres_server: Server, migrated_name: str) -> str:
    """A database in parts, to be copied."""
    postgres_server.run_sql(f"CREATE DATABASE parted TEMPLATE {migrated_name}")
    from sync_server.store.engine import open_store

    database = open_store(postgres_server.url("parted"))
    with database.reading() as connection:
        already = store.is_parted(connection, "changes")
    if not already:
        put_in_parts(database)
    database.close()
    return "parted"


_copies = count(1)


@pytest.fixture
def parted(postgres_server: Server, parted_name: str, tmp_path: Path) -> Iterator[Centre]:
    """A centre on a database in parts."""
    name = f"parted_{next(_copies)}"
    postgres_server.run_sql(f"CREATE DATABASE {name} TEMPLATE {parted_name}")
    centre = open_centre(
        Settings(tmp_path / "centre", postgres_server.url(name), DISTRICT, testing=True),
        StillClock(),
    )
    yield centre
    centre.store.close()
    postgres_server.run_sql(f"DROP DATABASE {name} WITH (FORCE)")


def of_any_centre() -> Iterator[Callable[..., None]]:
    """Give tests of services that ask for nothing but a centre, a few of each."""
    for module in (test_exchange, test_concurrency, test_delivery, test_epochs, test_moves):
        found = [
            test
            for name, test in inspect.getmembers(module, inspect.isfunction)
            if name.startswith("test_")
            and set(inspect.signature(test).parameters) == {"any_centre"}
        ]
        yield from found[:4]


@pytest.mark.parametrize("test", list(of_any_centre()), ids=lambda test: test.__name__)
def test_services_do_on_parts_what_they_do_elsewhere(test, parted: Centre) -> None:
    test(any_centre=parted)


def test_records_are_emptied_on_parts_as_elsewhere(parted: Centre) -> None:
    clock = parted.clock
    assert isinstance(clock, StillClock)
    test_retention.test_nothing_personal_is_left_and_nothing_else_changes(Place(parted, clock))


def test_a_change_lies_in_the_part_of_its_month_whenever_it_was_made(parted: Centre) -> None:
    laptop = join(parted, add_worker(parted))
    laptop.write("household", "create", household())
    ancient = laptop.write("household", "create", household())
    reseal(laptop, ancient, "00000000-0000-4000-8000-000000000001")  # says no time
    laptop.send()
    with parted.store.reading() as connection:
        lies = dict(
            connection.execute(
                sa.select(changes.c.change_id, sa.literal_column("tableoid::regclass::text"))
            ).all()
        )
    first = laptop.log[0]["change_id"]
    made = datetime.fromtimestamp(int(first.replace("-", "")[:12], 16) / 1000, UTC)
    ends = {one.removeprefix(f"changes_d{DISTRICT}_") for one in lies.values()}
    assert lies[ancient["change_id"]].endswith("_rest")
    assert ends <= {f"m{made:%Y%m}", "rest"}


def reseal(laptop: Any, change: dict[str, Any], change_id: str) -> None:
    """Give the last change of a log another id."""
    from schemas.seal import seal

    bare = {key: value for key, value in change.items() if key not in ("seq", "prev", "hash")}
    laptop.log[-1] = seal(bare | {"change_id": change_id}, change["seq"], change["prev"])
    change |= laptop.log[-1]


def test_a_serving_centre_makes_the_parts_of_coming_months_and_new_districts(
    parted: Centre,
) -> None:
    """What came before its part was there moves into it."""
    later = NOON + timedelta(days=31 * (store.AHEAD + 2))
    far = date(later.year, later.month, 1)
    strange = f"{store.earliest_id(far)}-7000-8000-000000000000"
    with parted.store.writing() as connection:
        open_district(connection, NEXT, beside=True)
        for code in (DISTRICT, NEXT):
            connection.execute(sa.insert(changes), change_row(code, strange))
    assert partitioning.keep_parts(parted.store, later) > 0
    assert partitioning.keep_parts(parted.store, later) == 0
    with parted.store.reading() as connection:
        lies = dict(
            connection.execute(
                sa.select(changes.c.district, sa.literal_column("tableoid::regclass::text"))
            ).all()
        )
        assert store.missing_parts(connection, later, store.SOON) == []
    assert lies == {code: f"changes_d{code}_m{far:%Y%m}" for code in (DISTRICT, NEXT)}
    with pytest.raises(sa.exc.IntegrityError), parted.store.writing() as connection:
        connection.execute(sa.insert(changes), change_row(DISTRICT, strange))
    place = {"stream": new_id(), "seq": 1}
    first, again = (strange[:-1] + end for end in "12")
    with parted.store.writing() as connection:
        connection.execute(sa.insert(changes), change_row(DISTRICT, first) | place)
    with pytest.raises(sa.exc.IntegrityError), parted.store.writing() as connection:
        connection.execute(sa.insert(changes), change_row(DISTRICT, again) | place)


def test_a_place_of_a_stream_is_taken_once_in_a_new_part_too(parted: Centre) -> None:
    row = change_row(DISTRICT, new_id()) | {"stream": new_id(), "seq": 1}
    with parted.store.writing() as connection:
        connection.execute(sa.insert(changes), row)
    with pytest.raises(sa.exc.IntegrityError), parted.store.writing() as connection:
        connection.execute(sa.insert(changes), row | {"change_id": new_id()})


def change_row(code: str, change_id: str) -> dict[str, Any]:
    return {
        "district": code, "change_id": change_id, "kind": "household", "schema": 1,
        "record_id": new_id(), "action": "create", "made_at": "2026-09-30T12:00:00+08:00",
        "author": new_id(), "fields": {}, "received_at": NOON, "doubtful": False,
        "happened_at": NOON, "outcome": "applied",
    }  # fmt: skip


def test_a_serving_centre_waits_for_nobody_to_make_parts(parted: Centre) -> None:
    later = NOON + timedelta(days=31 * (store.AHEAD + 2))
    url = parted.store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other:
        other.execute("SELECT count(*) FROM changes")
        partitioning.LOCK_WAIT, kept = "50ms", partitioning.LOCK_WAIT
        try:
            with pytest.raises(Refusal, match="busy"):
                partitioning.keep_parts(parted.store, later)
        finally:
            partitioning.LOCK_WAIT = kept


def test_months_follow_each_other() -> None:
    assert store.months_between(date(2026, 11, 30), date(2027, 2, 1)) == (
        date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1),
    )  # fmt: skip
    assert new_id() > store.earliest_id(datetime.now(UTC).date().replace(day=1))
    assert new_id() < store.earliest_id(date(2200, 1, 1))
