"""What workers do in the simulation: they save whatever comes to hand."""

from __future__ import annotations

import dataclasses
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from field_app.services.records import Saved, get_view, save_record, views
from field_app.services.workspace import Workspace
from schemas.catalogue import kind_of
from schemas.clock import written
from tests.field_app.laptops import Hands
from tests.journeys.simulation.book import Book
from tests.journeys.simulation.machines import Accident, Machine

KINDS = ("household", "resident", "visit", "issue")
FOREIGN = "990101100009099"
"""A grid nobody of the simulation holds."""
TEXTS = {"household": "remarks", "resident": "move_reason", "visit": "findings", "issue": "text"}


class Hand:
    """Enters things at one laptop after another; every text it types is new."""

    def __init__(self, chance: random.Random, book: Book, hands: Hands) -> None:
        self._chance = chance
        self._hands = hands
        self._book = book

    def _word(self) -> str:
        return self._book.word()

    def _id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _phone(self) -> str:
        self._book.typed += 1
        return f"139{self._book.typed:08d}"

    def work(self, machine: Machine, accident: Accident | None) -> None:
        """Save one thing; an accident may befall the laptop."""
        draw = self._chance.random()
        if draw < 0.25:
            self.create(machine, self._chance.choice(KINDS), accident)
        elif draw < 0.84:
            self.update(machine, accident)
        elif draw < 0.89:
            self.void(machine, accident)
        elif draw < 0.95:
            self.append_step(machine, accident)
        elif draw < 0.97:
            self.correct(machine, accident)
        else:
            self.plant(machine, accident)

    def create(self, machine: Machine, kind: str, accident: Accident | None, **how: Any) -> None:
        """Save a new record."""
        values = self._whole(machine.ws, kind)
        if kind in ("resident", "visit"):
            values["household_id"] = self._one(machine.ws, "household") or self._id()
        self._save(machine, accident, kind, "create", values, **how)

    def update(
        self, machine: Machine, accident: Accident | None, kind: str = "", **how: Any
    ) -> None:
        """Change something of a record on the screen."""
        kind = kind or self._chance.choice(KINDS)
        record_id = self._one(machine.ws, kind)
        if record_id is not None:
            self._save(machine, accident, kind, "update", self._new_values(kind), record_id, **how)

    def void(self, machine: Machine, accident: Accident | None) -> None:
        """Void a record."""
        kind = self._chance.choice(KINDS)
        record_id = self._one(machine.ws, kind)
        if record_id is not None:
            self._save(machine, accident, kind, "void", {"reason": self._word()}, record_id)

    def append_step(self, machine: Machine, accident: Accident | None) -> None:
        """Write a note under an issue."""
        issue_id = self._one(machine.ws, "issue", own=False)
        if issue_id is not None:
            said = {"issue_id": issue_id, "action": "note", "at": written(machine.ws.now())}
            self._save(machine, accident, "issue_step", "step", said | {"text": self._word()})

    def plant(self, machine: Machine, accident: Accident | None) -> None:
        """Save what the laptop takes and only the centre refuses."""
        kind = self._chance.choice(KINDS)
        if self._chance.random() < 0.5:
            with newer_program(kind):
                how = {"planted": "unknown_schema"}
                if self._chance.random() < 0.5:
                    self.create(machine, kind, accident, **how)
                else:
                    self.update(machine, accident, kind, **how)
        else:
            grids = machine.ws.grids
            machine.ws.keep_setting("identity", grids=[*grids, FOREIGN])
            self.create(machine, kind, accident, grid=FOREIGN, planted="out_of_area")
            machine.ws.keep_setting("identity", grids=list(grids))

    def correct(self, machine: Machine, accident: Accident | None) -> None:
        """Correct a change the centre has refused, so that it can be taken."""
        refused = [
            one
            for one in machine.stored().values()
            if one["outcome"] == "quarantined"
            and not one["settled"]
            and one["action"] in ("create", "update")
            and one["grid"] != FOREIGN
            and one["kind"] in KINDS
        ]
        if refused:
            one = self._chance.choice(sorted(refused, key=lambda one: str(one["change_id"])))
            values = self._new_values(one["kind"])
            if one["action"] == "create":  # as the form does, which holds all the worker sees
                view = get_view(machine.ws, one["kind"], one["record_id"])
                values = (view["fields"] if view else {}) | values
            what = (one["kind"], one["action"], values, one["record_id"])
            self._save(machine, accident, *what, corrects=one["change_id"])

    def _whole(self, ws: Workspace, kind: str) -> dict[str, Any]:
        now = written(ws.now())
        match kind:
            case "household":
                made: dict[str, Any] = {"code": self._word(), "kind": "family", "size": 3}
                return made | {"room_id": self._id(), "phone": self._phone()}
            case "resident":
                made = {"name": "林示例", "sex": "1", "birth": "1951-04", "relation": "02"}
                made |= {"reside": "registered", "notice_version": "2026-1"}
                return made | {"notice_at": "2026-09-30T08:41:00+08:00", "basis": "consent"}
            case "visit":
                made = {"visited_at": now, "purposes": ["routine"], "mode": "door"}
                return made | {"result": "met", "notice_given": True, "findings": self._word()}
        made = {"happened_at": now, "category": "ENV", "level": "2", "urgency": "normal"}
        made |= {"source": "patrol", "place": "3号楼", "title": self._word()}
        return made | {"text": self._word()}

    def _new_values(self, kind: str) -> dict[str, Any]:
        """Return new values of one or two fields; now and then one is emptied or common."""
        text: dict[str, Any] = {TEXTS[kind]: self._word()}
        options = [text, text]
        match kind:
            case "household":
                options += [{"phone": self._phone()}, {"head_id": self._id()}]
                options += [{"size": self._chance.randint(1, 4)}, {"remarks": None}]
            case "resident":
                options += [{"phone": self._phone()}, {"phone": None}]
            case "visit":
                said = {"category": "green", "text": self._word()}
                key = self._chance.choice(("a1", "a2", "a3"))
                options += [{"opinions": {key: said}}, {"rating": self._chance.randint(1, 5)}]
            case "issue":
                options += [{"title": self._word()}, {"people": self._chance.randint(1, 4)}]
        chosen = self._chance.sample(options, self._chance.randint(1, 3))
        return {name: value for one in chosen for name, value in one.items()}

    def _own_grid(self, machine: Machine) -> str:
        return self._chance.choice([grid for grid in machine.ws.grids if grid != FOREIGN])

    def _one(self, ws: Workspace, kind: str, *, own: bool = True) -> str | None:
        """Return a record on the screen that this worker may change: one of the first, which all
        know and fight about, or one of the last."""
        bound = own and kind_of(kind).info.only_author
        found = sorted(
            view["record_id"]
            for view in views(ws, kind)
            if (not bound or view["author"] == ws.worker_id)
            and any(view["grid"].startswith(grid) for grid in ws.grids)
        )
        some = found[:2] if self._chance.random() < 0.6 else found[-4:]
        return self._chance.choice(some) if some else None

    def _save(
        self,
        machine: Machine,
        accident: Accident | None,
        kind: str,
        action: Any,
        values: dict[str, Any],
        record_id: str | None = None,
        *,
        planted: str = "",
        grid: str | None = None,
        corrects: str | None = None,
    ) -> None:
        before = get_view(machine.ws, kind, record_id) if record_id else None
        where: dict[str, Any] = {
            "record_id": record_id,
            "grid": grid or self._own_grid(machine),
        }
        if record_id:
            where = {"record_id": record_id, "corrects": corrects}

        def save() -> Saved:
            return save_record(machine.ws, kind, action, values, **where)

        saved: Saved | None = machine.live(accident, save)
        if saved is not None:
            assert saved.saved or corrects, (kind, action, values, saved.problems)
        # Whoever died in saving finds out by looking at the disk whether it stands.
        stored = machine.stored()
        for change_id in sorted(stored):
            if change_id not in self._book.entries:
                change = stored[change_id]  # or what it answers by itself: a correction
                self._book.note(
                    change, before, machine.name, machine.worker, self._hands(), machine.disk,
                    planted if change["kind"] == kind else "",
                )  # fmt: skip
                machine.disk.append(change_id)
        if saved is not None and saved.change_id is not None:
            assert saved.change_id in machine.disk


@contextmanager
def newer_program(kind: str) -> Iterator[None]:
    """Let the laptop believe that it is a version ahead of the centre in one kind."""
    declared = kind_of(kind)
    newer = dataclasses.replace(declared.info, version=declared.info.version + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declared, "info", newer)
        yield
