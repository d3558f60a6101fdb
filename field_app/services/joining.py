"""Joining a centre with a one-time code, so that a lost answer costs nothing.

The device's key is worked out from the code and a random salt that is kept beside the stores until
joining is done: whoever tries again with the same code gets the same key, and the centre answers as
it did the first time. The salt alone tells nobody anything, and afterwards it is gone.
"""

from __future__ import annotations

import contextlib
import json
import platform
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import field_app
from field_app.domain.errors import Trouble
from field_app.domain.identity import Identity
from field_app.services import forks, streams
from field_app.services.accounting import SUBJECT as ACCOUNT
from field_app.services.preferences import choose
from field_app.services.workspace import SETTINGS, Workspace
from field_app.store.errors import WorkerExists, WrongPassphrase
from field_app.store.files import write_atomically
from field_app.store.keys import PASSPHRASE_LENGTH, Argon2Profile
from field_app.store.vault import OpenStore, Vault
from field_app.sync_client import Client, SyncFault, centre_address
from schemas.clock import written

PENDING = "joining.json"
SALT_BYTES = 32
DEVICE_NAME_LENGTH = 80

Call = Callable[[str, bool], Client]
"""Makes a client without a token: ``(address, allow_http) -> Client``."""


@dataclass(frozen=True)
class Request:
    """What the worker typed on the join page."""

    server_url: str
    code: str
    passphrase: str
    repeated: str
    device_name: str = ""
    allow_http: bool = False
    lang: str = "zh"
    """The language the page was read in: what a new worker goes on in."""


AT_JOINING = {
    "unreachable": "join_unreachable",
    "timeout": "join_timeout",
    "not_our_server": "join_elsewhere",
    "garbled_reply": "join_garbled",
}
"""What is said of a fault of the line while nothing is stored here yet and the address is new."""


@dataclass(frozen=True)
class Joined:
    """The worker's open store; the recovery key is None when the worker has one already."""

    store: OpenStore
    recovery_key: str | None


def join(
    vault: Vault,
    request: Request,
    call: Call,
    clock: Callable[[], datetime],
    profile: Argon2Profile | None = None,
) -> Joined:
    """Join the centre as the worker of the code and make, or take over, that worker's store.

    Raises Trouble (passphrases, code, address), SyncFault, and what the vault raises; trying again
    with the same code goes on where it broke off.
    """
    _check(request)
    address = centre_address(request.server_url, allow_http=request.allow_http)
    private_key, public_key = _device_key(vault.folder, request.code, profile or Argon2Profile())
    name = request.device_name.strip()[:DEVICE_NAME_LENGTH] or platform.node() or "laptop"
    client = call(address, request.allow_http)
    try:
        answer = client.join(
            {
                "code": _plain_code(request.code),
                "device_name": name,
                "public_key": public_key,
                "app": field_app.__version__,
            }
        )
        identity = _identity(answer, address, name, private_key, public_key, written(clock()))
    except SyncFault as fault:
        if fault.code in AT_JOINING:  # nothing is here yet that could be said to be kept
            raise Trouble(AT_JOINING[fault.code]) from fault
        raise
    finally:
        client.close()
    store, recovery_key = _store(vault, identity, request.passphrase)
    try:
        _move_in(Workspace(store.db, clock), identity, request.allow_http)
    except BaseException:
        store.close()
        raise
    with contextlib.suppress(OSError):
        (vault.folder / PENDING).unlink()
    return Joined(store, recovery_key)


def _check(request: Request) -> None:
    if not request.code.strip():
        raise Trouble("bad_code")
    if len(request.passphrase) < PASSPHRASE_LENGTH:
        raise Trouble("weak_passphrase")
    if request.passphrase != request.repeated:
        raise Trouble("passphrases_differ")


def _plain_code(code: str) -> str:
    """Return the code however it was typed: capitals and digits, without what lies between."""
    return "".join(char for char in unicodedata.normalize("NFKC", code).upper() if char.isalnum())


def _device_key(folder: Path, code: str, profile: Argon2Profile) -> tuple[str, str]:
    """Return private and public Ed25519 key in hex, the same for the same code until joined."""
    seed = Argon2id(
        salt=_salt(folder),
        length=32,
        iterations=profile.iterations,
        lanes=profile.lanes,
        memory_cost=profile.memory_kib,
        ad=b"gridrounds device key",
    ).derive(_plain_code(code).encode("utf-8", "surrogatepass"))
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return seed.hex(), public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _salt(folder: Path) -> bytes:
    path = folder / PENDING
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        salt = bytes.fromhex(json.loads(path.read_bytes())["salt"])
        if len(salt) == SALT_BYTES:
            return salt
    salt = secrets.token_bytes(SALT_BYTES)
    write_atomically(path, json.dumps({"salt": salt.hex()}).encode())
    return salt


def _identity(
    answer: dict[str, Any], address: str, name: str, private: str, public: str, at: str
) -> Identity:
    """Return who we are by the centre's answer; raises SyncFault ``not_our_server``."""
    try:
        worker, limits = answer["worker"], answer.get("limits") or {}
        return Identity(
            server_url=address,
            device_id=_text(answer["device_id"]),
            device_name=name,
            token=_text(answer["token"]),
            private_key=private,
            public_key=public,
            worker_id=_text(worker["user_id"]),
            worker_no=_text(worker["no"]),
            worker_name=_text(worker["name"]),
            role=_text(worker["role"]),
            district=_text(answer["district"]),
            grids=tuple(_text(grid) for grid in worker["grids"]),
            server_key=_text(answer["server_key"]),
            server_epoch=_text(answer["server_epoch"]),
            joined_at=at,
            worker_kind=str(worker.get("kind") or ""),
            synthetic=bool(answer.get("synthetic")),
            max_changes=int(limits.get("changes") or Identity.max_changes),
            max_bytes=int(limits.get("bytes") or Identity.max_bytes),
        )
    except (KeyError, TypeError, ValueError):
        raise SyncFault("not_our_server") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _store(vault: Vault, identity: Identity, passphrase: str) -> tuple[OpenStore, str | None]:
    """Return the worker's store, made now or opened with the passphrase it has."""
    try:
        return vault.create(identity.worker_id, identity.worker_name, passphrase)
    except WorkerExists:
        try:
            store = vault.unlock(identity.worker_id, passphrase)
        except WrongPassphrase:
            raise Trouble("worker_exists") from None
    if store.db.table(SETTINGS).contains(doc_id="identity"):
        return store, None
    # Broken off between making the store and moving in: nobody has seen a recovery key yet.
    return store, vault.new_recovery_key(identity.worker_id, passphrase)


def _move_in(ws: Workspace, identity: Identity, allow_http: bool) -> None:
    """Keep the new identity; the whole log of a former device goes on in a new stream.

    Whether the centre still has what that device was confirmed cannot be told: a copy from before
    its time may lie in the database's place. What is there comes back as a duplicate. The cursor
    stays: it tells the centre of such a copy, and what of the grids has changed hands.
    """
    with ws.db.transaction():
        former = ws.setting("identity")
        if former.get("device_id") not in (None, identity.device_id):
            forks.leave(ws, list(streams.all_streams(ws)), foreign=True)
            ws.table(SETTINGS).remove(doc_ids=[ACCOUNT])  # a former device's
        ws.keep_setting("identity", **identity.document())
        if allow_http:
            choose(ws, allow_http=True)
