"""What came in: batches by day and device, the changes of one batch, what waits for somebody."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from schemas.catalogue import UnknownKind, kind_of
from schemas.clock import SHANGHAI
from schemas.kind import Kind
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, require_records
from sync_server.services.history import Dispute, Entry, Reader
from sync_server.services.places import names_for
from sync_server.services.record_page import Link, checked_reason
from sync_server.services.titles import Titles
from sync_server.store import history_read, photo_rows, uploads_read
from sync_server.store.engine import Store
from sync_server.store.history_read import Decided
from sync_server.store.uploads_read import Row

PAGE = 50
Waiting = Literal["quarantined", "held"]
HELD_LONG = timedelta(days=5)
"""After that long, staff should ask after the record a held change waits for."""


@dataclass(frozen=True)
class DeviceDay:
    """One device's batches of one day; ``outcomes`` add up over them."""

    device_id: str
    device: str
    worker: str
    grids: tuple[str, ...]
    batches: tuple[Row, ...]
    changes: int
    outcomes: dict[str, int]


@dataclass(frozen=True)
class UploadDay:
    """The uploads of one day by device, with the day's sums; ``photos`` are those completed."""

    day: date
    devices: tuple[DeviceDay, ...]
    batches: int
    changes: int
    photos: int
    outcomes: dict[str, int]


@dataclass(frozen=True)
class Received:
    """One received change with the record it is about."""

    entry: Entry
    kind: str
    record: Link
    long: bool = False
    """Whether it has waited for its record longer than five days."""
    waits_for: str = ""
    """What a held change waits for: the id of the record that has not come."""
    refused: str = ""
    """The refused change that would have created that record, where there is one."""


@dataclass(frozen=True)
class BatchPage:
    """One batch and a page of its changes. ``elsewhere`` changes are about areas not seen;
    ``may_read`` the ``raw`` text of one that could not be used, which is shown for a reason."""

    batch: Row
    grids: tuple[str, ...]
    changes: tuple[Received, ...]
    total: int
    elsewhere: int
    page: int
    pages: int
    may_read: bool = False
    raw: str = ""


@dataclass(frozen=True)
class WaitingPage:
    """A page of the changes that were refused or wait for their record."""

    changes: tuple[Received, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Disputed:
    """One conflict with its record."""

    dispute: Dispute
    record: Link
    area: str


@dataclass(frozen=True)
class DisputePage:
    """A page of conflicts."""

    disputes: tuple[Disputed, ...]
    total: int
    page: int
    pages: int


def span(day: date) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a Shanghai day."""
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return start, start + timedelta(days=1)


def uploads_of_day(connection: sa.Connection, person: User, day: date) -> UploadDay:
    """Return the batches received on a day, grouped by device, in the order of their first one.

    Raises Refusal ``not_allowed`` for a role without records.
    """
    require_records(person)
    rows = uploads_read.batches_between(connection, person.district, person.scope_codes, *span(day))
    by_device: dict[str, list[Row]] = {}
    for row in rows:
        by_device.setdefault(row["device_id"], []).append(row)
    names = names_for(connection, person.district, {code for row in rows for code in row["grids"]})
    devices = tuple(_device_day(found, names) for found in by_device.values())
    return UploadDay(
        day=day,
        devices=devices,
        batches=len(rows),
        changes=sum(one.changes for one in devices),
        photos=photo_rows.received_between(
            connection, person.district, person.scope_codes, *span(day)
        ),
        outcomes=_summed([one.outcomes for one in devices]),
    )


def open_batch(
    connection: sa.Connection, person: User, batch_id: str, page: int, lang: str
) -> BatchPage:
    """Return one batch with a page of its changes.

    Raises Refusal: not_allowed; unknown_record for a batch of a device outside the areas.
    """
    require_records(person)
    areas = person.scope_codes
    batch = uploads_read.batch_in(connection, person.district, areas, batch_id)
    if batch is None:
        raise Refusal("unknown_record")
    rows, total = uploads_read.changes_in_batch(
        connection, person.district, areas, batch_id, start=(page - 1) * PAGE, size=PAGE
    )
    kept = sum((batch["outcomes"] or {}).get(word, 0) for word in _STORED)
    names = names_for(connection, person.district, batch["grids"])
    return BatchPage(
        batch=batch,
        grids=tuple(names[code] for code in batch["grids"]),
        changes=received(connection, person, rows, lang),
        total=total,
        elsewhere=max(0, kept - total),
        page=page,
        pages=_pages(total),
        may_read=bool(batch["unreadable"]) and _may_read(connection, person, batch),
    )


def read_raw(
    store: Store, person: User, batch_id: str, reason: str, now: datetime, lang: str
) -> BatchPage:
    """Return a batch that could not be used with its text as it came, in which nothing can be
    masked, after writing down who looked and why.

    Raises Refusal as ``open_batch``, and reason_needed.
    """
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        found = open_batch(connection, person, batch_id, 1, lang)
        if not found.may_read:
            raise Refusal("unknown_record")
        audit.note(
            connection, person.district, now, "unmask", user_id=person.user_id,
            target=found.batch["device_id"], detail={"batch_id": batch_id, "reason": why},
        )  # fmt: skip
        return replace(found, raw=uploads_read.raw_of(connection, person.district, batch_id))


def _may_read(connection: sa.Connection, person: User, batch: Row) -> bool:
    """Whether a batch that could not be used may be shown whole: to who may unmask, when neither
    its worker's grids nor the areas it speaks of reach beyond what he sees."""
    body: Any = json.loads(uploads_read.raw_of(connection, person.district, batch["batch_id"]))
    changes = body.get("changes") if isinstance(body, dict) else None
    said = [one.get("grid") for one in _list(changes) if isinstance(one, dict)]
    areas = [*batch["grids"], *(area for area in said if isinstance(area, str))]
    seen = all(inside(area, person.scope_codes) for area in areas)
    return may(person.role, "unmask") and seen


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def waiting(
    connection: sa.Connection,
    person: User,
    outcome: Waiting,
    page: int,
    lang: str,
    *,
    desk: str | None = None,
    before: datetime | None = None,
) -> WaitingPage:
    """Return a page of the changes that are quarantined (and stand so at the ``desk``) or held,
    those received before ``before``; raise Refusal ``not_allowed``."""
    require_records(person)
    rows, total = uploads_read.changes_with_outcome(
        connection,
        person.district,
        person.scope_codes,
        outcome,
        start=(page - 1) * PAGE,
        size=PAGE,
        desk=desk,
        before=before,
    )
    return WaitingPage(received(connection, person, rows, lang), total, page, _pages(total))


def held(
    connection: sa.Connection, person: User, now: datetime, page: int, lang: str, *, long: bool
) -> WaitingPage:
    """Return a page of the changes that wait for their record, the longest waiting first, with what
    is known of it; ``long``: those that have waited over five days. Raises Refusal."""
    since = now - HELD_LONG
    found = waiting(connection, person, "held", page, lang, before=since if long else None)
    ids = {one.entry.row["waits_for"] for one in found.changes}
    refused = uploads_read.refused_creates(connection, person.district, ids - {None})
    changes = tuple(
        replace(
            one,
            long=one.entry.row["received_at"] < since,
            waits_for=one.entry.row["waits_for"] or "",
            refused=refused.get(one.entry.row["waits_for"] or "", ""),
        )
        for one in found.changes
    )
    return replace(found, changes=changes)


def disputes(
    connection: sa.Connection,
    person: User,
    decided: Decided,
    page: int,
    lang: str,
) -> DisputePage:
    """Return a page of conflicts, open or decided; raise Refusal ``not_allowed``."""
    require_records(person)
    rows, total = history_read.conflict_page(
        connection,
        person.district,
        person.scope_codes,
        decided,
        start=(page - 1) * PAGE,
        size=PAGE,
    )
    titles = Titles(connection, person, lang)
    titles.preload(("record", row["record_id"]) for row in rows)
    reader = Reader(connection, person, lang, titles)
    behind = history_read.by_change_ids(
        connection,
        person.district,
        {row[name] for row in rows for name in ("visible_change_id", "change_id") if row[name]},
    )
    reader.preload(list(behind.values()), rows)
    areas = names_for(connection, person.district, [row["grid"] for row in rows])
    found = tuple(
        Disputed(
            reader.dispute(_kind(row["kind"]), row, behind),
            link_to(titles, row["kind"], row["record_id"], lang),
            areas.get(row["grid"], row["grid"]),
        )
        for row in rows
    )
    return DisputePage(found, total, page, _pages(total))


def received(
    connection: sa.Connection, person: User, rows: Sequence[Row], lang: str
) -> tuple[Received, ...]:
    """Return changes as received, each with its record, in the order given."""
    titles = Titles(connection, person, lang)
    titles.preload(("record", row["record_id"]) for row in rows)
    reader = Reader(connection, person, lang, titles)
    reader.preload(rows)
    reader.areas = names_for(connection, person.district, [row["grid"] for row in rows])
    return tuple(
        Received(
            reader.alone(row),
            _kind_words(row["kind"], lang),
            link_to(titles, row["kind"], row["record_id"], lang),
        )
        for row in rows
    )


_STORED = ("applied", "merged", "unchanged", "conflict", "held", "quarantined")


def _device_day(rows: Sequence[Row], names: dict[str, str]) -> DeviceDay:
    first = rows[0]
    return DeviceDay(
        device_id=first["device_id"],
        device=first["device_name"],
        worker=first["worker_name"],
        grids=tuple(names[code] for code in first["grids"]),
        batches=tuple(rows),
        changes=sum(row["changes"] for row in rows),
        outcomes=_summed([row["outcomes"] or {} for row in rows]),
    )


def _summed(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _pages(total: int) -> int:
    return max(1, -(-total // PAGE))


def _kind(name: str) -> type[Kind] | None:
    try:
        return kind_of(name)
    except UnknownKind:
        return None


def _kind_words(name: str, lang: str) -> str:
    kind = _kind(name)
    return kind.info.label.text(lang) if kind else name


def link_to(titles: Titles, kind: str, record_id: str, lang: str) -> Link:
    """Return a record by name, with the way to its page where the person may open it."""
    title = titles.lookup("record", record_id) or f"…{record_id[-6:]}"
    return Link(_kind_words(kind, lang), title, titles.opens(record_id) or "", record_id)
