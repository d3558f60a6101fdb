"""The work of imports, in bounded pieces: laying rows down, checking them, importing, taking back.

A piece is one transaction that also notes how far the work is, so that it goes on where it stopped
whoever takes it up: a worker that was killed, another process, or a command. Whoever is at it holds
it for a while; a piece writes only what it still holds as it was taken up, so that no row is done
twice.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.heads import (
    LOOKED_AT,
    MOST_LINES,
    Heads,
    find_heads,
    read_heads,
    shape_of,
)
from sync_server.domain.sheets.plan import Plan, proposed, read_plan, remembered
from sync_server.services import audit
from sync_server.services.centre import Centre
from sync_server.services.import_apply import apply_rows, row_of
from sync_server.services.import_likely import NotCompared, find_likely, refresh
from sync_server.services.import_rows import FindLikely, Judge, Task
from sync_server.services.import_undo import Undo
from sync_server.services.ledger import Ledger
from sync_server.services.record_keys import catch_up, key_all
from sync_server.store import imports as store_imports
from sync_server.store import writing
from sync_server.store.import_files import ImportFolder, StagedRow

log = logging.getLogger(__name__)

PIECE = 1_000
LEASE = timedelta(minutes=5)
WAIT_S = 0.5
"""So long a command waits before it looks again at its import while another program is at it."""
KEEP = timedelta(days=60)
"""So long the files of an import are kept; its rows and changes stay."""
Progress = Callable[[Mapping[str, Any]], None]


def folder_of(centre: Centre, import_id: str) -> ImportFolder:
    """Return where an import's files lie."""
    return ImportFolder(centre.settings.data / "imports" / import_id)


class Worker:
    """Does the work of imports; several may run beside each other, each on an import of its own."""

    def __init__(
        self, centre: Centre, *, compare: bool = True, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._centre = centre
        self._compare = compare
        self._wait = wait
        self.name = secrets.token_hex(8)
        self._judges: dict[str, Judge] = {}
        self._compared: set[str] = set()

    def work(
        self, *, only: str | None = None, told: Progress = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> int:  # fmt: skip
        """Do all the work there is and nobody else is at, until ``stop`` says so, and return how
        many pieces it was. ``only``: of one import, to its end; while another program is at it, or
        at comparing what is there, it is waited for."""
        pieces = 0
        while not stop():
            if (row := self._next(only)) is not None:
                if self._piece(row):
                    pieces += 1
                elif only is None:
                    break
                else:
                    self._wait(WAIT_S)
                told(self._reload(row["import_id"]))
            elif only is not None and self._waits(only):
                self._wait(WAIT_S)
                told(self._reload(only))
            else:
                break
        return pieces

    def _waits(self, import_id: str) -> bool:
        with self._centre.store.reading() as connection:
            return store_imports.waiting(connection, self._centre.code, import_id)

    def _next(self, only: str | None) -> Mapping[str, Any] | None:
        centre, now = self._centre, self._centre.clock()
        with centre.store.reading() as connection:
            if not store_imports.waiting(connection, centre.code, only):
                return None
        with centre.store.writing() as connection:
            return store_imports.claim(
                connection, centre.code, self.name, now, now + LEASE, only=only
            )

    def _holds(self, connection: sa.Connection, row: Mapping[str, Any]) -> bool:
        """Whether an import is still as this worker took it up, and so till the transaction ends;
        asked before anything is read that a piece depends on."""
        until = self._centre.clock() + LEASE
        if store_imports.hold(connection, self._centre.code, row, until):
            return True
        self._judges.pop(row["import_id"], None)
        log.info("import %s was taken up by somebody else", row["import_id"])
        return False

    def _reload(self, import_id: str) -> Mapping[str, Any]:
        with self._centre.store.reading() as connection:
            return store_imports.get(connection, self._centre.code, import_id) or {}

    def _piece(self, row: Mapping[str, Any]) -> bool:
        """Do one piece; a failure is kept with the import and stops no other. Return False when it
        has to wait until what is there was looked through."""
        step = {
            "reading": self._read, "checking": self._check, "running": self._run,
            "undoing": self._undo,
        }[row["state"]]  # fmt: skip
        try:
            step(row)
        except NotCompared:
            self._judges.pop(row["import_id"], None)
            self._compared.discard(row["import_id"])
            if not refresh(self._centre):
                return False
            self._compared.add(row["import_id"])  # and the same piece once more
        except Refusal as refusal:
            self._judges.pop(row["import_id"], None)
            if refusal.code in ("unavailable", "busy", "database_unreachable"):
                log.warning("import %s waits: %s", row["import_id"], refusal.code)
                raise
            self._fail(row, refusal.code)
        except Exception:
            self._judges.pop(row["import_id"], None)
            log.exception("import %s", row["import_id"])
            self._fail(row, "unexpected")
        return True

    def _fail(self, row: Mapping[str, Any], code: str) -> None:
        with self._centre.store.writing() as connection:
            if not self._holds(connection, row):
                return
            store_imports.change(
                connection, self._centre.code, row["import_id"], state="failed",
                problem={"code": code, "state": row["state"]}, leased_until=None,
            )  # fmt: skip

    # Reading --------------------------------------------------------------------------------

    def _read(self, row: Mapping[str, Any]) -> None:
        """Lay the rows down and propose the columns."""
        folder = folder_of(self._centre, row["import_id"])
        total = self._laid_before(folder, row) or folder.lay_down(row["sheet"])
        if not total:
            raise Refusal("sheet_empty")
        title = f"{row['sheet']} {row['file_name']}"
        with self._centre.store.writing() as connection:
            if not self._holds(connection, row):
                return
            plan = propose(connection, self._centre.code, folder, title)
            store_imports.change(
                connection, self._centre.code, row["import_id"], state="columns",
                kind=plan.kind, plan=plan.as_json(), leased_until=None,
                progress={"row": 0, "place": 0, "total": total},
            )  # fmt: skip

    def _laid_before(self, folder: ImportFolder, row: Mapping[str, Any]) -> int:
        """Take over the rows of the same file where it was read before; return how many."""
        with self._centre.store.reading() as connection:
            known = store_imports.like(connection, self._centre.code, row)
        for import_id, total in known.items():
            if folder.lay_down_as(folder_of(self._centre, import_id)):
                return total
        return 0

    # Checking and importing -----------------------------------------------------------------

    def _check(self, row: Mapping[str, Any]) -> None:
        """Judge the next rows as things stand, and write nothing but that."""
        centre, import_id = self._centre, row["import_id"]
        some, progress = self._rows(row)
        if row["progress"]["place"] == 0:
            catch_up(self._centre.store, self._centre.code)
        with centre.store.writing() as connection:
            if not self._holds(connection, row):
                return
            key_all(connection, centre.code, writing.lock_district(connection, centre.code))
            judge = self._judge(connection, row, trial=True)
            counts = Counter(row["counts"])
            if some:
                judged = judge.judge(connection, some, centre.clock())
                counts.update(one.outcome for one in judged)
                store_imports.put_rows(connection, [row_of(judge.task, one) for one in judged])
            self._advance(connection, row, progress, counts, "checked", not some)
        if not some:
            self._judges.pop(import_id, None)

    def _run(self, row: Mapping[str, Any]) -> None:
        """Judge the next rows anew and write them."""
        centre, code = self._centre, self._centre.code
        some, progress = self._rows(row)
        if row["progress"]["place"] == 0:
            catch_up(self._centre.store, self._centre.code)
        with centre.store.writing() as connection:
            if not self._holds(connection, row):
                return
            now = centre.clock()
            ledger = Ledger(connection, code, now)
            last = writing.lock_district(connection, code)
            key_all(connection, code, last)
            judge = self._judge(connection, row, trial=False)
            counts = Counter(row["counts"])
            if some:
                numbers = [one.number for one in some]
                seen = store_imports.rows_numbered(connection, code, row["import_id"], numbers)
                store_imports.drop_rows(connection, code, row["import_id"], list(seen))
                choices = {number: one["choice"] for number, one in seen.items() if one["choice"]}
                doubted = {
                    number: one["likely"] or ()
                    for number, one in seen.items() if one["outcome"] == "likely"
                }  # fmt: skip
                judge.task = replace(
                    judge.task,
                    choices=choices,
                    doubted=doubted if row["plan"].get("checked") else None,
                )
                judged = judge.judge(connection, some, now)
                apply_rows(connection, judge.task, ledger, judged, now, seen)
                counts.update(one.outcome for one in judged)
                counts["along"] += sum(len(one.along) for one in judged if one.outcome == "new")
            first_no = last if row["first_no"] is None else row["first_no"]
            self._advance(connection, row, progress, counts, "done", not some, first_no=first_no)
            if not some:
                audit.note(
                    connection, code, now, "import", user_id=row["made_by"],
                    target=row["import_id"],
                    detail={"kind": row["kind"], "file": row["file_name"], **dict(counts)},
                )  # fmt: skip
        if not some:
            self._judges.pop(row["import_id"], None)

    def _find(self, connection: sa.Connection, row: Mapping[str, Any]) -> FindLikely | None:
        if not self._compare:
            return None
        ready = row["import_id"] in self._compared
        return find_likely(connection, self._task(row), row, self._centre.clock, ready=ready)

    def _task(self, row: Mapping[str, Any]) -> Task:
        return Task(
            self._centre.code, row["import_id"], read_plan(row["plan"]),
            tuple(row["scope_codes"]), row["made_by"],
        )  # fmt: skip

    def _rows(self, row: Mapping[str, Any]) -> tuple[list[StagedRow], dict[str, Any]]:
        """Return the next rows, without heads, and where the work stands after them."""
        folder = folder_of(self._centre, row["import_id"])
        if not folder.there:
            raise Refusal("import_gone")
        plan, progress = read_plan(row["plan"]), dict(row["progress"])
        some = list(islice(folder.read(progress["place"]), PIECE))
        if some:
            progress |= {"place": some[-1].end, "row": progress["row"] + len(some)}
        data = [one for one in some if one.number >= plan.data_from]
        if some and not data:  # nothing but heads: the next ones, within the same piece
            return self._rows({**row, "progress": progress})
        return data, progress

    def _judge(self, connection: sa.Connection, row: Mapping[str, Any], *, trial: bool) -> Judge:
        found = self._judges.get(row["import_id"])
        if found is None or found.trial != trial or row["progress"]["place"] == 0:
            find = self._find(connection, row)
            found = Judge(connection, self._task(row), trial=trial, likely=find)
            self._judges = {row["import_id"]: found}
        return found

    def _advance(
        self, connection: sa.Connection, row: Mapping[str, Any], progress: dict[str, Any],
        counts: Mapping[str, int], after: str, finished: bool, **more: Any,
    ) -> None:  # fmt: skip
        now = self._centre.clock()
        values: dict[str, Any] = {
            "progress": progress, "counts": dict(counts), "leased_until": now + LEASE, **more,
        }  # fmt: skip
        if finished:
            values |= {"state": after, "leased_until": None}
            values |= {"ran_at": now} if after == "done" else {}
        store_imports.change(connection, self._centre.code, row["import_id"], **values)

    # Taking back ----------------------------------------------------------------------------

    def _undo(self, row: Mapping[str, Any]) -> None:
        centre, code, import_id = self._centre, self._centre.code, row["import_id"]
        with centre.store.writing() as connection:
            if not self._holds(connection, row):
                return
            now = centre.clock()
            before = int(row["progress"].get("before") or 2**31 - 1)
            writing.lock_district(connection, code)
            some = store_imports.rows_backwards(connection, code, import_id, before, PIECE)
            author = row["undone_by"] or row["made_by"]
            counts = Counter(row["counts"])
            if some:
                counts.update(Undo(connection, code, row, author, now).take(some))
                progress = {
                    **row["progress"], "before": some[-1]["row"],
                    "row": row["progress"]["row"] + len(some),
                }  # fmt: skip
                self._advance(connection, row, progress, counts, "undone", False)
                return
            self._advance(
                connection, row, dict(row["progress"]), counts, "undone", True, undone_at=now
            )
            audit.note(
                connection, code, now, "undo_import", user_id=author, target=import_id,
                detail={"kind": row["kind"], "file": row["file_name"], **dict(counts)},
            )  # fmt: skip


def propose(
    connection: sa.Connection, district: str, folder: ImportFolder, title: str, *,
    kind: str = "", first: int = 0, lines: int = 0,
) -> Plan:  # fmt: skip
    """Return the plan proposed for a file: what was chosen for its shape before, else what its
    heads say. ``kind``, ``first`` (row of the sheet) and ``lines`` are what staff said instead."""
    rows = list(islice(folder.read(), LOOKED_AT + 5))
    cells = [row.cells for row in rows]
    guessed, heads = find_heads(cells, title)
    if first:
        place = next((n for n, row in enumerate(rows) if row.number >= first), 0)
        heads = read_heads(cells, place, min(max(1, lines), MOST_LINES))
    number = rows[heads.first].number if rows else 1
    shape = shape_of(heads.texts)
    chosen = kind or store_imports.kind_for(connection, district, shape) or guessed
    plan = proposed(chosen, Heads(heads.first, heads.lines, heads.texts), number)
    known = store_imports.columns_for(connection, district, chosen, shape)
    return remembered(plan, known) if known else plan


def drop_old_files(centre: Centre) -> int:
    """Delete the files of imports made long ago and return of how many."""
    dropped = 0
    with centre.store.reading() as connection:
        old = store_imports.older(connection, centre.code, centre.clock() - KEEP)
    for import_id in old:
        folder = folder_of(centre, import_id)
        if folder.folder.is_dir():
            folder.drop()
            dropped += 1
    return dropped


def held_by(worker: Worker | None, now: datetime) -> dict[str, Any]:
    """Return what an import's row says of who is at work on it: a worker that begins at once, or
    nobody yet."""
    return {
        "worker": worker.name if worker else None, "leased_until": now + LEASE if worker else None,
    }  # fmt: skip


def begin(plan: Plan, total: int, now: datetime) -> dict[str, Any]:
    """Return what an import's row says when its work begins from its first row."""
    return {
        "plan": plan.as_json(), "kind": plan.kind, "counts": {},
        "progress": {"row": 0, "place": 0, "total": total},
    }  # fmt: skip
