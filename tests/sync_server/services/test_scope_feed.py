"""Grids that change hands: what a laptop holds follows its grids, and no foreign byte comes.

A model laptop takes pages of any size while records come, change and move and its grids are given
away and back, also between the reads of one answer; when all is quiet it holds exactly its scope.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.clock import written
from sync_server.services import deliver
from sync_server.services.centre import Centre
from sync_server.services.deliver import deliver_updates
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.store import moving, writing
from sync_server.store.tables import records

COMMUNITY, NEXT = "990101100009", "990101100008"
A, B, C, FAR = COMMUNITY + "003", COMMUNITY + "004", COMMUNITY + "005", NEXT + "001"
GRIDS = [A, B, C, FAR, A + "01", A + "02", B + "01"]
COMMUNITY_AREAS = [COMMUNITY, NEXT, "990101", A, FAR]


def in_scope(grids: list[str], kind: str, area: str) -> bool:
    """Whether a laptop with these grids holds such a record; written anew, for comparison."""
    inside = any(area.startswith(grid) for grid in grids)
    return inside or (kind == "notice" and any(grid.startswith(area) for grid in grids))


@dataclass
class Play:
    """A centre that lives, and one laptop that follows it."""

    centre: Centre
    dice: random.Random
    grids: list[str] = field(default_factory=lambda: [A])
    cursor: str | None = None
    truth: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    held: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    scopes: list[list[str]] = field(default_factory=list)
    lay: dict[str, set[str]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    more: bool = True

    def comes(self) -> None:
        made: list[ImportedRecord] = []
        for _ in range(self.dice.randint(1, 4)):
            kind = self.dice.choice(["household", "household", "notice"])
            area = self.dice.choice(COMMUNITY_AREAS if kind == "notice" else GRIDS)
            made.append(ImportedRecord(new_id(), kind, area, {"revision": 0}, new_id(), self.now()))
        with self.centre.store.writing() as connection:
            import_records(connection, self.centre.code, made, author=None, at=self.centre.clock())
        self.truth |= {one.record_id: (one.kind, one.grid, 0) for one in made}

    def changes(self) -> None:
        for record_id in self.some():
            kind, area, revision = self.truth[record_id]
            with self.centre.store.writing() as connection:
                number = writing.lock_district(connection, self.centre.code) + 1
                connection.execute(
                    sa.update(records)
                    .where(records.c.record_id == record_id)
                    .values(change_no=number, fields={"revision": revision + 1})
                )
                writing.set_change_no(connection, self.centre.code, number)
            self.truth[record_id] = (kind, area, revision + 1)

    def moves(self) -> None:
        ids = [one for one in self.some() if self.truth[one][0] == "household"]
        area = self.dice.choice(GRIDS)
        ids = [one for one in ids if self.truth[one][1] != area]
        if not ids:
            return
        with self.centre.store.writing() as connection:
            found = moving.lying(connection, self.centre.code, ids)
            moving.put_into(connection, self.centre.code, found, area, self.centre.clock(), None)
        for one in ids:
            self.truth[one] = ("household", area, self.truth[one][2])

    def changes_hands(self) -> None:
        self.note()
        self.grids = self.dice.sample(GRIDS, self.dice.randint(1, 3))

    def happens(self) -> None:
        self.note()
        self.dice.choice([self.comes, self.changes, self.moves])()
        self.note()

    def note(self) -> None:
        """Write down what lies where, and whose it is."""
        self.scopes.append(self.grids)
        for one, (_, area, _) in self.truth.items():
            self.lay.setdefault(one, set()).add(area)

    def pulls(self, want: int) -> list[dict[str, Any]]:
        """Take one answer, and see that nothing in it is foreign."""
        with self.centre.store.reading() as connection:
            answer = deliver_updates(
                connection, self.centre, self.centre.code, "epoch", self.grids, self.cursor, want
            )
        updates = [json.loads(text) for text in answer.updates]
        assert len(updates) <= want
        for update in updates:
            if update.get("gone"):
                assert set(update) == {"record_id", "gone"}
                assert self.was_his(update["record_id"])
                self.held.pop(update["record_id"], None)
                self.gone.append(update["record_id"])
            else:
                assert in_scope(self.grids, update["kind"], update["grid"])
                self.held[update["record_id"]] = (
                    update["kind"], update["grid"], update["fields"]["revision"],
                )  # fmt: skip
        self.cursor, self.more = answer.cursor, answer.more
        return updates

    def was_his(self, record_id: str) -> bool:
        """Whether the record lay once, at any time, in a grid that was once this laptop's."""
        kind = self.truth[record_id][0]
        return any(
            in_scope(grids, kind, area) for grids in self.scopes for area in self.lay[record_id]
        )

    def settles(self, want: int = 500) -> None:
        """Let the laptop come to the end: it holds its scope, and a further pull brings nothing."""
        for _ in range(10_000):
            self.pulls(want)
            if not self.more:
                break
        expected = {
            one: said for one, said in self.truth.items() if in_scope(self.grids, *said[:2])
        }
        assert self.held == expected
        assert self.pulls(want) == []
        assert not self.more

    def some(self) -> list[str]:
        return self.dice.sample(sorted(self.truth), min(len(self.truth), self.dice.randint(1, 3)))

    def now(self) -> str:
        return written(self.centre.clock())


@pytest.mark.parametrize("seed", range(4))
def test_a_laptop_ends_with_its_scope_whatever_happens_between_the_pages(any_centre, seed):
    dice = random.Random(seed)
    play = Play(any_centre, dice)
    for _ in range(8):
        play.comes()
    for _ in range(60):
        step = dice.random()
        if step < 0.15:
            play.changes_hands()
        elif step < 0.5:
            play.happens()
        else:
            play.pulls(dice.choice([0, 1, 2, 3, 7]))
    play.settles(dice.choice([1, 3, 500]))


@pytest.mark.parametrize("seed", range(3))
def test_commits_between_the_reads_of_one_answer_lose_and_leak_nothing(
    any_centre, monkeypatch, seed
):
    dice = random.Random(seed)
    play = Play(any_centre, dice)
    for _ in range(8):
        play.comes()
    quiet = False
    for name in ("horizon", "changed_records", "moved_away", "left_behind"):
        read = getattr(deliver.feed, name)

        def disturbed(*args: Any, read=read, **more: Any) -> Any:
            if not quiet and dice.random() < 0.4:
                play.happens()
            return read(*args, **more)

        monkeypatch.setattr(deliver.feed, name, disturbed)
    for _ in range(30):
        if dice.random() < 0.2:
            play.changes_hands()
        play.pulls(dice.choice([1, 2, 5]))
    quiet = True
    play.settles(2)


def test_what_leaves_is_told_once_and_what_comes_in_is_sent_once(any_centre):
    play = Play(any_centre, random.Random(1))
    for _ in range(12):
        play.comes()
    play.settles()
    before = set(play.held)
    play.note()
    play.grids = [B, C]
    seen: list[str] = []
    play.more = True
    while play.more:
        seen += [update["record_id"] for update in play.pulls(2)]
    kept = {one for one in before if in_scope([B, C], *play.truth[one][:2])}
    assert sorted(play.gone) == sorted(before - kept)
    assert len(seen) == len(set(seen))
    assert not kept & set(seen)
    assert kept, "notices of the community stay"


def test_nothing_is_said_of_records_that_came_after_the_grid_was_lost(any_centre):
    play = Play(any_centre, random.Random(2))
    play.comes()
    play.note()
    play.settles()
    before = set(play.truth)
    play.grids = [FAR]
    for _ in range(4):
        play.comes()
    play.note()
    play.settles()
    assert set(play.gone) <= before


def test_grids_given_back_before_the_laptop_asked_change_nothing(any_centre):
    play = Play(any_centre, random.Random(3))
    for _ in range(4):
        play.comes()
    play.settles()
    assert play.grids == [A]
    assert play.pulls(500) == []
