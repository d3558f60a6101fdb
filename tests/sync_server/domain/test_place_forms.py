"""What a form makes of a place: only what was touched, whatever changed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.catalogue import kind_of
from sync_server.domain.place_forms import Posted, read_shown, wanted

A, B, C = (f"01998a00-0000-7000-8000-{number:012d}" for number in range(3))


@pytest.mark.parametrize(
    ("stands", "shown", "said", "stays"),
    [
        ([A, B], (A,), (A,), [A, B]),  # somebody else added one meanwhile
        ([A, B], (A, B), (B, A), [A, B]),  # the order boxes come in says nothing
        ([A, B], (A, B), (A,), [A]),
        ([A, B], (A,), (A, C), [A, C]),
        ([A], (A,), (), None),
        (None, (), (), None),
        ([A], (), (), [A]),
    ],
)
def test_a_list_of_choices_stays_unless_other_boxes_were_ticked(
    stands: Any, shown: Any, said: Any, stays: Any
) -> None:
    kind = kind_of("org")
    posted = Posted(
        typed={"compound_ids": list(said) or None},
        texts={"compound_ids": said},
        shown={"compound_ids": shown},
    )
    stored = {"name": "党支部"} | ({"compound_ids": stands} if stands else {})
    found = wanted(kind, stored, posted, ["compound_ids"])
    assert found == {"name": "党支部"} | ({"compound_ids": stays} if stays else {})


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", "1", '{"name": "x"}', '{"name": [1]}', "[" * 100_000, "x" * 200_001]
)
def test_what_a_form_cannot_have_shown_is_nothing(text: str) -> None:
    assert read_shown(text) == {}
