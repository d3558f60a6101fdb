"""The app, which a process makes once, so that its forks need not: it is not under test here."""

from __future__ import annotations

from flask import Flask

from sync_server.app import app_of
from sync_server.services.centre import Centre
from sync_server.web.context import CENTRE

_apps: list[Flask] = []


def app_again(centre: Centre) -> Flask:
    """Return the app of a centre: the one made first, with this centre behind it."""
    if not _apps:
        _apps.append(app_of(centre))
    (app,) = _apps
    app.extensions[CENTRE] = centre
    app.config["SECRET_KEY"] = centre.keys.session
    return app
