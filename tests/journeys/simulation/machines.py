"""Laptops that die, are copied, and get older copies of their disks back."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from field_app.domain.progress import Progress
from field_app.services.joining import Request
from field_app.services.workspace import CHANGES, Workspace, plain
from field_app.store.errors import StoreFull
from tests.field_app.laptops import CENTRE, PASSPHRASE, Hands, Laptop
from tests.journeys.simulation.chance import Fuse, Killed, Tally, count


@dataclass
class Copy:
    """A copy of a disk: where it lies, and the changes that were on it."""

    folder: Path
    disk: list[str]


@dataclass(frozen=True)
class Accident:
    """What befalls a laptop after so many steps: it dies, or its disk is full at a commit."""

    steps: int
    full: bool = False


@dataclass
class Machine:
    """One laptop of a worker. ``disk`` are the changes on it, as the book knows them, in order."""

    name: str
    folder: Path
    worker: str
    hands: Hands
    fuse: Fuse
    tally: Tally
    disk: list[str] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    busy: bool = False
    alone: bool = True
    """Whether this has always been the one laptop of its device, with all that it ever sent."""
    laptop: Laptop = field(init=False)
    _lives: int = 0

    def __post_init__(self) -> None:
        self._open(self.folder / "0")

    @property
    def ws(self) -> Workspace:
        """The worker at this laptop."""
        return self.laptop.ws

    @property
    def device_id(self) -> str:
        """The device the centre takes this laptop for; clones share it."""
        return self.ws.identity.device_id

    def stored(self) -> dict[str, dict[str, Any]]:
        """Return the changes that stand in its store by id."""
        return {one["change_id"]: one for one in plain(self.ws.table(CHANGES))}

    def live(self, accident: Accident | None, act: Callable[[], Any]) -> Any:
        """Do something that an accident may cut short; None when it did."""
        if accident is None:
            with self._at_work(), self.fuse.lit(None):
                return act()
        try:
            with self._at_work(), self.fuse.lit(accident.steps, full=accident.full):
                done = act()
        except Killed:
            count(self.tally, "laptop: killed")
            self._rise_from(self.laptop.folder)
            return None
        except StoreFull:
            done = None
        if self.laptop.desk.health()["read_only"]:
            count(self.tally, "laptop: disk full")
            self.restart()
            return None
        return done

    @contextlib.contextmanager
    def _at_work(self) -> Any:
        self.busy = True
        try:
            yield
        finally:
            self.busy = False

    def sync(self, accident: Accident | None = None, *, agreed: bool = False) -> Progress | None:
        """Run a round; None when an accident ended it."""
        done: Progress | None = self.live(accident, lambda: self.laptop.sync(agreed=agreed))
        return done

    def restart(self) -> None:
        """End the program and start it again."""
        self.laptop.close()
        self._open(self.laptop.folder)

    def join_again(self, code: str) -> None:
        """Become another device of the same worker; the store stays."""
        asked = Request(CENTRE, code, PASSPHRASE, PASSPHRASE, self.name)
        self.alone = False
        with self._at_work():
            self.laptop.close()
            self.laptop.desk.join(asked, self.laptop.call)

    def snapshot(self) -> None:
        """Keep a copy of the disk as it is while the program runs."""
        folder = self.folder / f"copy-{len(self.copies)}"
        shutil.copytree(self.laptop.folder, folder)
        self.copies.append(Copy(folder, list(self.disk)))

    def go_back_to(self, copy: Copy) -> None:
        """Get the whole disk back as it was; nothing on it tells that it is an old one."""
        count(self.tally, "laptop: older disk")
        self.alone = False
        self._rise_from(copy.folder)
        self.disk = list(copy.disk)

    def back_up(self) -> None:
        """Let the program make its copy of the day; beside it stands what was on the disk."""
        made = self.laptop.desk.back_up()
        if made is not None:
            made.with_suffix(".disk").write_text(json.dumps(self.disk))

    def restore_backup(self) -> None:
        """Use the program's own way to an older copy, if there is one."""
        vault, worker_id = self.laptop.desk.vault, self.ws.worker_id
        copies = vault.backups(worker_id)
        if copies:
            count(self.tally, "laptop: backup restored")
            self.alone = False
            self.laptop.close()
            vault.restore_from_backup(worker_id, copies[0], self.hands())
            self.laptop.desk.unlock(worker_id, PASSPHRASE)
            self.disk = json.loads(copies[0].with_suffix(".disk").read_text())

    def clone(self, name: str, hands: Hands) -> Machine:
        """Return a second laptop with a copy of this one's disk."""
        count(self.tally, "laptop: cloned")
        folder = self.folder.with_name(name)
        shutil.copytree(self.laptop.folder, folder / "0")
        twin = Machine(name, folder, self.worker, hands, self.fuse, self.tally, list(self.disk))
        self.alone = twin.alone = False
        return twin

    def close(self) -> None:
        """Lock it."""
        with contextlib.suppress(Exception):
            self.laptop.close()

    def _rise_from(self, folder: Path) -> None:
        """Go on from what lies on a disk; what was in memory is gone, what was open stays open
        until it was copied."""
        self._lives += 1
        new, old = self.folder / str(self._lives), self.laptop
        shutil.copytree(folder, new)
        self.close()
        shutil.rmtree(old.folder, ignore_errors=True)
        self._open(new)

    def _open(self, folder: Path) -> None:
        self.laptop = Laptop(folder, self.hands)
        (worker,) = self.laptop.desk.workers()
        self.laptop.desk.unlock(worker.worker_id, PASSPHRASE)
