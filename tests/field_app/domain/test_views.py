"""What a worker had before his eyes when he wrote: the version his change is based on."""

from __future__ import annotations

import pytest

from field_app.domain.views import base_of, copy_of, trail_of

VIEW = {"version": 7, "copy": {"version": 7, "trail": [2_000_004]}}


def mine(*fields, base=3, settled=False, held_in=None):
    change = {"fields": dict.fromkeys(fields, "x"), "base_version": base, "settled": settled}
    return change | ({"held_in": held_in} if held_in else {})


@pytest.mark.parametrize(
    ("changes", "fields", "base"),
    [
        ([], ["remarks"], 7),
        ([mine("remarks")], ["remarks"], 3),
        ([mine("remarks")], ["remarks", "phone"], 3),
        ([mine("remarks")], ["phone"], 7),
        ([mine("remarks", settled=True)], ["remarks"], 7),
        ([mine("remarks", base=5), mine("remarks", base=4)], ["remarks"], 4),
        ([mine("remarks", base=None)], ["remarks"], None),
        ([mine("remarks", held_in=7)], ["remarks"], 7),
        ([mine("remarks", held_in=8)], ["remarks"], 3),
        ([mine("remarks", held_in=2_000_004)], ["remarks"], 7),
        ([mine("remarks", held_in=2_000_005)], ["remarks"], 3),
        ([mine("remarks", held_in=1_000_004)], ["remarks"], 3),
    ],
    ids=["nothing of his own", "covered", "one of two covered", "another field", "settled",
         "covered twice", "his own new record", "part of the copy, offered again",
         "lost with what was after the copy", "part of the copy by an earlier run",
         "lost with the end of that run", "lost with the whole of its run"],
)  # fmt: skip
def test_what_an_open_change_covers_was_not_seen(changes, fields, base):
    assert base_of(VIEW, changes, fields) == base


def test_a_record_the_centre_has_not_told_of_has_no_version():
    assert base_of(None, [], ["remarks"]) is None
    assert base_of({"version": None}, [mine("remarks", base=None)], ["remarks"]) is None


def test_the_trail_is_that_of_the_copy_the_change_is_based_on():
    update = {"record_id": "r", "kind": "household", "schema": 1, "grid": "g", "version": 7}
    view = {"version": 7} | {"copy": copy_of(update | {"trail": [2, 5]}, {}, None)}
    covered = [mine("remarks") | {"base_trail": [1]}, mine("phone", base=4)]
    assert trail_of(view, covered, 7) == [2, 5]
    assert trail_of(view, covered, 3) == [1]
    assert trail_of(view, covered, 4) == []
    assert trail_of(None, [], None) == []
    assert "trail" not in copy_of(update, {}, None)
