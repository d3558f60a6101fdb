"""通知: opening one marks it read, once, offline; what is over or withdrawn asks for nothing."""

from __future__ import annotations

import pytest

from field_app.services.notices import NoticeGone, held_notices, notice, read_notice
from field_app.services.records import views
from field_app.services.today import today
from field_app.services.workspace import CHANGES
from tests.field_app.laptops import GRID, WORKER, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COLLEAGUE, COMMUNITY, pull_in, rid

FIRE, OLD, NEW = rid("notice", 1), rid("notice", 2), rid("notice", 3)


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid and one notice more, its worker signed in at a browser."""
    at = sign_in(laptop)
    pull_in(at.ws, "notice", NEW, {
        "title": "停水通知", "text": "明天停水", "level": "normal", "area_code": COMMUNITY,
        "issued_at": "2026-09-29T08:00:00+08:00",
    }, area=COMMUNITY)  # fmt: skip
    return at


def marks(at: Laptop) -> list[dict[str, object]]:
    return [dict(view["fields"]) for view in views(at.ws, "notice_read")]


def test_an_unread_notice_is_counted_and_opening_it_marks_it_read(at: Laptop) -> None:
    page = at.browser.get("/").text
    assert "2条未读" in page
    assert f'action="/notices/{NEW}/read"' in page
    assert "明天停水" not in page
    assert at.browser.get(f"/notices/{NEW}").status_code == 200
    assert marks(at) == []  # looking changes nothing
    answer = at.browser.post(f"/notices/{NEW}/read", seen="/")
    assert (answer.status_code, answer.location) == (303, f"/notices/{NEW}")
    assert "已读 2026-09-30 08:41" in at.browser.get(answer.location).text
    assert marks(at) == [{"notice_id": NEW, "read_at": "2026-09-30T08:41:00+08:00"}]
    assert "1条未读" in at.browser.get("/").text


def test_opening_it_again_makes_no_second_mark(at: Laptop) -> None:
    for _ in range(3):
        at.browser.post(f"/notices/{NEW}/read", seen="/")
    assert len(marks(at)) == 1
    (change,) = list(at.ws.table(CHANGES))
    assert (change["kind"], change["action"], change["grid"]) == ("notice_read", "create", GRID)


def test_a_mark_of_the_workers_other_laptop_counts_and_a_colleagues_does_not(at: Laptop) -> None:
    said = {"notice_id": NEW, "read_at": "2026-09-29T10:00:00+08:00"}
    other = "01998a00-0000-7000-8099-00000000000"
    pull_in(at.ws, "notice_read", other + "1", said, author=COLLEAGUE)
    assert notice(at.ws, NEW).unread
    pull_in(at.ws, "notice_read", other + "2", said, author=WORKER)
    assert not notice(at.ws, NEW).unread
    read_notice(at.ws, NEW)
    assert len(marks(at)) == 2


def test_unread_ones_come_first_then_the_important(at: Laptop) -> None:
    assert [one.view["record_id"] for one in held_notices(at.ws)] == [FIRE, NEW]
    read_notice(at.ws, FIRE)
    assert [one.view["record_id"] for one in held_notices(at.ws)] == [NEW, FIRE]
    page = at.browser.get("/notices").text
    assert page.index("停水通知") < page.index("国庆期间加强防火巡查")
    assert "旧通知" not in page
    assert len(today(at.ws).notices) == 2


def test_one_that_is_over_or_withdrawn_can_be_looked_at_and_is_not_marked(at: Laptop) -> None:
    assert "这条通知已过期" in at.browser.get(f"/notices/{OLD}").text
    pull_in(at.ws, "notice", NEW, {"title": "停水通知", "text": "x", "level": "normal",
            "issued_at": "2026-09-29T08:00:00+08:00"}, area=COMMUNITY, voided=True)  # fmt: skip
    assert "这条通知已作废" in at.browser.get(f"/notices/{NEW}").text
    for one in (OLD, NEW):
        at.browser.post(f"/notices/{one}/read", seen="/")
    assert marks(at) == []
    assert "停水通知" not in at.browser.get("/notices").text


def test_an_unknown_notice_is_no_page(at: Laptop) -> None:
    unknown = rid("notice", 99)
    assert at.browser.get(f"/notices/{unknown}").status_code == 404
    assert at.browser.post(f"/notices/{unknown}/read", seen="/").status_code == 404
    with pytest.raises(NoticeGone):
        read_notice(at.ws, unknown)


def test_a_mark_in_the_outbox_leads_nowhere_that_is_not(at: Laptop) -> None:
    read_notice(at.ws, NEW)
    (change,) = list(at.ws.table(CHANGES))
    page = at.browser.get(f"/outbox/{change['change_id']}").text
    assert "阅读标记" in page
    assert "/records/notice_read/" not in page
