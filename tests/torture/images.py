"""What a disk may hold after a power cut: the page cache's promises and nothing beyond them.

What was written before a sync of the same file is on the disk. Of what was written since, any part
may be: none, all, a first part, some writes, or single sectors of 512 bytes. A name in a folder
(made, renamed, removed) is there once the folder was synced; before, it may be or may not. The
size of a file grows with what was kept of it, zeros in between.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.tracing import Event

SECTOR = 512
MOODS = ("nothing", "everything", "first part", "some writes", "some sectors")


@dataclass
class File:
    """A file's synced bytes and what was asked of it since, each with the event's place."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Event]] = field(default_factory=list)

    def sync(self) -> None:
        """Bring everything pending to the disk."""
        for _, event in self.pending:
            apply(self.synced, event)
        self.pending.clear()


@dataclass
class Folder:
    """A folder's synced names, the names a process sees, and what was asked of it since."""

    synced: dict[str, Node] = field(default_factory=dict)
    seen: dict[str, Node] = field(default_factory=dict)
    pending: list[tuple[int, dict[str, Node | None]]] = field(default_factory=list)

    def change(self, place: int, names: dict[str, Node | None]) -> None:
        """Give names new meanings, None for none."""
        _name(self.seen, names)
        self.pending.append((place, names))

    def sync(self) -> None:
        """Bring the names to the disk."""
        self.synced = dict(self.seen)
        self.pending.clear()


Node = File | Folder


def _name(names: dict[str, Node], meanings: dict[str, Node | None]) -> None:
    for name, node in meanings.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def apply(content: bytearray, event: Event) -> None:
    """Do to bytes what a write or truncation says."""
    if event.call == "truncate":
        del content[event.size :]
        content.extend(bytes(event.size - len(content)))
        return
    put(content, event.offset, event.data)


def put(content: bytearray, offset: int, data: bytes) -> None:
    """Write into bytes, zeros before a write beyond the end."""
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """The page cache and the disk under it, fed with events one after the other."""

    def __init__(self) -> None:
        self._root = Folder()
        self.place = 0
        self.confirmed = 0

    def feed(self, event: Event) -> None:
        """Let the next event happen."""
        self.place += 1
        match event.call:
            case "confirmed":
                self.confirmed = max(self.confirmed, event.size)
            case "create":
                folder, name = self._parent(event.path)
                if name not in folder.seen:
                    folder.change(self.place, {name: File()})
            case "mkdir":
                folder, name = self._parent(event.path)
                folder.change(self.place, {name: Folder()})
            case "unlink":
                folder, name = self._parent(event.path)
                folder.change(self.place, {name: None})
            case "rename":
                folder, name = self._parent(event.path)
                target, new = self._parent(event.other)
                assert folder is target, "a name moved between folders"
                folder.change(self.place, {name: None, new: folder.seen[name]})
            case "link":
                folder, name = self._parent(event.other)
                folder.change(self.place, {name: self._node(event.path)})
            case "sync":
                self._node(event.path).sync()
            case _:
                node = self._node(event.path)
                assert isinstance(node, File)
                node.pending.append((self.place, event))

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        folder = self._node(above)
        assert isinstance(folder, Folder)
        return folder, name

    def _node(self, path: str) -> Node:
        node: Node = self._root
        for name in filter(None, path.split("/")):
            assert isinstance(node, Folder)
            node = node.seen[name]
        return node

    def cut(self, rng: random.Random, target: Path) -> str:
        """Write one disk that may be found after a power cut now; return the mood it has."""
        mood = rng.choice(MOODS)
        self._write(self._root, target, _Keeping(mood, rng, self.place))
        return mood

    def _write(self, folder: Folder, target: Path, keeping: _Keeping) -> None:
        target.mkdir(exist_ok=True)
        names = dict(folder.synced)
        for meaning in keeping.names(folder.pending):
            _name(names, meaning)
        for name, node in names.items():
            path = target / name
            if isinstance(node, Folder):
                self._write(node, path, keeping)
            elif name.endswith("-shm"):  # mapped memory, rebuilt by whoever opens first
                path.write_bytes(keeping.rng.randbytes(32768 * keeping.rng.randrange(2)))
            else:
                path.write_bytes(keeping.content(node))


class _Keeping:
    """Which of the pending things one image keeps."""

    def __init__(self, mood: str, rng: random.Random, place: int) -> None:
        self._mood = mood
        self.rng = rng
        self._share = rng.choice((0.1, 0.5, 0.9))
        # Ordered: everything up to a moment not long ago, nothing after it.
        self._until = place - int(rng.expovariate(1 / 12))

    def _keeps(self, place: int) -> bool:
        match self._mood:
            case "nothing":
                return False
            case "everything":
                return True
            case "first part":
                return place <= self._until
            case _:
                return self.rng.random() < self._share

    def names(
        self, pending: Sequence[tuple[int, dict[str, Node | None]]]
    ) -> Iterator[dict[str, Node | None]]:
        """The changes of a folder that are kept."""
        return (meaning for place, meaning in pending if self._keeps(place))

    def content(self, file: File) -> bytes | bytearray:
        """A file's bytes as kept."""
        if not file.pending:
            return file.synced
        content = bytearray(file.synced)
        for place, event in file.pending:
            if self._mood == "some sectors" and event.call == "write":
                for offset, part in sectors(event):
                    if self.rng.random() < self._share:
                        put(content, offset, part)
            elif self._keeps(place):
                apply(content, event)
        return content


def sectors(event: Event) -> Iterable[tuple[int, bytes]]:
    """A write in pieces that do not cross a sector's border."""
    offset, data = event.offset, event.data
    while data:
        size = SECTOR - offset % SECTOR
        yield offset, data[:size]
        offset, data = offset + size, data[size:]
