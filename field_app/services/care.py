"""Taking somebody into care: what the form starts with, and the interval that goes with a risk; and
what follows for people in care when the worker voids a visit or gives one up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services import outbox
from field_app.services.care_alarms import Alarm, Made, called_for, left_open
from field_app.services.drafts import MAIN, Draft, Finished, Typed
from field_app.services.households import moves_without_a_day
from field_app.services.likely import finish_checked
from field_app.services.purposes import begun_with
from field_app.services.records import Entry, Saved, get_view, save_records
from field_app.services.visits import alarm_entry, follow_correction, states_left_open
from field_app.services.workspace import CHANGES, Workspace
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.clock import local_day
from schemas.kinds.care import INTERVAL_DAYS


def new_care(ws: Workspace, resident_id: str) -> dict[str, Any]:
    """Return what the form of a new care record starts with: whom it is about, this worker in
    charge, from today."""
    return {
        "resident_id": resident_id,
        "keeper_id": ws.worker_id,
        "since": local_day(ws.now()),
        **begun_with(ws, kind_of("care")),
    }


def finish_record(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the form of one record of any kind, what may be held here already asked about first; a
    care record without an interval gets that of its risk, a visit whose checks are corrected what
    they ask for (`visits.follow_correction`), one that meets somebody only now how everybody in
    care is. Raises as `drafts.finish`."""

    def prepare(draft: Draft) -> None:
        _interval(draft)
        main = draft["parts"][MAIN]
        if (main["kind"], main["action"]) == ("visit", "update"):
            follow_correction(ws, draft)

    def judge(draft: Draft) -> dict[str, list[FieldProblem]]:
        return {MAIN: states_left_open(ws, draft)} | moves_without_a_day(draft)

    return finish_checked(ws, draft_id, typed, prepare=prepare, judge=judge)


def void_record(
    ws: Workspace, kind: str, record_id: str, reason: str, corrects: str | None = None
) -> tuple[Saved, list[str]]:
    """Void a record of any kind and, of a visit that stands between two misses no more, raise the
    alarms in the same commit; return what became of it, and the ids of the issues raised.

    ``corrects`` names a refused change this takes the place of. Raises as `records.save_record`.
    """
    # The issue goes first: a centre that has it raises none of its own when the visit goes.
    raised = _without(ws, get_view(ws, kind, record_id), None)
    void = Entry(kind, "void", {"reason": reason}, record_id, corrects=corrects)
    *_, saved = save_records(ws, [*raised, void])
    return saved, [str(one.record_id) for one in raised] if saved.saved else []


def withdraw(ws: Workspace, change_id: str) -> tuple[bool, list[str]]:
    """Give up a refused change as `outbox.withdraw` and raise the alarms that a visit calls for as
    it stands then; return whether there was such a change, and the ids of the issues raised."""
    with ws.db.transaction():
        change = ws.table(CHANGES).get(doc_id=change_id)
        about = (change["kind"], change["record_id"]) if change is not None else ("visit", "")
        before = get_view(ws, *about)
        done = outbox.withdraw(ws, change_id)
        raised = _without(ws, before, get_view(ws, *about))
        save_records(ws, raised)
    return done, [str(one.record_id) for one in raised]


def alarms_left(ws: Workspace, before: Mapping[str, Any] | None) -> list[Alarm]:
    """Return the alarms that stay open though a visit that stood as the view ``before`` was changed
    and calls for them no more; none for other kinds."""
    if before is None or before["kind"] != "visit" or before["voided"]:
        return []
    after = get_view(ws, "visit", before["record_id"])
    now = Made(after["record_id"], after["fields"]) if after and not after["voided"] else None
    return left_open(ws, Made(before["record_id"], before["fields"]), now)


def _without(
    ws: Workspace, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[Entry]:
    """Return the alarms that a change of a visit raises, which stood as ``before`` and stands as
    ``after`` (None: no more); none for other kinds."""
    if before is None or before["kind"] != "visit" or before["voided"]:
        return []
    was = Made(before["record_id"], before["fields"])
    now = Made(after["record_id"], after["fields"]) if after and not after["voided"] else None
    entries = (alarm_entry(ws, call, before["grid"]) for call in called_for(ws, now, was))
    return [one for one in entries if one is not None]


def _interval(draft: Draft) -> None:
    for part in draft["parts"].values():
        texts = part["texts"]
        if part["kind"] != "care" or any(texts.get("visit_every_days") or ()):
            continue
        (risk,) = (texts.get("risk") or [""])[:1] or [""]
        if risk in INTERVAL_DAYS:
            part["texts"] = {**texts, "visit_every_days": [str(INTERVAL_DAYS[risk])]}
