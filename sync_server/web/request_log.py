"""One line a request for the log: which address, which answer, how long; never what was asked for.

An address is told as it is declared (``/records/<kind>``): those that people type hold names.
"""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from sync_server.web.metrics import BEGUN

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Log every answer of the app."""
    app.after_request(_end)


def _end(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "-"
    took = time.perf_counter() - g.get(BEGUN, time.perf_counter())
    log.info(
        "request route=%s method=%s status=%d ms=%d code=%s",
        rule, request.method, response.status_code, round(took * 1000), g.get("refused", ""),
    )  # fmt: skip
    return response
