"""Writing down who did what at the centre: sign-ins, unmasking, exports, edits, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.services.ids import new_id
from sync_server.store.tables import audit

LONGEST_TARGET = 120


def note(
    connection: sa.Connection,
    district: str,
    at: datetime,
    action: str,
    *,
    user_id: str | None = None,
    target: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> str:
    """Append one audit entry in the running transaction and return its id.

    ``user_id`` None: the system or a laptop did it. ``target`` is an id or a code; ``detail`` holds
    codes, ids and counts, never names, phones or answers.
    """
    audit_id = new_id()
    connection.execute(
        sa.insert(audit),
        {
            "district": district,
            "audit_id": audit_id,
            "at": at,
            "user_id": user_id,
            "action": action,
            "target": target[:LONGEST_TARGET] if target else None,
            "detail": dict(detail) if detail else None,
        },
    )
    return audit_id
