"""Changes by staff go the same road: checked, merged, kept in the log."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from schemas.clock import written
from sync_server.domain.errors import Refusal
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.ids import new_id
from sync_server.store.tables import changes, records
from tests.sync_server.world import COMMUNITY, NOON


def notice(**more) -> dict:
    return {
        "title": "停水通知",
        "text": "周三停水",
        "level": "normal",
        "area_code": COMMUNITY,
        "issued_at": written(NOON),
        **more,
    }


def apply(centre, action, record_id, fields, base=None, kind="notice"):
    change = CentralChange(kind, record_id, action, fields, new_id(), COMMUNITY, base)
    with centre.store.writing() as connection:
        return apply_central_change(connection, centre.code, change, centre.clock())


def test_a_notice_is_made_edited_and_voided(any_centre):
    record_id = new_id()
    assert apply(any_centre, "create", record_id, notice()).version == 1
    assert apply(any_centre, "update", record_id, {"title": "改期"}, 1).outcome == "applied"
    assert apply(any_centre, "void", record_id, {"reason": "取消"}, 2).version == 3
    with any_centre.store.reading() as connection:
        row = connection.execute(sa.select(records)).one()
        log = connection.execute(sa.select(changes).order_by(changes.c.version)).all()
    assert (row.voided, row.fields["title"], row.device_id) == (True, "改期", None)
    assert [(one.action, one.version, one.stream) for one in log] == [
        ("create", 1, None), ("update", 2, None), ("void", 3, None),
    ]  # fmt: skip


def test_two_staff_editing_at_once_do_not_overwrite_each_other(any_centre):
    record_id = new_id()
    apply(any_centre, "create", record_id, notice())
    apply(any_centre, "update", record_id, {"title": "甲"}, 1)
    effect = apply(any_centre, "update", record_id, {"title": "乙"}, 1)
    assert effect.conflict_id


@pytest.mark.parametrize(
    ("action", "fields", "kind", "code"),
    [
        ("create", {"title": "x"}, "notice", "bad_fields"),
        ("create", {}, "visit", "not_allowed"),
        ("update", {"title": "x"}, "notice", "unknown_record"),
    ],
)
def test_what_cannot_be_done_is_refused(any_centre, action, fields, kind, code):
    with pytest.raises(Refusal, match=code):
        apply(any_centre, action, new_id(), fields, kind=kind)


def test_a_voided_record_is_not_edited(any_centre):
    record_id = new_id()
    apply(any_centre, "create", record_id, notice())
    apply(any_centre, "void", record_id, {"reason": "取消"}, 1)
    with pytest.raises(Refusal, match="out_of_date"):
        apply(any_centre, "update", record_id, {"title": "x"}, 2)
