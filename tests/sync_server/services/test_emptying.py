"""What goes along when somebody's records are emptied: conflicts, questions, merged records,
photos, care records alone; and what can no longer be done with them."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import devices, emptying, retention
from sync_server.services.account import account_of
from sync_server.services.central import restore_record
from sync_server.services.centre import Centre
from sync_server.services.decision_records import (
    Asked,
    ask,
    close_corrections,
    open_corrections,
)
from sync_server.services.ids import new_id
from sync_server.services.lost_photos import Watch, look_for_photos
from sync_server.services.merging import Wanted, merge_records, undo_merge
from sync_server.services.photos import keep_photo, photo_store
from sync_server.services.record_page import open_record
from sync_server.store import duplicates, photo_rows, writing
from sync_server.store.tables import changes, conflicts, metadata, records
from tests.pictures import picture
from tests.sync_server.retention_place import (
    BIRTH,
    NAME,
    NEXT_PHONE,
    PHONE,
    WHY,
    YEARS,
    Place,
    everything,
)
from tests.sync_server.world import DISTRICT, GRID, StillClock, outcomes, resident


@pytest.fixture
def place(any_centre: Centre, clock: StillClock) -> Place:
    """The place, on each database."""
    return Place(any_centre, clock)


@pytest.fixture
def plain(centre: Centre, clock: StillClock) -> Place:
    """The place, on one database, for what none of them decides."""
    return Place(centre, clock)


def words_of(place: Place, *tables: str) -> str:
    """Return everything that stands in these tables, all of them when none is named."""
    content = place.content()
    return everything({name: content[name] for name in tables or content})


def test_both_values_of_a_settled_conflict_are_emptied(plain: Place) -> None:
    one, _ = plain.gone()
    row = {
        "district": DISTRICT, "conflict_id": new_id(), "record_id": one, "path": "phone",
        "base": PHONE, "visible": NEXT_PHONE, "other": "10000007733", "change_id": new_id(),
        "author": plain.worker.user_id, "happened_at": plain.clock(), "opened_at": plain.clock(),
        "automatic": False, "decision": "kept", "decided_by": plain.admin.user_id,
        "decided_at": plain.clock(),
    }  # fmt: skip
    with plain.centre.store.writing() as connection:
        connection.execute(sa.insert(conflicts), row)
    plain.years_pass()
    plain.run()
    with plain.centre.store.reading() as connection:
        left = connection.execute(sa.select(conflicts)).mappings().one()
    assert (left["base"], left["visible"], left["other"]) == (None, None, None)
    assert (left["decision"], left["path"]) == ("kept", "phone")
    with plain.centre.store.reading() as connection:
        assert open_record(connection, plain.admin, "resident", one, "zh").history.disputes


def test_what_staff_asked_about_a_person_is_emptied(plain: Place) -> None:
    one, _ = plain.gone()
    made = plain.log_of(one)[0]
    asked = Asked("resident", one, made["change_id"], plain.worker.user_id,
                  f"电话应为{NEXT_PHONE}", {"phone": NEXT_PHONE})  # fmt: skip
    with plain.centre.store.writing() as connection:
        writing.lock_district(connection, DISTRICT)
        said = (connection, DISTRICT, asked, plain.admin.user_id, GRID, plain.clock())
        correction = ask(*said)
    plain.laptop.send()
    plain.years_pass()
    with pytest.raises(Refusal, match="retention_nothing"):
        plain.propose()  # it was never answered
    with plain.centre.store.writing() as connection:
        rows = open_corrections(connection, DISTRICT, [one])
        close_corrections(connection, DISTRICT, rows, plain.admin.user_id, plain.clock())
    plain.years_pass()
    plain.run()
    fields = plain.record(correction)["fields"]
    assert fields.keys().isdisjoint({"marked", "words", "reply"})
    assert fields["target_id"] == one
    assert NEXT_PHONE not in words_of(plain)
    plain.laptop.send()
    assert NEXT_PHONE not in json.dumps(plain.laptop.records)


def test_records_that_were_merged_go_with_their_survivor(place: Place) -> None:
    one, _ = place.person()
    other = place.laptop.write(
        "resident", "create", resident(household_id=place.home, name=NAME, birth=BIRTH)
    )["record_id"]
    place.laptop.send()
    seen = (place.record(other)["version"], place.record(one)["version"])
    wanted = Wanted(other, one, {}, seen, f"都是{NAME}")
    merge_id = merge_records(place.centre.store, place.district, wanted, place.clock())
    place.laptop.send()
    base = place.laptop.version(one)
    place.laptop.write("resident", "void", {"reason": WHY}, one, base_version=base)
    place.laptop.send()
    place.years_pass()
    place.run()
    assert NAME not in words_of(place, *(metadata.tables.keys() - {"audit"}))
    assert place.record(other)["merged_into"] == one
    place.laptop.send()
    assert NAME not in json.dumps(place.laptop.records, ensure_ascii=False)
    with pytest.raises(Refusal, match="retention_emptied"):
        undo_merge(place.centre.store, place.district, merge_id, "不是", place.clock())


def test_what_was_emptied_is_not_made_valid_again(plain: Place) -> None:
    one, _ = plain.gone()
    plain.years_pass()
    plain.run()
    said = (DISTRICT, one, plain.admin.user_id, plain.clock())
    refused = pytest.raises(Refusal, match="retention_emptied")
    with plain.centre.store.writing() as connection, refused:
        restore_record(connection, *said)


def test_files_of_photos_are_removed_unless_another_one_shows_them(plain: Place) -> None:
    one, _ = plain.person()
    own, shared = picture(80, 60), picture(60, 80)
    photos = {
        name: plain.laptop.write("photo", "create", {
            "owner_type": "resident" if owner == one else "household", "owner_id": owner,
            "use": "scene", "taken_at": "2026-09-30T08:15:00+08:00", "bytes": len(content),
            "sha256": sha256(content).hexdigest(),
        })["record_id"]
        for name, owner, content in (
            ("own", one, own), ("shared", one, shared), ("home", plain.home, shared),
        )
    }  # fmt: skip
    plain.laptop.send()
    device = devices.authenticate(plain.centre.store, plain.laptop.token)
    for content in (own, shared):
        digest = sha256(content).hexdigest()
        keep_photo(plain.centre, device, digest, content, plain.clock())
    base = plain.laptop.version(one)
    plain.laptop.write("resident", "void", {"reason": WHY}, one, base_version=base)
    plain.laptop.send()
    plain.years_pass()
    run_id = plain.propose()
    retention.confirm(plain.centre.store, plain.district, run_id, plain.clock())
    files = photo_store(plain.centre)
    emptying.empty_some(plain.centre, plain.clock())
    assert files.photo(sha256(own).hexdigest()) is None
    assert files.photo(sha256(shared).hexdigest()) == shared
    assert plain.record(photos["own"])["voided"]
    assert plain.record(photos["shared"])["voided"]
    assert not plain.record(photos["home"])["voided"]
    # Nobody takes it for lost, nobody is asked for it.
    assert look_for_photos(plain.centre, Watch(), plain.clock()) == 0
    with plain.centre.store.reading() as connection:
        missing = photo_rows.missing(connection, DISTRICT, (DISTRICT,), start=0, size=10)
        account = account_of(connection, DISTRICT, plain.laptop.device_id)
    assert missing[1] == 0
    assert account.photos_missing == ()
    assert plain.state(run_id) == "done"


def test_a_voided_care_record_of_somebody_still_there_goes_alone(plain: Place) -> None:
    one, care = plain.person()
    plain.laptop.send()
    base = plain.laptop.version(care)
    plain.laptop.write("care", "void", {"reason": "不再需要"}, care, base_version=base)
    plain.laptop.send()
    plain.years_pass()
    plain.run()
    assert plain.record(care)["fields"].keys().isdisjoint({"cats", "needs", "contact"})
    assert plain.record(one)["fields"]["name"] == NAME
    assert not plain.record(one)["voided"]


def test_what_was_emptied_is_not_listed_again(plain: Place) -> None:
    plain.gone()
    plain.years_pass()
    plain.run()
    plain.years_pass(2 * YEARS)
    with pytest.raises(Refusal, match="retention_nothing"):
        plain.propose()


def test_what_came_late_and_was_not_taken_is_emptied_by_the_next_run(plain: Place) -> None:
    one, care = plain.gone()
    plain.years_pass()
    plain.run()
    plain.laptop.send()
    late = {
        record_id: plain.laptop.write(
            kind, "update", {field: "晚到的演示"}, record_id,
            base_version=plain.laptop.version(record_id),
        )["change_id"]
        for kind, record_id, field in (("resident", one, "name"), ("care", care, "needs"))
    }  # fmt: skip
    assert outcomes(plain.laptop.send()) == ["quarantined", "quarantined"]
    plain.years_pass()
    with pytest.raises(Refusal, match="retention_nothing"):
        plain.propose()  # staff have not seen to them
    with plain.centre.store.writing() as connection:
        mine = changes.c.change_id.in_(late.values())
        connection.execute(sa.update(changes).where(mine).values(desk="dismissed"))
    plain.run()
    assert "晚到的演示" not in words_of(plain)
    answer = plain.laptop.send(plain.laptop.body(plain.laptop.log))
    assert set(outcomes(answer)) == {"duplicate"}
    plain.years_pass()
    with pytest.raises(Refusal, match="retention_nothing"):
        plain.propose()


def test_care_records_that_two_people_shared_are_emptied_once(plain: Place) -> None:
    """Two care records of two residents were made one, and both residents have ended."""
    (one, care), (other, other_care) = plain.gone(), plain.gone()
    with plain.centre.store.writing() as connection:
        duplicates.put_alias(connection, DISTRICT, other_care, care, plain.clock())
        merged = sa.update(records).where(records.c.record_id == other_care)
        connection.execute(merged.values(merged_into=care))
    plain.years_pass()
    run_id = plain.run()
    assert plain.state(run_id) == "done"
    for record_id in (one, other, care, other_care):
        fields = plain.record(record_id)["fields"]
        assert fields.keys().isdisjoint({"name", "needs", "contact"}), record_id


def test_nothing_of_it_is_left_in_the_file_of_a_database_once_it_is_swept(plain: Place) -> None:
    for _ in range(3):
        plain.gone(id_no=None)
    plain.years_pass()
    plain.run()
    file = plain.centre.store.path
    assert file is not None
    with plain.centre.store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = file.read_bytes()
    assert plain.home.encode() in content
    assert NAME.encode() not in content
    assert NEXT_PHONE.encode() not in content
