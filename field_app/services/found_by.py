"""What stored records are found by, redone when a newer program looks for them by other rules."""

from __future__ import annotations

import logging

from field_app.services.overview import look
from field_app.services.workspace import Workspace, put_all
from field_app.store.errors import StoreError
from schemas.catalogue import kinds
from schemas.search import RULES, common, search_text

log = logging.getLogger(__name__)

SUBJECT = "search"


def redo_quietly(ws: Workspace) -> None:
    """Redo it while a store is being opened, which nothing here may stand in the way of."""
    try:
        redo(ws)
    except (OSError, StoreError):
        log.warning("search texts not redone")


def redo(ws: Workspace) -> int:
    """Bring the search texts of an older program up to this one's; return how many were redone.

    Rules 2 differ from those before in names with characters that `common` writes otherwise.
    """
    if ws.setting(SUBJECT).get("rules") == RULES:
        return 0
    redone = 0
    with ws.db.transaction():
        for kind in kinds():
            name = kind.info.name
            odd = look(ws, name, lambda view: common(view["search"]) != view["search"])
            fresh = {
                view["record_id"]: {**view, "search": search_text(kind, view["fields"])}
                for view in odd
            }
            put_all(ws.db, name, fresh)
            redone += len(fresh)
        ws.keep_setting(SUBJECT, rules=RULES)
    return redone
