"""Whose data lay on a laptop: for the notice that follows a loss (PIPL, articles 51 and 57).

A laptop holds the records of the grids its worker held when it last synced, so these are what may
have been seen by somebody else. Names are masked until somebody gives a reason, which is kept. Who
answers for a part of these grids sees the people of that part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.domain.holding import Holding
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.device_pages import Device, open_device
from sync_server.services.places import names_for
from sync_server.services.record_page import checked_reason
from sync_server.services.titles import Titles
from sync_server.store import devices_read
from sync_server.store.engine import Store
from sync_server.store.holdings import holdings_of
from sync_server.store.records_read import Row, children_of

PERSON = "resident"


@dataclass(frozen=True)
class Affected:
    """One person: as named, where he lives, how to reach him; whether care data was there too."""

    record_id: str
    name: str
    home: str
    phone: str
    area: str
    in_care: bool


@dataclass(frozen=True)
class Persons:
    """Everybody whose data lay on a device when it last synced, and how many records of each kind
    did; nothing when it never synced."""

    device: Device
    at: datetime | None
    areas: tuple[str, ...]
    persons: tuple[Affected, ...]
    counts: tuple[tuple[str, int], ...]
    unmasked: bool
    may_unmask: bool


def list_persons(
    connection: sa.Connection, person: User, device_id: str, now: datetime, lang: str
) -> Persons:
    """Return whose data lay on a device, masked; raise Refusal: not_allowed, unknown_record."""
    return _persons(connection, person, device_id, now, lang, unmask=False)


def unmask_persons(
    store: Store, person: User, device_id: str, reason: str, now: datetime, lang: str
) -> Persons:
    """Return the same unmasked, after writing down who asked and why.

    Raises Refusal: not_allowed, unknown_record, reason_needed.
    """
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        found = _persons(connection, person, device_id, now, lang, unmask=True)
        detail = {"persons": len(found.persons), "reason": why}
        audit.note(
            connection, person.district, now, "list_persons",
            user_id=person.user_id, target=device_id, detail=detail,
        )  # fmt: skip
        return found


def _persons(
    connection: sa.Connection, person: User, device_id: str, now: datetime, lang: str, *,
    unmask: bool,
) -> Persons:  # fmt: skip
    device = open_device(connection, person, device_id, now).device
    at, worker = device.row["last_sync_at"], device.row["worker_id"]
    held = holdings_of(connection, person.district, [worker])[worker]
    held_then = _held_at(held, at) if at else ()
    areas = tuple(area for area in held_then if inside(area, person.scope_codes))
    rows = devices_read.lay_in(connection, person.district, areas, PERSON, at) if at else []
    counted = devices_read.counts_in(connection, person.district, areas, at) if at else {}
    cares = children_of(connection, person.district, "care", [row["record_id"] for row in rows])
    titles = Titles(connection, person, lang, unmask=unmask)
    titles.preload_fields(kind_of(PERSON), [row["fields"] for row in rows])
    names = names_for(connection, person.district, {*areas, *(row["grid"] for row in rows)})
    fields = kind_of(PERSON).declared()

    def said(row: Row, name: str) -> str:
        show = fields[name].show if unmask else fields[name].show_masked
        return show(row["fields"].get(name), lang, titles.lookup)

    return Persons(
        device=device,
        at=at,
        areas=tuple(names[area] for area in areas),
        persons=tuple(
            Affected(
                record_id=row["record_id"],
                name=said(row, "name"),
                home=said(row, "household_id"),
                phone=said(row, "phone"),
                area=names[row["grid"]],
                in_care=bool(cares[row["record_id"]]),
            )
            for row in rows
        ),
        counts=tuple(
            (kind_of(name).info.label.text(lang), count)
            for name, count in Counter(counted).most_common()
        ),
        unmasked=unmask,
        may_unmask=may(person.role, "unmask"),
    )


def _held_at(held: Collection[Holding], at: datetime) -> tuple[str, ...]:
    """Return the areas somebody held at a moment."""
    return tuple(
        sorted(
            {one.code for one in held if one.since <= at and (one.until is None or one.until > at)}
        )
    )
