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
from field_app.services.workspace import CHANGES, Workspace, plain
from tests.field_app.laptops import PASSPHRASE, Hands, Laptop
from tests.journeys.simulation.chance import Fuse, Killed


@dataclass
class Copy:
    """A copy of a disk: where it lies, and the changes that were on it."""

    folder: Path
    disk: list[str]


@dataclass
class Machine:
    """One laptop. ``disk`` are the changes on it, as the book knows them, in their order."""

    name: str
    folder: Path
    hands: Hands
    fuse: Fuse
    disk: list[str] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    deaths: int = 0
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

    def live(self, steps: int | None, act: Callable[[], Any]) -> Any:
        """Do something that may be cut short after ``steps``; None when the laptop died of it."""
        try:
            with self.fuse.lit(steps):
                return act()
        except Killed:
            self.deaths += 1
            self._rise_from(self.laptop.folder)
            return None

    def sync(self, steps: int | None = None) -> Progress | None:
        """Run a round; None when the laptop died in it."""
        done: Progress | None = self.live(steps, self.laptop.sync)
        return done

    def snapshot(self) -> None:
        """Keep a copy of the disk as it is while the program runs."""
        folder = self.folder / f"copy-{len(self.copies)}"
        shutil.copytree(self.laptop.folder, folder)
        self.copies.append(Copy(folder, list(self.disk)))

    def go_back_to(self, copy: Copy) -> None:
        """Get the whole disk back as it was; nothing on it tells that it is an old one."""
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
            self.laptop.close()
            vault.restore_from_backup(worker_id, copies[0], self.hands())
            self.laptop.desk.unlock(worker_id, PASSPHRASE)
            self.disk = json.loads(copies[0].with_suffix(".disk").read_text())

    def clone(self, name: str, hands: Hands) -> Machine:
        """Return a second laptop with a copy of this one's disk."""
        folder = self.folder.with_name(name)
        shutil.copytree(self.laptop.folder, folder / "0")
        return Machine(name, folder, hands, self.fuse, list(self.disk))

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
