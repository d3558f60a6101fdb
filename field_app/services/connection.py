"""Making the client for a worker's centre."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from field_app.services.joining import Call
from field_app.services.preferences import preferences
from field_app.services.rounds import Connect
from field_app.services.workspace import Workspace
from field_app.settings import Settings
from field_app.sync_client import Client


def connects(settings: Settings) -> Connect:
    """Return what opens a signed-in connection to an unlocked worker's centre."""

    def connect(ws: Workspace) -> Client:
        identity = ws.identity
        return Client(
            identity.server_url,
            clock=ws.clock,
            token=identity.token,
            allow_http=settings.allow_http or preferences(ws).allow_http,
            proxy=settings.proxy,
        )

    return connect


def calls(settings: Settings, clock: Callable[[], datetime]) -> Call:
    """Return what opens a connection to a centre that does not know us yet."""

    def call(address: str, allow_http: bool) -> Client:
        return Client(
            address,
            clock=clock,
            allow_http=allow_http or settings.allow_http,
            proxy=settings.proxy,
        )

    return call
