"""Figures for Prometheus at ``/metrics``: requests, changes, refusals, whether the centre is ready.

Labels are addresses as declared (``/records/<kind>``), methods, statuses and codes; nothing of a
person, a record or a place is among them. Several processes of one server add their figures up in
files of a folder (prometheus_client's multiprocess mode), so whichever answers tells of all.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import Any, cast

from flask import Flask, Response, current_app, g, request

from sync_server.domain.errors import Refusal
from sync_server.services.readiness import OK, readiness
from sync_server.web.context import centre

BEGUN = "begun"
"""Under this name flask.g tells when a request began (time.perf_counter)."""
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METRICS = "gridrounds_metrics"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds of the histograms."""
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Headers of a request that came through a proxy."""


class Metrics:
    """The figures of one app."""

    def __init__(self) -> None:
        # Not at the top: the library looks once, when it is imported, whether processes share.
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        common: dict[str, Any] = {"registry": self.registry}
        self._requests = Counter(
            "gridrounds_requests", "Requests answered.", ["route", "method", "status"], **common
        )
        self._seconds = Histogram(
            "gridrounds_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, **common
        )
        self._changes = Counter(
            "gridrounds_changes", "Changes of laptops answered, by outcome.", ["outcome"], **common
        )
        self._updates = Counter("gridrounds_updates", "Updates handed down to laptops.", **common)
        self._refusals = Counter(
            "gridrounds_refusals", "Requests that were refused, by code.", ["code"], **common
        )

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_exchange(self, outcomes: Iterable[str], updates: int) -> None:
        """Count what an exchange brought and took."""
        for outcome, count in Tally(outcomes).items():
            self._changes.labels(outcome).inc(count)
        self._updates.inc(updates)

    def count_refusal(self, code: str) -> None:
        """Count a refusal."""
        self._refusals.labels(code).inc()

    def text(self, checks: dict[str, str]) -> tuple[bytes, str]:
        """Return everything in Prometheus' text format, with its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        body = b""
        if os.environ.get(FOLDER):
            shared = CollectorRegistry()
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
            body = generate_latest(shared)
        else:
            body = generate_latest(self.registry)
        now = CollectorRegistry()
        now.register(cast(Any, _Checks(checks)))
        return body + generate_latest(now), CONTENT_TYPE_LATEST


class _Checks:
    """What is read off the centre at the moment somebody asks."""

    def __init__(self, checks: dict[str, str]) -> None:
        self._checks = checks

    def collect(self) -> Iterator[Any]:
        """Give one figure for each thing the centre needs."""
        from prometheus_client.core import GaugeMetricFamily

        told = GaugeMetricFamily(
            "gridrounds_ready", "1: there, 0: missing, as /readyz says.", labels=["check"]
        )
        for name, code in self._checks.items():
            told.add_metric([name], float(code == OK))
        yield told


def register(app: Flask) -> None:
    """Count every request of the app, and tell at ``/metrics``."""
    app.extensions[METRICS] = Metrics()
    app.before_request(_begin)
    app.after_request(_end)
    app.add_url_rule("/metrics", "metrics", show)


def figures() -> Metrics:
    """Return the figures of this app."""
    return cast(Metrics, current_app.extensions[METRICS])


def show() -> Response:
    """GET /metrics: to who has the token, or, where none was set, to this machine alone."""
    if not _may_read():
        raise Refusal("not_allowed")
    body, kind = figures().text(readiness(centre()))
    return Response(body, content_type=kind)


def _may_read() -> bool:
    token = centre().settings.metrics_token
    if token:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), token.encode())
        return scheme.lower() == "bearer" and right
    if not centre().settings.behind_tls and any(name in request.headers for name in FORWARDED):
        return False  # from a proxy on this machine: nobody knows who stands behind it
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _begin() -> None:
    setattr(g, BEGUN, time.perf_counter())


def _end(response: Response) -> Response:
    begun = g.get(BEGUN)
    if begun is not None:
        route = request.url_rule.rule if request.url_rule else ""
        seconds = time.perf_counter() - begun
        figures().count_request(route, request.method, response.status_code, seconds)
    if code := g.get("refused"):
        figures().count_refusal(code)
    return response
