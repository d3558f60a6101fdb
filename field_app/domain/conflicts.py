"""What became of a worker's values where another's stood: the conflict document of a change.

It is worked out anew from the change, the centre's copy and the staff's decisions, so that the
order in which these come does not matter. A decision has the last word; where a centre sends none,
a copy that shows the worker's value tells that it was taken.

A fate (and ``decision``, the least welcome of them) is told from the worker's side:

    kept            another's value stands
    replaced        the worker's value stands
    both            both values stand
    rewritten       staff wrote a third value
    superseded      a later value of the worker's own took its place
    released        a refused change was let in as it was
    released_fixed  a refused change was let in with other values
    dismissed       a refused change was not taken
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.catalogue import kind_of
from schemas.exchange import IN_STORE
from schemas.values import get_path, paths

Change = dict[str, Any]
Document = dict[str, Any]
Rulings = Mapping[str, Mapping[str, Any] | None]
"""What decisions say of one change, by the decision's id; None when one was taken back."""

DECISION = "decision"
VOIDED = "voided"
LEAST_WELCOME = (
    "dismissed", "kept", "rewritten", "released_fixed", "both", "released", "replaced",
    "superseded",
)  # fmt: skip
AGAINST = frozenset({"dismissed", "kept", "rewritten", "released_fixed"})
"""Decisions after which what the worker wrote does not stand as he wrote it."""

_BESIDE = {"withdrawn": "superseded"}
_STOOD = {"kept": "replaced", "replaced": "kept", "withdrawn": "replaced"}
"""Fates that are not called as the decision's outcome, for the value beside and the one that
stood."""


def rulings_of(copies: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by change id what the decisions among the centre's ``copies`` say of each change.

    A decision that left the laptop's scope is no word taken back: what it said stays.
    """
    found: dict[str, dict[str, Any]] = {}
    for copy in copies:
        if copy["kind"] != DECISION or copy.get("gone"):
            continue
        for member, beside in (("visible_change_id", False), ("change_id", True)):
            change_id = copy["fields"].get(member)
            if isinstance(change_id, str):
                said = None if copy["voided"] else _ruling(copy, beside)
                found.setdefault(change_id, {})[copy["record_id"]] = said
    return found


def _ruling(copy: Mapping[str, Any], beside: bool) -> dict[str, Any]:
    fields = copy["fields"]
    return {
        "version": copy["version"],
        "subject": fields.get("subject"),
        "outcome": fields.get("outcome"),
        "path": fields.get("path") or "",
        "beside": beside,
        "reached": fields.get("version"),
        "words": fields.get("words") or "",
        "automatic": bool(fields.get("automatic")),
        "by": fields.get("decided_by") or "",
        "at": fields.get("decided_at") or "",
    }


def ruled(change: Change, rulings: Rulings) -> Change:
    """Return a refused change as staff's decisions have it: let in, not taken, or still refused."""
    told = (change["receipt"] or {}).get("outcome", change["outcome"])
    if not change["acked"] or told != "quarantined":
        return change
    last = _last(one for one in rulings.values() if one and one["subject"] == "refused")
    outcome = last["outcome"] if last else None
    if outcome in ("released", "released_fixed"):
        assert last is not None
        receipt = {**(change["receipt"] or {}), "outcome": told, "version": last["reached"]}
        settled = change["settled"] and change["outcome"] == "applied"
        # Without a version it waits for its record, as it would have.
        waits = last["reached"] is None and not settled
        outcome = "held" if waits else "applied"
        return _flagged({**change, "outcome": outcome, "receipt": receipt, "settled": settled},
                        "declined", False)  # fmt: skip
    if change["outcome"] != "quarantined":
        change = {**change, "outcome": "quarantined", "settled": False}
    return _flagged(change, "declined", outcome == "dismissed")


def _flagged(change: Change, name: str, value: bool) -> Change:
    """Return the change with a flag, which is left out until it was true once."""
    return {**change, name: value} if value or name in change else change


def new_conflict(change: Mapping[str, Any], at: str) -> Document:
    """Return the conflict document of a change, with nothing known of it yet."""
    return {
        "change_id": change["change_id"],
        "conflict_id": None,
        "record_id": change["record_id"],
        "kind": change["kind"],
        "opened_at": at,
        "pairs": [],
        "fates": {},
        "rulings": {},
        "compared": False,
        "contested": False,
        "decision": None,
        "decided_at": None,
        "noted": False,
        "noted_as": None,
    }


def rulings_known(document: Mapping[str, Any] | None, arrived: Rulings) -> dict[str, Any]:
    """Return what a document and what has just arrived say together, by decision id.

    An answer that was long on its way (on a stick) does not bring back what was decided before.
    """
    known: dict[str, Any] = dict((document or {}).get("rulings", {}))
    for name, one in arrived.items():
        if one is None:
            known.pop(name, None)
        elif name not in known or known[name]["version"] <= one["version"]:
            known[name] = one
    return known


def weigh(
    known: Mapping[str, Any] | None,
    change: Mapping[str, Any],
    copy: Mapping[str, Any] | None,
    later: Sequence[Mapping[str, Any]],
    rulings: Mapping[str, Any],
    at: str,
) -> Document | None:
    """Return the conflict document of a change, None when nothing of it was at issue.

    ``known`` is the one kept so far, ``copy`` the centre's, ``later`` the worker's changes of the
    record made after this one, ``rulings`` all that decisions say of it.
    """
    present = copy if change["settled"] and copy is not None and not copy.get("gone") else None
    before = {**new_conflict(change, at), **(known or {})}
    if known is not None and "compared" not in known:  # kept by a version that did not say
        before["compared"] = bool(known["pairs"])
    found = _compare(before, change, present, rulings)
    contested = change["outcome"] == "conflict" or _met_another(before, change, found, rulings)
    at_stake = _at_stake(before, change, found or (), rulings)
    if not contested and not at_stake and not rulings:
        return None
    as_met = {**change, "outcome": "conflict"} if contested else change
    fates = {path: _fate(before, as_met, path, present, later, rulings) for path in at_stake}
    document = before | {
        "conflict_id": before["conflict_id"] or (change["receipt"] or {}).get("conflict_id"),
        "pairs": [_pair(before, change, path, present) for path in at_stake],
        "fates": fates,
        "rulings": dict(rulings),
        "compared": before["compared"] or found is not None,
        "contested": contested,
    }
    return _decided(document, contested, before, at)


def _compare(
    before: Mapping[str, Any],
    change: Mapping[str, Any],
    present: Mapping[str, Any] | None,
    rulings: Mapping[str, Any],
) -> list[str] | None:
    """Return the paths that met another's value, seen from the first copy that can tell.

    Later copies cannot: what was applied may have been changed by people who knew it. None when
    there is no such copy yet, or it was looked at before.
    """
    if present is None or before["compared"]:
        return None
    reached = (change["receipt"] or {}).get("version")
    fixed = any(one["outcome"] == "released_fixed" for one in rulings.values())
    if change["outcome"] == "conflict" or fixed:
        return differing(change, present)
    # Decided at once by time, or let in and met by another's value: the copy of that very version
    # tells which.
    let_in = change["outcome"] == "merged" or _released(rulings)
    if let_in and present["version"] == reached:
        return differing(change, present) or None
    return None


def _met_another(
    before: Mapping[str, Any],
    change: Mapping[str, Any],
    found: list[str] | None,
    rulings: Mapping[str, Any],
) -> bool:
    """Whether a refused change that was let in as it was met another's value there."""
    if change["outcome"] != "applied" or not is_let_in(change) or not _released(rulings):
        return False
    return bool(before["contested"] or found)


def is_let_in(change: Mapping[str, Any]) -> bool:
    """Whether a change was refused and let in since, as a decision says; the centre has not told
    yet what exactly became of it."""
    told = (change["receipt"] or {}).get("outcome")
    return bool(change["acked"]) and told == "quarantined" and change["outcome"] != told


def _released(rulings: Mapping[str, Any]) -> bool:
    return any(one["outcome"] == "released" for one in rulings.values())


def _at_stake(
    before: Mapping[str, Any],
    change: Mapping[str, Any],
    found: Iterable[str],
    rulings: Mapping[str, Any],
) -> list[str]:
    asked = said(change)
    named = {pair["path"] for pair in before["pairs"]} | set(found)
    named |= {one["path"] for one in rulings.values() if one["subject"] == "conflict"}
    order = {path: place for place, path in enumerate(asked)}
    return sorted(
        (path for path in named if path in asked or path == VOIDED),
        key=lambda path: (order.get(path, len(order)), path),
    )


def _pair(
    before: Mapping[str, Any],
    change: Mapping[str, Any],
    path: str,
    present: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return both values of a path. The other one is what stands now; where that is the worker's,
    it is the last other value that was seen, if any was."""
    pair = {"path": path, "mine": said(change).get(path, False if path == VOIDED else None)}
    old: Mapping[str, Any] = next((one for one in before["pairs"] if one["path"] == path), {})
    if present is not None and (now := standing(present, path)) != pair["mine"]:
        return pair | {"theirs": now}
    return pair | ({"theirs": old["theirs"]} if "theirs" in old else {})


def _fate(
    before: Mapping[str, Any],
    change: Mapping[str, Any],
    path: str,
    present: Mapping[str, Any] | None,
    later: Sequence[Mapping[str, Any]],
    rulings: Mapping[str, Any],
) -> str | None:
    """Return what became of the worker's value of a path, None while it is open."""
    last = ruling_on(rulings, path)
    if last is not None:
        names = _BESIDE if last["beside"] else _STOOD
        return str(names.get(last["outcome"], last["outcome"]))
    known: str | None = before["fates"].get(path)
    if present is None or (known is not None and change["outcome"] == "conflict"):
        return known  # whatever was written there since, this was over
    if standing(present, path) == said(change).get(path, False):
        return "replaced"
    if any(path in said(one) and one["acked"] and one["outcome"] in IN_STORE for one in later):
        return "superseded"
    return {"conflict": None, "merged": "kept"}.get(change["outcome"], "released_fixed")


def _decided(document: Document, contested: bool, before: Mapping[str, Any], at: str) -> Document:
    """Return the document with its decision, when it was made and whether it was noted."""
    found = list(document["fates"].values())
    last = _last(one for one in document["rulings"].values() if one["subject"] == "refused")
    if last is not None:
        found.append(last["outcome"])
    if contested and document["compared"] and not found:
        found.append("replaced")  # the first copy seen shows the worker's values already
    decision = None
    if found and None not in found:
        decision = min(found, key=LEAST_WELCOME.index)
    made = max((one["at"] for one in document["rulings"].values()), default="")
    document |= {
        "decision": decision,
        "decided_at": (made or before["decided_at"] or at) if decision else None,
    }
    noted_as = noted_of(before)
    return document | {"noted": noted_as == mark_of(document), "noted_as": noted_as}


def mark_of(document: Mapping[str, Any]) -> str:
    """Return what a worker takes note of: the decision and the very versions it was made by."""
    made = sorted(f"{name}:{one['version']}" for name, one in document["rulings"].items())
    return "|".join([document["decision"] or "open", *made])


def noted_of(document: Mapping[str, Any]) -> str | None:
    """Return what the worker last took note of, None when nothing."""
    if document.get("noted_as") is None and document["noted"]:
        return mark_of({"rulings": {}, **document})
    noted_as: str | None = document.get("noted_as")
    return noted_as


def noted(document: Mapping[str, Any]) -> Document:
    """Return the document as taken note of, until something else is decided."""
    whole = {"rulings": {}, **document}
    return {**whole, "noted": True, "noted_as": mark_of(whole)}


def unread(document: Mapping[str, Any]) -> bool:
    """Whether the worker must be told: open, or decided against him, and not taken note of."""
    return not document["noted"] and (
        document["decision"] is None or document["decision"] in AGAINST
    )


def weighed(change: Change, document: Mapping[str, Any] | None) -> Change:
    """Return the change with what its document decides: ``decided``, and ``declined`` when nothing
    of what it said was taken."""
    if document is not None and document.get("contested") and change["outcome"] == "applied":
        change = {**change, "outcome": "conflict"}
    if change["outcome"] not in ("conflict", "merged"):
        return change
    decided = document is not None and document["decision"] is not None
    change = _flagged(change, "decided", decided) if change["outcome"] == "conflict" else change
    lost = (
        decided
        and document is not None
        and all(
            document["fates"].get(path) in ("kept", "rewritten")
            and (ruling_on(document["rulings"], path) or {"beside": True})["beside"]
            for path in said(change)
        )
    )
    return _flagged(change, "declined", lost)


def forgotten(document: Mapping[str, Any], *, lost: bool) -> Document:
    """Return the document as it is before a restored centre tells its decisions again.

    ``lost`` tells that the centre does not know the change itself any more.
    """
    bare = {**new_conflict(document, document["opened_at"]), **document}
    bare |= {"rulings": {}, "fates": {}, "contested": False, "decision": None, "decided_at": None,
             "noted": False, "noted_as": noted_of(document)}  # fmt: skip
    return bare | ({"pairs": [], "compared": False} if lost else {})


def stripped(document: Mapping[str, Any]) -> Document:
    """Return the document of a record that left the laptop: no value and no word stays."""
    rulings = {name: one | {"words": ""} for name, one in document.get("rulings", {}).items()}
    pairs = [{"path": pair["path"]} for pair in document["pairs"]]
    return {**document, "pairs": pairs, "rulings": rulings}


def ruling_on(rulings: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """Return the last decision on a path, None when there is none."""
    return _last(one for one in rulings.values()
                 if one["subject"] == "conflict" and one["path"] == path)  # fmt: skip


def _last(rulings: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max(rulings, key=lambda one: (one["at"], one["version"]), default=None)


def said(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything a change says by its path; that a record is void is a path of its own."""
    if change["action"] == "void":
        return {VOIDED: True}
    return dict(paths(kind_of(change["kind"]), change["fields"]))


def standing(copy: Mapping[str, Any], path: str) -> Any:
    """Return what the centre's copy says at a path."""
    return copy["voided"] if path == VOIDED else get_path(copy["fields"], path)


def differing(change: Mapping[str, Any], copy: Mapping[str, Any]) -> list[str]:
    """Return the paths where the centre says something else than a change."""
    return [path for path, value in said(change).items() if standing(copy, path) != value]
