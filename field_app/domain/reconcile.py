"""What an answer of the centre means for the laptop: plain values in, new documents out.

Only what the centre confirmed is marked; a pull never hides or overwrites unsent work. The caller
writes all of a result, with the new cursor, in one commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from field_app.domain import conflicts
from field_app.domain.views import build_view, copy_of, is_elsewhere, keeps
from schemas.catalogue import NewerSchema, UnknownKind, upcast
from schemas.exchange import IN_STORE

Change = dict[str, Any]
View = dict[str, Any]

BRAKE_SHARE, BRAKE_LEAST = 0.3, 10
"""A pull that would take away more than this share of the records (of at least so many) asks."""


@dataclass
class World:
    """What the laptop has of the records an answer touches, all by record id.

    ``grids`` are the worker's as the answer tells them, None when it does not. ``whole`` tells that
    with this answer all of them has come.
    """

    changes: dict[str, list[Change]]
    views: dict[str, View]
    seen: dict[str, int] = field(default_factory=dict)
    conflicts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    grids: Sequence[str] | None = None
    whole: bool = False


@dataclass
class Result:
    """New documents to write whole: changes and conflicts by id, views by record id.

    A view or a conflict of None is to be removed. ``unknown`` are updates of kinds this program
    does not know. ``gone`` counts the records that left the worker's grids, ``staying`` those of
    them that stay until the worker's open work on them is settled.
    """

    changes: dict[str, Change] = field(default_factory=dict)
    views: dict[str, View | None] = field(default_factory=dict)
    conflicts: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    unknown: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    confirmed: int = 0
    received: int = 0
    gone: int = 0
    staying: int = 0


def reconcile(
    world: World,
    sent: Sequence[Change],
    receipts: Iterable[Mapping[str, Any]],
    updates: Iterable[Mapping[str, Any]],
    at: str,
) -> Result:
    """Return what becomes of ``sent`` and of the records in ``updates``; ``at`` is the moment.

    ``sent`` also holds confirmed changes the centre had put aside (held): it may tell later, in
    any answer, what became of them. Receipts of other changes are ignored: an answer can only
    speak of what was asked.
    """
    result = Result()
    mine = {change["change_id"]: change for change in sent}
    for receipt in receipts:
        change = mine.get(receipt["change_id"])
        if change is not None and _speaks_of(receipt, change):
            _mark(result, change, receipt, at)
    copies = _take_updates(world, result, updates)
    rulings = conflicts.rulings_of(copies.values())
    for record_id in {*world.changes, *copies, *(change["record_id"] for change in sent)}:
        _renew(world, result, record_id, copies, rulings, at)
    return result


def _speaks_of(receipt: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Whether a receipt is this change's: by its place in the batch, or, of a change confirmed
    before, one that names the stream it first came in (it may have been sealed anew since)."""
    if change["acked"]:
        return "stream" in receipt
    return bool(receipt["seq"] == change["seq"])


def _mark(result: Result, change: Change, receipt: Mapping[str, Any], at: str) -> None:
    """Note what the centre made of one change; a duplicate tells what it was made of first."""
    told = receipt["first"] if receipt["outcome"] == "duplicate" else receipt
    kept = {name: value for name, value in {**told, **receipt}.items() if name != "first"}
    kept |= {"outcome": told["outcome"], "version": told.get("version")}
    result.changes[change["change_id"]] = {
        **change,
        "acked": True,
        "acked_at": change.get("acked_at") if change["acked"] else at,
        "outcome": told["outcome"],
        "receipt": kept | {"duplicate": receipt["outcome"] == "duplicate"},
    }
    if change["acked"]:
        return  # counted when it was first received
    result.confirmed += 1
    result.outcomes[receipt["outcome"]] = result.outcomes.get(receipt["outcome"], 0) + 1


def _take_updates(
    world: World, result: Result, updates: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the centre's new copies by record id; what left the laptop's scope is marked gone."""
    copies: dict[str, dict[str, Any]] = {}
    for update in updates:
        record_id = update["record_id"]
        result.received += 1
        view = world.views.get(record_id)
        if update.get("gone"):
            held = copies.get(record_id) or (view["copy"] if view else None)
            if held is not None and not held.get("gone"):
                copies[record_id] = {**held, "gone": True}
                result.gone += 1
            continue
        try:
            fields = upcast(update["kind"], update["schema"], update["fields"])
        except UnknownKind:
            result.unknown[record_id] = dict(update)
            continue
        except NewerSchema:  # shown as far as this program understands it
            fields = update["fields"]
        copies[record_id] = copy_of(update, fields, view)
    return copies


def _renew(
    world: World,
    result: Result,
    record_id: str,
    copies: Mapping[str, dict[str, Any]],
    rulings: Mapping[str, conflicts.Rulings],
    at: str,
) -> None:
    """Settle a record's changes against the centre's copy and build its view anew."""
    view = world.views.get(record_id)
    copy = copies.get(record_id) or (view["copy"] if view else None)
    settled = _settled(world, result, record_id, copy, copies, rulings)
    documents = _weigh(world, record_id, settled, _standing(world, copy, copies), rulings, at)
    settled = [conflicts.weighed(one, documents.get(one["change_id"])) for one in settled]
    for before, change in zip(world.changes.get(record_id, []), settled, strict=True):
        if before != change:
            result.changes[change["change_id"]] = change
    seen = max(world.seen.get(record_id, 0), _seen_now(copies, record_id))
    now = build_view(copy, settled, seen)
    if view is not None or now is not None:
        result.views[record_id] = now
    if record_id in copies and copy is not None and copy.get("gone") and now is not None:
        result.staying += 1
    elsewhere = is_elsewhere(now, settled)
    known = {one["change_id"]: one for one in world.conflicts.get(record_id, [])}
    for change_id, document in documents.items():
        kept = conflicts.stripped(document) if document and elsewhere else document
        if kept != known.get(change_id):
            result.conflicts[change_id] = kept


def _standing(
    world: World, copy: Mapping[str, Any] | None, copies: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Return the copy that a change of a record meets: a merged one's survivor's, which the centre
    passed it on to; None when that is not held here."""
    seen: set[str] = set()
    while copy is not None and copy.get("merged_into"):
        into = copy["merged_into"]
        if into in seen:
            return None
        seen.add(into)
        held = copies.get(into) or (world.views.get(into) or {}).get("copy")
        copy = held if held is not None and not held.get("gone") else None
    return copy


def _settled(
    world: World,
    result: Result,
    record_id: str,
    copy: Mapping[str, Any] | None,
    copies: Mapping[str, Any],
    rulings: Mapping[str, conflicts.Rulings],
) -> list[Change]:
    """Return a record's changes as receipts, decisions and the centre's copy have them now."""
    kept = {one["change_id"]: one for one in world.conflicts.get(record_id, [])}
    found = []
    for old in world.changes.get(record_id, []):
        change_id = old["change_id"]
        told = conflicts.rulings_known(kept.get(change_id), rulings.get(change_id, {}))
        change = conflicts.ruled(result.changes.get(change_id, old), told)
        found.append(settle(change, copy, world.grids, whole=world.whole))
    return given_up(found, copy)


def _weigh(
    world: World,
    record_id: str,
    changes: Sequence[Change],
    copy: Mapping[str, Any] | None,
    rulings: Mapping[str, conflicts.Rulings],
    at: str,
) -> dict[str, dict[str, Any] | None]:
    """Return the conflict document of each change by its id, None where there is none."""
    kept = {one["change_id"]: one for one in world.conflicts.get(record_id, [])}
    found = {}
    for place, change in enumerate(changes):
        known = kept.get(change["change_id"])
        told = conflicts.rulings_known(known, rulings.get(change["change_id"], {}))
        found[change["change_id"]] = conflicts.weigh(
            known, change, copy, changes[place + 1 :], told, at
        )
    return found


def _seen_now(copies: Mapping[str, Mapping[str, Any]], record_id: str) -> int:
    marks = (copy["fields"] for copy in copies.values() if copy["kind"] == "seen")
    return max(
        (mark.get("target_version") or 0 for mark in marks if mark["target_id"] == record_id),
        default=0,
    )


def settle(
    change: Change,
    copy: Mapping[str, Any] | None,
    grids: Sequence[str] | None = None,
    *,
    whole: bool = False,
) -> Change:
    """Return the change with ``settled``: whether the centre's copy holds what became of it.

    ``grids`` are the worker's. Until it is settled a change stays on top of the copy; a refused one
    does so until the worker corrects or withdraws it, or staff decide about it; a held one until
    the centre, which is asked in every exchange, tells what it became when its record came.
    """
    over = change.get("corrected_by") or change.get("withdrawn") or change.get("declined")
    if over and not is_held(change):
        return {**change, "settled": True}
    if not change["acked"] or change["outcome"] == "quarantined":
        return {**change, "settled": False}
    if change["settled"]:
        return change
    if copy is None:
        # Its copy will never come when the worker has no longer the grid it lies in. That may be
        # another than the change says: the centre goes by where the record, or its issue, lies.
        left = change["outcome"] in IN_STORE and (whole or _left(change["grid"], grids))
        return {**change, "settled": True} if left else change
    if change["outcome"] == "held":
        return change
    version = (change["receipt"] or {}).get("version")
    reached = version is None or copy["version"] >= version or copy.get("gone")
    return {**change, "settled": bool(reached)}


def given_up(changes: Sequence[Change], copy: Mapping[str, Any] | None) -> list[Change]:
    """Return a record's changes, in order, as they are when the centre has no ``copy``: once its
    worker has withdrawn what was to make it, what waits for it is withdrawn too.

    The centre, where staff may let it in all the same, is still asked what became of it.
    """
    makers = [one for one in changes if one["action"] in ("create", "step")]
    over = all(one.get("withdrawn") or one.get("corrected_by") for one in makers)
    if copy is not None or not makers or not over:
        return list(changes)
    return [{**one, "withdrawn": True} if is_held(one) else one for one in changes]


def is_held(change: Mapping[str, Any]) -> bool:
    """Whether a change waits at the centre for its record, as far as was told."""
    return bool(change["acked"]) and change["outcome"] == "held"


def _left(area: str | None, grids: Sequence[str] | None) -> bool:
    """Whether nothing of ``area`` lies in the worker's grids, as far as they are known."""
    if area is None or grids is None:
        return False
    return not any(grid.startswith(area) for grid in grids)


def too_many_gone(updates: Iterable[Mapping[str, Any]], gone_before: int, held: int) -> int:
    """Return how many records a pull has taken away in all when that is suspiciously many, else 0.

    ``gone_before`` were taken earlier in the round, which began with ``held`` records.
    """
    gone = gone_before + sum(1 for update in updates if update.get("gone"))
    return gone if held >= BRAKE_LEAST and gone > BRAKE_SHARE * held else 0


def beyond(
    changes: Iterable[Change], known: Mapping[str, tuple[int, str]]
) -> tuple[list[Change], set[str], set[str]]:
    """Return every confirmed change, unmarked; the streams that forked; and those a restored centre
    shares with this log up to where it stands.

    What the centre has comes back as a duplicate with what it is there now: it may have been put
    aside still, or refused, when the copy was made.

    ``known`` says where it stands. A stream whose hash differs at that number has another history
    there.
    """
    every = list(changes)
    shared: set[str] = set()
    forked: set[str] = set()
    for change in every:
        seq, hash_ = known.get(change["stream"], (0, ""))
        if change["seq"] == seq:
            (shared if change["hash"] == hash_ else forked).add(change["stream"])
    return [unmarked(change) for change in every if change["acked"]], forked, shared


def unmarked(change: Change) -> Change:
    """Return the change as not confirmed; what the copy at hand holds of it (``held_in``) stays
    beneath, the rest lies on top again.

    The version it had become is kept: others may have built on it, and a centre that was restored
    is told so. Where something of it stayed beside another's value, whoever looked at that version
    had not seen all of it: then nothing is told.
    """
    over = bool(change.get("corrected_by") or change.get("withdrawn"))
    again = {**change, "acked": False, "settled": over, "outcome": None, "receipt": None,
             "decided": False, "declined": False}  # fmt: skip
    told = change["receipt"] or {}
    again["held_in"] = told.get("version")
    if change["outcome"] in IN_STORE and told.get("version") and not told.get("conflict_id"):
        again["former_version"] = told["version"]
    return again


def prunable(changes: Iterable[Change], before: str, unread: Collection[str] = ()) -> list[str]:
    """Return the ids of changes confirmed and settled before the moment ``before``, of which
    nothing is still to come: no value waits for a decision, and of what became of it the worker has
    taken note (``unread`` are those he has not)."""
    return [
        change["change_id"]
        for change in changes
        if change["acked"]
        and not keeps(change)
        and (change.get("let_go") or change["change_id"] not in unread)
        and (change.get("acked_at") or before) < before
    ]
