"""Making the next batch: the body of one exchange and the changes it carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uuid6 import uuid7

import field_app
from field_app.domain.batches import Limits, envelope, next_run
from field_app.domain.changes import as_sent
from field_app.domain.errors import Trouble
from field_app.services import streams
from field_app.services.accounting import told
from field_app.services.workspace import CHANGES, Workspace, plain
from schemas.clock import written
from schemas.seal import canonical

LAST = "last_batch"
WANT = 500


@dataclass(frozen=True)
class Batch:
    """One exchange to come: its stored changes, its stream and the bytes of its body."""

    stream: str
    changes: list[dict[str, Any]]
    body: bytes


def next_batch(
    ws: Workspace, limits: Limits | None = None, *, keep: bool = True, want: int = WANT
) -> Batch:
    """Return the batch that comes next, empty when all is confirmed (it then only pulls).

    ``want`` is how many updates the answer may bring. ``keep`` notes a batch with changes as the
    last one sent, so that it can be shown again.
    """
    identity = ws.identity
    limits = limits or Limits(identity.max_changes, identity.max_bytes)
    with ws.db.transaction():
        current = streams.head(ws).stream
        logs = streams.all_streams(ws)
        run = next_run(plain(ws.table(CHANGES).find_by("acked", False)), list(logs), limits)
        pull = ws.setting("cursor")
        body = envelope(
            device_id=identity.device_id,
            batch_id=str(uuid7()),
            server_epoch=pull.get("server_epoch"),
            cursor=pull.get("cursor"),
            sent_at=written(ws.now()),
            app=field_app.__version__,
            streams=logs,
            stream=run[0]["stream"] if run else current,
            want=want,
            former={
                one["change_id"]: one["former_version"] for one in run if one.get("former_version")
            },
            account=told(ws, len(run)),
        )
        if run and keep:
            ws.keep_setting(LAST, envelope=body, change_ids=[one["change_id"] for one in run])
    return Batch(body["stream"], run, _body(body, run))


def last_batch(ws: Workspace) -> bytes:
    """Return the body of the batch sent last, as it was sent; raises Trouble when there is none."""
    kept = ws.setting(LAST)
    if not kept:
        raise Trouble("nothing_sent_yet")
    changes = plain(ws.table(CHANGES).get(doc_ids=kept["change_ids"]))
    return _body(kept["envelope"], sorted(changes, key=lambda one: int(one["seq"])))


def _body(parts: dict[str, Any], run: list[dict[str, Any]]) -> bytes:
    return canonical(parts | {"changes": [as_sent(change) for change in run]})
