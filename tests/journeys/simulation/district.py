"""One run: a district of laptops on a few grids, so many steps of work and trouble, then peace."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from field_app.services.joining import Request
from field_app.services.preferences import choose
from field_app.timer import Timer
from tests.field_app.laptops import CENTRE, GRID, NEXT_GRID, PASSPHRASE, Hands, Laptop
from tests.journeys.simulation.book import Book
from tests.journeys.simulation.centre import Disk, House
from tests.journeys.simulation.chance import Fuse, Tally, count, following, one_of
from tests.journeys.simulation.listener import Listener
from tests.journeys.simulation.machines import Accident, Machine
from tests.journeys.simulation.network import BROKEN, Network
from tests.journeys.simulation.staff import Staff, hire
from tests.journeys.simulation.sticks import Sticks
from tests.journeys.simulation.together import crowded
from tests.journeys.simulation.work import KINDS, Hand

TICK_S = 30.0
BAD_LINE_S, GOOD_LINE_S = 1800.0, 2400.0
ROUNDS = 3
"""After so many rounds of every laptop without faults nothing may be left."""
EDGES = [
    datetime(1970, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, tzinfo=UTC), datetime(2106, 2, 7, 6, 28, tzinfo=UTC),
]  # fmt: skip
"""Where an empty battery, or too few bits, may put a clock."""


@dataclass(frozen=True)
class Plan:
    """How large a run is. ``places`` are the laptops with their worker and his grids."""

    name: str
    places: Mapping[str, tuple[str, tuple[str, ...]]]
    steps: int
    most_machines: int
    work_at_once: int = 4

    @property
    def workers(self) -> dict[str, tuple[str, ...]]:
        """The workers with their grids at the start."""
        return dict(self.places.values())


SMALL = Plan(
    "small",
    {"a1": ("wa", (GRID,)), "a2": ("wa", (GRID,)), "b1": ("wb", (GRID,)),
     "c1": ("wc", (NEXT_GRID,))},
    steps=60,
    most_machines=6,
)  # fmt: skip
"""Two workers share a grid, one of them has two laptops."""


def build_district(folder: Path, plan: Plan = SMALL, disk: Disk | None = None) -> None:
    """Make a centre and joined laptops in ``folder``, to be copied for every run."""
    fuse, hands, tally, chance = Fuse(), Hands(), Tally(), random.Random(0)
    with following(plan.name, fuse):
        house = House(disk or Disk(folder), hands, chance, tally)
        with Network(house, chance, fuse, tally).laid():
            hire(house)
            ids = {no: house.worker(no, grids).user_id for no, grids in plan.workers.items()}
            for name, (no, _) in plan.places.items():
                laptop = Laptop(folder / name / "0", hands)
                code = house.code(ids[no])
                asked = Request(CENTRE, code, PASSPHRASE, PASSPHRASE, name)
                laptop.desk.join(asked, laptop.call)
                laptop.close()
        house.close()


@dataclass
class District:
    """A run under way."""

    folder: Path
    plan: Plan
    chance: random.Random
    fuse: Fuse
    hands: Hands
    house: House
    net: Network
    patch: pytest.MonkeyPatch
    tally: Tally
    book: Book = field(default_factory=Book)
    machines: list[Machine] = field(default_factory=list)
    clones: int = 0
    done: Tally = field(default_factory=Tally)
    at_once: float = 0.0
    """How likely another laptop is served between two transactions of a request."""
    dangers: tuple[float, ...] = (0.02, 0.1)
    """How likely the centre dies or refuses within a request: one of these."""
    _among: bool = False

    def __post_init__(self) -> None:
        self.acts = dict(ACTS)
        self.hand = Hand(self.chance, self.book, self.hands)
        self.staff = Staff(
            self.house, self.chance, self.hands, self.book, self.plan.workers, self.tally
        )
        self.listener = Listener(self.staff, self.house.holds)
        self.sticks = Sticks(self.house, self.chance, self.tally)
        self.net.heard = self.listener.heard
        self.sticks.heard = self.listener.read
        self.house.between = self._between
        for name, (worker, _) in self.plan.places.items():
            self.machines.append(
                Machine(name, self.folder / name, worker, self._clock(), self.fuse, self.tally)
            )
        for machine in self.machines:
            self.listener.knows(machine)

    def _clock(self) -> Hands:
        """Return the clock of one laptop: every third is wrong, some by years."""
        clock = Hands()
        clock.wall, draw = self.hands.wall, self.chance.random()
        if draw < 0.15:
            clock.wall += timedelta(days=self.chance.randint(-3650, 3650))
        elif draw < 0.25:
            clock.wall += timedelta(seconds=self.chance.randint(-7200, 7200))
        elif draw < 0.35:
            clock.wall = self.chance.choice(EDGES)
        if draw < 0.35:
            count(self.tally, "laptop: clock wrong")
        return clock

    def trouble(self) -> None:
        """Begin with records that all laptops have; then live through faults of all kinds."""
        self.first_records()
        self.net.trouble = self.chance.choice((0.1, 0.3, 0.5))
        self.net.danger = self.chance.choice(self.dangers)
        self.at_once = self.chance.choice((0.02, 0.1))
        for _ in range(self.plan.steps):
            self.pass_time(self.chance.uniform(1, 900))
            self._step(self.chance.choice(self.machines))

    def first_records(self) -> None:
        """Give every laptop the same records to begin with."""
        for machine in [*self.machines, *self.machines]:
            if not machine.disk:
                for kind in KINDS:
                    self.hand.create(machine, kind, None)
            machine.sync()

    def pass_time(self, seconds: float) -> None:
        """Let time pass on every clock."""
        for hands in [self.hands, *(machine.hands for machine in self.machines)]:
            hands.passes(seconds)

    def favour(self, acts: Mapping[str, float]) -> None:
        """Let these acts, by name, happen as often as said; ``danger`` is the centre's."""
        self.acts |= {act: acts[act.__name__] for act in ACTS if act.__name__ in acts}
        if "danger" in acts:
            self.dangers = (acts["danger"],)

    def _step(self, machine: Machine) -> None:
        act = one_of(self.chance, self.acts)
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        act(self, machine)

    def accident(self) -> Accident | None:
        """Return what befalls a laptop in what it does next: mostly nothing."""
        if self.chance.random() >= 0.2:
            return None
        return Accident(self.chance.randint(0, 14), self.chance.random() < 0.2)

    def clone(self, machine: Machine) -> None:
        """Let a laptop's disk go on in a second laptop, while there is room for one more."""
        if len(self.machines) < self.plan.most_machines:
            self.clones += 1
            self.machines.append(machine.clone(f"{machine.name}-{self.clones}", self._clock()))

    def _between(self) -> None:
        if self._among or not self.house.serving or self.chance.random() >= self.at_once:
            return
        idle = [machine for machine in self.machines if not machine.busy]
        self._among = True
        try:
            count(self.tally, "at once: served between two steps of another's exchange")
            self.chance.choice(idle).sync()
        finally:
            self._among = False

    def peace(self) -> None:
        """End the faults and let every laptop sync; afterwards nothing may be unsent (I12).

        Laptops that may not take part any more, or that an older copy of the centre does not
        know, join again first: staff give their workers new codes.
        """
        self.at_once = 0.0
        self.net.calm_down()
        for machine in self.machines:
            if machine.device_id not in self.staff.active_devices():
                self.join_again(machine)
        for number in range(1, ROUNDS + 1):
            for machine in self.machines:
                self.pass_time(30)
                progress = machine.sync(agreed=True)
                assert progress is not None
                ended = (machine.name, progress.stage, progress.error, progress.facts)
                assert progress.stage == "done" or number < ROUNDS, ended

    def join_again(self, machine: Machine) -> None:
        """Give a laptop another device; its store and all work on it stay."""
        trouble, self.net.trouble = self.net.trouble, 0.0
        danger, self.net.danger = self.net.danger, 0.0
        machine.join_again(self.house.code(self.staff.ids[machine.worker]))
        self.listener.knows(machine)
        self.net.trouble, self.net.danger = trouble, danger

    def left_alone(self, seconds: float) -> None:
        """Touch nothing for so long: only the laptops' own timers are at work, and no look at the
        centre's door helps them."""
        timers = {
            machine.name: Timer(
                machine.laptop.desk, steady=self._steady(machine), probe=lambda url: False
            )
            for machine in self.machines
        }
        for _ in range(int(seconds // TICK_S)):
            self.pass_time(TICK_S)
            for machine in self.machines:
                timers[machine.name].tick()
                while machine.laptop.desk.rounds.running:
                    time.sleep(0.001)

    def _steady(self, machine: Machine) -> Callable[[], float]:
        return lambda: machine.hands.steady

    def close(self) -> None:
        """Close every laptop."""
        for machine in self.machines:
            machine.close()


def left_to_themselves(run: District) -> None:
    """Let laptops with unsent work live through a bad line and then a good one, untouched: their
    timers alone bring everything home (I12)."""
    run.first_records()
    for machine in run.machines:
        choose(machine.ws, idle_minutes=120, sync_minutes=20)
        for _ in range(3):
            run.hand.work(machine, None)
    run.net.trouble, run.net.faults = 1.0, BROKEN
    run.left_alone(BAD_LINE_S)
    run.net.calm_down()
    run.left_alone(GOOD_LINE_S)
    for machine in run.machines:
        unsent = [one for one in machine.stored().values() if not one["acked"]]
        assert not unsent, (machine.name, len(unsent))


def work(run: District, machine: Machine) -> None:
    """A worker saves some things."""
    accident = run.accident()
    for _ in range(run.chance.randint(1, run.plan.work_at_once)):
        run.hand.work(machine, accident)
        accident = None


def sync(run: District, machine: Machine) -> None:
    """A worker syncs."""
    machine.sync(run.accident(), agreed=run.chance.random() < 0.5)


def stick(run: District, machine: Machine) -> None:
    """A file is carried on a stick."""
    run.sticks.do_something(machine, run.accident(), run.net.danger)


def late(run: District, machine: Machine) -> None:
    """Something old arrives."""
    run.net.something_late()


def jump(run: District, machine: Machine) -> None:
    """A laptop's clock jumps."""
    count(run.tally, "laptop: clock jumped")
    if run.chance.random() < 0.2:
        machine.hands.wall = run.chance.choice(EDGES)
    else:
        sign = run.chance.choice((-1, 1))
        machine.hands.wall += timedelta(seconds=sign * 4 ** run.chance.randint(4, 14))


def copy(run: District, machine: Machine) -> None:
    """A laptop's disk is copied, or its program makes a backup."""
    if run.chance.random() < 0.5:
        machine.snapshot()
    else:
        machine.back_up()


def back(run: District, machine: Machine) -> None:
    """A laptop gets an older state of its store back."""
    if machine.copies and run.chance.random() < 0.6:
        machine.go_back_to(run.chance.choice(machine.copies))
    else:
        machine.restore_backup()


def clone(run: District, machine: Machine) -> None:
    """A laptop's disk goes on in a second one."""
    run.clone(machine)


def staff_settles(run: District, machine: Machine) -> None:
    """Staff settle a conflict."""
    run.staff.settle_something()


def grids_move(run: District, machine: Machine) -> None:
    """Staff give grids to other workers."""
    run.staff.move_a_grid()


def revoked(run: District, machine: Machine) -> None:
    """Staff refuse a laptop; its worker finds out, and often gets a new code at once."""
    run.staff.revoke(machine.device_id)
    machine.sync()
    if run.chance.random() < 0.5:
        run.join_again(machine)


def refused_seen_to(run: District, machine: Machine) -> None:
    """Staff see to a change that was refused."""
    run.staff.see_to_something_refused()


def centre_copied(run: District, machine: Machine) -> None:
    """The centre is backed up."""
    run.staff.keep_copy()


def centre_restored(run: District, machine: Machine) -> None:
    """The centre gets an older state back."""
    run.staff.restore()


def centre_replaced(run: District, machine: Machine) -> None:
    """The centre gets an older state back and nobody says so."""
    run.staff.replace()


Act = Callable[[District, Machine], None]
ACTS: dict[Act, float] = {
    work: 50, sync: 30, stick: 6, late: 6, jump: 3, copy: 5, back: 4, clone: 2, staff_settles: 4,
    refused_seen_to: 2, grids_move: 1.5, revoked: 0.7, centre_copied: 3, centre_restored: 1,
    centre_replaced: 1,
}  # fmt: skip


@contextmanager
def district(
    seed: str, template: Path, folder: Path, plan: Plan = SMALL, disk: Disk | None = None
) -> Iterator[District]:
    """Set up the run of a seed on a copy of ``template``; at the end it is cleaned away.

    ``disk`` is the centre's, holding what the template's holds (a database of its own).
    """
    shutil.copytree(template, folder, dirs_exist_ok=True)
    fuse, chance, hands, tally = Fuse(), random.Random(f"run {seed}"), Hands(), Tally()
    try:
        with following(seed, fuse) as patch:
            house = House(disk or Disk(folder), hands, chance, tally)
            net = Network(house, chance, fuse, tally)
            with net.laid():
                run = District(folder, plan, chance, fuse, hands, house, net, patch, tally)
                try:
                    with crowded(run, seed):
                        yield run
                finally:
                    run.close()
                    house.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
