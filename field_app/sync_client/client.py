"""HTTPS to the centre: bounded in time and size, never redirected, certificates by the system."""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NoReturn

import requests
import truststore
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import ProtocolError

from field_app.domain.accounting import Account
from field_app.sync_client.accounts import read_account
from field_app.sync_client.addresses import answers_plainly, centre_address
from field_app.sync_client.faults import SyncFault
from field_app.sync_client.replies import Known, Reply, read_known, read_reply
from field_app.sync_client.tus import Tus
from schemas.exchange import API

CONNECT_S, READ_S, WHOLE_S = 10.0, 60.0, 300.0
"""Longest waits: for the connection, between two bytes, for a whole answer."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024
GZIP_OVER_BYTES = 1024
JSON_TYPES = frozenset({"application/json", "application/problem+json"})
KNOWN_REFUSALS = frozenset({
    "bad_token", "device_revoked", "busy", "sequence_gap", "stream_forked", "client_too_old",
    "bad_code", "code_used", "bad_envelope",
})  # fmt: skip
"""Codes of the centre that have a meaning of their own here; others are told as they are."""
FAILED = "unexpected"
"""The centre's code for a failure of its own."""
SIGN_IN_FIRST = 511
"""What a network that asks people to sign in answers for any server (RFC 6585)."""
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE",
                    "PACKET_LENGTH_TOO_LONG"})  # fmt: skip
"""What OpenSSL says of a port that answers https with something else, plain http above all."""
TUS_REFUSALS = {
    401: "bad_token", 403: "device_revoked",
    404: "upload_gone", 410: "upload_gone", 409: "offset_conflict", 413: "photo_refused",
    415: "photo_refused", 422: "photo_refused", 423: "upload_locked", 460: "checksum_mismatch",
    507: "photo_storage_full",
}  # fmt: skip
"""What a status means for an upload, and nowhere else."""


class _SystemTrust(HTTPAdapter):
    """Checks certificates against the operating system's authorities, a city's own included."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        """Give every connection the system's context."""
        kwargs["ssl_context"] = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return super().init_poolmanager(*args, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Ask for a valid certificate without adding a bundle of our own."""
        conn.cert_reqs = "CERT_REQUIRED"


class Client:
    """One laptop's connection to its centre. Not for several threads at once."""

    def __init__(
        self,
        server_url: str,
        *,
        clock: Callable[[], datetime],
        token: str = "",
        allow_http: bool = False,
        proxy: str = "",
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SyncFault ``bad_address`` or ``plain_http``."""
        self._base = centre_address(server_url, allow_http=allow_http) + API
        self._clock = clock
        self._steady = steady
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies and passwords out of the environment
        self._session.mount("https://", _SystemTrust())
        if proxy:
            self._session.proxies = {"http": proxy, "https": proxy}
        self._up = self._down = 0  # bytes of the request under way, packed as they travel
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def join(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post a join request; return the centre's answer. Raises SyncFault."""
        status, answer = self._ask("POST", "/devices", json.dumps(body).encode())
        if status not in (200, 201) or not isinstance(answer, dict):
            raise SyncFault("not_our_server", status=status)
        return answer

    def exchange(self, body: bytes) -> Reply:
        """Post one sync request; return the confirmed reply. Raises SyncFault."""
        sent_at, begun = self._clock(), self._steady()
        self._up = self._down = 0
        status, answer = self._ask("POST", "/sync", body)
        if status != 200:
            raise SyncFault("not_our_server", status=status)
        back_at, took = self._clock(), self._steady() - begun
        # The clock may be set right now: the middle is counted from the nearer reading that fits.
        jumped = abs((back_at - sent_at).total_seconds() - took) > 5
        middle = sent_at + (back_at - sent_at) / 2 if not jumped else back_at
        reply = read_reply(answer, middle)
        return replace(reply, up_bytes=self._up, down_bytes=self._down, took_s=took)

    def account(self) -> Account:
        """Ask what the centre has of this device. Raises SyncFault."""
        status, answer = self._ask("GET", "/sync/account", None)
        if status != 200:
            raise SyncFault("not_our_server", status=status)
        return read_account(answer)

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            if len(body) > GZIP_OVER_BYTES:
                body = gzip.compress(body, 6)
                headers["Content-Encoding"] = "gzip"
        with self._asked(method, path, headers, body) as answer:
            return self._judge(answer, self._read(answer))

    def uploads(self) -> Tus:
        """Return the way photos go."""
        return Tus(self._ask_tus, "/photos")

    def _ask_tus(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Mapping[str, str]:
        """Make one request of an upload; return the headers of an answer that took it.

        Raises SyncFault; one with the centre's own code where tus gives it a meaning
        (see :mod:`field_app.sync_client.tus`).
        """
        with self._asked(method, path, {"Accept": "application/json", **headers}, body) as answer:
            raw = self._read(answer)
            status = answer.status_code
            if "Tus-Resumable" not in answer.headers:
                self._judge(answer, raw)  # what the centre says before uploads are looked at
                raise SyncFault("not_our_server", status=status)
            if 200 <= status < 300:
                return answer.headers
            code = TUS_REFUSALS.get(status)
            if code is not None:
                raise SyncFault(code, status=status)
            self._judge(answer, raw)
            raise SyncFault("bad_reply", status=status)

    @contextlib.contextmanager
    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[requests.Response]:
        """Ask, and hand out the answer with its body still to be read; a road that breaks, also
        while it is read, is a SyncFault."""
        self._up = len(body or b"")
        try:
            with self._session.request(
                method,
                self._base + path,
                data=body,
                headers=dict(headers),
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
            ) as answer:
                yield answer
        except (requests.exceptions.SSLError, ssl.SSLError) as error:
            raise SyncFault("not_tls" if _speaks_no_tls(error) else "tls_failed") from error
        except requests.exceptions.ConnectTimeout as error:  # nobody there: nothing was too slow
            raise SyncFault("unreachable") from error
        except (requests.exceptions.Timeout, TimeoutError) as error:
            # A plain server waits for the end of what it takes for a request: it is asked plainly.
            silent = _says_nothing_of_tls(error) and answers_plainly(self._base)
            raise SyncFault("not_tls" if silent else "timeout") from error
        except (requests.exceptions.RequestException, TransportError, OSError) as error:
            raise SyncFault("unreachable", cut=_was_cut(error)) from error

    def _read(self, answer: requests.Response) -> bytes:
        """Read the body within its limits of size and time."""
        deadline = self._steady() + WHOLE_S
        parts, size = [], 0
        try:
            for part in answer.iter_content(65536):
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise SyncFault("bad_reply", status=answer.status_code)
                if self._steady() > deadline:
                    raise SyncFault("timeout")
        except requests.exceptions.ContentDecodingError as error:
            code = "garbled_reply" if _type_of(answer) in JSON_TYPES else "not_our_server"
            raise SyncFault(code, status=answer.status_code) from error
        self._down = answer.raw.tell()
        return b"".join(parts)

    def _judge(self, answer: requests.Response, raw: bytes) -> tuple[int, Any]:
        """Return status and JSON of an answer of the centre; raise SyncFault for any other."""
        status = answer.status_code
        kind = _type_of(answer)
        body = None
        if kind in JSON_TYPES:
            with contextlib.suppress(ValueError, RecursionError):
                body = json.loads(raw)
        if 200 <= status < 300:
            if body is None:
                # JSON that cannot be read was ours and was cut short; anything else never was.
                code = "bad_reply" if kind in JSON_TYPES else "not_our_server"
                raise SyncFault(code, status=status)
            return status, body
        _refuse(status, body, _retry_after(answer.headers.get("Retry-After")))


def _type_of(answer: requests.Response) -> str:
    """Return what an answer says its body is, without its parameters."""
    return answer.headers.get("Content-Type", "").split(";")[0].strip().lower()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all it was made of."""
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__context__]
    for one in inner:
        if isinstance(one, BaseException):
            yield from _causes(one)


def _speaks_no_tls(error: BaseException) -> bool:
    """Whether what answered does not know TLS at all, as against a certificate that is not trusted:
    OpenSSL then finds something else where a TLS record begins."""
    found = (one for one in _causes(error) if isinstance(one, ssl.SSLError))
    return any(one.reason in NO_TLS for one in found)


def _says_nothing_of_tls(error: BaseException) -> bool:
    """Whether somebody listened, but did not begin with TLS in time."""
    return any("handshake" in str(one) for one in _causes(error) if isinstance(one, TimeoutError))


def _was_cut(error: BaseException) -> bool:
    """Whether a connection that stood broke off, as against one that could not be made."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return True
    inner = error.args[0] if error.args else None
    return isinstance(inner, ProtocolError)


def _refuse(status: int, body: Any, retry_after_s: float | None) -> NoReturn:
    """Raise the fault an answer other than 2xx means."""
    problem = body if isinstance(body, dict) else {}
    code = problem.get("code")
    known: Known | None = None
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        known = read_known(problem["known"])
    stream = problem.get("stream")
    common: dict[str, Any] = {
        "status": status,
        "retry_after_s": retry_after_s,
        "known": known,
        "stream": stream if isinstance(stream, str) else None,
    }
    if status in (429, 503):
        name = "rate_limited" if code == "rate_limited" else "server_busy"
        raise SyncFault(name, seconds=round(retry_after_s or 0), **common)
    if status >= 500 and status != SIGN_IN_FIRST:
        raise SyncFault("server_error", own=code == FAILED, **common)
    if not isinstance(code, str):
        # A sign-in page of the network, a proxy, another program: no word of our centre's.
        raise SyncFault("too_large" if status == 413 else "not_our_server", **common)
    if status == 413:
        raise SyncFault("too_large", **common)
    if code in KNOWN_REFUSALS:
        raise SyncFault(code, own=True, **common)
    raise SyncFault("refused", reason=code, **common)


def _retry_after(text: str | None) -> float | None:
    """Return Retry-After in seconds; dates are not worth their clocks and are left out."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return min(max(seconds, 0.0), 3600.0) if seconds == seconds else None
