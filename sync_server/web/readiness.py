"""What those who watch the centre ask: does the process live, can it serve."""

from __future__ import annotations

from flask import Flask, Response, jsonify

import sync_server
from sync_server.services.readiness import OK, readiness
from sync_server.web.context import centre

RETRY_AFTER_S = 5
WATCHED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Addresses of machines that watch; failures are answered as the API answers them."""


def register(app: Flask) -> None:
    """Add both addresses to the app."""
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)


def healthz() -> Response:
    """Answer that this process serves; whatever became of the database, a restart cures nothing."""
    return jsonify(
        status="ok",
        app="sync_server",
        version=sync_server.__version__,
        synthetic=centre().district.synthetic,
    )


def readyz() -> Response:
    """Answer 200 when exchanges can be served, else 503 with the code of what is missing."""
    checks = readiness(centre())
    ready = set(checks.values()) == {OK}
    answer = jsonify(status="ready" if ready else "not_ready", checks=checks)
    if not ready:
        answer.status_code = 503
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer
