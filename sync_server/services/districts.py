"""The districts a database holds: each a small history of its own."""

from __future__ import annotations

import re
import secrets as random
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.search import RULES
from sync_server.domain.errors import Refusal
from sync_server.store import search_texts
from sync_server.store.search_texts import Mark
from sync_server.store.tables import devices, districts, records, users

FIRST = "990101"
"""The code a new database gets when nobody named one; division codes with 99 are nobody's."""


@dataclass(frozen=True)
class District:
    """One district: its code, name, present epoch, and whether its data are synthetic."""

    code: str
    name: str
    server_epoch: str
    synthetic: bool
    settings: dict[str, Any]


def district_of(connection: sa.Connection, code: str) -> District | None:
    """Return the district ``code``, or None."""
    row = connection.execute(sa.select(districts).where(districts.c.district == code)).first()
    if row is None:
        return None
    return District(row.district, row.name, row.server_epoch, row.synthetic, row.settings)


def open_district(connection: sa.Connection, code: str = "", *, beside: bool = False) -> District:
    """Return the district ``code``; with no code the only one there is.

    An empty database gets it made. Where there are others, a code nobody knows may be mistyped: it
    is made ``beside`` them only when that is meant. Raises Refusal ``unknown_district`` for one
    that is not there, ``several_districts`` when none was named and there are several, both with
    the codes there are, ``bad_district`` for a code to be made that is not 6 digits.
    """
    found = connection.scalars(sa.select(districts.c.district).order_by(districts.c.district)).all()
    if not code and len(found) > 1:
        raise Refusal("several_districts", known=", ".join(found))
    code = code or (found[0] if found else FIRST)
    present = district_of(connection, code)
    if present is None and found and not beside:
        raise Refusal("unknown_district", district=code, known=", ".join(found))
    return present or _make(connection, code, f"区县{code}", False)


def begin_synthetic(connection: sa.Connection, code: str, name: str) -> District:
    """Return the district ``code`` marked as synthetic, for a demo world to be loaded into.

    Raises Refusal ``district_not_empty`` when it holds records, people or devices: real data never
    become demo data, nor the other way round.
    """
    present = district_of(connection, code)
    if present is None:
        return _make(connection, code, name, True)
    for table in (records, users, devices):
        if connection.execute(
            sa.select(sa.literal(1)).select_from(table).where(table.c.district == code).limit(1)
        ).first():
            raise Refusal("district_not_empty", district=code)
    connection.execute(
        sa.update(districts).where(districts.c.district == code).values(synthetic=True, name=name)
    )
    made = district_of(connection, code)
    assert made is not None
    return made


def name_district(connection: sa.Connection, code: str, name: str) -> None:
    """Give the district another name."""
    connection.execute(sa.update(districts).where(districts.c.district == code).values(name=name))


def _make(connection: sa.Connection, code: str, name: str, synthetic: bool) -> District:
    if not re.fullmatch(r"[0-9]{6}", code):
        raise Refusal("bad_district", district=code)
    values = {
        "district": code,
        "name": name,
        "server_epoch": random.token_hex(16),
        "change_no": 0,
        "synthetic": synthetic,
        "settings": {},
    }
    connection.execute(sa.insert(districts), values)
    search_texts.put_mark(connection, code, Mark(RULES, None))
    return District(code, name, str(values["server_epoch"]), synthetic, {})
