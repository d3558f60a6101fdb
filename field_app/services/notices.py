"""Notices from the centre that hold today, and which of them the worker has opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from field_app.services.overview import look
from field_app.services.records import get_view, save_record, views
from field_app.services.workspace import Workspace
from schemas.clock import local_day, written

IMPORTANT = "important"
NOTICE, MARK = "notice", "notice_read"


class NoticeGone(LookupError):
    """This laptop holds no such notice."""


@dataclass(frozen=True)
class Notice:
    """A notice, and when this worker opened it; ``over`` when it holds no longer."""

    view: Mapping[str, Any]
    read_at: str | None
    over: bool

    @property
    def important(self) -> bool:
        """Whether it is to be read at once."""
        return bool(self.view["fields"].get("level") == IMPORTANT)

    @property
    def unread(self) -> bool:
        """Whether it still asks to be read."""
        return self.read_at is None and not self.over


def notices_today(ws: Workspace) -> list[Mapping[str, Any]]:
    """Return the notices that hold today, important ones first, then the newest."""
    holding = [view for view in views(ws, NOTICE) if not _is_over(ws, view)]
    newest = sorted(holding, key=lambda view: str(view["fields"].get("issued_at")), reverse=True)
    return sorted(newest, key=lambda view: view["fields"].get("level") != IMPORTANT)


def held_notices(ws: Workspace) -> list[Notice]:
    """Return the notices that hold today: unread ones first, then as `notices_today`."""
    read = read_marks(ws)
    found = [Notice(view, read.get(view["record_id"]), False) for view in notices_today(ws)]
    return sorted(found, key=lambda one: not one.unread)


def notice(ws: Workspace, notice_id: str) -> Notice:
    """Return one notice, over or not; raises NoticeGone."""
    view = get_view(ws, NOTICE, notice_id)
    if view is None:
        raise NoticeGone(notice_id)
    return Notice(view, read_marks(ws).get(notice_id), _is_over(ws, view))


def read_notice(ws: Workspace, notice_id: str) -> None:
    """Note that the worker has opened a notice, once; it travels with the next sync.

    One that holds no longer is not marked: nobody waits for it to be read. Raises NoticeGone.
    """
    with ws.db.transaction():
        if notice(ws, notice_id).unread:
            said = {"notice_id": notice_id, "read_at": written(ws.now())}
            save_record(ws, MARK, "create", said, grid=ws.grids[0] if ws.grids else None)


def read_marks(ws: Workspace) -> dict[str, str]:
    """Return when this worker first opened each notice, on this laptop or another of his."""
    found: dict[str, str] = {}
    me = ws.worker_id
    for mark in look(ws, MARK, lambda view: view["author"] == me and not view["voided"]):
        notice_id, at = mark["fields"].get("notice_id"), str(mark["fields"].get("read_at") or "")
        found[notice_id] = min(at, found.get(notice_id, at))
    return found


def _is_over(ws: Workspace, view: Mapping[str, Any]) -> bool:
    until = view["fields"].get("valid_to")
    gone = view["voided"] or bool(view["merged_into"])
    return gone or bool(until and until < local_day(ws.now()))
