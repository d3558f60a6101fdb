"""Searching while typing: doors, and the options of a reference."""

from __future__ import annotations

import pytest

from field_app.services.records import changes_of
from tests.field_app.forms import Paper
from tests.field_app.laptops import Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COMMUNITY, pull_in, rid


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def test_doors_are_found_as_a_piece_of_a_page(at: Laptop) -> None:
    piece = at.browser.get("/find?q=201").text
    assert piece.count("data-step") == 3
    assert "<html" not in piece
    assert "没有找到" in at.browser.get("/find?q=没有").text


def test_what_was_typed_never_becomes_markup(at: Laptop) -> None:
    for path in ("/find", "/visits", "/base", "/records/household/"):
        page = at.browser.get(path, query_string={"q": '<script>alert("x")</script>'}).text
        assert "<script>alert" not in page


def test_options_are_narrowed_and_the_chosen_one_stays(at: Laptop) -> None:
    chosen = rid("household", 30)
    query = {"kind": "household", "q": "1-1-2", "chosen": chosen}
    piece = at.browser.get("/find/choices", query_string=query).text
    assert f'<option value="{chosen}" selected>' in piece
    assert "幸福里 1-1-201" in piece
    assert piece.count("<option") == 2


def test_a_reference_is_narrowed_by_its_button_without_scripts(at: Laptop) -> None:
    path = f"/records/household/{rid('household', 1)}/edit"
    paper = Paper.open(at.browser, path).put({"_find.head_id": "shanxiongxin"})
    paper = paper.fill(remarks="门口有狗").press_on("find:head_id")
    assert (paper["_find.head_id"], paper["remarks"]) == ("shanxiongxin", "门口有狗")
    assert paper.page.text.count(f'<option value="{rid("resident", 2)}"') == 1
    assert f'<option value="{rid("resident", 40)}"' not in paper.page.text
    paper.fill(head_id=rid("resident", 2)).press()
    (change,) = changes_of(at.ws, rid("household", 1))
    assert change["fields"] == {"remarks": "门口有狗", "head_id": rid("resident", 2)}


@pytest.mark.parametrize("kind", ["", "nothing", "seen", "user"])
def test_odd_kinds_offer_nothing_and_break_nothing(at: Laptop, kind: str) -> None:
    assert at.browser.get("/find/choices", query_string={"kind": kind}).status_code == 200


def test_compounds_of_other_grids_are_folded_away(at: Laptop) -> None:
    assert "本网格没有楼栋的小区" not in at.browser.get("/base").text
    pull_in(at.ws, "compound", rid("compound", 3), {"name": "安居里"}, COMMUNITY)
    page = at.browser.get("/base").text
    own, folded, rest = page.partition("本网格没有楼栋的小区（1个）")
    assert folded
    assert ("幸福里" in own, "安居里" in own) == (True, False)
    assert "安居里" in rest.partition("</details>")[0]


def test_base_data_goes_down_to_the_door(at: Laptop) -> None:
    page = at.browser.get("/base").text
    assert f'href="/base/compounds/{rid("compound", 1)}"' in page
    page = at.browser.get(f"/base/compounds/{rid('compound', 1)}").text
    assert f'href="/base/buildings/{rid("building", 1)}"' in page
    page = at.browser.get(f"/base/buildings/{rid('building', 1)}").text
    assert f'href="/base/households/{rid("household", 1)}"' in page
    assert "阿卜杜拉·买买提" in at.browser.get(f"/base/households/{rid('household', 1)}").text
