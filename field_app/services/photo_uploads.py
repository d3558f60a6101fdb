"""Sending photos after the records: resumed at the byte, marked from the centre's word alone."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from field_app.domain.progress import Progress
from field_app.services.photos import (
    adopt,
    content_of,
    doubt_other_epochs,
    note,
    prune_photos,
    said_of,
    waiting,
)
from field_app.services.workspace import Workspace
from field_app.sync_client import Client, SyncFault, Tus
from schemas.clock import written

log = logging.getLogger(__name__)

SMALLEST, FIRST, LARGEST = 8_192, 262_144, 524_288
"""Bytes of one request of an upload: it halves when the road breaks and grows again."""
TRIES, ANEW = 4, 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 20.0
AGAIN = frozenset({
    "unreachable", "timeout", "server_error", "server_busy", "too_large", "upload_locked",
    "checksum_mismatch", "offset_conflict", "bad_reply", "garbled_reply",
})  # fmt: skip
"""Faults after which the offset is asked for and the upload goes on."""


@dataclass
class _Sending:
    """What one round's uploads share."""

    ws: Workspace
    tus: Tus
    progress: Progress
    sleep: Callable[[float], None]
    epoch: str
    piece: int


def upload_waiting(
    ws: Workspace,
    client: Client,
    progress: Progress,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Send the photos the centre does not have, the smallest first; call it after the records.

    Goes on at the byte where an earlier round was cut. A photo is marked as arrived only when the
    centre says that all of it is there, which it says once it has proved the hash. What one photo
    alone is refused for does not hold up the others. Raises SyncFault when the road is broken or
    the centre asks to wait, and what the store raises; everything confirmed before stays so.
    """
    if ws.photos is None:
        return
    adopt(ws)
    doubt_other_epochs(ws)
    todo = waiting(ws)
    progress.photos = len(todo)
    progress.photo_bytes = sum(one["bytes"] for one in todo)
    if todo:
        progress.stage = "photos"
    this = _Sending(ws, client.uploads(), progress, sleep, ws.identity.server_epoch, FIRST)
    done = 0
    for known in todo:
        content = content_of(ws, known)
        if content is not None and _upload(this, known, content, done):
            progress.photos_sent += 1
        done += known["bytes"]
        progress.photo_bytes_sent = done
    prune_photos(ws)


def _upload(this: _Sending, known: dict[str, Any], content: bytes, done: int) -> bool:
    """Send one photo; return whether it arrived. Raises SyncFault."""
    size, path, offset = len(content), known["upload"], None
    failures = anew = 0
    while offset is None or offset < size:
        try:
            if path is None:
                begun = this.tus.begin(size, said_of(this.ws, known))
                path, offset = begun.path, begun.offset
                note(this.ws, known, upload=path)
            elif offset is None:
                offset = this.tus.offset(path, size)
            else:
                piece = content[offset : offset + this.piece]
                offset = this.tus.send(path, offset, piece, size)
                failures, this.piece = 0, min(this.piece * 2, LARGEST)
            this.progress.photo_bytes_sent = done + offset
        except SyncFault as fault:
            if fault.code == "photo_refused":
                log.error("photo %s: refused with %d", known["photo_id"], fault.status)
                note(this.ws, known, refused=str(fault.status), upload=None)
                return False
            if fault.code == "upload_gone" and anew < ANEW:
                path, offset, anew = None, None, anew + 1
                continue
            failures += 1
            if fault.code not in AGAIN or failures >= TRIES:
                raise _plain(fault) from fault
            _pause(this, fault, failures)
            offset = None
    note(this.ws, known, arrived=True, arrived_at=written(this.ws.true_now()), epoch=this.epoch,
          upload=None)  # fmt: skip
    return True


def _pause(this: _Sending, fault: SyncFault, failures: int) -> None:
    """Wait before the next try, with smaller pieces; raise ``fault`` when that would be long."""
    this.piece = max(this.piece // 2, SMALLEST)
    if fault.code in ("offset_conflict", "checksum_mismatch"):
        return
    wait = fault.retry_after_s
    if wait is None:
        wait = random.uniform(0, FIRST_PAUSE_S * 4 ** (failures - 1))
    if wait > LONGEST_PAUSE_S:
        raise _plain(fault) from fault
    this.sleep(wait)


def _plain(fault: SyncFault) -> SyncFault:
    """Return a fault with a code that a round's end has words for."""
    code = {
        "upload_gone": "server_error", "upload_locked": "busy", "offset_conflict": "bad_reply",
        "checksum_mismatch": "bad_reply",
    }.get(fault.code, fault.code)  # fmt: skip
    if code == fault.code:
        return fault
    return SyncFault(code, status=fault.status, retry_after_s=fault.retry_after_s)
