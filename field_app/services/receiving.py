"""Storing an answer: receipts, updates, cursor and what the centre says of us, in one commit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from field_app.domain import conflicts
from field_app.domain.identity import Identity
from field_app.domain.reconcile import (
    Result,
    World,
    beyond,
    is_held,
    prunable,
    reconcile,
    too_many_gone,
)
from field_app.services import accounting, forks, memory_index, streams
from field_app.services.batch import Batch
from field_app.services.drafts import MAIN
from field_app.services.records import (
    changes_of,
    find_view,
    get_view,
    kind_names,
    seen_version,
)
from field_app.services.workspace import CHANGES, CONFLICTS, DRAFTS, Workspace, plain, put_all
from field_app.sync_client import Reply
from schemas.catalogue import kinds
from schemas.clock import written

log = logging.getLogger(__name__)

UNKNOWN = "unknown_kinds"
"""The table of records whose kind this program does not know yet."""
OLD = "old"
"""In a copy: it is of an epoch of the centre that is over."""
MARKS = ("seen", conflicts.DECISION, "correction")
"""Kinds that speak of another record and are listed under it."""
CLOCK_DOUBT_S = 600
PRUNE_AT_ONCE = 2000


@dataclass
class Taken:
    """What one answer brought. ``gone`` records left the worker's grids, ``staying`` ones of them
    until his open work on them is settled. ``braked`` is how many records it would have taken away,
    when that is so many that he must be asked; its updates and cursor are then not stored."""

    confirmed: int = 0
    received: int = 0
    gone: int = 0
    staying: int = 0
    braked: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


def count_held(ws: Workspace) -> int:
    """Return how many of the centre's records this laptop holds."""
    return sum(ws.table(name).count(lambda view: view["copy"] is not None) for name in kind_names())


def take_reply(
    ws: Workspace,
    batch: Batch,
    reply: Reply,
    *,
    agreed: bool,
    held: int,
    gone_before: int,
    pulls: bool = True,
    measured: bool = True,
) -> Taken:
    """Store everything a confirmed answer says, in one commit.

    ``pulls`` False: an earlier answer waits for the worker's word, so that only receipts count, and
    records and cursor stay as they are.

    ``measured`` False: it came on a stick, so that it says nothing of the clocks, nor whether the
    device may use the link. Raises what the store raises, having stored nothing.
    """
    at = written(ws.now())
    with ws.db.transaction():
        renewed = _begin_anew(ws, reply) if _is_restored(ws, reply) else {}
        offered = [*reply.updates, *_not_renewed(ws, reply)] if pulls else []
        leaving = [one for one in offered if one.get("gone") and _holds(ws, one["record_id"])]
        gone = 0 if agreed else too_many_gone(leaving, gone_before, held)
        updates = () if gone else offered
        # A change may have been sealed anew or corrected since the batch was made.
        sent = [now for one in batch.changes if (now := _as_it_is(ws, one)) is not None]
        sent += _held_ones(ws, reply, {one["change_id"] for one in sent})
        # By the centre's clock: what is kept ninety days must not hang on this laptop's.
        confirmed_at = written(ws.now() + timedelta(seconds=reply.offset_s))
        grids = reply.grids if reply.grids is not None else ws.grids
        stands = gone or not pulls
        whole = measured and not reply.more and not stands
        world = _world(ws, sent, updates, renewed | _left_behind(ws, grids, whole=whole))
        # What he has just sent from a grid he lost stays with the rest until he has agreed.
        world.grids, world.whole = (None if stands and measured else grids), whole
        result = reconcile(world, sent, reply.receipts, updates, confirmed_at)
        _write(ws, result)
        ws.table(UNKNOWN).remove(doc_ids=[one["record_id"] for one in updates if one.get("gone")])
        streams.confirm(ws)
        ws.keep_setting("cursor", server_epoch=reply.server_epoch)
        if not stands:
            ws.keep_setting("cursor", cursor=reply.cursor, grids=list(grids))
            if not reply.more:
                ws.keep_setting("cursor", anew=False)
        _keep_identity(ws, reply, at, measured=measured)
        if reply.people:
            ws.keep_setting("people", **reply.people)
    if None in result.views.values():
        memory_index.forget(ws)
    return Taken(result.confirmed, result.received, result.gone, result.staying, gone,
                 result.outcomes)  # fmt: skip


def _holds(ws: Workspace, record_id: str) -> bool:
    """Whether a record of the centre's is here and has not been said to leave yet."""
    view = find_view(ws, record_id)
    return view is not None and view["copy"] is not None and not view["copy"].get("gone")


def _left_behind(ws: Workspace, grids: Sequence[str], *, whole: bool) -> dict[str, str]:
    """Return by record id the kinds of what waits for a copy though all that is in the worker's
    grids has come (``whole``), or they are fewer now: what the centre took of it will not come down
    any more."""
    if not whole and set(ws.grids) <= set(grids):
        return {}
    waiting = plain(ws.table(CHANGES).find_by("settled", False))
    return {one["record_id"]: one["kind"] for one in waiting if one["acked"] or not whole}


def _as_it_is(ws: Workspace, sent: dict[str, Any]) -> dict[str, Any] | None:
    now = ws.table(CHANGES).get(doc_id=sent["change_id"])
    return dict(now) if now is not None and now["hash"] == sent["hash"] else None


def _held_ones(ws: Workspace, reply: Reply, sent: set[str]) -> list[dict[str, Any]]:
    """Return earlier changes that waited at the centre, or were refused and let in, and that the
    answer now speaks of."""
    ids = [one["change_id"] for one in reply.receipts if one["change_id"] not in sent]
    found = plain(ws.table(CHANGES).get(doc_ids=ids)) if ids else []
    return [one for one in found if is_held(one) or conflicts.is_let_in(one)]


def _world(
    ws: Workspace, sent: list[dict[str, Any]], updates: Any, more: Mapping[str, str] | None = None
) -> World:
    """Read what the laptop has of every record the answer touches; ``more`` are records to be
    looked at besides, with their kinds."""
    kinds: dict[str, str | None] = dict(more or {})
    kinds |= {change["record_id"]: change["kind"] for change in sent}
    for update in updates:
        if update["record_id"] not in kinds or not update.get("gone"):
            kinds[update["record_id"]] = update.get("kind")
        if update.get("kind") == "seen" and isinstance(update["fields"].get("target_id"), str):
            kinds.setdefault(update["fields"]["target_id"], update["fields"].get("target_kind"))
        if update.get("kind") == conflicts.DECISION:
            for change in _decided_ones(ws, update["fields"]):
                kinds.setdefault(change["record_id"], change["kind"])
    known = set(kind_names())
    world = World({}, {})
    merged = {str(update.get("merged_into") or "") for update in updates}
    for record_id, kind in kinds.items():
        view = get_view(ws, kind, record_id) if kind in known else find_view(ws, record_id)
        if view is not None:
            world.views[record_id] = view
            merged.add(str(view["merged_into"] or ""))
        world.changes[record_id] = changes_of(ws, record_id)
        if world.changes[record_id]:  # nobody is told of others' marks and conflicts
            world.seen[record_id] = seen_version(ws, record_id)
            world.conflicts[record_id] = plain(ws.table(CONFLICTS).find_by("record_id", record_id))
    _add_survivors(ws, world, merged)
    return world


def _add_survivors(ws: Workspace, world: World, merged: set[str]) -> None:
    """Read what merged records went into: their own later changes are weighed against it."""
    while wanted := merged - world.views.keys() - {""}:
        merged = set()
        for record_id in wanted:
            view = find_view(ws, record_id)
            if view is not None:
                world.views[record_id] = view
                merged.add(str(view["merged_into"] or ""))


def _decided_ones(ws: Workspace, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the worker's own changes a decision speaks of."""
    named = [fields.get("change_id"), fields.get("visible_change_id")]
    ids = [one for one in named if isinstance(one, str)]
    return plain(ws.table(CHANGES).get(doc_ids=ids)) if ids else []


def _write(ws: Workspace, result: Result) -> None:
    put_all(ws.db, CHANGES, result.changes)
    put_all(ws.db, UNKNOWN, result.unknown)
    told = {name: one for name, one in result.conflicts.items() if one is not None}
    put_all(ws.db, CONFLICTS, told)
    ws.table(CONFLICTS).remove(doc_ids=[one for one in result.conflicts if one not in told])
    by_kind: dict[str, dict[str, dict[str, Any]]] = {}
    gone = []
    for record_id, view in result.views.items():
        if view is None:
            gone.append(record_id)
        else:
            by_kind.setdefault(view["kind"], {})[record_id] = view
    for name, views in by_kind.items():
        put_all(ws.db, name, views)
    if gone:
        _remove(ws, gone)


def _remove(ws: Workspace, record_ids: list[str]) -> None:
    """Remove the views of records, and the marks about them that lie where they lay.

    What is said of a change that never became a record, or was put where its writer is now, stays.
    So do marks in the worker's own grids, which a record moved to another grid leaves behind: the
    centre tells which of them went along.
    """
    marks = [
        mark["record_id"]
        for record_id in record_ids
        for view in [find_view(ws, record_id)]
        if view is not None and view["copy"] is not None
        for name in MARKS
        for mark in ws.table(name).find_by("parent_id", record_id)
        if mark["grid"] == view["grid"] and not _near(mark["grid"], ws.grids)
        if mark["state"] not in ("local", "refused", "conflict")
    ]
    leaving = set(record_ids)
    for name in kind_names():
        ws.table(name).remove(doc_ids=leaving.union(marks))
    _forget_drafts(ws, leaving)


def _forget_drafts(ws: Workspace, leaving: set[str]) -> None:
    """Take what drafts hold of records that leave: forms nothing was typed in and deleted ones, of
    those with other parts the part; of saved ones what saving filled in. Open work stays."""
    gone = []
    for draft in plain(ws.table(DRAFTS)):
        parts = {prefix: part for prefix, part in draft["parts"].items()
                 if part["record_id"] not in leaving}  # fmt: skip
        filled = {prefix: texts for prefix, texts in draft.get("filled", {}).items()
                  if draft["became"][prefix][1] not in leaving}  # fmt: skip
        if len(parts) < len(draft["parts"]) and not draft["revision"]:
            gone.append(draft["draft_id"])
        elif len(parts) < len(draft["parts"]) and draft["state"] == "deleted":
            if MAIN in parts:
                ws.put(DRAFTS, draft["draft_id"], {**draft, "parts": parts})
            else:
                gone.append(draft["draft_id"])
        elif len(filled) < len(draft.get("filled", {})):
            ws.put(DRAFTS, draft["draft_id"], {**draft, "filled": filled})
    ws.table(DRAFTS).remove(doc_ids=gone)


def _is_restored(ws: Workspace, reply: Reply) -> bool:
    """Whether the centre answers from another history than the one our cursor is of."""
    known = ws.setting("cursor").get("server_epoch")
    return known is not None and known != reply.server_epoch


def _begin_anew(ws: Workspace, reply: Reply) -> dict[str, str]:
    """Meet a restored centre: offer it what it lacks, and take every copy for old until the pull
    from the start has brought it again. Returns the records to be looked at, with their kinds."""
    for name in kind_names():
        views = {view["record_id"]: view for view in plain(ws.table(name)) if view["copy"]}
        old = {key: {**view, "copy": {**view["copy"], OLD: True}} for key, view in views.items()}
        put_all(ws.db, name, old)
    ws.keep_setting("cursor", anew=True)
    return _unmark_lost(ws, reply)


def _not_renewed(ws: Workspace, reply: Reply) -> list[dict[str, Any]]:
    """Return, as updates, that copies have gone which a finished pull from the start has not
    brought again: those outside the worker's grids, and what only the centre can make.

    A record of his grids that the restored centre lacks stays, marked as old: with the log behind
    it gone, this may be the last copy there is. It goes when its grid does: the centre, which may
    have got the record since, tells a laptop nothing of what it never gave it.
    """
    grids = reply.grids if reply.grids is not None else ws.grids
    place = ws.setting("cursor")
    finished = bool(place.get("anew")) and not reply.more
    # Not the worker's grids as last told: they may have been told with an answer whose leavings the
    # worker had to be asked about first, or when this laptop joined again. Where an earlier program
    # did not write down which grids the feed was reached with, all is looked at once.
    if not finished and "grids" in place and set(place["grids"]) <= set(grids):
        return []
    came = {update["record_id"] for update in reply.updates}
    return [
        {"record_id": view["record_id"], "gone": True}
        for kind in kinds()
        for view in ws.table(kind.info.name)
        if view["copy"] and view["copy"].get(OLD) and view["record_id"] not in came
        if not _near(view["copy"]["grid"], grids) or (finished and not kind.info.laptop)
    ]


def _near(area: str | None, grids: Sequence[str]) -> bool:
    """Whether an area lies in one of these grids, or around one."""
    return any((area or "").startswith(one) or one.startswith(area or "") for one in grids)


def _unmark_lost(ws: Workspace, reply: Reply) -> dict[str, str]:
    """Offer again whatever the restored centre does not have; nothing kept is touched.

    What staff had decided is forgotten until the centre, which is asked for everything anew, tells
    it again. Returns the records to be looked at, with their kinds.
    """
    lost, forked, shared = beyond(plain(ws.table(CHANGES)), reply.known)
    log.warning("the centre began a new epoch; %d changes are offered again", len(lost))
    put_all(ws.db, CHANGES, {change["change_id"]: change for change in lost})
    every = streams.all_streams(ws)
    streams.go_back(ws, {name: reply.known[name] if name in shared else (0, "") for name in every})
    if forked:
        forks.leave(ws, forked, foreign=True)
    ids = {
        change["change_id"]
        for change in lost
        if change["stream"] not in shared or change["seq"] > reply.known[change["stream"]][0]
    }
    told = plain(ws.table(CONFLICTS))
    put_all(
        ws.db,
        CONFLICTS,
        {one["change_id"]: conflicts.forgotten(one, lost=one["change_id"] in ids) for one in told},
    )
    for name in (conflicts.DECISION, "correction"):
        settled = [one["record_id"] for one in ws.table(name) if one["state"] != "local"]
        ws.table(name).remove(doc_ids=settled)
    return {one["record_id"]: one["kind"] for one in [*lost, *told]}


def _keep_identity(ws: Workspace, reply: Reply, at: str, *, measured: bool) -> None:
    """Keep what the centre says of us and how far the clocks are apart."""
    old = ws.identity
    new: Identity = replace(
        old,
        server_epoch=reply.server_epoch,
        grids=reply.grids if reply.grids is not None else old.grids,
        worker_kind=reply.worker_kind or old.worker_kind,
        keep_days=max(reply.keep_days or old.keep_days, 90),
        max_changes=reply.max_changes or old.max_changes,
        max_bytes=reply.max_bytes or old.max_bytes,
        clock_offset_s=reply.offset_s if measured else old.clock_offset_s,
        state="active" if measured else old.state,
    )
    if new != old:
        ws.keep_setting("identity", **new.document())
    if measured:
        ws.keep_setting("clock", offset_s=reply.offset_s, measured_at=at)


def prune(ws: Workspace) -> int:
    """Forget changes that were confirmed longer ago than they must be kept; return how many.

    What the centre may ask for again after a restore (90 days) always stays, and so does what is
    undecided, or decided and not taken note of, with the record it keeps here.
    """
    identity = ws.identity
    before = written(ws.true_now() - timedelta(days=max(identity.keep_days, 90)))
    unread = {one["change_id"] for one in ws.table(CONFLICTS) if conflicts.unread(one)}
    settled = plain(ws.table(CHANGES).find_by("settled", True))
    ids = prunable(settled, before, unread)[:PRUNE_AT_ONCE]
    if ids:
        with ws.db.transaction():
            accounting.note_forgotten(ws, plain(ws.table(CHANGES).get(doc_ids=ids)))
            ws.table(CHANGES).remove(doc_ids=ids)
            ws.table(CONFLICTS).remove(doc_ids=ids)
    return len(ids)


def adopt_unknown(ws: Workspace) -> int:
    """Give records their place whose kind this program has learnt since; return how many."""
    known = set(kind_names())
    waiting = [one for one in plain(ws.table(UNKNOWN)) if one["kind"] in known]
    if not waiting:
        return 0
    with ws.db.transaction():
        _write(ws, reconcile(_world(ws, [], waiting), [], [], waiting, written(ws.now())))
        ws.table(UNKNOWN).remove(doc_ids=[one["record_id"] for one in waiting])
    return len(waiting)
