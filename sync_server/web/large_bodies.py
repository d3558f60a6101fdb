"""Bodies larger than a form: who may send them, and where they are laid down while they come.

Only signed-in staff may send a relay file. Whoever serves the app asks `body_limit` before it reads
a body, so that a stranger cannot fill a disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import IO

from flask import Flask, Request
from itsdangerous import BadData
from werkzeug.http import parse_cookie

from schemas.exchange import API
from sync_server.services.relay import folder_of
from sync_server.web.context import centre
from sync_server.web.security import Typed

USUAL_BYTES = 4 * 1_048_576
"""The largest body of every other address; the app itself is stricter still."""
PATHS = frozenset({"/relay", f"{API}/relay"})
STEP_PATH = re.compile(r"/(?:issues/[0-9a-f-]{36}/do|handed/[0-9a-f-]{36})/[a-z_]{1,20}\Z")
STEP_BYTES = 32 * 1_048_576
"""The largest form of an issue's step with its photos."""
IMPORT_PATHS = frozenset({"/imports"})
IMPORT_BYTES = 64 * 1_048_576
"""The largest register handed in over the network."""
SESSION_S = 24 * 3600

BodyLimit = Callable[[str, str], int]
"""``(path, Cookie header) -> most bytes``."""


class CentreRequest(Request):
    """A request whose uploaded files are laid down in the data folder, not in the system's."""

    parameter_storage_class = Typed

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return folder_of(centre()).scratch()


def body_limit(app: Flask, relay_bytes: int) -> BodyLimit:
    """Return what tells how large a body may be, by its path and the request's cookies."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]

    def limit(path: str, cookies: str) -> int:
        allowed = relay_bytes if path in PATHS else STEP_BYTES if STEP_PATH.match(path) else 0
        allowed = IMPORT_BYTES if path in IMPORT_PATHS else allowed
        if not allowed:
            return USUAL_BYTES
        text = parse_cookie(cookies).get(app.config["SESSION_COOKIE_NAME"], "")
        try:
            known = serializer.loads(text, max_age=SESSION_S)
        except BadData:
            return USUAL_BYTES
        return allowed if known.get("_user_id") else USUAL_BYTES

    return limit
