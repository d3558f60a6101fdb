"""Before something new is saved: what is held already and may be the same is shown, with why."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from field_app.services.households import members_of
from field_app.services.likely import likely_same, warm
from field_app.services.records import children, get_view, save_record, views
from field_app.services.workspace import put_all
from tests.field_app.forms import Paper
from tests.field_app.laptops import Hands, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, pulled, rid

HOME, PERSON = rid("household", 1), rid("resident", 1)
NEW = {
    "name": "林是例", "sex": "1", "birth": "1946-02", "relation": "02", "reside": "registered",
    "notice_version": "2026-1", "basis": "consent",
}  # fmt: skip
"""The first resident of the small grid (林示例, 1946-02) as somebody heard the name."""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop with the small grid, its worker signed in, for all tests of the module."""
    folder: Path = tmp_path_factory.mktemp("likely")
    hands = Hands()
    hands.wall = datetime(2026, 9, 30, 0, 41, tzinfo=UTC)
    laptop = Laptop(folder, hands)
    laptop.settle()
    yield sign_in(laptop)
    laptop.close()


def new_member(at: Laptop, home: str, **values: str) -> Paper:
    paper = Paper.open(at.browser, f"/base/households/{home}/resident")
    return paper.fill(**{**NEW, **values})


def asked(page: str) -> list[str]:
    """Return the records that a page asks about."""
    return re.findall(r'name="_apart" value="([0-9a-f-]{36})"', page)


def count(at: Laptop, kind: str = "resident") -> int:
    return len(views(at.ws, kind))


def test_somebody_who_is_held_already_is_shown_with_the_reason(at: Laptop) -> None:
    before = count(at)
    answer = new_member(at, HOME).press()
    assert answer.status_code == 422
    assert asked(answer.text) == [PERSON]
    for words in ("可能已经登记过", "林示例", "姓名同音", "出生年月相同"):
        assert words in answer.text
    assert Paper(at.browser, answer)["name"] == "林是例"  # what was typed is still there
    assert count(at) == before


def test_saving_once_more_says_that_it_is_somebody_else(at: Laptop) -> None:
    before = count(at)
    answer = new_member(at, HOME, name="林时例").press()
    again = Paper(at.browser, answer)
    again.values.setlist("_apart", asked(answer.text))
    done = again.press()
    assert done.status_code == 302
    assert count(at) == before + 1


def test_what_was_typed_goes_on_as_a_change_of_the_one_that_exists(at: Laptop) -> None:
    before = count(at)
    phone = "13511112222"
    answer = new_member(at, HOME, name="林示例", phone=phone).press()
    (first, *_) = asked(answer.text)
    edit = Paper(at.browser, answer).press_on(f"same:{first}")
    assert edit["phone"] == phone
    assert edit.press().status_code == 302
    view = get_view(at.ws, "resident", first)
    assert view is not None
    assert view["fields"]["phone"] == phone
    assert view["fields"]["household_id"] == HOME
    assert count(at) == before


@pytest.mark.parametrize(
    "values",
    [
        {"name": "林小例", "birth": "1971-05", "relation": "20"},  # his son
        {"name": "赵强磊", "birth": "1946-02", "sex": "2"},  # born the same month
    ],
)
def test_family_and_strangers_are_saved_at_once(at: Laptop, values: dict[str, str]) -> None:
    assert new_member(at, HOME, **values).press().status_code == 302


def test_twins_are_two(at: Laptop) -> None:
    home = rid("household", 5)
    twin = {"birth": "2015-03", "guardian": "王强"}
    assert new_member(at, home, name="王佳怡", relation="32", **twin).press().status_code == 302
    assert new_member(at, home, name="王佳慧", relation="33", **twin).press().status_code == 302


def test_a_household_of_the_same_room_and_phone_is_shown(at: Laptop) -> None:
    view = get_view(at.ws, "household", rid("household", 2))
    assert view is not None
    said = {**view["fields"], "code": "新号"}
    (found, *_) = likely_same(at.ws, "household", said)
    assert found.record_id == rid("household", 2)
    assert "电话相同" in found.why
    assert "同一房间" in found.why


def test_a_merged_record_is_shown_at_its_survivor(at: Laptop) -> None:
    ws, here, there = at.ws, rid("household", 8), rid("household", 9)
    view = get_view(ws, "household", there)
    assert view is not None
    pull_in(ws, "household", there, view["fields"], merged_into=here, version=9)
    names = {one.fields["name"] for one in members_of(ws, here)}
    own = {one["fields"]["name"] for one in children(ws, "resident", "household_id", there)}
    assert own < names
    page = at.browser.get(f"/base/households/{there}", follow_redirects=True)
    assert page.request.path.endswith(here)
    assert all(name in page.text for name in own)
    edit = at.browser.get(f"/records/household/{there}/edit", follow_redirects=True)
    assert "请改合并后的这一条" in edit.text
    # Undone, it stands for itself again with what names it.
    pull_in(ws, "household", there, view["fields"], version=10)
    assert not own & {one.fields["name"] for one in members_of(ws, here)}


def test_one_new_record_is_compared_within_fifty_milliseconds(at: Laptop) -> None:
    many: dict[str, Any] = {}
    for number in range(3_000):
        said = {
            "name": "".join(("王李张刘陈"[number % 5], "伟芳娜敏静"[number // 5 % 5],
                             "丽强磊洋艳"[number % 7 % 5])),
            "sex": "1", "birth": f"{1950 + number % 60}-{number % 12 + 1:02d}", "relation": "97",
            "household_id": rid("household", number % 30 + 1), "reside": "tenant",
        }  # fmt: skip
        record_id = f"01998a00-0000-7000-8{900:03d}-{number:012d}"
        many[record_id] = pulled("resident", record_id, said, "990101100009003")
    put_all(at.ws.db, "resident", many)
    at.ws.keep_setting("cursor", value="many")
    warm(at.ws)
    values = {**NEW, "household_id": HOME}
    least = min(_took(lambda: likely_same(at.ws, "resident", values)) for _ in range(5))
    assert least < 0.05
    save_record(at.ws, "resident", "create", {**values, "name": "孙行者", "notice_at":
                "2026-09-30T08:41:00+08:00"}, grid="990101100009003")  # fmt: skip
    assert _took(lambda: likely_same(at.ws, "resident", values)) < 0.05


def _took(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
