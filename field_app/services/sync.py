"""One sync round: exchanges until nothing is unsent and nothing more waits at the centre.

Each exchange sends one batch and stores receipts, updates and cursor of its answer in one commit.
Nothing is marked from having been sent, only from a parsed answer; whatever fails leaves the store
as it was, and the next round begins where this one stopped. What a line can carry at a time is
found out by trying, and remembered. A pull that would take much away waits for the worker's word;
what he wrote goes up all the same.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from field_app.domain.batches import Limits
from field_app.domain.errors import Trouble
from field_app.domain.pace import Pace
from field_app.domain.progress import Progress
from field_app.services import forks, streams
from field_app.services.accounting import check_account, confirmed_head, photos_lost
from field_app.services.batch import WANT, Batch, next_batch
from field_app.services.photo_uploads import upload_waiting
from field_app.services.photos import offer_again
from field_app.services.poison import exchange_aside, is_poison
from field_app.services.receiving import adopt_unknown, count_held, prune, take_reply
from field_app.services.records import unsent_count
from field_app.services.troubles import code_and_facts
from field_app.services.workspace import CHANGES, ROUNDS, SETTINGS, Workspace
from field_app.sync_client import PASSING, Client, Reply, SyncFault
from schemas.clock import written

log = logging.getLogger(__name__)

TRIES = 3
"""How often one exchange is tried within a round before the round gives up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 20.0
ROUNDS_KEPT = 200
PACE = "pace"
BEGUN = "round"
"""The settings document of a round under way: it goes in the commit that keeps how the round ended,
so that one found when the store is opened was cut short."""
STUCK_AFTER = 3
"""Answers in a row that brought nothing forward before the round gives up."""


@dataclass
class Round:
    """What one round carries from exchange to exchange."""

    ws: Workspace
    client: Client
    progress: Progress
    agreed: bool
    sleep: Callable[[float], None]
    most: Pace
    pace: Pace
    held: int
    gone: int = 0
    stuck: int = 0
    rough: int = 0
    """How often in a row the line was too slow, or broke off in the middle."""
    search: int = 0
    """How many changes at a time while one the centre fails at is searched for; 0: none is."""
    receipts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def limits(self) -> Limits:
        """How much the next batch may hold."""
        changes = min(self.pace.changes, self.search or self.pace.changes)
        return Limits(changes, self.ws.identity.max_bytes)


def run_round(
    ws: Workspace,
    client: Client,
    progress: Progress,
    *,
    agreed: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run a round to its end, keeping ``progress`` true at every moment; never raises.

    How it ended stands in ``progress`` and, with its counts, in the table of rounds. ``agreed``
    tells that the worker accepts that many records leave this laptop.
    """
    progress.started_at = written(ws.now())
    progress.stage = "connecting"
    receipts: list[dict[str, Any]] = []
    try:
        adopt_unknown(ws)
        progress.total = unsent_count(ws)
        _mark_begun(ws, progress)
        this = _begin(ws, client, progress, agreed=agreed, sleep=sleep)
        receipts = this.receipts
        try:
            _exchanges(this)
        finally:
            _keep_pace(this)
        upload_waiting(ws, client, progress, sleep=sleep)
        progress.stage = "checking"
        _compare(ws, client)
        prune(ws)
        if progress.asks:
            raise Trouble("scope_shrinks", **progress.asks)
    except Exception as error:  # a round must end with words, whatever happened
        _failed(ws, client, progress, error)
    else:
        progress.ended_at = written(ws.now())
        progress.stage = "done"
    _remember(ws, progress, receipts)


def end_unbegun(ws: Workspace, progress: Progress, error: Exception) -> None:
    """End a round that found no way to its centre, in words and in the history."""
    progress.started_at = progress.ended_at = written(ws.now())
    progress.error, progress.facts = code_and_facts(error)
    progress.stage = "failed"
    _remember(ws, progress, [])


def tell_interrupted(ws: Workspace, *, restored: bool = False) -> None:
    """Keep in the history a round that was cut short by the end of the program, of its power or by
    a lock, once; to be called while no round runs.

    A store that was ``restored`` does not know how the round went on.
    """
    begun = ws.setting(BEGUN)
    if not begun:
        return
    try:
        with ws.db.transaction():
            if not restored:
                _keep_interrupted(ws, begun)
            ws.table(SETTINGS).remove(doc_ids=[BEGUN])
    except Exception:  # the next opening tells it
        log.info("interrupted round not kept in the history")


def _keep_interrupted(ws: Workspace, begun: dict[str, Any]) -> None:
    confirmed = sum(
        max(0, one["acked_seq"] - begun["acked"].get(name, 0))
        for name, one in streams.all_streams(ws).items()
    )
    told = Progress(
        stage="interrupted",
        total=max(begun["total"], confirmed),
        confirmed=confirmed,
        started_at=begun["started_at"],
        error="round_interrupted",
        unsent=unsent_count(ws),
    )
    _keep_round(ws, told, {"confirmed_all": False})


def _mark_begun(ws: Workspace, progress: Progress) -> None:
    """Note that a round is under way; a store that cannot take the note loses only that."""
    acked = {name: one["acked_seq"] for name, one in streams.all_streams(ws).items()}
    try:
        with ws.db.transaction():
            tell_interrupted(ws)
            begun = {"started_at": progress.started_at, "total": progress.total, "acked": acked}
            ws.put(SETTINGS, BEGUN, begun)
    except Exception:
        log.info("beginning of a round not kept")


def _begin(
    ws: Workspace,
    client: Client,
    progress: Progress,
    *,
    agreed: bool,
    sleep: Callable[[float], None],
) -> Round:
    most = Pace(ws.identity.max_changes, WANT)
    pace = Pace.read(ws.setting(PACE), most)
    return Round(ws, client, progress, agreed, sleep, most, pace, count_held(ws))


def _compare(ws: Workspace, client: Client) -> None:
    """Compare the two accounts; a centre that does not answer this now has still confirmed all.

    Photos it has lost since are waiting again: the next round sends them.
    """
    try:
        check_account(ws, client)
        offer_again(ws, photos_lost(ws))
    except SyncFault as fault:
        log.info("account not compared: %s", fault.code)


def _keep_pace(this: Round) -> None:
    if this.pace.document() != this.ws.setting(PACE):
        this.ws.keep_setting(PACE, **this.pace.document())


def _failed(ws: Workspace, client: Client, progress: Progress, error: Exception) -> None:
    progress.error, progress.facts = code_and_facts(error)
    if progress.error == "unexpected":
        log.exception("round failed")
    else:
        log.info("round ended: %s", progress.error)
    if isinstance(error, SyncFault):
        progress.retry_after_s = error.retry_after_s
        if error.code == "device_revoked":
            _note_state(ws, "revoked")
            _note_rescue(ws, client)
        elif error.code == "bad_token":
            _note_state(ws, "bad_token")
    progress.ended_at = written(ws.now())
    progress.stage = "stopped" if progress.error == "scope_shrinks" else "failed"


def _note_rescue(ws: Workspace, client: Client) -> None:
    """Find out what of a revoked laptop's work has reached the centre (by relay file)."""
    try:
        _compare(ws, client)
    except Exception:  # the next round asks again
        log.info("account not kept")


def _note_state(ws: Workspace, state: str) -> None:
    try:
        ws.keep_setting("identity", state=state)
    except Exception:  # the note is a courtesy; the next round finds out again
        log.info("device state not kept")


def _remember(ws: Workspace, progress: Progress, receipts: list[dict[str, Any]]) -> None:
    """Keep the round in the history; a store that was locked meanwhile tells that it was cut short
    when it is opened again."""
    try:
        with ws.db.transaction():
            progress.unsent = unsent_count(ws)
            kept = {
                "confirmed_all": progress.stage == "done",
                "receipts": receipts,
                "head": confirmed_head(ws),
            }
            _keep_round(ws, progress, kept)
            if ws.setting(BEGUN):
                ws.table(SETTINGS).remove(doc_ids=[BEGUN])
    except Exception:
        log.info("round not kept in the history")


def _keep_round(ws: Workspace, progress: Progress, kept: dict[str, Any]) -> None:
    table = ws.table(ROUNDS)
    table.insert(progress.document() | kept)
    numbers = [document.doc_id for document in table]
    table.remove(doc_ids=numbers[:-ROUNDS_KEPT])


def _exchanges(this: Round) -> None:
    """Exchange until nothing is unsent and nothing more is offered, or may be taken."""
    more = True
    while (more and not this.progress.asks) or unsent_count(this.ws):
        before = (this.progress.confirmed, this.progress.received, this.ws.setting("cursor"))
        reply = _exchange(this)
        if reply is None:
            continue
        more = reply.more
        after = (this.progress.confirmed, this.progress.received, this.ws.setting("cursor"))
        this.stuck = this.stuck + 1 if before == after else 0
        if this.stuck >= STUCK_AFTER:
            raise SyncFault("bad_reply")


def _exchange(this: Round) -> Reply | None:
    """Make one exchange and store its answer; None when the next one must begin differently."""
    want = 0 if this.progress.asks else this.pace.want
    batch = next_batch(this.ws, this.limits, want=want)
    this.progress.total = this.progress.confirmed + unsent_count(this.ws)
    this.progress.stage = "sending" if batch.changes else "receiving"
    try:
        reply = _patiently(this, batch)
    except SyncFault as fault:
        if is_poison(batch, fault):
            reply = exchange_aside(this.ws, this.client, batch, fault, this.sleep)
            this.search = 0
        elif _adapt(this, batch, fault):
            return None
        else:
            raise
    _take(this, batch, reply)
    return reply


def _take(this: Round, batch: Batch, reply: Reply) -> None:
    """Store a confirmed answer and count it."""
    progress = this.progress
    progress.exchanges += 1
    progress.next_after_s = reply.next_after_s
    taken = take_reply(
        this.ws, batch, reply,
        agreed=this.agreed, held=this.held, gone_before=this.gone, pulls=not progress.asks,
    )  # fmt: skip
    this.gone += taken.gone
    progress.confirmed += taken.confirmed
    progress.received += taken.received
    progress.gone += taken.gone
    progress.staying += taken.staying
    progress.measure(reply.up_bytes, reply.down_bytes, reply.took_s)
    for outcome, count in taken.outcomes.items():
        progress.outcomes[outcome] = progress.outcomes.get(outcome, 0) + count
    this.receipts += _receipts(this.ws, batch)
    this.rough, this.pace = 0, this.pace.faster(this.most)
    if taken.braked:
        progress.asks = {"gone": taken.braked, "total": this.held}


def _receipts(ws: Workspace, batch: Batch) -> list[dict[str, Any]]:
    """Return what became of a batch's changes, as the centre said just now."""
    ids = [one["change_id"] for one in batch.changes]
    now = ws.table(CHANGES).get(doc_ids=ids) if ids else []
    return [
        {"change_id": one["change_id"], "outcome": one["outcome"],
         "version": (one["receipt"] or {}).get("version")}
        for one in now if one["acked"]
    ]  # fmt: skip


def _patiently(this: Round, batch: Batch) -> Reply:
    """Try one exchange a few times, with growing pauses of random length in between; the same
    changes are sent, so nothing counts twice."""
    pause = FIRST_PAUSE_S
    tries = 1 if this.search and len(batch.changes) > 1 else TRIES
    for attempt in range(1, tries + 1):
        try:
            body = batch.body if attempt == 1 else batch.dated(this.ws.now())
            return this.client.exchange(body)
        except SyncFault as fault:
            wait = fault.retry_after_s
            if wait is None:
                wait = random.uniform(0, pause)
            patient = fault.code in PASSING and not fault.cut
            if attempt == tries or not patient or wait > LONGEST_PAUSE_S:
                raise
        this.sleep(wait)
        pause = min(pause * 4, LONGEST_PAUSE_S)
    raise AssertionError("unreachable")


def _adapt(this: Round, batch: Batch, fault: SyncFault) -> bool:
    """Do what makes the next exchange succeed where this one could not; False when nothing can."""
    sent = len(batch.changes)
    match fault.code:
        case "too_large":
            lighter = this.pace.lighter(sent)
            this.pace = lighter or this.pace
            return lighter is not None
        case "timeout" | "unreachable" if fault.cut or fault.code == "timeout":
            return _slow_down(this, sent)
        case "server_error" | "bad_envelope" if sent > 1:
            # The part before the change that is to blame gets by; then that change is found.
            this.search = sent // 2
            return True
        case "sequence_gap":
            this.stuck += 1
            forks.close_gaps(this.ws, batch.stream, fault.known or {})
        case "stream_forked":
            this.stuck += 1
            forks.leave(this.ws, {fault.stream or batch.stream})
        case _:
            return False
    return this.stuck < STUCK_AFTER


def _slow_down(this: Round, sent: int) -> bool:
    """Carry less at a time after an exchange took too long; the part is remembered even when the
    round gives up, so that the next one begins with what the line can carry."""
    this.pace = this.pace.slower(sent) or this.pace
    this.rough += 1
    if this.rough >= TRIES:
        return False
    this.sleep(random.uniform(0, FIRST_PAUSE_S * 4 ** (this.rough - 1)))
    return True


def back_off(failures: int, progress: Progress) -> float:
    """Return the seconds until the next round may start by itself after ``failures`` in a row.

    What the centre asked for is kept to; else a random part (full jitter) of a limit growing from
    5 seconds to 15 minutes, so that a city's laptops do not come back all at once.
    """
    if progress.retry_after_s is not None:
        return progress.retry_after_s + random.uniform(0, 5)
    return random.uniform(1, min(5 * 2 ** min(failures, 10), 900))


def last_rounds(ws: Workspace, count: int = 20) -> list[dict[str, object]]:
    """Return the latest rounds, newest first, each with its ``number``."""
    found = list(ws.table(ROUNDS))[-count:]
    return [dict(one) | {"number": one.doc_id} for one in reversed(found)]
