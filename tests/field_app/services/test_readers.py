"""What was decided or asked reaches its reader wherever areas or people change."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from field_app.services.corrections import open_corrections
from field_app.services.outbox import detail
from field_app.services.records import get_view
from schemas.catalogue import kind_of
from sync_server.services import moves
from sync_server.store.tables import moves as moves_table
from sync_server.store.tables import records
from tests.field_app.desks import line_worker, refused_issue, told
from tests.field_app.laptops import NEXT_GRID
from tests.sync_server.world import COMMUNITY

THIRD_GRID, ELSEWHERE = "990101100009005", "990101100010001"
LONG_AGO = 100 * 86_400


@pytest.fixture
def away(joined, line, staff):
    """A worker's laptop, and what gives him another grid before he syncs."""
    worker = line.worker("w2")
    return joined("laptop", worker), lambda: staff.reassign(worker, NEXT_GRID)


def test_what_became_of_a_refused_change_follows_its_writer_to_another_grid(away, staff):
    laptop, reassign = away
    let_in, declined = refused_issue(laptop), refused_issue(laptop)
    staff.release(let_in.change_id)
    staff.dismiss(declined.change_id, "不在本社区")
    reassign()
    laptop.sync(agreed=True)
    states = [detail(laptop.ws, one.change_id).item.state for one in (let_in, declined)]
    assert states == ["stored", "declined"]


def test_what_a_worker_is_asked_to_correct_follows_him_to_another_grid(away, staff):
    laptop, reassign = away
    saved = refused_issue(laptop)
    staff.send_back(saved.change_id, "请写清楼层")
    reassign()
    laptop.sync(agreed=True)
    (asked,) = open_corrections(laptop.ws)
    assert (asked.words, asked.corrects) == ("请写清楼层", saved.change_id)


def test_what_was_asked_long_ago_follows_too(away, staff, hands):
    laptop, reassign = away
    saved = refused_issue(laptop)
    staff.send_back(saved.change_id, "请写清楼层")
    hands.passes(LONG_AGO)
    reassign()
    laptop.sync(agreed=True)
    assert [one.words for one in open_corrections(laptop.ws)] == ["请写清楼层"]


def test_what_lies_in_the_community_follows_to_another_one(joined, line, staff):
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    saved = refused_issue(laptop)
    staff.dismiss(saved.change_id, "不在本社区")
    with line.centre.store.writing() as connection:  # as of a record of the whole community
        lies = sa.update(records).where(records.c.kind == "decision").values(grid=COMMUNITY)
        connection.execute(lies)
    staff.reassign(worker, ELSEWHERE)
    laptop.sync(agreed=True)
    assert detail(laptop.ws, saved.change_id).item.state == "declined"


def test_what_was_decided_of_a_conflict_follows_and_the_record_leaves(disputed, line, staff):
    _, second, record_id, _, theirs = disputed
    staff.decide(record_id, "stand")
    staff.reassign(line_worker(line, second), NEXT_GRID)
    second.sync(agreed=True)
    assert told(second, theirs)[0] == "declined"
    assert get_view(second.ws, "household", record_id) is None


def test_what_a_worker_is_asked_stays_with_him_when_the_record_is_moved_away(
    disputed, line, staff, hands
):
    _, second, record_id, _, _ = disputed
    staff.decide(record_id, "ask", asked_of=second.ws.worker_id, words="哪个电话对？")
    with line.centre.store.writing() as connection:
        kind = kind_of("household").info
        moves.move_record(connection, staff.person, kind, record_id, NEXT_GRID, hands())
    second.sync(agreed=True)
    assert [one.words for one in open_corrections(second.ws)] == ["哪个电话对？"]


def test_what_was_decided_of_a_conflict_long_ago_stays_with_its_record(
    disputed, line, staff, hands
):
    _, second, record_id, _, _ = disputed
    staff.decide(record_id, "stand")
    hands.passes(LONG_AGO)
    staff.reassign(line_worker(line, second), NEXT_GRID)
    with line.centre.store.reading() as connection:
        assert connection.scalars(sa.select(moves_table.c.record_id)).all() == []


def test_others_messages_stay_where_they_are(disputed, line, staff):
    first, second, record_id, _, _ = disputed
    staff.decide(record_id, "other")
    staff.reassign(line_worker(line, second), NEXT_GRID)
    with line.centre.store.reading() as connection:
        went = connection.scalars(sa.select(moves_table.c.record_id)).all()
    assert len(went) == 1
    saved = refused_issue(first)
    staff.dismiss(saved.change_id, "不在本社区")
    staff.reassign(line_worker(line, second), THIRD_GRID)
    with line.centre.store.reading() as connection:
        again = connection.scalars(sa.select(moves_table.c.record_id)).all()
    assert sorted(again) == sorted(went * 2)
