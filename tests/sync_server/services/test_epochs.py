"""A new epoch: numbers above everything, and a database that went back without a word."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import epochs, floors
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.centre import open_centre
from sync_server.services.epochs import begin_epoch
from sync_server.services.merging import Wanted, merge_records
from sync_server.store.cases import next_numbers
from sync_server.store.tables import audit, districts, history_marks, records
from sync_server.store.writing import Numbers
from tests.sync_server.services.desks import choose, dispute, hire, stored
from tests.sync_server.world import NOON, add_worker, household, join, outcomes


def test_an_epochs_numbers_begin_above_every_earlier_one(centre):
    begun, last = set(), 0
    with centre.store.writing() as connection:
        for above in (0, 0, 10**15 + 300_000):
            begun.add(begin_epoch(connection, centre.code, centre.clock(), above_change_no=above))
            row = connection.execute(sa.select(districts)).one()
            assert row.change_no == row.version_floor
            assert row.change_no % 1_000_000 == 0
            assert row.change_no > max(above, last)
            last = row.change_no
    assert row.change_no == 10**15 + 1_000_000
    assert len(begun) == 3


def test_epochs_of_histories_that_do_not_know_of_each_other_share_no_number(centre):
    floors_begun = []
    for later in (0, 1):
        with centre.store.writing() as connection:
            begin_epoch(connection, centre.code, centre.clock() + timedelta(seconds=later))
            floors_begun.append(connection.scalar(sa.select(districts.c.version_floor)))
            # Then a copy from before takes its place, and the file beside it is an older one too.
            older = {"version_floor": 0, "change_no": 3, "settings": {}}
            connection.execute(sa.update(districts).values(older))
    assert floors_begun[1] - floors_begun[0] == 1_000_000


def test_a_database_put_back_unannounced_begins_a_new_epoch_and_is_refilled(laptop):
    centre = laptop.centre
    first = laptop.write("household", "create", household(size=2))
    before = laptop.send()["server_epoch"]
    with centre.store.writing() as connection:
        # What a copy of yesterday looks like to the laptop that synced today, when others have
        # brought just as much since: the numbers are the same, their commits are not.
        connection.execute(sa.update(history_marks).values(stamp="another"))
    answer = laptop.send(laptop.body([]))
    assert answer["server_epoch"] != before
    assert answer["receipts"] == []
    assert answer["more"]
    with centre.store.reading() as connection:
        assert "epoch_begun" in connection.scalars(sa.select(audit.c.action)).all()
    laptop.write("household", "update", {"size": 3}, first["record_id"], base_version=1)
    assert outcomes(laptop.send()) == ["applied"]
    assert laptop.version(first["record_id"]) > 1_000_000


def test_an_older_copy_in_the_databases_place_is_noticed_when_the_centre_opens(settings, clock):
    first = open_centre(settings, clock)
    with first.store.writing() as connection:
        before = begin_epoch(connection, first.code, clock(), above_change_no=4_200_000)
    floors.remember(settings.data, 10**15)
    with first.store.writing() as connection:  # as a copy from before that epoch says
        older = {"version_floor": 0, "change_no": 3, "settings": {}}
        connection.execute(sa.update(districts).values(older))
    first.store.close()
    again = open_centre(settings, clock)
    try:
        with again.store.reading() as connection:
            row = connection.execute(sa.select(districts)).one()
        assert row.version_floor == 10**15 + 1_000_000
        assert row.server_epoch != before
        assert again.district.server_epoch == row.server_epoch
    finally:
        again.store.close()
    once_more = open_centre(settings, clock)  # all is well: it goes on
    assert once_more.district.server_epoch == row.server_epoch
    once_more.store.close()


def reopened(centre):
    """End the program and start it again on what lies there."""
    centre.store.close()
    return open_centre(centre.settings, centre.clock)


def test_numbers_jump_when_a_program_opens_the_database_and_the_epoch_stays(laptop):
    centre, record_id = laptop.centre, laptop.write("household", "create", household())["record_id"]
    epoch = laptop.send()["server_epoch"]
    told = [1]
    for size in (2, 3):
        laptop.centre = centre = reopened(centre)
        laptop.write("household", "update", {"size": size}, record_id, base_version=told[-1])
        answer = laptop.send()
        assert outcomes(answer) == ["applied"]
        assert answer["server_epoch"] == epoch
        assert laptop.records[record_id]["trail"] == told
        told.append(laptop.version(record_id))
    assert [one % 1_000_000 for one in told] == [1, 2, 3]
    assert told[2] // 1_000_000 > told[1] // 1_000_000 > 0
    with centre.store.reading() as connection:
        numbers = connection.execute(sa.select(districts)).one()
    assert floors.remembered(centre.settings.data) == numbers.version_floor
    centre.store.close()


def begun(centre):
    """Where the numbers of the run begin, and those of all runs that are remembered."""
    with centre.store.reading() as connection:
        row = connection.execute(sa.select(districts)).one()
    return row.version_floor, row.settings["floors"]


def test_numbers_stay_for_who_comes_second(laptop):
    laptop.write("household", "create", household())
    laptop.send()
    first = reopened(laptop.centre)
    above = begun(first)
    second = open_centre(first.settings, first.clock)
    assert begun(second) == above
    for one in (first, second):
        one.store.close()


def test_a_run_that_gave_no_number_out_is_left_and_forgotten(laptop):
    """A copy from when it had just begun may lie here, and its original have gone on."""
    laptop.write("household", "create", household())
    laptop.send()
    first = reopened(laptop.centre)
    floor, known = begun(first)
    assert known == [floor]
    again = reopened(first)
    floor_again, known_again = begun(again)
    assert floor_again > floor
    assert known_again == [floor_again]
    again.store.close()


def test_numbers_of_a_new_database_begin_at_one(centre):
    again = reopened(reopened(centre))
    laptop = join(again, add_worker(again))
    record_id = laptop.write("household", "create", household())["record_id"]
    laptop.send()
    assert laptop.version(record_id) == 1
    again.store.close()


def test_what_was_seen_in_a_lost_history_is_not_taken_for_what_followed_in_the_one_put_back(laptop):
    centre = laptop.centre
    other = join(centre, add_worker(centre, "w9"), key="cd" * 32)
    record_id = laptop.write("household", "create", household())["record_id"]
    laptop.send()
    # And an older copy, on which all this looks the same, takes its place.
    laptop.centre = other.centre = reopened(centre)
    other.write("household", "update", {"phone": "13900001111"}, record_id, base_version=1)
    assert outcomes(other.send()) == ["applied"]
    # In the history that is lost, the second version was another one.
    laptop.write("household", "update", {"phone": "13900002222"}, record_id, base_version=2)
    assert outcomes(laptop.send()) == ["conflict"]
    other.centre.store.close()


def test_what_a_backup_holds_was_seen_by_whoever_looked_at_what_followed_it(laptop):
    """The backup is from before the program was started last: it knows nothing of that run."""
    record_id = laptop.write("household", "create", household(phone="13900001111"))["record_id"]
    laptop.send()
    with laptop.centre.store.reading() as connection:
        backup = dict(connection.execute(sa.select(records)).mappings().one())
        numbers = dict(connection.execute(sa.select(districts)).mappings().one())
    laptop.centre = centre = reopened(laptop.centre)
    other = join(centre, add_worker(centre, "w9"), key="cd" * 32)
    laptop.write("household", "update", {"size": 5}, record_id, base_version=1)
    laptop.send()
    other.send()
    seen = other.records[record_id]
    with centre.store.writing() as connection:  # the backup is restored
        connection.execute(sa.update(records).values(backup))
        connection.execute(sa.update(districts).values(numbers))
        begin_epoch(connection, centre.code, centre.clock(), above_change_no=seen["version"])
    other.epoch = None
    made = other.write(
        "household", "update", {"phone": "13900002222"}, record_id, base_version=seen["version"]
    )
    trails = {made["change_id"]: seen["trail"]}
    assert outcomes(other.send(other.body(cursor=None, trails=trails))) == ["applied"]
    centre.store.close()


def test_a_base_of_a_run_this_history_never_had_says_what_its_trail_says():
    numbers = Numbers(7_000_012, 7_000_000, frozenset({3_000_000, 7_000_000}))
    bases = (0, 5, 3_000_001, 7_000_004, 5_000_001, 9_000_001)
    assert [numbers.believed(base) for base in bases] == [0, 5, 3_000_001, 7_000_004, 0, 0]
    assert numbers.believed(9_000_009, (2, 3_000_005, 8_000_007)) == 3_000_005
    assert numbers.believed(7_000_004, (2, 3_000_003)) == 7_000_004


def test_what_was_last_changed_in_a_forgotten_run_is_edited_decided_and_merged(laptop, monkeypatch):
    """Only so many runs are remembered by the district: a record knows its own for ever."""
    monkeypatch.setattr(epochs, "MOST_FLOORS", 2)
    centre, person = laptop.centre, hire(laptop.centre)
    other = join(centre, add_worker(centre, "w9"), key="cd" * 32)

    def runs(number: int) -> None:
        for _ in range(number):
            laptop.write("household", "create", household())
            laptop.send()
            with centre.store.writing() as connection:
                epochs.begin_run(connection, centre.code, centre.clock())

    runs(2)
    disputed = dispute(
        (laptop, other), "household", household(phone="1"), {"phone": "2"}, {"phone": "3"}
    )
    made = [laptop.write("household", "create", household(phone="1")) for _ in range(4)]
    by_staff, by_laptop, here, there = (one["record_id"] for one in made)
    laptop.send()
    other.send()
    runs(4)
    edit = CentralChange(
        "household", by_staff, "update", {"phone": "2"}, person.user_id,
        base_version=laptop.version(by_staff), by_rule=True,
    )  # fmt: skip
    with centre.store.writing() as connection:
        assert apply_central_change(connection, centre.code, edit, NOON).outcome == "applied"
    other.write(
        "household", "update", {"phone": "2"}, by_laptop, base_version=other.version(by_laptop)
    )
    assert outcomes(other.send()) == ["applied"]
    assert choose(centre, person, disputed, "other") == {}
    assert stored(centre, disputed).fields["phone"] == "3"
    laptop.write("household", "update", {"phone": "4"}, there, base_version=laptop.version(there))
    laptop.send()
    runs(4)
    seen = (stored(centre, there).version, stored(centre, here).version)
    merge_records(centre.store, person, Wanted(there, here, {"phone": "merged"}, seen), NOON)
    assert stored(centre, here).fields["phone"] == "4"


def test_a_decision_that_does_not_reach_its_record_is_not_written_down(laptop):
    centre, person = laptop.centre, hire(laptop.centre)
    record_id = laptop.write("household", "create", household(phone="1"))["record_id"]
    laptop.send()
    laptop.write("household", "update", {"phone": "2"}, record_id, base_version=1)
    laptop.send()
    edit = CentralChange(
        "household", record_id, "update", {"phone": "3"}, person.user_id, base_version=1,
        settles=True,
    )  # fmt: skip
    with pytest.raises(Refusal, match="out_of_date"), centre.store.writing() as connection:
        apply_central_change(connection, centre.code, edit, NOON)
    assert stored(centre, record_id).version == 2


def test_a_new_epoch_gives_out_no_issue_number_that_a_lost_history_may_have_given(centre):
    with centre.store.writing() as connection:
        assert next_numbers(connection, centre.code, 2026, 3) == 1
        begin_epoch(connection, centre.code, centre.clock())
        assert next_numbers(connection, centre.code, 2026, 1) == 1_004
