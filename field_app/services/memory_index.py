"""Indexes in memory beside an open store, which go with it.

They notice by themselves what was saved or pulled since: own changes by their numbers, a pull by
the cursor it moved. ``forget`` drops all of a store's, so that nothing of a record that was removed
can be found any more.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from field_app.services.workspace import CHANGES, Workspace
from field_app.store.tables import DurableDB


class MemoryIndex(ABC):
    """What one index holds, and how far it has got; only ``current`` hands it out."""

    def __init__(self) -> None:
        self.pulled: Any = None
        self.made: Any = None
        self.seen: set[str] = set()
        self.lock = threading.Lock()

    @abstractmethod
    def draw_all(self, ws: Workspace) -> None:
        """Draw everything anew from the store."""

    @abstractmethod
    def touch(self, ws: Workspace, kind: str, record_id: str) -> None:
        """Draw anew what one changed record shows in."""


_indexes: WeakKeyDictionary[DurableDB, dict[type[MemoryIndex], MemoryIndex]] = WeakKeyDictionary()
_guard = threading.Lock()
Index = TypeVar("Index", bound=MemoryIndex)


@contextmanager
def current(ws: Workspace, kind: type[Index]) -> Iterator[Index]:
    """Hand out the store's index of a kind, brought up to date, to nobody else meanwhile."""
    with _guard:
        index = _indexes.setdefault(ws.db, {}).setdefault(kind, kind())
    assert isinstance(index, kind)
    with index.lock:
        _refresh(ws, index)
        yield index


def forget(ws: Workspace) -> None:
    """Draw every index of the store anew at its next use."""
    with _guard:
        _indexes.pop(ws.db, None)


def _refresh(ws: Workspace, index: MemoryIndex) -> None:
    pulled, made = (ws.setting("cursor"), ws.grids), ws.setting("stream")
    if pulled == index.pulled and made == index.made:
        return
    changes = ws.table(CHANGES)
    if pulled != index.pulled:
        index.draw_all(ws)
        index.seen = {change["change_id"] for change in changes}
    else:
        for change in changes.search(lambda one: one["change_id"] not in index.seen):
            index.seen.add(change["change_id"])
            index.touch(ws, change["kind"], change["record_id"])
    index.pulled, index.made = pulled, made
