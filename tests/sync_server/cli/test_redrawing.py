"""Grids redrawn on the terminal: as on the page, and plain sentences where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.clock import written
from sync_server.cli.main import run
from sync_server.services import accounts
from sync_server.services.centre import Centre, open_centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.settings import Settings
from sync_server.store import records_read
from tests.quick import lay_out
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, OTHER_GRID, add_worker

Said = tuple[int, str, str]


@pytest.fixture
def folder(tmp_path: Path, migrated_file: Path) -> Path:
    """A centre's data with a grid of two buildings, its worker and a colleague next door."""
    lay_out(migrated_file, tmp_path)
    with_centre(tmp_path, fill)
    return tmp_path


def with_centre(folder: Path, work: Callable[[Centre], None]) -> None:
    centre = open_centre(Settings(folder, district=DISTRICT, testing=True))
    work(centre)
    centre.store.close()


def fill(centre: Centre) -> None:
    add_worker(centre, "w1", [GRID])
    add_worker(centre, "w2", [OTHER_GRID])
    with centre.store.writing() as connection:
        accounts.add_user(
            connection, DISTRICT, no="s1", name="李演示", role="community",
            scope_codes=[COMMUNITY], now=centre.clock(),
        )  # fmt: skip
    compound = new_id()
    at = written(centre.clock())
    rows = [
        ("area", new_id(), code, {"code": code, "name": name, "level": level,
                                  "valid_from": "2026-01-01"})
        for code, name, level in ((COMMUNITY, "东关社区", "community"), (GRID, "第三网格", "grid"),
                                  (OTHER_GRID, "第四网格", "grid"))
    ]  # fmt: skip
    rows.append(("compound", compound, COMMUNITY, {
        "code": "XQ-1", "name": "幸福里", "kind": "compound", "address": "1号",
        "community_code": COMMUNITY, "property_mode": "none", "guard": True, "barrier": True,
        "cctv": True, "self_gov": "none"}))  # fmt: skip
    rows += [("building", new_id(), GRID, {"compound_id": compound, "no": no}) for no in ("1", "2")]
    made = [
        ImportedRecord(record_id, kind, grid, fields, new_id(), at)
        for kind, record_id, grid, fields in rows
    ]
    with centre.store.writing() as connection:
        import_records(connection, DISTRICT, made, author=None, at=centre.clock())


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command on it and return its exit status and what it said."""

    def command(*arguments: str) -> Said:
        status = run([*arguments[:1], "--data", str(folder), *arguments[1:]], lambda *_: None)
        told = capsys.readouterr()
        return status, told.out.strip(), told.err.strip()

    return command


def test_a_grid_is_split_by_the_names_of_its_buildings_and_merged_back(folder, say):
    status, listed, _ = say("split-grid", "--grid", GRID, "--by", "s1")
    assert status == 0
    assert [line.split()[-2:] for line in listed.splitlines()] == [["幸福里", "1"], ["幸福里", "2"]]
    status, code, err = say(
        "split-grid", "--grid", GRID, "--by", "s1", "--name", "第五网格", "--buildings", "幸福里 2",
        "--new", "w2",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert code == f"{COMMUNITY}005"

    def check(centre: Centre) -> None:
        with centre.store.reading() as connection:
            area = records_read.area_record(connection, DISTRICT, code)
            assert area is not None
            assert area["fields"]["name"] == "第五网格"
            holders = {no: accounts.user_by_no(connection, DISTRICT, no).scope_codes
                       for no in ("w1", "w2")}  # fmt: skip
        assert holders == {"w1": (GRID,), "w2": (OTHER_GRID, code)}

    with_centre(folder, check)
    status, count, _ = say("merge-grids", "--grid", code, "--into", GRID, "--by", "s1")
    assert (status, count) == (0, "1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["split-grid", "--buildings", "幸福里 9", "--name", "新"], "幸福里 9"),
        (["split-grid", "--buildings", "幸福里 1", "幸福里 2", "--name", "新"], "也不能全选"),
        (["split-grid", "--buildings", "幸福里 1"], "--name"),
        (["merge-grids", "--into", GRID], "不能并入自己"),
        (["merge-grids", "--into", "990101100008001"], "990101100008001"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(say, arguments, words):
    status, out, err = say(*arguments, "--grid", GRID, "--by", "s1")
    assert (status, out) == (1, "")
    assert words in err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["split-grid", "--grid", "990101100009077"], "990101100009077"),
        (["split-grid", "--grid", "nonsense"], "nonsense"),
        (["merge-grids", "--grid", "990101100009077", "--into", GRID], "990101100009077"),
        (["merge-grids", "--grid", GRID, "--into", "990101100009078"], "990101100009078"),
    ],
)
def test_a_grid_nobody_knows_is_named(say, line, code):
    status, out, err = say(*line, "--by", "s1")
    assert (status, out) == (1, "")
    assert f"没有这个网格，或不在 --by 的人的辖区内：{code}" in err


def test_a_worker_redraws_nothing(say):
    status, _, err = say("split-grid", "--grid", GRID, "--by", "w1")
    assert status == 1
    assert "不能调整网格" in err
