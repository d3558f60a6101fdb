"""The factory that joins the centre's parts: settings, store, API, staff pages."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from schemas.exchange import API, MAX_BODY_BYTES
from sync_server.domain.errors import Refusal
from sync_server.services.centre import Centre, Clock, open_centre, utc_now
from sync_server.services.replay import replay
from sync_server.settings import BODY_LIMIT, Settings
from sync_server.store.folders import FULL
from sync_server.timer import ImportTimer, Timer
from sync_server.web import api, in_front, metrics, pages, photos, problems, readiness, request_log
from sync_server.web.context import CENTRE, GATE, LIMITER
from sync_server.web.gate import Gate
from sync_server.web.large_bodies import CentreRequest, body_limit

MAX_FORM_BYTES = 500_000


class CentreApp(Flask):
    """The centre's app: whatever fails in the API is answered as the API answers."""

    request_class = CentreRequest

    def handle_user_exception(self, e: Exception) -> Any:
        """Answer a failure of an API request by ``web/problems.py``, others as pages do. A full
        disk has its name wherever it was met, also while a form's file was laid down."""
        if isinstance(e, OSError) and e.errno in FULL:
            e = Refusal("disk_full")
        if request.path.startswith(API) or request.path in readiness.WATCHED:
            return problems.answer(e)
        return super().handle_user_exception(e)


def create_app(settings: Settings, *, clock: Clock = utc_now) -> Flask:
    """Return the app for ``settings``; opens and migrates its database, and judges again what an
    older program could not understand.

    Raises Refusal when the database cannot be used or may not be served.
    """
    centre = open_centre(settings, clock)
    replay(centre.store, centre.code, clock())
    return app_of(centre)


def create_serving_app(settings: Settings) -> Flask:
    """Return the app for a program that serves: what is due by time is done until it is closed.

    Raises Refusal as ``create_app``.
    """
    app = create_app(settings)
    centre = app.extensions[CENTRE]
    for timer in (Timer(centre), ImportTimer(centre)):
        centre.store.on_close(timer.stop)
        timer.start()
    return app


def app_of(centre: Centre) -> Flask:
    """Return the app of a centre that is open already."""
    app = CentreApp("sync_server")
    settings = centre.settings
    app.config.update(
        SECRET_KEY=centre.keys.session,
        SESSION_COOKIE_NAME="gridrounds_centre",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.behind_tls,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
        MAX_FORM_PARTS=1_000,
        TRUSTED_HOSTS=settings.trusted_hosts,
        TESTING=settings.testing,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    if settings.behind_tls:  # one proxy in front: its word for the client's address and scheme
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    app.extensions[CENTRE] = centre
    app.extensions[LIMITER] = Limiter(get_remote_address, app=app, storage_uri="memory://")
    app.extensions[GATE] = Gate(settings.exchanges_at_once)
    metrics.register(app)  # first, so that what others refuse is counted too
    if settings.json_logs:
        request_log.register(app)
    readiness.register(app)
    if settings.behind_tls:
        in_front.register(app)
    csrf = CSRFProtect(app)
    csrf.exempt(api.register(app))
    csrf.exempt(photos.register(app))
    pages.register(app)
    app.extensions[BODY_LIMIT] = body_limit(app, settings.relay_bytes)
    return app
