"""A refused create that was corrected offline while staff let it in: nothing bounces, nothing is
replaced unseen."""

from __future__ import annotations

from typing import Any

from sync_server.services import doubtful_times
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from tests.sync_server.services.desks import change, choose, conflict_rows, hire, release, stored
from tests.sync_server.world import (
    NOON,
    Laptop,
    StillClock,
    add_worker,
    household,
    join,
    outcomes,
)


def refused_once(laptop: Laptop, **more: Any) -> dict[str, Any]:
    """Send a household that is refused for one field and return its create."""
    fields = household(phone="1", remarks="a", **more)
    sent = laptop.write("household", "create", fields)
    assert outcomes(laptop.send()) == ["quarantined"]
    return sent


def correct(laptop: Laptop, sent: dict[str, Any], **said: Any) -> list[str]:
    """Send the whole record anew, in the place of the refused one, without what is None."""
    fields = {name: value for name, value in sent["fields"].items() if name != "rocket"} | said
    laptop.write(
        sent["kind"], "create",
        {name: value for name, value in fields.items() if value is not None},
        sent["record_id"], corrects=sent["change_id"],
    )  # fmt: skip
    return outcomes(laptop.send())


def test_a_correction_changes_what_was_let_in_as_it_had_been_sent(any_centre: Centre):
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    sent = refused_once(laptop, rocket=1, size=3)
    assert release(any_centre, person, sent["change_id"]) is None
    assert correct(laptop, sent, phone="2", remarks=None, size=4) == ["applied"]
    fields = stored(any_centre, sent["record_id"]).fields
    assert (fields["phone"], fields["size"]) == ("2", 4)
    assert "remarks" not in fields
    assert conflict_rows(any_centre) == []


def test_what_staff_put_right_themselves_is_not_replaced_unseen(centre: Centre, laptop: Laptop):
    person = hire(centre)
    sent = refused_once(laptop, size=-1)
    form = {name: str(value) for name, value in sent["fields"].items()}
    release(centre, person, sent["change_id"], **form | {"size": "4", "phone": "9"})
    assert correct(laptop, sent, phone="2", remarks="b", size=4) == ["conflict"]
    fields = stored(centre, sent["record_id"]).fields
    assert (fields["phone"], fields["remarks"], fields["size"]) == ("9", "b", 4)
    [row] = conflict_rows(centre)
    assert (row.path, row.visible, row.other) == ("phone", "9", "2")
    assert choose(centre, person, sent["record_id"], "other") == {}
    assert stored(centre, sent["record_id"]).fields["phone"] == "2"


def test_what_staff_put_right_in_a_create_is_not_replaced_unseen_by_an_edit(
    any_centre: Centre,
):
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    sent = refused_once(laptop, rocket=1, size=3)
    made, form = sent["record_id"], {name: str(value) for name, value in sent["fields"].items()}
    release(any_centre, person, sent["change_id"], **form | {"phone": "9"})
    laptop.write("household", "update", {"phone": "2", "remarks": "b"}, made)
    assert outcomes(laptop.send()) == ["conflict"]
    fields = stored(any_centre, made).fields
    assert (fields["phone"], fields["remarks"]) == ("9", "b")
    [row] = conflict_rows(any_centre)
    assert (row.path, row.visible, row.other) == ("phone", "9", "2")


def test_what_staff_put_right_in_an_update_is_not_replaced_unseen_by_the_next(any_centre: Centre):
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    made = laptop.write("household", "create", household(phone="0"))["record_id"]
    laptop.send()
    said = {"phone": "1", "remarks": "a", "rocket": 1}
    sent = laptop.write("household", "update", said, made, base_version=1)
    assert outcomes(laptop.send()) == ["quarantined"]
    release(any_centre, person, sent["change_id"], phone="9", remarks="a")
    laptop.write("household", "update", {"phone": "2", "remarks": "b"}, made, base_version=1)
    assert outcomes(laptop.send()) == ["conflict"]
    fields = stored(any_centre, made).fields
    assert (fields["phone"], fields["remarks"]) == ("9", "b")
    seen = laptop.version(made)  # it has the fix on its screen now
    laptop.write("household", "update", {"phone": "3"}, made, base_version=seen)
    assert outcomes(laptop.send()) == ["applied"]
    assert stored(any_centre, made).fields["phone"] == "3"


def test_a_correction_of_a_correction_reaches_what_was_let_in_first(centre: Centre, laptop: Laptop):
    sent = refused_once(laptop, rocket=1)
    assert release(centre, hire(centre), sent["change_id"]) is None
    assert correct(laptop, sent, size=-1) == ["quarantined"]
    assert correct(laptop, laptop.log[-1], size=5) == ["applied"]
    assert stored(centre, sent["record_id"]).fields["size"] == 5


def test_only_the_writer_s_own_create_of_the_same_record_is_corrected(
    centre: Centre, laptop: Laptop
):
    sent = refused_once(laptop, rocket=1)
    release(centre, hire(centre), sent["change_id"])
    other = join(centre, add_worker(centre, "w2"), key="cd" * 32)
    assert correct(other, sent, size=5) == ["quarantined"]
    assert change(centre, other.log[-1]["change_id"]).problem[0]["code"] == "already_exists"


def test_a_correction_empties_what_its_writer_had_added_and_taken_away_again(
    centre: Centre, laptop: Laptop
):
    sent = refused_once(laptop, rocket=1)
    laptop.write("household", "update", {"centre": True, "kind": "group"}, sent["record_id"])
    assert outcomes(laptop.send()) == ["held"]
    release(centre, hire(centre), sent["change_id"])
    assert stored(centre, sent["record_id"]).fields["centre"] is True
    laptop.write("household", "update", {"head_id": new_id()}, sent["record_id"])
    assert correct(laptop, sent, phone="2") == ["applied", "applied"]  # both in one batch
    fields = stored(centre, sent["record_id"]).fields
    assert (fields["phone"], fields["kind"]) == ("2", sent["fields"]["kind"])
    assert not {"centre", "head_id"} & fields.keys()
    assert conflict_rows(centre) == []


def test_so_it_does_when_the_correction_is_let_in_by_staff_too(centre: Centre, laptop: Laptop):
    person = hire(centre)
    sent = refused_once(laptop, rocket=1)
    release(centre, person, sent["change_id"])
    laptop.write("household", "update", {"centre": True}, sent["record_id"])
    assert correct(laptop, sent, size=-1) == ["applied", "quarantined"]
    assert release(centre, person, laptop.log[-1]["change_id"], size="5") is None
    fields = stored(centre, sent["record_id"]).fields
    assert (fields["size"], "centre" in fields) == (5, False)


def test_so_it_does_with_entries_and_not_with_what_staff_typed_over(centre: Centre, laptop: Laptop):
    person = hire(centre)
    said: dict[str, Any] = {"compound_id": new_id(), "no": "3"}
    sent = laptop.write("building", "create", said | {"rocket": 1})
    laptop.send()
    release(centre, person, sent["change_id"])
    heads = {"add": {"1": {"head": "林"}, "2": {"head": "周"}}}
    laptop.write("building", "update", {"lift": True, "entrance_heads": heads}, sent["record_id"])
    late = laptop.write("building", "update", {"floors": -1}, sent["record_id"])
    assert outcomes(laptop.send()) == ["applied", "quarantined"]
    assert release(centre, person, late["change_id"], floors="6") is None
    kept = {"2": {"head": "周"}}
    assert correct(laptop, sent, no="4", entrance_heads={"add": kept}) == ["merged"]
    fields = stored(centre, sent["record_id"]).fields
    assert (fields["no"], fields["floors"], fields["entrance_heads"]) == ("4", 6, kept)
    assert "lift" not in fields


def test_the_time_of_a_correction_does_not_move_when_the_record_happened(
    centre: Centre, laptop: Laptop, clock: StillClock
):
    person = hire(centre)
    sent = refused_once(laptop, rocket=1)
    release(centre, person, sent["change_id"])
    clock.passes(hours=1)
    laptop.slow_s = 3 * 3600
    assert correct(laptop, sent, size=5) == ["applied"]
    late = laptop.log[-1]["change_id"]
    assert doubtful_times.confirm(centre.store, person, {late: ""}, clock()).done == 1
    record = stored(centre, sent["record_id"])
    assert record.happened_at == NOON
    assert "doubtful" not in record.origins["size"]


def test_a_held_change_of_a_stream_left_since_does_not_meet_the_create_that_followed(
    centre: Centre, laptop: Laptop
):
    create = refused_once(laptop, size=-1)
    older = laptop.write("household", "update", {"phone": "2"}, create["record_id"])
    laptop.send()
    left = {"stream": laptop.stream, "acked_seq": 2, "acked_hash": older["hash"], "last_seq": 2}
    again = Laptop(centre, laptop.device_id, laptop.token, laptop.worker_id, epoch=laptop.epoch)
    again.write(
        "household", "create", household(phone="3"), create["record_id"],
        corrects=create["change_id"],
    )  # fmt: skip
    body = again.body()
    again.send(body | {"heads": [left, *body["heads"]]})
    assert change(centre, older["change_id"]).outcome == "unchanged"
    assert stored(centre, create["record_id"]).fields["phone"] == "3"
    assert conflict_rows(centre) == []
