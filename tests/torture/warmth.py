"""What a process makes once, so that its forks need not: the app, and an engine's compiled
statements.

Neither is under test here. Opening the files, and every call to the disk, happens anew in each
life: an engine that was disposed of holds no connection.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_server.app import app_of
from sync_server.services import centre as centres
from sync_server.services.centre import Centre, Clock, open_centre
from sync_server.settings import Settings
from sync_server.store.engine import Store, open_store
from sync_server.store.folders import make_folder
from sync_server.web.context import CENTRE

_engines: dict[str, sa.Engine] = {}
_apps: list[Flask] = []


def open_again(settings: Settings, clock: Clock) -> Centre:
    """Open a centre as ``open_centre`` does; a file opened before in this process, or in the one
    it was forked from, keeps its engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(centres, "open_store", _store)
        return open_centre(settings, clock)


def _store(address: str) -> Store:
    if address not in _engines:
        store = open_store(address)
        if store.is_sqlite:
            _engines[address] = store.engine
        return store
    engine = _engines[address]
    make_folder(Path(str(engine.url.database)).parent)  # as ``open_store`` does
    return Store(engine)


def app_again(centre: Centre) -> Flask:
    """Return the app of a centre: the one made first, with this centre behind it."""
    if not _apps:
        _apps.append(app_of(centre))
    (app,) = _apps
    app.extensions[CENTRE] = centre
    app.config["SECRET_KEY"] = centre.keys.session
    return app
