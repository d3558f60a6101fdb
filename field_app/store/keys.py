"""The key envelope: a random store key, locked by a passphrase and, apart, by a recovery key.

Only these envelopes are on disk. A new passphrase rewrites them and leaves the store alone. Wrong
attempts are counted beside the key file and answered ever more slowly.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from field_app.store.errors import (
    MistypedRecoveryKey,
    NewerStore,
    StoreDamaged,
    TooManyAttempts,
    WeakPassphrase,
    WrongPassphrase,
)
from field_app.store.files import write_atomically

KEY_FILE_VERSION = 1
KEY_FILES = ("key.json", "key.copy.json")
STORE_KEY_BYTES = 32
PASSPHRASE_LENGTH = 8
FREE_ATTEMPTS = 3
LONGEST_DELAY_S = 300.0

# Crockford's alphabet: no I, L, O or U, so nothing on paper can be read two ways.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SECRET_LETTERS, _CHECK_LETTERS, _GROUP = 28, 4, 4
_MOST_MEMORY_KIB = 1024 * 1024


@dataclass(frozen=True)
class Argon2Profile:
    """What one guess at a passphrase costs; kept in the key file, so it can be raised later."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


@dataclass(frozen=True)
class Clock:
    """Where the time comes from, in seconds: `wall` may jump, `steady` only goes on."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


@dataclass
class KeyRing:
    """The key file of one worker and the count of wrong attempts at it.

    Made anew it remembers no waiting time but what the attempts file says; see `Attempts`.
    """

    folder: Path
    worker_id: str
    profile: Argon2Profile = field(default_factory=Argon2Profile)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts = Attempts(self.folder / "attempts.json", self.clock)

    def create(self, passphrase: str) -> tuple[bytes, str]:
        """Make a store key and its envelopes; return it with the recovery key, to be shown once.

        Raises WeakPassphrase, OSError.
        """
        key = secrets.token_bytes(STORE_KEY_BYTES)
        recovery_key = _new_recovery_key()
        self._save(self._seal(key, passphrase), self._seal_for_recovery(key, recovery_key))
        return key, recovery_key

    def unlock(self, passphrase: str) -> bytes:
        """The store key. Raises WrongPassphrase, TooManyAttempts, StoreDamaged."""
        with self._lock:
            envelopes = self._load()
            with self._attempts.counted():
                return self._open(envelopes, passphrase)

    def unlock_with_recovery(self, recovery_key: str) -> bytes:
        """The store key. Raises MistypedRecoveryKey and what `unlock` does."""
        secret = _recovery_secret(recovery_key)
        with self._lock:
            envelope = self._load()["recovery"]
            with self._attempts.counted():
                wrapping = _stretch(secret, _bytes(envelope["salt"]))
                return _unwrap(wrapping, envelope, self._bound_to("recovery"))

    def set_passphrase(self, key: bytes, passphrase: str) -> None:
        """Lock the store key with a new passphrase; the old one opens nothing any more.

        Raises WeakPassphrase, StoreDamaged, OSError.
        """
        with self._lock:
            self._save(self._seal(key, passphrase), self._load()["recovery"])

    def new_recovery_key(self, key: bytes) -> str:
        """Issue another recovery key; the old one is void. Raises StoreDamaged, OSError."""
        recovery_key = _new_recovery_key()
        with self._lock:
            self._save(self._load()["passphrase"], self._seal_for_recovery(key, recovery_key))
        return recovery_key

    def destroy(self) -> None:
        """Overwrite the envelopes in place: neither passphrase nor recovery key opens anything.

        Raises OSError. (A disk that moves blocks about may keep an old copy of them; they are then
        still locked by passphrase and recovery key.)
        """
        with self._lock:
            for path in self._paths():
                if path.exists():
                    with open(path, "r+b") as file:
                        file.write(secrets.token_bytes(path.stat().st_size))
                        file.flush()
                        os.fsync(file.fileno())

    def _paths(self) -> tuple[Path, Path]:
        return self.folder / KEY_FILES[0], self.folder / KEY_FILES[1]

    def _save(self, for_passphrase: dict[str, Any], for_recovery: dict[str, Any]) -> None:
        content = {
            "version": KEY_FILE_VERSION,
            "worker_id": self.worker_id,
            "passphrase": for_passphrase,
            "recovery": for_recovery,
        }
        text = json.dumps(content | {"checksum": _checksum(content)}, indent=1).encode()
        for path in self._paths():
            write_atomically(path, text)

    def _load(self) -> dict[str, Any]:
        """Read the key file, or its twin where the first is damaged: without it all is lost."""
        texts = [path.read_bytes() if path.exists() else b"" for path in self._paths()]
        sound = [content for content in map(_read_content, texts) if content is not None]
        if not sound or sound[0].get("worker_id") != self.worker_id:
            raise StoreDamaged("key file")
        if sound[0]["version"] > KEY_FILE_VERSION:
            raise NewerStore("key file")
        if texts[0] != texts[1]:
            # Also after a crash between the two writes: the first is the newer one.
            good = texts[0] if _read_content(texts[0]) is not None else texts[1]
            with contextlib.suppress(OSError):
                for path in self._paths():
                    write_atomically(path, good)
        return sound[0]

    def _bound_to(self, purpose: str) -> bytes:
        return f"gridrounds key {KEY_FILE_VERSION}\0{purpose}\0{self.worker_id}".encode()

    def _seal(self, key: bytes, passphrase: str) -> dict[str, Any]:
        text = _normalised(passphrase)
        if len(text) < PASSPHRASE_LENGTH:
            raise WeakPassphrase(f"under {PASSPHRASE_LENGTH} characters")
        salt = secrets.token_bytes(16)
        wrapping = _argon2(text, salt, self.profile)
        return {"kdf": "argon2id", **asdict(self.profile), "salt": _text(salt)} | _wrap(
            wrapping, key, self._bound_to("passphrase")
        )

    def _open(self, envelopes: dict[str, Any], passphrase: str) -> bytes:
        envelope = envelopes["passphrase"]
        profile = Argon2Profile(envelope["memory_kib"], envelope["iterations"], envelope["lanes"])
        if profile.memory_kib > _MOST_MEMORY_KIB:
            raise StoreDamaged("key file asks for too much memory")
        wrapping = _argon2(_normalised(passphrase), _bytes(envelope["salt"]), profile)
        return _unwrap(wrapping, envelope, self._bound_to("passphrase"))

    def _seal_for_recovery(self, key: bytes, recovery_key: str) -> dict[str, Any]:
        salt = secrets.token_bytes(16)
        wrapping = _stretch(_recovery_secret(recovery_key), salt)
        return {"kdf": "hkdf-sha256", "salt": _text(salt)} | _wrap(
            wrapping, key, self._bound_to("recovery")
        )


def owner_of(folder: Path) -> str | None:
    """The worker whose keys lie in a folder, by the key file or its twin; None without either."""
    for name in KEY_FILES:
        with contextlib.suppress(OSError):
            content = _read_content((folder / name).read_bytes())
            if content is not None and isinstance(content.get("worker_id"), str):
                return str(content["worker_id"])
    return None


class Attempts:
    """Wrong attempts in a row, kept on disk: three are free, then each doubles the wait.

    The wait runs by the steady clock within a process. A new process that finds a wait unfinished
    by the wall clock (or the wall clock set back) begins that wait again. An attempt is counted
    before it is tried, so that ending the program in between gains nothing.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._failed, failed_at = self._read()
        # `failed_at` in the future means that the wall clock was set back since.
        finished = clock.wall() >= failed_at + _delay(self._failed)
        self._waiting_since = None if finished else clock.steady()

    def _read(self) -> tuple[int, float]:
        try:
            content = json.loads(self._path.read_bytes())
            return int(content["failed"]), float(content["failed_at"])
        except FileNotFoundError:
            return 0, 0.0
        except (ValueError, KeyError, TypeError):
            # Spoiling the count must not reset it.
            return FREE_ATTEMPTS, self._clock.wall()

    def _write(self, failed: int) -> None:
        self._failed = failed
        self._waiting_since = self._clock.steady()
        content = {"version": 1, "failed": failed, "failed_at": self._clock.wall()}
        write_atomically(self._path, json.dumps(content).encode())

    def wait_s(self) -> float:
        """Seconds until the next attempt is allowed; 0 when it is allowed now."""
        if self._waiting_since is None:
            return 0.0
        passed = self._clock.steady() - self._waiting_since
        return max(0.0, _delay(self._failed) - passed)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Run one attempt: InvalidTag inside becomes WrongPassphrase, success clears the count.

        Raises TooManyAttempts, before anything is tried, while a wait is not over.
        """
        wait = self.wait_s()
        if wait > 0:
            raise TooManyAttempts(wait)
        before = self._failed
        self._write(before + 1)
        try:
            yield
        except InvalidTag:
            raise WrongPassphrase(_delay(self._failed)) from None
        except BaseException:
            self._write(before)
            raise
        self._write(0)


def _delay(failed: int) -> float:
    """Seconds to wait after so many wrong attempts in a row."""
    if failed < FREE_ATTEMPTS:
        return 0.0
    return min(2.0 ** min(failed - FREE_ATTEMPTS + 1, 20), LONGEST_DELAY_S)


def _normalised(passphrase: str) -> str:
    """One form for what looks alike, so that another keyboard's full-width letters still fit."""
    return unicodedata.normalize("NFKC", passphrase)


def _argon2(text: str, salt: bytes, profile: Argon2Profile) -> bytes:
    return Argon2id(
        salt=salt,
        length=32,
        iterations=profile.iterations,
        lanes=profile.lanes,
        memory_cost=profile.memory_kib,
    ).derive(text.encode("utf-8", "surrogatepass"))


def _stretch(secret: bytes, salt: bytes) -> bytes:
    """A wrapping key from a secret that is random already and needs no slow derivation."""
    return HKDF(SHA256(), length=32, salt=salt, info=b"gridrounds recovery").derive(secret)


def _wrap(wrapping: bytes, key: bytes, bound_to: bytes) -> dict[str, str]:
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(wrapping).encrypt(nonce, key, bound_to)
    return {"nonce": _text(nonce), "sealed": _text(sealed)}


def _unwrap(wrapping: bytes, envelope: dict[str, Any], bound_to: bytes) -> bytes:
    return AESGCM(wrapping).decrypt(_bytes(envelope["nonce"]), _bytes(envelope["sealed"]), bound_to)


def _new_recovery_key() -> str:
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LETTERS))
    letters = secret + _check_letters(secret)
    return "-".join(letters[i : i + _GROUP] for i in range(0, len(letters), _GROUP))


def _check_letters(secret: str) -> str:
    number = int.from_bytes(hashlib.sha256(b"gridrounds recovery" + secret.encode()).digest()[:4])
    return "".join(_ALPHABET[(number >> 5 * i) & 31] for i in range(_CHECK_LETTERS))


def _recovery_secret(typed: str) -> bytes:
    """What was typed, without regard to case, spaces and dashes. Raises MistypedRecoveryKey."""
    text = _normalised(typed).upper().translate(str.maketrans("OIL", "011"))
    letters = "".join(
        letter for letter in text if not letter.isspace() and unicodedata.category(letter) != "Pd"
    )
    secret, check = letters[:_SECRET_LETTERS], letters[_SECRET_LETTERS:]
    if len(secret) != _SECRET_LETTERS or not set(secret) <= set(_ALPHABET):
        raise MistypedRecoveryKey()
    if check != _check_letters(secret):
        raise MistypedRecoveryKey()
    return secret.encode()


def _read_content(text: bytes) -> dict[str, Any] | None:
    """A key file's content; None where its checksum shows that it is not what was written."""
    try:
        content = json.loads(text)
        checksum = content.pop("checksum")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return content if checksum == _checksum(content) else None


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
