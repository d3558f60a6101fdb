"""People of the centre: making accounts, signing in, passwords, and who may see what."""

from __future__ import annotations

import re
import secrets as random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from schemas.codes import code_list
from schemas.workflow import SYSTEM, UNITS
from sync_server.domain.access import OF_WHOLE_DISTRICT, Right, may, may_here
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.districts import district_of
from sync_server.services.ids import new_id
from sync_server.store.engine import Store
from sync_server.store.holdings import write_holdings
from sync_server.store.scope import Texts, among
from sync_server.store.tables import users

IDLE = timedelta(minutes=30)
"""How long a session lives without a request."""
ENDED_KEPT = 2 * IDLE
"""How long an ended session is remembered; every copy of its cookie is too old long before."""
TRIES = 5
FORGIVEN: dict[str, Any] = {"failed_sign_ins": 0, "locked_until": None}
LOCK = timedelta(minutes=15)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
LAPTOP_ROLES = frozenset({"worker", "leader"})
MOST_GRIDS = 60
"""A laptop's place in the feed names its grids, so their number has a limit."""
WITHOUT_PAGES = frozenset({"worker"})
"""Roles that see nothing at the centre; what opens a laptop is its own passphrase."""
AREA_LENGTHS = frozenset({6, 9, 12, 15, 17})
_hasher = PasswordHasher()


@dataclass(frozen=True)
class User:
    """A person as services know one; ``scope_codes`` are the areas seen, or the grids held."""

    district: str
    user_id: str
    no: str
    name: str
    kind: str
    role: str
    scope_codes: tuple[str, ...]
    active: bool
    demo: bool
    session_mark: str
    unit_id: str | None = None
    """The department or company somebody acts for."""
    password_given: bool = False
    """Whether somebody else set the password, and so knows it."""
    second_factor: bool = False
    """Whether a code is asked for after the password (``second_factor.py``)."""


def add_user(
    connection: sa.Connection,
    district: str,
    *,
    no: str,
    name: str,
    role: str,
    scope_codes: Sequence[str],
    now: datetime,
    kind: str = "staff",
    password: str | None = None,
    password_given: bool = False,
    demo: bool = False,
    user_id: str | None = None,
    unit_id: str | None = None,
    by: str | None = None,
) -> User:
    """Make an account; without a password the person signs in on a laptop only.

    ``password_given``: somebody else chose the password, so the person has to choose another one
    before anything else, as after ``reset_password``.

    Raises Refusal: bad_number, bad_name, bad_role, bad_user_kind, bad_scope, whole_district_role,
    weak_password, user_exists, demo_outside (a demo account in a district that is not synthetic).
    """
    no, name = _clean(no), _clean(name)
    _check(district, no, name, role, kind, scope_codes)
    if demo:
        _check_demo(connection, district)
    taken = sa.select(users.c.user_id).where(users.c.district == district, users.c.no == no)
    if connection.execute(taken).first():
        raise Refusal("user_exists", no=no)
    values: dict[str, Any] = {
        "district": district,
        "user_id": user_id or new_id(),
        "no": no,
        "name": name,
        "kind": kind,
        "role": role,
        "scope_codes": sorted(set(scope_codes)),
        "password_hash": None if password is None else hash_password(password),
        "password_given": password_given,
        "active": True,
        "demo": demo,
        "failed_sign_ins": 0,
        "locked_until": None,
        "session_mark": random.token_hex(16),
        "ended_sessions": {},
        "created_at": now,
        "unit_id": unit_id if role in UNITS else None,
    }
    connection.execute(sa.insert(users), values)
    write_holdings(connection, district, values["user_id"], values["scope_codes"], now)
    audit.note(connection, district, now, "add_user", user_id=by, target=values["user_id"])
    return get_user(connection, district, values["user_id"])


def require_records(person: User) -> None:
    """Raise Refusal ``not_allowed`` unless the person's role sees records."""
    if not may(person.role, "records"):
        raise Refusal("not_allowed")


def allowed(person: User, right: Right) -> bool:
    """Tell whether the person has ``right``: by his role, and by his areas where it needs all."""
    return may_here(person.role, right, person.district, person.scope_codes)


def require(person: User, right: Right) -> None:
    """Raise Refusal ``not_allowed`` where the role lacks ``right``, ``whole_district`` where that
    is about the whole district and the person is not."""
    if not may(person.role, right):
        raise Refusal("not_allowed")
    if not allowed(person, right):
        raise Refusal("whole_district")


def hash_password(password: str) -> str:
    """Return the argon2id hash; raise Refusal ``weak_password`` for a length out of bounds."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refusal("weak_password", least=SHORTEST_PASSWORD)
    return _hasher.hash(unicodedata.normalize("NFC", password))


def sign_in(
    store: Store, district: str, no: str, password: str, now: datetime, *, again: bool = False
) -> User:
    """Return the person with this number and password; who has a second factor is not signed in by
    it yet. ``again``: somebody who is signed in shows that it is still he.

    Raises Refusal: sign_in_failed (also for unknown and inactive people, at the same cost),
    locked_out with ``until`` after five failures in a row, demo_outside.
    """
    wanted = sa.select(users).where(users.c.district == district, users.c.no == _clean(no))
    with store.reading() as connection:
        row = connection.execute(wanted).first()
    if row is not None and row.locked_until and row.locked_until > now:
        raise Refusal("locked_out", until=row.locked_until)
    right = _verify(row.password_hash if row else None, password)
    if row is None or not row.active or not right:
        if row is not None:
            count_failure(store, district, row.user_id, now)
        raise Refusal("sign_in_failed")
    with store.writing() as connection:
        if row.demo:
            _check_demo(connection, district)
        check_not_locked(connection, district, row.user_id, now)  # by guesses of the same moment
        done, action = again or not row.second_factor, "prove" if again else "sign_in"
        fresh: dict[str, Any] = FORGIVEN if done else {}  # else guesses at the code count on
        if _hasher.check_needs_rehash(row.password_hash):
            new_hash = _hasher.hash(unicodedata.normalize("NFC", password))
            fresh = fresh | {"password_hash": new_hash}
        if fresh:
            connection.execute(_this(district, row.user_id).values(**fresh))
        if done:
            audit.note(connection, district, now, action, user_id=row.user_id)
    return _user(row)


def user_of_session(
    connection: sa.Connection, district: str, user_id: str, session_mark: str, session_id: str
) -> User | None:
    """Return the person of a session, None when it ended (signed out, password changed, made
    inactive)."""
    row = _row(connection, district, user_id)
    if row is None or not row.active or session_id in row.ended_sessions:
        return None
    return _user(row) if random.compare_digest(row.session_mark, session_mark) else None


def end_session(
    connection: sa.Connection, district: str, user_id: str, session_id: str, now: datetime
) -> None:
    """Sign somebody out of one session, for everybody who holds its cookie; his others go on."""
    kept = users.c.ended_sessions
    wanted = sa.select(kept).where(users.c.district == district, users.c.user_id == user_id)
    ended = connection.scalar(wanted.with_for_update()) or {}
    at, oldest = int(now.timestamp()), int((now - ENDED_KEPT).timestamp())
    recent = {one: since for one, since in ended.items() if since > oldest}
    connection.execute(_this(district, user_id).values(ended_sessions=recent | {session_id: at}))
    audit.note(connection, district, now, "sign_out", user_id=user_id)


def find_user(connection: sa.Connection, district: str, user_id: str) -> User | None:
    """Return the person with this id, or None."""
    row = _row(connection, district, user_id)
    return _user(row) if row else None


def get_user(connection: sa.Connection, district: str, user_id: str) -> User:
    """Return the person with this id; raise Refusal ``unknown_user``."""
    user = find_user(connection, district, user_id)
    if user is None:
        raise Refusal("unknown_user")
    return user


def user_by_no(connection: sa.Connection, district: str, no: str) -> User:
    """Return the person with this number; raise Refusal ``unknown_user``."""
    wanted = sa.select(users).where(users.c.district == district, users.c.no == _clean(no))
    row = connection.execute(wanted).first()
    if row is None:
        raise Refusal("unknown_user", no=no)
    return _user(row)


def list_users(connection: sa.Connection, district: str) -> list[User]:
    """Return everybody of the district by number."""
    wanted = sa.select(users).where(users.c.district == district).order_by(users.c.no)
    return [_user(row) for row in connection.execute(wanted)]


_NAMES = sa.select(users.c.user_id, users.c.name).where(
    users.c.district == sa.bindparam("district"),
    among(users.c.user_id, sa.bindparam("ids", type_=Texts())),
)


def names_of(connection: sa.Connection, district: str, user_ids: set[str]) -> dict[str, str]:
    """Return the names of these people by id; unknown ids are left out."""
    if not user_ids:
        return {}
    asked = {"district": district, "ids": sorted(user_ids)}
    return {row.user_id: row.name for row in connection.execute(_NAMES, asked)}


def change_password(
    store: Store, district: str, user_id: str, old: str, new: str, now: datetime
) -> User:
    """Give somebody a new password and end his other sessions.

    Raises Refusal: sign_in_failed (the old one is wrong; counts towards the lock-out),
    locked_out, weak_password, same_password, unknown_user.
    """
    new_hash = hash_password(new)
    with store.reading() as connection:
        no = get_user(connection, district, user_id).no
    sign_in(store, district, no, old, now, again=True)
    if unicodedata.normalize("NFC", new) == unicodedata.normalize("NFC", old):
        raise Refusal("same_password")
    mark = random.token_hex(16)
    with store.writing() as connection:
        changed = _this(district, user_id).values(
            password_hash=new_hash, password_given=False, session_mark=mark
        )
        connection.execute(changed)
        audit.note(connection, district, now, "change_password", user_id=user_id)
        return get_user(connection, district, user_id)


def reset_password(
    connection: sa.Connection,
    district: str,
    user_id: str,
    new_hash: str,
    now: datetime,
    *,
    by: str | None = None,
) -> None:
    """Give somebody who forgot his password the one ``new_hash`` was made of (``hash_password``).

    His sessions end and a lock-out is lifted; who was kept out stays so. He has to choose another
    one before anything else, for whoever set this one could act in his name. ``by`` None: on the
    terminal. Raises Refusal: unknown_user, laptop_only for somebody who has no page here.
    """
    if get_user(connection, district, user_id).role in WITHOUT_PAGES:
        raise Refusal("laptop_only")
    values: dict[str, Any] = {
        "password_hash": new_hash,
        "password_given": True,
        "session_mark": random.token_hex(16),
        **FORGIVEN,
    }
    connection.execute(_this(district, user_id).values(**values))
    audit.note(connection, district, now, "reset_password", user_id=by, target=user_id)


def set_active(
    connection: sa.Connection,
    district: str,
    user_id: str,
    active: bool,
    now: datetime,
    by: str | None = None,
) -> None:
    """Let somebody in or keep him out, by one of the staff or on the terminal (None).

    Keeping out ends his sessions at once, and the centre answers his laptops as revoked ones
    until he is let in again. Raises Refusal ``unknown_user``.
    """
    get_user(connection, district, user_id)
    connection.execute(
        _this(district, user_id).values(active=active, session_mark=random.token_hex(16))
    )
    action = "activate_user" if active else "deactivate_user"
    audit.note(connection, district, now, action, user_id=by, target=user_id)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _check(
    district: str, no: str, name: str, role: str, kind: str, scope_codes: Sequence[str]
) -> None:
    if not re.fullmatch(r"\S{1,40}", no) or not no.isprintable():
        raise Refusal("bad_number", no=no)
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise Refusal("bad_name")
    if role not in code_list("ROLE") or role == SYSTEM:
        raise Refusal("bad_role", role=role)
    if kind not in code_list("USER_KIND"):
        raise Refusal("bad_user_kind", kind=kind)
    check_scope(district, role, scope_codes)


def check_scope(district: str, role: str, scope_codes: Sequence[str]) -> None:
    """Raise Refusal unless these are areas somebody of this role can have: ``bad_scope``, or
    ``whole_district_role`` for a role that is about the whole district."""
    lengths = {15, 17} if role == "worker" else AREA_LENGTHS
    for code in scope_codes:
        digits = re.fullmatch(r"[0-9]+", code) and len(code) in lengths
        if not digits or not code.startswith(district):
            raise Refusal("bad_scope", code=code)
    if not scope_codes or (role in LAPTOP_ROLES and len(scope_codes) > MOST_GRIDS):
        raise Refusal("bad_scope", code="")
    if role in OF_WHOLE_DISTRICT and district not in scope_codes:
        raise Refusal("whole_district_role", code=district)


def _check_demo(connection: sa.Connection, district: str) -> None:
    present = district_of(connection, district)
    if present is None or not present.synthetic:
        raise Refusal("demo_outside", district=district)


@cache
def _nobodys_hash() -> str:
    """Return a hash to compare with where there is none, so that both take as long."""
    return _hasher.hash(random.token_hex(16))


def _verify(password_hash: str | None, password: str) -> bool:
    normal = unicodedata.normalize("NFC", password[: LONGEST_PASSWORD + 1])
    try:
        right = _hasher.verify(password_hash or _nobodys_hash(), normal)
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def check_not_locked(connection: sa.Connection, district: str, user_id: str, now: datetime) -> None:
    """Raise Refusal ``locked_out`` while somebody is; his row is held."""
    _, locked_until = _failures(connection, district, user_id)
    if locked_until and locked_until > now:
        raise Refusal("locked_out", until=locked_until)


def forget_failures(connection: sa.Connection, district: str, user_id: str) -> None:
    """Begin to count somebody's failures anew."""
    connection.execute(_this(district, user_id).values(**FORGIVEN))


def count_failure(store: Store, district: str, user_id: str, now: datetime) -> None:
    """Count a wrong password or code; many sent at one moment lock no later, and none unlocks."""
    with store.writing() as connection:
        before, locked_until = _failures(connection, district, user_id)
        failures = before + 1
        locks = failures >= TRIES
        if not (locked_until and locked_until > now):
            values = {
                "failed_sign_ins": 0 if locks else failures,
                "locked_until": now + LOCK if locks else None,
            }
            connection.execute(_this(district, user_id).values(**values))
        action = "locked_out" if locks else "sign_in_failed"
        audit.note(connection, district, now, action, target=user_id)


def _failures(
    connection: sa.Connection, district: str, user_id: str
) -> tuple[int, datetime | None]:
    """Return how often somebody failed and until when he is locked out, his row held."""
    wanted = sa.select(users.c.failed_sign_ins, users.c.locked_until).where(
        users.c.district == district, users.c.user_id == user_id
    )
    row = connection.execute(wanted.with_for_update()).first()
    return (row.failed_sign_ins, row.locked_until) if row else (0, None)


def _row(connection: sa.Connection, district: str, user_id: str) -> sa.Row[Any] | None:
    wanted = sa.select(users).where(users.c.district == district, users.c.user_id == user_id)
    return connection.execute(wanted).first()


def _this(district: str, user_id: str) -> sa.Update:
    return sa.update(users).where(users.c.district == district, users.c.user_id == user_id)


def _user(row: sa.Row[Any]) -> User:
    return User(
        district=row.district,
        user_id=row.user_id,
        no=row.no,
        name=row.name,
        kind=row.kind,
        role=row.role,
        scope_codes=tuple(row.scope_codes),
        active=row.active,
        demo=row.demo,
        session_mark=row.session_mark,
        unit_id=row.unit_id,
        password_given=row.password_given,
        second_factor=row.second_factor,
    )
