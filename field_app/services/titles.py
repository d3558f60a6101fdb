"""What records and people are called on the laptop's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services.records import get_view
from field_app.services.survivors import survivor_of
from field_app.services.workspace import Workspace
from schemas.catalogue import UnknownKind, kind_of
from schemas.describe import title
from schemas.fields.base import Lookup


def title_of(
    ws: Workspace, kind_name: str, record_id: str, lang: str, *, unmask: bool = False
) -> str:
    """Return what a record is called; empty when it is unknown here or has no words."""
    view = get_view(ws, kind_name, survivor_of(ws, kind_name, record_id))
    if view is None:
        return ""

    def fetch(kind: str, wanted: str) -> Mapping[str, Any] | None:
        inner = get_view(ws, kind, survivor_of(ws, kind, wanted))
        return inner["fields"] if inner else None

    return title(kind_of(kind_name), view["fields"], lang, fetch, unmask=unmask)


def lookup(ws: Workspace, lang: str) -> Lookup:
    """Return what names referred records and users on this laptop's pages."""
    identity = ws.identity
    people: dict[str, str] = ws.setting("people") | {identity.worker_id: identity.worker_name}

    def name_of(kind_name: str, record_id: str) -> str | None:
        if kind_name == "user":
            return people.get(record_id)
        try:
            return title_of(ws, kind_name, record_id, lang) or None
        except UnknownKind:
            return None

    return name_of
