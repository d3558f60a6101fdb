"""What a worker had before his eyes when he wrote: the version his change is based on."""

from __future__ import annotations

import pytest

from field_app.domain.views import base_of, copy_of, trail_of

VIEW = {"version": 7}


def mine(*fields, base=3, settled=False):
    return {"fields": dict.fromkeys(fields, "x"), "base_version": base, "settled": settled}


@pytest.mark.parametrize(
    ("changes", "fields", "base"),
    [
        ([], ["remarks"], 7),
        ([mine("remarks")], ["remarks"], 3),
        ([mine("remarks")], ["remarks", "phone"], 3),
        ([mine("remarks")], ["phone"], 7),
        ([mine("remarks", settled=True)], ["remarks"], 7),
        ([mine("remarks", base=5), mine("remarks", base=4)], ["remarks"], 4),
        ([mine("remarks", base=None)], ["remarks"], 7),
    ],
    ids=["nothing of his own", "covered", "one of two covered", "another field", "settled",
         "covered twice", "his own new record"],
)  # fmt: skip
def test_what_an_open_change_covers_was_not_seen(changes, fields, base):
    assert base_of(VIEW, changes, fields) == base


def test_a_record_the_centre_has_not_told_of_has_no_version():
    assert base_of(None, [], ["remarks"]) is None
    assert base_of({"version": None}, [mine("remarks", base=None)], ["remarks"]) is None


def test_the_trail_is_that_of_the_copy_the_change_is_based_on():
    update = {"record_id": "r", "kind": "household", "schema": 1, "grid": "g", "version": 7}
    view = VIEW | {"copy": copy_of(update | {"trail": [2, 5]}, {}, None)}
    covered = [mine("remarks") | {"base_trail": [1]}, mine("phone", base=4)]
    assert trail_of(view, covered, 7) == [2, 5]
    assert trail_of(view, covered, 3) == [1]
    assert trail_of(view, covered, 4) == []
    assert trail_of(None, [], None) == []
    assert "trail" not in copy_of(update, {}, None)
