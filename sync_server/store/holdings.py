"""Who held which area when, as it is written down: one row an area and a stretch of time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from sync_server.domain.holding import Holding
from sync_server.store.scope import Texts, among
from sync_server.store.tables import holdings

_HELD = (
    sa.select(holdings)
    .where(
        holdings.c.district == sa.bindparam("district"),
        among(holdings.c.user_id, sa.bindparam("ids", type_=Texts())),
    )
    .order_by(holdings.c.since, holdings.c.code)
)


def holdings_of(
    connection: sa.Connection, district: str, user_ids: Collection[str]
) -> dict[str, tuple[Holding, ...]]:
    """Return what each of these people holds and ever held, the oldest first."""
    found: dict[str, tuple[Holding, ...]] = dict.fromkeys(user_ids, ())
    if not user_ids:
        return found
    for row in connection.execute(_HELD, {"district": district, "ids": list(user_ids)}):
        found[row.user_id] = (*found[row.user_id], Holding(row.code, row.since, row.until))
    return found


def write_holdings(
    connection: sa.Connection, district: str, user_id: str, codes: Iterable[str], at: datetime
) -> None:
    """Write down that somebody holds ``codes``, and nothing else, from ``at`` on.

    What he held goes on or ends; a stretch that would last no time is not kept.
    """
    wanted = set(codes)
    held = holdings_of(connection, district, [user_id])[user_id]
    for one in held:
        if one.until is None and one.code not in wanted:
            _end(connection, district, user_id, one, at)
        elif one.until == at and one.code in wanted:  # taken and given back in one instant
            again = sa.update(holdings).where(*_this(district, user_id, one))
            connection.execute(again.values(until=None))
    lasting = {one.code for one in held if one.until in (None, at)}
    begun = sorted(wanted - lasting)
    if begun:
        facts = {"district": district, "user_id": user_id, "since": at, "until": None}
        connection.execute(sa.insert(holdings), [facts | {"code": code} for code in begun])


def _end(
    connection: sa.Connection, district: str, user_id: str, one: Holding, at: datetime
) -> None:
    this = _this(district, user_id, one)
    if one.since >= at:
        connection.execute(sa.delete(holdings).where(*this))
    else:
        connection.execute(sa.update(holdings).where(*this).values(until=at))


def _this(district: str, user_id: str, one: Holding) -> list[sa.ColumnElement[bool]]:
    return [
        holdings.c.district == district,
        holdings.c.user_id == user_id,
        holdings.c.code == one.code,
        holdings.c.since == one.since,
    ]
