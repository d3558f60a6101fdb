"""After an upgrade: what was not understood is judged again, once, and told."""

from __future__ import annotations

import pytest

from schemas.catalogue import KINDS, extended
from schemas.fields import Line, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from sync_server.services import accounts, refused
from sync_server.services.centre import Centre
from sync_server.services.issues import take_step
from sync_server.services.replay import Replayed, replay
from tests.sync_server.services.desks import (
    audited,
    change,
    conflict_rows,
    hire,
    newer_household,
    of_kind,
    release,
    seen_of,
    stored,
)
from tests.sync_server.world import (
    GRID,
    Laptop,
    add_worker,
    household,
    issue,
    join,
    outcomes,
)


class Dog(Kind):
    """A kind the older program did not know."""

    info = KindInfo(
        name="dog", label=Label("犬只", "Dog"), group="people", title=("name",), version=1
    )
    name = Line("名字", "Name", required=True)
    age = Whole("年龄", "Age", most=40)


def again(centre: Centre) -> Replayed:
    return replay(centre.store, centre.code, centre.clock())


def test_a_kind_known_since_the_upgrade_comes_in_with_all_that_belongs_to_it(any_centre: Centre):
    laptop = join(any_centre, add_worker(any_centre))
    made = laptop.write("dog", "create", {"name": "旺财"})
    laptop.write("dog", "update", {"age": 3}, made["record_id"])
    laptop.write("dog", "create", {"name": "来福", "age": 99})
    assert outcomes(laptop.send()) == ["quarantined"] * 3
    assert again(any_centre) == Replayed(0, 0)
    with extended(Dog):
        assert again(any_centre) == Replayed(3, 2)
        assert again(any_centre) == Replayed(0, 0)
        assert stored(any_centre, made["record_id"]).fields == {"name": "旺财", "age": 3}
        told = of_kind(any_centre, "decision")
        assert [one.fields["outcome"] for one in told] == ["released", "released"]
        assert all(one.fields["automatic"] for one in told)
        bad = change(any_centre, laptop.log[2]["change_id"])
        assert (bad.outcome, bad.problem[0]["pointer"]) == ("quarantined", "/age")
        laptop.send()
        assert laptop.records[made["record_id"]]["fields"]["age"] == 3
    assert audited(any_centre) == ["replay"]


def test_a_newer_version_and_an_unknown_field_are_understood_later(centre: Centre, laptop: Laptop):
    fields = {name: value for name, value in household().items() if name != "size"}
    newer = laptop.write("household", "create", fields | {"note": "甲"}, schema=2)
    field = laptop.write("household", "create", fields | {"note": "乙"}, schema=1)
    assert outcomes(laptop.send()) == ["quarantined", "quarantined"]
    with newer_household():
        assert again(centre) == Replayed(2, 2)
    for sent, note in ((newer, "甲"), (field, "乙")):
        assert stored(centre, sent["record_id"]).fields["note"] == note
        assert change(centre, sent["change_id"]).outcome == "applied"


def test_what_its_writer_said_since_stands_against_what_is_understood_late(any_centre: Centre):
    laptop = join(any_centre, add_worker(any_centre))
    made = laptop.write("household", "create", household(phone="0"))["record_id"]
    laptop.send()
    older = {"phone": "1", "size": 4, "note": "甲"}
    late = laptop.write("household", "update", older, made, base_version=1)
    laptop.write("household", "update", {"phone": "2", "size": 5}, made, base_version=1)
    assert outcomes(laptop.send()) == ["quarantined", "applied"]
    with newer_household():
        assert again(any_centre) == Replayed(1, 1)
        assert change(any_centre, late["change_id"]).outcome == "merged"
        fields = stored(any_centre, made).fields
        assert (fields["phone"], fields["size"], fields["note"]) == ("2", 5, "甲")
        assert conflict_rows(any_centre) == []


def test_what_is_wrong_besides_is_left_to_staff(centre: Centre, laptop: Laptop):
    laptop.write("household", "create", household(rocket=1, size=-1))
    laptop.send()
    assert again(centre) == Replayed(0, 0)


def test_who_may_not_write_base_data_does_not_by_an_upgrade_either(centre: Centre):
    with centre.store.writing() as connection:
        helper = accounts.add_user(
            connection, centre.code, no="w8", name="林辅助", role="worker", scope_codes=[GRID],
            now=centre.clock(), kind="aux",
        )  # fmt: skip
    laptop = join(centre, helper)
    sent = laptop.write("household", "create", household(note="甲"))
    laptop.send()
    with newer_household():
        assert again(centre) == Replayed(1, 0)
        problem = change(centre, sent["change_id"]).problem
        assert [one["code"] for one in problem] == ["not_your_kind"]
        assert release(centre, hire(centre), sent["change_id"]) is None  # staff answer for it
        assert change(centre, sent["change_id"]).outcome == "applied"


def test_an_issue_accepted_meanwhile_is_not_changed_by_an_upgrade(
    centre: Centre, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
):
    made = laptop.write("issue", "create", issue())["record_id"]
    laptop.send()
    late = laptop.write("issue", "update", {"place": "4号楼"}, made, base_version=1)
    with monkeypatch.context() as older:
        older.delitem(KINDS, "issue")
        assert outcomes(laptop.send()) == ["quarantined"]
    said = {"level": "2"}
    take_step(centre.store, hire(centre), made, "accept", said, centre.clock())
    assert again(centre) == Replayed(1, 1)
    assert change(centre, late["change_id"]).outcome == "conflict"
    assert stored(centre, made).fields["place"] == "3号楼"


def test_what_staff_settled_is_not_judged_again(centre: Centre, laptop: Laptop):
    person = hire(centre)
    made = laptop.write("dog", "create", {"name": "旺财"})
    laptop.send()
    seen = seen_of(centre, person, made["change_id"])
    refused.dismiss(centre.store, person, made["change_id"], seen, "不登记犬只", centre.clock())
    with extended(Dog):
        assert again(centre) == Replayed(0, 0)


def test_a_misshapen_change_is_no_matter_of_an_upgrade(centre: Centre, laptop: Laptop):
    laptop.write("dog", "create", {"name": "旺财"}, grid="Not An Area!")
    laptop.send()
    with extended(Dog):
        assert again(centre) == Replayed(0, 0)
