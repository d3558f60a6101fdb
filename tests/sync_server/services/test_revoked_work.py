"""Work of a laptop that was revoked by mistake: a stick that came first takes nothing from it."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from schemas.seal import ZEROS, seal
from sync_server.services.account import account_of
from sync_server.services.centre import Centre
from sync_server.services.devices import find_device, revoke_device
from sync_server.services.sync import exchange
from sync_server.store.tables import changes, records, users
from tests.sync_server.services import desks
from tests.sync_server.world import Laptop, add_worker, household, issue, join, outcomes

PLACE = ("seq", "prev", "hash")


@pytest.fixture
def former(any_centre: Centre) -> Laptop:
    """A laptop that has synced, and made five changes since, one of them bad."""
    laptop = join(any_centre, add_worker(any_centre))
    laptop.write("household", "create", household())
    laptop.send()
    laptop.write("household", "update", {"size": 5}, laptop.log[0]["record_id"])
    home = laptop.write("household", "create", household(code="3-1-503"))
    laptop.write("household", "update", {"size": 7}, home["record_id"])
    laptop.write("issue", "create", issue(title=""))
    laptop.write("issue", "create", issue())
    return laptop


def revoke(laptop: Laptop) -> None:
    with laptop.centre.store.writing() as connection:
        revoke_device(
            connection, laptop.centre.code, laptop.device_id, laptop.centre.clock(), by=None
        )


def by_stick(laptop: Laptop) -> dict:
    """Bring what is unsent as a relay file does; the laptop learns nothing of it."""
    with laptop.centre.store.reading() as connection:
        device = find_device(connection, laptop.centre.code, laptop.device_id)
    assert device is not None
    now = laptop.centre.clock()
    answer: dict = json.loads(
        exchange(laptop.centre, device, laptop.body(), now, road="relay").as_json()
    )
    return answer


def joined_again(former: Laptop) -> Laptop:
    """Return the same store after it joined anew: its whole log in a new stream."""
    with former.centre.store.reading() as connection:
        worker = connection.execute(
            sa.select(users).where(users.c.user_id == former.worker_id)
        ).one()
    laptop = join(former.centre, worker, "cd" * 32)
    for change in former.log:
        content = {name: value for name, value in change.items() if name not in PLACE}
        prev = laptop.log[-1]["hash"] if laptop.log else ZEROS
        laptop.log.append(seal(content, len(laptop.log) + 1, prev))
    return laptop


def standing(laptop: Laptop) -> tuple:
    """Return what the centre has: the account, the records, what became of each change."""
    with laptop.centre.store.reading() as connection:
        account = account_of(connection, laptop.centre.code, laptop.device_id)
        what = sa.select(records.c.record_id, records.c.version, records.c.fields)
        found = connection.execute(what.order_by(records.c.record_id)).all()
        became = sa.select(changes.c.change_id, changes.c.outcome, changes.c.version)
        return account.counts, found, connection.execute(became.order_by("change_id")).all()


def first_outcomes(answer: dict) -> list[str]:
    return [one.get("first", one)["outcome"] for one in answer["receipts"]]


EXPECTED = ["applied", "applied", "applied", "applied", "quarantined", "applied"]


def test_work_that_came_by_stick_while_revoked_counts_once_its_writer_joined_again(former):
    revoke(former)
    assert outcomes(by_stick(former)) == ["quarantined"] * 5
    again = joined_again(former)
    answer = again.send()
    assert set(outcomes(answer)) == {"duplicate"}
    assert first_outcomes(answer) == EXPECTED
    assert [one["code"] for one in answer["receipts"][4]["first"]["problem"]] == ["required"]
    counts, found, became = standing(again)
    assert (counts["applied"], counts["quarantined"]) == (5, 1)
    assert {row.fields["size"] for row in found if "size" in row.fields} == {5, 7}
    again.acked = 0
    again.cursor = again.epoch = None
    assert first_outcomes(again.send(again.body())) == EXPECTED
    assert standing(again) == (counts, found, became)


def test_it_comes_to_the_same_when_the_stick_is_late(former):
    revoke(former)
    again = joined_again(former)
    assert first_outcomes(again.send()) == EXPECTED
    before = standing(again)
    assert first_outcomes(by_stick(former)) == EXPECTED[1:]
    assert standing(again) == before
    assert before[0]["applied"] == 5


def test_work_of_a_worker_who_had_left_counts_when_he_is_back(former):
    """The same device and stream: the places are known already."""

    def active(value: bool) -> None:
        with former.centre.store.writing() as connection:
            connection.execute(sa.update(users).values(active=value))

    active(False)
    assert outcomes(by_stick(former)) == ["quarantined"] * 5
    active(True)
    former.write("household", "update", {"size": 9}, former.log[2]["record_id"])
    answer = former.send()
    assert [one["seq"] for one in answer["receipts"]] == [2, 3, 4, 5, 6, 7]
    assert first_outcomes(answer) == [*EXPECTED[1:], "applied"]
    counts, found, _ = standing(former)
    assert (counts["applied"], counts["quarantined"]) == (6, 1)
    assert {row.fields["size"] for row in found if "size" in row.fields} == {5, 9}


def test_what_staff_saw_to_and_what_is_corrected_at_once_stays_refused(former):
    revoke(former)
    by_stick(former)
    home, size = former.log[2], former.log[3]
    with former.centre.store.writing() as connection:
        connection.execute(
            sa.update(changes)
            .where(changes.c.change_id == size["change_id"])
            .values(desk="dismissed")
        )
    again = joined_again(former)
    more = household(code="3-1-504")
    again.write("household", "create", more, home["record_id"], corrects=home["change_id"])
    assert first_outcomes(again.send()) == [
        "applied", "applied", "quarantined", "quarantined", "quarantined", "applied", "applied",
    ]  # fmt: skip


def test_a_change_taken_up_that_waits_or_is_overtaken_has_no_problem_any_more(former):
    bad = former.write("household", "create", household(size=-1))
    more = former.write("household", "update", {"phone": "2"}, bad["record_id"])

    def became() -> tuple:
        row = desks.change(former.centre, more["change_id"])
        return row.outcome, row.problem

    revoke(former)
    by_stick(former)
    again = joined_again(former)
    again.send()
    assert became() == ("held", None)
    right = household(phone="3")
    again.write("household", "create", right, bad["record_id"], corrects=bad["change_id"])
    with former.centre.store.writing() as connection:  # as it was held until now
        mine = changes.c.change_id == more["change_id"]
        connection.execute(
            sa.update(changes).where(mine).values(problem=[{"code": "device_revoked"}])
        )
    again.send()
    assert became() == ("unchanged", None)


def test_another_s_work_is_not_taken_up_by_who_brings_it(former):
    revoke(former)
    by_stick(former)
    other = join(former.centre, add_worker(former.centre, "w2"), "ef" * 32)
    other.log = joined_again(former).log
    answer = other.send()
    assert first_outcomes(answer) == ["applied", *["quarantined"] * 5]
