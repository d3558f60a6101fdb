"""Who takes records in: our centre and its peers, each taking its turn under the same clients.

A turn is: prepare fresh batches (untimed), let eight clients on keep-alive lines send them for a
short while, and count what was taken, what the server's processes and the database's spent.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import cpu, peer_records
from benchmarks.field_changes import SYNC, Laptop
from benchmarks.field_force import muster, opened, place_at_end
from benchmarks.keepalive import (
    Answer,
    BadAnswer,
    Check,
    Connection,
    Drive,
    Piece,
    drive,
    fine,
    request,
)
from benchmarks.peers import installing
from benchmarks.rounds import Figures
from benchmarks.servers import Database, Server, bare_flask, centre, free_port, gunicorn

CLIENTS = 8
CURSOR = b'"cursor":'
WANT = 500
PREPARED_AHEAD = 1.35
"""How much more is prepared than the last turn's rate would need."""


class Contender:
    """One server under measurement; subclasses prepare what its clients send."""

    name = ""
    first_rate = 2_000.0
    """A guess of records a second, for how much to prepare before anything is known."""

    def __init__(self, server: Server, database: Database | None = None) -> None:
        self.server, self.database = server, database
        self.name = self.name or server.name
        self.rate = self.first_rate
        self.stored = 0
        """How many records it has taken."""
        self._rng = random.Random(7)

    def prepare(self, size: int, batches: int) -> list[Iterable[Piece]]:
        """Return fresh work: for each client so many batches of ``size``."""
        raise NotImplementedError

    def check(self, answer: Answer) -> None:
        """Raise BadAnswer when a batch was not taken whole."""
        fine(answer)

    def turn(self, size: int, seconds: float) -> Figures:
        """Let the clients send fresh work for about so long; return the figures."""
        batches = max(1, round(self.rate * seconds * PREPARED_AHEAD / size / CLIENTS))
        told, figures = self.measure(self.prepare(size, batches), seconds)
        self.rate = max(told.rate, 1.0)
        return figures

    def measure(
        self,
        work: Sequence[Iterable[Piece]],
        seconds: float = 3600.0,
        check: Check | None = None,
    ) -> tuple[Drive, Figures]:
        """Let the clients send this work; return what it came to. Answers have to pass ``check``,
        the contender's own unless another is given."""
        before, stored = self.server.cpu_s(), self._database_cpu_s()
        told = drive(self.server.address, work, longest_s=seconds, check=check or self.check)
        server = self.server.cpu_s() - before
        database = self._database_cpu_s() - stored
        self.stored += told.records
        thousands = max(told.records, 1) / 1000
        return told, {
            "records_s": told.rate,
            "cpu_s_per_1000": (server + database) / thousands,
            "server_cpu_s_per_1000": server / thousands,
            "database_cpu_s_per_1000": database / thousands,
            "client_cpu_s_per_1000": told.client_cpu_s / thousands,
            "up_bytes": told.up_bytes / max(told.records, 1),
            "down_bytes": told.down_bytes / max(told.records, 1),
            "turned_away": told.turned_away,
            "records": told.records,
        }

    def settle(self) -> None:
        """Let its database look at what it has; after a first turn, before it is measured."""
        if self.database is not None:
            self.database.settle(self.name)

    def _database_cpu_s(self) -> float:
        return cpu.seconds(self.database.pid) if self.database is not None else 0.0


class Ours(Contender):
    """Our centre: validation, merge, history, receipts, in the real envelope."""

    first_rate = 3_000.0

    def __init__(
        self, server: Server, laptops: list[Laptop], database: Database | None = None
    ) -> None:
        super().__init__(server, database)
        self.laptops = laptops
        self.sent: list[list[Piece]] = []
        """What the last turn sent, to be sent again."""
        self.resent = 0
        """How many of the ``stored`` were known already."""

    def prepare(self, size: int, batches: int) -> list[Iterable[Piece]]:
        """Real changes in sealed batches; nobody asks for updates."""
        return [self._pieces(one, size, batches) for one in self.laptops]

    def _pieces(self, laptop: Laptop, size: int, batches: int) -> list[Piece]:
        # A turn may have ended before everything was sent: what follows begins a stream anew.
        laptop.begin_stream()
        return [
            Piece(request(self.server.address, "POST", SYNC, body, laptop.headers), size)
            for body in laptop.batches(batches, size, self._rng, want=0)
        ]

    def measure(
        self,
        work: Sequence[Iterable[Piece]],
        seconds: float = 3600.0,
        check: Check | None = None,
    ) -> tuple[Drive, Figures]:
        """Measure; what was not sent before the time was up is forgotten."""
        counted = [_Counted(one) for one in work]
        told = super().measure(counted, seconds, check)
        self.sent = [one.given for one in counted]
        return told

    def turn_of(self, count: int, size: int) -> Figures:
        """Send ``count`` changes, however long it takes."""
        return self.measure(self.prepare(size, max(1, count // size // len(self.laptops))))[1]

    def resend(self) -> Figures:
        """Send again, byte by byte, what the last turn sent."""
        told, figures = super().measure(self.sent, check=_only_duplicates)
        self.resent += told.records
        return figures

    def check(self, answer: Answer) -> None:
        """Everything has to be applied."""
        fine(answer)
        for word in (b'"receipts":[]', b'"quarantined"', b'"held"', b'"duplicate"', b'"conflict"'):
            if word in answer.body:
                raise BadAnswer(f"{word.decode()} in {answer.body[:400]!r}")


class AsALaptop(Ours):
    """The same as a laptop does it: packed both ways, with the updates in the same answer."""

    def prepare(self, size: int, batches: int) -> list[Iterable[Piece]]:
        """Bodies whose cursor is filled in from the answer before."""
        return [self._talk(one, size, batches) for one in self.laptops]

    def _talk(self, laptop: Laptop, size: int, batches: int) -> Generator[Piece, Answer, None]:
        laptop.begin_stream()
        bodies = list(laptop.batches(batches, size, self._rng, want=WANT))
        # With its name: a cursor that is not there yet is a null like many in a change.
        mark = CURSOR + json.dumps(laptop.cursor).encode()
        headers = laptop.headers | {"Accept-Encoding": "gzip", "Content-Encoding": "gzip"}

        def talk() -> Generator[Piece, Answer, None]:
            cursor = mark
            for body in bodies:
                assert mark in body, "no place for the cursor"
                packed = gzip.compress(body.replace(mark, cursor, 1), 6)
                answer = yield Piece(
                    request(self.server.address, "POST", SYNC, packed, headers), size
                )
                told = gzip.decompress(answer.body)
                at = told.index(CURSOR) + len(CURSOR)
                bare = told[at : told.index(b",", at)]
                cursor = CURSOR + bare
                laptop.cursor = json.loads(bare)

        return talk()

    def measure(
        self,
        work: Sequence[Iterable[Piece]],
        seconds: float = 3600.0,
        check: Check | None = None,
    ) -> tuple[Drive, Figures]:
        """Measure."""
        return Contender.measure(self, work, seconds, check)

    def check(self, answer: Answer) -> None:
        """The answer is packed: its status has to do."""
        fine(answer)


class _Counted:
    """Hands pieces out and keeps those that were handed out."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = iter(pieces)
        self.given: list[Piece] = []

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        piece = next(self._pieces)
        self.given.append(piece)
        return piece


def _only_duplicates(answer: Answer) -> None:
    fine(answer)
    if b'"outcome":"duplicate"' not in answer.body:
        raise BadAnswer(f"no duplicate in {answer.body[:400]!r}")


class Bare(Contender):
    """Bare Flask and psycopg."""

    first_rate = 12_000.0

    def prepare(self, size: int, batches: int) -> list[Iterable[Piece]]:
        """Arrays of records."""
        address, headers = self.server.address, {"Content-Type": "application/json"}
        return [
            [
                Piece(request(address, "POST", "/docs", peer_records.dumped(one), headers), size)
                for one in peer_records.batches(batches, size, self._rng)
            ]
            for _ in range(CLIENTS)
        ]  # fmt: skip


class Pouch(Contender):
    """pouchdb-server, by _bulk_docs."""

    first_rate = 2_500.0
    path = "/records"

    def prepare(self, size: int, batches: int) -> list[Iterable[Piece]]:
        """_bulk_docs of new documents."""
        return [
            [self._piece(one) for one in peer_records.batches(batches, size, self._rng)]
            for _ in range(CLIENTS)
        ]

    def _piece(self, records: list[dict[str, Any]]) -> Piece:
        docs = [{"_id": one["id"], **one} for one in records]
        body = peer_records.dumped({"docs": docs})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        raw = request(self.server.address, "POST", f"{self.path}/_bulk_docs", body, headers)
        return Piece(raw, len(records))

    def check(self, answer: Answer) -> None:
        """Every document has to be taken."""
        fine(answer)
        if b'"error"' in answer.body:
            raise BadAnswer(f"{answer.body[:300]!r}")


class Kinto(Contender):
    """Kinto on PostgreSQL, by its batch endpoint.

    Each client has a collection of its own: within one, Kinto wants every record at a millisecond
    of its own, and refuses what comes at once with 409.
    """

    first_rate = 100.0
    collections = "/buckets/field/collections"

    def prepare(self, size: int, batches: int) -> list[Iterable[Piece]]:
        """Batches of PUT."""
        return [
            [self._piece(one, client) for one in peer_records.batches(batches, size, self._rng)]
            for client in range(CLIENTS)
        ]

    def _piece(self, records: list[dict[str, Any]], client: int) -> Piece:
        place = f"{self.collections}/c{client}/records"
        asked = [{"path": f"{place}/{one['id']}", "body": {"data": one}} for one in records]
        body = peer_records.dumped({"defaults": {"method": "PUT"}, "requests": asked})
        raw = request(self.server.address, "POST", "/v1/batch", body, self.headers)
        return Piece(raw, len(records))

    headers: ClassVar[dict[str, str]] = {
        "Content-Type": "application/json",
        "Authorization": f"Basic {base64.b64encode(b'bench:bench').decode()}",
    }

    def check(self, answer: Answer) -> None:
        """Every record has to be made."""
        fine(answer)
        if b'"errno"' in answer.body:
            raise BadAnswer(f"{answer.body[answer.body.index(b'errno') :][:300]!r}")


def table(what: str, told: Mapping[str, Figures]) -> None:
    """Print how many records a second each took or gave, and what that cost."""
    print(f"{what:28}{'records/s':>10}{'spread':>8}{'server':>9}{'database':>9}{'clients':>9}")
    for name, one in told.items():
        print(
            f"{name:28}{one['records_s']:10,.0f}{one.get('spread', 1):7.2f}x"
            f"{one['server_cpu_s_per_1000']:9.3f}{one['database_cpu_s_per_1000']:9.3f}"
            f"{one['client_cpu_s_per_1000']:9.3f}"
        )
        if "resend_records_s" in one:
            print(f"{'  the same again':28}{one['resend_records_s']:10,.0f}")
    print("(processor seconds per 1,000 records)", flush=True)


# Starting them -----------------------------------------------------------------------------------


@contextlib.contextmanager
def our_centre(
    name: str,
    folder: Path,
    database: Database | None,
    *,
    kind: type[Ours] = Ours,
) -> Iterator[Ours]:
    """Run our centre on a fresh database with joined laptops, each in a grid of its own."""
    data = folder / name
    url = database.create(name) if database is not None else ""
    prepared = opened(data, url)
    try:
        force = muster(prepared, CLIENTS, per_grid=1)
        place_at_end(prepared, force)
    finally:
        prepared.store.close()
    server = centre(name, data, folder / f"{name}.log", database_url=url)
    with server:
        ours = kind(server, force, database)
        ours.name = name
        yield ours


@contextlib.contextmanager
def bare(name: str, folder: Path, database: Database, *, schema: bool = False) -> Iterator[Bare]:
    """Run bare Flask on a fresh database."""
    from psycopg import connect

    from benchmarks.peers.bare_flask import TABLE

    database.create(name)
    url = database.plain_url(name)
    with connect(url, autocommit=True) as connection:
        connection.execute(TABLE)
    with bare_flask(name, url, folder / f"{name}.log", schema=schema) as server:
        yield Bare(server, database)


@contextlib.contextmanager
def pouch(folder: Path) -> Iterator[Pouch | None]:
    """Run pouchdb-server; None when it cannot be had."""
    program = installing.pouchdb_server()
    if program is None:
        yield None
        return
    data = folder / "pouchdb"
    data.mkdir()
    port = free_port()
    command = ["node", str(program), "--port", str(port), "--host", "127.0.0.1", "--dir",
               str(data), "--no-color", "--no-stdout-logs"]  # fmt: skip
    with Server("pouchdb-server", command, port, folder / "pouchdb.log", health="/",
                folder=data) as server:  # fmt: skip
        line = Connection(server.address)
        fine(line.ask(request(server.address, "PUT", Pouch.path)))
        line.close()
        yield Pouch(server)


KINTO_INI = """[app:main]
use = egg:kinto
kinto.userid_hmac_secret = benchmark
multiauth.policies = basicauth
multiauth.policy.basicauth.use = kinto.core.authentication.BasicAuthAuthenticationPolicy
kinto.bucket_create_principals = system.Authenticated
kinto.batch_max_requests = 1000
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {url}
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {url}
kinto.cache_backend = kinto.core.cache.postgresql
kinto.cache_url = {url}
"""
KINTO_WSGI = "from pyramid.paster import get_app\napplication = get_app('kinto.ini')\n"


@contextlib.contextmanager
def kinto(folder: Path, database: Database) -> Iterator[Kinto | None]:
    """Run Kinto on PostgreSQL under gunicorn; None when it cannot be had."""
    python = installing.kinto()
    if python is None:
        yield None
        return
    home = folder / "kinto"
    home.mkdir()
    database.create("kinto")
    url = database.plain_url("kinto")
    (home / "kinto.ini").write_text(KINTO_INI.format(url=url), encoding="utf-8")
    (home / "kinto_wsgi.py").write_text(KINTO_WSGI, encoding="utf-8")
    installing.run_in(home, [str(python.parent / "kinto"), "migrate", "--ini", "kinto.ini"])
    port = free_port()
    arguments = [one for one in gunicorn(port, "kinto_wsgi:application") if "control" not in one]
    with Server("kinto", [str(python), *arguments], port, folder / "kinto.log",
                health="/v1/__lbheartbeat__", folder=home) as server:  # fmt: skip
        line = Connection(server.address)
        collections = [f"{Kinto.collections}/c{client}" for client in range(CLIENTS)]
        for path in ("/buckets/field", *collections):
            made = request(server.address, "PUT", f"/v1{path}", b"{}", Kinto.headers)
            fine(line.ask(made))
        line.close()
        yield Kinto(server, database)
