"""The audit's chain: it grows with the audit, and names the row that was changed or removed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_server.services import audit, audit_chain
from sync_server.services.audit_chain import Fault
from sync_server.services.centre import Centre
from sync_server.store.audit_chain import Head, head
from sync_server.store.guard_tables import audit_links
from sync_server.store.tables import audit as rows
from sync_server.timer import Timer
from tests.sync_server.world import DISTRICT


def note(centre: Centre, count: int) -> list[str]:
    """Write so many rows and return their ids."""
    with centre.store.writing() as connection:
        return [
            audit.note(
                connection, DISTRICT, centre.clock(), "unmask", user_id="u", target=f"林{number}",
                detail={"reason": "核对“户口”", "rows": number, "masked": False, "above": None},
            )
            for number in range(count)
        ]  # fmt: skip


def faults(centre: Centre) -> list[Fault]:
    with centre.store.reading() as connection:
        return audit_chain.verify(connection, DISTRICT)


def last(centre: Centre) -> Head:
    with centre.store.reading() as connection:
        return head(connection, DISTRICT)


def tamper(centre: Centre, statement: sa.Update | sa.Delete) -> None:
    with centre.store.writing() as connection:
        assert connection.execute(statement).rowcount == 1


@pytest.fixture
def chained(any_centre: Centre, monkeypatch) -> tuple[Centre, list[str], int]:
    """A centre with ten rows more in its chain, their ids, and the number of the first of them;
    linked and checked in pieces."""
    monkeypatch.setattr(audit_chain, "PIECE", 4)
    audit_chain.extend(any_centre.store, DISTRICT)
    first = last(any_centre).no + 1
    ids = note(any_centre, 10)
    assert audit_chain.extend(any_centre.store, DISTRICT) == 10
    return any_centre, sorted(ids), first


def test_the_chain_grows_with_the_audit_and_holds(chained) -> None:
    centre, _ids, first = chained
    before = last(centre)
    assert before.no == first + 9
    assert faults(centre) == []
    assert audit_chain.extend(centre.store, DISTRICT) == 0
    note(centre, 1)
    assert audit_chain.extend(centre.store, DISTRICT) == 1
    assert faults(centre) == []
    with centre.store.reading() as connection:
        assert audit_chain.holds(connection, DISTRICT, before)
        assert not audit_chain.holds(connection, DISTRICT, Head(before.no, "0" * 64))
        assert not audit_chain.holds(connection, DISTRICT, Head(99_999, before.hash))


@pytest.mark.parametrize(
    "values",
    [{"user_id": "v"}, {"action": "export"}, {"target": None}, {"detail": {"rows": 3}}],
    ids=lambda one: next(iter(one)),
)
def test_a_changed_row_is_named(chained, values) -> None:
    centre, ids, first = chained
    tamper(centre, sa.update(rows).where(rows.c.audit_id == ids[3]).values(**values))
    assert faults(centre) == [Fault(first + 3, ids[3], "changed")]


def test_a_row_with_another_time_is_named(chained) -> None:
    centre, ids, first = chained
    later = centre.clock() + timedelta(microseconds=1)
    tamper(centre, sa.update(rows).where(rows.c.audit_id == ids[9]).values(at=later))
    assert faults(centre) == [Fault(first + 9, ids[9], "changed")]


def test_a_removed_row_is_named_also_with_its_link(chained) -> None:
    centre, ids, first = chained
    tamper(centre, sa.delete(rows).where(rows.c.audit_id == ids[5]))
    assert faults(centre) == [Fault(first + 5, ids[5], "removed")]
    tamper(centre, sa.delete(audit_links).where(audit_links.c.audit_id == ids[5]))
    assert faults(centre) == [Fault(first + 6, ids[6], "missing")]


def test_whoever_makes_the_whole_chain_anew_is_shown_by_a_head_that_was_noted(chained) -> None:
    centre, ids, _first = chained
    noted = last(centre)
    tamper(centre, sa.update(rows).where(rows.c.audit_id == ids[0]).values(user_id="v"))
    with centre.store.writing() as connection:
        connection.execute(sa.delete(audit_links))
    audit_chain.extend(centre.store, DISTRICT)
    assert faults(centre) == []
    with centre.store.reading() as connection:
        assert not audit_chain.holds(connection, DISTRICT, noted)


def test_the_minute_links_what_is_new_and_once_a_day_what_is_old(centre: Centre, clock) -> None:
    minute = Timer(centre)
    minute.tick()
    assert faults(centre) == []
    before = last(centre).no
    with centre.store.writing() as connection:
        audit.note(connection, DISTRICT, centre.clock() - timedelta(days=3), "backup")
    note(centre, 2)
    minute.tick()
    assert last(centre).no == before + 2
    clock.now += timedelta(days=1)
    minute.tick()
    assert last(centre).no == before + 3
