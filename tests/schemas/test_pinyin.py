"""The small dictionary reads as pypinyin does, which it was drawn from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pypinyin import Style, lazy_pinyin
from pypinyin.phrases_dict import phrases_dict

from schemas.pinyin import syllables
from tests.test_architecture import ROOT, tracked

PHRASES = sorted(phrases_dict)


def read(text: str) -> list[str]:
    return lazy_pinyin(text, style=Style.NORMAL, errors=list)


def test_characters_of_every_block_are_read_alike():
    points = [*range(0x20, 0xD800, 13), *range(0xE000, 0x33500, 29)]
    odd = [hex(point) for point in points if syllables(chr(point)) != read(chr(point))]
    assert odd == []


def test_every_twentieth_phrase_is_read_alike():
    odd = [phrase for phrase in PHRASES[::20] if syllables(phrase) != read(phrase)]
    assert odd == []


def test_phrases_run_together_with_names_and_signs_are_read_alike():
    rng = random.Random(4)
    loose = "重庆长乐单曾行朝阳银都会计·1栋A-3，𠮷㛃䶮"
    for _ in range(500):
        parts = [rng.choice(PHRASES)[: rng.randint(1, 4)], rng.choice(loose), rng.choice(PHRASES)]
        text = "".join(rng.sample(parts, 3))
        assert syllables(text) == read(text), text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("重庆路", ["chong", "qing", "lu"]),
        ("王伟", ["wang", "wei"]),
        ("阿卜杜拉·买买提", ["a", "bo", "du", "la", "·", "mai", "mai", "ti"]),
        ("3号楼B座", ["3", "hao", "lou", "B", "zuo"]),
        ("", []),
    ],
)
def test_what_workers_search_for(text, said):
    assert syllables(text) == said


def test_no_program_opens_the_library_itself():
    programs = tracked("schemas/**.py", "field_app/**.py", "sync_server/**.py", "demo/**.py")
    assert programs
    opened = [path for path in programs if "import pypinyin" in text_of(path)]
    opened += [path for path in programs if "from pypinyin" in text_of(path)]
    assert opened == []


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
