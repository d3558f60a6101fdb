"""Real ``kill -9`` at random moments of a laptop's store, of its creation and of the centre.

A life is one fork: it opens the store, checks everything in it, tells how far it is, goes on saving
and tells of each commit once it is confirmed, until it is killed: while it opens, checks, saves,
folds its WAL, copies itself or closes. The next life must find at least all that was confirmed.
"""

from __future__ import annotations

import gc
import itertools
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.torture.databases import Databases
from tests.torture.forks import CONFIRMED, OPENED, Fork, Say, Told
from tests.torture.lanes import cores, in_lanes, shares, summed
from tests.torture.subjects import CentreOf, LaptopStore, Place, Subject, Wrong

FULL = 10_000
LIVES = 15
"""After so many lives a store begins anew, else checking it would take most of a life."""
WARMING = 6
"""Commits made in the process whose forks are killed."""
BIRTHS = 0.05
"""The share of the laptop's kills that meet the creation of a worker's store."""


class Births(LaptopStore):
    """A laptop on which one worker after another is created."""

    name = "creation"

    def create(self, place: Place) -> None:
        """Nothing is there at first."""

    def commits(self, place: Place, first: int) -> Iterator[int]:
        """Create worker after worker."""
        vault = self.vault(place)
        for number in itertools.count(first):
            store, _ = vault.create(f"w{number:05d}", None, "correct horse")
            store.close()
            yield number

    def last(self, place: Place) -> int:
        """Count the workers, all listed in a row, the newest two whole."""
        vault = self.vault(place)
        with vault.instance_lock():
            names = [entry.worker_id for entry in vault.workers()]
        if names != [f"w{number:05d}" for number in range(1, len(names) + 1)]:
            raise Wrong(f"workers {names[-3:]}")
        folders = list((vault.folder / "workers").iterdir())
        if len(folders) != len(names):
            raise Wrong(f"{len(folders)} folders for {len(names)} workers")
        for name in names[-2:]:
            vault.unlock(name, "correct horse").close()
        return len(names)


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Kill; return the figures, with ``violations`` in words. The laptop has no other database."""
    kills = max(int(FULL * scale), 10)
    figures: dict[str, Any] = {}
    if database is None:
        births = max(int(kills * BIRTHS), 3)
        figures["laptop"] = _kill(LaptopStore(), kills - births, None)
        figures["creation"] = _kill(Births(), births, None)
    figures["centre"] = _kill(CentreOf(), kills, database)
    figures["centre"]["database"] = "postgresql" if database else "sqlite"
    return figures


def life(subject: Subject, place: Place) -> Callable[[Say], None]:
    """What a fork does: open, check, save for ever."""

    def live(say: Say) -> None:
        last = subject.last(place)
        say(OPENED, last)
        with closing(subject.commits(place, last + 1)) as commits:  # type: ignore[type-var]
            for number in commits:
                say(CONFIRMED, number)

    return live


def _kill(subject: Subject, kills: int, database: str | None) -> dict[str, Any]:
    began = time.monotonic()
    lanes = shares(kills, cores())
    seeds = [random.randrange(2**32) for _ in lanes]
    figures = summed(in_lanes(_lane, [subject] * len(lanes), lanes, seeds, [database] * len(lanes)))
    seconds = time.monotonic() - began
    figures["seconds"] = round(seconds, 1)
    figures["per_second"] = round(figures["kills"] / seconds, 1)
    return figures


def _lane(subject: Subject, kills: int, seed: int, database: str | None) -> dict[str, Any]:
    """Kill so often, one store after the other, all in the same place and all alike at first."""
    figures: dict[str, Any] = {
        "kills": 0, "before_open": 0, "confirmed": 0, "lost": 0, "unopenable": 0, "violations": [],
    }  # fmt: skip
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-kills-"))
    databases = Databases(database)
    with databases.fresh() as url:
        origin = Place(folder / "origin", url)
        origin.folder.mkdir()
        subject.create(origin)
        _warm(subject, origin, databases, folder / "store")
        while figures["kills"] < kills:
            lives = min(LIVES, kills - figures["kills"])
            with _copied(origin, databases, folder / "store") as place:
                _one_store(subject, lives, rng, place, figures)
    if not figures["violations"]:
        shutil.rmtree(folder)
    return figures


@contextmanager
def _copied(origin: Place, databases: Databases, folder: Path) -> Iterator[Place]:
    """Give a store like another; it is gone afterwards unless somebody moved it away."""
    shutil.copytree(origin.folder, folder)
    with databases.fresh(like=origin.url) as url:
        yield Place(folder, url)
    shutil.rmtree(folder, ignore_errors=True)


def _warm(subject: Subject, origin: Place, databases: Databases, folder: Path) -> None:
    """Use a store a little in this process: what a life finds done there, it need not do, which is
    all but the calls to the disk and the database."""
    with _copied(origin, databases, folder) as place:
        with closing(subject.commits(place, 1)) as commits:  # type: ignore[type-var]
            for _ in itertools.islice(commits, WARMING):
                pass
        subject.last(place)
    gc.collect()
    gc.freeze()


def _life(fork: Fork, rng: random.Random, pace: list[float]) -> Told:
    """Kill a fork at any moment up to some time after it usually begins to confirm."""
    told = fork.kill_after(rng.uniform(0, 2.5 * pace[0])) if pace else fork.kill_when_confirmed()
    if told.first_s is not None:
        pace[:] = [0.9 * pace[0] + 0.1 * told.first_s if pace else told.first_s]
    return told


def _one_store(
    subject: Subject, lives: int, rng: random.Random, place: Place, figures: dict[str, Any]
) -> None:
    """Some lives of one store, and a last one that is let live until it has checked itself."""
    confirmed, pace = 0, list[float]()
    for number in range(lives + 1):
        if number < lives:
            told = _life(Fork(life(subject, place)), rng, pace)
            figures["kills"] += 1
        else:
            told = Fork(lambda say: say(OPENED, subject.last(place))).finish()
        wrong = told.failure
        if told.opened is not None and told.opened < confirmed:
            figures["lost"] += confirmed - told.opened
            wrong = f"{told.opened} found, {confirmed} confirmed"
        elif told.failure:
            figures["unopenable"] += 1
        if wrong:
            kept = place.folder.rename(place.folder.with_name(f"failed-{figures['kills']}"))
            figures["violations"].append(f"{subject.name}, {kept}: {wrong}")
            return
        figures["before_open"] += told.opened is None
        figures["confirmed"] += len(told.confirmed)
        confirmed = max([confirmed, *told.confirmed])
