"""A pull that would take much away asks first; what the worker wrote goes up all the same."""

from __future__ import annotations

import pytest

from field_app.services.accounting import last_account
from field_app.services.records import unsent_count, views
from field_app.services.sync import last_rounds
from tests.field_app.centres import PROBLEM, answers, lost_request
from tests.field_app.laptops import NEXT_GRID, save_issue
from tests.field_app.photo_hands import at_centre, attach, shown

HELD = 12
ASKS = {"gone": HELD, "total": HELD}


@pytest.fixture
def losing(joined, line, staff, hands):
    """A laptop with twelve issues at the centre, five unsent and a photo, whose grid was taken."""
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    for _ in range(HELD):
        save_issue(laptop.ws)
    laptop.sync()
    laptop.ws.keep_setting("identity", max_changes=2)
    for _ in range(5):
        save_issue(laptop.ws)
    photo = attach(laptop)  # with its issue: seven changes in four batches
    hands.passes(60)
    staff.reassign(worker, NEXT_GRID)
    return laptop, photo


def test_all_that_is_unsent_goes_up_before_the_worker_agreed(losing, line):
    laptop, photo = losing
    pull = laptop.ws.setting("cursor")
    told = laptop.sync()
    assert (told.stage, told.error, told.facts) == ("stopped", "scope_shrinks", ASKS)
    assert (told.confirmed, told.total, told.exchanges) == (7, 7, 4)
    assert told.outcomes == {"applied": 7}  # his cursor still names the grid
    assert (told.photos, told.photos_sent) == (1, 1)
    assert at_centre(line, laptop, photo)
    assert (unsent_count(laptop.ws), told.gone, told.received) == (0, 0, 0)
    assert len(views(laptop.ws, "issue")) == HELD + 6
    assert laptop.ws.setting("cursor") == pull
    assert last_account(laptop.ws)["whole"]
    kept = last_rounds(laptop.ws)[0]
    assert (kept["stage"], kept["confirmed_all"], len(kept["receipts"])) == ("stopped", False, 7)


def test_once_he_agreed_it_leaves(losing):
    laptop, _ = losing
    laptop.sync()
    assert laptop.sync().error == "scope_shrinks"  # a round of itself asks again
    told = laptop.sync(agreed=True)
    assert (told.stage, told.gone, told.asks) == ("done", HELD, {})
    assert views(laptop.ws, "issue") == views(laptop.ws, "photo") == []
    assert laptop.sync().stage == "done"


def test_who_agrees_beforehand_is_not_asked(losing):
    laptop, _ = losing
    told = laptop.sync(agreed=True)
    assert (told.stage, told.confirmed, told.photos_sent) == ("done", 7, 1)
    assert views(laptop.ws, "issue") == []


def reached(carry):
    return carry()


def test_a_line_lost_after_the_question_is_told(losing, line):
    laptop, photo = losing
    line.faults.extend([reached, lost_request, lost_request, lost_request])
    told = laptop.sync()
    assert (told.stage, told.error, told.confirmed) == ("failed", "unreachable", 2)
    assert (told.asks, unsent_count(laptop.ws)) == (ASKS, 5)
    assert shown(laptop, photo).state == "waiting"
    assert len(views(laptop.ws, "issue")) == HELD + 6


def test_a_device_revoked_after_the_question_is_told_so(losing, line):
    laptop, _ = losing
    line.faults.extend([reached, answers(403, '{"code":"device_revoked"}', **PROBLEM)])
    told = laptop.sync()
    assert (told.stage, told.error) == ("failed", "device_revoked")
    assert laptop.ws.identity.state == "revoked"


def test_a_centre_without_room_for_photos_does_not_keep_the_worker_from_agreeing(losing, line):
    laptop, _ = losing
    line.photo_faults.append(answers(507, "", Tus_Resumable="1.0.0"))
    assert laptop.sync().error == "photo_storage_full"
    page = laptop.browser
    page.unlock(worker_id=laptop.ws.worker_id)
    seen = page.get("/sync").text
    assert "存放照片的空间已满" in seen
    assert "移除12条记录（共12条）" in seen
    assert 'name="agreed" value="1"' in seen
