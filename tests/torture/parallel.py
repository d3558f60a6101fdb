"""Many at once, against the centre started from the command line with several processes.

The same batch posted twenty times together has one effect. One device's exchanges sent by several
hands at once end as one unbroken stream. While the devices of a grid write, others read page by
page: no cursor skips what was committed, nothing comes twice, numbers only grow (I9).
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from demo.processes import Program
from schemas.exchange import API
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings
from sync_server.store.tables import changes, records, streams
from tests.journeys.programs import free_port
from tests.sync_server.world import DISTRICT, Laptop, add_worker, household, join
from tests.torture.databases import Databases

ROUNDS, BATCHES = 200, 2_000
AT_ONCE, HANDS, WRITERS, READERS = 20, 5, 6, 3
PROCESSES = 3
AGAIN_AFTER_S = (0.01, 0.08)
PATIENCE_S = 120


class Stuck(Exception):
    """A request was answered in a way it must not be, or busy for too long."""


class Posts:
    """Posts exchanges and counts how often they had to come again, by code."""

    def __init__(self, address: str) -> None:
        self._address = f"{address}{API}/sync"
        self._local = threading.local()
        self.again: Counter[str] = Counter()
        self.exchanges = 0

    def post(self, laptop: Laptop, body: dict[str, Any], *also: str) -> dict[str, Any]:
        """Post until it is served; raise Stuck for any answer but served, busy, and ``also``."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer = self._session().post(
                self._address, json=body, headers={"Authorization": f"Bearer {laptop.token}"}
            )
            told: dict[str, Any] = answer.json()
            if answer.status_code == 200:
                self.exchanges += 1
                return told
            code = told.get("code", "")
            if code in also:
                return told
            if code not in ("busy", "server_busy", "unavailable"):
                raise Stuck(f"{answer.status_code} {code}")
            self.again[code] += 1
            time.sleep(random.uniform(*AGAIN_AFTER_S))
        raise Stuck("busy for too long")

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Start a centre, press on it from all sides, stop it, and read its books."""
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-parallel-"))
    try:
        with Databases(database).fresh() as url:
            return _press(Settings(folder / "centre", url, DISTRICT), folder, scale)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _press(settings: Settings, folder: Path, scale: float) -> dict[str, Any]:
    centre = open_centre(settings)
    number = HANDS + WRITERS + READERS
    laptops = [join(centre, add_worker(centre, f"w{n}"), f"{n:02x}" * 32) for n in range(number)]
    centre.store.close()
    port = free_port()
    arguments = ["sync_server", "--data", str(settings.data), "--port", str(port), "--production"]
    arguments += ["--workers", str(PROCESSES)]
    arguments += ["--database-url", settings.database_url] if settings.database_url else []
    address = f"http://127.0.0.1:{port}"
    program = Program("sync_server", arguments, address, folder / "log")
    program.start()
    figures: dict[str, Any] = {"processes": PROCESSES, "violations": []}
    began, posts = time.monotonic(), Posts(address)
    try:
        rounds, batches = max(int(ROUNDS * scale), 1), max(int(BATCHES * scale), 12)
        figures["same_batch_at_once"] = rounds
        for _ in range(rounds):
            figures["violations"] += same_batch(posts, laptops[0])
        many_hands(posts, laptops[1], batches // 2)
        told = a_grid(posts, laptops[HANDS:-READERS], laptops[-READERS:], batches)
    finally:
        program.stop()
    figures |= {"exchanges": posts.exchanges, "came_again": dict(posts.again)}
    figures["updates_read"] = sum(len(one) for one in told)
    figures["per_second"] = round(posts.exchanges / (time.monotonic() - began), 1)
    centre = open_centre(settings)
    try:
        figures["violations"] += list(judge(centre, laptops, told))
    finally:
        centre.store.close()
    return figures


def at_once(tasks: Iterable[Callable[[], Any]]) -> list[Any]:
    """Run tasks in threads that begin together; return what each gave."""
    tasks = list(tasks)
    gate = threading.Barrier(len(tasks))

    def run(task: Callable[[], Any]) -> Any:
        gate.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def same_batch(posts: Posts, laptop: Laptop) -> list[str]:
    """Post one batch many times at once; return what is wrong with the answers."""
    for _ in range(10):
        laptop.write("household", "create", household())
    body = laptop.body()
    answers = at_once([lambda: posts.post(laptop, body)] * AT_ONCE)
    outcomes = Counter(
        "/".join(sorted({one["outcome"] for one in answer["receipts"]})) for answer in answers
    )
    laptop.keep(answers[0])
    wanted = {"applied": 1, "duplicate": AT_ONCE - 1}
    return [] if outcomes == wanted else [f"one batch {AT_ONCE} times: {dict(outcomes)}"]


def many_hands(posts: Posts, laptop: Laptop, batches: int) -> None:
    """Let several hands send one device's batches, each as soon as it can."""
    for _ in range(batches * 2):
        laptop.write("household", "create", household())
    waiting = list(range(batches))
    lock = threading.Lock()

    def send() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                number = waiting.pop(0)
            body = laptop.body(laptop.log[2 * number : 2 * number + 2], want=0) | {"heads": []}
            while posts.post(laptop, body, "sequence_gap").get("code"):
                posts.again["sequence_gap"] += 1
                time.sleep(random.uniform(*AGAIN_AFTER_S))

    at_once([send] * HANDS)


def a_grid(
    posts: Posts, writers: list[Laptop], readers: list[Laptop], batches: int
) -> list[list[tuple[str, int]]]:
    """Let devices of one grid write while others read; return what each reader was told, as
    (record, change number)."""
    done = threading.Event()
    told: list[list[tuple[str, int]]] = [[] for _ in readers]

    def write(laptop: Laptop) -> None:
        for _ in range(max(batches // len(writers), 2)):
            for _ in range(3):
                made = laptop.write("household", "create", household())
                if random.random() < 0.4:
                    laptop.write("household", "update", {"size": 9}, made["record_id"])
            laptop.keep(posts.post(laptop, laptop.body(want=0)))

    def read(laptop: Laptop, into: list[tuple[str, int]]) -> None:
        last = False
        while not last:
            last, more = done.is_set(), True
            while more:
                answer = posts.post(laptop, laptop.body([], want=random.choice((1, 5, 50))))
                laptop.keep(answer)
                into += [(one["record_id"], one["change_no"]) for one in answer["updates"]]
                more = answer["more"]

    with ThreadPoolExecutor(len(readers)) as pool:
        reading = [pool.submit(read, *pair) for pair in zip(readers, told, strict=True)]
        try:
            at_once([lambda laptop=laptop: write(laptop) for laptop in writers])
        finally:
            done.set()
        for one in reading:
            one.result()
    return told


def judge(
    centre: Centre, laptops: list[Laptop], told: list[list[tuple[str, int]]]
) -> Iterable[str]:
    """Compare the books with what was sent and with what the readers were told."""
    with centre.store.reading() as connection:
        numbers = _pairs(connection, records.c.record_id, records.c.change_no)
        known = _pairs(connection, streams.c.stream, streams.c.known_seq)
        stored = Counter(connection.execute(sa.select(changes.c.change_id)).scalars())
    for laptop in laptops:
        if laptop.log and known.get(laptop.stream) != len(laptop.log):
            yield f"stream of {len(laptop.log)} is known to {known.get(laptop.stream)}"
    sent = {change["change_id"] for laptop in laptops for change in laptop.log}
    if set(stored) != sent or max(stored.values()) > 1:
        yield f"{stored.total()} changes stored of {len(sent)} sent"
    for number, one in enumerate(told):
        order = [change_no for _, change_no in one]
        if order != sorted(set(order)):
            yield f"reader {number} was told numbers out of order or twice"
        if dict(one) != numbers:
            missing = [record for record in numbers if dict(one).get(record) != numbers[record]]
            yield f"reader {number} lacks {len(missing)} of {len(numbers)} records"


def _pairs(connection: sa.Connection, *columns: sa.Column[Any]) -> dict[str, int]:
    return {str(key): int(value) for key, value in connection.execute(sa.select(*columns))}
