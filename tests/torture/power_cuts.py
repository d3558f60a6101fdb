"""Power cuts: disks as they may be found, rebuilt from traced calls, opened by the real store.

Each image must hold the last confirmed commit, whole; at most the one under way besides. Stores
that are known to be bad are tried too: unless they fail, the test itself proves nothing.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.torture.controls import CONTROLS
from tests.torture.forks import CONFIRMED, Say
from tests.torture.images import Disk
from tests.torture.lanes import in_lanes, shares, summed
from tests.torture.subjects import CentreOf, LaptopStore, Place, Reported, Subject, Wrong
from tests.torture.tracing import Event, NoStrace, trace

FULL, CONTROL = 10_000, 400
COMMITS = {"laptop": 150, "centre": 70}
CONTROL_COMMITS = 40
IMAGES_A_TRACE = 2_500
"""After so many images the work is done and traced anew."""


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Rebuild and open images; ``database`` plays no part, this is about files."""
    rng = random.Random()
    scratch = Path(tempfile.mkdtemp(prefix="gridrounds-cuts-", dir=memory()))
    figures: dict[str, Any] = {}
    try:
        for subject in (LaptopStore(), CentreOf()):
            figures[subject.name] = _cut(subject, max(int(FULL * scale), 20), rng, scratch)
        for control in CONTROLS:
            name = f"control: {control.name}"
            least = getattr(control, "images", 40)
            figures[name] = _cut(control, max(int(CONTROL * scale), least), rng, scratch)
    except NoStrace as absent:
        return {"absent": str(absent), "violations": [f"power cuts not tested: {absent}"]}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for control in CONTROLS:
        found = figures[f"control: {control.name}"]
        bad, found["violations"] = found["images"] - found["kept"], []
        if not bad:
            found["violations"].append(f"{control.name} is known to be bad and was not caught")
    return figures


def memory() -> str | None:
    """A file system in memory, where images need no disk; None when there is none."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def traced(subject: Subject, commits: int, root: Path, scratch: Path) -> list[Event]:
    """Create a subject below ``root``, let it save so often, and return what it asked for."""

    def work(say: Say) -> None:
        place = Place(root)
        subject.create(place)
        say(CONFIRMED, 0)
        with closing(subject.commits(place, 1)) as numbers:  # type: ignore[type-var]
            for number in numbers:
                say(CONFIRMED, number)
                if number == commits:
                    return

    return trace(work, root, scratch)


def _cut(subject: Subject, images: int, rng: random.Random, scratch: Path) -> dict[str, Any]:
    began = time.monotonic()
    commits = COMMITS.get(subject.name, CONTROL_COMMITS)
    if images < 50:
        commits //= 4
    parts = shares(images, -(-images // IMAGES_A_TRACE))
    seeds = [rng.randrange(2**32) for _ in parts]
    every = [subject] * len(parts), [commits] * len(parts), parts, seeds, [scratch] * len(parts)
    figures = summed(in_lanes(_of_one_trace, *every))
    outcomes = figures.pop("outcomes")
    figures |= {
        name: outcomes[name] for name in ("kept", "lost", "reported", "unopenable", "wrong")
    }
    seconds = time.monotonic() - began
    figures["seconds"] = round(seconds, 1)
    figures["per_second"] = round(figures["images"] / seconds, 1)
    del figures["violations"][20:]
    return figures


def _of_one_trace(
    subject: Subject, commits: int, images: int, seed: int, scratch: Path
) -> dict[str, Any]:
    """Let the work be done once, and look at so many disks it may have left."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    violations: list[str] = []
    with tempfile.TemporaryDirectory(dir=scratch, prefix="traced-") as place:
        root = Path(place, "root")
        root.mkdir()
        events = traced(subject, commits, root, Path(place))
        shutil.rmtree(root)
        for disk in moments(events, images, rng):
            judge(subject, disk, rng, Path(place), outcomes, violations)
    return {
        "images": images, "events": len(events), "outcomes": outcomes, "violations": violations,
    }  # fmt: skip


def moments(events: list[Event], count: int, rng: random.Random) -> Iterator[Disk]:
    """Let the events happen, stopping at random places after the first confirmation."""
    begin = next(place for place, event in enumerate(events) if event.call == "confirmed")
    places = Counter(rng.randrange(begin + 1, len(events) + 1) for _ in range(count))
    disk = Disk()
    for place, event in enumerate(events, start=1):
        disk.feed(event)
        for _ in range(places[place]):
            yield disk


def judge(
    subject: Subject,
    disk: Disk,
    rng: random.Random,
    scratch: Path,
    outcomes: Counter[str],
    violations: list[str],
) -> None:
    """Make one image, open it, and say what came of it."""
    image = scratch / "image"
    mood = disk.cut(rng, image)
    outcome, words = found(lambda: subject.last(Place(image)), disk.confirmed)
    outcomes[outcome] += 1
    if outcome != "kept":
        violations.append(f"{subject.name}, {mood} kept, event {disk.place}: {outcome}: {words}")
    shutil.rmtree(image)


def found(last: Callable[[], int], confirmed: int) -> tuple[str, str]:
    """Open a subject and name the outcome, with words for the log."""
    try:
        number = last()
    except Reported as reported:
        return "reported", str(reported)
    except Wrong as wrong:
        return "wrong", str(wrong)
    except Exception as error:
        return "unopenable", f"{type(error).__name__}: {error}"[:300]
    if number < confirmed:
        return "lost", f"{number} found, {confirmed} confirmed"
    if number > confirmed + 1:
        return "wrong", f"{number} found, only {confirmed + 1} begun"
    return "kept", ""
