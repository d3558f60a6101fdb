"""Masking shows no more than it may; search finds what people type."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import KINDS, kind_of
from schemas.describe import show
from schemas.fields import Keyed
from schemas.privacy import HIDDEN, mask_text
from schemas.search import DOTS, LEFT_OUT, SAME, UNSEEN, common, fold, forms, search_text, spell
from tests.schemas.samples import resident


@pytest.mark.parametrize(
    ("value", "style", "shown"),
    [
        ("张三丰", "name", "张**"),
        ("𠮷田", "name", "𠮷*"),
        ("张", "name", HIDDEN),
        ("13812345678", "phone", "138****5678"),
        ("0000-123", "phone", HIDDEN),
        ("990101198001010014", "id_no", "990101********001*"),
        ("99010119", "id_no", HIDDEN),
        ("电话另记", "text", HIDDEN),
        ("", "name", ""),
    ],
)
def test_a_mask_never_shows_the_whole(value: str, style: str, shown: str) -> None:
    assert mask_text(value, style) == shown  # type: ignore[arg-type]


def test_a_record_is_shown_masked_unless_unmasked() -> None:
    stored = resident(phone="10000001234", id_no="990101198001010014")
    kind = kind_of("resident")
    masked = {one.name: one for one in show(kind, stored, "zh", lambda k, i: None)}
    assert masked["name"].text == "林**"
    assert masked["name"].masked
    assert masked["sex"].text == "男"
    assert not masked["sex"].masked
    assert masked["birth"].text == HIDDEN
    plain = {one.name: one.text for one in show(kind, stored, "en", lambda k, i: None, unmask=True)}
    assert plain["id_no"] == "990101198001010014"
    assert plain["sex"] == "Male"


def test_nothing_of_a_sensitive_list_is_shown_by_itself() -> None:
    lists = [
        declared
        for kind in KINDS.values()
        for declared in kind.declared().values()
        if isinstance(declared, Keyed) and declared.privacy == "sensitive"
    ]
    assert lists
    for declared in lists:
        for name, field in declared.entry_fields.items():
            assert field.show_masked("abnormal", "zh", lambda kind, one: "某人") == HIDDEN, name


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("张伟强", "zhangweiqiang", "zwq"),
        ("单雄信", "shanxiongxin", "sxx"),
        ("曾国藩", "zengguofan", "zgf"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("阿依古丽·买买提", "ayigulimaimaiti", "ayglmmt"),
    ],
)
def test_names_are_found_by_pinyin_and_initials(name: str, full: str, initials: str) -> None:
    assert spell(name) == (full, initials)


def test_rare_characters_are_found_as_typed() -> None:
    for name in ("林𠮷", "王䶮", "㛃示例", "张𬭎"):
        assert fold(name) in search_text(kind_of("resident"), {"name": name})


@pytest.mark.parametrize(
    ("name", "found_by"),
    [
        ("𠮷田靖", ["𠮷田靖", "吉田靖", "jitianjing", "jtj"]),
        ("⻢超", ["⻢超", "马超", "machao", "mc"]),
        ("阿里・木", ["阿里・木", "阿里木", "alimu", "alm"]),
        ("阿里‧木", ["阿里‧木", "阿里木", "alimu", "alm"]),
        ("阿里·木", ["阿里木", "alimu", "alm"]),
        ("葛\U000e0100飾", ["葛\U000e0100飾", "葛飾", "geshi", "gs"]),
        ("王\u200b芳", ["王\u200b芳", "王芳", "wangfang", "wf"]),
        ("张𬭎", ["张𬭎", "zhanghong", "zh"]),
    ],
)
def test_a_name_is_found_as_others_type_it(name: str, found_by: list[str]) -> None:
    assert list(dict.fromkeys(forms(name))) == found_by


def test_every_sign_that_is_typed_otherwise_is_noticed() -> None:
    for char in (*SAME, *DOTS, *UNSEEN):
        assert common(f"王{char}五") != f"王{char}五", hex(ord(char))


def test_what_is_commonly_typed_stays_as_it_is() -> None:
    for char in SAME.values():
        assert common(char) == char
        assert spell(char)[0].isascii()
    assert common(common("𠮷・\ufeff")) == common("𠮷・\ufeff") == "吉·"


def test_a_room_is_found_with_any_separator() -> None:
    assert fold("3-1-502") == fold("3 1 502") == fold("３－１－５０２")
    assert fold("3-1-502") in list(forms("3-1-502"))


SIGNS = "-·•.。,，# \u3000\xa0aeé\u0301\u0327\u0338ｶﾞⅷ①３ﬁ…王か\u3099"


@given(st.text(st.sampled_from(SIGNS) | st.characters(exclude_categories=["Cs"]), max_size=12))
def test_folding_is_normalising_and_then_leaving_out(text: str) -> None:
    assert fold(text) == LEFT_OUT.sub("", unicodedata.normalize("NFKC", text)).lower()
