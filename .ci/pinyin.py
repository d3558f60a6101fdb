"""Draw schemas/pinyin.txt from the pypinyin library: `python .ci/pinyin.py`.

pypinyin reads its 47,000 phrases into 55 MB of lists; a laptop has 120 MB for everything. What the
programs ask of it, toneless syllables, fits into half a megabyte of text. A test compares the two.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import RE_HANS
from pypinyin.phrases_dict import phrases_dict

TO = Path(__file__).resolve().parents[1] / "schemas" / "pinyin.txt"


def read(text: str) -> list[str]:
    """Return the toneless syllables of ``text`` as pypinyin reads them."""
    return lazy_pinyin(text, style=Style.NORMAL, errors=list)


def drawn() -> str:
    """Return the file: syllables with their characters, an empty line, phrases by first character.

    A phrase stands without its first character; its reading follows where it is not the one its
    characters have alone.
    """
    alone = {char: read(char) for char in map(chr, range(0x2E80, 0x33480)) if not _lone(char)}
    by_syllable: dict[str, list[str]] = defaultdict(list)
    for char, syllables in alone.items():
        if syllables != [char]:
            (syllable,) = syllables
            by_syllable[syllable].append(char)
    by_first: dict[str, list[str]] = defaultdict(list)
    for phrase in sorted(phrases_dict):
        if len(phrase) > 1 and all(RE_HANS.match(char) for char in phrase):
            syllables = read(phrase)
            usual = [alone[char][0] for char in phrase]
            said = "" if syllables == usual else "=" + " ".join(syllables)
            by_first[phrase[0]].append(phrase[1:] + said)
    lines = [
        f"# Toneless readings, drawn from pypinyin {version('pypinyin')} (MIT License,"
        " Copyright (c) 2016 mozillazg; see LICENSE-pypinyin.txt); see .ci/pinyin.py."
    ]
    lines += [f"{syllable} {''.join(chars)}" for syllable, chars in sorted(by_syllable.items())]
    lines.append("")
    lines += [f"{first} {','.join(rest)}" for first, rest in sorted(by_first.items())]
    return "\n".join(lines) + "\n"


def _lone(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


if __name__ == "__main__":
    TO.write_text(drawn(), encoding="utf-8")
    sys.stdout.write(f"{TO.name}: {TO.stat().st_size:,} bytes\n")
