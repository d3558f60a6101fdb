"""终端对账: laptops that do not add up are named with the reason, and one's account is a page."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_server.services import audit
from sync_server.services.centre import Centre
from sync_server.services.devices import revoke_device
from sync_server.store.tables import devices
from tests.sync_server.web.staff import NEXT_DOOR_GRID, Town, hire, sign_in
from tests.sync_server.world import COMMUNITY, Laptop, StillClock, add_worker, household, join

TOLD = {"at": "2026-09-30T12:00:00+08:00", "made": 1, "unsent": 0, "differences": 0}


@pytest.fixture
def town(centre: Centre) -> Town:
    """A community's clerk and nobody else; the laptop is the fixture's."""
    town = Town(centre)
    hire(town, "community", "community", (COMMUNITY,))
    return town


@pytest.fixture
def laptop(laptop: Laptop) -> Laptop:
    """The worker's laptop, with one household at the centre."""
    laptop.write("household", "create", household())
    laptop.send()
    return laptop


class Clerk:
    """The community's clerk at a browser, signed in anew when time has passed."""

    def __init__(self, app: Flask, clock: StillClock) -> None:
        self.app, self.clock = app, clock
        self.since = None

    def get(self, path: str):
        """Open a page."""
        if self.since != self.clock.now:
            self.since, self.client = self.clock.now, sign_in(self.app, "community")
        return self.client.get(path)


@pytest.fixture
def pages(app: Flask, town: Town, clock: StillClock) -> Clerk:
    return Clerk(app, clock)


def says(town, laptop, **told):
    with town.centre.store.writing() as connection:
        connection.execute(
            sa.update(devices)
            .where(devices.c.device_id == laptop.device_id)
            .values(account=TOLD | told)
        )


def troubles(pages):
    return pages.get("/accounts").text


def test_when_everything_adds_up_the_page_says_so(town, laptop, pages):
    says(town, laptop)
    assert "所有终端的账都对得上" in troubles(pages)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"differences": 2}, "终端发现 2 处对不上"),
        ({"made": 500, "unsent": 3}, "条已确认的"),
    ],
)
def test_a_laptop_that_does_not_add_up_is_named_with_the_reason(town, laptop, pages, told, words):
    says(town, laptop, **told)
    page = troubles(pages)
    assert words in page
    assert f'href="/accounts/{laptop.device_id}"' in page


def test_unsent_work_counts_once_it_is_old_or_its_laptop_is_revoked(town, laptop, pages, clock):
    says(town, laptop, made=20, unsent=20)
    assert "一直没有上传" not in troubles(pages)
    clock.passes(days=1, minutes=1)
    assert "20 条一直没有上传" in troubles(pages)


def test_unsent_work_on_a_revoked_laptop_counts_at_once(town, laptop, pages, centre):
    says(town, laptop, made=20, unsent=20)
    with centre.store.writing() as connection:
        revoke_device(connection, centre.code, laptop.device_id, centre.clock(), by=None)
    assert "20 条一直没有上传" in troubles(pages)


def test_a_fork_is_an_alert_for_thirty_days(town, laptop, pages, clock):
    with town.centre.store.writing() as connection:
        audit.note(connection, town.centre.code, clock(), "stream_forked",
                   target=laptop.device_id, detail={"stream": laptop.stream})  # fmt: skip
    assert "30 天内分叉 1 次" in troubles(pages)
    clock.passes(days=31)
    assert "分叉" not in troubles(pages)


def test_silent_laptops_stand_by_how_long_with_what_they_last_said(town, laptop, pages, clock):
    says(town, laptop, made=20, unsent=4)
    clock.passes(days=3)
    for days, named in ((1, True), (3, True), (7, False)):
        page = pages.get(f"/accounts?show={days}").text
        assert (f'href="/accounts/{laptop.device_id}"' in page) == named
    assert '<td class="num">4</td>' in pages.get("/accounts?show=3").text


def test_a_device_that_never_told_is_not_blamed(town, laptop, pages):
    page = pages.get("/accounts?show=all").text
    assert "不详" in page
    assert "所有终端的账都对得上" in troubles(pages)


def test_one_laptops_account_adds_up_by_day_and_bears_the_check_code(town, laptop, pages):
    laptop.write("household", "create", household(), made_at="2026-09-28T09:00:00+08:00")
    laptop.write("household", "create", {})
    laptop.send()
    says(town, laptop, made=len(laptop.log))
    page = pages.get(f"/accounts/{laptop.device_id}").text
    assert f'<td class="num" id="received">{len(laptop.log)}</td>' in page
    assert "2026-09-28" in page
    letters = laptop.log[-1]["hash"][:16].upper()
    assert " ".join(letters[at : at + 4] for at in range(0, 16, 4)) in page


def test_the_real_exchange_feeds_the_page(town, laptop, pages):
    body = laptop.body() | {"account": TOLD | {"differences": 5}}
    laptop.send(body)
    assert "终端发现 5 处对不上" in troubles(pages)


def test_an_account_of_next_door_is_not_shown(centre, pages):
    theirs = join(centre, add_worker(centre, "w8", (NEXT_DOOR_GRID,)), key="cd" * 32)
    assert pages.get(f"/accounts/{theirs.device_id}").status_code == 404
    assert "张w8" not in pages.get("/accounts?show=all").text
