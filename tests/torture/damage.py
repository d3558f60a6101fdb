"""Damaged files of a laptop: flipped bits, cut ends, zeroed, swapped and older pages, lost files.

Each time one file of a sound laptop is spoiled in one way. The store then opens with the last
confirmed commit, or says that it is damaged and leaves its files as they are. It never opens empty,
older or changed without a word, and never fails without a name for what is wrong.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.torture.power_cuts import found, memory
from tests.torture.subjects import LaptopStore, Place

FULL = 10_000
COMMITS, OLDER = 64, 9
"""The commits a laptop has; how many fewer its older copy has."""
PAGE = 4096
WEIGHTS = {
    "store.db": 44, "store.db-wal": 28, "store.db-mark": 7, "store.db-shm": 2, "key.json": 6,
    "key.copy.json": 3, "worker.json": 4, "attempts.json": 4, "store.db.lock": 1,
}  # fmt: skip
PHOTO_WEIGHT = 0.5
MAY_CHANGE = ("-shm", ".lock", "attempts.json", "key.json", "key.copy.json")
"""What opening may write even when it fails: rebuilt, counted, or mended from its twin."""


class Plain(LaptopStore):
    """The laptop's store without copies and new passphrases, which would close it."""

    large = 6_000

    @staticmethod
    def _look_after(*_: object) -> None:
        pass


@dataclass(frozen=True)
class Sound:
    """A laptop's folder as a crash leaves it (``living``, with a WAL) or a sign-out (``closed``),
    and the same laptop some commits earlier."""

    name: str
    folder: Path
    older: Path
    last: int


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Spoil and open; ``database`` plays no part, this is about the laptop's files."""
    rng = random.Random()
    scratch = Path(tempfile.mkdtemp(prefix="gridrounds-damage-", dir=memory()))
    try:
        sound = laptops(scratch)
        return _spoil_all(sound, max(int(FULL * scale), 100), rng, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def laptops(scratch: Path) -> list[Sound]:
    """Make the laptops, as they are while open and after they were closed."""
    subject, place = Plain(), Place(scratch / "made")
    place.folder.mkdir()

    def go_on(first: int, last: int, age: str) -> None:
        with closing(subject.commits(place, first)) as commits:  # type: ignore[type-var]
            while next(commits) < last:
                pass
            shutil.copytree(place.folder, scratch / f"living-{age}")
        shutil.copytree(place.folder, scratch / f"closed-{age}")

    subject.create(place)
    go_on(1, COMMITS - OLDER, "older")
    go_on(COMMITS - OLDER + 1, COMMITS, "now")
    return [
        Sound(name, scratch / f"{name}-now", scratch / f"{name}-older", COMMITS)
        for name in ("living", "closed")
    ]


def _spoil_all(
    laptops: list[Sound], times: int, rng: random.Random, scratch: Path
) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    by_way: dict[str, Counter[str]] = {}
    violations: list[str] = []
    began = time.monotonic()
    for _ in range(times):
        outcome, way, words = _spoil_one(rng.choice(laptops), rng, scratch / "spoilt")
        outcomes[outcome] += 1
        by_way.setdefault(way, Counter())[outcome] += 1
        if outcome not in ("kept", "reported"):
            violations.append(words)
    seconds = time.monotonic() - began
    return {
        "damages": times,
        **{name: outcomes[name] for name in (*OUTCOMES, "altered")},
        "ways": {way: dict(counted) for way, counted in sorted(by_way.items())},
        "per_second": round(times / seconds, 1),
        "violations": violations[:20],
    }


def _spoil_one(sound: Sound, rng: random.Random, target: Path) -> tuple[str, str, str]:
    """Spoil a copy in one way and open it; return outcome, way and words for the log."""
    shutil.copytree(sound.folder, target)
    try:
        path = _choose(target, rng)
        older = sound.older / path.relative_to(target)
        way = rng.choice(list(WAYS))
        WAYS[way](path, older, rng)
        spoilt = _contents(target)
        outcome, words = found(lambda: Plain().last(Place(target)), sound.last)
        if outcome == "reported" and path.name in WEIGHTS and _contents(target) != spoilt:
            outcome = "altered"  # with only a photo spoilt the store is used as always
        return outcome, way, f"{sound.name} {path.name}: {way}: {outcome}: {words}"
    finally:
        shutil.rmtree(target)


def _choose(folder: Path, rng: random.Random) -> Path:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return rng.choices(files, [_weight(path) for path in files])[0]


def _weight(path: Path) -> float:
    if path.suffix in (".photo", ".small"):
        return PHOTO_WEIGHT
    return WEIGHTS.get(path.name, 0)


def _contents(folder: Path) -> dict[Path, bytes]:
    """All that matters; SQLite leaves an empty WAL behind where there was none."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(MAY_CHANGE) and path.stat().st_size
    }


Way = Callable[[Path, Path, random.Random], None]


def _edit(change: Callable[[bytearray, random.Random], None]) -> Way:
    def way(path: Path, older: Path, rng: random.Random) -> None:
        content = bytearray(path.read_bytes())
        if content:
            change(content, rng)
            path.write_bytes(content)

    return way


def _flip_one(content: bytearray, rng: random.Random) -> None:
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _flip_some(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randrange(2, 40)):
        _flip_one(content, rng)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def _cut_at_a_page(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content) // PAGE + 1) * PAGE :]


def _empty(content: bytearray, rng: random.Random) -> None:
    content.clear()


def _zero_a_page(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content) // PAGE + 1) * PAGE
    content[at : at + PAGE] = bytes(len(content[at : at + PAGE]))


def _zero_a_part(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content))
    size = rng.randrange(1, len(content) - at + 1)
    content[at : at + size] = bytes(size)


def _noise_on_a_page(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content) // PAGE + 1) * PAGE
    content[at : at + PAGE] = rng.randbytes(len(content[at : at + PAGE]))


def _swap_pages(content: bytearray, rng: random.Random) -> None:
    first, second = (rng.randrange(max(len(content) // PAGE, 1)) * PAGE for _ in range(2))
    one, other = bytes(content[first : first + PAGE]), bytes(content[second : second + PAGE])
    content[first : first + len(other)] = other
    content[second : second + len(one)] = one


def _append(content: bytearray, rng: random.Random) -> None:
    content.extend(rng.randbytes(rng.randrange(1, 3 * PAGE)))


def _older_page(path: Path, older: Path, rng: random.Random) -> None:
    """Put one page back to what it was, as a disk does that confirmed a write and dropped it."""
    content, before = bytearray(path.read_bytes()), older.read_bytes() if older.exists() else b""
    places = [
        at
        for at in range(0, min(len(content), len(before)), PAGE)
        if content[at : at + PAGE] != before[at : at + PAGE]
    ]
    if places:
        at = rng.choice(places)
        content[at : at + PAGE] = before[at : at + PAGE]
        path.write_bytes(content)


def _older_file(path: Path, older: Path, rng: random.Random) -> None:
    if older.exists():
        shutil.copyfile(older, path)


def _lose(path: Path, older: Path, rng: random.Random) -> None:
    os.unlink(path)


OUTCOMES = ("kept", "reported", "lost", "wrong", "unopenable")
WAYS: dict[str, Way] = {
    "one bit": _edit(_flip_one),
    "some bits": _edit(_flip_some),
    "cut": _edit(_cut),
    "cut at a page": _edit(_cut_at_a_page),
    "emptied": _edit(_empty),
    "zeroed page": _edit(_zero_a_page),
    "zeroed part": _edit(_zero_a_part),
    "noise": _edit(_noise_on_a_page),
    "swapped pages": _edit(_swap_pages),
    "appended": _edit(_append),
    "older page": _older_page,
    "older file": _older_file,
    "lost": _lose,
}
