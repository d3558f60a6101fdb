"""The laptop's numbered logs: the one being written and those before it.

A stream is followed by a new one when its numbering can no longer be trusted (a restored or copied
store, another device); what was received under the old one stays known under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uuid6 import uuid7

from field_app.domain.changes import Head
from field_app.services.workspace import CHANGES, Workspace
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


def confirm(ws: Workspace) -> None:
    """Move every stream's acknowledged number up to where all before it are acknowledged."""
    document = ws.setting(SUBJECT)
    moved = False
    unsent: dict[str, int] = {}
    for change in ws.table(CHANGES).find_by("acked", False):
        first = unsent.get(change["stream"], change["seq"])
        unsent[change["stream"]] = min(first, change["seq"])
    for name, one in document.get("streams", {}).items():
        seq = min(unsent.get(name, one["last_seq"] + 1) - 1, one["last_seq"])
        if seq > one["acked_seq"]:
            hash_ = one["last_hash"] if seq == one["last_seq"] else _prev_of(ws, name, seq + 1)
            one |= {"acked_seq": seq, "acked_hash": hash_}
            moved = True
    if moved:
        ws.keep_setting(SUBJECT, **document)


def _prev_of(ws: Workspace, stream: str, seq: int) -> str:
    """Return the hash before an unsent change, which carries it."""
    for change in ws.table(CHANGES).find_by("acked", False):
        if change["stream"] == stream and change["seq"] == seq:
            return str(change["prev"])
    raise LookupError(f"{stream} {seq}")


def go_back(ws: Workspace, known: Mapping[str, tuple[int, str]]) -> None:
    """Lower the acknowledged numbers of the streams in ``known`` to what stands there."""
    document = ws.setting(SUBJECT)
    for name, (seq, hash_) in known.items():
        one = document["streams"][name]
        if seq < one["acked_seq"]:
            one |= {"acked_seq": seq, "acked_hash": hash_ if seq else ZEROS}
    ws.keep_setting(SUBJECT, **document)


def mark_forked(ws: Workspace, names: set[str], *, foreign: bool = False) -> None:
    """Note that these streams have another history at the centre from where they were confirmed.

    ``foreign``: nothing of them is known to be shared (another device's, or another history even
    there). A stream left before that is forked again is such a one.
    """
    document = ws.setting(SUBJECT)
    for name in names & set(document.get("streams", {})):
        one = document["streams"][name]
        if foreign or one.get("forked"):
            one |= {"acked_seq": 0, "acked_hash": ZEROS}
        # What lay beyond goes on in the next stream: this one ends here.
        one |= {"forked": True, "last_seq": one["acked_seq"], "last_hash": one["acked_hash"]}
    ws.keep_setting(SUBJECT, **document)
