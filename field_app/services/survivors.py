"""Merged records on the laptop: what names one is shown at the record it was merged into.

No reference is rewritten, here or at the centre; a merge that is undone needs nothing put back.
A survivor outside the worker's grids is not here, and what names the merged record stays with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services.workspace import MERGEABLE, Workspace, plain
from schemas.catalogue import kind_of
from schemas.fields import Ref


def survivor_of(ws: Workspace, kind_name: str, record_id: str) -> str:
    """Return the record another one went into in the end, as far as it is held here; itself when it
    was not merged."""
    if kind_name not in MERGEABLE:
        return record_id
    table, seen = ws.table(kind_name), {record_id}
    while (view := table.get(doc_id=record_id)) is not None:
        into = view["merged_into"]
        if not into or into in seen or not table.contains(doc_id=into):
            break
        seen.add(into)
        record_id = into
    return record_id


def gathered(ws: Workspace, kind_name: str, record_id: str) -> list[str]:
    """Return a record and every other that went into it, however far round."""
    if kind_name not in MERGEABLE:
        return [record_id]
    found, waiting = [record_id], [record_id]
    while waiting:
        for view in plain(ws.table(kind_name).find_by("merged_into", waiting.pop())):
            if view["record_id"] not in found:
                found.append(view["record_id"])
                waiting.append(view["record_id"])
    return found


def gathered_for(ws: Workspace, child: str, field: str, record_id: str) -> list[str]:
    """Return the records whose naming in ``field`` of a kind counts as naming ``record_id``."""
    declared = kind_of(child).declared().get(field)
    return gathered(ws, declared.kind, record_id) if isinstance(declared, Ref) else [record_id]


def survivors(ws: Workspace, kind_name: str) -> dict[str, str]:
    """Return by id where every merged record of a kind went in the end."""
    merged: list[str] = []

    def see(value: Mapping[Any, Any]) -> bool:
        if value["merged_into"]:
            merged.append(value["record_id"])
        return False

    ws.table(kind_name).count(see)
    return {one: survivor_of(ws, kind_name, one) for one in merged}


def named(view: Mapping[str, Any], field: str, into: Mapping[str, str]) -> str:
    """Return which record a view names in ``field``, empty when none; ``into``: where merged ones
    of its kind went (`survivors`)."""
    found = str(view["fields"].get(field) or "")
    return into.get(found, found)
