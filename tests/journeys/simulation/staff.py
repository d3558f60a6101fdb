"""The staff at the centre: they settle conflicts, move grids between workers, restore backups."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.catalogue import kind_of
from sync_server.domain import deciding
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, conflict_desk, floors, refused
from sync_server.services.accounts import User, find_user
from sync_server.services.backup import back_up
from sync_server.services.decisions import Pick, decide
from sync_server.services.devices import revoke_device
from sync_server.services.epochs import begin_epoch
from sync_server.services.holdings import reassign
from tests.field_app.laptops import Hands
from tests.journeys.simulation.book import Book
from tests.journeys.simulation.centre import House
from tests.journeys.simulation.chance import Tally, count
from tests.sync_server.world import DISTRICT

CLERK = "s1"
MOST_COPIES = 4
CLOSE = timedelta(minutes=11)
"""How close to a hand-over a grid may count for either."""


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
    copies: list[Path] = field(default_factory=list)
    """Backups (files) and images of the centre's disk (folders)."""
    held: list[tuple[datetime, str, tuple[str, ...]]] = field(default_factory=list)
    """Who held which grids from when on."""
    revoked: set[str] = field(default_factory=set)
    """The devices that were ever refused."""
    decided: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        self.given = dict(self.grids)
        for no, grids in self.given.items():
            self._note(no, grids)
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

    def see_to_something_refused(self) -> None:
        """Release a refused change as it is, send it back to its writer, or do not take it."""
        open_ones = [
            row for row in self.house.rows("changes")
            if row["outcome"] == "quarantined" and row["desk"] not in ("answered", "dismissed")
        ]  # fmt: skip
        if not open_ones:
            return
        row = self.chance.choice(sorted(open_ones, key=lambda one: str(one["change_id"])))
        store, person, now = self.house.centre.store, self.person(), self.hands()
        with store.reading() as connection:
            seen = refused.open_case(connection, person, row["change_id"], "zh").seen
        what = (store, person, row["change_id"], seen)
        draw = self.chance.random()
        if draw < 0.4:
            with contextlib.suppress(Refusal):  # nothing it could be put right by
                refused.release(*what, lambda name: [], (), now, "zh")
        elif draw < 0.7:
            refused.send_back(*what, "请改正", {}, now)
        else:
            refused.dismiss(*what, "不采用", now)

    def revoke(self, device_id: str) -> None:
        """Refuse a laptop from now on."""
        if device_id in self.active_devices():
            count(self.tally, "staff: device revoked")
            self.revoked.add(device_id)
            with self.house.centre.store.writing() as connection:
                revoke_device(connection, DISTRICT, device_id, self.hands(), by=self.ids[CLERK])

    def active_devices(self) -> set[str]:
        """Return the devices that may take part, as the centre has them."""
        rows = self.house.rows("devices")
        return {row["device_id"] for row in rows if row["state"] == "active"}

    def move_a_grid(self) -> None:
        """Give a worker other grids than he has."""
        no = self.chance.choice(sorted(self.grids))
        every = sorted({grid for grids in self.given.values() for grid in grids})
        some = self.chance.sample(every, self.chance.randint(1, len(every)))
        if tuple(sorted(some)) != self.grids[no]:
            count(self.tally, "staff: grids moved")
            self.assign(no, tuple(sorted(some)))

    def assign(self, no: str, grids: tuple[str, ...]) -> None:
        """Give a worker these grids and no other."""
        with self.house.centre.store.writing() as connection:
            reassign(connection, DISTRICT, self.ids[no], grids, self.hands())
        self._note(no, grids)

    def _note(self, no: str, grids: tuple[str, ...]) -> None:
        self.grids[no] = grids
        self.held.append((self.hands(), no, grids))

    def surely_held(self, no: str, at: datetime) -> set[str]:
        """Return the grids a worker held all the time around a moment."""
        mine = [(since, set(grids)) for since, who, grids in self.held if who == no]
        before = [grids for since, grids in mine if since <= at - CLOSE]
        around = [grids for since, grids in mine if at - CLOSE < since <= at + CLOSE]
        return set.intersection(*before[-1:], *around) if before else set()

    def keep_copy(self) -> None:
        """Keep a copy of the whole centre: as its program makes it, or of all that lies there."""
        self.copies = [*self.copies[-MOST_COPIES:], self._copy()]

    def _copy(self) -> Path:
        house = self.house
        if house.on_postgres or self.chance.random() < 0.4:
            return house.keep_image()
        self.made += 1
        target = house.disk.here.parent / f"backup-{self.made}.db"
        back_up(house.centre, target, self.hands())
        return target

    def restore(self) -> None:
        """Go back to a copy as the handbook says; laptops bring what it lacks."""
        backups = [one for one in self.copies if one.is_file() or self.house.on_postgres]
        if not backups:
            return
        count(self.tally, "centre: backup restored")
        backup = self.chance.choice(backups)
        if self.house.on_postgres:
            self.house.replace_by(backup)
            with self.house.centre.store.writing() as connection:
                begin_epoch(connection, DISTRICT, self.hands())
            self.house.close()
            self.house.open()
        else:
            self.house.restore(backup)
        self._read_grids()

    def replace(self) -> None:
        """Go back to a copy and tell nobody, not even the program."""
        images = [one for one in self.copies if one.is_dir()]
        if images:
            count(self.tally, "centre: older copy slipped in")
            kept = floors.FILE if self.chance.random() < 0.5 else ""
            self.house.replace_by(self.chance.choice(images), kept=kept)
            self._read_grids()

    def _read_grids(self) -> None:
        """Who holds what is what stands there now."""
        numbers = {user_id: no for no, user_id in self.ids.items()}
        for row in self.house.rows("users"):
            no = numbers[row["user_id"]]
            if no in self.grids and self.grids[no] != tuple(row["scope_codes"]):
                self._note(no, tuple(row["scope_codes"]))
