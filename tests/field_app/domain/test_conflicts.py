"""What became of a worker's values where another's stood, and of what the centre refused."""

from __future__ import annotations

import copy as copying

from field_app.domain.conflicts import noted, unread
from field_app.domain.reconcile import unmarked
from field_app.domain.views import change_state
from tests.field_app.domain.one_record import (
    AT,
    BASE,
    GRID,
    OTHER,
    OTHER_GRID,
    RECORD,
    STAFF,
    STREAM,
    Laptop,
    decision,
    gone,
    receipt,
    update,
)


def disputed(mine="王某", theirs="李某"):
    """A laptop whose value met another's; returns it, its change and the conflict's document."""
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": mine})
    theirs_now = BASE | {"met": theirs}
    laptop.answer([receipt(change, "conflict", 3, conflict_id="c")], [update(theirs_now, 3)])
    return laptop, change


def refused(action="update"):
    laptop = Laptop()
    if action == "update":
        laptop.answer([], [update(BASE)])
    change = laptop.write(BASE if action == "create" else {"met": "王某"}, action)
    laptop.answer([receipt(change, "quarantined", None, problem=[])])
    return laptop, change


def test_a_decision_settles_which_value_stands_and_says_who_made_it():
    laptop, change = disputed()
    assert laptop.state(change) == "conflict"
    laptop.answer([], [decision(change["change_id"], "kept")])
    document = laptop.conflicts[change["change_id"]]
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "李某"}]
    assert (document["decision"], document["fates"]) == ("kept", {"met": "kept"})
    (told,) = document["rulings"].values()
    assert (told["by"], told["words"], told["at"]) == (STAFF, "查过了", AT)
    assert laptop.state(change) == "declined"
    assert laptop.views[RECORD]["state"] == "stored"
    assert unread(document)


def test_a_decision_made_anew_is_unread_again():
    laptop, change = disputed()
    laptop.answer([], [decision(change["change_id"], "kept")])
    laptop.conflicts[change["change_id"]] = noted(laptop.conflicts[change["change_id"]])
    laptop.answer([], [decision(change["change_id"], "kept")])
    assert not unread(laptop.conflicts[change["change_id"]])
    again = decision(change["change_id"], "rewritten", 2)
    laptop.answer([], [update(BASE | {"met": "赵某"}, 4), again])
    document = laptop.conflicts[change["change_id"]]
    assert document["decision"] == "rewritten"
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "赵某"}]
    assert unread(document)
    laptop.answer([], [update(BASE | {"met": "王某"}, 5),
                       decision(change["change_id"], "replaced", 3)])  # fmt: skip
    assert laptop.conflicts[change["change_id"]]["decision"] == "replaced"
    assert laptop.state(change) == "stored"


def test_who_had_his_value_replaced_is_told_too():
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": "王某"})
    laptop.answer([receipt(change, "applied", 2)], [update(BASE | {"met": "王某"}, 2)])
    assert laptop.conflicts == {}
    told = decision(OTHER, "replaced", stood=change["change_id"])
    laptop.answer([], [update(BASE | {"met": "李某"}, 3), told])
    document = laptop.conflicts[change["change_id"]]
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "李某"}]
    assert (document["decision"], unread(document)) == ("kept", True)
    assert laptop.state(change) == "stored"


def test_the_last_decision_counts_where_several_met_one_value():
    laptop, change = disputed()
    laptop.answer([], [
        update(BASE | {"met": "王某"}, 4), decision(change["change_id"], "replaced"),
        decision(OTHER, "replaced", stood=change["change_id"], name="e",
                 at="2026-09-30T09:00:00+08:00"),
        update(BASE | {"met": "钱某"}, 5),
    ])  # fmt: skip
    assert laptop.conflicts[change["change_id"]]["fates"] == {"met": "kept"}


def test_one_path_decided_leaves_the_other_open():
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": "王某", "rating": 2})
    laptop.answer([receipt(change, "conflict", 3)],
                  [update(BASE | {"met": "李某", "rating": 5}, 3)])  # fmt: skip
    laptop.answer([], [decision(change["change_id"], "kept")])
    document = laptop.conflicts[change["change_id"]]
    assert document["fates"] == {"met": "kept", "rating": None}
    assert (document["decision"], laptop.state(change)) == (None, "conflict")


def test_what_was_applied_and_changed_later_by_others_is_no_dispute():
    laptop = Laptop()
    laptop.answer([], [update(BASE)])
    change = laptop.write({"met": "王某", "rating": 2})
    laptop.answer([receipt(change, "conflict", 3)],
                  [update(BASE | {"met": "李某", "rating": 2}, 3)])  # fmt: skip
    laptop.answer([], [update(BASE | {"met": "李某", "rating": 4}, 4)])
    assert [one["path"] for one in laptop.conflicts[change["change_id"]]["pairs"]] == ["met"]


def test_a_refused_change_let_in_is_settled_by_its_version():
    laptop, change = refused()
    told = decision(change["change_id"], "released", subject="refused", path=None, version=1)
    told["fields"]["version"] = 4
    laptop.answer([], [told])
    assert laptop.state(change) == "stored"
    assert laptop.views[RECORD]["fields"]["met"] == "王某"
    assert not laptop.changes[change["change_id"]]["settled"]
    laptop.answer([], [update(BASE | {"met": "王某"}, 4)])
    assert laptop.changes[change["change_id"]]["settled"]


def test_a_refused_change_let_in_before_its_record_came_is_received():
    laptop, change = refused()
    laptop.answer([], [decision(change["change_id"], "released", subject="refused", path=None)])
    assert laptop.state(change) == "received"
    laptop.answer([], [update(BASE | {"met": "王某"}, 2)])
    assert laptop.state(change) == "received"  # until the centre, which is asked, tells
    laptop.answer([receipt(change, "applied", 2, stream=STREAM)], [])
    assert laptop.state(change) == "stored"
    laptop.answer([], [update(BASE | {"met": "王某", "rating": 3}, 3)])
    assert laptop.state(change) == "stored"


def test_a_refused_change_let_in_that_meets_another_value_waits_for_a_decision():
    laptop, change = refused()
    laptop.answer([], [update(BASE | {"met": "李某"}, 4)])
    told = decision(change["change_id"], "released", subject="refused", path=None)
    told["fields"]["version"] = 4
    laptop.answer([], [told])
    assert laptop.state(change) == "conflict"
    assert laptop.views[RECORD]["fields"]["met"] == "李某"
    laptop.answer([], [update(BASE | {"met": "李某", "rating": 1}, 5)])
    assert laptop.state(change) == "conflict"
    laptop.answer([], [decision(change["change_id"], "kept", name="e")])
    assert laptop.state(change) == "declined"
    assert laptop.conflicts[change["change_id"]]["decision"] == "kept"


def test_a_refused_change_let_in_with_other_values_shows_both():
    laptop, change = refused()
    told = decision(change["change_id"], "released_fixed", subject="refused", path=None)
    told["fields"]["version"] = 4
    laptop.answer([], [told, update(BASE | {"met": "王某甲"}, 4)])
    document = laptop.conflicts[change["change_id"]]
    assert document["decision"] == "released_fixed"
    assert document["pairs"] == [{"path": "met", "mine": "王某", "theirs": "王某甲"}]


def test_a_refused_change_not_taken_is_settled_and_says_so():
    laptop, change = refused()
    laptop.answer([], [decision(change["change_id"], "dismissed", subject="refused", path=None)])
    assert laptop.state(change) == "declined"
    assert laptop.views[RECORD]["fields"] == BASE
    assert laptop.views[RECORD]["state"] == "stored"
    made, creation = refused("create")
    made.answer([], [decision(creation["change_id"], "dismissed", subject="refused", path=None)])
    assert RECORD not in made.views
    (told,) = made.conflicts[creation["change_id"]]["rulings"].values()
    assert told["words"] == "查过了"


def test_a_record_with_an_open_conflict_stays_until_it_is_decided():
    laptop, change = disputed()
    result = laptop.answer([], [gone()])
    assert (result.gone, result.staying) == (1, 1)
    assert laptop.views[RECORD]["state"] == "conflict"
    laptop.answer([], [decision(change["change_id"], "kept")])
    assert RECORD not in laptop.views
    document = laptop.conflicts[change["change_id"]]
    assert document["pairs"] == [{"path": "met"}]
    assert [one["words"] for one in document["rulings"].values()] == [""]


def test_a_record_that_comes_back_is_whole_again_and_what_was_noted_stays_noted():
    laptop, change = disputed()
    told = decision(change["change_id"], "kept")
    laptop.answer([], [told])
    laptop.conflicts[change["change_id"]] = noted(laptop.conflicts[change["change_id"]])
    before = copying.deepcopy((laptop.views, laptop.conflicts))
    laptop.answer([], [gone(told["record_id"])])
    laptop.answer([], [gone()])
    assert laptop.views == {}
    assert "李某" not in str(laptop.conflicts)
    laptop.answer([], [update(BASE | {"met": "李某"}, 3), told])
    assert (laptop.views, laptop.conflicts) == before


def test_work_taken_in_a_grid_the_worker_left_waits_for_no_copy():
    laptop = Laptop()
    change = laptop.write(BASE, "create", None)
    laptop.answer([receipt(change)], grids=(GRID,))
    assert RECORD in laptop.views
    laptop.answer([], grids=(OTHER_GRID,))
    assert laptop.views == {}
    assert laptop.changes[change["change_id"]]["settled"]


def test_a_change_offered_again_is_not_decided_any_more():
    laptop, change = disputed()
    laptop.answer([], [decision(change["change_id"], "kept")])
    again = unmarked(laptop.changes[change["change_id"]])
    assert change_state(again) == "local"
    assert not again["declined"]
