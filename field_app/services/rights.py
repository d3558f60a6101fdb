"""What a kind lets the worker do to a record that is here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services.workspace import Workspace
from schemas.kind import Kind
from schemas.worker_rights import may_write


def allows(ws: Workspace, kind: type[Kind], action: str, view: Mapping[str, Any]) -> bool:
    """Tell whether the kind lets this worker take ``action`` on a record that still stands."""
    own = not kind.info.only_author or view["author"] == ws.worker_id
    if not may_write(ws.identity.worker_kind, kind.info, action):
        return False
    return action in kind.info.laptop and own and not view["voided"] and not view["merged_into"]
