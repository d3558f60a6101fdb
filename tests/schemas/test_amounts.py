"""Quantities: read as people type them, kept as short exact text, anything else refused."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from schemas.catalogue import upcast
from schemas.fields import Amount

FIELD = Amount("数量", "Quantity")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("4", "4"), ("4.00", "4"), ("03.90", "3.9"), ("4,000", "4000"), ("１２．５", "12.5"),
     ("0.05", "0.05"), ("999999999.99", "999999999.99"), (" 80 ", "80"), ("", None)],
)  # fmt: skip
def test_a_quantity_is_kept_as_its_shortest_text(typed: str, kept: str | None) -> None:
    read = FIELD.from_form([typed])
    assert (FIELD.check(read) if read is not None else None) == kept


@pytest.mark.parametrize(
    "typed", ["0", "0.00", "-1", "1.234", "4吨", "1e3", "4,00", "1234567890", "٣", ".5", "5."]
)
def test_what_is_no_quantity_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        FIELD.check(FIELD.from_form([typed]))


def test_what_is_kept_is_accepted_the_short_way_and_stays() -> None:
    quick = FIELD.quick()
    assert callable(quick)
    for text in ("4", "3.9", "0.05", "12.5", "0.5"):
        assert quick(text) == text == FIELD.check(text)
    for text in ("4.0", "04", "0", "4.", "", 4):
        assert quick(text) is None
    assert FIELD.check(80) == "80"


def test_what_an_earlier_version_said_of_a_campaign_still_says_it() -> None:
    fields = {"name": "敲门", "starts_on": "2026-09-20", "ends_on": "2026-10-20"}
    assert upcast("campaign", 1, fields) == fields
