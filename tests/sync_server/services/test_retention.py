"""Retention runs: what has ended is emptied and nothing else changes; accounts, hashes and figures
stay as they were; what is open or was changed lately is never taken."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.seal import ZEROS, seal
from sync_server.domain.errors import Refusal
from sync_server.services import emptying, retention
from sync_server.services.account import account_of
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.record_page import open_record
from sync_server.store import duplicate_tables, privacy
from sync_server.store.retention_tables import retention_records
from sync_server.store.tables import conflicts
from tests.sync_server.retention_place import (
    BIRTH,
    CONTACT,
    ID_NO,
    NAME,
    NEEDS,
    NEXT_PHONE,
    PHONE,
    SECRETS,
    WHY,
    YEARS,
    Place,
    everything,
)
from tests.sync_server.world import (
    DISTRICT,
    GRID,
    StillClock,
    issue,
    join,
    outcomes,
)


@pytest.fixture
def place(any_centre: Centre, clock: StillClock) -> Place:
    """The place, on each database."""
    return Place(any_centre, clock)


@pytest.fixture
def plain(centre: Centre, clock: StillClock) -> Place:
    """The place, on one database, for what none of them decides."""
    return Place(centre, clock)


# What is emptied, and what stays ------------------------------------------------------------------


def test_nothing_personal_is_left_and_nothing_else_changes(place: Place) -> None:
    laptop = place.laptop
    one, care = place.gone()
    other, other_care = place.person(
        name="林示例", birth="1970-02", id_no=None, phone="10000008888"
    )
    laptop.write("issue", "create", issue())
    laptop.send()
    place.years_pass()
    figures, before = place.figures(), place.content()
    kept_account = account(place)
    assert all(secret in everything(before) for secret in SECRETS)
    run_id = place.run()
    after = place.content()
    told = everything({name: rows for name, rows in after.items() if name != "import_rows"})
    for secret in (NAME, BIRTH, ID_NO, PHONE, NEXT_PHONE, WHY, "ouyang"):
        assert secret not in told, secret
    assert place.state(run_id) == "done"
    # The other one has the same needs and contact, and keeps them: only rows of the first changed.
    assert told.count(NEEDS) == told.count(CONTACT) == 2
    changed = {
        name: {
            key for key in rows.keys() | after[name].keys() if rows.get(key) != after[name].get(key)
        }
        for name, rows in before.items()
    }
    assert {name for name, keys in changed.items() if keys} == {
        "audit", "changes", "districts", "history_marks", "records", "retention_periods",
        "retention_records", "retention_runs",
    }  # fmt: skip
    for key in changed["changes"]:
        row, old = after["changes"][key], before["changes"].get(key)
        assert row["record_id"] in (one, care)
        if old is None:
            assert row["action"] in ("empty", "void")
            assert row["fields"] in ({}, {"reason": emptying.REASON})
        else:
            differ = {name for name in old if old[name] != row[name]}
            assert differ == {"fields", "emptied"}
            assert row["fields"] == {}
    for key in changed["records"]:
        row, old = after["records"][key], before["records"][key]
        assert row["record_id"] in (one, care)
        assert row["voided"]
        assert row["version"] > old["version"]
        assert row["fields"].items() <= old["fields"].items()
    fields = place.record(one)["fields"]
    assert fields["sex"] == "1"
    assert fields["household_id"] == place.home
    assert place.record(other)["fields"]["name"] == "林示例"
    assert place.record(other_care)["fields"]["needs"] == NEEDS
    assert place.figures() == figures
    assert account(place) == kept_account


def account(place: Place) -> Any:
    with place.centre.store.reading() as connection:
        return account_of(connection, DISTRICT, place.laptop.device_id)


def test_laptops_get_the_record_without_what_was_personal_in_it(place: Place) -> None:
    one, care = place.gone()
    assert place.laptop.records[one]["fields"]["name"] == NAME
    place.years_pass()
    place.run()
    place.laptop.send()
    for record_id in (one, care):
        update = place.laptop.records[record_id]
        assert update["voided"]
        assert not any(secret in json.dumps(update, ensure_ascii=False) for secret in SECRETS)
    again = join(place.centre, place.worker, key="cd" * 32)
    again.send()
    assert not any(secret in json.dumps(again.records, ensure_ascii=False) for secret in SECRETS)


def test_what_was_emptied_is_known_when_it_comes_again(place: Place) -> None:
    laptop = place.laptop
    one, care = place.gone()
    place.years_pass()
    place.run()
    before = len(place.log_of(one, care))
    answer = laptop.send(laptop.body(laptop.log))
    assert set(outcomes(answer)) == {"duplicate"}
    assert [row["first"]["outcome"] for row in answer["receipts"]] == ["applied"] * len(laptop.log)
    # Sealed anew in another stream, as after a fork or from a relay file: the same changes.
    anew, prev = [], ZEROS
    for number, change in enumerate(laptop.log, 1):
        sealed = {name: value for name, value in change.items() if name != "hash"}
        anew.append(seal(sealed, number, prev))
        prev = anew[-1]["hash"]
    stream = new_id()
    body = laptop.body(anew) | {"stream": stream}
    head = {"stream": stream, "acked_seq": 0, "acked_hash": ZEROS, "last_seq": len(anew)}
    answer = laptop.send(body | {"heads": [head]})
    assert set(outcomes(answer)) == {"duplicate"}
    assert len(place.log_of(one, care)) == before
    # Other content under the same id is another change still, kept whole for staff.
    [first] = [change for change in laptop.log if change["record_id"] == one][:1]
    other = {name: value for name, value in first.items() if name != "hash"}
    forged = seal(other | {"fields": {**first["fields"], "name": "他人"}}, len(anew) + 1, prev)
    head = {"stream": stream, "acked_seq": len(anew), "acked_hash": prev, "last_seq": len(anew) + 1}
    answer = laptop.send(laptop.body([forged]) | {"stream": stream, "heads": [head]})
    assert outcomes(answer) == ["quarantined"]


def test_somebody_who_moved_out_is_void_and_emptied(place: Place) -> None:
    one, care = place.person(moved_out_at="2026-09-20", move_reason=WHY)
    stays, _ = place.person(name="林示例", id_no=None)
    place.laptop.send()
    place.years_pass()
    figures = place.figures()
    place.run()
    for record_id in (one, care):
        row = place.record(record_id)
        assert row["voided"]
        assert not any(secret in json.dumps(dict(row), ensure_ascii=False, default=str)
                       for secret in SECRETS)  # fmt: skip
    assert not place.record(stays)["voided"]
    assert place.figures() == figures


def test_the_history_says_that_it_was_emptied(plain: Place) -> None:
    one, _ = plain.gone()
    plain.years_pass()
    plain.run()
    with plain.centre.store.reading() as connection:
        page = open_record(connection, plain.admin, "resident", one, "zh")
    entries = page.history.entries
    assert entries[0].row["action"] == "empty"
    assert entries[0].author == "职员district"
    assert [bool(entry.row["emptied"]) for entry in entries] == [False, True, True, True]
    assert not any(entry.deltas for entry in entries)


# What is never taken ------------------------------------------------------------------------------


def test_what_was_changed_lately_is_not_taken(plain: Place) -> None:
    plain.gone()
    plain.years_pass(YEARS - 1)
    with pytest.raises(Refusal, match="retention_nothing"):
        plain.propose()


def test_a_class_without_a_period_is_never_emptied(plain: Place) -> None:
    plain.gone()
    plain.years_pass(30)
    with pytest.raises(Refusal, match="retention_no_period"):
        retention.propose(plain.centre.store, plain.admin, "people", new_id(), plain.clock())
    assert emptying.empty_some(plain.centre, plain.clock()) == 0


def keep_by_conflict(place: Place, one: str) -> None:
    row = {
        "district": DISTRICT, "conflict_id": new_id(), "record_id": one, "path": "phone",
        "change_id": new_id(), "author": place.worker.user_id, "happened_at": place.clock(),
        "opened_at": place.clock(), "automatic": False,
    }  # fmt: skip
    with place.centre.store.writing() as connection:
        connection.execute(sa.insert(conflicts), row)


def keep_by_request(place: Place, one: str) -> None:
    day = place.clock().date()
    row = {
        "district": DISTRICT, "request_id": new_id(), "no": "990101-2026-GX0001", "version": 1,
        "area": GRID, "record_id": one, "person_name": "", "asked": "access", "words": "",
        "asker": "self", "asker_name": "", "phone": "", "checked": "card", "road": "desk",
        "received_on": day, "due_on": day, "state": "open", "answer": "",
        "entered_by": place.admin.user_id, "entered_at": place.clock(),
    }  # fmt: skip
    with place.centre.store.writing() as connection:
        privacy.add(connection, row)


def keep_by_pair(place: Place, one: str) -> None:
    first, second = sorted((one, new_id()))
    row = {
        "district": DISTRICT, "first_id": first, "second_id": second, "kind": "resident",
        "first_area": GRID, "second_area": GRID, "score": 90, "reasons": [],
        "found_at": place.clock(), "state": "open",
    }  # fmt: skip
    with place.centre.store.writing() as connection:
        connection.execute(sa.insert(duplicate_tables.duplicate_pairs), row)


def keep_by_issue(place: Place, one: str) -> None:
    place.laptop.write("issue", "create", issue(source="visit", source_id=one))
    place.laptop.send()


def keep_by_change(place: Place, one: str) -> None:
    base = place.laptop.version(one)
    place.laptop.write("resident", "update", {"phone": "10000009999"}, one, base_version=base)
    assert outcomes(place.laptop.send()) == ["quarantined"]  # void: it waits for staff


@pytest.mark.parametrize(
    "hold", [keep_by_conflict, keep_by_request, keep_by_pair, keep_by_issue, keep_by_change],
    ids=lambda hold: hold.__name__,
)  # fmt: skip
@pytest.mark.parametrize("when", ["before it is proposed", "after it was confirmed"])
def test_what_is_open_is_not_taken(plain: Place, hold: Any, when: str) -> None:
    one, care = plain.gone()
    other, _ = plain.gone(name="林示例", id_no=None)
    plain.years_pass()
    if when == "before it is proposed":
        hold(plain, one)
        run_id = plain.propose()
    else:
        run_id = plain.propose()
        hold(plain, one)
    before = [plain.record(record_id) for record_id in (one, care)]
    retention.confirm(plain.centre.store, plain.district, run_id, plain.clock())
    emptying.empty_some(plain.centre, plain.clock())
    assert [plain.record(record_id) for record_id in (one, care)] == before
    assert "name" not in plain.record(other)["fields"]
    assert plain.state(run_id) == "done"


# Runs ---------------------------------------------------------------------------------------------


def test_a_run_that_was_cut_short_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [place.gone(id_no=None)[0] for _ in range(4)]
    place.years_pass()
    run_id = place.propose()
    retention.confirm(place.centre.store, place.district, run_id, place.clock())
    monkeypatch.setattr(emptying, "AT_ONCE", 2)
    real, done = emptying._empty, []

    def fails_at_the_fourth(*said: Any) -> None:
        real(*said)
        done.append(said)
        if len(done) == 4:
            raise ZeroDivisionError

    monkeypatch.setattr(emptying, "_empty", fails_at_the_fourth)
    with pytest.raises(ZeroDivisionError):
        emptying.empty_some(place.centre, place.clock())
    left = [one for one in people if "name" in place.record(one)["fields"]]
    assert len(left) == 2
    assert place.state(run_id) == "confirmed"
    monkeypatch.undo()
    emptying.empty_some(place.centre, place.clock())
    assert not any("name" in place.record(one)["fields"] for one in people)
    assert place.state(run_id) == "done"
    with place.centre.store.reading() as connection:
        states = set(connection.scalars(sa.select(retention_records.c.state)))
        many = connection.scalar(sa.select(sa.func.count()).select_from(retention_records))
    assert (states, many) == ({"emptied"}, 8)
    with pytest.raises(Refusal, match="retention_nothing"):
        place.propose()


def test_who_proposes_a_run_does_not_confirm_it(plain: Place) -> None:
    one, _ = plain.gone()
    plain.years_pass()
    run_id = plain.propose()
    store, now = plain.centre.store, plain.clock()
    with pytest.raises(Refusal, match="retention_same_person"):
        retention.confirm(store, plain.admin, run_id, now)
    with pytest.raises(Refusal, match="retention_under_way"):
        plain.propose()
    assert emptying.empty_some(plain.centre, now) == 0
    retention.drop(store, plain.district, run_id, now)
    with pytest.raises(Refusal, match="out_of_date"):
        retention.confirm(store, plain.district, run_id, now)
    assert emptying.empty_some(plain.centre, now) == 0
    assert plain.record(one)["fields"]["name"] == NAME


def test_proposing_twice_makes_one_run(plain: Place) -> None:
    plain.gone()
    plain.years_pass()
    run_id = plain.propose()
    said = (plain.centre.store, plain.admin, "people", run_id, plain.clock())
    assert retention.propose(*said) == 1


@pytest.mark.parametrize("years", ["0", "31", "三", "-1", "1.5"])
def test_a_period_is_a_number_of_years(plain: Place, years: str) -> None:
    with pytest.raises(Refusal, match="retention_years"):
        retention.set_period(plain.centre.store, plain.admin, "people", years, plain.clock())


def test_the_29th_of_february_has_a_day_three_years_before() -> None:
    leap = datetime.fromisoformat("2028-02-29T04:00:00+00:00")
    assert retention.begins_before(leap, 3) == leap.replace(year=2025, day=28)
    assert leap - retention.begins_before(leap, 4) == timedelta(days=1461)
