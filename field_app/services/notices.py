"""Notices from the centre that hold today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services.records import views
from field_app.services.workspace import Workspace
from schemas.clock import local_day

IMPORTANT = "important"


def notices_today(ws: Workspace) -> list[Mapping[str, Any]]:
    """Return the notices that hold today, important ones first, then the newest."""
    today = local_day(ws.now())
    holding = [
        view for view in views(ws, "notice") if (view["fields"].get("valid_to") or today) >= today
    ]
    newest = sorted(holding, key=lambda view: str(view["fields"].get("issued_at")), reverse=True)
    return sorted(newest, key=lambda view: view["fields"].get("level") != IMPORTANT)
