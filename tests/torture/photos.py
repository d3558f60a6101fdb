"""Photos cut at every byte, and brought by several hands to processes that are killed meanwhile.

What the centre ever called complete must lie on its disk under its hash, with its row, after any
kill; what was cut goes on at the very byte; nobody's photo is there twice or half.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from werkzeug.serving import make_server

from demo.processes import Program
from field_app.sync_client import Client, SyncFault
from schemas.exchange import API
from sync_server.app import app_of
from sync_server.services.centre import Centre, open_centre
from sync_server.services.photos import photo_store
from sync_server.settings import Settings
from sync_server.store.tables import photo_files, photo_uploads
from tests.journeys.programs import free_port
from tests.pictures import picture
from tests.sync_server.world import DISTRICT, Laptop, add_worker, join
from tests.torture.databases import Databases

PHOTOS, KILLS = 200, 40
DEVICES, HANDS, PROCESSES = 4, 2, 3
PATIENCE_S = 300
BODY = "application/offset+octet-stream"


class Killable(Program):
    """The centre with all its processes."""

    def kill(self) -> None:
        """End every one of them at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def run(scale: float, database: str | None) -> dict[str, Any]:
    """Cut one upload at every byte, then upload many while the centre is killed."""
    folder = Path(tempfile.mkdtemp(prefix="gridrounds-photos-"))
    try:
        with Databases(database).fresh() as url:
            settings = Settings(folder / "centre", url, DISTRICT)
            return {"cuts": _cuts(settings, scale), "kills": _kills(settings, folder, scale)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Cut at every byte -------------------------------------------------------------------------------


def _cuts(settings: Settings, scale: float) -> dict[str, Any]:
    centre = open_centre(settings)
    server = make_server("127.0.0.1", 0, app_of(centre), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        laptop = join(centre, add_worker(centre, "cutter"), "ee" * 32)
        return _cut_at_every_byte(centre, laptop, server.port, scale)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        centre.store.close()


def _cut_at_every_byte(centre: Centre, laptop: Laptop, port: int, scale: float) -> dict[str, Any]:
    content = picture(16, 16)
    size = len(content)
    places = sorted(random.sample(range(1, size), max(10, min(size - 1, int(size * scale)))))
    client = Client(f"http://127.0.0.1:{port}", clock=_now, token=laptop.token)
    tus, violations, sent = client.uploads(), [], 0
    path = tus.begin(size, {"sha256": hashlib.sha256(content).hexdigest()}).path
    for place in places:
        head = (
            f"PATCH {API}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTus-Resumable: 1.0.0\r\n"
            f"Authorization: Bearer {laptop.token}\r\nUpload-Offset: {sent}\r\n"
            f"Content-Type: {BODY}\r\nContent-Length: {size - sent}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(head.encode() + content[sent:place])
            line.shutdown(socket.SHUT_WR)
            line.recv(1000)
        sent = tus.offset(path, size)
        if sent != place:
            violations.append(f"cut at byte {place}, goes on at {sent}")
    tus.send(path, sent, content[sent:], size)
    client.close()
    violations += list(_judge(centre, {hashlib.sha256(content).hexdigest()}))
    return {"cuts": len(places), "bytes": size, "violations": violations}


# Killed while they come --------------------------------------------------------------------------


class Told:
    """What the hands were told, and what they met."""

    def __init__(self) -> None:
        self.complete: set[str] = set()
        self.met: Counter[str] = Counter()
        self.left: list[str] = []


def _kills(settings: Settings, folder: Path, scale: float) -> dict[str, Any]:
    centre = open_centre(settings)
    laptops = [join(centre, add_worker(centre, f"p{n}"), f"a{n}" * 32) for n in range(DEVICES)]
    before = {row["sha256"] for row in _rows(centre, photo_files)}
    centre.store.close()
    program = _program(settings, folder)
    program.start()
    told, each = Told(), max(int(PHOTOS * scale / DEVICES), 2)
    hands = [
        threading.Thread(target=_bring, args=(program.address, laptop, number, each, told))
        for number, laptop in enumerate(laptops)
    ]
    kills, violations = 0, []
    try:
        for hand in hands:
            hand.start()
        while any(hand.is_alive() for hand in hands) and kills < max(int(KILLS * scale), 2):
            time.sleep(random.uniform(0.2, 1.5))
            program.kill()
            kills += 1
            centre = open_centre(settings)
            violations += list(_judge(centre, set(told.complete) | before, growing=True))
            centre.store.close()
            program.start()
        for hand in hands:
            hand.join()
    finally:
        program.stop()
    centre = open_centre(settings)
    violations += [*told.left, *_judge(centre, told.complete | before)]
    centre.store.close()
    if told.met["server_error"]:
        violations.append(f"{told.met['server_error']} server errors")
    if len(told.complete) != DEVICES * each:
        violations.append(f"{len(told.complete)} photos complete of {DEVICES * each}")
    return {
        "processes": PROCESSES, "photos": len(told.complete), "kills": kills,
        "met": dict(told.met), "violations": violations,
    }  # fmt: skip


def _program(settings: Settings, folder: Path) -> Killable:
    port = free_port()
    arguments = ["sync_server", "--data", str(settings.data), "--port", str(port), "--production"]
    arguments += ["--workers", str(PROCESSES)]
    arguments += ["--database-url", settings.database_url] if settings.database_url else []
    return Killable("sync_server", arguments, f"http://127.0.0.1:{port}", folder / "log")


def _bring(address: str, laptop: Laptop, device: int, each: int, told: Told) -> None:
    """Bring one device's photos, each by several hands at once."""
    for number in range(each):
        content = picture(60, 45, noise=1 + device * each + number)
        upload = _Upload(content)
        hands = [
            threading.Thread(target=upload.push, args=(address, laptop.token, told))
            for _ in range(HANDS)
        ]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()


class _Upload:
    """One photo that several hands push."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._sha256 = hashlib.sha256(content).hexdigest()
        self._path = ""
        self._lock = threading.Lock()

    def push(self, address: str, token: str, told: Told) -> None:
        """Push until the centre says that all of it is there."""
        client = Client(address, clock=_now, token=token)
        deadline = time.monotonic() + PATIENCE_S
        while not self._step(client, told):
            if time.monotonic() > deadline:
                told.left.append("an upload did not end")
                break
        client.close()

    def _step(self, client: Client, told: Told) -> bool:
        tus, size = client.uploads(), len(self._content)
        try:
            with self._lock:
                if not self._path:
                    self._path = tus.begin(size, {"sha256": self._sha256}).path
                path = self._path
            offset = tus.offset(path, size)
            if offset < size:
                piece = self._content[offset : offset + random.choice((100, 700, 5_000))]
                offset = tus.send(path, offset, piece, size)
        except SyncFault as fault:
            told.met[fault.code] += 1
            if fault.code == "upload_gone":
                with self._lock:
                    self._path = ""
            time.sleep(random.uniform(0.01, 0.1))
            return False
        if offset == size:
            told.complete.add(self._sha256)
        return offset == size


def _judge(centre: Centre, complete: set[str], *, growing: bool = False) -> Iterator[str]:
    """Compare disk and rows with what was called complete; ``growing``: more may have come."""
    files = photo_store(centre)
    rows = {row["sha256"] for row in _rows(centre, photo_files)}
    for sha256 in complete:
        if sha256 not in rows:
            yield f"complete, but without a row: {sha256[:8]}"
        if files.photo(sha256) is None:
            yield f"complete, but not whole on the disk: {sha256[:8]}"
    if growing:
        return
    if rows != complete:
        yield f"{len(rows)} rows for {len(complete)} photos"
    for row in _rows(centre, photo_uploads):
        if row["done"] and files.offset(row["upload_id"]):
            continue  # dropped by the next look at it, or after a day
        if not row["done"] and files.offset(row["upload_id"]) >= row["bytes"]:
            yield "all bytes of an upload lie unproved"


def _rows(centre: Centre, table: sa.Table) -> list[Any]:
    with centre.store.reading() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def _now() -> datetime:
    return datetime.now(UTC)
