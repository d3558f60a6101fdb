"""A change the centre fails at, or refuses a batch for: sent as text under its own number, so that
it blocks no other.

Before that the centre must have shown that it works: an exchange that carries nothing new goes
through, while the change alone fails once more after it. Where the centre does not say itself that
it failed (a proxy answers for it, and may be what is ill), that must be so several times on end,
and once more in another round.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

from field_app.domain.changes import as_sent, as_text
from field_app.services.batch import Batch
from field_app.services.workspace import CHANGES, Workspace
from field_app.sync_client import PASSING, Client, Reply, SyncFault
from schemas.exchange import IN_STORE

log = logging.getLogger(__name__)

FAILURES = frozenset({500, 502, 504})
"""Answers by which a server tells that it failed at a request, itself or through its proxy."""
SUSPECT = "suspect"
"""The setting that remembers at which change the centre seemed to fail in an earlier round."""
TURNS = 3
"""How often a proxy's word must prove right on end: a line that fails at every other request gets
here in one round of five hundred, and hardly ever in two."""

REST_S = (2.0, 8.0)
"""The change may have ended the centre's process, which needs moments to start anew: a request that
fails behind it is tried once more after so many seconds (a random number between these)."""


def is_poison(batch: Batch, fault: SyncFault) -> bool:
    """Whether the centre failed at one change alone, or could not use a batch with it, so that the
    change may be the reason."""
    failed = fault.code == "server_error" and fault.status in FAILURES
    return (failed or _unusable(fault)) and len(batch.changes) == 1


def _unusable(fault: SyncFault) -> bool:
    return fault.code == "bad_envelope"


def exchange_aside(
    ws: Workspace,
    client: Client,
    batch: Batch,
    fault: SyncFault,
    sleep: Callable[[float], None],
) -> Reply:
    """Exchange a batch whose only change the centre failed at or refused (``fault``); return the
    confirmed reply.

    Raises SyncFault: when the centre fails at everything, refuses everything or cannot be reached,
    and when another round has to show it too.
    """
    own = fault.own
    # What travels beside the change may be what made the batch unusable: text goes without it.
    beside: dict[str, Any] = {"former": {}, "trails": {}} if _unusable(fault) else {}
    for _ in range(TURNS):
        known = [] if _unusable(fault) else _known(ws, batch)
        _after_a_rest(ws, client, batch, sleep, changes=known, want=0, **beside)
        try:
            return client.exchange(batch.dated(ws.now()))
        except SyncFault as again:
            if not is_poison(batch, again):
                raise
            fault, own = again, own and again.own
        if own:
            break
    change = batch.changes[0]
    if not own and ws.setting(SUSPECT).get("change_id") != change["change_id"]:
        ws.keep_setting(SUSPECT, change_id=change["change_id"])
        raise fault
    log.warning("change %s is sent as text", change["change_id"])
    return _after_a_rest(ws, client, batch, sleep, changes=[as_text(change)], **beside)


def _after_a_rest(
    ws: Workspace, client: Client, batch: Batch, sleep: Callable[[float], None], **members: Any
) -> Reply:
    """Exchange a batch with other ``members``, once more after a rest where that fails; raise
    SyncFault when it fails then too."""
    try:
        return client.exchange(batch.dated(ws.now(), **members))
    except SyncFault as fault:
        if fault.code not in PASSING or fault.cut:
            raise
    sleep(random.uniform(*REST_S))
    return client.exchange(batch.dated(ws.now(), **members))


def _known(ws: Workspace, batch: Batch) -> list[dict[str, Any]]:
    """Return the last change of the stream that the centre has taken, if there is one: it changes
    nothing there, but waits for its turn and is looked up like any other."""
    taken = [
        one
        for one in ws.table(CHANGES)
        if one["stream"] == batch.stream and one["acked"] and one["outcome"] in IN_STORE
    ]
    return [as_sent(one) for one in sorted(taken, key=lambda one: int(one["seq"]))[-1:]]
