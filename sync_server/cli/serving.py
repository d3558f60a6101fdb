"""Serving the centre: waitress by default, gunicorn's processes where asked and available.

gunicorn's first process opens the database once, so that what is wrong is said at once, and serves
nothing itself; every worker opens its own (``processes.py``).
"""

from __future__ import annotations

import copy
import errno
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from flask import Flask

from sync_server import compiled
from sync_server.cli import logs, processes
from sync_server.domain.errors import Refusal
from sync_server.settings import BODY_LIMIT, Settings
from sync_server.store.occupancy import take_duty

THREADS = 8
COUNTERS = "gridrounds-metrics-"
JUST_MADE_S = 60.0
"""A folder younger than this may be one that somebody is about to take."""
TOO_LARGE = (
    "文件太大，什么都没有收入：这里最多收{megabytes} MB。"
    "更大的中转文件请管理员用命令收入：python -m sync_server relay。\r\n"
    "Too large; nothing was taken in: at most {megabytes} MB are taken here. An administrator "
    "takes in larger relay files by command: python -m sync_server relay."
)
"""What stands on a page that answers a body nobody reads."""
MakeApp = Callable[[Settings], Flask]


def serve(settings: Settings, make_app: MakeApp, *, production: bool, workers: int) -> None:
    """Serve until interrupted. Raises Refusal: remote_listening, port_in_use, port_reserved,
    bad_address, and what opening the centre raises; the port is taken before the database is
    opened."""
    if not settings.loopback and not settings.listen_remotely:
        raise Refusal("remote_listening", host=settings.host)
    logs.set_up(settings.json_logs)
    listener = listen(settings.host, settings.port)
    several = production and _has_gunicorn()
    try:
        with counters_folder() if several else nullcontext() as counters:
            if counters is not None:  # before the library that reads it is imported
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)
            app = make_app(settings)
            compiled.tell()
            host, port = listener.getsockname()[:2]
            print(
                f"GridRounds 网格巡访 http://{_shown(host)}:{port}/  (Ctrl-C 停止 stops)",
                flush=True,
            )
            if several:
                _close(app)  # every worker opens its own connections after the fork
                processes.serve(
                    lambda: make_app(settings), listener, workers=workers, threads=THREADS
                )
            else:
                signal.signal(signal.SIGTERM, _stop)
                waitress_for(settings, app, listener).run()
    finally:
        listener.close()


@contextmanager
def counters_folder() -> Iterator[Path]:
    """Make a folder in which the processes of one server count what they do, and take it away when
    the first of them ends; before, those that killed servers have left."""
    for left in Path(tempfile.gettempdir()).glob(f"{COUNTERS}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < JUST_MADE_S:
                continue
            if (held := take_duty(left, "counting")) is not None:  # nobody counts there any more
                held.release()
                shutil.rmtree(left, ignore_errors=True)
    first = os.getpid()
    folder = Path(tempfile.mkdtemp(prefix=COUNTERS))
    mine = take_duty(folder, "counting")
    try:
        yield folder
    finally:
        if os.getpid() == first:  # workers pass here as well, and others still write there
            if mine is not None:
                mine.release()
            shutil.rmtree(folder, ignore_errors=True)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise Refusal port_in_use, port_reserved or bad_address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # on Windows this would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as err:
        listener.close()
        if err.errno == errno.EACCES and os.name != "nt":
            raise Refusal("port_reserved", port=port) from err
        if err.errno in (errno.EADDRINUSE, errno.EACCES):  # the second by Windows, for the same
            raise Refusal("port_in_use", port=port) from err
        raise Refusal("bad_address", host=host) from err
    listener.set_inheritable(True)
    return listener


def waitress_for(settings: Settings, app: Flask, listener: socket.socket) -> Any:
    """Return the server that will answer on ``listener``; ``run`` serves until it is closed."""
    from waitress.channel import HTTPChannel
    from waitress.parser import HTTPRequestParser
    from waitress.server import create_server
    from waitress.utilities import RequestEntityTooLarge

    limit = app.extensions[BODY_LIMIT]

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        """Decides by the head of a request how large its body may be, before any of it is read."""

        adj: Any
        expect_continue: bool
        error: Any

        def parse_header(self, header_plus: bytes) -> None:
            """Read the head; what waitress compares with is then this request's own limit."""
            super().parse_header(header_plus)
            self.adj = copy.copy(self.adj)
            most = limit(self.path, self.headers.get("COOKIE", ""))
            self.adj.max_request_body_size = most
            if self.content_length >= most:
                self.expect_continue = False  # nobody is asked to go on with what is refused

        def received(self, data: bytes) -> int:
            """Take what has come; say of what is too large to be read what to do instead."""
            consumed: int = super().received(data)
            if isinstance(self.error, RequestEntityTooLarge):
                megabytes = self.adj.max_request_body_size // 1_048_576
                self.error.body = TOO_LARGE.format(megabytes=f"{megabytes:,}")
            return consumed

    class Channel(HTTPChannel):  # type: ignore[misc]
        """One connection."""

        parser_class = Parser

    server = create_server(
        app,
        sockets=[listener],
        threads=THREADS,
        ident="gridrounds",
        clear_untrusted_proxy_headers=not settings.behind_tls,
    )
    server.channel_class = Channel
    return server


def _stop(number: int, frame: object) -> None:
    """End as Ctrl-C does: requests under way are answered, connections closed."""
    raise KeyboardInterrupt


def _has_gunicorn() -> bool:
    try:
        import gunicorn.app.base  # noqa: F401
    except ImportError:  # Windows
        return False
    return True


def _close(app: Flask) -> None:
    for extension in app.extensions.values():
        store = getattr(extension, "store", None)
        if store is not None and hasattr(store, "close"):
            store.close()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
