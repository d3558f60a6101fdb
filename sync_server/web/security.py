"""What stands on every answer: a strict content policy, no framing, no caching of pages; and what
no request brings in: the sign NUL, which PostgreSQL takes in no text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, request
from werkzeug.datastructures import ImmutableMultiDict

from sync_server.domain.errors import Refusal
from sync_server.web.context import centre

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: behind TLS the CSRF check compares the referring page.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
YEAR_S = 365 * 24 * 3600
NUL = "\0"


class Typed(ImmutableMultiDict[str, Any]):
    """What a form or an address says, without NUL: a text copied from elsewhere may hold it."""

    def __init__(self, said: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__([(_without(name), _without(value)) for name, value in said])


def register(app: Flask) -> None:
    """Put the headers on every answer of ``app``."""
    app.before_request(_check_path)
    app.after_request(_harden)


def _without(value: Any) -> Any:
    return value.replace(NUL, "") if isinstance(value, str) else value


def _check_path() -> None:
    if NUL in request.path:
        raise Refusal("not_found")


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    if centre().settings.behind_tls:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}")
    return response
