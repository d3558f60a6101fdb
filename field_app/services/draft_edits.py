"""Changing a draft besides typing: entries of its lists; changes begun earlier, or refused."""

from __future__ import annotations

from typing import Any

from field_app.domain.changes import propose
from field_app.domain.typed import values_of
from field_app.services.drafts import MAIN, Draft, Finished, Typed, alter, begun, keep
from field_app.services.outbox import history_of, shown_state
from field_app.services.records import changes_of, new_id
from field_app.services.rulings import Reason
from field_app.services.workspace import Workspace
from schemas.catalogue import kind_of


def add_entry(ws: Workspace, draft_id: str, typed: Typed, prefix: str, name: str) -> str:
    """Offer one more empty entry of a keyed list and return its key; raises as :func:`keep`."""
    key = new_id()

    def add(draft: Draft) -> None:
        part = draft["parts"].get(prefix)
        if part is not None:
            part["spare"].setdefault(name, []).append(key)

    alter(ws, draft_id, typed, add)
    return key


def drop_entry(ws: Workspace, draft_id: str, typed: Typed, prefix: str, entry: str) -> Draft:
    """Take the entry ``name.key`` out of a keyed list; raises as :func:`keep`."""
    name, _, key = entry.partition(".")

    def drop(draft: Draft) -> None:
        part = draft["parts"].get(prefix)
        if part is None:
            return
        texts = part["texts"]
        for control in [one for one in texts if one.startswith(f"{entry}.")]:
            del texts[control]
        texts.setdefault(name, [""])
        part["spare"][name] = [one for one in part["spare"].get(name, ()) if one != key]

    return alter(ws, draft_id, typed, drop)


def check_part(ws: Workspace, draft_id: str, typed: Typed, prefix: str) -> Finished:
    """Keep what was typed and say what saving one new part would refuse; saves nothing.

    ``saved`` means that nothing would be refused. Raises as :func:`keep`.
    """
    part = keep(ws, draft_id, typed)["parts"][prefix]
    kind = kind_of(part["kind"])
    values = {name: value for name, value in values_of(kind, part["texts"]).items()
              if value is not None}  # fmt: skip
    checked = propose(kind, part["action"], values | part["fixed"], {})
    return Finished(checked.ok, {prefix: checked.problems} if checked.problems else {})


def begun_edit(ws: Workspace, record_id: str, corrects: str | None = None) -> Draft | None:
    """Return the begun draft of a change to a record alone, if there is one.

    One that asks a few fields only (a move out) is another matter. Whoever corrects the refused
    change ``corrects`` goes on with a draft of that correction alone: in any other neither its
    reason is shown nor does saving take its place.
    """
    found = [
        draft
        for draft in begun(ws)
        for main in [draft["parts"][MAIN]]
        if draft["journey"] == "record" and main["action"] == "update"
        if main["record_id"] == record_id and main["only"] is None
    ]
    exact = [draft for draft in found if draft["parts"][MAIN]["corrects"] == corrects]
    return next(iter(exact or (found if corrects is None else ())), None)


def refused_change(ws: Workspace, record_id: str, change_id: str) -> dict[str, Any] | None:
    """Return a change of a record the centre sent back, None when that is no longer so."""
    for change in changes_of(ws, record_id):
        if change["change_id"] == change_id and shown_state(ws, change) == "refused":
            return change
    return None


def reasons_of(ws: Workspace, record_id: str, change_id: str | None) -> tuple[Reason, ...]:
    """Return why the centre sent a change back; nothing for none."""
    found = [one for one in history_of(ws, record_id) if one.change_id == change_id]
    return found[0].reasons if found else ()
