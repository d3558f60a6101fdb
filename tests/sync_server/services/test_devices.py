"""Joining: one-time codes, lost answers, other keys, revoking."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync_server.domain import join_codes as codes
from sync_server.domain.errors import Refusal
from sync_server.services import devices
from sync_server.services.accounts import add_user
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store.tables import audit, join_codes
from sync_server.store.tables import devices as table
from tests.sync_server.world import COMMUNITY, add_worker, join

KEY, OTHER_KEY = "ab" * 32, "cd" * 32


@pytest.fixture
def code(any_centre: Centre) -> str:
    worker = add_worker(any_centre)
    with any_centre.store.writing() as connection:
        return devices.issue_join_code(
            connection, any_centre.code, worker.user_id, any_centre.clock()
        )


def take(centre: Centre, code: str, key: str = KEY, name: str = "laptop") -> devices.Joined:
    return devices.join_device(centre, code, name, key, "1.0.0", centre.clock())


def test_a_code_is_easy_to_read_and_stored_as_a_hash_alone(any_centre, code):
    assert [len(part) for part in code.split("-")] == [4, 4, 4]
    assert set(codes.read(code)) <= set(codes.ALPHABET)
    with any_centre.store.reading() as connection:
        row = connection.execute(sa.select(join_codes)).one()
    assert codes.read(code) not in str(row)


def test_a_code_may_be_typed_in_any_way(any_centre, code):
    joined = take(any_centre, f" {code.lower().replace('-', ' ')} ")
    assert joined.worker.no == "w1"
    assert devices.authenticate(any_centre.store, joined.token).worker_id == joined.worker.user_id


def test_the_token_is_stored_as_a_hash_alone(any_centre, code):
    token = take(any_centre, code).token
    with any_centre.store.reading() as connection:
        row = connection.execute(sa.select(table)).one()
    assert token.split(".")[1] not in str(row)
    assert row.public_key == KEY


def test_a_lost_answer_gives_the_same_device_and_a_fresh_token(any_centre, code):
    first, second = take(any_centre, code), take(any_centre, code)
    assert first.device.device_id == second.device.device_id
    assert devices.authenticate(any_centre.store, second.token)
    with pytest.raises(Refusal, match="bad_token"):
        devices.authenticate(any_centre.store, first.token)


def test_another_key_is_refused(any_centre, code):
    take(any_centre, code)
    with pytest.raises(Refusal, match="code_used"):
        take(any_centre, code, OTHER_KEY)


def test_a_laptop_at_work_is_not_taken_over_by_its_old_code(any_centre, code):
    laptop = join(any_centre, add_worker(any_centre, "w2"), key=OTHER_KEY)
    first = take(any_centre, code)
    laptop.device_id, laptop.token = first.device.device_id, first.token
    laptop.send()
    with pytest.raises(Refusal, match="code_used"):
        take(any_centre, code)


def test_a_code_ends_after_72_hours(any_centre, code, clock):
    clock.passes(hours=72)
    with pytest.raises(Refusal, match="bad_code"):
        take(any_centre, code)


@pytest.mark.parametrize("typed", ["", "AAAA-AAAA-AAAA", "' OR 1=1 --", "码" * 12])
def test_an_unknown_code_is_refused(any_centre, code, typed):
    with pytest.raises(Refusal, match="bad_code"):
        take(any_centre, typed)


def test_a_name_that_cannot_be_stored_is_refused(any_centre, code):
    with pytest.raises(Refusal, match="bad_request"):
        take(any_centre, code, name="nul\0")


def test_codes_are_for_those_who_hold_grids(any_centre):
    with any_centre.store.writing() as connection:
        staff = add_user(
            connection, any_centre.code, no="s1", name="李演示", role="community",
            scope_codes=[COMMUNITY], now=any_centre.clock(),
        )  # fmt: skip
    for user_id, reason in ((staff.user_id, "not_allowed"), (new_id(), "unknown_user")):
        with pytest.raises(Refusal, match=reason), any_centre.store.writing() as connection:
            devices.issue_join_code(connection, any_centre.code, user_id, any_centre.clock())


@pytest.mark.parametrize(
    "token", ["", "x", "990101.", "990101." + "A" * 43, "990102." + "A" * 43, "990101." + "é" * 43]
)
def test_an_unknown_token_is_refused(any_centre, code, token):
    take(any_centre, code)
    with pytest.raises(Refusal, match="bad_token"):
        devices.authenticate(any_centre.store, token)


@pytest.mark.parametrize("state", ["revoked", "lost"])
def test_a_revoked_laptop_is_refused_and_it_is_written_down(any_centre, code, state):
    joined = take(any_centre, code)
    with any_centre.store.writing() as connection:
        devices.revoke_device(
            connection, any_centre.code, joined.device.device_id, any_centre.clock(), by=None,
            state=state,
        )  # fmt: skip
    with pytest.raises(Refusal, match="device_revoked"):
        devices.authenticate(any_centre.store, joined.token)
    with any_centre.store.reading() as connection:
        actions = connection.scalars(sa.select(audit.c.action).order_by(audit.c.audit_id)).all()
    assert actions[-3:] == ["join_code", "join_device", f"device_{state}"]
