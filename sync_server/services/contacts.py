"""When households were last met: by their visits wherever these were recorded, so that neither a
merged household nor a redrawn grid loses what was done at its door."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from sync_server.store import field_counts

DISTRICT_DIGITS = 6


def last_met(
    connection: sa.Connection, district: str, areas: Sequence[str], homes: Collection[str],
    until: date,
) -> dict[str, date]:  # fmt: skip
    """Return when each of ``homes``, the households of ``areas``, was last met up to a day, calls
    included; those never met are left out."""
    into = field_counts.survivors(connection, district)
    if any(len(code) <= DISTRICT_DIGITS for code in areas):  # all of the district at once
        return _met(connection, district, None, until, phone=True, into=into)
    return _met(connection, district, homes, until, phone=True, into=into)


def homes_met(
    connection: sa.Connection, district: str, homes: Collection[str], until: date, *, phone: bool,
    into: Mapping[str, str],
) -> dict[str, date]:  # fmt: skip
    """Return when each of these households was last met up to a day, calls included or not;
    ``into``: where merged ones went."""
    return _met(connection, district, homes, until, phone=phone, into=into)


def _met(
    connection: sa.Connection, district: str, homes: Collection[str] | None, until: date, *,
    phone: bool, into: Mapping[str, str],
) -> dict[str, date]:  # fmt: skip
    asked = None if homes is None else field_counts.gathered(homes, into)
    last = field_counts.last_met(connection, district, asked, until, phone=phone)
    if not into:  # none was merged: each household comes once
        return dict(last)
    found: dict[str, date] = {}
    for home, day in last:
        survivor = into.get(home, home)
        found[survivor] = max(day, found.get(survivor, day))
    return found
