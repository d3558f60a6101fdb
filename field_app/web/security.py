"""What stands before every page: only this computer's own browser pages may ask.

A page of the wide web must neither read nor change anything here, whatever name it reaches the
program by: the Host is matched exactly with its port for all methods, a POST needs the token of a
form we gave out and may not come from elsewhere, and no answer is kept in a cache.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request
from flask_wtf.csrf import CSRFProtect

from field_app.settings import Settings

csrf = CSRFProtect()

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "application/json"}
)
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser's own posts say Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
}
MAX_FORM_BYTES = 2 * 1024 * 1024
MAX_PHOTO_FORM_BYTES = 48 * 1024 * 1024
"""Pictures as cameras make them, several at once; they are made small before they are kept."""
WITH_PICTURES = frozenset({
    "photos.add", "relay.take", "issues.fill_in", "issues.fill_in_step", "patrols.issue",
    "visits.fill_in",
})  # fmt: skip


def guard(app: Flask, settings: Settings) -> None:
    """Put the checks before every request of ``app`` and the headers on every answer."""
    app.config.update(
        SESSION_COOKIE_NAME=f"gridrounds_field_{settings.port}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_TIME_LIMIT=None,  # a form may stand open all day; the session bounds the token
        WTF_CSRF_HEADERS=["X-CSRFToken"],
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
        HOSTS=settings.hosts,
    )
    app.before_request(_check_host)
    app.before_request(_check_origin)
    app.before_request(_make_room)
    csrf.init_app(app)
    app.after_request(_harden)


def _check_host() -> None:
    """Refuse every Host but our own: a foreign name that resolves to loopback ends here."""
    if request.headers.get("Host", "").lower() not in current_app.config["HOSTS"]:
        abort(400, "bad_host")


def _check_origin() -> None:
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        abort(403, "cross_site")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin)[:2] != ("http", request.host.lower()):
        abort(403, "cross_site")
    if request.mimetype not in FORM_TYPES and (request.content_length or request.mimetype):
        abort(415, "bad_type")


def _make_room() -> None:
    """Let the forms that bring pictures or a receipt be larger than the others."""
    if request.endpoint in WITH_PICTURES:
        request.max_content_length = MAX_PHOTO_FORM_BYTES


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
