"""What a record's row holds besides its fields, worked out whenever they change."""

from __future__ import annotations

from typing import Any

from schemas.kind import Kind
from schemas.search import search_text, searched
from sync_server.domain.merge import State
from sync_server.domain.times import corrected, moment

Row = dict[str, Any]


def write_state(
    row: Row, kind: type[Kind], state: State, offset_s: int, found_by: str | None = None
) -> None:
    """Write a merged state into the row, with what follows from its fields: what it is listed
    under and found by (``found_by`` when it is at hand), when it happened (by a clock that is
    ``offset_s`` off)."""
    before = row.get("fields") or {}
    row |= {
        "fields": state.fields,
        "origins": state.origins,
        "version": state.version,
        "trail": list(state.trail) or None,
        "voided": state.voided,
    }
    info = kind.info
    row["parent_id"] = state.fields.get(info.parent) if info.parent else None
    if found_by is not None:
        row["search_text"] = found_by
    elif "search_text" not in row or any(
        before.get(name) != state.fields.get(name) for name in searched(kind)
    ):
        row["search_text"] = search_text(kind, state.fields)
    dated = state.fields.get(info.dated_by) if info.dated_by else None
    if isinstance(dated, str) and dated != before.get(info.dated_by):
        when = moment(dated)
        row["happened_at"] = corrected(when, offset_s) if when else row["happened_at"]
