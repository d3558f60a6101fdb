"""Migrations: from nothing and from every released step to today's tables, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import accounts, audit_chain, second_factor
from sync_server.services.duplicates import likely_same, search_duplicates
from sync_server.services.field_sums import add_months_up
from sync_server.services.search_texts import redo_texts
from sync_server.store import privacy, retention
from sync_server.store.duplicate_tables import duplicate_pairs
from sync_server.store.engine import Store, open_store
from sync_server.store.field_tables import field_homes, field_months, patrol_lines, visit_lines
from sync_server.store.import_tables import import_rows
from sync_server.store.migrate import differences, migrate, step
from sync_server.store.tables import aliases, audit, changes, districts, records, users
from tests.sync_server.world import NOON

OLD = Path(__file__).parent / "old"


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path) -> Iterator[Store]:
    address = f"sqlite:///{tmp_path / 'centre.db'}"
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    opened = open_store(address)
    yield opened
    opened.close()


def test_the_steps_make_exactly_todays_tables(store):
    migrate(store)
    with store.reading() as connection:
        assert differences(connection) == []


def test_migrating_twice_changes_nothing(store):
    migrate(store)
    with store.reading() as connection:
        first = step(connection)
    migrate(store)
    with store.reading() as connection:
        assert step(connection) == first


def test_a_database_of_a_newer_program_is_refused(store):
    migrate(store)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Refusal, match="database_newer"):
        migrate(store)


def test_a_step_that_fails_leaves_the_database_as_it_was(store, monkeypatch):
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(ZeroDivisionError):
        migrate(store)
    with store.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []


@pytest.mark.parametrize("saved", sorted(OLD.glob("*.sql")), ids=lambda path: path.stem)
def test_an_old_database_keeps_opening(saved, tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'old.db'}")
    with store.writing() as connection:
        raw = connection.connection.driver_connection
        for statement in saved.read_text(encoding="utf-8").split(";\n"):
            raw.execute(statement)
    migrate(store)
    with store.reading() as connection:
        assert differences(connection) == []
        assert connection.execute(sa.select(districts.c.district)).scalar() == "990101"
        record = connection.execute(sa.select(records)).one()
        assert record.fields["name"] == "林示例"
        assert connection.scalar(sa.select(sa.func.count()).select_from(changes)) == 2
    store.close()


def test_birth_months_leave_the_reasons_that_are_kept(store):
    migrate(store, "0011")
    pair = {"district": "990101", "first_id": "a", "second_id": "b", "kind": "resident",
            "first_area": "990101", "second_area": "990101", "score": 70, "found_at": NOON,
            "state": "open"}  # fmt: skip
    near = {"code": "birth_near", "bits": 2.5, "facts": {"one": "1951-04", "other": "1951-05"}}
    alike = {"code": "name_one_char", "bits": 6.5, "facts": {"likeness": "0.67"}}
    row = {"district": "990101", "import_id": "i", "row": 1, "place": 0, "outcome": "likely"}
    likely = [{"record_id": "a", "version": 1, "score": 0.7, "reason": [
        "姓名同音 0.97，出生年月相近（1951-04、1951-05），性别相同",
        "name sounds the same 0.97, birth months close (1951-04, 1951-05), same sex"]}]  # fmt: skip
    with store.writing() as connection:
        connection.execute(sa.insert(duplicate_pairs), {**pair, "reasons": [near, alike]})
        connection.execute(sa.insert(import_rows), {**row, "likely": likely})
    migrate(store)
    with store.reading() as connection:
        reasons = connection.scalar(sa.select(duplicate_pairs.c.reasons))
        told = connection.scalar(sa.select(import_rows.c.likely))
    assert reasons == [{**near, "facts": {}}, alike]
    assert told == [{**likely[0], "reason": [
        "姓名同音 0.97，出生年月相近，性别相同",
        "name sounds the same 0.97, birth months close, same sex"]}]  # fmt: skip


def test_accounts_of_an_older_database_have_ended_no_session(store):
    migrate(store, "0015")
    old = {"district": "990101", "user_id": "u", "no": "s1", "name": "李演示", "kind": "staff",
           "role": "community", "scope_codes": ["990101100009"], "active": True, "demo": False,
           "failed_sign_ins": 0, "session_mark": "m", "created_at": NOON}  # fmt: skip
    with store.writing() as connection:
        connection.execute(sa.insert(users), old)
    migrate(store)
    with store.reading() as connection:
        row = connection.execute(sa.select(users)).one()
        assert (row.no, row.session_mark, row.ended_sessions) == ("s1", "m", {})
        known = accounts.user_of_session(connection, "990101", "u", "m", "s")
        assert known is not None
        assert known.no == "s1"


def test_accounts_of_an_older_database_sign_in_by_password_alone_and_its_audit_is_linked(store):
    migrate(store, "0020")
    old = {"district": "990101", "user_id": "u", "no": "s1", "name": "李演示", "kind": "staff",
           "role": "community", "scope_codes": ["990101100009"], "active": True, "demo": False,
           "failed_sign_ins": 0, "session_mark": "m", "created_at": NOON}  # fmt: skip
    said = {"district": "990101", "at": NOON, "user_id": "u", "action": "unmask", "target": "r",
            "detail": {"reason": "核对"}}  # fmt: skip
    district = {"district": "990101", "name": "区县", "server_epoch": "e", "change_no": 0,
                "version_floor": 0, "synthetic": False, "settings": {}}  # fmt: skip
    with store.writing() as connection:
        connection.execute(sa.insert(districts), district)
        connection.execute(sa.insert(users), old)
        connection.execute(sa.insert(audit), [{**said, "audit_id": one} for one in "abc"])
    migrate(store)
    assert audit_chain.extend(store, "990101") == 3
    with store.reading() as connection:
        assert audit_chain.verify(connection, "990101") == []
        user = accounts.user_by_no(connection, "990101", "s1")
        assert not user.second_factor
        assert not second_factor.due(connection, user)
        assert second_factor.standing(connection, user).since is None


def test_a_database_from_before_privacy_requests_takes_them(store):
    migrate(store, "0018")
    with store.writing() as connection:
        assert "privacy_requests" not in sa.inspect(connection).get_table_names()
    migrate(store)
    asked = {"district": "990101", "request_id": "r", "no": "990101-2026-GX0001", "version": 1,
             "area": "990101100009003", "person_name": "林示例", "asked": "correct", "words": "",
             "asker": "self", "asker_name": "", "phone": "", "checked": "card", "road": "desk",
             "received_on": NOON.date(), "due_on": NOON.date(), "state": "open", "answer": "",
             "wanted": {"field": "phone"}, "entered_by": "u", "entered_at": NOON}  # fmt: skip
    with store.writing() as connection:
        privacy.add(connection, asked)
        privacy.change(connection, "990101", "r", {"state": "refused"})
    with store.reading() as connection:
        row = privacy.get(connection, "990101", "r")
        assert (row["version"], row["state"], row["wanted"]) == (2, "refused", {"field": "phone"})
        assert row["entered_at"] == NOON
    again = {**asked, "request_id": "s"}
    with pytest.raises(sa.exc.IntegrityError), store.writing() as connection:
        privacy.add(connection, again)


def test_when_work_of_an_older_database_came_is_worked_out_from_its_times(store):
    migrate(store, "0020")
    day = {"district": "990101", "base_grid": "990101100009003", "day": NOON.date(), "at": NOON,
           "late": False}  # fmt: skip
    visit = {"result": "met", "met": True, "by_phone": False}
    after = timedelta(hours=24)
    moments = {"in time": after, "late": after + timedelta(microseconds=1), "centre": 2 * after}
    numbers = count(1)
    with store.writing() as connection:
        for one, passed in moments.items():
            row = {**day, "received_at": NOON + passed}
            connection.execute(sa.insert(patrol_lines), {**row, "patrol_id": one, "slot": "1"})
            connection.execute(sa.insert(visit_lines), {**row, "visit_id": f"v {one}", **visit})
            for name in (one, f"v {one}"):
                connection.execute(sa.insert(records), {
                    "district": "990101", "record_id": name, "kind": "visit", "schema": 1,
                    "grid": "990101100009003", "fields": {}, "origins": {}, "version": 1,
                    "change_no": next(numbers),
                    "voided": False, "author": "u", "made_at": "", "happened_at": NOON,
                    "received_at": NOON + passed, "last_author": "u", "last_made_at": "",
                    "search_text": "", "device_id": None if one == "centre" else "d",
                })  # fmt: skip
    migrate(store)
    with store.reading() as connection:
        assert differences(connection) == []
        for table, key in ((patrol_lines, "patrol_id"), (visit_lines, "visit_id")):
            found = connection.execute(sa.select(table.c[key], table.c.came_late))
            told = {one.removeprefix("v "): late for one, late in found}
            assert told == {"in time": False, "late": True, "centre": None}


def test_sums_of_an_older_database_are_noted_to_be_worked_out(store):
    migrate(store, "0024")
    day = {"district": "990101", "base_grid": "990101100009003", "at": NOON, "late": False,
           "received_at": NOON}  # fmt: skip
    district = {"district": "990101", "name": "示例区", "server_epoch": "e", "change_no": 9,
                "settings": {}, "synthetic": True, "created_at": NOON}  # fmt: skip
    with store.writing() as connection:
        connection.execute(sa.insert(districts), district)
        for number, when in enumerate((date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 30))):
            row = {**day, "day": when, "patrol_id": f"p{number}", "slot": "1"}
            connection.execute(sa.insert(patrol_lines), row)
        visit = {"result": "met", "met": True, "by_phone": False, "visit_id": "v",
                 "household_id": "home"}  # fmt: skip
        connection.execute(sa.insert(visit_lines), {**day, "day": date(2026, 9, 2), **visit})
        for number, (name, parent, into) in enumerate((
            ("room", None, None), ("empty room", None, None), ("home", "room", None),
            ("no home", "empty room", None), ("gone", "room", "left"), ("left", "room", None),
        ), 1):  # fmt: skip
            connection.execute(sa.insert(records), {
                "district": "990101", "record_id": name, "schema": 1, "parent_id": parent,
                "kind": "household" if parent else "room", "merged_into": into,
                "grid": "990101100009003", "origins": {}, "version": 1, "change_no": number,
                "fields": {"state": "vacant" if name == "empty room" else "owner"},
                "voided": False, "author": "u", "made_at": "", "happened_at": NOON,
                "received_at": NOON, "last_author": "u", "last_made_at": "", "search_text": "",
            })  # fmt: skip
        merged = {"district": "990101", "record_id": "gone", "survivor_id": "left"}
        connection.execute(sa.insert(aliases), {**merged, "made_at": NOON})
    migrate(store)
    with store.reading() as connection:
        assert differences(connection) == []
        months = sa.select(field_months.c.base_grid, field_months.c.month, field_months.c.stale)
        assert sorted(map(tuple, connection.execute(months))) == [
            ("990101100009003", date(2026, 8, 1), True),
            ("990101100009003", date(2026, 9, 1), True),
        ]
        c, here = field_homes.c, "990101100009003"
        homes = sa.select(c.household_id, c.grid, c.met_on, c.stale).order_by(c.household_id)
        assert connection.execute(homes).all() == [
            ("gone", None, None, True), ("home", here, date(2026, 9, 2), False),
            ("left", here, None, True), ("no home", None, None, False),
        ]  # fmt: skip
    assert add_months_up(store, "990101", NOON + timedelta(days=40)) == 2
    with store.reading() as connection:
        rows = connection.execute(sa.select(field_months).order_by(field_months.c.month)).all()
        assert [(row.patrols, row.visits, row.patrolled_1) for row in rows] == [
            (1, 0, 1 << 31), (2, 1, (1 << 1) + (1 << 30)),
        ]  # fmt: skip


def test_search_texts_of_an_older_database_are_redone(store):
    migrate(store, "0025")
    old = {"district": "990101", "record_id": "r", "kind": "resident", "schema": 1,
           "grid": "990101100009003", "fields": {"name": "𠮷靖"}, "origins": {}, "version": 1,
           "change_no": 1, "voided": False, "author": "u", "made_at": "", "happened_at": NOON,
           "received_at": NOON, "last_author": "u", "last_made_at": "",
           "search_text": "𠮷靖 𠮷jing 𠮷j"}  # fmt: skip
    with store.writing() as connection:
        connection.execute(
            sa.insert(districts),
            {"district": "990101", "name": "n", "server_epoch": "e", "change_no": 1,
             "synthetic": False, "settings": {}},
        )  # fmt: skip
        connection.execute(sa.insert(records), old)
    migrate(store)
    assert redo_texts(store, "990101", NOON) == 1
    with store.reading() as connection:
        assert "jijing" in str(connection.scalar(sa.select(records.c.search_text)))


def test_a_database_from_before_retention_has_emptied_nothing(store):
    migrate(store, "0020")
    old = {"district": "990101", "change_id": "c", "kind": "household", "schema": 1,
           "record_id": "r", "action": "create", "made_at": "2026-09-30T12:00:00+08:00",
           "author": "u", "fields": {"size": 3}, "received_at": NOON, "doubtful": False,
           "happened_at": NOON, "outcome": "applied", "version": 1}  # fmt: skip
    with store.writing() as connection:
        assert "retention_runs" not in sa.inspect(connection).get_table_names()
        connection.execute(sa.insert(changes), old)
    migrate(store)
    run = {"district": "990101", "run_id": "n", "name": "people", "years": 3, "before": NOON,
           "state": "proposed", "proposed_by": "u", "proposed_at": NOON,
           "counts": {"persons": 1}}  # fmt: skip
    row = {"district": "990101", "run_id": "n", "record_id": "r", "kind": "resident",
           "grid": "990101100009003", "root_id": "r", "state": "listed"}  # fmt: skip
    with store.writing() as connection:
        one = connection.execute(sa.select(changes)).one()
        assert (one.fields, one.emptied) == ({"size": 3}, None)
        assert retention.periods_of(connection, "990101") == {}
        retention.add_run(connection, run, [row])
    with store.reading() as connection:
        assert retention.counts(connection, "990101", "n") == {("listed", "resident"): 1}
        assert retention.next_roots(connection, "990101", "n", 5) == ["r"]


def test_records_of_an_old_database_are_compared_at_the_first_look(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'old.db'}")
    with store.writing() as connection:
        raw = connection.connection.driver_connection
        for statement in (OLD / "0006.sql").read_text(encoding="utf-8").split(";\n"):
            raw.execute(statement)
    migrate(store)
    with store.reading() as connection:
        record = connection.execute(sa.select(records)).one()
    search_duplicates(store, "990101", NOON)
    with store.reading() as connection:
        found = likely_same(connection, "990101", record.kind, record.fields, grid=record.grid)
    assert [one.record_id for one in found] == [record.record_id]
    store.close()
