"""The account of a device: it adds up to what the device delivered, on both databases."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa

from schemas.exchange import ACCOUNTED
from schemas.seal import ZEROS, canonical, seal
from sync_server.services.account import account_of, read_told
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store.tables import changes, devices, photo_files
from tests.sync_server.world import DISTRICT, Laptop, add_worker, household, join, outcomes


@pytest.fixture
def laptop(any_centre: Centre) -> Laptop:
    return join(any_centre, add_worker(any_centre))


def account(laptop: Laptop):
    with laptop.centre.store.reading() as connection:
        return account_of(connection, DISTRICT, laptop.device_id).as_json()


def summed(part):
    return {name: part[name] for name in ACCOUNTED if part[name]}


def photo(laptop, sha256):
    fields = {"owner_type": "issue", "owner_id": new_id(), "use": "after", "sha256": sha256,
              "bytes": 1000}  # fmt: skip
    return laptop.write("photo", "create", fields)


def test_a_device_that_brought_nothing_has_an_empty_account(laptop):
    assert account(laptop) == {
        "known": [],
        "counts": dict.fromkeys(ACCOUNTED, 0),
        "by_day": [],
        "streams": [],
        "photos": {"expected": 0, "present": 0, "missing": []},
    }


def test_changes_count_by_outcome_day_and_stream(laptop):
    laptop.write("household", "create", household())
    laptop.write("household", "create", {})
    laptop.write("household", "update", {"size": 4}, made_at="2026-09-29T23:59:00+08:00")
    laptop.send()
    found = account(laptop)
    assert summed(found["counts"]) == {"applied": 1, "quarantined": 1, "held": 1}
    assert [(one["day"], summed(one)) for one in found["by_day"]] == [
        ("2026-09-29", {"held": 1}),
        ("2026-09-30", {"applied": 1, "quarantined": 1}),
    ]
    assert found["known"] == [{"stream": laptop.stream, "seq": 3, "hash": laptop.log[-1]["hash"]}]
    assert found["streams"][0] == {"stream": laptop.stream} | found["counts"]


def test_a_place_sealed_again_counts_in_its_stream_but_not_twice(laptop):
    made = laptop.write("household", "create", household())
    laptop.send()
    first, laptop.stream, laptop.log, laptop.acked = laptop.stream, new_id(), [], 0
    laptop.log.append(seal({k: v for k, v in made.items() if k != "hash"}, 1, ZEROS))
    assert outcomes(laptop.send()) == ["duplicate"]
    found = account(laptop)
    assert summed(found["counts"]) == {"applied": 1}
    by_stream = {one["stream"]: summed(one) for one in found["streams"]}
    assert by_stream == {first: {"applied": 1}, laptop.stream: {"applied": 1}}


def test_what_another_device_brought_first_counts_where_it_was_sealed_again(laptop):
    made = laptop.write("household", "create", household())
    laptop.send()
    centre = laptop.centre
    other = join(centre, _worker(centre, laptop), key="cd" * 32)
    other.log.append(seal({k: v for k, v in made.items() if k != "hash"}, 1, ZEROS))
    other.send()
    assert summed(account(other)["counts"]) == {"applied": 1}
    assert summed(account(laptop)["counts"]) == {"applied": 1}


def _worker(centre, laptop):
    from sync_server.services.accounts import get_user

    with centre.store.reading() as connection:
        return get_user(connection, DISTRICT, laptop.worker_id)


def test_photos_are_expected_present_or_missing(laptop):
    come, missing, void = "aa" * 32, "bb" * 32, "cc" * 32
    for sha256 in (come, come, missing):
        photo(laptop, sha256)
    gone = photo(laptop, void)
    laptop.write("photo", "void", {"reason": "拍错了"}, gone["record_id"])
    assert set(outcomes(laptop.send())) == {"applied"}
    row = {"district": DISTRICT, "device_id": laptop.device_id, "sha256": come, "bytes": 1000,
           "media_type": "image/jpeg", "received_at": laptop.centre.clock()}  # fmt: skip
    with laptop.centre.store.writing() as connection:
        connection.execute(sa.insert(photo_files), row)
    assert account(laptop)["photos"] == {"expected": 2, "present": 1, "missing": [missing]}


def test_what_a_laptop_says_of_its_log_is_kept(laptop):
    told = {"at": "2026-09-30T12:00:00+08:00", "made": 7, "unsent": 2, "differences": 0}
    for word, kept in ((told | {"more": "…"}, told), ({"made": "many"}, told), (None, told)):
        laptop.send(laptop.body([], account=word))
        with laptop.centre.store.reading() as connection:
            row = connection.execute(sa.select(devices.c.account)).scalar_one()
        assert row == kept


@pytest.mark.parametrize(
    "told",
    [None, [], "x", {}, {"made": 1, "unsent": 1}, {"made": -1, "unsent": 0, "differences": 0},
     {"made": True, "unsent": 0, "differences": 0}, {"made": 2**60, "unsent": 0, "differences": 0}],
)  # fmt: skip
def test_a_word_that_is_no_account_is_left_out(told):
    assert read_told(told) is None


def test_an_odd_time_is_left_out_of_a_word():
    told = {"at": "x" * 99, "made": 0, "unsent": 0, "differences": 0}
    assert read_told(told) == told | {"at": None}


# A change the centre failed at three times ------------------------------------------------------


def aside(change, **more):
    text = canonical({k: v for k, v in change.items() if k != "hash"}).decode()
    place = {name: change[name] for name in ("seq", "change_id", "prev", "hash")}
    return place | {"quarantine_me": text} | more


def test_a_change_sent_as_text_is_kept_whole_and_the_chain_goes_on(laptop):
    poison = laptop.write("household", "create", household())
    after = laptop.write("household", "create", household())
    answer = laptop.send(laptop.body([aside(poison), after]))
    assert outcomes(answer) == ["quarantined", "applied"]
    assert answer["receipts"][0]["problem"][0]["code"] == "unreadable_at_centre"
    assert answer["known"][0]["seq"] == 2
    with laptop.centre.store.reading() as connection:
        row = connection.execute(sa.select(changes).where(changes.c.seq == 1)).mappings().one()
    assert row["fields"] == {"text": aside(poison)["quarantine_me"]}
    assert (row["kind"], row["record_id"]) == ("household", poison["record_id"])
    assert (row["made_at"], row["hash"]) == (poison["made_at"], poison["hash"])


def test_text_sent_twice_or_as_itself_afterwards_counts_once(laptop):
    poison = laptop.write("household", "create", household())
    laptop.send(laptop.body([aside(poison)]))
    laptop.acked = 0
    assert outcomes(laptop.send(laptop.body([aside(poison)]))) == ["duplicate"]
    laptop.acked = 0
    answer = laptop.send(laptop.body([poison]))
    assert answer["receipts"][0]["first"]["outcome"] == "quarantined"
    assert sum(account(laptop)["counts"].values()) == 1


def test_counts_of_a_mixed_log_add_up_to_what_was_made(laptop):
    made = [laptop.write("household", "create", household(size=size)) for size in range(1, 6)]
    laptop.write("household", "update", {"size": 9}, made[0]["record_id"])
    laptop.write("household", "update", {"size": 9}, made[0]["record_id"])
    answer = laptop.send()
    assert Counter(outcomes(answer)) == {"applied": 6, "unchanged": 1}
    assert sum(account(laptop)["counts"].values()) == len(laptop.log)
