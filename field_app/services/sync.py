"""One sync round: exchanges until nothing is unsent and nothing more waits at the centre.

Each exchange sends one batch and stores receipts, updates and cursor of its answer in one commit.
Nothing is marked from having been sent, only from a parsed answer; whatever fails leaves the store
as it was, and the next round begins where this one stopped.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from field_app.domain.batches import Limits
from field_app.domain.errors import Trouble
from field_app.domain.progress import Progress
from field_app.services import forks
from field_app.services.batch import Batch, next_batch
from field_app.services.receiving import adopt_unknown, count_held, prune, take_reply
from field_app.services.records import unsent_count
from field_app.services.troubles import code_and_facts
from field_app.services.workspace import ROUNDS, Workspace
from field_app.sync_client import Client, Reply, SyncFault
from schemas.clock import written

log = logging.getLogger(__name__)

TRIES = 3
"""How often one exchange is tried within a round before the round gives up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 20.0
ROUNDS_KEPT = 200
PATIENCE = frozenset({"unreachable", "timeout", "busy", "server_busy", "server_error"})
"""Faults worth another try within the round; the same bytes are sent, so nothing counts twice."""
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
    limits: Limits
    held: int
    gone: int = 0
    stuck: int = 0
    tries: int = TRIES


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
    try:
        identity = ws.identity
        adopt_unknown(ws)
        progress.total = unsent_count(ws)
        limits = Limits(identity.max_changes, identity.max_bytes)
        _exchanges(Round(ws, client, progress, agreed, sleep, limits, count_held(ws)))
        prune(ws)
    except Exception as error:  # a round must end with words, whatever happened
        _failed(ws, progress, error)
    else:
        progress.ended_at = written(ws.now())
        progress.stage = "done"
    _remember(ws, progress)


def _failed(ws: Workspace, progress: Progress, error: Exception) -> None:
    progress.error, progress.facts = code_and_facts(error)
    if progress.error == "unexpected":
        log.exception("round failed")
    else:
        log.info("round ended: %s", progress.error)
    if isinstance(error, SyncFault):
        progress.retry_after_s = error.retry_after_s
        if error.code in ("bad_token", "device_revoked"):
            _note_state(ws, "revoked" if error.code == "device_revoked" else "bad_token")
    progress.ended_at = written(ws.now())
    progress.stage = "stopped" if progress.error == "scope_shrinks" else "failed"


def _note_state(ws: Workspace, state: str) -> None:
    try:
        ws.keep_setting("identity", state=state)
    except Exception:  # the note is a courtesy; the next round finds out again
        log.info("device state not kept")


def _remember(ws: Workspace, progress: Progress) -> None:
    """Keep the round in the history; a store that was locked meanwhile loses only this line."""
    try:
        with ws.db.transaction():
            table = ws.table(ROUNDS)
            table.insert(progress.document() | {"confirmed_all": progress.stage == "done"})
            numbers = [document.doc_id for document in table]
            table.remove(doc_ids=numbers[:-ROUNDS_KEPT])
    except Exception:
        log.info("round not kept in the history")


def _exchanges(this: Round) -> None:
    """Exchange until nothing is unsent and nothing more is offered."""
    more = True
    while more or unsent_count(this.ws):
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
    """Make one exchange and store its answer; None when the centre asked to begin differently."""
    batch = next_batch(this.ws, this.limits)
    this.progress.total = this.progress.confirmed + unsent_count(this.ws)
    this.progress.stage = "sending" if batch.changes else "receiving"
    try:
        reply = _patiently(this, batch)
    except SyncFault as fault:
        if _adapt(this, batch, fault):
            return None
        raise
    this.progress.exchanges += 1
    this.progress.next_after_s = reply.next_after_s
    taken = take_reply(
        this.ws, batch, reply, agreed=this.agreed, held=this.held, gone_before=this.gone
    )
    this.gone += taken.gone
    this.progress.confirmed += taken.confirmed
    this.progress.received += taken.received
    for outcome, count in taken.outcomes.items():
        this.progress.outcomes[outcome] = this.progress.outcomes.get(outcome, 0) + count
    if taken.braked:
        raise Trouble("scope_shrinks", gone=taken.braked, total=this.held)
    return reply


def _patiently(this: Round, batch: Batch) -> Reply:
    """Try one exchange a few times, with growing pauses of random length in between."""
    pause = FIRST_PAUSE_S
    for attempt in range(1, this.tries + 1):
        try:
            return this.client.exchange(batch.body)
        except SyncFault as fault:
            wait = fault.retry_after_s
            if wait is None:
                wait = random.uniform(0, pause)
            if attempt == this.tries or fault.code not in PATIENCE or wait > LONGEST_PAUSE_S:
                raise
        this.sleep(wait)
        pause = min(pause * 4, LONGEST_PAUSE_S)
    raise AssertionError("unreachable")


def _adapt(this: Round, batch: Batch, fault: SyncFault) -> bool:
    """Do what makes the next exchange succeed where this one could not; False when nothing can."""
    match fault.code:
        case "too_large" | "server_error" if len(batch.changes) > 1:
            # After a failure of the server too: the part before an offending change gets by.
            this.limits = Limits(len(batch.changes) // 2, this.limits.bytes)
            this.tries = 1
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


def back_off(failures: int, progress: Progress) -> float:
    """Return the seconds until the next round may start by itself after ``failures`` in a row.

    What the centre asked for is kept to; else a random part (full jitter) of a limit growing from
    5 seconds to 15 minutes, so that a city's laptops do not come back all at once.
    """
    if progress.retry_after_s is not None:
        return progress.retry_after_s + random.uniform(0, 5)
    return random.uniform(1, min(5 * 2 ** min(failures, 10), 900))


def last_rounds(ws: Workspace, count: int = 20) -> list[dict[str, object]]:
    """Return the latest rounds, newest first."""
    return [dict(one) for one in reversed(list(ws.table(ROUNDS)))][:count]
