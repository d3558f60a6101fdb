"""Whether the proxy in front says who asks: without it everybody counts as one address."""

from __future__ import annotations

import logging

from flask import Flask, request

from sync_server.web.readiness import WATCHED

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Write one line, once, when a request comes without the proxy's word for its address. Who
    watches this machine from itself asks without a proxy."""
    told = False

    @app.before_request
    def look() -> None:
        nonlocal told
        if told or request.path in WATCHED or "X-Forwarded-For" in request.headers:
            return
        told = True
        log.warning(
            "a request came without X-Forwarded-For although --behind-tls was said: unless somebody"
            " asked past the proxy, have it set the header, or all share one limit of sign-ins"
        )
