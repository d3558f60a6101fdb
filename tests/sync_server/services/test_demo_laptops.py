"""A demo world's silent laptop, as staff find it."""

from datetime import timedelta

import pytest

from schemas.clock import SHANGHAI
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import add_user
from sync_server.services.demo_laptops import add_silent
from sync_server.services.device_pages import list_devices, narrowed_devices, not_on
from tests.sync_server.world import DISTRICT, NOON, add_worker


def test_staff_find_it_among_those_silent_for_three_days(centre):
    add_worker(centre)
    with centre.store.writing() as connection:
        add_silent(connection, DISTRICT, "w1", NOON)
        staff = add_user(connection, DISTRICT, no="s1", name="王样本", role="district",
                         scope_codes=(DISTRICT,), now=NOON, password="demo-2026-pass")  # fmt: skip
        every = list_devices(connection, staff, NOON)
    [silent] = narrowed_devices(every, silent=3, clock=False)
    assert (silent.silent_days, silent.row["state"]) == (4, "active")
    assert not narrowed_devices(every, silent=7, clock=False)
    day = silent.row["last_sync_at"].astimezone(SHANGHAI).date()
    assert [not_on(every, day + timedelta(days=more)) for more in (0, 1)] == [[], [silent]]


def test_nobody_s_laptop_is_refused(centre):
    with centre.store.writing() as connection, pytest.raises(Refusal, match="unknown_user"):
        add_silent(connection, DISTRICT, "w9", NOON)
