"""A second factor for the centre's staff: setting one up, asking for it, taking it away (0037).

A code of the person's phone is asked for after the password. Wrong ones count towards the same
lock-out; each code is good once. Ten recovery codes stand in for a lost phone, once each.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from schemas.codes import code_list
from schemas.workflow import SYSTEM
from sync_server.domain import one_time_codes as codes
from sync_server.domain.errors import Refusal
from sync_server.domain.spoken import spoken_password
from sync_server.services import accounts, audit
from sync_server.services.accounts import WITHOUT_PAGES, User, get_user, require
from sync_server.store import second_factors as store_of
from sync_server.store.engine import Store
from sync_server.store.working_calendar import put_settings
from sync_server.store.writing import lock_district

RECOVERY_CODES = 10
NONCE_BYTES = 12


@dataclass(frozen=True)
class Standing:
    """Somebody's second factor: since when it is asked for (None: not yet), and how many recovery
    codes are left."""

    since: datetime | None
    recovery_left: int


def standing(connection: sa.Connection, person: User) -> Standing:
    """Return how a person's second factor stands."""
    row = store_of.find(connection, person.district, person.user_id)
    if row is None or row.confirmed_at is None:
        return Standing(None, 0)
    return Standing(row.confirmed_at, len(row.recovery))


def begin(store: Store, key: bytes, person: User, now: datetime) -> str:
    """Make a new secret and return it; nothing is asked for until a code confirms it.

    Raises Refusal ``second_factor_there``: whoever has one asks an administrator to take it away.
    """
    secret = codes.new_secret()
    with store.writing() as connection:
        row = store_of.find(connection, person.district, person.user_id, lock=True)
        if row is not None and row.confirmed_at is not None:
            raise Refusal("second_factor_there")
        values = {"secret": _sealed(key, person, secret), "begun_at": now, "confirmed_at": None,
                  "last_step": 0, "recovery": []}  # fmt: skip
        store_of.begin(connection, person.district, person.user_id, values)
    return secret


def begun_secret(connection: sa.Connection, key: bytes, person: User) -> str | None:
    """Return the secret that waits for its first code, None when none does."""
    row = store_of.find(connection, person.district, person.user_id)
    if row is None or row.confirmed_at is not None:
        return None
    return _opened(key, person, row.secret)


def confirm(
    store: Store, key: bytes, person: User, said: str, now: datetime
) -> tuple[User, list[str]]:
    """Ask for the second factor from now on, since the phone shows the right code; return the
    person as he stands now, his other sessions ended, and the recovery codes, told nowhere else.

    Raises Refusal: code_wrong, second_factor_gone where nothing was begun.
    """
    district, user_id = person.district, person.user_id
    recovery = [spoken_password() for _ in range(RECOVERY_CODES)]
    with store.writing() as connection:
        row = store_of.find(connection, district, user_id, lock=True)
        if row is None or row.confirmed_at is not None:
            raise Refusal("second_factor_gone")
        step = codes.step_of(_opened(key, person, row.secret), said, now, row.last_step)
        if step is None:
            raise Refusal("code_wrong")
        hashes = [_hash(key, person, one) for one in recovery]
        values = {"confirmed_at": now, "last_step": step, "recovery": hashes}
        store_of.change(connection, district, user_id, values)
        store_of.mark(connection, district, user_id, True, random.token_hex(16))
        audit.note(connection, district, now, "second_factor_set", user_id=user_id)
        return get_user(connection, district, user_id), recovery


def check(
    store: Store, key: bytes, person: User, said: str, now: datetime, *, again: bool = False
) -> None:
    """Take a code of somebody's phone, or one of his recovery codes: he signs in by it, or shows
    ``again`` that it is he.

    Raises Refusal: code_wrong (also for a code that was used; counts towards the lock-out),
    locked_out, second_factor_gone.
    """
    district, user_id = person.district, person.user_id
    action = "prove" if again else "sign_in"
    with store.writing() as connection:
        accounts.check_not_locked(connection, district, user_id, now)
        row = store_of.find(connection, district, user_id, lock=True)
        if row is None or row.confirmed_at is None:
            raise Refusal("second_factor_gone")
        changed = _used(key, person, row, said, now)
        if changed:
            store_of.change(connection, district, user_id, changed)
            accounts.forget_failures(connection, district, user_id)
            left = changed.get("recovery")
            audit.note(
                connection, district, now, action, user_id=user_id,
                detail=None if left is None else {"recovery_left": len(left)},
            )  # fmt: skip
            return
    accounts.count_failure(store, district, user_id, now)
    raise Refusal("code_wrong")


def remove(
    connection: sa.Connection, district: str, user_id: str, now: datetime, by: str | None = None
) -> None:
    """Ask somebody for no second factor any more, by one of the staff or on the terminal (None);
    his sessions end. Raises Refusal: unknown_user, second_factor_gone where he has none."""
    if not get_user(connection, district, user_id).second_factor:
        raise Refusal("second_factor_gone")
    store_of.drop(connection, district, user_id)
    store_of.mark(connection, district, user_id, False, random.token_hex(16))
    audit.note(connection, district, now, "second_factor_removed", user_id=by, target=user_id)


def roles() -> list[str]:
    """Return the roles a district may ask for a second factor: all that have pages."""
    every = (item.code for item in code_list("ROLE").items)
    return [role for role in every if role not in WITHOUT_PAGES and role != SYSTEM]


def required_roles(connection: sa.Connection, district: str) -> frozenset[str]:
    """Return the roles that have to have a second factor."""
    return store_of.required_roles(connection, district)


def due(connection: sa.Connection, person: User) -> bool:
    """Tell whether somebody has to set up a second factor before anything else."""
    if person.second_factor or person.role in WITHOUT_PAGES:
        return False
    return person.role in required_roles(connection, person.district)


def require_of(store: Store, person: User, chosen: Collection[str], now: datetime) -> bool:
    """Ask these roles for a second factor, no others; return whether that changes anything.
    Raises Refusal as ``require``."""
    require(person, "guard")
    wanted = sorted(set(chosen) & set(roles()))
    with store.writing() as connection:
        lock_district(connection, person.district)
        if wanted == sorted(required_roles(connection, person.district)):
            return False
        put_settings(connection, person.district, {store_of.SETTING: wanted})
        audit.note(
            connection, person.district, now, "second_factor_roles", user_id=person.user_id,
            detail={"roles": wanted},
        )  # fmt: skip
    return True


def _used(key: bytes, person: User, row: sa.Row[Any], said: str, now: datetime) -> dict[str, Any]:
    """Return what using a code changes, nothing for a wrong one."""
    if codes.is_code(said):
        step = codes.step_of(_opened(key, person, row.secret), said, now, row.last_step)
        return {} if step is None else {"last_step": step}
    mine = _hash(key, person, said)
    left = [one for one in row.recovery if not hmac.compare_digest(one, mine)]
    return {"recovery": left} if len(left) < len(row.recovery) else {}


def _hash(key: bytes, person: User, code: str) -> str:
    """Return what is kept of a recovery code (60 random bits: no slow hash is needed)."""
    said = f"{person.district}/{person.user_id}/{codes.clean(code)}"
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def _sealed(key: bytes, person: User, secret: str) -> str:
    nonce = random.token_bytes(NONCE_BYTES)
    hidden = ChaCha20Poly1305(key).encrypt(nonce, secret.encode(), _whose(person))
    return base64.b64encode(nonce + hidden).decode()


def _opened(key: bytes, person: User, sealed: str) -> str:
    raw = base64.b64decode(sealed)
    try:
        secret = ChaCha20Poly1305(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _whose(person))
    except InvalidTag as err:  # put there from another account, or under another key
        raise Refusal("second_factor_gone") from err
    return secret.decode()


def _whose(person: User) -> bytes:
    return f"{person.district}/{person.user_id}".encode()
