"""The codes of a second factor, by the vectors of RFC 6238 (its last six digits)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from sync_server.domain import one_time_codes as codes

SECRET = base64.b32encode(b"12345678901234567890").decode()
AT = datetime(2005, 3, 18, 1, 58, 29, tzinfo=UTC)
STEP = 37_037_036


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"),
     (2_000_000_000, "279037"), (20_000_000_000, "353130")],
)  # fmt: skip
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert codes.step_of(SECRET, code, at, 0) == seconds // 30


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_phones_clock_may_be_one_step_off(steps: int, right: bool) -> None:
    found = codes.step_of(SECRET, "081804", AT + timedelta(seconds=30 * steps), 0)
    assert found == (STEP if right else None)


def test_a_code_is_good_once_and_none_before_it_either() -> None:
    assert codes.step_of(SECRET, "081804", AT, STEP - 1) == STEP
    assert codes.step_of(SECRET, "081804", AT, STEP) is None
    assert codes.step_of(SECRET, "081804", AT, STEP + 1) is None


def test_a_code_may_be_typed_with_spaces_and_in_full_width() -> None:
    assert codes.step_of(SECRET, " 081 804", AT, 0) == STEP
    assert codes.step_of(SECRET, "０８１８０４", AT, 0) == STEP
    assert codes.is_code("０８１ ８０４")
    assert not codes.is_code("k7mf-2xqa-9rtw")
    assert codes.clean("K7MF-2xqa-9RTW ") == "k7mf2xqa9rtw"


def test_a_phone_learns_the_secret_and_whose_it_is() -> None:
    address = codes.address_for(SECRET, "S001@990101")
    assert address.startswith("otpauth://totp/")
    assert f"secret={SECRET}" in address
    assert "S001" in address
    assert len(codes.new_secret()) == 32
    assert codes.new_secret() != codes.new_secret()
