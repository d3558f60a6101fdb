"""The centre's machine: it dies at any step, its disk is full, it gets older copies of itself.

The real centre runs on it, on SQLite or PostgreSQL. Steps are every statement, every commit and
what lies between two transactions of one request; whatever was not committed is gone afterwards.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from sync_server.app import app_of
from sync_server.services.accounts import User
from sync_server.services.centre import Centre, open_centre
from sync_server.services.devices import issue_join_code
from sync_server.services.restore import restore
from sync_server.settings import Settings
from sync_server.store.engine import Store
from sync_server.store.tables import changes, metadata
from tests.field_app.laptops import CENTRE, Hands
from tests.journeys.simulation.chance import Tally, count
from tests.sync_server.world import DISTRICT, add_worker

Answer = tuple[int, dict[str, str], bytes]
MOST_STEPS = 30
"""The most steps a request may live through before the centre dies or refuses."""


class CentreKilled(BaseException):
    """The centre's power is gone."""


class Disk:
    """Where the centre's data lie: a folder with an SQLite file in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lives = 0
        self._copies = 0
        (folder / "centre" / "0").mkdir(parents=True, exist_ok=True)

    @property
    def here(self) -> Path:
        """The folder of the running centre."""
        return self._folder / "centre" / str(self._lives)

    @property
    def url(self) -> str:
        """The database's address; empty for the file in the folder."""
        return ""

    def image(self) -> Path:
        """Copy everything as it lies there, half-written or not; return where the copy is."""
        self._copies += 1
        copy = self._folder / "centre-copies" / str(self._copies)
        shutil.copytree(self.here, copy)
        return copy

    def put_back(self, copy: Path) -> None:
        """Make the copy what lies there. The centre must be closed."""
        old = self.here
        self._lives += 1
        shutil.copytree(copy, self.here)
        shutil.rmtree(old)


class Cluster(Disk):
    """The same on PostgreSQL; ``run_sql`` speaks to the server, ``url_of`` names a database."""

    def __init__(
        self, folder: Path, run_sql: Callable[[str], None], url_of: Callable[[str], str], name: str
    ) -> None:
        super().__init__(folder)
        self._run_sql, self._url_of, self._name = run_sql, url_of, name
        self.made: list[str] = [name]

    @property
    def url(self) -> str:
        """The database's address."""
        return self._url_of(self._name)

    def image(self) -> Path:
        """Copy the database too. Nobody may be connected to it."""
        copy = super().image()
        (copy / "database").write_text(self._copied(self._name))
        return copy

    def put_back(self, copy: Path) -> None:
        """Make the copy what lies there."""
        super().put_back(copy)
        self._name = self._copied((copy / "database").read_text())

    def _copied(self, name: str) -> str:
        new = f"{self.made[0]}_{len(self.made)}"
        self.made.append(new)
        self._run_sql(f"CREATE DATABASE {new} TEMPLATE {name}")
        return new


@dataclass
class Dying:
    """What befalls the centre within one request: at step ``left`` it dies or refuses."""

    left: int
    full: bool
    at_commit: bool = False
    """Refused at a commit, not before."""


class House:
    """The running centre. ``between`` is called where others may be served meanwhile."""

    def __init__(self, disk: Disk, hands: Hands, chance: random.Random, tally: Tally) -> None:
        self.disk = disk
        self.hands = hands
        self.tally = tally
        self.between: Callable[[], None] = lambda: None
        self.lost: set[str] = set()
        """Changes that were in the centre's tables and went with an older copy's return."""
        self.goings_back = 0
        """How often an older copy took its place."""
        self._chance = chance
        self._fate: Dying | None = None
        self._serving = 0
        self._image: Path | None = None
        self.open()

    def open(self) -> None:
        """Start the program on what lies on the disk."""
        self.centre: Centre = open_centre(
            Settings(
                self.disk.here, database_url=self.disk.url, district=DISTRICT, testing=True,
                joins_per_minute=10_000,
            ),
            self.hands,
        )  # fmt: skip
        self.client = app_of(self.centre).test_client()
        _watch(self.centre.store, self)

    def close(self) -> None:
        """End the program."""
        self.centre.store.close()

    def restart(self) -> None:
        """End the program and start it again."""
        self.close()
        self.open()

    def answer(
        self, method: str, path: str, body: bytes, headers: dict[str, str], danger: float
    ) -> Answer | None:
        """Serve one request; None when the centre died of it. ``danger`` is how likely that is."""

        def served() -> Answer:
            response = self.client.open(
                path, method=method, base_url=CENTRE, data=body, headers=headers
            )
            return response.status_code, dict(response.headers), response.data

        answer: Answer | None = self.guarded(served, danger)
        return answer

    def guarded(self, act: Callable[[], Any], danger: float) -> Any:
        """Let the centre do something it may die of; None when it did."""
        before, self._fate = self._fate, self._drawn(danger)
        self._serving += 1
        try:
            return act()
        except CentreKilled:
            self._rise()
            return None
        finally:
            self._serving -= 1
            self._fate = before

    def _drawn(self, danger: float) -> Dying | None:
        if self._serving or self._chance.random() >= danger:
            return None
        left, full = self._chance.randint(0, MOST_STEPS), self._chance.random() < 0.35
        return Dying(left, full, full and self._chance.random() < 0.4)

    def step(self, statement: str) -> None:
        """Die or refuse if it is time."""
        fate = self._fate
        if fate is None or self._serving != 1:
            return
        fate.left -= 1
        if fate.left > 0:
            return
        refusing = ("COMMIT",) if fate.at_commit else ("INSERT", "UPDATE", "DELETE", "COMMIT")
        if fate.full and statement.startswith(refusing):
            self._fate = None
            count(self.tally, "centre: disk full")
            words = "could not extend file: No space left on device; database or disk is full"
            raise OperationalError(statement, {}, Exception(words))
        if not fate.full:
            self._fate = None
            count(self.tally, f"centre: killed {'between' if statement == '' else 'within'}")
            if isinstance(self.disk, Cluster):  # rolled back when its connections go
                self._image = None
            else:
                self._image = self.disk.image()
            raise CentreKilled

    def _rise(self) -> None:
        self.close()
        if self._image is not None:
            self.disk.put_back(self._image)
            shutil.rmtree(self._image)
        self.open()

    @property
    def on_postgres(self) -> bool:
        """Whether its database is not a file."""
        return isinstance(self.disk, Cluster)

    @property
    def serving(self) -> bool:
        """Whether a request is being served."""
        return self._serving > 0

    def keep_image(self) -> Path:
        """Keep a copy of everything as it is."""
        if isinstance(self.disk, Cluster):
            self.close()
        return self.disk.image()

    def replace_by(self, copy: Path, *, kept: str = "") -> None:
        """Find an older copy in the place of everything; nobody told the centre.

        ``kept`` names a file that stays as it is.
        """
        had = self.change_ids()
        self.close()
        stays = self.disk.here / kept
        said = stays.read_bytes() if kept and stays.exists() else None
        self.disk.put_back(copy)
        if said is not None:
            (self.disk.here / kept).write_bytes(said)
        self.open()
        self.lost |= had - self.change_ids()
        self.goings_back += 1

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of the database, as the command does it."""
        had = self.change_ids()
        self.close()
        restore(self.centre.settings, backup, self.hands())
        self.open()
        self.lost |= had - self.change_ids()
        self.goings_back += 1

    def change_ids(self) -> set[str]:
        """Return the ids of all changes of laptops the centre holds."""
        wanted = sa.select(changes.c.change_id).where(changes.c.device_id.is_not(None))
        with self.centre.store.engine.connect() as connection:
            return set(connection.scalars(wanted))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all rows of one of its tables, documents read."""
        with self.centre.store.engine.connect() as connection:
            found = connection.execute(sa.select(metadata.tables[table])).mappings()
            return [dict(row) for row in found]

    def holds(self, change_ids: Collection[str]) -> set[str]:
        """Return which of these changes its database has. Asked beside what it serves."""
        wanted = sa.select(changes.c.change_id).where(
            changes.c.district == DISTRICT, changes.c.change_id.in_(change_ids)
        )
        with self.undisturbed(), self.centre.store.engine.connect() as connection:
            return set(connection.execute(wanted).scalars())

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let nothing befall the centre, and nobody else be served, while inside."""
        between, self.between = self.between, lambda: None
        self._serving += 1
        try:
            yield
        finally:
            self._serving -= 1
            self.between = between

    def worker(self, no: str, grids: tuple[str, ...]) -> User:
        """Make a grid worker."""
        return add_worker(self.centre, no, grids)

    def code(self, worker_id: str) -> str:
        """Issue a join code for a worker."""
        with self.centre.store.writing() as connection:
            return issue_join_code(connection, DISTRICT, worker_id, self.hands())


def _watch(store: Store, house: House) -> None:
    """Let ``house`` know of every statement, commit and transaction of a store."""

    @event.listens_for(store.engine, "before_cursor_execute")
    def statement(_1: Any, _2: Any, text: str, *_rest: Any) -> None:
        house.step(text)

    @event.listens_for(store.engine, "commit")
    def commit(_connection: sa.Connection) -> None:
        house.step("COMMIT")

    for name in ("reading", "writing"):
        setattr(store, name, _watched(getattr(store, name), house))


def _watched(transaction: Callable[[], Any], house: House) -> Callable[[], Any]:
    @contextmanager
    def through() -> Iterator[sa.Connection]:
        house.between()
        house.step("")
        with transaction() as connection:
            yield connection
        house.step("")

    return through
