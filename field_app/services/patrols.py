"""A patrol from start to finish, with problems reported on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from field_app.domain.duty import SLOT_ENDS, ended_earlier, slot_at, slot_hours, slot_is_over
from field_app.domain.errors import Trouble
from field_app.domain.typed import values_of
from field_app.services.choices import names
from field_app.services.drafts import (
    MAIN,
    Draft,
    DraftGone,
    Finished,
    Typed,
    alter,
    begun,
    bring_back,
    finish,
    keep,
    new_part,
    open_draft,
)
from field_app.services.overview import look, newest
from field_app.services.records import get_view, views
from field_app.services.workspace import Workspace
from schemas.catalogue import kind_of
from schemas.clock import local_day, read_moment, written
from schemas.codes import code_list

REPORTED = "problem_reported"
CATEGORY = {
    "environment": "ENV", "stacking": "FIRE", "fire_lane": "FIRE", "extinguisher": "FIRE",
    "ebike": "FIRE", "illegal_build": "BLD", "facility": "FAC", "road_light": "FAC",
    "green": "FAC", "parking": "VEH", "construction": "PROP", "shop": "SHOP", "security": "SEC",
    "care": "CARE", "notice": "OTH",
}  # fmt: skip
"""The category an issue found at a check item is first guessed to have."""

SHOWN = 60
"""How many of the worker's own records a page lists."""

SHORT_ISSUE = [
    "category", "title", "text", "place", "level", "urgency", "happened_at", "compound_id",
    "building_id", "sub", "people", "reporter", "reporter_phone", "self_handled", "handled_text",
    "location",
]  # fmt: skip
"""What the form of an issue asks when its source is known already."""


@dataclass(frozen=True)
class Slot:
    """One of a grid's three patrols of a day; ``target`` is the record or the draft."""

    grid: str
    day: str
    slot: str
    state: Literal["done", "doing", "missing", "ahead"]
    target: str | None = None
    present: bool = False
    """Whether this is its hour."""

    @property
    def hours(self) -> tuple[str, str]:
        """From when until when it is on time."""
        return slot_hours(self.slot)


def slots_of(ws: Workspace, day: str) -> list[Slot]:
    """Return the slots of every own grid on a day (2026-09-30), with what became of each."""
    done = {}
    for view in look(ws, "patrol"):
        if str(view["fields"].get("started_at"))[:10] == day:
            done[view["grid"], view["fields"].get("slot")] = view["record_id"]
    doing = {}
    for draft in begun(ws):
        if draft["journey"] == "patrol":
            part = draft["parts"][MAIN]
            if _text(part["texts"], "started_at")[:10] == day:
                doing[part["grid"], _text(part["texts"], "slot")] = draft["draft_id"]
    now = ws.now()
    present = slot_at(now) if local_day(now) == day else None
    found = []
    for grid in ws.grids:
        for slot, _end in SLOT_ENDS:
            here = slot == present
            if target := done.get((grid, slot)):
                found.append(Slot(grid, day, slot, "done", target, here))
            elif target := doing.get((grid, slot)):
                found.append(Slot(grid, day, slot, "doing", target, here))
            else:
                over = slot_is_over(slot, day, now)
                found.append(Slot(grid, day, slot, "missing" if over else "ahead", None, here))
    return found


def start(
    ws: Workspace, grid: str | None = None, slot: str | None = None, day: str | None = None
) -> str:
    """Begin a patrol and return its draft's id.

    It starts now, in the slot of this hour, unless it is a late entry for ``slot`` of ``day``: then
    the worker fills in when it was. Raises DraftGone for a grid that is not the worker's and for an
    unknown slot, ValueError for a day that is none, Trouble when he has no grid at all.
    """
    if not ws.grids:
        raise Trouble("no_grids")
    chosen = grid or ws.grids[0]
    if chosen not in ws.grids or (slot is not None and slot not in dict(SLOT_ENDS)):
        raise DraftGone(chosen)
    now = ws.now()
    late = slot is not None and day is not None and slot_is_over(slot, day, now)
    values: dict[str, Any] = {"slot": slot or slot_at(now)}
    if not late:
        values["started_at"] = written(now.replace(second=0, microsecond=0))
    values |= _carried(ws, chosen)
    part = new_part("patrol", values=values, grid=chosen)
    if late:
        part["texts"]["started_at"] = [f"{day}T"]
    return open_draft(ws, "patrol", {MAIN: part}, kept=True)


def _carried(ws: Workspace, grid: str) -> dict[str, Any]:
    """Return what a new patrol takes over: the compounds of the last one, or all of the grid."""
    me = ws.worker_id
    own = newest(ws, "patrol", "started_at", 1,
                 lambda view: view["author"] == me and view["grid"] == grid)  # fmt: skip
    if own and own[0]["fields"].get("covered_ids"):
        return {"covered_ids": own[0]["fields"]["covered_ids"]}
    buildings = views(ws, "building", grid=grid)
    compounds = dict.fromkeys(one["fields"].get("compound_id") for one in buildings)
    held = [one for one in compounds if one and get_view(ws, "compound", one)]
    return {"covered_ids": held} if held else {}


def my_patrols(ws: Workspace) -> list[Mapping[str, Any]]:
    """Return the worker's latest patrols, newest first."""
    me = ws.worker_id
    return list(newest(ws, "patrol", "started_at", SHOWN, lambda view: view["author"] == me))


def all_in_order(ws: Workspace, draft_id: str, typed: Typed) -> Draft:
    """Note 正常 for every check item nothing was said about yet; raises as `drafts.keep`."""

    def fill(draft: Draft) -> None:
        texts = draft["parts"][MAIN]["texts"]
        for item in code_list("CHECK_ITEM").active:
            name = f"items.{item.code}.result"
            if not _text(texts, name):
                texts[name] = ["ok"]

    return alter(ws, draft_id, typed, fill)


def prefix_of(item: str) -> str:
    """Return the prefix of the issue reported at a check item."""
    return f"issue-{item}:"


def report(ws: Workspace, draft_id: str, typed: Typed, item: str) -> Draft:
    """Put an issue into the patrol's draft, or keep the one there, for a check item.

    The issue starts with its source, a guessed category, the compound and the place. Raises
    DraftGone for an unknown item, else as `drafts.keep`.
    """
    if item not in code_list("CHECK_ITEM"):
        raise DraftGone(item)

    def add(draft: Draft) -> None:
        prefix, main = prefix_of(item), draft["parts"][MAIN]
        main["texts"][f"items.{item}.result"] = [REPORTED]
        if prefix not in draft["parts"]:
            part = new_part(
                "issue",
                values=_guessed(ws, main["texts"], item),
                fixed={"source": "patrol", "source_id": main["record_id"], "source_item": item},
                grid=main["grid"],
                only=SHORT_ISSUE,
            )
            draft["parts"][prefix] = part
        main["texts"][f"items.{item}.issue_id"] = [draft["parts"][prefix]["record_id"]]

    return alter(ws, draft_id, typed, add)


def _guessed(ws: Workspace, texts: Mapping[str, list[str]], item: str) -> dict[str, Any]:
    now = ws.now()
    values: dict[str, Any] = {
        "category": CATEGORY.get(item, "OTH"),
        "title": code_list("CHECK_ITEM").text(item, "zh"),
        "urgency": "normal",
        "happened_at": written(now.replace(second=0, microsecond=0)),
    }
    note = _text(texts, f"items.{item}.note")
    if note:
        values["text"] = note
    covered = [one for one in texts.get("covered_ids", ()) if one]
    if len(covered) == 1:
        values["compound_id"] = covered[0]
        values["place"] = names(ws)("compound", covered[0]) or ""
    return {name: value for name, value in values.items() if value}


def withdraw(ws: Workspace, draft_id: str, typed: Typed, item: str) -> Draft:
    """Take the issue of a check item out of the draft again; raises as `drafts.keep`."""

    def drop(draft: Draft) -> None:
        draft["parts"].pop(prefix_of(item), None)
        texts = draft["parts"][MAIN]["texts"]
        texts.pop(f"items.{item}.issue_id", None)
        if _text(texts, f"items.{item}.result") == REPORTED:
            texts[f"items.{item}.result"] = [""]

    return alter(ws, draft_id, typed, drop)


def finish_patrol(ws: Workspace, draft_id: str, typed: Typed) -> Finished:
    """Save the patrol and its issues in one commit; an empty end means now, unless it ended before
    (:func:`needs_end`). Raises as `drafts.keep`."""

    def close(draft: Draft) -> None:
        main = draft["parts"][MAIN]
        main["fixed"].pop("ended_at", None)  # of a save that was refused
        if not _text(main["texts"], "ended_at") and not needs_end(ws, draft):
            main["fixed"]["ended_at"] = written(ws.now().replace(second=0, microsecond=0))
        for part in draft["parts"].values():
            part["grid"] = main["grid"]  # what was found lies where the patrol went

    return finish(ws, draft_id, typed, close)


def finish_or_ask(ws: Workspace, draft_id: str, typed: Typed, *, sure: bool) -> Finished:
    """Finish a patrol; one of which most items have no result is only kept and asked about first,
    unless the worker is ``sure``. Raises as `drafts.keep`."""
    left, every = unanswered(typed.texts.get(MAIN, {})), code_list("CHECK_ITEM").active
    try:
        with ws.db.transaction():
            finished = finish_patrol(ws, draft_id, typed)
            if finished.saved and not sure and len(left) > len(every) / 2:
                raise _AsksFirst
            return finished
    except _AsksFirst:
        bring_back(ws, draft_id)
        keep(ws, draft_id, typed)
        return Finished(saved=False, left_out=len(left))


class _AsksFirst(Exception):
    """Takes back what would be saved, so that the worker is asked."""


def needs_end(ws: Workspace, draft: Draft) -> bool:
    """Tell whether the worker has to say when a patrol ended, because it was not just now: a late
    entry, or one whose day has passed."""
    texts, opened = draft["parts"][MAIN]["texts"], read_moment(draft["opened_at"])
    values = values_of(kind_of("patrol"), texts)
    try:
        return ended_earlier(read_moment(str(values.get("started_at"))), opened, ws.now())
    except ValueError:  # only the day is known so far, or not even that
        pass
    slot, day = _text(texts, "slot"), _text(texts, "started_at").partition("T")[0]
    try:
        return slot in dict(SLOT_ENDS) and slot_is_over(slot, day, opened)
    except ValueError:
        return False


def unanswered(texts: Mapping[str, list[str]]) -> list[str]:
    """Return the codes of the check items nothing was said about."""
    return [
        item.code
        for item in code_list("CHECK_ITEM").active
        if not _text(texts, f"items.{item.code}.result")
    ]


def missing_slots(ws: Workspace, days_back: int = 1) -> list[Slot]:
    """Return the slots of the days before today that nobody patrolled, the latest day first."""
    found = []
    for back in range(1, days_back + 1):
        day = local_day(ws.now() - timedelta(days=back))
        found += [slot for slot in slots_of(ws, day) if slot.state == "missing"]
    return found


def _text(texts: Mapping[str, list[str]], name: str) -> str:
    found = texts.get(name) or [""]
    return found[0]
