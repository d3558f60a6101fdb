"""One unlocked worker: the store, who it is, and what time it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from field_app.domain.identity import Identity, believed_offset
from field_app.store.photo_files import PhotoFiles
from field_app.store.tables import Document, DurableDB, DurableTable
from schemas.catalogue import kinds
from schemas.likeness.blocks import COMPARED

CHANGES, CONFLICTS, ROUNDS, SETTINGS, DRAFTS, PHOTO_BYTES = (
    "changes", "conflicts", "rounds", "settings", "drafts", "photo_bytes",
)  # fmt: skip


MERGEABLE = frozenset(COMPARED)
"""Kinds of which the centre may merge one record into another."""


def indexes() -> dict[str, tuple[str, ...]]:
    """Return the indexed fields of every table, as the vault is given them."""
    of_views = {
        kind.info.name: ("grid", "state", "parent_id")
        + (("merged_into",) if kind.info.name in MERGEABLE else ())
        for kind in kinds()
    }
    return of_views | {
        CHANGES: ("acked", "settled", "record_id"),
        CONFLICTS: ("record_id",),
        PHOTO_BYTES: ("arrived",),
    }


class NotJoined(RuntimeError):
    """The store has no identity yet: its worker has not joined a centre."""


@dataclass(frozen=True)
class Workspace:
    """What every service is handed. ``clock`` gives aware times; ``lang`` is zh or en; ``photos``
    is None where only documents are worked on."""

    db: DurableDB
    clock: Callable[[], datetime]
    lang: str = "zh"
    photos: PhotoFiles | None = None

    def now(self) -> datetime:
        """Return the present moment by the laptop's clock, aware."""
        return self.clock()

    def true_now(self) -> datetime:
        """Return the present moment by the centre's clock, as far off as last measured."""
        off = believed_offset(self.identity.clock_offset_s or 0)
        return self.now() + timedelta(seconds=off)

    @property
    def identity(self) -> Identity:
        """Who works here on which device; raises NotJoined."""
        document = self.setting("identity")
        if not document:
            raise NotJoined
        return Identity.read(document)

    @property
    def joined(self) -> bool:
        """Whether the worker has an identity."""
        return self.table(SETTINGS).contains(doc_id="identity")

    @property
    def worker_id(self) -> str:
        """The worker's user id at the centre."""
        return self.identity.worker_id

    @property
    def grids(self) -> tuple[str, ...]:
        """The grids the worker is responsible for, as the centre last said."""
        return self.identity.grids

    def speaking(self, lang: str) -> Workspace:
        """Return the same workspace in another language."""
        return replace(self, lang=lang)

    def table(self, name: str) -> DurableTable:
        """Return a table by name; a kind's views stand in the table of its name."""
        return self.db.table(name)

    def put(self, table: str, doc_id: str, document: Mapping[str, Any]) -> None:
        """Store ``document`` whole under its id, replacing what was there."""
        put_all(self.db, table, {doc_id: document})

    def setting(self, subject: str) -> dict[str, Any]:
        """Return the settings document of a subject, empty when there is none."""
        found = self.table(SETTINGS).get(doc_id=subject)
        return dict(found) if found is not None else {}

    def keep_setting(self, subject: str, **values: Any) -> None:
        """Change members of a settings document, durably."""
        self.put(SETTINGS, subject, self.setting(subject) | values)


def put_all(db: DurableDB, table: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
    """Store documents whole under their ids in one commit, replacing what was there."""
    if not documents:
        return
    with db.transaction():
        rows = db.table(table)
        present = [doc_id for doc_id in documents if rows.contains(doc_id=doc_id)]
        for doc_id in present:
            rows.update(_replacing(documents[doc_id]), doc_ids=[doc_id])
        rows.insert_multiple(
            Document(document, doc_id)
            for doc_id, document in documents.items()
            if doc_id not in set(present)
        )


def _replacing(document: Mapping[str, Any]) -> Callable[[Any], None]:
    def replace_whole(stored: Any) -> None:
        stored.clear()
        stored.update(document)

    return replace_whole


def plain(documents: Iterable[Any]) -> list[dict[str, Any]]:
    """Return documents of a table as plain dicts."""
    return [cast(dict[str, Any], dict(one)) for one in documents]
