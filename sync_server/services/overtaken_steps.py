"""Steps of laptops that did not count, because something else was done meanwhile: seen by staff.

Each is kept as a note of its issue for ever; here staff note that they have seen it, after acting
on it where that is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.codes import code_list
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, require_records
from sync_server.services.places import names_for
from sync_server.services.step_words import words_of_why
from sync_server.store import case_lists, cases, people_read, records_read
from sync_server.store.engine import Store

PAGE = 50


@dataclass(frozen=True)
class Overtaken:
    """One step: what the worker did and said, on which issue, how that stood and stands now."""

    row: Mapping[str, Any]
    title: str
    area: str
    author: str
    action: str
    text: str
    at: datetime
    stood: str
    stands: str
    why: str
    settled_by: str


@dataclass(frozen=True)
class OvertakenPage:
    """A page of them, the newest first."""

    steps: tuple[Overtaken, ...]
    total: int
    page: int
    pages: int


def open_count(connection: sa.Connection, person: User) -> int:
    """Return how many wait to be looked at in the person's areas."""
    return case_lists.overtaken(
        connection, person.district, person.scope_codes, settled=False, start=0, size=0
    )[1]


def list_overtaken(
    connection: sa.Connection, person: User, page: int, lang: str, *, settled: bool
) -> OvertakenPage:
    """Return a page of those that wait, or of those settled; raise Refusal ``not_allowed``."""
    require_records(person)
    district = person.district
    rows, total = case_lists.overtaken(
        connection, district, person.scope_codes, settled=settled, start=(page - 1) * PAGE,
        size=PAGE,
    )  # fmt: skip
    known = records_read.by_ids(
        connection, district, {row[name] for row in rows for name in ("step_id", "issue_id")}
    )
    people = people_read.names_of(
        connection, district,
        {row["author"] for row in rows} | {row["settled_by"] for row in rows if row["settled_by"]},
    )  # fmt: skip
    areas = names_for(connection, district, {row["grid"] for row in rows})
    states, actions = code_list("ISSUE_STATE"), code_list("STEP_ACTION")
    found = []
    for row in rows:
        step, issue = known.get(row["step_id"]), known.get(row["issue_id"])
        found.append(
            Overtaken(
                row=row,
                title=str((issue["fields"].get("title") if issue else "") or "…"),
                area=areas.get(str(row["grid"]), ""),
                author=people.get(row["author"], ""),
                action=actions.text(row["action"], lang),
                text=str((step["fields"].get("text") if step else "") or ""),
                at=step["happened_at"] if step else row["opened_at"],
                stood=states.text(row["before"], lang),
                stands=states.text(row["state"], lang),
                why=words_of_why(row["why"], lang),
                settled_by=people.get(row["settled_by"] or "", ""),
            )
        )
    return OvertakenPage(tuple(found), total, page, max(1, -(-total // PAGE)))


def settle(store: Store, person: User, step_id: str, now: datetime) -> bool:
    """Note that somebody has looked at a step; tell whether it waited still.

    Raises Refusal: not_allowed, unknown_record for one outside the person's areas.
    """
    if not may(person.role, "decide"):
        raise Refusal("not_allowed")
    with store.writing() as connection:
        step = records_read.get(connection, person.district, step_id)
        if step is None or not inside(step["grid"], person.scope_codes):
            raise Refusal("unknown_record")
        kept = cases.overtaken_of(connection, person.district, [step["parent_id"] or ""])
        if step_id not in kept:
            raise Refusal("unknown_record")
        done = cases.settle_overtaken(connection, person.district, [step_id], now, person.user_id)
        if done:
            audit.note(
                connection, person.district, now, "settle_overtaken",
                user_id=person.user_id, target=step_id,
                detail={"issue_id": step["parent_id"], "action": kept[step_id]["action"]},
            )  # fmt: skip
    return bool(done)
