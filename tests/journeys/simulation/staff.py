"""The staff at the centre: they settle conflicts, move grids between workers, restore backups."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.domain import deciding
from sync_server.services import accounts, conflict_desk
from sync_server.services.accounts import User, find_user
from sync_server.services.decisions import Pick, decide
from sync_server.services.epochs import begin_epoch
from sync_server.store.tables import users
from tests.field_app.laptops import Hands
from tests.journeys.simulation.book import Book
from tests.journeys.simulation.centre import House
from tests.journeys.simulation.chance import Tally, count
from tests.sync_server.world import DISTRICT

CLERK = "s1"
MOST_COPIES = 4


def hire(house: House) -> User:
    """Make the account of the staff."""
    with house.centre.store.writing() as connection:
        return accounts.add_user(
            connection, DISTRICT, no=CLERK, name="李示例", role="district",
            scope_codes=(DISTRICT,), now=house.hands(),
        )  # fmt: skip


@dataclass
class Staff:
    """``grids`` are each worker's at this moment, by his number."""

    house: House
    chance: random.Random
    hands: Hands
    book: Book
    grids: dict[str, tuple[str, ...]]
    tally: Tally
    images: list[Path] = field(default_factory=list)
    decided: int = 0

    def __post_init__(self) -> None:
        self.ids = {row["no"]: row["user_id"] for row in self.house.rows("users")}

    def person(self) -> User:
        """Return who sits at the desk."""
        with self.house.centre.store.reading() as connection:
            found = find_user(connection, DISTRICT, self.ids[CLERK])
        assert found is not None
        return found

    def settle_something(self) -> None:
        """Decide an open conflict, or now and then one that the rule decided."""
        rows = [
            row for row in self.house.rows("conflicts")
            if row["decision"] is None or (row["automatic"] and self.chance.random() < 0.1)
        ]  # fmt: skip
        if rows:
            self._settle(self.chance.choice(sorted(rows, key=lambda row: row["conflict_id"])))

    def _settle(self, row: Mapping[str, Any]) -> None:
        house, record_id = self.house, row["record_id"]
        (record,) = [one for one in house.rows("records") if one["record_id"] == record_id]
        kind, state = kind_of(record["kind"]), conflict_desk.standing(record, row)
        with house.centre.store.reading() as connection:
            naming = conflict_desk.naming_keys(connection, DISTRICT, [row])
        named = row["path"].partition(".")[2] in naming
        choice = self.chance.choice(deciding.choices(kind, state, names_record=named))
        pick = Pick(
            choice, deciding.seen_mark(row, state), words="请核实" if choice == "ask" else "",
            asked_of=row["author"], value=self._written(row["path"], row["other"]),
        )  # fmt: skip
        before = {one["change_id"] for one in house.rows("changes")}
        troubles = decide(
            house.centre.store, self.person(), record_id, {row["conflict_id"]: pick},
            self.hands(), "en",
        )  # fmt: skip
        self.decided += not troubles
        origin = record["origins"].get(row["path"]) or record["origins"].get("")
        shown = {row["change_id"], row["visible_change_id"], (origin or {}).get("change_id")}
        if record["voided"]:  # whoever lets it stand again has seen who voided it
            shown |= {one["change_id"] for one in house.rows("changes")
                      if one["record_id"] == record_id and one["action"] == "void"}  # fmt: skip
        for change in house.rows("changes"):
            mine = change["record_id"] == record_id and change["change_id"] not in before
            if mine and change["device_id"] is None:
                self.book.note_staff(change, shown)

    def _written(self, path: str, other: Any) -> Any:
        """Return a value of the kind that stands in the conflict."""
        if isinstance(other, str) and path in ("remarks", "findings", "text", "title"):
            return self.book.word()
        return other

    def move_a_grid(self) -> None:
        """Give a grid to another worker, or take one away or give one more."""
        no = self.chance.choice(sorted(self.grids))
        every = sorted({grid for grids in self.grids.values() for grid in grids})
        some = self.chance.sample(every, self.chance.randint(1, len(every)))
        if tuple(sorted(some)) != self.grids[no]:
            count(self.tally, "staff: grids moved")
            self.assign(no, tuple(sorted(some)))

    def assign(self, no: str, grids: tuple[str, ...]) -> None:
        """Give a worker these grids and no other."""
        with self.house.centre.store.writing() as connection:
            connection.execute(
                sa.update(users)
                .where(users.c.district == DISTRICT, users.c.user_id == self.ids[no])
                .values(scope_codes=list(grids))
            )
        self.grids[no] = grids

    def keep_copy(self) -> None:
        """Keep a copy of the whole centre."""
        self.images = [*self.images[-MOST_COPIES:], self.house.keep_image()]

    def restore(self) -> None:
        """Put an older copy in the centre's place, as the handbook says."""
        if self.images:
            count(self.tally, "centre: backup restored")
            self._put_back(self.chance.choice(self.images))
            with self.house.centre.store.writing() as connection:
                begin_epoch(connection, DISTRICT, self.hands())
            self.house.close()
            self.house.open()

    def replace(self) -> None:
        """Put an older copy in the centre's place and tell nobody."""
        if self.images:
            count(self.tally, "centre: older file slipped in")
            self._put_back(self.chance.choice(self.images))

    def _put_back(self, image: Path) -> None:
        self.house.replace_by(image)
        # Who holds what is what stands there now.
        ids = {user_id: no for no, user_id in self.ids.items()}
        for row in self.house.rows("users"):
            if ids.get(row["user_id"]) in self.grids:
                self.grids[ids[row["user_id"]]] = tuple(row["scope_codes"])
