"""Retention: the periods a district sets, and the runs by which what has come to its end is
emptied.

Nothing is emptied by itself. One person proposes a run, which lists what it would take; another one
confirms it; then it is done bit by bit (``emptying``), by the serving program or by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of, kinds
from schemas.clock import local_day
from schemas.retention import CLASSES, MOST_YEARS, RetentionClass, class_of, emptied
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, names_of, require
from sync_server.services.emptying import gather, keeps
from sync_server.services.places import names_for
from sync_server.services.titles import Titles
from sync_server.store import emptying, retention, writing
from sync_server.store.engine import Store

MOST = 200
"""So many persons in one run: somebody has to read the list."""
LOOKED_AT = 5_000
"""So many are looked at for one."""
PAGE = 50
RUNS_SHOWN = 50


@dataclass(frozen=True)
class Held:
    """A class as the page shows it: its period (0: kept for good), who set it, and what of a record
    of each kind is emptied."""

    known: RetentionClass
    years: int
    set_by: str
    set_at: datetime | None
    losses: tuple[tuple[str, tuple[str, ...]], ...]
    under_way: str
    """The run that is proposed or confirmed and not done."""


@dataclass(frozen=True)
class Run:
    """A run in words; ``counts`` are records by state and kind."""

    row: Mapping[Any, Any]
    label: str
    proposed_by: str
    decided_by: str
    persons: int
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Line:
    """A record of a run; ``along`` whether it goes along with the one before."""

    row: Mapping[Any, Any]
    kind: str
    title: str
    area: str
    along: bool


@dataclass(frozen=True)
class RunPage:
    """One run with a page of its records."""

    run: Run
    lines: tuple[Line, ...]
    page: int
    pages: int
    total: int
    may_confirm: bool


@dataclass(frozen=True)
class Ending:
    """What has come to its end: a person with all that goes along, and what keeps it (or not)."""

    root_id: str
    rows: Mapping[str, Mapping[str, Any]]
    why: str


def begins_before(now: datetime, years: int) -> datetime:
    """Return before when something must have ended to be taken."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # the 29th of February
        return now.replace(year=now.year - years, day=28)


def endings(
    connection: sa.Connection, district: str, before: datetime, most: int = LOOKED_AT
) -> Iterator[Ending]:
    """Yield what has come to its end before a moment, by id, about ``most`` persons."""
    named = emptying.named_by_open_work(connection, district)
    after, day, seen = "", local_day(before), 0
    while found := retention.ended(connection, district, before, day, after, 200):
        for root_id in found:
            rows = gather(connection, district, root_id)
            yield Ending(root_id, rows, keeps(connection, district, root_id, rows, before, named))
        after, seen = found[-1], seen + len(found)
        if seen >= most:
            break


def years_of(connection: sa.Connection, district: str) -> dict[str, int]:
    """Return the periods the district set, in years, by class."""
    return {
        name: int(row["years"]) for name, row in retention.periods_of(connection, district).items()
    }


# The page -----------------------------------------------------------------------------------------


def held(connection: sa.Connection, person: User, lang: str) -> list[Held]:
    """Return every class with its period; raises Refusal as ``require``."""
    require(person, "retention")
    district = person.district
    periods = retention.periods_of(connection, district)
    open_runs = retention.runs_of(
        connection, district, RUNS_SHOWN, retention.PROPOSED, retention.CONFIRMED
    )
    under_way = {row["name"]: row["run_id"] for row in open_runs}
    names = names_of(connection, district, {row["set_by"] for row in periods.values()})
    found = []
    for known in CLASSES:
        row = periods.get(known.name)
        found.append(
            Held(
                known, row["years"] if row else 0, names.get(row["set_by"], "") if row else "",
                row["set_at"] if row else None, tuple(_losses(known.name, lang)),
                under_way.get(known.name, ""),
            )
        )  # fmt: skip
    return found


def _losses(name: str, lang: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for kind in kinds():
        if kind.info.retention == name:
            fields = kind.declared()
            labels = tuple(fields[one].label.text(lang) for one in emptied(kind))
            yield kind.info.label.text(lang), labels


def runs(connection: sa.Connection, person: User, lang: str) -> list[Run]:
    """Return the newest runs; raises Refusal as ``require``."""
    require(person, "retention")
    rows = retention.runs_of(connection, person.district, RUNS_SHOWN)
    return _runs(connection, person, rows, lang)


def open_run(connection: sa.Connection, person: User, run_id: str, page: int, lang: str) -> RunPage:
    """Return one run with a page of its records; raises Refusal as ``require``, not_found."""
    require(person, "retention")
    district = person.district
    row = retention.run_of(connection, district, run_id)
    if row is None:
        raise Refusal("not_found")
    run = _runs(connection, person, [row], lang)[0]
    total = sum(sum(some.values()) for some in run.counts.values())
    pages = max(1, -(-total // PAGE))
    page = min(page, pages)
    rows = retention.page_of(connection, district, run_id, start=(page - 1) * PAGE, size=PAGE)
    titles = Titles(connection, person, lang)
    titles.preload(("record", one["record_id"]) for one in rows)
    areas = names_for(connection, district, [one["grid"] for one in rows])
    lines = tuple(
        Line(
            one,
            kind_of(one["kind"]).info.label.text(lang),
            titles.lookup("record", one["record_id"]) or f"…{one['record_id'][-6:]}",
            areas.get(one["grid"], one["grid"]),
            one["record_id"] != one["root_id"],
        )
        for one in rows
    )
    mine = row["proposed_by"] == person.user_id
    may_confirm = row["state"] == retention.PROPOSED and not mine
    return RunPage(run, lines, page, pages, total, may_confirm)


def _runs(connection: sa.Connection, person: User, rows: Any, lang: str) -> list[Run]:
    ids = {one for row in rows for one in (row["proposed_by"], row["decided_by"]) if one}
    names = names_of(connection, person.district, ids)
    found = []
    for row in rows:
        known = class_of(row["name"])
        by_state: dict[str, Counter[str]] = {}
        counted = retention.counts(connection, person.district, row["run_id"])
        for (state, kind), many in counted.items():
            label = kind_of(kind).info.label.text(lang)
            by_state.setdefault(state, Counter())[label] += many
        found.append(
            Run(
                row, known.label.text(lang) if known else row["name"],
                names.get(row["proposed_by"], ""), names.get(row["decided_by"] or "", ""),
                int(row["counts"].get("persons", 0)), by_state,
            )
        )  # fmt: skip
    return found


# Acts ---------------------------------------------------------------------------------------------


def set_period(store: Store, person: User, name: str, typed: str, now: datetime) -> bool:
    """Set for how many years after its end a class is kept, empty: for good; tell whether anything
    changed. A run that is under way keeps its own. Raises Refusal: not_allowed, bad_request,
    retention_years."""
    require(person, "retention")
    if class_of(name) is None:
        raise Refusal("bad_request")
    text = typed.strip()
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MOST_YEARS):
        raise Refusal("retention_years", most=MOST_YEARS)
    years, district = int(text or 0), person.district
    with store.writing() as connection:
        writing.lock_district(connection, district)
        before = retention.periods_of(connection, district).get(name)
        if years == (before["years"] if before else 0):
            return False
        if years:
            by = {"set_by": person.user_id, "set_at": now}
            values = {"district": district, "name": name, "years": years, **by}
            retention.put_period(connection, values)
        else:
            retention.drop_period(connection, district, name)
        _note(connection, person, now, "retention_period", name, {"years": years})
    return True


def propose(store: Store, person: User, name: str, run_id: str, now: datetime) -> int:
    """List what has come to its end as a run for somebody else to confirm; return how many persons
    that are. Sending twice makes one run.

    Raises Refusal: not_allowed, bad_request, retention_no_period, retention_under_way,
    retention_nothing.
    """
    require(person, "retention")
    district = person.district
    with store.reading() as connection:
        again = retention.run_of(connection, district, run_id)
        if again is not None:
            return int(again["counts"].get("persons", 0))
        years = _years(connection, district, name)
        before = begins_before(now, years)
        found: list[Ending] = []
        for one in endings(connection, district, before):
            if not one.why:
                found.append(one)
            if len(found) == MOST:
                break
    if not found:
        raise Refusal("retention_nothing")
    rows = [
        {
            "district": district, "run_id": run_id, "record_id": record_id, "kind": row["kind"],
            "grid": row["grid"], "root_id": one.root_id, "state": retention.LISTED,
            "version": None, "at": None,
        }
        for one in found
        for record_id, row in one.rows.items()
    ]  # fmt: skip
    rows = list({row["record_id"]: row for row in rows}.values())
    counted = Counter(row["kind"] for row in rows)
    values = {
        "district": district, "run_id": run_id, "name": name, "years": years, "before": before,
        "state": retention.PROPOSED, "proposed_by": person.user_id, "proposed_at": now,
        "counts": {"persons": len(found), **counted},
    }  # fmt: skip
    with store.writing() as connection:
        writing.lock_district(connection, district)
        if retention.runs_of(connection, district, 1, retention.PROPOSED, retention.CONFIRMED):
            raise Refusal("retention_under_way")
        retention.add_run(connection, values, rows)
        detail = {"records": len(rows), "persons": len(found)}
        _note(connection, person, now, "retention_propose", run_id, detail)
    return len(found)


def _years(connection: sa.Connection, district: str, name: str) -> int:
    if class_of(name) is None:
        raise Refusal("bad_request")
    period = retention.periods_of(connection, district).get(name)
    if period is None:
        raise Refusal("retention_no_period")
    if retention.runs_of(connection, district, 1, retention.PROPOSED, retention.CONFIRMED):
        raise Refusal("retention_under_way")
    return int(period["years"])


def confirm(store: Store, person: User, run_id: str, now: datetime) -> None:
    """Let a run be done: what it lists is emptied from now on, and cannot be had back.

    Raises Refusal: not_allowed, not_found, out_of_date, retention_same_person.
    """
    _decide(store, person, run_id, retention.CONFIRMED, "retention_confirm", now)


def drop(store: Store, person: User, run_id: str, now: datetime) -> None:
    """Give a proposed run up; raises Refusal: not_allowed, not_found, out_of_date."""
    _decide(store, person, run_id, retention.DROPPED, "retention_drop", now)


def _decide(
    store: Store, person: User, run_id: str, state: str, action: str, now: datetime
) -> None:
    require(person, "retention")
    district = person.district
    with store.writing() as connection:
        writing.lock_district(connection, district)
        row = retention.run_of(connection, district, run_id)
        if row is None:
            raise Refusal("not_found")
        if row["state"] != retention.PROPOSED:
            raise Refusal("out_of_date")
        if state == retention.CONFIRMED and row["proposed_by"] == person.user_id:
            raise Refusal("retention_same_person")
        values = {"state": state, "decided_by": person.user_id, "decided_at": now}
        if state == retention.DROPPED:
            values["ended_at"] = now
        retention.change_run(connection, district, run_id, values)
        detail = {"records": sum(many for kind, many in row["counts"].items() if kind != "persons")}
        _note(connection, person, now, action, run_id, detail)


def _note(
    connection: sa.Connection, person: User, now: datetime, action: str, target: str,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    audit.note(
        connection, person.district, now, action, user_id=person.user_id, target=target,
        detail=detail,
    )  # fmt: skip
