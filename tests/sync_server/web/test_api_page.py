"""docs/PROTOCOL.md says what the code does: codes and their status, outcomes, limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from schemas.exchange import MAX_CHANGES, MAX_DEPTH, MAX_WANT, Outcome
from sync_server.web.problems import STATUS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading."""
    after = PAGE[PAGE.index(heading) :]
    table = re.search(r"\n\|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", after)
    assert table
    return [
        [cell.strip() for cell in line.strip("|\n").split("|")] for line in table[1].splitlines()
    ]


def test_every_refusal_has_the_status_the_page_says():
    listed: dict[str, set[int]] = {}
    for statuses, codes, _ in rows("## Refusals"):
        for code in re.findall(r"`(\w+)`", codes):
            listed.setdefault(code, set()).update(map(int, statuses.split(",")))
    for code, statuses in listed.items():
        assert STATUS.get(code, 400) in statuses, code
    quiet = {"database_damaged", "folder_unusable"}  # an operator's, under "…"
    assert set(STATUS) - quiet <= set(listed)


def test_every_outcome_is_described():
    listed = {
        code for row in rows("Every outcome means") for code in re.findall(r"`(\w+)`", row[0])
    }
    assert listed == set(get_args(Outcome))


def test_limits_are_the_codes_own():
    text = " ".join(" ".join(row) for row in rows("## Limits"))
    for number in (MAX_CHANGES, MAX_DEPTH, f"{MAX_WANT:,}"):
        assert str(number) in text
