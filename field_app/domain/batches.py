"""What the next exchange carries: a consecutive run of one stream, within the centre's limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from field_app.domain.changes import as_sent
from schemas.exchange import PROTOCOL
from schemas.seal import canonical

MOST_HEADS = 50
ENVELOPE_BYTES = 64 * 1024
"""What the envelope around the changes may take of a body's limit."""


@dataclass(frozen=True)
class Limits:
    """How much one batch may hold."""

    changes: int
    bytes: int


def next_run(
    unsent: Iterable[Mapping[str, Any]], order: Sequence[str], limits: Limits
) -> list[dict[str, Any]]:
    """Return the stored changes of the next batch: from the oldest stream with any, by number.

    ``order`` lists the streams, oldest first. At least one change is returned when there is any,
    however long it is; the run stops where a number is missing.
    """
    by_stream: dict[str, list[dict[str, Any]]] = {}
    for change in unsent:
        by_stream.setdefault(change["stream"], []).append(dict(change))
    stream = next((name for name in order if name in by_stream), None)
    if stream is None:
        return []
    run: list[dict[str, Any]] = []
    room = max(limits.bytes - ENVELOPE_BYTES, 0)
    for change in sorted(by_stream[stream], key=lambda one: int(one["seq"])):
        if run and change["seq"] != run[-1]["seq"] + 1:
            break
        room -= len(canonical(as_sent(change))) + 1 + 18 * len(change.get("base_trail") or ())
        if run and (len(run) >= limits.changes or room < 0):
            break
        run.append(change)
    return run


def heads(streams: Mapping[str, Mapping[str, Any]], sending: str = "") -> list[dict[str, Any]]:
    """Return where each stream stands, in the order they began; of one that was left only what the
    centre is known to share with it. So the centre can tell what the stream ``sending`` follows:
    those before it."""
    sound = [
        (name, one)
        for name, one in streams.items()
        if not one.get("forked") or one["acked_seq"] > 0 or name == sending
    ]
    return [
        {
            "stream": name,
            "acked_seq": one["acked_seq"],
            "acked_hash": one["acked_hash"],
            "last_seq": one["last_seq"],
        }
        for name, one in sound[-MOST_HEADS:]
    ]


def envelope(
    *,
    device_id: str,
    batch_id: str,
    server_epoch: str | None,
    cursor: str | None,
    sent_at: str,
    app: str,
    streams: Mapping[str, Mapping[str, Any]],
    stream: str,
    want: int,
    former: Mapping[str, int] | None = None,
    trails: Mapping[str, Sequence[int]] | None = None,
    account: Mapping[str, Any] | None = None,
    held: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the body of an exchange without its changes.

    ``former`` tells, of changes offered again, which version they had become before, ``trails`` of
    the copies that changes are based on what versions they had in earlier runs of the centre;
    ``account`` what the laptop says of its own log, ``held`` which changes were put aside when last
    heard of.
    """
    body = {
        "protocol": PROTOCOL,
        "device_id": device_id,
        "batch_id": batch_id,
        "server_epoch": server_epoch,
        "cursor": cursor,
        "sent_at": sent_at,
        "app": app,
        "heads": heads(streams, stream),
        "stream": stream,
        "want": want,
    }
    more = {"former": former, "trails": trails, "account": account, "held": list(held)}
    return body | {name: one for name, one in more.items() if one}
