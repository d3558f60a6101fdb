"""Two of the staff at the same moment: one does it, the other is told, and nobody meets a fault."""

from __future__ import annotations

import hashlib
import io
import threading
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, layouts, ledgers, relay
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.duplicates import search_anew
from sync_server.store import duplicates, relay_rows
from sync_server.store import ledgers as store_ledgers
from sync_server.store.duplicate_tables import likeness_marks
from sync_server.store.tables import users
from tests.sync_server.relay_files import join_with_key, relay_file
from tests.sync_server.services.test_concurrency import at_once, count
from tests.sync_server.world import DISTRICT, add_worker

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


def test_a_ledger_sent_twice_at_once_is_added_once(any_centre: Centre) -> None:
    person = hire(any_centre)

    def add() -> str:
        with any_centre.store.writing() as connection:
            return ledgers.add(connection, person, "我的台账", ["resident"], any_centre.clock())

    told = at_once(*[add] * MANY)
    assert told.count("ledger_name") == MANY - 1
    with any_centre.store.reading() as connection:
        names = [row["name"] for row in store_ledgers.every(connection, DISTRICT)]
    assert len(names) == len(set(names)) == len(ledgers.DEFAULTS) + 1


def test_two_that_set_the_columns_of_a_list_at_once_both_may(any_centre: Centre) -> None:
    person, kind = hire(any_centre), kind_of("resident")

    def save() -> bool:
        with any_centre.store.writing() as connection:
            layouts.save_layout(connection, person, kind, layouts.usual(kind), any_centre.clock())
        return True

    assert at_once(*[save] * MANY) == [True] * MANY


def meeting(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let the first two that come to a function wait for each other, as long as nothing keeps one
    of them from coming."""
    together, asked = threading.Barrier(2), getattr(module, name)

    def wait(*given: Any, **more: Any) -> Any:
        found = asked(*given, **more)
        with suppress(threading.BrokenBarrierError):
            together.wait(1)
        return found

    monkeypatch.setattr(module, name, wait)


def test_the_first_search_for_duplicates_is_made_by_one(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search() -> bool:
        search_anew(any_centre.store, DISTRICT, any_centre.clock())
        return True

    meeting(monkeypatch, duplicates, "put_mark")
    assert at_once(search, search) == [True, True]
    assert count(any_centre, likeness_marks) == 1


def test_one_relay_file_handed_in_at_two_desks_is_noted_once(
    any_centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = join_with_key(any_centre, add_worker(any_centre))
    file = relay_file(laptop, [laptop.body()])
    finds = relay_rows.find
    meeting(monkeypatch, relay_rows, "find")

    def hand_in() -> int:
        taken = relay.take_in_and_keep(any_centre, io.BytesIO(file), any_centre.clock())
        return taken.requests

    assert at_once(hand_in, hand_in) == [1, 1]
    with any_centre.store.reading() as connection:
        assert finds(connection, DISTRICT, hashlib.sha256(file).hexdigest())
