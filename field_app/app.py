"""Joining the parts of the laptop: reading `create_app` shows every one of them."""

from __future__ import annotations

import secrets

from flask import Flask

from field_app.services.connection import calls, connects
from field_app.services.desk import Clock, Desk, wall_clock
from field_app.services.workspace import indexes
from field_app.settings import Settings
from field_app.store.vault import Vault
from field_app.web import (
    errors,
    health,
    i18n,
    join,
    outbox,
    recovery,
    security,
    session,
    settings_pages,
    sync,
    unlock,
)


def make_desk(settings: Settings, clock: Clock = wall_clock, vault: Vault | None = None) -> Desk:
    """Return the desk over the workers' stores in the data folder. Raises OSError."""
    return Desk(vault or Vault(settings.data_dir, indexes=indexes()), connects(settings), clock)


def create_app(settings: Settings, desk: Desk | None = None) -> Flask:
    """Return the laptop's app; ``desk`` is made from the settings when none is handed in."""
    desk = desk or make_desk(settings)
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)  # a new start forgets every session
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions.update(desk=desk, settings=settings, call=calls(settings, desk.clock))
    security.guard(app, settings)
    session.guard(app)
    i18n.init(app)
    errors.init(app)
    for feature in (
        session, i18n, health, join, unlock, recovery, outbox, sync, settings_pages,
    ):  # fmt: skip
        app.register_blueprint(feature.pages)
    return app
