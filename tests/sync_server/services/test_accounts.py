"""Accounts: who can be made, who gets in, and when nobody does."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import accounts
from sync_server.services.centre import Centre, open_centre
from sync_server.services.districts import begin_synthetic
from sync_server.services.ids import new_id
from sync_server.store.tables import audit, users
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, add_worker

PASSWORD = "correct horse battery"


def add(centre: Centre, **more) -> accounts.User:
    asked = {
        "no": "s1",
        "name": "李演示",
        "role": "community",
        "scope_codes": [COMMUNITY],
        "password": PASSWORD,
        "now": centre.clock(),
    }
    with centre.store.writing() as connection:
        return accounts.add_user(connection, centre.code, **(asked | more))


def enter(centre: Centre, password: str = PASSWORD, no: str = "s1") -> accounts.User:
    return accounts.sign_in(centre.store, centre.code, no, password, centre.clock())


def test_the_right_password_lets_in(centre):
    made = add(centre)
    assert enter(centre) == made
    assert enter(centre, no=" s1 ") == made
    with centre.store.reading() as connection:
        actions = connection.scalars(sa.select(audit.c.action)).all()
    assert actions == ["add_user", "sign_in", "sign_in"]


def test_the_password_is_kept_as_argon2id(centre):
    add(centre)
    with centre.store.reading() as connection:
        row = connection.execute(sa.select(users)).one()
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(row)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"no": ""}, "bad_number"),
        ({"no": "a b"}, "bad_number"),
        ({"no": "x" * 41}, "bad_number"),
        ({"name": " "}, "bad_name"),
        ({"name": "nul\0"}, "bad_name"),
        ({"role": "king"}, "bad_role"),
        ({"kind": "king"}, "bad_user_kind"),
        ({"scope_codes": []}, "bad_scope"),
        ({"scope_codes": ["990102"]}, "bad_scope"),
        ({"scope_codes": [GRID[:-1]]}, "bad_scope"),
        ({"scope_codes": ["99010１"]}, "bad_scope"),
        ({"role": "worker", "scope_codes": [COMMUNITY]}, "bad_scope"),
        ({"password": "short"}, "weak_password"),
        ({"password": "x" * 201}, "weak_password"),
        ({"demo": True}, "demo_outside"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(centre, more, code):
    with pytest.raises(Refusal, match=code):
        add(centre, **more)


def test_a_number_belongs_to_one_person(centre):
    add(centre)
    with pytest.raises(Refusal, match="user_exists"):
        add(centre, no="ｓ1")


def test_unknown_inactive_and_laptop_people_are_refused_alike(centre):
    made = add(centre)
    add_worker(centre)
    with centre.store.writing() as connection:
        accounts.set_active(connection, centre.code, made.user_id, False, centre.clock(), new_id())
    for no in ("s1", "w1", "nobody"):
        with pytest.raises(Refusal, match="sign_in_failed"):
            enter(centre, no=no)


def test_five_failures_lock_out_for_a_quarter_of_an_hour(centre, clock):
    add(centre)
    for _ in range(accounts.TRIES):
        with pytest.raises(Refusal, match="sign_in_failed"):
            enter(centre, "wrong horse battery")
    with pytest.raises(Refusal, match="locked_out"):
        enter(centre)
    clock.passes(minutes=15)
    assert enter(centre)


def test_a_success_forgets_earlier_failures(centre):
    add(centre)
    for _ in range(2):
        for _ in range(accounts.TRIES - 1):
            with pytest.raises(Refusal, match="sign_in_failed"):
                enter(centre, "wrong horse battery")
        enter(centre)


def test_a_new_password_ends_every_session(centre):
    made = add(centre)
    with pytest.raises(Refusal, match="sign_in_failed"):
        accounts.change_password(
            centre.store, centre.code, made.user_id, "wrong", "another horse", centre.clock()
        )
    changed = accounts.change_password(
        centre.store, centre.code, made.user_id, PASSWORD, "another horse", centre.clock()
    )
    with centre.store.reading() as connection:
        where = (connection, centre.code, made.user_id)
        assert accounts.user_of_session(*where, made.session_mark, "s") is None
        assert accounts.user_of_session(*where, changed.session_mark, "s") == changed
    assert enter(centre, "another horse").user_id == made.user_id


def test_signing_out_ends_one_session_and_is_forgotten_when_its_cookie_is_too_old(
    any_centre, clock
):
    made = add(any_centre)

    def alive() -> list[str]:
        with any_centre.store.reading() as connection:
            where = (connection, any_centre.code, made.user_id, made.session_mark)
            found = {one: accounts.user_of_session(*where, one) for one in ("s1", "s2", "s3")}
        return [one for one, user in found.items() if user == made]

    def end(session_id: str) -> None:
        with any_centre.store.writing() as connection:
            where = (connection, any_centre.code, made.user_id)
            accounts.end_session(*where, session_id, any_centre.clock())

    assert alive() == ["s1", "s2", "s3"]
    end("s1")
    assert alive() == ["s2", "s3"]
    clock.passes(seconds=accounts.IDLE.total_seconds())
    end("s2")
    assert alive() == ["s3"]
    clock.passes(seconds=(accounts.ENDED_KEPT - accounts.IDLE).total_seconds())
    end("s3")
    with any_centre.store.reading() as connection:
        assert set(connection.scalar(sa.select(users.c.ended_sessions))) == {"s2", "s3"}
        signed_out = sa.select(audit.c.user_id).where(audit.c.action == "sign_out")
        assert connection.scalars(signed_out).all() == [made.user_id] * 3


def test_a_password_set_for_somebody_ends_his_sessions_and_the_lock(centre):
    made = add(centre)
    for _ in range(accounts.TRIES):
        with pytest.raises(Refusal, match="sign_in_failed"):
            enter(centre, "forgotten words")
    new_hash = accounts.hash_password("another horse")
    with centre.store.writing() as connection:
        where, now = (connection, centre.code, made.user_id), centre.clock()
        accounts.reset_password(*where, new_hash, now, by="a1")
        assert accounts.user_of_session(*where, made.session_mark, "s") is None
    assert enter(centre, "another horse").user_id == made.user_id
    with centre.store.reading() as connection:
        note = connection.execute(sa.select(audit).where(audit.c.action == "reset_password")).one()
    assert (note.user_id, note.target, note.detail) == ("a1", made.user_id, None)


def test_a_worker_gets_no_password_and_nobody_unknown_is_switched(centre):
    worker = add_worker(centre)
    with centre.store.writing() as connection:
        where, now = (connection, centre.code), centre.clock()
        with pytest.raises(Refusal, match="laptop_only"):
            accounts.reset_password(*where, worker.user_id, "x", now)
        with pytest.raises(Refusal, match="unknown_user"):
            accounts.set_active(*where, new_id(), False, now)


def test_demo_accounts_live_in_demo_districts_alone(settings, centre):
    with centre.store.writing() as connection:
        begin_synthetic(connection, DISTRICT, "演示县")
    add(centre, demo=True)
    assert enter(centre).demo
    with centre.store.writing() as connection:
        connection.exec_driver_sql("UPDATE districts SET synthetic = 0")
    with pytest.raises(Refusal, match="demo_outside"):
        enter(centre)
    with pytest.raises(Refusal, match="demo_outside"):
        open_centre(settings)


def test_real_data_never_become_a_demo(centre):
    add(centre)
    with pytest.raises(Refusal, match="district_not_empty"), centre.store.writing() as connection:
        begin_synthetic(connection, DISTRICT, "演示县")
