"""Taking in relay files: exchanges and photos that came on a stick (docs/relay-format.md).

A file is read twice. The first time it is decrypted and checked to its very end; only when device,
recipient and signature are right is it read again, each request going through the same exchange as
over the link. So nothing of a bad file is ever applied, and a good one counts once, however often
and beside whatever else it is handed in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from schemas.clock import written
from schemas.relay.faults import RelayFault
from schemas.relay.headers import BatchHeader, ReceiptHeader
from schemas.relay.parts import Part, PartReader, PartWriter
from schemas.relay.sealing import Sealer, Unsealer
from schemas.seal import canonical
from sync_server.domain.envelope import BadEnvelope
from sync_server.domain.errors import Refusal
from sync_server.domain.json_text import inside, read_object
from sync_server.services import audit
from sync_server.services.accounts import User, get_user
from sync_server.services.centre import Centre
from sync_server.services.devices import Device, find_device
from sync_server.services.districts import district_of
from sync_server.services.photos import keep_photo
from sync_server.services.sync import Reply, exchange, keep_unusable
from sync_server.store import relay_rows
from sync_server.store.relay_folder import RelayFolder
from sync_server.store.writing import lock_district

_HASH = re.compile(r"[0-9a-f]{64}\Z")
log = logging.getLogger(__name__)

ANSWERED = frozenset({
    "bad_envelope", "bad_json", "busy", "device_revoked", "sequence_gap", "stream_forked",
    "wrong_device",
})  # fmt: skip
"""Refusals of single requests that the laptop is told in the receipt; others end the taking-in."""
OTHER_EPOCH = "other_epoch"
"""Counted for a request that was answered, but with nothing taken: the centre was restored since
the laptop last heard of it."""
PHOTO_ANSWERED = frozenset({"bad_request", "checksum_mismatch", "not_a_photo", "too_large"})
TELLS = ("stream", "known", "errors")
PULL_BYTES, PULL_PAGES = 24 * 1_048_576, 400
"""How much of what waits for the laptop one receipt may carry."""
BUSY_TRIES, BUSY_PAUSE_S = 40, 0.25
KEEP_RECEIPTS = timedelta(days=90)
LAST_FILES = 20


@dataclass
class TakenIn:
    """What became of one file. ``known_since``: it had been taken in before, at that time.

    ``outcomes`` counts the receipts, ``refused`` the requests that were refused, by code.
    """

    sha256: str
    device: Device
    worker: User
    made_at: str
    known_since: datetime | None
    requests: int = 0
    changes: int = 0
    photos: int = 0
    updates: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def revoked(self) -> bool:
        """Whether the device may not take part any more; what it brought waits for staff."""
        return self.device.state != "active" or not self.worker.active


def folder_of(centre: Centre) -> RelayFolder:
    """Return the folder relay files pass through."""
    return RelayFolder(centre.settings.data / "relay")


def take_in(
    centre: Centre,
    file: BinaryIO,
    out: BinaryIO,
    now: datetime,
    *,
    by: User | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> TakenIn:
    """Take a file in and write its receipt to ``out``; ``file`` must be seekable.

    Raises Refusal, nothing having been applied: relay_not_ours, relay_other_kind, relay_newer,
    relay_other_recipient, relay_damaged, relay_unknown_device, relay_unsigned. One that the
    database or the disk raises may come half-way; handing the file in again goes on.
    """
    try:
        taken, header = _verify(centre, file)
        file.seek(0)
        _Taking(centre, taken, now, sleep).apply(file, header, out)
    except RelayFault as fault:
        raise Refusal(fault.code) from None
    _remember(centre, taken, now, by)
    log.info(
        "relay file device=%s requests=%d changes=%d photos=%d known=%s",
        taken.device.device_id, taken.requests, taken.changes, taken.photos,
        taken.known_since is not None,
    )  # fmt: skip
    return taken


def take_in_and_keep(
    centre: Centre, file: BinaryIO, now: datetime, *, by: User | None = None
) -> TakenIn:
    """Take a file in and keep its receipt to be fetched under the file's hash; raises as above."""
    folder = folder_of(centre)
    folder.drop_old((now - KEEP_RECEIPTS).timestamp())
    with folder.scratch() as out:
        taken = take_in(centre, file, cast(BinaryIO, out), now, by=by)
        out.seek(0)
        with folder.writing_receipt(taken.sha256) as kept:
            while piece := out.read(65_536):
                kept.write(piece)
    return taken


def latest_files(centre: Centre, person: User) -> list[Mapping[str, Any]]:
    """Return the files taken in last from devices of the person's areas, the newest first."""
    with centre.store.reading() as connection:
        rows = relay_rows.latest(connection, person.district, person.scope_codes, LAST_FILES)
    return [dict(row) for row in rows]


class _Hashing:
    """Hashes a file as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data


def _opened(centre: Centre, file: BinaryIO) -> PartReader:
    def private_of(recipient: bytes) -> X25519PrivateKey | None:
        return centre.keys.x25519 if recipient.hex() == centre.keys.server_key else None

    return PartReader(Unsealer(file, "batch", private_of))


def _verify(centre: Centre, file: BinaryIO) -> tuple[TakenIn, BatchHeader]:
    """Read the whole file and check that it is whole, for us, and signed by a device of ours."""
    hashing = _Hashing(file)
    reader = _opened(centre, cast(BinaryIO, hashing))
    header = BatchHeader.read(reader.header)
    if header.recipient != centre.keys.server_key or header.district != centre.code:
        raise RelayFault("relay_other_recipient")
    counted = Counter(part.kind for part in reader.parts())
    with centre.store.reading() as connection:
        device = find_device(connection, centre.code, header.device_id)
        if device is None:
            raise Refusal("relay_unknown_device")
        worker = get_user(connection, centre.code, device.worker_id)
        reader.check_signature(bytes.fromhex(device.public_key))
        sha256 = hashing.hash.hexdigest()
        row = relay_rows.find(connection, centre.code, sha256)
    if counted != Counter(request=len(header.batches), photo=header.photos):
        raise RelayFault("relay_damaged")
    known = row["received_at"] if row else None
    taken = TakenIn(sha256, device, worker, header.made_at, known)
    return taken, header


class _Taking:
    """The second reading: every part is applied and answered in order."""

    def __init__(
        self, centre: Centre, taken: TakenIn, now: datetime, sleep: Callable[[float], None]
    ) -> None:
        self._centre = centre
        self._taken = taken
        self._now = now
        self._sleep = sleep

    def apply(self, file: BinaryIO, header: BatchHeader, out: BinaryIO) -> None:
        """Apply all parts of a verified file and write the receipt."""
        reply_key = bytes.fromhex(header.reply_key)
        try:
            sealer = Sealer(out, "receipt", reply_key, self._centre.keys.x25519)
        except ValueError:  # of small order: nothing can be sealed to it
            raise RelayFault("relay_damaged") from None
        writer = PartWriter(sealer, self._receipt_header().document())
        last: tuple[dict[str, Any], Reply] | None = None
        for part in _opened(self._centre, file).parts():
            if part.kind == "request":
                last = self._request(part, writer)
            else:
                self._photo(part, writer)
        if last is not None:
            self._pull(*last, writer)
        writer.finish()
        sealer.close()

    def _receipt_header(self) -> ReceiptHeader:
        with self._centre.store.reading() as connection:
            present = district_of(connection, self._centre.code) or self._centre.district
        return ReceiptHeader(
            purpose="receipt",
            device_id=self._taken.device.device_id,
            device_state="revoked" if self._taken.revoked else "active",
            batch_sha256=self._taken.sha256,
            server_epoch=present.server_epoch,
            made_at=written(self._now),
        )

    def _request(self, part: Part, writer: PartWriter) -> tuple[dict[str, Any], Reply] | None:
        """Take one request; return it with its reply when more waits for the laptop."""
        self._taken.requests += 1
        raw = part.body.read()
        try:
            body, text = read_object(raw)
            reply = self._surely(body, text)
            taken = _answered(reply)
            if taken < len(body["changes"]):
                self._taken.refused["bad_envelope" if taken else OTHER_EPOCH] += 1
        except Refusal as refusal:
            if refusal.code not in ANSWERED:
                raise
            facts = {name: refusal.facts[name] for name in TELLS if name in refusal.facts}
            self._taken.refused[refusal.code] += 1
            refused = canonical({"code": refusal.code, **facts})
            _answer(writer, {"to": "request", "refused": refusal.code}, refused)
            return None
        self._count(taken, reply)
        _answer(writer, {"to": "request"}, reply.as_json().encode())
        return (body, reply) if reply.members["more"] and body.get("want", 500) else None

    def _surely(self, body: dict[str, Any], text: str) -> Reply:
        """Exchange, also where the centre fails at one change or cannot use a request with it:
        nobody can be asked to send smaller parts. Such a one alone, while all works otherwise, is
        kept as text for staff. Where not even that will do, the reply speaks of what lies before.
        """
        changes = body.get("changes")
        fault: Exception
        try:
            return self._exchange(body, text)
        except Refusal as refusal:
            if refusal.code != "bad_envelope" or not isinstance(changes, list) or not changes:
                raise
            fault = refusal
        except Exception as error:
            log.exception("an exchange of a relay file failed")
            if not isinstance(changes, list) or not changes:
                raise
            fault = error
        if len(changes) == 1:
            return self._aside(body, text, fault)
        half = len(changes) // 2
        first = self._surely(body | {"changes": changes[:half], "want": 0}, text)
        if _answered(first) < half:
            return first
        try:
            rest = self._surely(body | {"changes": changes[half:]}, text)
        except Refusal as refusal:
            if refusal.code != "bad_envelope":
                raise
            return first
        receipts = first.members["receipts"] + rest.members["receipts"]
        return replace(rest, members=rest.members | {"receipts": receipts})

    def _aside(self, body: dict[str, Any], text: str, fault: Exception) -> Reply:
        """Exchange a request with its only change as text; raise ``fault``, for which it is to
        blame, where no text fits the change's hash."""
        if isinstance(fault, Refusal):  # what travels beside the change may be to blame
            body = body | {"former": {}, "trails": {}}
        self._exchange(body | {"changes": [], "want": 0}, text)
        aside = _as_text(body["changes"][0], text)
        if aside is None:
            raise fault
        return self._exchange(body | {"changes": [aside]}, text)

    def _exchange(self, body: dict[str, Any], text: str) -> Reply:
        device = self._taken.device
        for left in reversed(range(BUSY_TRIES)):
            try:
                return exchange(self._centre, device, body, self._now, road="relay")
            except BadEnvelope as err:
                keep_unusable(self._centre, device, text, self._now)
                raise Refusal("bad_envelope", errors=err.errors) from None
            except Refusal as refusal:  # the laptop is at the link this very moment
                if refusal.code != "busy" or not left:
                    raise
            self._sleep(BUSY_PAUSE_S)
        raise AssertionError("unreachable")

    def _count(self, taken: int, reply: Reply) -> None:
        self._taken.changes += taken
        self._taken.updates += len(reply.updates)
        self._taken.outcomes.update(one["outcome"] for one in reply.members["receipts"])

    def _pull(self, body: dict[str, Any], reply: Reply, writer: PartWriter) -> None:
        """Add the further pages of what waits for the laptop, within a receipt's limits."""
        room = PULL_BYTES
        for _ in range(PULL_PAGES):
            if not reply.members["more"] or room <= 0:
                return
            body = body | {
                "changes": [], "heads": [], "held": [], "former": {}, "trails": {},
                "account": None, "want": 500, "cursor": reply.members["cursor"],
                "server_epoch": reply.members["server_epoch"],
            }  # fmt: skip
            try:
                reply = self._exchange(body, "")
            except Refusal as refusal:
                if refusal.code not in ANSWERED:
                    raise
                return  # the laptop gets the rest another time
            self._taken.updates += len(reply.updates)
            text = reply.as_json().encode()
            room -= len(text)
            _answer(writer, {"to": "pull"}, text)

    def _photo(self, part: Part, writer: PartWriter) -> None:
        """Keep one photo and answer for it; one that cannot be kept is asked for again."""
        sha256 = part.meta.get("sha256")
        answer = {"to": "photo", "sha256": sha256}
        self._taken.photos += 1
        try:
            if not isinstance(sha256, str) or not _HASH.match(sha256):
                raise Refusal("bad_request")
            keep_photo(self._centre, self._taken.device, sha256, part.body.read(), self._now)
        except Refusal as refusal:
            if refusal.code not in PHOTO_ANSWERED:
                raise
            self._taken.refused[refusal.code] += 1
            answer["refused"] = refusal.code
        _answer(writer, answer, b"")


def _answered(reply: Reply) -> int:
    """Return how many changes of its request a reply has a receipt for."""
    return sum("stream" not in one for one in reply.members["receipts"])


def _as_text(change: Any, text: str) -> dict[str, Any] | None:
    """Return a sealed change as the text under its hash, with its place (``AsideSchema``); None
    when it is none that the request ``text`` holds."""
    with suppress(KeyError, TypeError, AttributeError):
        place = {name: change[name] for name in ("seq", "change_id", "prev", "hash")}
        for sealed in _sealed_texts(change, text):
            if hashlib.sha256(sealed).hexdigest() == place["hash"]:
                return place | {"quarantine_me": sealed.decode()}
    return None


def _sealed_texts(change: Mapping[str, Any], text: str) -> Iterator[bytes]:
    """Yield what a change says beside its hash: as the centre writes it, and as it came in the
    request ``text``, for its laptop may write it otherwise."""
    yield canonical({name: value for name, value in change.items() if name != "hash"})
    for _, raw in inside(dict(inside(text))["changes"]):
        if json.loads(raw) == change:
            members = [f'"{name}":{value}' for name, value in inside(raw) if name != "hash"]
            yield f"{{{','.join(members)}}}".encode()


def _answer(writer: PartWriter, meta: Mapping[str, Any], body: bytes) -> None:
    writer.add("answer", meta, len(body), _pieces(body))


def _pieces(body: bytes) -> Iterator[bytes]:
    yield body


def _remember(centre: Centre, taken: TakenIn, now: datetime, by: User | None) -> None:
    user_id = by.user_id if by else None
    counts = {"requests": taken.requests, "changes": taken.changes, "photos": taken.photos}
    with centre.store.writing() as connection:
        lock_district(connection, centre.code)  # somebody else may hand in the same file just now
        if relay_rows.find(connection, centre.code, taken.sha256) is None:
            row = {
                "district": centre.code, "sha256": taken.sha256, "received_at": now,
                "device_id": taken.device.device_id, "user_id": user_id, **counts,
            }  # fmt: skip
            relay_rows.insert(connection, row)
        audit.note(
            connection, centre.code, now, "relay_file", user_id=user_id,
            target=taken.device.device_id, detail=counts,
        )  # fmt: skip
