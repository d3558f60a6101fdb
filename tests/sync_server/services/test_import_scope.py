"""A record outside an importer's areas does not exist for him: none is changed, none is told of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.workflow import SYSTEM_ID
from sync_server.services import accounts, imports
from sync_server.services.duplicates import search_duplicates
from sync_server.services.import_rows import Outcome
from sync_server.services.imports import Importer
from sync_server.services.moves import move_record
from sync_server.store.tables import records
from tests.sync_server.registers import AREAS, COMPOUNDS, PEOPLE, Registry, workbook
from tests.sync_server.world import DISTRICT, GRID, OTHER_GRID

THEIRS, NOBODYS = "99010119520229008X", "990101196001010015"
"""The ID number of somebody of the other grid, and one that nobody has."""


@pytest.fixture
def registry(centre) -> Registry:
    """What somebody of one grid brings in; the other grid's people are there already."""
    everybody = Registry(centre)
    everybody.run(workbook(("区域", AREAS), ("小区", COMPOUNDS)))
    everybody.run(workbook(("居民", PEOPLE)))
    return Registry(centre, Importer(DISTRICT, SYSTEM_ID, (GRID,)))


def stand(registry: Registry, grid: str) -> dict[str, tuple]:
    """Return the records of a grid as they stand, by id."""
    with registry.centre.store.reading() as connection:
        rows = connection.execute(sa.select(records).where(records.c.grid == grid)).all()
        return {row.record_id: (row.version, row.change_no, row.voided) for row in rows}


def find(registry: Registry, kind: str, **fields: str):
    """Return the one record of a kind with these fields."""
    with registry.centre.store.reading() as connection:
        rows = connection.execute(sa.select(records).where(records.c.kind == kind)).all()
    [row] = [row for row in rows if fields.items() <= row.fields.items()]
    return row


def check(registry: Registry, sheet: str, rows, kind: str, **fixed: str) -> list[dict]:
    """Check a file; return what is kept of its rows."""
    [import_id] = registry.take(workbook((sheet, rows)))
    plan = imports.propose_anew(registry.centre, registry.who, import_id, kind, 1, 1)
    plan = replace(plan, fixed={**plan.fixed, **fixed})
    imports.check_file(registry.centre, registry.who, import_id, plan)
    registry.worker.work()
    assert registry.row(import_id)["state"] == "checked", registry.row(import_id)["problem"]
    registry.last = import_id
    return [dict(row) for row in registry.rows(import_id, *get_args(Outcome))]


def names_nobody_of(registry: Registry, rows: list[dict], grid: str) -> None:
    """Assert that nothing kept of checked rows names the grid or a record of it."""
    told = json.dumps([[row["problems"], row["likely"], row["before"]] for row in rows])
    for foreign in (grid, *stand(registry, grid)):
        assert foreign not in told
    assert not {row["record_id"] for row in rows} & stand(registry, grid).keys()


def test_somebody_elses_number_makes_a_person_here_and_leaves_its_holder_alone(
    registry: Registry,
) -> None:
    before = stand(registry, OTHER_GRID)
    here = ["工人村第3网格", "幸福里", "3号楼", "1单元", "503", "李冒名", "李冒名"]
    rows = [PEOPLE[0], [*here, THEIRS, "户主", "10000009999"]]
    checked = check(registry, "居民", rows, "resident")
    assert [(row["outcome"], row["likely"]) for row in checked] == [("new", None)]
    names_nobody_of(registry, checked, OTHER_GRID)
    imports.choose(registry.centre, registry.who, registry.last, {2: "update"})
    imports.run_checked(registry.centre, registry.who, registry.last, "update")
    registry.worker.work()
    assert registry.row(registry.last)["counts"]["new"] == 1
    assert stand(registry, OTHER_GRID) == before
    assert find(registry, "resident", name="李冒名").grid == GRID
    # Who answers for both places is told that they may be one.
    assert search_duplicates(registry.centre.store, DISTRICT, registry.centre.clock()).pairs


def test_a_number_of_elsewhere_is_answered_like_one_that_nobody_has(registry: Registry) -> None:
    rows = [["居民身份证号", "类别", "风险"], *([no, "独居", "高"] for no in (THEIRS, NOBODYS))]
    fixed = {"visit_every_days": "7", "since": "2026-01-01", "basis": "同意", "risk": "高"}
    checked = check(registry, "关怀", rows, "care", **fixed)
    assert [row["outcome"] for row in checked] == ["refused", "refused"]
    names_nobody_of(registry, checked, OTHER_GRID)
    theirs, nobodys = (json.dumps(row["problems"]) for row in checked)
    assert "parent_missing" in theirs
    assert theirs == nobodys.replace(NOBODYS, THEIRS)


def test_a_household_of_elsewhere_is_not_found_by_its_number(registry: Registry) -> None:
    theirs = find(registry, "household", room_id=find(registry, "room", no="101").record_id)
    before = stand(registry, OTHER_GRID)
    rows = [["户号", "姓名", "性别", "出生年月", "关系"]]
    rows += [
        [code, "赵某", "女", "1990-01", "女儿"] for code in (theirs.fields["code"], "没有的号")
    ]
    checked = check(registry, "居民", rows, "resident")
    problems = [[fault["code"] for fault in row["problems"]] for row in checked]
    assert problems == [["parent_missing"], ["parent_missing"]]
    names_nobody_of(registry, checked, OTHER_GRID)
    coded = [["小区", "楼号", "单元", "房号", "户号", "户类型"],
             ["幸福里", "3", "1", "502", theirs.fields["code"], "家庭户"]]  # fmt: skip
    checked = check(registry, "家庭户", coded, "household")
    names_nobody_of(registry, checked, OTHER_GRID)
    assert [row["outcome"] for row in checked] == ["new"], checked
    assert stand(registry, OTHER_GRID) == before


def give_away(registry: Registry, kind: str, record_id: str) -> None:
    """Put a record, with all that hangs below it, into the other grid."""
    centre = registry.centre
    with centre.store.writing() as connection:
        staff = accounts.add_user(
            connection, DISTRICT, no=f"d{record_id[-6:]}", name="职员", role="district",
            scope_codes=(DISTRICT,), now=centre.clock(),
        )  # fmt: skip
        info = kind_of(kind).info
        move_record(connection, staff, info, record_id, OTHER_GRID, centre.clock())


def test_what_was_given_away_is_refused_and_not_made_again(registry: Registry) -> None:
    give_away(registry, "building", find(registry, "building", no="3号楼").record_id)
    gone = [PEOPLE[0], *PEOPLE[1:3], [*PEOPLE[1][:4], "909", "孙新", "孙新", None, "户主", None]]
    gone = [
        [*row, *more]
        for row, more in zip(
            gone, (["出生年月", "性别"], [None] * 2, [None] * 2, ["1980-02", "男"]), strict=True
        )
    ]
    checked = check(registry, "居民", gone, "resident")
    assert [[fault["code"] for fault in row["problems"]] for row in checked] == [["outside"]] * 3
    names_nobody_of(registry, checked, OTHER_GRID)


def test_taking_an_import_back_leaves_what_was_given_away_since(registry: Registry) -> None:
    newer = [PEOPLE[0], [*PEOPLE[1][:9], "10000007777"]]
    newer += [["工人村第3网格", "幸福里", "9", "1", "101", "孙新", "孙新", THEIRS, "户主", None]]
    assert registry.run(workbook(("居民", newer))) == {"changed": 1, "new": 1, "along": 3}
    for name in ("林示例", "孙新"):
        give_away(registry, "resident", find(registry, "resident", name=name).record_id)
    before = stand(registry, OTHER_GRID)
    imports.undo(registry.centre, registry.who, registry.last)
    registry.worker.work()
    row = registry.row(registry.last)
    assert (row["state"], row["counts"].get("kept")) == ("undone", 2)
    assert stand(registry, OTHER_GRID) == before
    kept = [one for row in registry.rows(registry.last, "new", "changed") for one in row["kept"]]
    why = {(one["why"], one["by"]) for one in kept if one["kind"] == "resident"}
    assert why == {("given_away", "")}
