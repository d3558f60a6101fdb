"""Joining the parts of the laptop: reading `create_app` and `serve` shows every one of them."""

from __future__ import annotations

import errno
import io
import logging
import secrets
import signal
import threading
import webbrowser
from types import FrameType
from typing import IO, Any

from flask import Flask, Request
from waitress.server import create_server

from field_app.domain.errors import Trouble
from field_app.services.connection import calls
from field_app.services.desk import Desk, open_desk
from field_app.settings import Settings
from field_app.store.room import share_room
from field_app.timer import Timer
from field_app.web import (
    base_data,
    coverage,
    drafts,
    errors,
    health,
    i18n,
    issues,
    join,
    knock,
    materials,
    notices,
    outbox,
    patrols,
    photos,
    receipts,
    records,
    recovery,
    relay,
    revoked,
    search,
    security,
    service_requests,
    session,
    settings_pages,
    sync,
    today,
    unlock,
    visits,
    widgets,
    wording,
)
from schemas.plain_logs import PlainLines

THREADS = 8
MOST_RECEIVED = security.MAX_PHOTO_FORM_BYTES + 1024 * 1024


class _InMemory(Request):
    """A request whose files never touch the disk: outside its sealed file a picture would lie open,
    in temporary files too."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return io.BytesIO()


class LaptopApp(Flask):
    """The laptop's app."""

    request_class = _InMemory


def create_app(settings: Settings, desk: Desk | None = None) -> Flask:
    """Return the laptop's app; ``desk`` is made from the settings when none is handed in."""
    desk = desk or open_desk(settings)
    app = LaptopApp(__name__)
    app.secret_key = secrets.token_bytes(32)  # a new start forgets every session
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions.update(desk=desk, settings=settings, call=calls(settings, desk.clock))
    security.guard(app, settings)
    session.guard(app)
    wording.init(app)
    i18n.init(app)
    errors.init(app)
    for feature in (
        session, i18n, health, join, unlock, recovery, today, patrols, visits, issues,
        service_requests, notices, knock, materials, coverage, base_data, records, search, photos,
        drafts, widgets, outbox, sync, relay, receipts, revoked, settings_pages,
    ):  # fmt: skip
        app.register_blueprint(feature.pages)
    return app


def serve(settings: Settings) -> None:
    """Serve the pages until told to stop, alone on the data folder.

    Raises StoreBusy when another copy runs, Trouble ``port_in_use`` or ``data_dir_unusable``.
    """
    logging.basicConfig(level=logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(PlainLines("%(asctime)s %(levelname)s %(message)s"))
    share_room()
    desk = open_desk(settings)
    with desk.vault.instance_lock():
        server = _listen(create_app(settings, desk), settings)
        timer = Timer(desk, syncs=settings.auto_sync)
        timer.start()
        signal.signal(signal.SIGTERM, _end)
        print(f"网格巡访 GridRounds: {settings.address}", flush=True)
        if settings.open_browser:
            threading.Thread(target=webbrowser.open, args=(settings.address,), daemon=True).start()
        try:
            server.run()
        finally:
            timer.stop()
            server.close()
            desk.lock()


def _listen(app: Flask, settings: Settings) -> Any:
    try:
        return create_server(
            app, host=settings.host, port=settings.port, threads=THREADS, ident=None,
            clear_untrusted_proxy_headers=True, max_request_body_size=MOST_RECEIVED,
            inbuf_overflow=MOST_RECEIVED,  # never into a temporary file, for the same reason
        )  # fmt: skip
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise Trouble("port_in_use", port=settings.port, address=settings.address) from None
        raise


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
