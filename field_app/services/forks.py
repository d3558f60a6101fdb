"""When a stream's numbering and the centre's do not fit: going back in it, or leaving it.

A fork means that two laptops carried one store, or that this store was restored. The worker loses
nothing: what is not known to be received is sealed again in a new stream, under its same id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from field_app.domain.changes import as_sent, resealed
from field_app.domain.reconcile import unmarked
from field_app.services import streams
from field_app.services.records import refresh_view
from field_app.services.workspace import CHANGES, Workspace, plain, put_all

log = logging.getLogger(__name__)

Known = Mapping[str, tuple[int, str]]


def _of_stream(ws: Workspace, stream: str) -> list[dict[str, Any]]:
    found = [one for one in plain(ws.table(CHANGES)) if one["stream"] == stream]
    return sorted(found, key=lambda one: int(one["seq"]))


def close_gaps(ws: Workspace, sent: str, known: Known) -> None:
    """Offer again what the centre lacks of the stream sent and of any it knows less of than we
    hold for confirmed."""
    with ws.db.transaction():
        behind = {
            name
            for name, one in streams.all_streams(ws).items()
            if name in known and known[name][0] < one["acked_seq"]
        }
        for name in behind | {sent}:
            go_back(ws, name, known)


def go_back(ws: Workspace, stream: str, known: Known) -> None:
    """Offer again everything of ``stream`` after what the centre knows of it.

    When the numbers in between are not kept here any more, or differ, the stream is left.
    """
    seq, hash_ = known.get(stream, (0, ""))
    with ws.db.transaction():
        changes = _of_stream(ws, stream)
        at = next((one for one in changes if one["seq"] == seq), None)
        head = streams.all_streams(ws)[stream]
        same = seq == 0 or (at["hash"] if at else _hash_at(head, seq)) == hash_
        later = [one for one in changes if one["seq"] > seq]
        _unmark(ws, later)
        if same:
            streams.go_back(ws, {stream: (seq, hash_)})
        if not same or not later or later[0]["seq"] != seq + 1:
            leave(ws, [stream], foreign=not same)


def _hash_at(head: Mapping[str, Any], seq: int) -> str:
    return str(head["acked_hash"]) if head["acked_seq"] == seq else ""


def leave(ws: Workspace, forked: Iterable[str], *, foreign: bool = False) -> None:
    """Seal the unconfirmed changes of these streams again, in order, in a new stream.

    ``foreign`` as in :func:`streams.mark_forked`: then what was confirmed under them is offered
    again too, since the centre may hold a copy's changes in its place; what it has comes back as a
    duplicate.
    """
    leaving = set(forked)
    with ws.db.transaction():
        names = leaving if foreign else _left_before(ws, leaving)
        _unmark(ws, [one for one in plain(ws.table(CHANGES)) if one["stream"] in names])
        unsent = [one for one in plain(ws.table(CHANGES).find_by("acked", False))
                  if one["stream"] in leaving]  # fmt: skip
        order = list(streams.all_streams(ws))
        unsent.sort(key=lambda one: (order.index(one["stream"]), one["seq"]))
        streams.mark_forked(ws, leaving, foreign=foreign)
        streams.open_new(ws)
        for change in unsent:
            head = streams.head(ws)
            again = resealed(as_sent(change), head)
            ws.put(CHANGES, change["change_id"], {**change, **again, "stream": head.stream})
            streams.advance(ws, again)
    log.warning("left %d stream(s); %d changes sealed again", len(leaving), len(unsent))


def _left_before(ws: Workspace, names: set[str]) -> set[str]:
    every = streams.all_streams(ws)
    return {name for name in names if every.get(name, {}).get("forked")}


def _unmark(ws: Workspace, changes: Iterable[dict[str, Any]]) -> None:
    """Take these changes for unconfirmed, here and on every page."""
    confirmed = [one for one in changes if one["acked"]]
    put_all(ws.db, CHANGES, {one["change_id"]: unmarked(one) for one in confirmed})
    for record_id, kind in {one["record_id"]: one["kind"] for one in confirmed}.items():
        refresh_view(ws, kind, record_id)
