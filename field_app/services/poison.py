"""A change the centre fails at: sent as text under its own number, so that it blocks no other.

Before that the centre must have shown that it works: an exchange without changes goes through,
while the change alone fails once more after it.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from field_app.domain.changes import as_text
from field_app.services.batch import Batch
from field_app.sync_client import Client, Reply, SyncFault
from schemas.seal import canonical

log = logging.getLogger(__name__)

FAILURES = frozenset({500, 502, 504})
"""Answers by which a server tells that it failed at a request, itself or through its proxy."""


def is_poison(batch: Batch, fault: SyncFault) -> bool:
    """Whether the centre failed at one change alone, so that the change may be the reason."""
    failed = fault.code == "server_error" and fault.status in FAILURES
    return failed and len(batch.changes) == 1


def exchange_aside(client: Client, batch: Batch) -> Reply:
    """Exchange a batch whose only change the centre failed at; return the confirmed reply.

    Raises SyncFault, when the centre fails at everything or cannot be reached.
    """
    client.exchange(_with(batch, changes=[], want=0))
    try:
        return client.exchange(batch.body)
    except SyncFault as fault:
        if not is_poison(batch, fault):
            raise
    log.warning("change %s is sent as text", batch.changes[0]["change_id"])
    return client.exchange(_with(batch, changes=[as_text(batch.changes[0])]))


def _with(batch: Batch, **members: Any) -> bytes:
    return canonical(json.loads(batch.body) | members)
