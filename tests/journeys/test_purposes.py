"""A district says what data and codes it uses and what for: a laptop asks accordingly, a child is
taken in with the guardian's consent, staff read it, and the grid's card can be posted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import GRID, NAME

pytestmark = pytest.mark.journey

WHAT_FOR = "上门服务和紧急联络"
CHILD = {"name": "林小样", "sex": "1", "birth": "2020-05", "relation": "20", "reside": "registered",
         "guardian": "林监护"}  # fmt: skip


def test_a_laptop_asks_what_the_district_collects_and_notes_a_guardians_consent(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
) -> None:
    worker, district = new_worker(), Staff(centre, "demo-district")
    home = worker.households("502")[0]
    before = worker.open(f"/base/households/{home}/resident").form("_revision", "_act")
    assert "id_no" in before.names

    page = district.open("/purposes/change")
    said = {"id_no.unused": "1", "basic.purpose": WHAT_FOR, "basic.basis": "consent",
            "basic.notice": "2026-9"}  # fmt: skip
    page = district.visitor.submit(page, page.form("basic.purpose", "id_no.unused"), said)
    assert page.path == "/purposes", words(page.html)
    assert "不采集" in words(page.html)
    assert WHAT_FOR in Staff(centre).read("/purposes")

    page = district.open("/code-lists/SHOP_KIND")
    page = district.visitor.submit(page, page.form("unused.beauty"), {"unused.beauty": "1"})
    assert page.path == "/code-lists", words(page.html)
    assert "美容美发" in worker.open("/records/shop/new").html

    assert worker.sync().stage == "done"
    shop = worker.open("/records/shop/new").html
    assert "餐饮" in shop
    assert "美容美发" not in shop
    page = worker.open(f"/base/households/{home}/resident")
    form = page.form("_revision", "_act")
    assert "id_no" not in form.names
    assert {("notice_version", "2026-9"), ("basis", "consent")} <= set(form.fields)
    assert f"用途：{WHAT_FOR}（本人同意）" in words(page.html)
    page = worker.visitor.submit(page, form, dict(CHILD), "_act=add:consents")
    form = page.form("_revision", "_act")
    (key,) = {name.split(".")[1] for name in form.names if name.startswith("consents.")}
    agreed = {"on": "2026-09-30", "by": "guardian", "scope": ["basic"], "how": "signed"}
    typed = {f"consents.{key}.{name}": value for name, value in agreed.items()}
    page = worker.visitor.submit(page, form, typed, "_act=save")
    child = page.path.rpartition("/")[2]
    assert "同意记录 2026-09-30 监护人" in words(page.html), words(page.html)
    assert worker.sync().stage == "done"
    assert set(centre.books.outcomes()) == {"applied"}

    staff = Staff(centre)
    assert "2026-09-30 监护人" in staff.read(f"/records/resident/{child}")
    assert f"/records/resident/{child}" not in staff.open("/quality/consent_child").html
    assert f"/records/resident/{child}" not in staff.open("/quality/notice").html
    assert "身份证号" not in staff.read("/quality/consent_child")
    card = staff.read(f"/areas/{GRID}/card")
    assert NAME in card
    assert "监督电话" in card
    assert "还没有填" not in card

    check_effects(centre.books)
    worker.laptop.stop()
    with worker.laptop.store() as ws:
        check_agreement(ws, centre.books)
