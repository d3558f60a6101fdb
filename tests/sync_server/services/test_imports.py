"""Registers from spreadsheets: matched by natural keys, changes like any other, taken back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.workflow import SYSTEM_ID
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, imports
from sync_server.services.import_work import Worker, folder_of
from sync_server.services.imports import Importer
from sync_server.services.merging import Wanted, merge_records
from sync_server.store.tables import audit, changes, records
from tests.pictures import picture
from tests.sync_server.registers import AREAS, COMPOUNDS, PEOPLE, Registry, workbook
from tests.sync_server.world import DISTRICT, GRID, add_worker, join

BASE = workbook(("区域", AREAS), ("小区", COMPOUNDS))
REGISTER = workbook(("居民", PEOPLE))


@pytest.fixture
def registry(centre) -> Registry:
    """A centre with areas and compounds."""
    made = Registry(centre)
    assert made.run(BASE) == {"new": 7}
    return made


def living(centre) -> Counter[str]:
    """Return how many living records there are of each kind."""
    with centre.store.reading() as connection:
        query = (
            sa.select(records.c.kind, sa.func.count())
            .where(records.c.voided.is_(False))
            .group_by(records.c.kind)
        )
        return Counter(dict(tuple(row) for row in connection.execute(query)))


def find(centre, kind: str, **fields: str):
    """Return the one record of a kind with these fields."""
    with centre.store.reading() as connection:
        rows = connection.execute(sa.select(records).where(records.c.kind == kind)).mappings()
        [row] = [
            row for row in rows if all(row["fields"].get(k) == v for k, v in fields.items())
        ]  # fmt: skip
        return row


def test_a_register_of_people_brings_its_buildings_rooms_and_households_along(any_centre):
    registry = Registry(any_centre)
    assert registry.run(BASE) == {"new": 7}
    assert registry.run(REGISTER) == {"new": 3, "along": 6}
    assert living(any_centre) == Counter(
        area=5, compound=2, building=2, room=2, household=2, resident=3
    )
    person = find(any_centre, "resident", name="林示例")
    assert person["fields"]["birth"] == "1980-01"
    assert person["fields"]["sex"] == "1"
    assert person["fields"]["notice_version"] == "旧台账"
    assert person["grid"] == GRID
    assert find(any_centre, "room", no="502")["fields"]["label"] == "3-1-502"
    household = find(any_centre, "household", head_id=person["record_id"])
    assert person["fields"]["household_id"] == household["record_id"]


def test_importing_the_same_file_again_changes_nothing(any_centre):
    registry = Registry(any_centre)
    registry.run(BASE)
    registry.run(REGISTER)
    before = state(any_centre)
    assert registry.run(BASE) == {"unchanged": 7}
    assert registry.run(REGISTER) == {"unchanged": 3}
    assert state(any_centre) == before


def test_the_same_file_is_read_once_while_it_would_be_read_the_same(registry):
    registry.run(REGISTER)
    first = folder_of(registry.centre, registry.last)
    assert registry.run(REGISTER) == {"unchanged": 3}
    second = folder_of(registry.centre, registry.last)
    assert second.rows.samefile(first.rows)
    for folder in (first, second):
        folder.read_by.write_text("0")  # by a program that read otherwise
    assert registry.run(REGISTER) == {"unchanged": 3}
    third = folder_of(registry.centre, registry.last)
    assert not third.rows.samefile(first.rows)
    first.drop()
    second.drop()
    assert registry.run(REGISTER) == {"unchanged": 3}
    assert folder_of(registry.centre, registry.last).rows.samefile(third.rows)


def state(centre) -> list[tuple]:
    with centre.store.reading() as connection:
        query = sa.select(records.c.record_id, records.c.version, records.c.change_no)
        return sorted(tuple(row) for row in connection.execute(query))


def test_what_somebody_changed_since_stays_when_the_file_comes_again(registry):
    registry.run(REGISTER)
    laptop = join(registry.centre, add_worker(registry.centre))
    person = find(registry.centre, "resident", name="林示例")
    laptop.write("resident", "update", {"phone": "10000009999"}, person["record_id"],
                 grid=GRID, base_version=person["version"])  # fmt: skip
    laptop.send()
    assert registry.run(REGISTER) == {"unchanged": 3}
    assert find(registry.centre, "resident", name="林示例")["fields"]["phone"] == "10000009999"
    newer = [list(row) for row in PEOPLE]
    newer[1][9] = "10000007777"
    assert registry.run(workbook(("居民", newer))) == {"unchanged": 2, "changed": 1}
    person = find(registry.centre, "resident", name="林示例")
    assert person["fields"]["phone"] == "10000007777"


def test_imported_records_reach_laptops_and_have_a_history(registry):
    registry.run(REGISTER)
    laptop = join(registry.centre, add_worker(registry.centre))
    laptop.send()
    assert {one["kind"] for one in laptop.records.values()} >= {"household", "resident", "room"}
    with registry.centre.store.reading() as connection:
        log = connection.execute(sa.select(changes).where(changes.c.kind == "resident")).all()
        noted = connection.execute(sa.select(audit).where(audit.c.action == "import")).all()
    assert {(row.author, row.action, row.outcome) for row in log} == {
        (SYSTEM_ID, "create", "applied")
    }
    assert noted[-1].target == registry.last
    assert noted[-1].detail["file"] == "台账.xlsx"
    assert noted[-1].detail["new"] == 3


def test_undoing_voids_what_was_made_and_keeps_what_others_built_upon(registry):
    registry.run(REGISTER)
    laptop = join(registry.centre, add_worker(registry.centre))
    person = find(registry.centre, "resident", name="王样本")
    laptop.write("resident", "update", {"phone": "10000009999"}, person["record_id"],
                 grid=GRID, base_version=person["version"])  # fmt: skip
    laptop.send()
    imports.undo(registry.centre, registry.who, registry.last)
    registry.worker.work()
    row = registry.row(registry.last)
    assert (row["state"], row["counts"]["undone"], row["counts"]["kept"]) == ("undone", 1, 2)
    left = living(registry.centre)
    assert (left["resident"], left["household"], left["room"], left["building"]) == (1, 1, 1, 1)
    kept = [row for row in registry.rows(registry.last) if row["undone"] == "kept"]
    why = {(one["kind"], one["why"]) for row in kept for one in row["kept"]}
    assert why == {("resident", "edited"), ("household", "has_below"), ("room", "has_below"),
                   ("building", "has_below")}  # fmt: skip
    assert registry.run(REGISTER) == {"new": 2, "unchanged": 1, "along": 3}


def test_undoing_puts_back_what_was_changed_unless_somebody_changed_it_again(registry):
    registry.run(REGISTER)
    newer = [list(row) for row in PEOPLE]
    newer[1][8:10], newer[3][9] = ["非亲属", "10000007777"], "10000008888"
    registry.run(workbook(("居民", newer)))
    laptop = join(registry.centre, add_worker(registry.centre))
    person = find(registry.centre, "resident", name="林示例")
    laptop.write("resident", "update", {"phone": "10000009999"}, person["record_id"],
                 grid=GRID, base_version=person["version"])  # fmt: skip
    laptop.send()
    imports.undo(registry.centre, registry.who, registry.last)
    registry.worker.work()
    assert find(registry.centre, "resident", name="林示例")["fields"]["phone"] == "10000009999"
    assert find(registry.centre, "resident", name="张演示")["fields"]["phone"] == "10000005678"
    assert registry.row(registry.last)["counts"]["kept"] == 1
    assert find(registry.centre, "resident", name="林示例")["fields"]["relation"] == "02"
    # What was taken back was never said; what somebody changed since was.
    assert registry.run(workbook(("居民", newer))) == {"unchanged": 1, "changed": 2}
    assert find(registry.centre, "resident", name="张演示")["fields"]["phone"] == "10000008888"
    fields = find(registry.centre, "resident", name="林示例")["fields"]
    assert (fields["relation"], fields["phone"]) == ("99", "10000009999")


def test_rows_that_are_wrong_are_refused_alone_with_their_reason(registry):
    here = ["工人村第3网格", "幸福里", "3", "1", "502", None]
    rows = [
        PEOPLE[0],
        [*here, "甲", 9.90101198001010e17, "户主", None],
        [here[0], "没有的小区", *here[2:], "乙", None, "户主", None],
        ["第9网格", *here[1:], "丙", None, "户主", None],
        [*here, None, None, "户主", None],
        [*here, "林", "990101198001010014", "舅舅", None],
        PEOPLE[1],
        PEOPLE[1],
    ]
    assert registry.run(workbook(("居民", rows))) == {"refused": 6, "new": 1, "along": 3}
    assert registry.faults(registry.last) == [
        (2, "id_no", "number_damaged"), (3, "compound.name", "parent_missing"),
        (4, "grid", "area_unknown"), (5, "name", "required"), (5, "sex", "required"),
        (5, "birth", "required"), (6, "relation", "unknown_choice"), (8, "name", "repeated"),
    ]  # fmt: skip


def test_a_row_outside_ones_areas_is_refused(registry):
    neighbour = Registry(registry.centre, Importer(DISTRICT, SYSTEM_ID, (GRID,)))
    counts = neighbour.run(REGISTER)
    assert counts["new"] == 2
    [fault] = neighbour.faults(neighbour.last)
    assert fault[2] in ("area_unknown", "outside")


@pytest.mark.parametrize(
    "encode",
    [lambda text: text.encode("utf-8-sig"), lambda text: text.encode("gb18030"),
     lambda text: text.replace(",", "\t").encode("utf-16"),
     lambda text: ("sep=;\r\n" + text.replace(",", ";")).encode("utf-8"),
     lambda text: text.encode("utf-8")],
    ids=["utf-8 with mark", "gb18030", "utf-16 with tabs", "semicolons", "utf-8"],
)  # fmt: skip
def test_csv_is_read_in_every_encoding_a_spreadsheet_writes(registry, encode):
    text = "\r\n".join(",".join(str(cell or "") for cell in row) for row in PEOPLE)
    assert registry.run(encode(text), "居民.csv") == {"new": 3, "along": 6}


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "sheet_empty"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "sheet_old"),
     (b"PK\x03\x04nothing", "sheet_unreadable"),
     (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\n", "sheet_unreadable"),
     (picture(form="PNG"), "sheet_unreadable"), (picture(form="JPEG"), "sheet_unreadable"),
     (b"name,age\n\x01\x02,3\n", "sheet_unreadable")],
    ids=["empty", "old", "torn", "paper", "png", "jpeg", "rubbish"],
)  # fmt: skip
def test_a_file_that_is_no_spreadsheet_is_refused_and_leaves_nothing(centre, data, code):
    with pytest.raises(Refusal) as refusal:
        Registry(centre).take(data, "居民.csv")
    assert refusal.value.code == code
    folder: Path = centre.settings.data / "imports"
    assert not folder.exists() or not list(folder.iterdir())


def test_text_that_calls_itself_a_workbook_is_refused(centre):
    with pytest.raises(Refusal, match="sheet_unreadable"):
        Registry(centre).take("姓名,性别\n".encode(), "居民.xlsx")
    assert Registry(centre).take("姓名,性别\n张样本,男\n\x1a".encode(), "居民.csv")


def test_checking_writes_nothing_and_the_run_comes_to_the_same(registry):
    [import_id] = registry.take(REGISTER)
    before = state(registry.centre)
    plan = imports.plan_of(registry.row(import_id))
    imports.check_file(registry.centre, registry.who, import_id, plan)
    registry.worker.work()
    assert registry.row(import_id)["counts"] == {"new": 3}
    assert state(registry.centre) == before
    imports.run_checked(registry.centre, registry.who, import_id, "skip")
    registry.worker.work()
    assert registry.row(import_id)["counts"]["new"] == 3


def test_a_change_between_looking_and_importing_becomes_a_conflict(registry):
    registry.run(REGISTER)
    newer = [list(row) for row in PEOPLE]
    newer[1][9] = "10000007777"
    [import_id] = registry.take(workbook(("居民", newer)))
    plan = imports.plan_of(registry.row(import_id))
    imports.check_file(registry.centre, registry.who, import_id, plan)
    registry.worker.work()
    laptop = join(registry.centre, add_worker(registry.centre))
    person = find(registry.centre, "resident", name="林示例")
    laptop.write("resident", "update", {"phone": "10000009999"}, person["record_id"],
                 grid=GRID, base_version=person["version"])  # fmt: skip
    laptop.send()
    imports.run_checked(registry.centre, registry.who, import_id, "skip")
    registry.worker.work()
    with registry.centre.store.reading() as connection:
        log = sa.select(changes.c.outcome).where(
            changes.c.record_id == person["record_id"], changes.c.device_id.is_(None)
        )
        assert "conflict" in set(connection.execute(log).scalars())
    assert find(registry.centre, "resident", name="林示例")["fields"]["phone"] == "10000009999"


def test_a_worker_that_dies_is_followed_by_another_that_goes_on(registry, monkeypatch, clock):
    monkeypatch.setattr("sync_server.services.import_work.PIECE", 2)
    [import_id] = registry.take(REGISTER)
    imports.run_unchecked(
        registry.centre, registry.who, import_id, imports.plan_of(registry.row(import_id))
    )
    first = Worker(registry.centre)
    row = first._next(None)
    first._piece(row)  # one piece, and then nothing more is heard of it
    second = Worker(registry.centre)
    assert second.work() == 0  # it is still held
    clock.passes(minutes=6)
    assert second.work() > 0
    counts = registry.row(import_id)["counts"]
    assert counts["new"] == 3
    assert living(registry.centre)["resident"] == 3


def test_columns_chosen_once_are_proposed_for_the_next_file_of_that_shape(registry):
    odd = [["哪里", "谁", *PEOPLE[0][:5]], ["x", "林示例", *PEOPLE[1][:5]]]
    [import_id] = registry.take(workbook(("Sheet1", odd)))
    plan = imports.propose_anew(registry.centre, registry.who, import_id, "resident", 1, 1)
    assert 1 not in plan.columns
    with pytest.raises(Refusal) as refusal:
        imports.check_file(registry.centre, registry.who, import_id, plan)
    assert "name" in refusal.value.facts["columns"]
    chosen = type(plan)(**{**plan.__dict__, "columns": {**plan.columns, 1: "name"},
                           "fixed": {**plan.fixed, "sex": "男", "birth": "1980-01",
                                     "relation": "户主"}})  # fmt: skip
    imports.check_file(registry.centre, registry.who, import_id, chosen)
    [again] = registry.take(workbook(("Sheet1", odd)))
    proposed = imports.plan_of(registry.row(again))
    assert proposed.columns == chosen.columns
    assert proposed.fixed["sex"] == "男"
    imports.discard(registry.centre, registry.who, again)
    assert not folder_of(registry.centre, again).folder.exists()


def test_rows_that_are_likely_there_wait_for_a_choice_and_then_do_as_chosen(registry):
    registry.run(REGISTER)
    alike = [list(row) for row in PEOPLE[:2]]
    alike[1][6:9] = ["林士例", None, "户主"]  # a homophone, of the same room and phone
    alike = [[*alike[0], "出生年月", "性别"], [*alike[1], "1980-01", "男"]]
    [import_id] = registry.take(workbook(("居民", alike)))
    plan = imports.plan_of(registry.row(import_id))
    imports.check_file(registry.centre, registry.who, import_id, plan)
    registry.worker.work()
    assert registry.row(import_id)["counts"] == {"likely": 1}
    [row] = registry.rows(import_id, "likely")
    person = find(registry.centre, "resident", name="林示例")
    assert row["likely"][0]["record_id"] == person["record_id"]
    assert "同音" in row["likely"][0]["reason"][0]
    imports.choose(registry.centre, registry.who, import_id, {row["row"]: "update"})
    imports.run_checked(registry.centre, registry.who, import_id, "skip")
    registry.worker.work()
    assert registry.row(import_id)["counts"]["changed"] == 1
    assert living(registry.centre)["resident"] == 3
    assert find(registry.centre, "resident", name="林士例")["record_id"] == person["record_id"]


def test_a_record_merged_into_another_is_not_made_again_by_its_file(registry):
    twice = [*PEOPLE[:2], [*PEOPLE[1][:6], "林士例", None, "非亲属", None]]
    twice = [[*row, *more] for row, more in zip(
        twice, (["出生年月", "性别"], [None, None], ["1980-02", "男"]), strict=True)]  # fmt: skip
    register = workbook(("居民", twice))
    assert registry.run(register)["new"] == 2
    with registry.centre.store.writing() as connection:
        staff = accounts.add_user(
            connection, DISTRICT, no="d1", name="职员", role="district", scope_codes=(DISTRICT,),
            now=registry.centre.clock(),
        )  # fmt: skip
    merged, survivor = (
        find(registry.centre, "resident", name=name) for name in ("林士例", "林示例")
    )
    seen = (merged["version"], survivor["version"])
    wanted = Wanted(merged["record_id"], survivor["record_id"], {}, seen)
    merge_records(registry.centre.store, staff, wanted, registry.centre.clock())
    before = state(registry.centre)
    assert registry.run(register) == {"unchanged": 2}
    assert state(registry.centre) == before
