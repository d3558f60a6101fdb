"""Making the next batch: the body of one exchange and the changes it carries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from uuid6 import uuid7

import field_app
from field_app.domain.batches import Limits, envelope, next_run
from field_app.domain.changes import as_sent
from field_app.domain.errors import Trouble
from field_app.domain.reconcile import is_held
from field_app.services import streams
from field_app.services.accounting import told
from field_app.services.rulings import let_in
from field_app.services.workspace import CHANGES, Workspace, plain
from schemas.clock import written
from schemas.exchange import MAX_HELD
from schemas.seal import canonical

LAST = "last_batch"
ASKED = "asked"
"""The setting that remembers about which change the centre was asked last."""
WANT = 500


@dataclass(frozen=True)
class Batch:
    """One exchange to come: its stored changes, its stream and the bytes of its body."""

    stream: str
    changes: list[dict[str, Any]]
    body: bytes

    def dated(self, at: datetime, **members: Any) -> bytes:
        """Return the body as it is sent ``at`` this moment, with ``members`` in place of its own:
        the centre measures the clock by when a request was sent, not when it was made."""
        return canonical(json.loads(self.body) | {"sent_at": written(at)} | members)


def next_batch(
    ws: Workspace, limits: Limits | None = None, *, keep: bool = True, want: int = WANT
) -> Batch:
    """Return the batch that comes next, empty when all is confirmed (it then only pulls).

    ``want`` is how many updates the answer may bring. ``keep`` notes a batch with changes as the
    last one sent, so that it can be shown again.
    """
    limits = limits or _usual(ws)
    with ws.db.transaction():
        streams.head(ws)  # opens the first stream
        logs = streams.all_streams(ws)
        run = next_run(plain(ws.table(CHANGES).find_by("acked", False)), list(logs), limits)
        body = _envelope(ws, logs, run, want, len(run))
        if run and keep:
            ws.keep_setting(LAST, envelope=body, change_ids=[one["change_id"] for one in run])
    return Batch(body["stream"], run, body_of(body, run))


def all_runs(ws: Workspace) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return envelope and changes of every exchange it takes to send all that is unsent.

    Each tells of the ones before it as if they had been confirmed; only the last asks for updates.
    There is always one, without changes when all is confirmed.
    """
    limits = _usual(ws)
    with ws.db.transaction():
        streams.head(ws)  # opens the first stream
        logs = {name: dict(one) for name, one in streams.all_streams(ws).items()}
        unsent = plain(ws.table(CHANGES).find_by("acked", False))
        total, found = len(unsent), []
        while True:
            run = next_run(unsent, list(logs), limits)
            done = {one["change_id"] for one in run}
            unsent = [one for one in unsent if one["change_id"] not in done]
            found.append((_envelope(ws, logs, run, 0 if unsent else WANT, total), run))
            if not unsent or not run:
                return found
            last = run[-1]
            logs[last["stream"]] |= {"acked_seq": last["seq"], "acked_hash": last["hash"]}


def _usual(ws: Workspace) -> Limits:
    identity = ws.identity
    return Limits(identity.max_changes, identity.max_bytes)


def _held(ws: Workspace) -> list[str]:
    """Return the changes the centre had put aside, or refused and let in since: it is asked what
    became of them, for their record may come by another laptop. Of too many for one request those
    whose turn it is."""
    waiting = ws.table(CHANGES).find_by("settled", False)
    held = [one["change_id"] for one in waiting if is_held(one)]
    every = [*held, *let_in(ws)]
    if len(every) <= MAX_HELD:
        return every
    last = ws.setting(ASKED).get("last")
    begin = every.index(last) + 1 if last in every else 0
    asked = [*every[begin:], *every[:begin]][:MAX_HELD]
    ws.keep_setting(ASKED, last=asked[-1])
    return asked


def _envelope(
    ws: Workspace,
    logs: dict[str, dict[str, Any]],
    run: list[dict[str, Any]],
    want: int,
    sending: int,
) -> dict[str, Any]:
    pull = ws.setting("cursor")
    return envelope(
        device_id=ws.identity.device_id,
        batch_id=str(uuid7()),
        server_epoch=pull.get("server_epoch"),
        cursor=pull.get("cursor"),
        sent_at=written(ws.now()),
        app=field_app.__version__,
        streams=logs,
        stream=run[0]["stream"] if run else streams.head(ws).stream,
        want=want,
        former={
            one["change_id"]: one["former_version"] for one in run if one.get("former_version")
        },
        trails={one["change_id"]: one["base_trail"] for one in run if one.get("base_trail")},
        held=_held(ws),
        account=told(ws, sending),
    )


def last_batch(ws: Workspace) -> bytes:
    """Return the body of the batch sent last, as it was sent; raises Trouble when there is none."""
    kept = ws.setting(LAST)
    if not kept:
        raise Trouble("nothing_sent_yet")
    changes = plain(ws.table(CHANGES).get(doc_ids=kept["change_ids"]))
    return body_of(kept["envelope"], sorted(changes, key=lambda one: int(one["seq"])))


def body_of(parts: dict[str, Any], run: list[dict[str, Any]]) -> bytes:
    """Return the body of an exchange: its envelope with the changes, as they are sent."""
    return canonical(parts | {"changes": [as_sent(change) for change in run]})
