"""Taking somebody into care: what the form starts with, and the interval that goes with a risk."""

from __future__ import annotations

from typing import Any

from field_app.services.drafts import MAIN, Draft, Finished, Typed
from field_app.services.likely import finish_checked
from field_app.services.visits import follow_correction
from field_app.services.workspace import Workspace
from schemas.clock import local_day
from schemas.kinds.care import INTERVAL_DAYS


def new_care(ws: Workspace, resident_id: str) -> dict[str, Any]:
    """Return what the form of a new care record starts with: whom it is about, this worker in
    charge, from today."""
    return {
        "resident_id": resident_id,
        "keeper_id": ws.worker_id,
        "since": local_day(ws.now()),
    }


def finish_record(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the form of one record of any kind, what may be held here already asked about first; a
    care record without an interval gets that of its risk, a visit whose checks are corrected what
    they ask for (`visits.follow_correction`). Raises as `drafts.finish`."""

    def prepare(draft: Draft) -> None:
        _interval(draft)
        main = draft["parts"][MAIN]
        if (main["kind"], main["action"]) == ("visit", "update"):
            follow_correction(ws, draft)

    return finish_checked(ws, draft_id, typed, prepare=prepare)


def _interval(draft: Draft) -> None:
    for part in draft["parts"].values():
        texts = part["texts"]
        if part["kind"] != "care" or any(texts.get("visit_every_days") or ()):
            continue
        (risk,) = (texts.get("risk") or [""])[:1] or [""]
        if risk in INTERVAL_DAYS:
            part["texts"] = {**texts, "visit_every_days": [str(INTERVAL_DAYS[risk])]}
