"""What an answer of the centre means for the laptop: plain values in, new documents out.

Only what the centre confirmed is marked; a pull never hides or overwrites unsent work. The caller
writes all of a result, with the new cursor, in one commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from field_app.domain.views import build_view, copy_of
from schemas.catalogue import NewerSchema, UnknownKind, kind_of, upcast
from schemas.exchange import IN_STORE
from schemas.values import get_path, paths

Change = dict[str, Any]
View = dict[str, Any]

BRAKE_SHARE, BRAKE_LEAST = 0.3, 10
"""A pull that would take away more than this share of the records (of at least so many) asks."""


@dataclass
class World:
    """What the laptop has of the records an answer touches, all by record id."""

    changes: dict[str, list[Change]]
    views: dict[str, View]
    seen: dict[str, int] = field(default_factory=dict)
    conflicts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass
class Result:
    """New documents to write whole: changes and conflicts by id, views by record id.

    A view of None is to be removed. ``unknown`` are updates of kinds this program does not know.
    """

    changes: dict[str, Change] = field(default_factory=dict)
    views: dict[str, View | None] = field(default_factory=dict)
    conflicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    unknown: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    confirmed: int = 0
    received: int = 0
    gone: int = 0


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
    touched = {change["record_id"] for change in sent} | set(copies) | _targets(copies)
    for record_id in touched:
        _renew(world, result, record_id, copies, at)
    return result


def _speaks_of(receipt: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Whether a receipt is this change's; of another stream only when it names that stream."""
    if receipt["seq"] != change["seq"]:
        return False
    return not change["acked"] or receipt.get("stream") == change["stream"]


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
            result.gone += 1
            if view is not None and view["copy"] is not None:
                copies[record_id] = {**view["copy"], "gone": True}
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


def _targets(copies: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the records that marks among the copies point at."""
    return {copy["fields"]["target_id"] for copy in copies.values() if copy["kind"] == "seen"}


def _renew(
    world: World,
    result: Result,
    record_id: str,
    copies: Mapping[str, dict[str, Any]],
    at: str,
) -> None:
    """Settle a record's changes against the centre's copy and build its view anew."""
    view = world.views.get(record_id)
    copy = copies.get(record_id) or (view["copy"] if view else None)
    changes = [result.changes.get(one["change_id"], one) for one in
               world.changes.get(record_id, [])]  # fmt: skip
    settled = [settle(change, copy, renewed=record_id in copies) for change in changes]
    settled = _weigh_conflicts(world, result, settled, copy, at)
    for old, new in zip(changes, settled, strict=True):
        if old != new:
            result.changes[new["change_id"]] = new
    seen = max(world.seen.get(record_id, 0), _seen_now(copies, record_id))
    if view is not None or copy is not None or settled:
        result.views[record_id] = build_view(copy, settled, seen)


def _seen_now(copies: Mapping[str, Mapping[str, Any]], record_id: str) -> int:
    marks = (copy["fields"] for copy in copies.values() if copy["kind"] == "seen")
    return max(
        (mark.get("target_version") or 0 for mark in marks if mark["target_id"] == record_id),
        default=0,
    )


def settle(change: Change, copy: Mapping[str, Any] | None, *, renewed: bool) -> Change:
    """Return the change with ``settled``: whether the centre's copy holds what became of it.

    ``renewed`` tells that ``copy`` has just come down. Until it is settled a change stays on top
    of the copy; a refused one does so until the worker corrects or withdraws it.
    """
    if change.get("corrected_by") or change.get("withdrawn"):
        return {**change, "settled": True}
    if not change["acked"] or change["outcome"] == "quarantined":
        return {**change, "settled": False}
    if change["settled"] or copy is None:
        return change
    if change["outcome"] == "held":
        # The record it waited for exists now, and the centre applied it in that same step.
        return {**change, "outcome": "applied", "settled": True} if renewed else change
    version = (change["receipt"] or {}).get("version")
    reached = version is None or copy["version"] >= version or copy.get("gone")
    return {**change, "settled": bool(reached)}


def _weigh_conflicts(
    world: World,
    result: Result,
    changes: Sequence[Change],
    copy: Mapping[str, Any] | None,
    at: str,
) -> list[Change]:
    """Write down which values stand against each other, and notice when that is over."""
    kept = {one["change_id"]: one for one in
            world.conflicts.get(changes[0]["record_id"] if changes else "", [])}  # fmt: skip
    weighed = []
    for place, change in enumerate(changes):
        if change["outcome"] == "merged":
            _tell_overruled(result, kept, change, copy, at)
        if change["outcome"] != "conflict" or change.get("decided"):
            weighed.append(change)
            continue
        conflict = kept.get(change["change_id"]) or new_conflict(change, at)
        if change["settled"] and copy is not None and not copy.get("gone"):
            conflict = compare(conflict, change, copy, changes[place + 1 :], at)
        result.conflicts[conflict["change_id"]] = conflict
        over = conflict["decision"] is not None
        weighed.append({**change, "decided": True} if over else change)
    return weighed


def _tell_overruled(
    result: Result,
    kept: Mapping[str, Any],
    change: Change,
    copy: Mapping[str, Any] | None,
    at: str,
) -> None:
    """Write down where another's newer value was taken instead of the worker's, by time."""
    version = (change["receipt"] or {}).get("version")
    if change["change_id"] in kept or copy is None or copy["version"] != version:
        return
    pairs = _differing(change, copy)
    if pairs:
        told = {"pairs": pairs, "decision": "kept", "decided_at": at}
        result.conflicts[change["change_id"]] = new_conflict(change, at) | told


def new_conflict(change: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return the conflict document of a change the centre could not just apply."""
    return {
        "change_id": change["change_id"],
        "conflict_id": (change["receipt"] or {}).get("conflict_id"),
        "record_id": change["record_id"],
        "kind": change["kind"],
        "opened_at": at,
        "pairs": [],
        "decision": None,
        "decided_at": None,
        "noted": False,
    }


def compare(
    conflict: Mapping[str, Any],
    change: Mapping[str, Any],
    copy: Mapping[str, Any],
    later: Sequence[Mapping[str, Any]],
    at: str,
) -> dict[str, Any]:
    """Return the conflict with both values of every path at stake, decided when none is left.

    ``decision`` is replaced when the centre now shows what the worker wrote, superseded when a
    later change of the worker took its place. (A conflict that was never one to decide, because
    the centre took the newer value, has the decision kept from the start.)
    """
    pairs = _differing(change, copy)
    decision = None if pairs else "replaced"
    if pairs and all(
        any(pair["path"] in _asked(one) and _stands(one) for one in later) for pair in pairs
    ):
        decision = "superseded"
    known = conflict["pairs"] or pairs
    return {
        **conflict,
        "pairs": pairs or [dict(pair) for pair in known],
        "decision": decision,
        "decided_at": at if decision else None,
    }


def _differing(change: Mapping[str, Any], copy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the paths where the centre shows something else than a change said."""
    return [
        {"path": path, "mine": value, "theirs": theirs}
        for path, value in _asked(change).items()
        if (theirs := _standing(copy, path)) != value
    ]


def _asked(change: Mapping[str, Any]) -> dict[str, Any]:
    if change["action"] == "void":
        return {"voided": True}
    return dict(paths(kind_of(change["kind"]), change["fields"]))


def _standing(copy: Mapping[str, Any], path: str) -> Any:
    return copy["voided"] if path == "voided" else get_path(copy["fields"], path)


def _stands(change: Mapping[str, Any]) -> bool:
    return bool(change["acked"]) and change["outcome"] in IN_STORE


def too_many_gone(updates: Iterable[Mapping[str, Any]], gone_before: int, held: int) -> int:
    """Return how many records a pull has taken away in all when that is suspiciously many, else 0.

    ``gone_before`` were taken earlier in the round, which began with ``held`` records.
    """
    gone = gone_before + sum(1 for update in updates if update.get("gone"))
    return gone if held >= BRAKE_LEAST and gone > BRAKE_SHARE * held else 0


def beyond(
    changes: Iterable[Change], known: Mapping[str, tuple[int, str]]
) -> tuple[list[Change], set[str]]:
    """Return the changes a restored centre does not have, unmarked, and the streams that forked.

    ``known`` says where it stands. A stream whose hash differs at that number has another history
    there.
    """
    lost, forked = [], set()
    for change in changes:
        seq, hash_ = known.get(change["stream"], (0, ""))
        if change["seq"] == seq and change["hash"] != hash_:
            forked.add(change["stream"])
        if change["seq"] > seq and change["acked"]:
            lost.append(unmarked(change))
    return lost, forked


def unmarked(change: Change) -> Change:
    """Return the change as not confirmed, on top of the centre's copy again."""
    over = bool(change.get("corrected_by") or change.get("withdrawn"))
    return {**change, "acked": False, "settled": over, "outcome": None, "receipt": None,
            "decided": False}  # fmt: skip


def prunable(changes: Iterable[Change], before: str) -> list[str]:
    """Return the ids of changes confirmed and settled before the moment ``before``."""
    return [
        change["change_id"]
        for change in changes
        if change["acked"] and change["settled"] and (change.get("acked_at") or before) < before
    ]
