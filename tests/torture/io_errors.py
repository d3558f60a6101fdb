"""Disks that refuse: an error at the first, second, … last call of a kind, and files that may not
grow.

strace lets one system call fail in its place (no space, input/output error), once or from there
on; a limit on the size of files lets writes end half-way. Whatever was confirmed before must be
there afterwards, nothing may be confirmed that is not, and every refusal has a name. What a laptop
shows after a refusal is what it had confirmed.
"""

from __future__ import annotations

import gc
import random
import re
import resource
import shutil
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from field_app.store.errors import StoreError
from sync_server.domain.errors import Refusal
from tests.torture.damage import Plain
from tests.torture.forks import CONFIRMED, Fork, Say, Told
from tests.torture.lanes import in_lanes, shares
from tests.torture.power_cuts import found, memory
from tests.torture.subjects import CentreOf, Place, Subject, Wrong, check_laptop, save
from tests.torture.tracing import NoStrace, attached

WORKLOADS = {"laptop": 180, "centre": 20}
LIMITS = {"laptop": 6_000, "centre": 2_000}
COMMITS = 2
"""How many a workload makes while its disk refuses."""
FAULTS = (
    ("pwrite64", "ENOSPC", ""),
    ("pwrite64", "ENOSPC", "+"),  # the disk stays full
    ("pwrite64", "EIO", ""),
    ("fsync", "EIO", ""),
    ("fdatasync", "EIO", ""),
    ("ftruncate", "EIO", ""),
    ("pread64", "EIO", ""),
)
LIMITS_A_PART = 500
LEAST_FIRED = 0.9
"""The share of errors that must have met a call, but for one: what is called differs a little
between runs."""
BEFORE_REOPENING = 24
"""After so many commits the centre's next is followed by closing and opening it again."""
STARTS = 210
"""Workloads begin after so many commits or fewer: then what a commit consists of comes again."""
NAMED = ("disk_full", "store_damaged", "database_damaged", "unavailable", "folder_unusable")
"""The codes a refusing disk may be called by."""


class Refused(Exception):
    """The subject refused by a code."""


@dataclass(frozen=True)
class Fault:
    """Which call fails, from its how many-eth on, and how; or the size no file may exceed."""

    call: str = ""
    error: str = ""
    number: int = 0
    stays: str = ""
    limit: int | None = None

    def __str__(self) -> str:
        if self.limit is not None:
            return f"files up to {self.limit} bytes"
        return f"{self.error} at {self.call} {self.number}{self.stays}"


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Let disks refuse; ``database`` plays no part, this is about files."""
    rng = random.Random()
    scratch = Path(tempfile.mkdtemp(prefix="gridrounds-errors-", dir=memory()))
    figures: dict[str, Any] = {}
    try:
        for subject in (Plain(), CentreOf()):
            figures[subject.name] = _subject(subject, scale, rng, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return figures


def _subject(subject: Subject, scale: float, rng: random.Random, scratch: Path) -> dict[str, Any]:
    """Meet a subject with all that may befall it."""
    began = time.monotonic()
    workloads = WORKLOADS[subject.name] * scale
    firsts = rng.sample(range(STARTS), max(int(workloads), 1))
    if len(firsts) > 1 and BEFORE_REOPENING not in firsts:
        firsts[0] = BEFORE_REOPENING
    limits = max(int(LIMITS[subject.name] * scale), 4)
    starts = rng.sample(range(STARTS), min(STARTS, limits))
    _warm(subject, scratch)
    for first in sorted({*firsts, *starts}):
        with _Begun(subject, first, scratch, scratch):
            pass
    parts = shares(limits, -(-limits // LIMITS_A_PART))
    seeds = [rng.randrange(2**32) for _ in [*parts, *firsts]]
    tallies = in_lanes(
        _limited, [subject] * len(parts), parts, seeds, [starts] * len(parts),
        [scratch] * len(parts),
    )  # fmt: skip
    missing = []
    try:
        tallies += in_lanes(
            _injected, [subject] * len(firsts), firsts, [min(workloads, 1)] * len(firsts),
            seeds[len(parts) :], [scratch] * len(firsts),
        )  # fmt: skip
    except NoStrace as absent:
        missing = [f"errors at calls not tested: {absent}"]
    return _figures(tallies, missing, time.monotonic() - began)


def _warm(subject: Subject, scratch: Path) -> None:
    """Do the work once in this process: what a fork finds done it does not do again, which is all
    but the calls to the disk. What was made so far stays out of the collector's way: a fork that
    looked through it would have to copy it."""
    with _Begun(subject, 0, scratch, scratch) as begun:
        begun.work(lambda kind, number: None)
        subject.last(begun.place)
    gc.collect()
    gc.freeze()


class Tally:
    """What came of the faults of one subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.outcomes: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.violations: list[str] = []
        self.workloads = self.calls = self.injected = self.fired = 0

    def judge(self, fault: Fault, told: Told, place: Place) -> None:
        """Open the store once the disk is well again, and compare with what was confirmed."""
        code = _code(told.failure)
        confirmed = max(told.confirmed, default=0)
        outcome, words = found(lambda: self.subject.last(place), confirmed)
        if code is None:
            outcome, words = "unnamed", told.failure[-600:]
        self.outcomes[outcome] += 1
        self.codes[code or "unnamed"] += 1
        if outcome != "kept":
            self.violations.append(f"{self.subject.name}, {fault}: {outcome}: {words}")


def _figures(tallies: list[Tally], missing: list[str], seconds: float) -> dict[str, Any]:
    """The figures of all that befell one subject."""
    outcomes = sum((one.outcomes for one in tallies), Counter[str]())
    total = sum(outcomes.values())
    injected, fired = sum(one.injected for one in tallies), sum(one.fired for one in tallies)
    if fired < min(max(injected - 1, 1), LEAST_FIRED * injected):
        missing = [*missing, f"{fired} of {injected} errors met a call"]
    return {
        "faults": total,
        "injected": injected,
        "fired": fired,
        "workloads_at_every_call": sum(one.workloads for one in tallies),
        "calls": sum(one.calls for one in tallies),
        "kept": outcomes["kept"],
        "refusals": dict(sum((one.codes for one in tallies), Counter[str]())),
        "per_second": round(total / seconds, 1),
        "violations": [*missing, *(words for one in tallies for words in one.violations)][:20],
    }


def _code(failure: str) -> str | None:
    """By which code the work ended: "none" when nothing failed, None when it has no name."""
    if not failure:
        return "none"
    match = re.search(r"^tests\.torture\.io_errors\.Refused: (\w+)$", failure, re.M)
    return match[1] if match and match[1] in NAMED else None


def _limited(subject: Subject, times: int, seed: int, starts: list[int], kept: Path) -> Tally:
    """Let files grow only so far."""
    rng, tally = random.Random(seed), Tally(subject)
    with tempfile.TemporaryDirectory(dir=kept, prefix="limited-") as scratch:
        for _ in range(times):
            with _Begun(subject, rng.choice(starts), kept, Path(scratch)) as begun:
                sizes = [file.stat().st_size for file in begun.place.folder.rglob("*")]
                largest = max(sizes, default=0)
                limit = rng.randrange(0, largest + (150_000 if rng.random() < 0.9 else 2_000_000))

                def limited(say: Say, limit: int = limit, begun: _Begun = begun) -> None:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                    begun.work(say)

                tally.judge(Fault(limit=limit), Fork(limited).finish(), begun.place)
    return tally


def _injected(subject: Subject, first: int, share: float, seed: int, kept: Path) -> Tally:
    """Let each call of one workload fail once (below one: a ``share`` of them)."""
    rng, tally = random.Random(seed), Tally(subject)
    names = ",".join(sorted({call for call, _, _ in FAULTS}))
    with tempfile.TemporaryDirectory(dir=kept, prefix="injected-") as folder:
        scratch = Path(folder)
        output = scratch / "strace"
        with _Begun(subject, first, kept, scratch) as begun:
            told = attached(begun.work, "-e", f"trace={names}", output=output)
            assert not told.failure, told.failure
        calls = Counter(re.findall(r"^(\w+)\(", output.read_text("latin-1"), re.M))
        faults = [
            Fault(call, error, number, stays)
            for call, error, stays in FAULTS
            for number in range(1, calls[call] + 1)
        ]
        if share < 1:
            faults = rng.sample(faults, max(int(len(faults) * share), 4))
        else:
            tally.workloads, tally.calls = 1, calls.total()
        for fault in faults:
            inject = f"inject={fault.call}:error={fault.error}:when={fault.number}{fault.stays}"
            with _Begun(subject, first, kept, scratch) as begun:
                options = ("-e", f"trace={fault.call}", "-e", inject)
                tally.judge(fault, attached(begun.work, *options, output=output), begun.place)
            tally.injected += 1
            tally.fired += "(INJECTED)" in output.read_text("latin-1")
    return tally


class _Begun:
    """A subject with some commits, and the work that meets the fault; copied from what is ``kept``,
    which is made when it is not there."""

    def __init__(self, subject: Subject, first: int, kept: Path, scratch: Path) -> None:
        self.place = Place(scratch / "place")
        self._subject = subject
        self._first = first
        self._folder = kept

    def __enter__(self) -> _Begun:
        kept = self._kept(self._first)
        if not kept.exists():
            told = Fork(lambda say: self._prepare(kept)).finish()
            assert not told.failure, told.failure
        shutil.copytree(kept, self.place.folder)
        return self

    def _kept(self, first: int) -> Path:
        return self._folder / f"{self._subject.name}-{first}"

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.place.folder)

    def _prepare(self, folder: Path) -> None:
        """Save on from the nearest of those kept already, or from nothing."""
        before = next((n for n in reversed(range(self._first)) if self._kept(n).exists()), None)
        if before is None:
            self.place.folder.mkdir()
            self._subject.create(self.place)
        else:
            shutil.copytree(self._kept(before), self.place.folder)
        if self._first:
            with closing(self._subject.commits(self.place, (before or 0) + 1)) as commits:  # type: ignore[type-var]
                while next(commits) < self._first:
                    pass
        self.place.folder.rename(folder)

    def work(self, say: Say) -> None:
        """Save some commits; raises Refused with the code."""
        say(CONFIRMED, self._first)
        numbers = range(self._first + 1, self._first + 1 + COMMITS)
        try:
            if isinstance(self._subject, Plain):
                self._on_a_laptop(numbers, say)
            else:
                self._anywhere(numbers, say)
        except (StoreError, Refusal) as refused:
            raise Refused(refused.code) from None
        except OSError as refused:
            raise Refused("disk_full") from refused

    def _anywhere(self, numbers: range, say: Say) -> None:
        with closing(self._subject.commits(self.place, numbers[0])) as commits:  # type: ignore[type-var]
            for number in commits:
                say(CONFIRMED, number)
                if number == numbers[-1]:
                    return

    def _on_a_laptop(self, numbers: range, say: Say) -> None:
        """Save; after a refusal look at what is shown, and try the same again."""
        subject = Plain()
        store = subject.unlock(subject.vault(self.place))
        try:
            for number in numbers:
                try:
                    save(store, number, subject.large)
                except StoreError:
                    if check_laptop(store, subject.large) != number - 1:
                        raise Wrong("shows what was not confirmed") from None
                    save(store, number, subject.large)
                say(CONFIRMED, number)
        finally:
            with suppress(StoreError):
                store.close()
