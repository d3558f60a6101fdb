"""What the tests of the desks share: staff, two laptops of one grid, choices as a page has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import KINDS, UPCASTS
from schemas.fields import Line
from schemas.kind import Kind, KindInfo
from sync_server.services import accounts, conflict_desk, decisions, refused
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.conflict_desk import Entry
from sync_server.services.decisions import Pick, Trouble
from sync_server.store.tables import audit, changes, conflicts, records
from tests.sync_server.world import COMMUNITY, Laptop, add_worker, join


def hire(centre: Centre, role: str = "community", scope: tuple[str, ...] = (COMMUNITY,)) -> User:
    """Make somebody of the staff."""
    with centre.store.writing() as connection:
        return accounts.add_user(
            connection, centre.code, no=f"{role}{scope[0]}", name="裁决人", role=role,
            scope_codes=scope, now=centre.clock(),
        )  # fmt: skip


def two_laptops(centre: Centre) -> tuple[Laptop, Laptop]:
    """Return two laptops of one grid, each its own worker's."""
    first = join(centre, add_worker(centre, "w1"))
    return first, join(centre, add_worker(centre, "w2"), key="cd" * 32)


def dispute(
    two: tuple[Laptop, Laptop], kind: str, made: dict[str, Any], first: Any, second: Any
) -> str:
    """Let both laptops change one record without knowing of each other; return its id."""
    record_id: str = two[0].write(kind, "create", made)["record_id"]
    two[0].send()
    two[1].send()
    for laptop, said in zip(two, (first, second), strict=True):
        base = laptop.version(record_id)
        action = "void" if "reason" in said else "update"
        laptop.write(kind, action, said, record_id, base_version=base)
        laptop.send()
    return record_id


def entries(centre: Centre, person: User, record_id: str) -> tuple[Entry, ...]:
    """Return the record's conflicts as its page shows them."""
    with centre.store.reading() as connection:
        return conflict_desk.open_desk(connection, person, record_id, "zh").entries


def choose(
    centre: Centre, person: User, record_id: str, choice: Any, only: str = "", **more: Any
) -> dict[str, Trouble]:
    """Choose the same for every entry that waits (or the one about ``only``), as seen just now."""
    shown = entries(centre, person, record_id)
    picks = {
        one.conflict_id: Pick(choice, one.seen, **more)
        for one in shown
        if choice in one.choices and only in ("", one.dispute.row["path"])
    }
    assert picks
    return decisions.decide(centre.store, person, record_id, picks, centre.clock(), "zh")


def row_of(centre: Centre, table: sa.Table, **where: Any) -> Any:
    """Return the one row of a table with these values."""
    with centre.store.reading() as connection:
        query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
        return connection.execute(query).one()


def stored(centre: Centre, record_id: str) -> Any:
    """Return a record as stored."""
    return row_of(centre, records, record_id=record_id)


def of_kind(centre: Centre, kind: str) -> list[Any]:
    """Return the records of a kind in the order they came."""
    with centre.store.reading() as connection:
        query = sa.select(records).where(records.c.kind == kind).order_by(records.c.change_no)
        return list(connection.execute(query))


def conflict_rows(centre: Centre) -> list[Any]:
    """Return every conflict, oldest first."""
    with centre.store.reading() as connection:
        return list(connection.execute(sa.select(conflicts).order_by(conflicts.c.opened_at)))


def change(centre: Centre, change_id: str) -> Any:
    """Return a change as stored."""
    return row_of(centre, changes, change_id=change_id)


def audited(centre: Centre) -> list[str]:
    """Return what was audited of deciding, oldest first."""
    with centre.store.reading() as connection:
        found = connection.execute(
            sa.select(audit.c.action).where(audit.c.detail.is_not(None)).order_by(audit.c.audit_id)
        )
        return [action for action in found.scalars() if action not in ("join_code", "join_device")]


def seen_of(centre: Centre, person: User, change_id: str) -> str:
    """Return the mark of a refused change as its page shows it."""
    with centre.store.reading() as connection:
        return refused.open_case(connection, person, change_id, "zh").seen


def release(centre: Centre, person: User, change_id: str, **typed: Any) -> refused.Form | None:
    """Release a refused change with these controls typed over."""
    form = {name: value if isinstance(value, list) else [value] for name, value in typed.items()}
    return refused.release(
        centre.store, person, change_id, seen_of(centre, person, change_id),
        lambda name: form.get(name, []), list(form), centre.clock(), "zh",
    )  # fmt: skip


@contextmanager
def newer_household() -> Iterator[None]:
    """Know households of version 2, which call their remarks ``note``."""
    old = KINDS["household"]
    fields = {name: field for name, field in old.declared().items() if name != "remarks"}
    facts = {**old.info.__dict__, "version": 2}
    newer: Any = type(
        "Household", (Kind,),
        {"info": KindInfo(**facts), **fields, "note": Line("备注", "Note")},
    )  # fmt: skip

    def step(said: dict[str, Any]) -> dict[str, Any]:
        return {("note" if name == "remarks" else name): value for name, value in said.items()}

    KINDS["household"], UPCASTS[("household", 1)] = newer, step
    try:
        yield
    finally:
        KINDS["household"] = old
        del UPCASTS[("household", 1)]
