"""Stores that are known to lose or damage work when the power goes: the test must catch each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinydb import TinyDB
from tinydb.storages import JSONStorage

from field_app.store.files import sync_folder
from field_app.store.vault import OpenStore
from sync_server.services.centre import Centre
from tests.torture.subjects import CentreOf, LaptopStore, Place, Subject, Wrong


class StockTinyDB:
    """TinyDB as it comes, on its JSON file."""

    name = "TinyDB's JSONStorage"
    images = 400
    """At least so many: the moment between a write and its sync is short."""

    def create(self, place: Place) -> None:
        """Make the file."""
        TinyDB(place.folder / "db.json", storage=JSONStorage).close()
        sync_folder(place.folder)  # that it does not do this itself is not held against it

    def commits(self, place: Place, first: int) -> Iterator[int]:
        """Insert one document after the other."""
        with TinyDB(place.folder / "db.json", storage=JSONStorage) as db:
            for number in itertools.count(first):
                db.insert({"number": number, "note": "网格巡访" * 50})
                db.update({"note": "网格" * (number % 50 + 9)}, doc_ids=[1])
                yield number

    def last(self, place: Place) -> int:
        """Count what is there."""
        with TinyDB(place.folder / "db.json", storage=JSONStorage) as db:
            there = [document["number"] for document in db.all()]
        if there != list(range(1, len(there) + 1)):
            raise Wrong(f"{len(there)} documents out of order")
        return len(there)


class LaptopWalNormal(LaptopStore):
    """The laptop's store with a WAL that is not synced at each commit."""

    name = "laptop store, WAL with synchronous=NORMAL"

    def prepare(self, store: OpenStore) -> None:
        """Weaken it."""
        store._rows._run("PRAGMA synchronous = NORMAL")


class LaptopUnsynced(LaptopStore):
    """The laptop's store with a rollback journal and no sync at all."""

    name = "laptop store, rollback journal with synchronous=OFF"

    def prepare(self, store: OpenStore) -> None:
        """Weaken it."""
        store._rows._run("PRAGMA journal_mode = DELETE")
        store._rows._run("PRAGMA synchronous = OFF")


class CentreWalNormal(CentreOf):
    """The centre with a WAL that is not synced at each commit."""

    name = "centre, WAL with synchronous=NORMAL"

    @staticmethod
    def open(place: Place) -> Centre:
        """Open it weakened: its few connections are kept, so all are weakened first."""
        centre = CentreOf.open(place)
        with centre.store.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA synchronous = NORMAL")
        return centre


CONTROLS: tuple[Subject, ...] = (
    StockTinyDB(),
    LaptopWalNormal(),
    LaptopUnsynced(),
    CentreWalNormal(),
)
