"""Writing relay files: all that is unsent, sealed to the centre (docs/relay-format.md).

Nothing is marked from having been written: only the receipt that comes back marks
(``services/relay_receipt.py``). So a file that never arrives costs nothing, and one that arrives
beside the link counts nothing twice.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from uuid6 import uuid7

import field_app
from field_app.domain.errors import Trouble
from field_app.services import photos
from field_app.services.batch import all_runs, body_of
from field_app.services.records import unsent_count
from field_app.services.workspace import Workspace, plain
from field_app.store.sticks import Hashing, StickUnusable, Written, sticks, write_to_stick
from schemas.clock import SHANGHAI, read_moment, written
from schemas.relay.faults import RelayFault
from schemas.relay.headers import BatchHeader
from schemas.relay.parts import PartWriter
from schemas.relay.sealing import Sealer, recipient_of

log = logging.getLogger(__name__)

RELAY = "relay_files"
"""The table of files written: what was in each, and the key its receipt will be sealed to."""
SUFFIX, RECEIPT = ".gridbatch", ".gridreceipt"
KEEP, MOST_KEPT = timedelta(days=90), 100


@dataclass(frozen=True)
class Load:
    """What a file written now would carry."""

    changes: int
    photos: int


@dataclass(frozen=True)
class Ready:
    """A file that is written whole; ``name`` is what it is called."""

    name: str
    changes: int
    photos: int
    size: int
    path: Path | None = None


def load(ws: Workspace) -> Load:
    """Return what waits to be carried."""
    return Load(unsent_count(ws), len(photos.waiting(ws)) if ws.photos else 0)


def places() -> list[str]:
    """Return the folders of the sticks in this computer."""
    return [str(one) for one in sticks()]


def receipts_in(ws: Workspace, folders: list[str]) -> list[Path]:
    """Return the receipts in these folders that a file written here waits for, newest first."""
    found: dict[Path, float] = {}
    for folder in folders:
        try:
            here = [one for one in Path(folder).iterdir() if one.suffix == RECEIPT]
            found |= {one: one.stat().st_mtime for one in here if _is_awaited(ws, one)}
        except (OSError, ValueError):  # taken out this moment, or no name of a folder at all
            continue
    return sorted(found, key=lambda one: found[one], reverse=True)


def _is_awaited(ws: Workspace, path: Path) -> bool:
    try:
        with path.open("rb") as file:
            kept = ws.table(RELAY).get(doc_id=recipient_of(file, "receipt").hex())
    except (OSError, RelayFault):
        return False
    return kept is not None and not kept["taken_at"]


def written_files(ws: Workspace) -> list[dict[str, Any]]:
    """Return the files written so far, the newest first."""
    return [one for one in reversed(plain(ws.table(RELAY))) if one["sha256"]]


def write_to(ws: Workspace, path: Path) -> Ready:
    """Write a file at ``path``; when this returns it has been read back and may be taken away.

    An existing folder stands for a new file in it, and a name without an ending for a folder that
    is not there. Raises Trouble ``relay_name``, StickUnusable, StickFull, StickLies, StickHasFile,
    and what the store raises; then no file is left.
    """
    if _is_folder(path):
        return write_into(ws, path.absolute())
    if not _is_folder(path.parent) or not (path.suffix or path.exists()):
        raise StickUnusable(str(path))
    if path.suffix != SUFFIX:  # at the centre nobody would be offered it
        raise Trouble("relay_name", suffix=SUFFIX)
    return _write(ws, path)


def write_into(ws: Workspace, folder: Path) -> Ready:
    """Write a new file into a folder. Raises StickUnusable where there is none, and as write_to."""
    if not (folder.is_absolute() and _is_folder(folder)):
        raise StickUnusable(str(folder))
    path = folder / file_name(ws)
    number = 1
    while path.exists():  # written within the same second
        number += 1
        path = folder / f"{Path(file_name(ws)).stem}-{number}{SUFFIX}"
    return _write(ws, path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # longer than a name may be
        return False


def _write(ws: Workspace, path: Path) -> Ready:
    writing = _Writing(ws, path.name)
    done = write_to_stick(path, writing.fill, writing.keep)
    return writing.ready(done.size, done.path)


def write_to_fetch(ws: Workspace) -> tuple[Ready, IO[bytes]]:
    """Write a file that the browser fetches, and return it open at its beginning.

    It is sealed, so that it may lie in the system's folder for such; it is gone when closed.
    """
    out = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    try:
        writing = _Writing(ws, file_name(ws))
        hashing = Hashing(cast(BinaryIO, out))
        writing.fill(cast(BinaryIO, hashing))
        writing.keep(Written(Path(writing.name), hashing.sha256, hashing.size))
        out.seek(0)
    except BaseException:
        out.close()
        raise
    return writing.ready(hashing.size), out


def file_name(ws: Workspace) -> str:
    """Return what a file written now is called: who wrote it, and when."""
    number = "".join(char for char in ws.identity.worker_no if char.isascii() and char.isalnum())
    stamp = ws.now().astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S")
    return f"gridrounds-{number or 'worker'}-{stamp}{SUFFIX}"


class _Writing:
    """One file: what goes in is decided once, before the first byte."""

    def __init__(self, ws: Workspace, name: str) -> None:
        self._ws = ws
        self.name = name
        self._reply_key = X25519PrivateKey.generate()
        if ws.photos:
            photos.adopt(ws)
            photos.doubt_other_epochs(ws)
        self._pictures = photos.waiting(ws) if ws.photos else []
        with ws.db.transaction():
            self._runs = all_runs(ws)
        self._carried: list[str] = []

    def fill(self, out: BinaryIO) -> None:
        """Write the file's content."""
        identity = self._ws.identity
        pictures = [
            (known, size) for known in self._pictures
            if (content := photos.content_of(self._ws, known)) is not None
            and (size := len(content))
        ]  # fmt: skip
        sealer = Sealer(out, "batch", bytes.fromhex(identity.server_key))
        writer = PartWriter(sealer, self._header(len(pictures)).document())
        for envelope, run in self._runs:
            body = body_of(envelope, run)
            writer.add("request", {}, len(body), [body])
        for known, size in pictures:
            content = photos.content_of(self._ws, known) or b""
            writer.add("photo", photos.said_of(self._ws, known), size, [content])
            self._carried.append(known["sha256"])
        writer.sign(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(identity.private_key)))
        sealer.close()

    def _header(self, pictures: int) -> BatchHeader:
        identity = self._ws.identity
        return BatchHeader(
            purpose="batch",
            device_id=identity.device_id,
            district=identity.district,
            recipient=identity.server_key,
            reply_key=self._public(),
            made_at=written(self._ws.now()),
            app=field_app.__version__,
            batches=[envelope["batch_id"] for envelope, _ in self._runs],
            changes=self._changes,
            photos=pictures,
        )

    def keep(self, done: Written) -> None:
        """Keep what the receipt will be read with; forget files nobody waits for any more."""
        first = self._runs[0][0]
        document = {
            "id": str(uuid7()),
            "name": self.name,
            "sha256": done.sha256,
            "size": done.size,
            "reply_key": self._reply_key.private_bytes_raw().hex(),
            "made_at": written(self._ws.true_now()),
            "taken_at": None,
            "server_epoch": first["server_epoch"],
            "cursor": first["cursor"],
            "requests": [
                {
                    "stream": envelope["stream"],
                    "first": run[0]["seq"] if run else 0,
                    "last": run[-1]["seq"] if run else -1,
                }
                for envelope, run in self._runs
            ],
            "changes": self._changes,
            "photos": len(self._carried),
        }
        with self._ws.db.transaction():
            self._ws.put(RELAY, self._public(), document)
            _forget_old(self._ws)
        log.info("relay file written: %d changes, %d photos", self._changes, len(self._carried))

    def ready(self, size: int, path: Path | None = None) -> Ready:
        """Return what was written."""
        return Ready(self.name, self._changes, len(self._carried), size, path)

    @property
    def _changes(self) -> int:
        return sum(len(run) for _, run in self._runs)

    def _public(self) -> str:
        return self._reply_key.public_key().public_bytes_raw().hex()


def _forget_old(ws: Workspace) -> None:
    table = ws.table(RELAY)
    every = [(one.doc_id, read_moment(one["made_at"])) for one in table]
    before = ws.true_now() - KEEP
    old = [key for key, made in every if made < before]
    table.remove(doc_ids=list(dict.fromkeys([*old, *(key for key, _ in every[:-MOST_KEPT])])))
