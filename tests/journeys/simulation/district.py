"""One run: a district of four laptops on two grids, some hundred steps, then peace."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from field_app.services.joining import Request
from tests.field_app.laptops import CENTRE, GRID, NEXT_GRID, PASSPHRASE, Hands, Laptop
from tests.journeys.simulation.book import Book
from tests.journeys.simulation.chance import Fuse, following
from tests.journeys.simulation.machines import Machine
from tests.journeys.simulation.network import Network
from tests.journeys.simulation.work import KINDS, Hand

STEPS = 60
MOST_MACHINES = 6
ROUNDS = 3
"""After so many rounds of every laptop without faults nothing may be left."""
PLACES = {"a1": ("wa", GRID), "a2": ("wa", GRID), "b1": ("wb", GRID), "c1": ("wc", NEXT_GRID)}
"""The laptops, with their worker and grid: two workers share a grid, one has two laptops."""


def build_district(folder: Path) -> None:
    """Make a centre and joined laptops in ``folder``, to be copied for every run."""
    fuse, hands = Fuse(), Hands()
    with (
        following("district", fuse),
        Network(folder / "centre", hands, random.Random(0), fuse) as net,
    ):
        workers = {no: net.worker(no, (grid,)) for no, grid in sorted(set(PLACES.values()))}
        for name, (no, _) in PLACES.items():
            laptop = Laptop(folder / name / "0", hands)
            asked = Request(CENTRE, net.code(workers[no]), PASSPHRASE, PASSPHRASE, name)
            laptop.desk.join(asked, laptop.call)
            laptop.close()


@dataclass
class District:
    """A run under way."""

    folder: Path
    chance: random.Random
    fuse: Fuse
    hands: Hands
    net: Network
    patch: pytest.MonkeyPatch
    book: Book = field(default_factory=Book)
    machines: list[Machine] = field(default_factory=list)
    clones: int = 0
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hand = Hand(self.chance, self.book)
        for name in PLACES:
            self.machines.append(Machine(name, self.folder / name, self._clock(), self.fuse))

    def _clock(self) -> Hands:
        """Return the clock of one laptop: about every third is years off."""
        clock = Hands()
        clock.wall = self.hands.wall
        if self.chance.random() < 0.35:
            clock.wall += timedelta(days=self.chance.randint(-3650, 3650))
        return clock

    def trouble(self) -> None:
        """Begin with records that all laptops have; then live through faults of all kinds."""
        for machine in [*self.machines, *self.machines]:
            if not machine.disk:
                for kind in KINDS:
                    self.hand.create(machine, kind, None)
            machine.sync()
        self.net.trouble = self.chance.choice((0.1, 0.3, 0.5))
        for _ in range(STEPS):
            self._pass(self.chance.uniform(1, 900))
            self._step(self.chance.choice(self.machines))

    def _pass(self, seconds: float) -> None:
        for hands in [self.hands, *(machine.hands for machine in self.machines)]:
            hands.passes(seconds)

    def _step(self, machine: Machine) -> None:
        steps = self.chance.randint(0, 14) if self.chance.random() < 0.2 else None
        (act,) = self.chance.choices(
            [self._work, self._sync, self._late, self._jump, self._copy, self._back, self._clone],
            [50, 30, 6, 3, 5, 4, 2],
        )
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        act(machine, steps)

    def _work(self, machine: Machine, steps: int | None) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self.hand.work(machine, steps)
            steps = None

    def _sync(self, machine: Machine, steps: int | None) -> None:
        machine.sync(steps)

    def _late(self, machine: Machine, steps: int | None) -> None:
        self.net.something_late()

    def _jump(self, machine: Machine, steps: int | None) -> None:
        machine.hands.wall += timedelta(seconds=self.chance.choice((-1, 1)) * 4 ** (
            self.chance.randint(4, 14)
        ))  # fmt: skip

    def _copy(self, machine: Machine, steps: int | None) -> None:
        if self.chance.random() < 0.5:
            machine.snapshot()
        else:
            machine.back_up()

    def _back(self, machine: Machine, steps: int | None) -> None:
        if machine.copies and self.chance.random() < 0.6:
            machine.go_back_to(self.chance.choice(machine.copies))
        else:
            machine.restore_backup()

    def _clone(self, machine: Machine, steps: int | None) -> None:
        if len(self.machines) < MOST_MACHINES:
            self.clones += 1
            self.machines.append(machine.clone(f"{machine.name}-{self.clones}", self._clock()))

    def peace(self) -> None:
        """End the faults and let every laptop sync; afterwards nothing may be unsent (I12)."""
        self.net.calm_down()
        for number in range(1, ROUNDS + 1):
            for machine in self.machines:
                self._pass(30)
                progress = machine.sync()
                assert progress is not None
                ended = (machine.name, progress.stage, progress.error, progress.facts)
                assert progress.stage == "done" or number < ROUNDS, ended

    def close(self) -> None:
        """Close every laptop."""
        for machine in self.machines:
            machine.close()


@contextmanager
def district(seed: str, template: Path, folder: Path) -> Iterator[District]:
    """Set up the run of a seed on a copy of ``template``; at the end it is cleaned away."""
    shutil.copytree(template, folder)
    fuse, chance, hands = Fuse(), random.Random(f"run {seed}"), Hands()
    try:
        with (
            following(seed, fuse) as patch,
            Network(folder / "centre", hands, chance, fuse) as net,
        ):
            run = District(folder, chance, fuse, hands, net, patch)
            try:
                yield run
            finally:
                run.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
