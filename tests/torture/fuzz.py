"""Mutated requests against the centre's app, called with raw bytes.

No answer is a failure of the centre's own, none takes long, and nothing changes in the books unless
the request was in order: whether it was is judged here, by code that shares nothing with the
centre's.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import resource
import shutil
import signal
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from schemas.clock import written as written_time
from schemas.exchange import API
from schemas.seal import ZEROS, seal
from sync_server.app import app_of
from sync_server.domain.errors import Refusal
from sync_server.services import relay
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from sync_server.store.tables import metadata
from tests.sync_server.relay_files import join_with_key, relay_file
from tests.sync_server.world import DISTRICT, StillClock, add_worker
from tests.torture.databases import Databases
from tests.torture.lanes import in_lanes
from tests.torture.mutations import JUNK, bent, disguised, torn, written
from tests.torture.power_cuts import memory
from tests.torture.subjects import sealed
from tests.torture.wsgi import Answer, Caller

FULL = 1_000_000
A_CENTRE = 25_000
"""After so many requests the centre is a new one: what it keeps for staff would fill the disk."""
LOOK_EVERY = 100
LONGEST_S = 20
STATE = ("changes", "records", "conflicts", "streams", "aliases", "devices", "users", "holdings",
         "photo_files", "reseals")  # fmt: skip
WEIGHTS = {"bytes": 38, "values": 36, "disguises": 9, "sealed": 2, "join": 5, "account": 3,
           "photos": 6, "relay": 1}  # fmt: skip


def _books() -> sa.Select[Any]:
    tables = metadata.tables
    sums = {
        "change_no": tables["districts"].c.change_no,
        "version_floor": tables["districts"].c.version_floor,
        "versions": tables["records"].c.version,
        "known": tables["streams"].c.known_seq,
    }
    counts = [
        sa.select(sa.func.count()).select_from(tables[name]).scalar_subquery().label(name)
        for name in STATE
    ]
    return sa.select(
        *counts,
        *(sa.select(sa.func.sum(one)).scalar_subquery().label(name) for name, one in sums.items()),
    )


BOOKS = _books()


class Hangs(Exception):
    """A request took longer than any may."""


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Bend requests; return the figures, with ``violations`` in words."""
    count = max(int(FULL * scale), 300)
    began = time.monotonic()
    parts = [A_CENTRE] * (count // A_CENTRE)
    if count % A_CENTRE:
        parts.append(count % A_CENTRE)
    seeds = [random.randrange(2**32) for _ in parts]
    found = in_lanes(campaign, parts, seeds, [database] * len(parts))
    seconds = time.monotonic() - began
    statuses, roads = Counter[str](), Counter[str]()
    for one in found:
        statuses.update(one["statuses"])
        roads.update(one["roads"])
    return {
        "exchanges": count,
        "roads": dict(roads),
        "statuses": dict(sorted(statuses.items())),
        "server_errors": sum(n for status, n in statuses.items() if status.startswith("5")),
        "in_order": sum(one["in_order"] for one in found),
        "changes_taken_in": sum(one["changes"] for one in found),
        "longest_s": max(one["longest_s"] for one in found),
        "memory_mb": max(one["memory_mb"] for one in found),
        "per_second": round(count / seconds, 1),
        "violations": [words for one in found for words in one["violations"]][:20],
    }


def campaign(count: int, seed: int, database: str | None) -> dict[str, Any]:
    """So many requests at one centre."""
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-fuzz-", dir=memory()))
    try:
        with Databases(database).fresh() as url:
            settings = Settings(
                folder / "centre", url, DISTRICT, joins_per_minute=10**9, testing=True
            )
            centre = open_centre(settings, StillClock())
            try:
                return Campaign(centre, random.Random(seed), seed).run(count)
            finally:
                centre.store.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Campaign:
    """One centre with one laptop, whose requests are bent."""

    def __init__(self, centre: Centre, rng: random.Random, seed: int) -> None:
        self.centre, self.rng, self.seed = centre, rng, seed
        self.laptop = join_with_key(centre, add_worker(centre))
        self.caller = Caller(app_of(centre), self.laptop.token)
        self.stream = str(uuid.UUID(int=rng.getrandbits(128)))
        self.batch = 1
        self.wild: list[dict[str, Any]] = []
        self.wild_stream = str(uuid.UUID(int=rng.getrandbits(128)))
        self.statuses: Counter[str] = Counter()
        self.roads: Counter[str] = Counter()
        self.violations: list[str] = []
        self.uploads: list[str] = []
        self.in_order = 0
        self.longest = (0.0, "")
        self.state = self.look()

    def run(self, count: int) -> dict[str, Any]:
        """Send the requests and one in order at the end."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.signal(signal.SIGALRM, _hangs)
        for number in range(count):
            road = self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.roads[road] += 1
            self._one(number, road)
        self._require_unchanged("at the end")
        if (
            self.caller.sync(
                self.body(sealed(self.stream, self.laptop.worker_id, self.batch))
            ).status
            != 200
        ):
            self.violations.append(f"seed {self.seed}: a request in order is refused afterwards")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        return {
            "statuses": dict(self.statuses),
            "roads": dict(self.roads),
            "in_order": self.in_order,
            "changes": self.look()["changes"],
            "longest_s": (round(self.longest[0], 2), self.longest[1]),
            "memory_mb": grown // 1024,
            "violations": self.violations,
        }

    def _one(self, number: int, road: str) -> None:
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
        try:
            status, allowed = getattr(self, f"_{road}")()
        except Exception as error:
            status, allowed = 599, False
            words = f"{type(error).__name__}: {error}"[:300]
            self.violations.append(f"seed {self.seed}, {road} {number}: {words}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.longest = max(self.longest, (time.monotonic() - began, road))
        self.statuses[str(status)] += 1
        if status >= 500 and status != 599:
            self.violations.append(f"seed {self.seed}, {road} {number}: answered {status}")
        if allowed:
            self.in_order += 1
            self.state = self.look()
        elif status < 300 or number % LOOK_EVERY == 0:
            self._require_unchanged(f"{road} {number}")

    def look(self) -> dict[str, int]:
        """The books in a few numbers."""
        with self.centre.store.reading() as connection:
            row = connection.execute(BOOKS).mappings().one()
        return {name: int(value or 0) for name, value in row.items()}

    def _require_unchanged(self, where: str) -> None:
        now = self.look()
        if now != self.state:
            moved = {
                name: (self.state[name], now[name]) for name in now if now[name] != self.state[name]
            }
            self.violations.append(f"seed {self.seed}, {where}: the books changed: {moved}")
            self.state = now

    # Requests

    def body(self, changes: list[dict[str, Any]], stream: str = "") -> dict[str, Any]:
        """An exchange in order."""
        stream = stream or self.stream
        acked = changes[0]["seq"] - 1 if changes else 0
        head = {
            "stream": stream,
            "acked_seq": acked,
            "acked_hash": changes[0]["prev"] if changes else ZEROS,
            "last_seq": acked + len(changes),
        }
        return {
            "protocol": 1,
            "device_id": self.laptop.device_id,
            "batch_id": str(uuid.UUID(int=self.rng.getrandbits(128))),
            "server_epoch": None,
            "cursor": None,
            "sent_at": written_time(self.centre.clock()),
            "app": "1.0.0",
            "heads": [head],
            "stream": stream,
            "changes": changes,
            "want": 1,
        }

    def _good(self) -> dict[str, Any]:
        return self.body(sealed(self.stream, self.laptop.worker_id, self.batch))

    def _post(self, data: bytes, headers: dict[str, str] | None = None) -> tuple[int, bool]:
        """Post an exchange; say whether its changes may have been taken in."""
        answer = self.caller.call("POST", f"{API}/sync", data, headers)
        if answer.status != 200:
            return answer.status, False
        raw = gzip.decompress(data) if "gzip" in str(headers) else data
        length = (headers or {}).get("Content-Length")
        if length:
            raw = raw[: int(length)]
        if not in_order(raw, self.laptop.device_id):
            self.violations.append(f"seed {self.seed}: taken in: {raw[:2000]!r}")
            return 200, False
        self._advance(answer)
        return 200, True

    def _advance(self, answer: Answer) -> None:
        """Go on where the centre stands in our stream."""
        for known in answer.json()["known"]:
            if known["stream"] == self.stream:
                self.batch = known["seq"] // 3 + 1

    def _bytes(self) -> tuple[int, bool]:
        return self._post(torn(written(self._good()), self.rng))

    def _values(self) -> tuple[int, bool]:
        return self._post(written(bent(self._good(), self.rng, self.rng.choice((1, 1, 1, 2, 4)))))

    def _disguises(self) -> tuple[int, bool]:
        data, headers = disguised(written(self._good()), self.rng)
        return self._post(data, headers)

    def _sealed(self) -> tuple[int, bool]:
        """Changes bent before they are sealed: a laptop gone mad. Each is received and answered."""
        base = self.rng.choice(sealed(self.stream, self.laptop.worker_id, 1))
        change = bent(base, self.rng, self.rng.choice((1, 2, 3)))
        if not isinstance(change, dict):
            return 0, False
        change.setdefault("change_id", str(uuid.UUID(int=self.rng.getrandbits(128))))
        if self.rng.random() < 0.7:
            change["change_id"] = str(uuid.UUID(int=self.rng.getrandbits(128)))
        prev = self.wild[-1]["hash"] if self.wild else ZEROS
        try:
            one = seal(change, len(self.wild) + 1, prev)
        except (ValueError, TypeError):  # no client can seal a lone surrogate
            return 0, False
        body = self.body([one], self.wild_stream)
        answer = self.caller.sync(body)
        if answer.status == 200:
            # (Receipts with a stream are of earlier changes that had waited for this one.)
            receipts = [r for r in answer.json()["receipts"] if "stream" not in r]
            if [receipt["seq"] for receipt in receipts] != [one["seq"]]:
                self.violations.append(f"seed {self.seed}: receipts {receipts} for {one['seq']}")
            self.wild.append(one)
        return answer.status, answer.status == 200

    def _join(self) -> tuple[int, bool]:
        """A code nobody was given, and bodies of any shape."""
        body: Any = {
            "code": "AAAA-BBBB-CCCC",
            "device_name": "x",
            "public_key": "ab" * 32,
            "app": "1",
        }
        data = written(bent(body, self.rng, 2))
        if self.rng.random() < 0.3:
            data = torn(data, self.rng)
        return self.caller.call("POST", f"{API}/devices", data).status, False

    def _account(self) -> tuple[int, bool]:
        rng = self.rng
        pairs = [
            f"{rng.choice(('heads', 'stream', 'made', 'unsent', 'x'))}={str(rng.choice(JUNK))[:40]}"
            for _ in range(rng.randrange(4))
        ]
        query = "&".join(pairs).encode("utf-8", "replace").decode("latin-1")
        _, headers = disguised(b"", rng)
        method = rng.choice(("GET", "GET", "GET", "HEAD", "POST", "PUT"))
        answer = self.caller.call(method, f"{API}/sync/account?{query}", b"", headers)
        return answer.status, answer.status == 200

    def _photos(self) -> tuple[int, bool]:
        """tus with every header bent; no photo may appear, for none fits the hash it promises."""
        rng = self.rng
        sha = base64.b64encode(hashlib.sha256(rng.randbytes(4)).hexdigest().encode()).decode()
        numbers = ("0", "1", "10", "-1", "x", "", "99999999999999999999", "1.5", " 7")
        headers = {
            "Tus-Resumable": rng.choice(("1.0.0",) * 12 + ("", "0.2.2")),
            "Upload-Length": rng.choice(numbers),
            "Upload-Offset": rng.choice(numbers),
            "Upload-Metadata": rng.choice((
                f"sha256 {sha}", f"sha256 {sha},taken_at eA==,use eA==", "sha256", "x !!!",
                f"sha256 {sha},sha256 {sha}", "\xff \xff",
                f"sha256 {sha},record_id {'A' * 5000}",
            )),
            "Content-Type": rng.choice(("x/y", *["application/offset+octet-stream"] * 5)),
            "Upload-Checksum": rng.choice(("", "", "sha1 x", "sha256 AAAA", "md5 AAAA", "sha1")),
        }  # fmt: skip
        if rng.random() < 0.1:
            headers["X-HTTP-Method-Override"] = rng.choice(("PATCH", "DELETE", "TRACE", "\xff"))
        method = rng.choice(("POST", "POST", "PATCH", "PATCH", "PATCH", "HEAD", "DELETE", "PUT"))
        path = f"{API}/photos"
        if method != "POST" or rng.random() < 0.1:
            path += "/" + rng.choice([*self.uploads[-5:], "x", "..%2f", "0" * 36, "%00"])
        content = rng.randbytes(rng.choice((0, 1, 10, 1000)))
        answer = self.caller.call(method, path, content, headers)
        if answer.status == 201:
            self.uploads.append(answer.headers["location"].rsplit("/", 1)[1])
        return answer.status, False

    def _relay(self) -> tuple[int, bool]:
        """Relay files: bent outside, where the seal must notice, or bent inside and well sealed."""
        outside = self.rng.random() < 0.5
        body = self._good() | {"want": 500}  # a receipt carries every page that waits
        body = body if outside else bent(body, self.rng)
        if not isinstance(body, dict) or not {"batch_id", "changes"} <= set(body):
            return 0, False
        try:
            file = relay_file(self.laptop, [body])
        except (TypeError, ValueError, AttributeError):
            return 0, False
        if outside:
            spoilt = torn(file, self.rng)
            if spoilt == file:
                return 0, False
            file = spoilt
        out = io.BytesIO()
        try:
            relay.take_in(
                self.centre, io.BytesIO(file), out, self.centre.clock(), sleep=lambda s: None
            )
        except Refusal:
            return 422, False
        good = -1 if outside else orderly(written(body), self.laptop.device_id)
        if good < 0 or (not good and body["changes"]):
            return 200, False
        # What lies before an unusable change is taken in, and nothing from there on.
        taken = self.look()["known"] - self.state["known"]
        if taken > good:
            self.violations.append(f"seed {self.seed}: {taken} taken in of {good} in order")
        self._advance(self.caller.sync(self.body([])))
        return 200, True


def _hangs(*_: object) -> None:
    raise Hangs(f"over {LONGEST_S} s")


def in_order(raw: bytes, device: str) -> bool:
    """Whether all of a body's changes are sealed and chained."""
    try:
        return orderly(raw, device) == len(json.loads(raw.decode("utf-8"))["changes"])
    except (ValueError, KeyError, TypeError):
        return False


def orderly(raw: bytes, device: str) -> int:
    """Return how many of a body's changes, from the first on, are sealed and chained, -1 for a body
    that is none of this device: written anew, not with the centre's code."""
    count = -1
    try:
        body = json.loads(raw.decode("utf-8"))
        if body["device_id"] != device or not isinstance(body["changes"], list):
            return count
        count = 0
        before: dict[str, Any] | None = None
        for change in body["changes"]:
            rest = {name: value for name, value in change.items() if name != "hash"}
            text = json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            if hashlib.sha256(text.encode()).hexdigest() != change["hash"]:
                break
            if before is not None and (
                change["prev"] != before["hash"] or change["seq"] != before["seq"] + 1
            ):
                break
            before, count = change, count + 1
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return count
