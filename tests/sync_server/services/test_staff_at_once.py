"""Two of the staff at the same moment: one does it, the other is told, and nobody meets a fault."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import accounts
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.store.tables import users
from tests.sync_server.services.test_concurrency import at_once
from tests.sync_server.world import DISTRICT

PASSWORD = "correct horse battery"
MANY = 6


def hire(centre: Centre) -> User:
    """Make somebody of the district's staff."""
    with centre.store.writing() as connection:
        return accounts.add_user(
            connection, centre.code, no="d1", name="王样本", role="district",
            scope_codes=(DISTRICT,), now=centre.clock(), password=PASSWORD,
        )  # fmt: skip


def enter(centre: Centre, password: str) -> User:
    return accounts.sign_in(centre.store, centre.code, "d1", password, centre.clock())


def test_guesses_sent_at_once_lock_out_and_none_of_them_unlocks(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    hire(any_centre)
    guesses = accounts.TRIES + 2
    together, verify = threading.Barrier(guesses), accounts._verify

    def all_at_once(*given: Any) -> bool:
        together.wait(20)  # each has seen that nobody is locked out yet
        return verify(*given)

    monkeypatch.setattr(accounts, "_verify", all_at_once)
    told = at_once(*[lambda: enter(any_centre, "wrong horse battery")] * guesses)
    monkeypatch.undo()
    assert told == ["sign_in_failed"] * guesses
    with pytest.raises(Refusal, match="locked_out"):
        enter(any_centre, PASSWORD)


def test_the_right_guess_among_many_does_not_slip_in_behind_the_lock(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    hire(centre)
    verify = accounts._verify

    def while_others_guess(*given: Any) -> bool:
        monkeypatch.setattr(accounts, "_verify", verify)
        for _ in range(accounts.TRIES):
            with pytest.raises(Refusal, match="sign_in_failed"):
                enter(centre, "wrong horse battery")
        return verify(*given)

    monkeypatch.setattr(accounts, "_verify", while_others_guess)
    with pytest.raises(Refusal, match="locked_out"):
        enter(centre, PASSWORD)
    with centre.store.reading() as connection:
        assert connection.scalar(sa.select(users.c.locked_until).where(users.c.no == "d1"))
