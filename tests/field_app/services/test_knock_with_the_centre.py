"""A knock campaign from the centre to two laptops of a grid and back, with leaflets both add to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from field_app.services import drafts, knock, materials, visits
from field_app.services.drafts import MAIN, Typed
from field_app.services.records import save_record
from sync_server.services import campaign_forms, campaigns, field_lines
from sync_server.services import materials as stock
from sync_server.services.accounts import add_user
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import Laptop
from tests.sync_server.web.staff import load, load_many
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID

RECORD = "01a00000-0000-7000-8000-000000000001"
FORM = {
    "name": ["秋季敲门"], "area_code": [COMMUNITY], "starts_on": ["2026-09-01"],
    "ends_on": ["2026-10-20"], "purpose": ["逐户宣传"], "questions": ["有报警器吗"],
    "materials.fraud.qty": ["2"],
}  # fmt: skip


def knock_at(laptop: Laptop, home: str, result: str) -> None:
    ws = laptop.ws
    draft_id = visits.start_visit(ws, household_id=home, result=result, campaign_id=RECORD)
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = {MAIN: draft["parts"][MAIN]["texts"] | {"notice_given": ["1"]}}
    assert visits.finish_visit(ws, draft_id, Typed(texts, draft["revision"], "a")).saved


def test_a_campaign_travels_down_and_its_progress_comes_back(
    line: CentreLine, joined: Callable[..., Laptop]
) -> None:
    centre = line.centre
    first, second = line.worker("w1"), line.worker("w2")
    with centre.store.writing() as connection:
        staff = add_user(
            connection, DISTRICT, no="s1", name="职员", role="community",
            scope_codes=(COMMUNITY,), now=centre.clock(),
        )  # fmt: skip
    load(centre, first.user_id, "area", GRID, {
        "code": GRID, "name": "第三网格", "level": "grid", "valid_from": "2026-01-01",
    })  # fmt: skip
    rooms = load_many(centre, first.user_id, "room", GRID, [
        {"building_id": RECORD, "no": str(n), "label": f"1-1-{n}", "state": "owner"}
        for n in range(4)
    ])  # fmt: skip
    homes = load_many(centre, first.user_id, "household", GRID, [
        {"code": f"H{n}", "room_id": room, "kind": "family"} for n, room in enumerate(rooms)
    ])  # fmt: skip
    now = centre.clock()
    assert campaign_forms.send_campaign(
        centre.store, staff, RECORD, lambda name: FORM[name], list(FORM), now, "zh"
    ) is None  # fmt: skip
    one, other = joined("one", first), joined("two", second)
    for laptop in (one, other):
        assert laptop.sync().stage == "done"
        assert [found.name for found in knock.running(laptop.ws)] == ["秋季敲门"]
        said = {"moved_at": "2026-09-29T09:00:00+08:00", "material": "fraud", "move": "received",
                "qty": 10}  # fmt: skip
        assert save_record(laptop.ws, "material_move", "create", said, grid=GRID).saved
    knock_at(one, homes[0], "met")
    knock_at(one, homes[1], "nobody")
    knock_at(other, homes[1], "met")  # offline, neither knows of the other
    knock_at(other, homes[2], "vacant")
    for laptop in (one, other, one):
        assert laptop.sync().stage == "done"
    for laptop in (one, other):
        found = knock.campaign(laptop.ws, RECORD)
        assert found is not None
        counts = {state: found.progress[state] for state in ("done", "vacant", "todo", "nobody")}
        assert counts == {"done": 2, "vacant": 1, "todo": 1, "nobody": 0}
        left = {line.code: line.stock.left for line in materials.stock_of(laptop.ws)}
        assert left["fraud"] == 20 - 4
    field_lines.bring_up_to_date(centre.store, DISTRICT)
    with centre.store.reading() as connection:
        day = date(2026, 9, 30)
        page = campaigns.open_campaign(connection, staff, RECORD, day, "zh")
        assert (page.progress["done"], page.progress.asked, page.progress.left) == (2, 3, 1)
        assert stock.open_grid(connection, staff, GRID, 1, "zh").stock["fraud"].left == 16
