"""The log's row of a change made at the centre, whoever made it: staff, a decision, the centre
itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.clock import written
from schemas.kind import Kind
from sync_server.domain.merge import Edit
from sync_server.services.ledger import Effect


def central_row(
    district: str,
    kind: type[Kind],
    record_id: str,
    action: str,
    fields: Mapping[str, Any],
    edit: Edit,
    effect: Effect,
    now: datetime,
    *,
    grid: str = "",
    base_version: int | None = None,
    doubts: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the row; ``fields`` as on the wire, ``now`` when it was received."""
    return {
        "district": district,
        "change_id": edit.change_id,
        "kind": kind.info.name,
        "schema": kind.info.version,
        "record_id": record_id,
        "action": action,
        "grid": grid or None,
        "base_version": base_version,
        "made_at": written(edit.happened_at),
        "author": edit.author,
        "fields": dict(fields),
        "received_at": now,
        "doubtful": False,
        "happened_at": edit.happened_at,
        "outcome": effect.outcome,
        "version": effect.version,
        "doubts": doubts or None,
        "conflict_id": effect.conflict_id,
    }
