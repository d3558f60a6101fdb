"""Random merges, undos and changes: no value is lost, no circle comes about, and the order in which
laptops come does not matter where none of them knew of the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.domain.duplicates import chain_of
from sync_server.domain.errors import Refusal
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store.duplicate_tables import merges
from sync_server.store.tables import conflicts, records
from tests.sync_server.services.towns import Town, update
from tests.sync_server.world import DISTRICT, Laptop, StillClock, household

RECORDS, STEPS = 4, 24


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town on SQLite that all runs share, each with records of its own."""
    clock = StillClock()
    folder: Path = tmp_path_factory.mktemp("random")
    centre = open_centre(Settings(data=folder / "centre", district=DISTRICT, testing=True), clock)
    yield Town(centre, clock)
    centre.store.close()


class Run:
    """One random history of a few households' phones, with who knew what kept apart from it."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town, self.rng = town, Random(seed)
        self.entered: set[str] = set()
        self.known: set[str] = set()
        """Values that somebody replaced who had them before his eyes."""
        self.next = seed * 1000
        self.ids = [
            town.first.write("household", "create", household(phone=self._phone()))["record_id"]
            for _ in range(RECORDS)
        ]
        for laptop in (town.first, town.second):
            laptop.send()
        town.first.send()
        self.unsent: dict[tuple[str, str], str] = {}

    def _phone(self) -> str:
        self.next += 1
        phone = f"137{self.next:08d}"
        self.entered.add(phone)
        return phone

    def write(self, laptop: Laptop) -> None:
        """Let a laptop change what it sees."""
        record_id = self.rng.choice(self.ids)
        key = (laptop.device_id, record_id)
        self.known.add(self.unsent.get(key) or laptop.records[record_id]["fields"]["phone"])
        self.unsent[key] = phone = self._phone()
        update(laptop, "household", record_id, phone=phone)
        self.town.clock.passes(minutes=1)

    def come(self, laptop: Laptop) -> None:
        """Let a laptop sync."""
        laptop.send()
        for key in [one for one in self.unsent if one[0] == laptop.device_id]:
            del self.unsent[key]

    def merge(self) -> None:
        """Let staff merge two records, whatever they are, with a value of either."""
        one, other = self.rng.choice(self.ids), self.rng.choice(self.ids)
        pick = self.rng.choice(("survivor", "merged"))
        seen = {self.town.row(each)["fields"]["phone"] for each in (one, other)}
        refused = self._try(lambda: self.town.merge(one, other, phone=pick))
        assert refused in ("", "unknown_record", "out_of_date", "conflicts_first")
        if not refused:
            self.known |= seen - {self.town.row(other)["fields"]["phone"]}

    @staticmethod
    def _try(act: Any) -> str:
        """Do something and return why it was refused, empty when it was done."""
        try:
            act()
        except Refusal as refusal:
            return refusal.code
        return ""

    def undo(self) -> None:
        """Let staff undo any merge in force."""
        with self.town.centre.store.reading() as connection:
            standing = sa.select(merges.c.merge_id).where(
                merges.c.undone_at.is_(None), merges.c.record_id.in_(self.ids)
            )
            found = list(connection.scalars(standing.order_by(merges.c.merge_id)))
        if found:
            chosen = self.rng.choice(found)
            assert self._try(lambda: self.town.undo(chosen)) in ("", "later_merge_first")

    def step(self) -> None:
        """Let something happen."""
        laptop = self.rng.choice((self.town.first, self.town.second))
        acts: list[Any] = [lambda: self.write(laptop), lambda: self.come(laptop), self.merge,
                           self.undo]  # fmt: skip
        self.rng.choices(acts, (5, 4, 3, 2))[0]()

    def check(self) -> None:
        """Everything that was sent is visible, beside what is, or was replaced by who knew it."""
        rows = {one: self.town.row(one) for one in self.ids}
        into = {one: row["merged_into"] for one, row in rows.items()}
        for one in self.ids:
            chain_of(one, into.__getitem__)  # raises where it goes round
        with self.town.centre.store.reading() as connection:
            kept = connection.execute(
                sa.select(conflicts.c.visible, conflicts.c.other).where(
                    conflicts.c.record_id.in_(self.ids), conflicts.c.path == "phone"
                )
            ).all()
        there = {row["fields"]["phone"] for row in rows.values()}
        there |= {value for pair in kept for value in pair}
        there |= set(self.unsent.values())
        assert self.entered - there - self.known == set()


@pytest.mark.parametrize("seed", range(1, 9))
def test_random_histories_lose_no_value_and_go_round_in_no_circle(town: Town, seed: int) -> None:
    run = Run(town, seed)
    for _ in range(STEPS):
        run.step()
        run.check()
    for laptop in (town.first, town.second, town.first):
        run.come(laptop)
    run.check()
    for laptop in (town.first, town.second):
        for one in run.ids:
            row = town.row(one)
            copy = laptop.records[one]
            assert copy["fields"] == row["fields"]
            assert copy.get("merged_into") == row["merged_into"]


def test_what_is_kept_does_not_depend_on_who_comes_first(town: Town) -> None:
    outcomes = []
    for order in permutations((town.first, town.second)):
        here, there = town.two(
            "household", household(phone="13800001111"), household(phone="13900002222")
        )
        update(town.first, "household", there, phone="13700000001", size=5)
        update(town.second, "household", there, phone="13700000002", remarks="有犬")
        merge_id = town.merge(there, here, phone="merged")
        for laptop in order:
            laptop.send()
        together = kept_of(town, here)
        town.undo(merge_id)
        outcomes.append((together, kept_of(town, here), kept_of(town, there)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0][0] == {"13700000001", "13700000002"}
    assert outcomes[0][1][0] == {"13800001111"}
    assert outcomes[0][2][0] == {"13700000001", "13700000002"}


def kept_of(town: Town, record_id: str) -> tuple[set[str], Any, Any]:
    """Return the phones of a record, visible or in an open conflict, and its other values."""
    with town.centre.store.reading() as connection:
        wanted = sa.select(records.c.fields).where(records.c.record_id == record_id)
        fields = connection.execute(wanted).scalar_one()
    phones = {fields["phone"]}
    for path, visible, other in town.open_conflicts(record_id):
        assert path == "phone"
        phones |= {visible, other}
    return phones, fields.get("size"), fields.get("remarks")
