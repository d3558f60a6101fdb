"""What stands on every answer: a strict content policy, no framing, no caching of pages."""

from __future__ import annotations

from flask import Flask, Response, request

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


def register(app: Flask) -> None:
    """Put the headers on every answer of ``app``."""
    app.after_request(_harden)


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    if centre().settings.behind_tls:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}")
    return response
