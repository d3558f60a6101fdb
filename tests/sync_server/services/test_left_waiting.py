"""What waits for a record that staff did not take, or its writer gave up, is over as well."""

from __future__ import annotations

from typing import Any

import pytest

from sync_server.services import refused
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.store import desks_read
from tests.sync_server.services.desks import change, hire, of_kind, release, seen_of, stored
from tests.sync_server.world import Laptop, add_worker, household, issue, join, outcomes


@pytest.fixture
def person(centre: Centre) -> User:
    return hire(centre)


def waiting_pair(laptop: Laptop) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send a create that is refused and an update that waits for it."""
    made = laptop.write("household", "create", household(size=-1))
    update = laptop.write("household", "update", {"remarks": "有犬"}, made["record_id"])
    assert outcomes(laptop.send()) == ["quarantined", "held"]
    return made, update


def dismiss(centre: Centre, person: User, change_id: str, words: str = "重复上报") -> None:
    seen = seen_of(centre, person, change_id)
    refused.dismiss(centre.store, person, change_id, seen, words, centre.clock())


def became(centre: Centre, sent: dict[str, Any]) -> tuple[str, str | None, list[str]]:
    row = change(centre, sent["change_id"])
    return row.outcome, row.desk, [one["code"] for one in row.problem or ()]


NOT_TAKEN = ("quarantined", "dismissed", ["record_not_taken"])


def test_what_waited_for_a_create_that_is_not_taken_is_told_the_same(any_centre: Centre):
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    made, update = waiting_pair(laptop)
    bad = laptop.write("issue", "create", issue(title=""))
    step = laptop.write(
        "issue_step", "step", {"issue_id": bad["record_id"], "action": "note", "text": "补充",
                               "at": "2026-09-30T12:00:00+08:00", "after": [bad["record_id"]]},
        schema=2,
    )  # fmt: skip
    laptop.send()
    dismiss(any_centre, person, made["change_id"])
    assert became(any_centre, update) == NOT_TAKEN
    assert became(any_centre, step)[0] == "held"
    dismiss(any_centre, person, bad["change_id"], "不属实")
    assert became(any_centre, step) == NOT_TAKEN
    answer = laptop.send(laptop.body([], held=[update["change_id"]]))
    [told] = answer["receipts"]
    assert (told["outcome"], told["problem"][0]["code"]) == ("quarantined", "record_not_taken")
    said = {one["fields"]["change_id"]: one["fields"] for one in laptop.records.values()}
    assert said[update["change_id"]]["outcome"] == "dismissed"
    assert said[update["change_id"]]["words"] == "重复上报"
    assert said[step["change_id"]]["words"] == "不属实"


def test_what_comes_after_its_create_was_not_taken_does_not_wait(
    centre: Centre, laptop: Laptop, person: User
):
    made = laptop.write("household", "create", household(size=-1))
    laptop.send()
    dismiss(centre, person, made["change_id"])
    late = laptop.write("household", "update", {"remarks": "有犬"}, made["record_id"])
    [told] = laptop.send()["receipts"]
    assert (told["outcome"], told["problem"][0]["code"]) == ("quarantined", "record_not_taken")
    assert became(centre, late) == NOT_TAKEN


def test_while_a_corrected_create_may_still_make_the_record_it_is_waited_for(
    centre: Centre, laptop: Laptop, person: User
):
    made, update = waiting_pair(laptop)
    again = laptop.write(
        "household", "create", household(size=-2), made["record_id"], corrects=made["change_id"]
    )
    laptop.send()
    assert became(centre, made)[1] == "answered"
    dismiss(centre, person, made["change_id"])
    assert became(centre, update)[0] == "held"
    dismiss(centre, person, again["change_id"])
    assert became(centre, update) == NOT_TAKEN
    form = {name: str(value) for name, value in again["fields"].items()}
    assert release(centre, person, again["change_id"], **form | {"size": "4"}) is None
    assert release(centre, person, update["change_id"]) is None  # staff may think better of it
    assert stored(centre, made["record_id"]).fields["size"] == 4
    assert became(centre, update)[0] == "merged"  # the later create said all there was


def test_what_waited_for_a_create_its_writer_gave_up_when_asked_is_over(
    centre: Centre, laptop: Laptop, person: User
):
    made, update = waiting_pair(laptop)
    seen = seen_of(centre, person, made["change_id"])
    refused.send_back(
        centre.store, person, made["change_id"], seen, "请核对人数", {}, centre.clock()
    )
    laptop.send()
    [asked] = of_kind(centre, "correction")
    answer = {"answer": "withdrawn", "closed": True}
    laptop.write("correction", "update", answer, asked.record_id, base_version=1)
    assert outcomes(laptop.send()) == ["applied"]
    assert became(centre, made)[:2] == ("quarantined", "returned")
    assert became(centre, update) == NOT_TAKEN


def test_what_waits_for_a_record_nobody_has_sent_yet_goes_on_waiting(
    centre: Centre, laptop: Laptop, person: User
):
    update = laptop.write("household", "update", {"size": 4})
    refused_too = laptop.write("household", "update", {"size": -4}, update["record_id"])
    assert outcomes(laptop.send()) == ["held", "quarantined"]
    dismiss(centre, person, refused_too["change_id"])
    assert became(centre, update)[0] == "held"


def test_what_was_left_waiting_by_an_older_program_is_settled_when_its_laptop_asks(
    any_centre: Centre,
):
    laptop = join(any_centre, add_worker(any_centre))
    made, update = waiting_pair(laptop)
    asks = {"held": [update["change_id"]]}
    assert laptop.send(laptop.body([], **asks))["receipts"] == []
    with any_centre.store.writing() as connection:
        desks_read.set_desk(connection, any_centre.code, [made["change_id"]], "dismissed")
    [told] = laptop.send(laptop.body([], **asks))["receipts"]
    assert (told["outcome"], told["problem"][0]["code"]) == ("quarantined", "record_not_taken")
    assert became(any_centre, update) == NOT_TAKEN
