"""Demo worlds: loading one into an empty district, or writing one as files.

Both carry ``synthetic``: a district with a demo world stays marked, and its accounts exist nowhere
else. What a world holds is drawn by ``domain/world``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from schemas.seal import canonical
from sync_server.domain.errors import Refusal
from sync_server.domain.world import Persona, World, WorldRecord, WorldUser, generate
from sync_server.domain.world.assembly import TODAY, VERSION
from sync_server.domain.world.records import Digest
from sync_server.domain.world.shape import DISTRICT, DISTRICT_NAME, WorldName
from sync_server.services.casework import fold_missing
from sync_server.services.demo_accounts import Account, hire
from sync_server.services.districts import begin_synthetic
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.services.issue_life import STEP
from sync_server.store import cases
from sync_server.store.engine import Store
from sync_server.store.tables import districts

Progress = Callable[[int, int], None]
"""Told how many records are done, and about how many there will be."""
TOLD_EVERY = 1_000


@dataclass(frozen=True)
class Built:
    """What was made: how many records of each kind, their digest, who can sign in, the cast."""

    world: WorldName
    seed: int
    today: date
    district: str
    records: dict[str, int]
    digest: str
    persona: Persona
    accounts: tuple[Account, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON, without the accounts."""
        return {
            "synthetic": True,
            "world": self.world,
            "version": VERSION,
            "seed": self.seed,
            "today": self.today.isoformat(),
            "district": self.district,
            "records": self.records,
            "digest": self.digest,
            "persona": self.persona.as_json(),
        }


def build(
    store: Store,
    name: WorldName,
    *,
    seed: int = 1,
    today: date = TODAY,
    now: datetime,
    progress: Progress = lambda done, about: None,
) -> Built:
    """Load a world into its district in one transaction: all of it stands there, or nothing.

    Staff and the leader of the script's grid get random passwords, returned once; workers sign in
    on laptops, as do leaders. Raises Refusal ``district_not_empty`` when the district holds
    anything, ValueError for an unknown name.
    """
    world = generate(name, seed, today)
    passing = _Passing(world, progress)
    with store.writing() as connection:
        district = begin_synthetic(connection, DISTRICT, DISTRICT_NAME)
        accounts = hire(connection, DISTRICT, passing.users(), now)
        import_records(connection, DISTRICT, passing.imported(), author=None, at=now)
        for year, last in passing.numbers.items():
            cases.next_numbers(connection, DISTRICT, year, last)
        built = passing.built(accounts)
        settings = {**district.settings, "demo_world": built.as_json()}
        connection.execute(
            sa.update(districts).where(districts.c.district == DISTRICT).values(settings=settings)
        )
    fold_missing(store, DISTRICT, now)
    return built


def write_files(
    name: WorldName,
    folder: Path,
    *,
    seed: int = 1,
    today: date = TODAY,
    progress: Progress = lambda done, about: None,
) -> Built:
    """Write a world as JSON lines: a file per kind, ``user.jsonl`` and ``world.json``.

    Every file begins with a line that says it is synthetic, and is the same, byte by byte, for the
    same seed and day. Raises Refusal ``folder_unusable`` when ``folder`` cannot be made or is not
    empty, ValueError for an unknown world.
    """
    world = generate(name, seed, today)
    passing = _Passing(world, progress)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refusal("folder_unusable", folder=str(folder))
        _write_lines(world, folder, passing)
        built = passing.built()
        (folder / "world.json").write_bytes(canonical(built.as_json()) + b"\n")
    except OSError as err:
        raise Refusal("folder_unusable", folder=str(folder)) from err
    return built


def _write_lines(world: World, folder: Path, passing: _Passing) -> None:
    files: dict[str, IO[bytes]] = {}
    try:
        for kind, line in passing.lines():
            if kind not in files:
                files[kind] = (folder / f"{kind}.jsonl").open("xb")
                files[kind].write(canonical(_head(world) | {"kind": kind}) + b"\n")
            files[kind].write(line)
    finally:
        for file in files.values():
            file.close()


def _head(world: World) -> dict[str, Any]:
    """Return what every file of a world says of itself."""
    return {
        "synthetic": True,
        "world": world.name,
        "version": VERSION,
        "seed": world.seed,
        "today": world.today.isoformat(),
    }


class _Passing:
    """Counts and digests a world's users and records on their way."""

    def __init__(self, world: World, progress: Progress) -> None:
        self.world = world
        self.progress = progress
        self.counts: Counter[str] = Counter()
        self.digest = Digest()
        self.numbers: dict[int, int] = {}
        """The last number of an issue that the world gave out, by year."""

    def users(self) -> Iterator[WorldUser]:
        """Yield everybody who works in it."""
        for user in self.world.users:
            self.digest.line(user)
            yield user

    def records(self) -> Iterator[tuple[WorldRecord, bytes]]:
        """Yield every record with its line, telling the progress."""
        about = self.world.about()
        for done, record in enumerate(self.world.records(), 1):
            self.counts[record.kind] += 1
            self._note_number(str(record.fields.get("no") or ""), record.kind)
            yield record, self.digest.line(record)
            if done % TOLD_EVERY == 0:
                self.progress(done, max(done, about))
        total = sum(self.counts.values())
        self.progress(total, total)

    def _note_number(self, no: str, kind: str) -> None:
        if kind == STEP and no:
            _, year, count = no.split("-")
            self.numbers[int(year)] = max(int(count), self.numbers.get(int(year), 0))

    def imported(self) -> Iterator[ImportedRecord]:
        """Yield every record as the import takes it."""
        for record, _ in self.records():
            yield ImportedRecord(**{name: getattr(record, name) for name in WorldRecord.__slots__})

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Yield a line for every user and record, with the file it belongs to."""
        for user in self.world.users:
            yield "user", self.digest.line(user)
        for record, line in self.records():
            yield record.kind, line

    def built(self, accounts: tuple[Account, ...] = ()) -> Built:
        """Return the facts of what has passed."""
        return Built(
            world=self.world.name,
            seed=self.world.seed,
            today=self.world.today,
            district=DISTRICT,
            records=dict(sorted(self.counts.items())),
            digest=self.digest.hex(),
            persona=self.world.persona(),
            accounts=accounts,
        )
