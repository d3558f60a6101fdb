"""A revoked laptop: what of its work has reached the centre, and the end of its store.

Nothing goes before everything is confirmed to be at the centre: by receipts for every change and
photo (over the link, or from a relay file's receipt), or by the centre's own account, which a
revoked device may still ask for.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from field_app.domain.errors import Trouble
from field_app.services.accounting import all_arrived, check_account, last_account
from field_app.services.desk import Desk
from field_app.services.photos import waiting
from field_app.services.records import unsent_count
from field_app.services.workspace import DRAFTS, Workspace

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
    """Photos the centre has not confirmed."""
    drafts: int
    """Half-filled forms: they were never saved, and go with the store."""
    confirmed: bool
    asked_at: str | None
    """When the centre was last asked for its account."""


def rescue_of(ws: Workspace) -> Rescue:
    """Return how far the work on this laptop is safe at the centre."""
    unsent, photos = unsent_count(ws), len(waiting(ws))
    kept = last_account(ws)
    doubted = any(one["code"] in AGAINST for one in kept.get("differences", []))
    return Rescue(
        revoked=ws.identity.state == "revoked",
        unsent=unsent,
        photos=photos,
        drafts=len(ws.table(DRAFTS)),
        confirmed=not doubted and (all_arrived(ws) or not (unsent or photos)),
        asked_at=kept.get("at"),
    )


def ask_centre(desk: Desk, ws: Workspace) -> None:
    """Ask the centre what it has of this device and keep the comparison; raises SyncFault."""
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
