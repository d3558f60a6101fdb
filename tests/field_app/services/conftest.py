"""Staff at the centre, and two workers at odds, for what travels between them and laptops."""

from __future__ import annotations

import pytest

from field_app.services.records import save_record
from tests.field_app.desks import OTHER_PHONE, PHONE, Desk, edit
from tests.field_app.laptops import HOUSEHOLD


@pytest.fixture
def staff(line):
    """Somebody of the community's staff."""
    return Desk(line)


@pytest.fixture
def disputed(joined, line, hands):
    """Two laptops whose workers gave one household two phone numbers; the first's stands."""
    first, second = joined("first"), joined("second", line.worker("w2"))
    record_id = save_record(first.ws, "household", "create", HOUSEHOLD).record_id
    first.sync()
    second.sync()
    hands.passes(60)
    mine, theirs = edit(first, record_id, phone=PHONE), edit(second, record_id, phone=OTHER_PHONE)
    first.sync()
    second.sync()
    hands.passes(60)
    return first, second, record_id, mine, theirs
