"""Reading and writing privacy requests; every query names the district."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from sync_server.store.privacy_tables import privacy_requests as requests
from sync_server.store.scope import within

Row = sa.RowMapping
_OPEN = "open"


@dataclass(frozen=True)
class Wanted:
    """Which requests are wanted; all conditions hold together. ``late_on``: open ones that were due
    before this day."""

    areas: tuple[str, ...]
    state: str = ""
    asked: str = ""
    late_on: date | None = None


def add(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Add a request."""
    connection.execute(sa.insert(requests), dict(values))


def change(
    connection: sa.Connection, district: str, request_id: str, values: Mapping[str, Any]
) -> None:
    """Write ``values`` into one request."""
    connection.execute(
        sa.update(requests)
        .where(requests.c.district == district, requests.c.request_id == request_id)
        .values(**values, version=requests.c.version + 1)
    )


def get(connection: sa.Connection, district: str, request_id: str) -> Row | None:
    """Return one request, None when there is none."""
    query = sa.select(requests).where(
        requests.c.district == district, requests.c.request_id == request_id
    )
    return connection.execute(query).mappings().first()


def about(connection: sa.Connection, district: str, record_ids: Collection[str]) -> Sequence[Row]:
    """Return the requests about a resident, who may have several records that became one, the
    newest first."""
    query = sa.select(requests).where(
        requests.c.district == district, requests.c.record_id.in_(sorted(record_ids))
    )
    ordered = query.order_by(requests.c.received_on.desc(), requests.c.no.desc())
    return connection.execute(ordered).mappings().all()


def last_number(connection: sa.Connection, district: str, start: str) -> str | None:
    """Return the last of the numbers that begin with ``start`` (the district must be locked)."""
    query = sa.select(requests.c.no).where(
        requests.c.district == district, requests.c.no.startswith(start, autoescape=True)
    )
    longest_last = query.order_by(sa.func.length(requests.c.no).desc(), requests.c.no.desc())
    return connection.scalar(longest_last.limit(1))


def count(connection: sa.Connection, district: str, wanted: Wanted) -> int:
    """Return how many requests are wanted."""
    query = sa.select(sa.func.count()).select_from(requests).where(*_wanted(district, wanted))
    return connection.execute(query).scalar_one()


def count_by_state(connection: sa.Connection, district: str, wanted: Wanted) -> dict[str, int]:
    """Return how many requests there are in each state."""
    query = (
        sa.select(requests.c.state, sa.func.count())
        .where(*_wanted(district, wanted))
        .group_by(requests.c.state)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def page(
    connection: sa.Connection, district: str, wanted: Wanted, *, start: int, size: int
) -> Sequence[Row]:
    """Return a page of requests: open ones first, the soonest due before the others; then those
    that are over, the newest first."""
    is_open = requests.c.state == _OPEN
    query = (
        sa.select(requests)
        .where(*_wanted(district, wanted))
        .order_by(
            sa.case((is_open, 0), else_=1),
            sa.case((is_open, requests.c.due_on)).asc(),
            requests.c.received_on.desc(),
            requests.c.no.desc(),
        )
        .offset(start)
        .limit(size)
    )
    return connection.execute(query).mappings().all()


def _wanted(district: str, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found = [requests.c.district == district, within(requests.c.area, wanted.areas)]
    if wanted.state:
        found.append(requests.c.state == wanted.state)
    if wanted.asked:
        found.append(requests.c.asked == wanted.asked)
    if wanted.late_on is not None:
        found += [requests.c.state == _OPEN, requests.c.due_on < wanted.late_on]
    return found
