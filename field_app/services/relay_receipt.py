"""Taking in the receipt of a relay file: what the centre answered marks as over the link.

An answer may be days old. What it confirms holds for ever (within one epoch of the centre); what it
brings down is taken only when nothing newer was fetched since the file was written.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from field_app.domain.errors import Trouble
from field_app.services import forks, photos, streams
from field_app.services.batch import Batch
from field_app.services.receiving import count_held, take_reply
from field_app.services.relay import RELAY
from field_app.services.workspace import CHANGES, Workspace, plain
from field_app.sync_client import Reply, SyncFault
from field_app.sync_client.replies import read_known, read_reply
from schemas.clock import written
from schemas.relay.faults import RelayFault
from schemas.relay.headers import ReceiptHeader
from schemas.relay.parts import Part, PartReader
from schemas.relay.sealing import Unsealer, recipient_of

log = logging.getLogger(__name__)

OTHER_EPOCH = "other_epoch"
"""Counted for a request the centre answered without taking it: it had been restored since."""
CODES = {
    "relay_not_ours": "receipt_not_ours",
    "relay_other_kind": "receipt_is_batch",
    "relay_newer": "receipt_newer",
    "relay_other_recipient": "receipt_of_other",
    "relay_damaged": "receipt_damaged",
    "relay_unsigned": "receipt_damaged",
}


@dataclass
class TakenReceipt:
    """What a receipt brought. ``left`` counts requests the centre refused, by code: they stay
    unsent. ``late`` tells that newer things had been fetched since, so that no updates were
    taken."""

    name: str
    made_at: str
    confirmed: int = 0
    received: int = 0
    photos: int = 0
    late: bool = False
    revoked: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)


def take_receipt(ws: Workspace, file: BinaryIO, *, agreed: bool = False) -> TakenReceipt:
    """Store everything a receipt says; ``file`` must be seekable.

    It is read to its end and proved to be the centre's before anything of it counts. ``agreed``:
    the worker accepts that many records leave this laptop. Raises Trouble: receipt_not_ours,
    receipt_is_batch, receipt_newer, receipt_damaged, receipt_of_other (another laptop's or
    worker's), receipt_taken (read in before), scope_shrinks (confirmations are stored, the worker
    must agree to the rest); and what the store raises.
    """
    try:
        key = recipient_of(file, "receipt").hex()
        kept = ws.table(RELAY).get(doc_id=key)
        if kept is None:
            raise Trouble("receipt_of_other")
        if kept["taken_at"]:
            raise Trouble("receipt_taken", at=kept["taken_at"][:16].replace("T", " "))
        header = _verified(ws, file, kept)
        file.seek(0)
        taking = _Taking(ws, key, dict(kept), header, agreed)
        for part in _reader(ws, file, kept).parts():
            taking.take(part)
    except RelayFault as fault:
        raise Trouble(CODES[fault.code]) from None
    except SyncFault:  # proved to be the centre's, and yet no reply: its program is another
        raise Trouble("receipt_newer") from None
    return taking.finish()


def take_receipt_at(ws: Workspace, path: Path, *, agreed: bool = False) -> TakenReceipt:
    """Take in the receipt that lies at ``path``; raises as `take_receipt` and Trouble
    ``no_receipt_there``."""
    try:
        file = path.open("rb")
    except (OSError, ValueError):
        raise Trouble("no_receipt_there") from None
    with file:
        return take_receipt(ws, file, agreed=agreed)


def _reader(ws: Workspace, file: BinaryIO, kept: Mapping[str, Any]) -> PartReader:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(kept["reply_key"]))
    server_key = bytes.fromhex(ws.identity.server_key)
    return PartReader(Unsealer(file, "receipt", lambda recipient: private, server_key))


def _verified(ws: Workspace, file: BinaryIO, kept: Mapping[str, Any]) -> ReceiptHeader:
    """Read the whole receipt; raises RelayFault unless it is whole and answers this very file."""
    file.seek(0)
    reader = _reader(ws, file, kept)
    header = ReceiptHeader.read(reader.header)
    if header.batch_sha256 != kept["sha256"] or header.device_id != ws.identity.device_id:
        raise RelayFault("relay_other_recipient")
    for part in reader.parts():
        if part.kind != "answer":
            raise RelayFault("relay_damaged")
    return header


class _Taking:
    """Taking the answers of one receipt, in order."""

    def __init__(
        self,
        ws: Workspace,
        key: str,
        kept: dict[str, Any],
        header: ReceiptHeader,
        agreed: bool,
    ) -> None:
        self._ws = ws
        self._key = key
        self._kept = kept
        self._agreed = agreed
        self._held = count_held(ws)
        self._gone = self._braked = self._number = 0
        self._epoch = header.server_epoch
        revoked = header.device_state != "active"
        self._taken = TakenReceipt(kept["name"], kept["made_at"], revoked=revoked)

    def take(self, part: Part) -> None:
        """Take one answer, in one commit."""
        to, refused = part.meta.get("to"), part.meta.get("refused")
        body = json.loads(part.body.read()) if part.size else {}
        if to == "photo":
            self._photo(part.meta)
            return
        request: Mapping[str, Any] = {}
        if to == "request":
            if self._number >= len(self._kept["requests"]):
                raise RelayFault("relay_damaged")
            request = self._kept["requests"][self._number]
            self._number += 1
        with self._ws.db.transaction():
            if refused is not None:
                self._taken.left[str(refused)] += 1
                self._heal(str(refused), request, body)
            else:
                self._reply(request, body)

    def finish(self) -> TakenReceipt:
        """Note that the receipt is taken in; its key is not needed any more."""
        if self._braked:
            raise Trouble("scope_shrinks", gone=self._braked, total=self._held)
        with self._ws.db.transaction():
            if self._taken.revoked:
                self._ws.keep_setting("identity", state="revoked")
            done = {**self._kept, "taken_at": written(self._ws.now()), "reply_key": ""}
            done |= {"requests": [], "confirmed": self._taken.confirmed}
            self._ws.put(RELAY, self._key, done)
        log.info(
            "receipt taken: %d confirmed, %d received, %d photos",
            self._taken.confirmed, self._taken.received, self._taken.photos,
        )  # fmt: skip
        return self._taken

    def _current(self) -> bool:
        """Whether nothing was fetched since the file was written but by this receipt."""
        pull = self._ws.setting("cursor")
        return all(pull.get(name) == self._kept[name] for name in ("server_epoch", "cursor"))

    def _reply(self, request: Mapping[str, Any], body: Any) -> None:
        ws = self._ws
        # Nothing was measured on this road: the last reading of the clocks holds on.
        reply = replace(read_reply(body, ws.now()), offset_s=ws.identity.clock_offset_s or 0)
        if self._taken.revoked:  # its grids were taken away; what it holds stays until it is done
            reply = replace(reply, grids=None)
        current = self._current() and not self._braked
        answered = sum("stream" not in one for one in reply.receipts)
        if answered < request.get("last", -1) - request.get("first", 0) + 1:
            self._taken.left["bad_envelope" if answered else OTHER_EPOCH] += 1
        if not current:
            self._taken.late = not self._braked
            pull = ws.setting("cursor")
            if pull.get("server_epoch") != reply.server_epoch:
                return  # the centre has been restored since: what it knew then says nothing
            reply = replace(reply, updates=(), cursor=pull.get("cursor"), grids=None, people={})
        self._store(Batch(str(request.get("stream", "")), self._sent(request), b""), reply)
        if current:
            pull = ws.setting("cursor")
            self._kept |= {"server_epoch": pull.get("server_epoch"), "cursor": pull.get("cursor")}
            ws.put(RELAY, self._key, self._kept)

    def _store(self, batch: Batch, reply: Reply) -> None:
        told = take_reply(
            self._ws, batch, reply,
            agreed=self._agreed, held=self._held, gone_before=self._gone, measured=False,
        )  # fmt: skip
        self._gone += told.gone
        self._braked = max(self._braked, told.braked)
        self._taken.confirmed += told.confirmed
        self._taken.received += told.received
        self._taken.outcomes.update(told.outcomes)

    def _sent(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the changes a request carried, where they still stand as they were sent."""
        if not request or request["last"] < request["first"]:
            return []
        return [
            one
            for one in plain(self._ws.table(CHANGES).find_by("acked", False))
            if one["stream"] == request["stream"]
            and request["first"] <= one["seq"] <= request["last"]
        ]

    def _heal(self, code: str, request: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """Do what the next file needs to succeed where this one could not, unless the link has
        gone on since."""
        if not self._current():
            return
        stream = str(body.get("stream") or request.get("stream") or "")
        known = streams.all_streams(self._ws).get(stream)
        if known is None or known.get("forked"):
            return
        if code == "stream_forked":
            forks.leave(self._ws, {stream})
        elif code == "sequence_gap":
            forks.close_gaps(self._ws, stream, read_known(body.get("known") or []))

    def _photo(self, meta: Mapping[str, Any]) -> None:
        if meta.get("refused"):
            self._taken.left[str(meta["refused"])] += 1
            return
        self._taken.photos += photos.confirm(self._ws, {str(meta.get("sha256"))}, self._epoch)
