"""Calling the centre's WSGI app with raw bytes, without a socket and without a test client."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

from schemas.exchange import API


@dataclass(frozen=True)
class Answer:
    """A status and a body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        body = self.body
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.text)


class Caller:
    """One laptop's way to the app."""

    def __init__(self, app: Flask, token: str) -> None:
        self._app = app
        self._token = token
        self.errors = io.StringIO()

    def sync(self, body: Any) -> Answer:
        """Post an exchange."""
        return self.call("POST", f"{API}/sync", json.dumps(body).encode())

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call any address; ``headers`` add to or (with "") take away from the usual ones."""
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_AUTHORIZATION": f"Bearer {self._token}",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": self.errors,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            environ[key] = value
            if not value:
                del environ[key]
        return self._answer(environ)

    def _answer(self, environ: dict[str, Any]) -> Answer:
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            said[:] = [status, headers]
            return said.append

        chunks = self._app(environ, start)
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        headers = {name.lower(): value for name, value in said[1]}
        return Answer(int(said[0].split()[0]), headers, body)
