"""Heads: found under titles, over several lines, by many names; the kind told by them."""

from __future__ import annotations

import pytest

from schemas.catalogue import kind_of
from sync_server.domain.sheets.columns import ORDER, SYNONYMS, USUAL, columns_of
from sync_server.domain.sheets.heads import find_heads, propose, read_heads, shape_of


def test_a_title_above_and_groups_of_merged_cells_are_seen_through():
    rows = [
        ["东关社区居民信息登记表"],
        ["填表人：张演示", None, None, "2026年3月"],
        ["序号", "住址", None, None, "户主信息", None, "本人信息", None, None, "备注"],
        [
            None,
            "小区名称",
            "楼栋号",
            "室",
            "姓名",
            "与户主关系",
            "姓名",
            "性别",
            "身份证号码",
            None,
        ],
        [1, "幸福里", "3栋", "502", "林示例", "户主", "林示例", "男", "990101198001010014"],
    ]
    kind, heads = find_heads(rows, "居民")
    assert kind == "resident"
    assert (heads.first, heads.lines) == (2, 2)
    named = {heads.texts[place]: name for place, name in propose(kind, heads.texts).items()}
    assert named == {
        "住址-小区名称": "compound.name", "住址-楼栋号": "building.no", "住址-室": "room.no",
        "户主信息-姓名": "household.head", "户主信息-与户主关系": "relation",
        "本人信息-姓名": "name", "本人信息-性别": "sex", "本人信息-身份证号码": "id_no",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("heads", "title", "kind"),
    [
        (["网格代码", "网格名称", "层级", "上级代码", "网格员"], "区域", "area"),
        (["小区名称", "小区编码", "所属社区", "物业模式", "地址"], "小区台账", "compound"),
        (["小区", "楼栋号", "层数", "单元数", "楼长"], "楼栋", "building"),
        (["小区", "楼号", "单元", "房号", "房屋状态"], "房屋", "room"),
        (["店名", "经营地址", "负责人", "联系电话", "统一社会信用代码"], "商铺", "shop"),
        (["户号", "小区", "楼号", "房号", "户类型", "人口数"], "家庭户", "household"),
        (["姓名", "性别", "出生年月", "与户主关系", "联系电话", "户号"], "Sheet1", "resident"),
        (["居民姓名", "户号", "关怀类别", "级别", "紧急联系人"], "Sheet1", "care"),
    ],
)
def test_the_kind_follows_from_the_heads(heads, title, kind):
    assert find_heads([heads, ["x"] * len(heads)], title)[0] == kind


@pytest.mark.parametrize("kind", ORDER)
def test_every_columns_own_label_names_it(kind):
    columns = columns_of(kind)
    texts = [column.label.zh for column in columns]
    assert propose(kind, texts) == {place: one.name for place, one in enumerate(columns)}


def test_every_synonym_and_usual_value_belongs_to_a_column():
    for table in (SYNONYMS, USUAL):
        for name in table:
            kind, dot, field = name.partition(".")
            if dot and kind in ORDER and name not in {
                one.name for every in ORDER for one in columns_of(every)
            }:  # fmt: skip
                assert field in kind_of(kind).declared(), name


def test_a_shape_is_the_heads_whatever_their_spaces():
    one = read_heads([["姓 名", "电话："]], 0, 1)
    other = read_heads([["姓名", "电话"]], 0, 1)
    assert shape_of(one.texts) == shape_of(other.texts)
    assert shape_of(one.texts) != shape_of(("姓名", "手机"))
