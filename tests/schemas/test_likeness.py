"""Who is one and who is two: names as they are heard, families, twins, and reasons in words."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.likeness.blocks import COMPARED, Blocks
from schemas.likeness.homes import doors_alike, read_door, read_trade, trades_alike
from schemas.likeness.names import compare, read_name
from schemas.likeness.people import Person, alike, births_near, read_person
from schemas.likeness.reasons import LISTED, WORDS, read_reason

HERE, THERE = (
    {"home": "h1", "room": "r1", "building": "b1", "grid": "990101100009003"},
    {"home": "h2", "room": "r2", "building": "b2", "grid": "990101100011001"},
)
ID, OTHER_ID = "990101198003010018", "990101198003010026"


def person(place: dict[str, str], **said: Any) -> Person:
    return read_person({"name": "王小明", "sex": "1", "birth": "1980-03", **said}, **place)


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("张伟", "张玮", "homophone"),
        ("张伟", "章炜", "homophone"),
        ("单雄信", "山雄信", "homophone"),
        ("𠮷田靖", "吉田靖", "homophone"),
        ("曾国藩", "增国藩", "homophone"),
        ("陈志强", "陈自强", "near_sound"),
        ("刘宁", "牛宁", "near_sound"),
        ("小明王", "王小明", "reordered"),
        ("王小明", "王明", "missing_char"),
        ("欧阳明远", "欧阳明", "missing_char"),
        ("李国强", "李建国", "surname"),
        ("阿卜杜拉·买买提", "阿卜杜拉买买提", "same"),
    ],
)
def test_names_are_compared_as_they_are_heard(one: str, other: str, how: str) -> None:
    assert compare(read_name(one), read_name(other))[0] == how


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person(HERE), person(HERE, name="王晓明")),
        (person(HERE, phone="13800001111"), person(THERE, phone="13800001111", name="王晓鸣")),
        (person(HERE, phone="13800001111"), person(THERE, phone="13800001112")),
        (person(HERE), person(THERE, moved_out_at="2026-08-01")),
        (person(HERE, birth="1965-03", phone="13800001111"),
         person(THERE, birth="1956-03", phone="13800001111")),
        (person(HERE, name="王小宝", birth="2018-05", guardian="王小明"),
         person(HERE, name="王小明", birth="2018-05", guardian="王小宝")),
        (person(HERE, id_no=ID), person(THERE, id_no=ID, birth="1981-03")),
        (person(HERE, name="明小王"), person(HERE)),
    ],
)  # fmt: skip
def test_one_person_entered_twice_is_listed(one: Person, other: Person) -> None:
    found = alike(one, other)
    assert found.score >= LISTED
    assert found.text("zh")
    assert alike(other, one).score == found.score


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # twins: in one household, born the same month, a character of the name in common
        (person(HERE, name="王佳怡", birth="2015-03", relation="32", phone="13800001111"),
         person(HERE, name="王佳慧", birth="2015-03", relation="33", phone="13800001111")),
        (person(HERE, name="王佳怡", birth="2015-03", relation="30"),
         person(HERE, name="王佳慧", birth="2015-03", relation="30")),
        (person(HERE, name="王佳怡", birth="2015-03", id_no=ID),
         person(HERE, name="王佳仪", birth="2015-03", id_no=OTHER_ID)),
        # father and son with one phone, in one household and apart
        (person(HERE, name="王大明", birth="1952-01", relation="02", phone="13800001111"),
         person(HERE, relation="20", phone="13800001111")),
        (person(HERE, name="王大明", birth="1952-01", phone="13800001111"),
         person(THERE, phone="13800001111")),
        # husband and wife born the same month, one phone
        (person(HERE, relation="11", phone="13800001111"),
         person(HERE, name="李秀英", sex="2", relation="12", phone="13800001111")),
        # namesakes of another age; cousins of one generation
        (person(HERE), person(THERE, birth="1951-11")),
        (person(HERE), person(HERE | {"home": "h3", "room": "r3"}, birth="1966-08")),
        (person(HERE, name="王国强"), person(THERE, name="王国伟", birth="1980-03")),
        (person(HERE, id_no=ID), person(THERE, id_no=OTHER_ID)),
    ],
)  # fmt: skip
def test_two_people_who_look_alike_are_not(one: Person, other: Person) -> None:
    assert alike(one, other).score < LISTED


def test_a_score_is_never_without_a_reason_and_reasons_keep_their_words() -> None:
    found = alike(person(HERE), person({**THERE, "room": "r1"}, name="王晓明"))
    assert found.reasons
    assert "同一房间" in found.text("zh")
    assert "姓名同音 0.97" in found.text("zh")
    assert "same room" in found.text("en")
    for one in found.reasons:
        again = read_reason(one.as_json())
        assert again == one
        assert one.code in WORDS


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [("1951-04", "1951-05", True), ("1951-12", "1952-01", True), ("1951-04", "1950-04", True),
     ("1951-04", "1961-04", True), ("1951-04", "1915-04", True), ("1951-04", "1951-09", False),
     ("1951-04", "1955-04", False)],
)  # fmt: skip
def test_birth_months_that_may_be_slips_of_each_other(one: str, other: str, near: bool) -> None:
    assert births_near(one, other) is near


@pytest.mark.parametrize(
    ("one", "other", "listed"),
    [("3-1-502", "3栋1单元502室", True), ("3-1-502", "3-502-1", True), ("3-1-2", "3-2-1", False),
     ("柳巷3号", "槐巷3号", False), ("柳巷3号", "柳巷三号", True)],
)  # fmt: skip
def test_doors_are_compared_by_their_numbers(one: str, other: str, listed: bool) -> None:
    doors = [read_door({"building_id": "b1", "label": label}) for label in (one, other)]
    assert (doors_alike(*doors).score >= LISTED) is listed


def test_a_chains_shops_are_two_and_a_shop_entered_twice_is_one() -> None:
    grid = "990101100009003"
    shop = {"name": "老王面馆", "kind": "catering", "address": "幸福路12号", "keeper": "王大明",
            "phone": "13800001111"}  # fmt: skip
    again = {**shop, "name": "老王面管", "phone": "13800001112"}
    other = {**shop, "address": "解放街88号", "keeper": "李国强", "phone": "13900002222"}
    one = read_trade(shop, grid=grid)
    assert trades_alike(one, read_trade(again, grid=grid)).score >= LISTED
    assert trades_alike(one, read_trade(other, grid="990101100011001")).score < LISTED


def test_what_is_dropped_from_the_blocks_is_found_no_more() -> None:
    blocks = Blocks("resident")
    blocks.put("a", person(HERE))
    blocks.put("b", person(HERE, name="王晓明"))
    assert [pair.likeness.score >= LISTED for pair in blocks.pairs()] == [True]
    assert [one for one, _ in blocks.like(person(HERE), without={"b"})] == ["a"]
    blocks.drop("b")
    assert list(blocks.pairs()) == []
    assert set(COMPARED) == {"resident", "household", "room", "shop"}
