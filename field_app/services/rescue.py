"""A revoked laptop: what of its work has reached the centre, and the end of its store.

Nothing goes before everything is confirmed to be at the centre: by receipts for every change and
photo (over the link, or from a relay file's receipt), or by the centre's own account, which a
revoked device may still ask for. The account speaks of the photos whose record the centre has taken
from this device; for others (their record waits for staff there) a receipt alone counts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.errors import Trouble
from field_app.services.accounting import all_arrived, check_account, last_account
from field_app.services.desk import Desk
from field_app.services.photos import adopt, refused, waiting
from field_app.services.records import changes_of, unsent_count
from field_app.services.workspace import DRAFTS, Workspace
from schemas.exchange import IN_STORE

WORDS = {"zh": "销毁本机数据", "en": "destroy the data"}
"""What the worker types, in his language, before anything is destroyed."""
AGAINST = frozenset({
    "stream_missing", "stream_behind", "stream_differs", "log_gap", "day_missing", "photo_missing",
})  # fmt: skip
"""Differences that speak against what receipts said: the centre has lost something since."""


@dataclass(frozen=True)
class Rescue:
    """How far the work of a revoked laptop is safe."""

    revoked: bool
    unsent: int
    photos: int
    """Photos here that the centre has not confirmed."""
    refused: int
    """Photos here that the centre refuses for good: no picture, or too large. They go too."""
    drafts: int
    """Half-filled forms: they were never saved, and go with the store."""
    confirmed: bool
    asked_at: str | None
    """When the centre was last asked for its account."""


def rescue_of(ws: Workspace) -> Rescue:
    """Return how far the work on this laptop is safe at the centre."""
    unsent, photos = unsent_count(ws), _photos_here_alone(ws)
    kept = last_account(ws)
    doubted = any(one["code"] in AGAINST for one in kept.get("differences", []))
    return Rescue(
        revoked=ws.identity.state == "revoked",
        unsent=unsent,
        photos=photos,
        refused=_files_of(ws, refused(ws)),
        drafts=len(ws.table(DRAFTS)),
        confirmed=not (doubted or photos) and (all_arrived(ws) or not unsent),
        asked_at=kept.get("at"),
    )


def _photos_here_alone(ws: Workspace) -> int:
    """Return how many photos may be on this laptop and nowhere else."""
    found = waiting(ws)
    if all_arrived(ws):
        found = [one for one in found if not _accounted(ws, one["photo_id"])]
    return _files_of(ws, found)


def _accounted(ws: Workspace, photo_id: str) -> bool:
    """Whether an account that misses nothing counts a photo: its record was taken from here."""
    known = last_account(ws)["known"]
    return any(
        one["action"] == "create" and one["stream"] in known
        and one["acked"] and one["outcome"] in IN_STORE
        for one in changes_of(ws, photo_id)
    )  # fmt: skip


def _files_of(ws: Workspace, found: Iterable[Mapping[str, Any]]) -> int:
    return sum(1 for one in found if ws.photos is not None and ws.photos.has(one["photo_id"]))


def ask_centre(desk: Desk, ws: Workspace) -> None:
    """Ask the centre what it has of this device and keep the comparison; raises SyncFault."""
    if ws.photos is not None:
        adopt(ws)
    client = desk.rounds.connect(ws)
    try:
        check_account(ws, client)
    finally:
        client.close()


def destroy(desk: Desk, ws: Workspace, typed: str) -> None:
    """Destroy the open store for good.

    Raises Trouble: not_revoked; not_rescued while anything may be here alone; words_differ when
    ``typed`` is not what the worker was asked to type. Also what `Vault.destroy` raises.
    """
    if ws.photos is not None:
        adopt(ws)
    found = rescue_of(ws)
    if not found.revoked:
        raise Trouble("not_revoked")
    if not found.confirmed:
        raise Trouble("not_rescued")
    if _plain(typed) not in {_plain(words) for words in WORDS.values()}:
        raise Trouble("words_differ")
    desk.destroy()


def _plain(words: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", words).casefold().split())
