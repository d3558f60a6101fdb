"""The worker's view of a record: the centre's copy overlaid with what the worker changed since.

A change stays on top until the centre's copy is known to hold what became of it: sent or not,
refused or not, it never vanishes from sight by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.catalogue import UnknownKind, kind_of
from schemas.exchange import IN_STORE, VERSION_STEP
from schemas.kind import Kind
from schemas.search import search_text
from schemas.values import apply

STATES = ("refused", "conflict", "local", "received", "stored", "seen")
"""What a record's state can be, the most urgent first; a change's can be ``declined`` besides."""


def change_state(change: Mapping[str, Any], seen_version: int = 0) -> str:
    """Return the state of one stored change.

    ``seen_version`` is the version of its record that staff have opened (0: none).
    """
    if not change["acked"]:
        return "local"
    outcome = change["outcome"]
    if change.get("declined"):
        return "declined"
    if outcome == "quarantined":
        return "refused"
    if outcome == "conflict":
        return "stored" if change.get("decided") else "conflict"
    if outcome not in IN_STORE:
        return "received"
    version = (change.get("receipt") or {}).get("version") or 0
    return "seen" if version and seen_version >= version else "stored"


def record_state(changes: Iterable[Mapping[str, Any]], seen_version: int = 0) -> str:
    """Return the state of a record from the worker's changes of it (none: stored)."""
    found = {
        change_state(change, seen_version)
        for change in changes
        if not change.get("corrected_by") and not change.get("withdrawn")
    }
    return next((state for state in STATES if state in found), "stored")


def is_open(change: Mapping[str, Any]) -> bool:
    """Whether a stored change still lies on top of the centre's copy."""
    return not change["settled"]


def covers(change: Mapping[str, Any], copy: Mapping[str, Any] | None) -> bool:
    """Whether a stored change lies on top of ``copy``.

    One that was confirmed once and is offered again (``held_in``: the version it had become) does
    not, as long as the copy is of a history in which it had become that: to lay it over what was
    built on it would show the worker what he has long seen replaced.
    """
    return is_open(change) and not (copy and _came_after(copy, change.get("held_in")))


def _came_after(copy: Mapping[str, Any], version: int | None) -> bool:
    """Whether a copy's history has given out ``version``: each run of the centre begins above a
    multiple of ``VERSION_STEP``, and the trail has the last version of each run before."""
    if version is None:
        return False
    run = (version - 1) // VERSION_STEP
    reached = (one for one in (copy["version"], *(copy.get("trail") or ())) if one)
    return any((one - 1) // VERSION_STEP == run and one >= version for one in reached)


def keeps(change: Mapping[str, Any]) -> bool:
    """Whether a record must stay for this change though it left the worker's grids: it is not
    settled, or its values wait for a decision the worker has not let go of."""
    waits = change["outcome"] == "conflict" and not change.get("decided")
    return is_open(change) or (waits and not change.get("let_go"))


def is_elsewhere(view: Mapping[str, Any] | None, changes: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a record is at the centre but no longer on this laptop, so that its values may not be
    shown here; one whose making was refused never was at the centre."""
    return view is None and not any(
        change["action"] in ("create", "step") and change["outcome"] not in IN_STORE
        for change in changes
    )


def base_of(
    view: Mapping[str, Any] | None, changes: Iterable[Mapping[str, Any]], fields: Iterable[str]
) -> int | None:
    """Return the centre's version a worker looks at when he writes ``fields``; None for none.

    Where an open change of his own covers a field he saw that one and not what came down beneath
    it: of such a field he knows no more than he did when he covered it.
    """
    if view is None or view["version"] is None:
        return None
    written = set(fields)
    covered: list[int] = [
        change["base_version"] or 0
        for change in changes
        if covers(change, view["copy"]) and written & set(change["fields"])
    ]
    return min([int(view["version"]), *covered]) or None


def trail_of(
    view: Mapping[str, Any] | None, changes: Iterable[Mapping[str, Any]], base: int | None
) -> list[int]:
    """Return the trail of the copy that ``base`` (see :func:`base_of`) names: the record's last
    versions in the runs of the centre before the one that gave out this."""
    if view is None or base is None:
        return []
    if view["version"] == base:
        return list((view["copy"] or {}).get("trail") or ())
    told = [one.get("base_trail") for one in changes if one["base_version"] == base]
    return list(next((trail for trail in told if trail), ()))


def build_view(
    copy: Mapping[str, Any] | None,
    changes: Sequence[Mapping[str, Any]],
    seen_version: int = 0,
) -> dict[str, Any] | None:
    """Return the view of a record, None when nothing is known of it any more.

    ``copy`` is the centre's copy (see :func:`copy_of`), ``changes`` the worker's stored changes of
    the record in the order they were made, settled ones included.
    """
    lying = [change for change in changes if covers(change, copy)]
    if copy is None and not any(map(_begins, lying)):
        return None
    if copy is not None and copy.get("gone") and not any(keeps(one) for one in changes):
        return None  # it left the laptop's grids, and nothing of the worker's depends on it
    name = copy["kind"] if copy else lying[0]["kind"]
    view = _base(copy) if copy else _fresh(lying[0])
    for change in lying:
        _lay(view, change)
    try:
        kind = kind_of(name)
    except UnknownKind:  # newer than this program: kept, not shown
        view["search"], view["parent_id"] = "", None
    else:
        view["search"] = search_text(kind, view["fields"])
        view["parent_id"] = view["fields"].get(parent_field(kind))
    view["state"] = record_state(changes, seen_version)
    return view


def _begins(change: Mapping[str, Any]) -> bool:
    """Whether a change makes its record, and its writer has not given that up."""
    return change["action"] in ("create", "step") and not change.get("withdrawn")


def parent_field(kind: type[Kind]) -> str:
    """Return the reference a record is listed under; a mark (seen) follows its target."""
    return kind.info.parent or "target_id"


def _base(copy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "record_id": copy["record_id"],
        "kind": copy["kind"],
        "schema": copy["schema"],
        "grid": copy["grid"],
        "version": copy["version"],
        "fields": dict(copy["fields"]),
        "server": dict(copy["fields"]),
        "copy": dict(copy),
        "voided": copy["voided"],
        "merged_into": copy.get("merged_into"),
        "author": copy["author"],
        "made_at": copy["made_at"],
        "last_author": copy["last_author"],
        "last_made_at": copy["last_made_at"],
    }


def _fresh(change: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "record_id": change["record_id"],
        "kind": change["kind"],
        "schema": change["schema"],
        "grid": change["grid"],
        "version": None,
        "fields": {},
        "server": None,
        "copy": None,
        "voided": False,
        "merged_into": None,
        "author": change["author"],
        "made_at": change["made_at"],
        "last_author": change["author"],
        "last_made_at": change["made_at"],
    }


def _lay(view: dict[str, Any], change: Mapping[str, Any]) -> None:
    """Lay one change on top of ``view`` in place."""
    if change["action"] == "void":
        view["voided"] = True
    else:
        view["fields"] = apply(kind_of(change["kind"]), view["fields"], change["fields"])
    view["last_author"], view["last_made_at"] = change["author"], change["made_at"]


def copy_of(
    update: Mapping[str, Any], fields: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the centre's copy an update brings, its fields upcast to today's kind already.

    ``before`` is the view so far; where the wire names only the last author, the first one known
    here stays.
    """
    last = update.get("last") or {}
    first = update.get("first") or {}
    old = before or {}
    trail = {"trail": list(update["trail"])} if update.get("trail") else {}
    return trail | {
        "record_id": update["record_id"],
        "kind": update["kind"],
        "schema": update["schema"],
        "grid": update["grid"],
        "version": update["version"],
        "voided": bool(update.get("voided")),
        "merged_into": update.get("merged_into"),
        "fields": dict(fields),
        "author": first.get("author") or old.get("author") or last.get("author") or "",
        "made_at": first.get("made_at") or old.get("made_at") or last.get("made_at") or "",
        "last_author": last.get("author") or "",
        "last_made_at": last.get("made_at") or "",
    }
