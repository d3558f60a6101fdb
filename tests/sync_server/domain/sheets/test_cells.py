"""What cells say: dates in every writing, codes by any of their words, damage that is told."""

from __future__ import annotations

import pytest

from schemas.catalogue import kind_of
from sync_server.domain.sheets.cells import Date, read_cell
from sync_server.domain.sheets.problems import SENTENCES, CellProblem, RowProblem

RESIDENT, ROOM, CARE, SHOP = (
    kind_of(one).declared() for one in ("resident", "room", "care", "shop")
)
ID = "990101198001010014"


@pytest.mark.parametrize(
    "cell",
    ["2024/3/5", "2024-03-05", "2024.3.5", "2024年3月5日", "2024 年 3 月 5 日", "20240305",
     20240305, 45356, 45356.0, "45356", Date("2024-03-05"), "２０２４年３月５日",
     "2024-3-5 00:00:00"],
)  # fmt: skip
def test_a_day_is_read_however_it_is_written(cell):
    assert read_cell(CARE["since"], cell) == "2024-03-05"


@pytest.mark.parametrize(
    "cell",
    ["1951-04", "1951/4", "1951年4月", "195104", 195104, 1951.04, "1951.04", "1951-04-17", 19510417,
     Date("1951-04-17"), 18735, "1951.4", 1951.4],
)  # fmt: skip
def test_a_birth_month_is_read_from_month_or_day(cell):
    assert read_cell(RESIDENT["birth"], cell) == "1951-04"


@pytest.mark.parametrize(
    ("cell", "read"),
    [("2026-03-05 8:41", "2026-03-05T08:41:00+08:00"),
     (Date("2026-03-05 08:41:30"), "2026-03-05T08:41:30+08:00"),
     ("2026年3月5日8时41分", "2026-03-05T08:41:00+08:00"),
     ("2026/3/5", "2026-03-05T00:00:00+08:00"),
     ("2026-03-05T08:41:00+09:00", "2026-03-05T08:41:00+09:00")],
)  # fmt: skip
def test_a_time_is_read_as_shanghais_unless_it_says_otherwise(cell, read):
    assert read_cell(RESIDENT["notice_at"], cell) == read


@pytest.mark.parametrize(
    ("field", "cell", "code"),
    [
        (RESIDENT["id_no"], 9.90101198001010e17, "number_damaged"),
        (RESIDENT["id_no"], "9.90101E+17", "number_damaged"),
        (RESIDENT["id_no"], 990101198001010000, "number_damaged"),
        (RESIDENT["id_no"], "990101198001010000", "number_damaged"),
        (RESIDENT["phone"], "1.38E+10", "number_damaged"),
        (RESIDENT["phone"], 138123.5, "number_damaged"),
        (ROOM["label"], Date("2026-03-01"), "became_date"),
        (ROOM["no"], Date("2026-03-01"), "became_date"),
        (RESIDENT["birth"], 1951.1, "month_unclear"),
        (RESIDENT["birth"], "1951.1", "month_unclear"),
        (RESIDENT["birth"], 1951, "bad_month"),
        (RESIDENT["birth"], 1951.0, "bad_month"),
        (RESIDENT["birth"], "1951", "bad_month"),
        (RESIDENT["birth"], 75, "bad_month"),
        (CARE["since"], 2020, "bad_day"),
        (RESIDENT["notice_at"], 2020, "bad_moment"),
        (RESIDENT["birth"], "1951-13", "bad_month"),
        (RESIDENT["sex"], "男人", "unknown_choice"),
        (RESIDENT["name"], "#N/A", "formula_error"),
        (SHOP["staff"], "三人", "not_whole"),
        (SHOP["gas"], "也许", "not_flag"),
        (CARE["since"], "2024-02-30", "bad_day"),
        (CARE["since"], "不详", "bad_day"),
    ],
)
def test_what_a_spreadsheet_damaged_or_nobody_can_read_is_told(field, cell, code):
    with pytest.raises(CellProblem) as fault:
        read_cell(field, cell)
    assert fault.value.code == code
    if code in SENTENCES:
        for lang in ("zh", "en"):
            assert RowProblem("x", "", code, fault.value.params).text(lang)


@pytest.mark.parametrize(
    ("field", "cell", "read"),
    [
        (RESIDENT["id_no"], ID, ID),
        (RESIDENT["id_no"], int(ID), ID),
        (RESIDENT["id_no"], "99010120150706003Ｘ", "99010120150706003X"),
        (RESIDENT["id_no"], "'" + ID, ID),
        (RESIDENT["phone"], 10000001234, "10000001234"),
        (RESIDENT["phone"], 10000001234.0, "10000001234"),
        (RESIDENT["phone"], "１００００００１２３４", "10000001234"),
        (RESIDENT["name"], "　阿依古丽·买买提 ", "阿依古丽·买买提"),
        (ROOM["no"], 502, "502"),
        (ROOM["no"], 502.0, "502"),
        (ROOM["no"], "５０２", "502"),
        (ROOM["floor"], "5层", 5),
        (ROOM["floor"], "-1", -1),
        (SHOP["staff"], "12 人", 12),
        (SHOP["staff"], "1,200", 1200),
        (SHOP["gas"], "√", True),
        (SHOP["gas"], "无", False),
        (SHOP["gas"], True, True),
        (RESIDENT["sex"], "男", "1"),
        (RESIDENT["sex"], "male", "1"),
        (RESIDENT["sex"], 1, "1"),
        (RESIDENT["sex"], "女性", "2"),
        (RESIDENT["relation"], "户主", "02"),
        (RESIDENT["relation"], 2, "02"),
        (RESIDENT["relation"], "妻子", "12"),
        (CARE["risk"], "高风险", "high"),
        (CARE["risk"], "高风险（7天）", "high"),
        (CARE["cats"], "独居老人、低保；高龄老人", ["alone", "low_income", "aged80"]),
        (CARE["cats"], "低保", ["low_income"]),
        (RESIDENT["phone"], "—", None),
        (RESIDENT["phone"], "  ", None),
        (RESIDENT["phone"], None, None),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_its_field_means_it(field, cell, read):
    assert read_cell(field, cell) == read


def test_a_point_keeps_its_coordinate_system():
    location = kind_of("building").declared()["location"]
    point = {"lat": 40_012_345, "lon": 100_012_345, "crs": "local-demo"}
    assert read_cell(location, "40.012345, 100.012345 local-demo") == point
    assert read_cell(location, "40.012345，100.012345")["crs"] == "WGS84"
