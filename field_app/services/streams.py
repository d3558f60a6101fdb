"""The laptop's numbered logs: the one being written and those before it.

A stream is followed by a new one when its numbering can no longer be trusted (a restored or copied
store, another device); what was received under the old one stays known under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uuid6 import uuid7

from field_app.domain.changes import Head
from field_app.services.workspace import Workspace
from schemas.seal import ZEROS

SUBJECT = "stream"


def head(ws: Workspace) -> Head:
    """Return where the open stream stands, opening the first one when there is none."""
    document = ws.setting(SUBJECT)
    if not document.get("open"):
        return open_new(ws)
    one = document["streams"][document["open"]]
    return Head(document["open"], one["last_seq"], one["last_hash"])


def open_new(ws: Workspace) -> Head:
    """Begin a new, empty stream and make it the open one."""
    name = str(uuid7())
    document = ws.setting(SUBJECT)
    fresh = {"last_seq": 0, "last_hash": ZEROS, "acked_seq": 0, "acked_hash": ZEROS}
    ws.keep_setting(
        SUBJECT, open=name, streams=document.get("streams", {}) | {name: fresh}
    )  # fmt: skip
    return Head(name)


def advance(ws: Workspace, change: Mapping[str, Any]) -> None:
    """Move the open stream's head to ``change``, which was just sealed after it."""
    document = ws.setting(SUBJECT)
    document["streams"][document["open"]] |= {
        "last_seq": change["seq"],
        "last_hash": change["hash"],
    }
    ws.keep_setting(SUBJECT, **document)


def all_streams(ws: Workspace) -> dict[str, dict[str, Any]]:
    """Return every stream by id, oldest first: last and acknowledged number and hash."""
    streams: dict[str, dict[str, Any]] = ws.setting(SUBJECT).get("streams", {})
    return streams
