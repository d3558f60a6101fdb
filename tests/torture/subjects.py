"""What is tortured: a laptop's store and a centre, each saving numbered work that can be checked.

Everything a subject saves follows from its number, so that whoever opens it afterwards can tell
the whole state from how far it came: nothing may be missing, nothing may differ.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from field_app.store.errors import StoreError
from field_app.store.keys import Argon2Profile, Clock
from field_app.store.photo_files import PARTS
from field_app.store.tables import Document
from field_app.store.vault import OpenStore, Vault
from schemas.clock import written
from schemas.seal import ZEROS, seal
from sync_server.domain.errors import Refusal
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from sync_server.store.tables import changes, records, streams
from tests.sync_server.world import DISTRICT, GRID, NOON, StillClock, add_worker, join
from tests.torture.warmth import app_again
from tests.torture.wsgi import Caller

WORKER, PASSPHRASES = "w1", ("correct horse", "battery staple")
QUICK = Argon2Profile(memory_kib=64, iterations=1, lanes=1)
BATCH, PHOTO_EVERY = 3, 6
_SPACE = uuid.UUID(int=0x6E6574)


class Reported(Exception):
    """The subject itself says, by a code, that it is damaged or cannot be used."""


class Wrong(Exception):
    """The subject opened and holds something else than what was saved."""


@dataclass(frozen=True)
class Place:
    """Where a subject lives: its folder, and its database's address when it is a server's."""

    folder: Path
    url: str = ""


class Subject(Protocol):
    """A store that saves commit after commit."""

    name: str

    def create(self, place: Place) -> None:
        """Make it, empty: commit 0."""

    def commits(self, place: Place, first: int) -> Iterator[int]:
        """Open it and save for ever, giving each number once it is confirmed."""

    def last(self, place: Place) -> int:
        """Open it, check all it holds and return the number of its last commit.

        Raises Reported, Wrong, or whatever makes it unopenable.
        """


class LaptopStore:
    """A worker's encrypted store, opened by passphrase as the laptop does.

    A commit writes view, log and a document that always changes, and now and then a photo. Every
    few commits the store is closed and opened again, copied, or given another passphrase.
    """

    name = "laptop"
    large = 40_000
    """Characters of every tenth note: enough to fold the WAL into the file while it is open."""

    def create(self, place: Place) -> None:
        """Make the worker."""
        store, _ = self.vault(place).create(WORKER, "甲", PASSPHRASES[0])
        store.close()

    def commits(self, place: Place, first: int) -> Iterator[int]:
        """Save for ever."""
        vault = self.vault(place)
        store = self.unlock(vault)
        try:
            self.prepare(store)
            for number in itertools.count(first):
                save(store, number, self.large)
                yield number
                if number % 13 == 0:
                    store.close()
                    store = self.unlock(vault)
                    self.prepare(store)
                self._look_after(vault, store, number)
        finally:
            store.close()

    @staticmethod
    def _look_after(vault: Vault, store: OpenStore, number: int) -> None:
        if number % 17 == 0:
            store.backup_daily(NOON + timedelta(days=number))
        if number % 23 == 0:
            old, new = PASSPHRASES if number % 2 else reversed(PASSPHRASES)
            try:
                vault.change_passphrase(WORKER, old, new)
            except StoreError as refused:
                if refused.code != "wrong_passphrase":
                    raise

    def prepare(self, store: OpenStore) -> None:
        """Weaken the store, in a subject that is known to be bad."""

    def last(self, place: Place) -> int:
        """Open and check."""
        vault = self.vault(place)
        try:
            store = self.unlock(vault)
        except StoreError as refused:
            raise Reported(refused.code) from refused
        try:
            if [entry.worker_id for entry in vault.workers()] != [WORKER]:
                raise Wrong("the worker is not listed")
            return check_laptop(store, self.large)
        finally:
            store.close()

    @staticmethod
    def vault(place: Place) -> Vault:
        """The laptop's data folder, with a clock on which no wait for wrong attempts is left."""
        hands = itertools.count(1_780_000_000, 1000)
        clock = Clock(wall=lambda: float(next(hands)), steady=lambda: float(next(hands)))
        return Vault(place.folder / "laptop", argon=QUICK, clock=clock)

    @staticmethod
    def unlock(vault: Vault) -> OpenStore:
        """Open the store by the passphrase that fits."""
        try:
            return vault.unlock(WORKER, PASSPHRASES[0])
        except StoreError as refused:
            if refused.code not in ("wrong_passphrase", "too_many_attempts"):
                raise
        return vault.unlock(WORKER, PASSPHRASES[1])


def note(number: int, large: int) -> str:
    """The text saved under a number."""
    return f"第{number}次巡访" * (large // 6 if number % 10 == 0 else number * 7 % 60)


def photo(number: int) -> tuple[str, str, bytes]:
    """Id, hash and bytes of the photo saved with a number."""
    content = f"照片{number}".encode() * (number % 400)
    return _id("photo", number), hashlib.sha256(content).hexdigest(), content


def save(store: OpenStore, number: int, large: int) -> None:
    """One commit of three to five documents, with a photo now and then."""
    view, log = store.db.table("household"), store.db.table("changes")
    text = note(number, large)
    if number % PHOTO_EVERY == 0:
        name, digest, content = photo(number)
        store.photos.save(name, digest, content, content[:100])
    with store.db.transaction():
        view.upsert(Document({"number": number, "note": text[:500]}, "latest"))
        view.insert(Document({"number": number, "note": text}, f"{number:09d}"))
        log.insert(Document({"seq": number, "size": len(text)}, f"{number:09d}"))
        if number % 7 == 0:
            view.remove(doc_ids=[f"{number - 4:09d}"])
            log.update({"removed": True}, doc_ids=[f"{number - 4:09d}"])


def check_laptop(store: OpenStore, large: int) -> int:
    """Compare every document with what its number says; return the last number."""
    log = {one.doc_id: dict(one) for one in store.db.table("changes").all()}
    view = {one.doc_id: dict(one) for one in store.db.table("household").all()}
    last = len(log)
    wanted_log: dict[str, Any] = {}
    wanted_view: dict[str, Any] = {}
    for number in range(1, last + 1):
        key, text = f"{number:09d}", note(number, large)
        wanted_log[key] = {"seq": number, "size": len(text)}
        if number % 7 == 3 and number + 4 <= last:
            wanted_log[key]["removed"] = True
        else:
            wanted_view[key] = {"number": number, "note": text}
        wanted_view["latest"] = {"number": number, "note": text[:500]}
    if log != wanted_log or view != wanted_view:
        raise Wrong(f"differs from commit {last}")
    for number in range(PHOTO_EVERY, last + 1, PHOTO_EVERY):
        _check_photo(store, number)
    return last


def _check_photo(store: OpenStore, number: int) -> None:
    name, digest, content = photo(number)
    try:
        there = [store.photos.read(name, digest, part) for part in PARTS]
    except StoreError as refused:
        raise Reported(refused.code) from refused
    if None in there:
        raise Reported("photo_missing")
    if there != [content, content[:100]]:
        raise Wrong(f"photo {number} differs")


class CentreOf:
    """A centre with one laptop, served through its WSGI app; a commit is a batch of changes."""

    name = "centre"
    stream = str(uuid.uuid5(_SPACE, "stream"))
    reopens = 25

    def create(self, place: Place) -> None:
        """Make district, worker and laptop; the token is kept beside the database."""
        centre = self.open(place)
        laptop = join(centre, add_worker(centre))
        text = f"{laptop.token} {laptop.device_id} {laptop.worker_id}"
        (place.folder / "token").write_text(text)
        centre.store.close()

    def commits(self, place: Place, first: int) -> Iterator[int]:
        """Post batch after batch; now and then one that was received already."""
        sender = Sender(self.open(place), place, self.stream)
        try:
            for number in itertools.count(first):
                sender.post(number)
                yield number
                if number % 5 == 0:
                    sender.post(number - 1)
                if number % self.reopens == 0:
                    sender.centre.store.close()
                    sender = Sender(self.open(place), place, self.stream)
        finally:
            sender.centre.store.close()

    @staticmethod
    def open(place: Place) -> Centre:
        """Open it as the program does, at a time that stands still."""
        settings = Settings(place.folder / "centre", place.url, DISTRICT, testing=True)
        return open_centre(settings, StillClock())

    def last(self, place: Place) -> int:
        """Open and check."""
        try:
            centre = self.open(place)
        except Refusal as refused:
            raise Reported(refused.code) from refused
        try:
            return check_centre(centre, self.stream)
        except Refusal as refused:
            raise Reported(refused.code) from refused
        finally:
            centre.store.close()


class Sender:
    """The laptop of a tortured centre."""

    def __init__(self, centre: Centre, place: Place, stream: str) -> None:
        self.centre = centre
        self.stream = stream
        token, self.device, self.worker = (place.folder / "token").read_text().split()
        self._caller = Caller(app_again(centre), token)

    def post(self, number: int) -> None:
        """Deliver batch ``number``; raises AssertionError unless it is confirmed whole."""
        batch = sealed(self.stream, self.worker, number)
        head = {
            "stream": self.stream,
            "acked_seq": 0,
            "acked_hash": ZEROS,
            "last_seq": batch[-1]["seq"],
        }
        body = {
            "protocol": 1,
            "device_id": self.device,
            "batch_id": str(uuid.uuid4()),
            "server_epoch": None,
            "cursor": None,
            "sent_at": written(NOON),
            "app": "1.0.0",
            "heads": [head],
            "stream": self.stream,
            "changes": batch,
            "want": 1,
        }
        answer = self._caller.sync(body)
        if answer.status != 200:
            raise StoreError(str(answer.json().get("code")), answer.text[:200])
        receipts = answer.json()["receipts"]
        assert [one["seq"] for one in receipts] == [one["seq"] for one in batch], receipts
        assert {one["outcome"] for one in receipts} <= {"applied", "duplicate"}, receipts


_chains: dict[tuple[str, str], list[dict[str, Any]]] = {}


def sealed(stream: str, worker: str, number: int) -> list[dict[str, Any]]:
    """The changes of batch ``number`` of a stream, counted from 1."""
    chain = _chains.setdefault((stream, worker), [])
    while len(chain) < number * BATCH:
        seq = len(chain) + 1
        prev = chain[-1]["hash"] if chain else ZEROS
        chain.append(seal(_change(stream, worker, seq), seq, prev))
    return chain[(number - 1) * BATCH : number * BATCH]


def _change(stream: str, worker: str, seq: int) -> dict[str, Any]:
    """Odd numbers create a household, even ones change the one before."""
    creates = seq % 2 == 1
    record = _id(stream, seq if creates else seq - 1)
    fields: dict[str, Any] = {"remarks": (f"第{seq}次" * (seq % 40))[:200]}
    if creates:
        fields |= {"code": f"3-1-{seq}", "room_id": _id("room", seq), "kind": "family", "size": 3}
    return {
        "change_id": _id(stream + "change", seq),
        "kind": "household",
        "schema": 1,
        "record_id": record,
        "action": "create" if creates else "update",
        "grid": GRID,
        "base_version": None,
        "made_at": written(NOON),
        "author": worker,
        "fields": fields,
    }


def _id(space: str, number: int) -> str:
    return str(uuid.uuid5(_SPACE, f"{space} {number}"))


def check_centre(centre: Centre, stream: str) -> int:
    """Compare stream, changes and records with what the numbers say; return the last batch."""
    with centre.store.reading() as connection:
        if centre.store.is_sqlite:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if found != "ok":
                raise Reported("database_damaged")
        row = connection.execute(
            sa.select(streams).where(streams.c.stream == stream)
        ).mappings().first()  # fmt: skip
        there = connection.execute(
            sa.select(changes).where(changes.c.stream == stream).order_by(changes.c.seq)
        ).mappings().all()  # fmt: skip
        stored = connection.execute(sa.select(records)).mappings().all()
    if not there:
        return 0
    known = row["known_seq"] if row else 0
    if known != len(there) or known % BATCH:
        raise Wrong(f"{len(there)} changes, {known} known")
    worker = there[0]["author"]
    wanted = [one for n in range(known // BATCH) for one in sealed(stream, worker, n + 1)]
    names = ("seq", "change_id", "hash", "prev", "record_id", "fields")
    for change, one in zip(wanted, there, strict=True):
        if any(change[name] != one[name] for name in names) or one["outcome"] != "applied":
            raise Wrong(f"change {change['seq']} differs")
    _check_records(wanted, stored)
    return known // BATCH


def _check_records(wanted: list[dict[str, Any]], stored: Any) -> None:
    fields: dict[str, dict[str, Any]] = {}
    for change in wanted:
        fields.setdefault(change["record_id"], {}).update(change["fields"])
    by_id = {one["record_id"]: one["fields"] for one in stored}
    if set(by_id) != set(fields):
        raise Wrong(f"{len(by_id)} records for {len(fields)}")
    for record_id, values in fields.items():
        stands = by_id[record_id]
        if any((stands.get(name) or None) != (value or None) for name, value in values.items()):
            raise Wrong(f"record {record_id} differs")
