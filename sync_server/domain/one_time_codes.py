"""The codes of a second factor: which of them is right when (RFC 6238), and how a phone learns the
secret. Pure: times and secrets are handed in."""

from __future__ import annotations

import hmac
import unicodedata
from datetime import datetime

import pyotp

DRIFT = 1
"""So many steps of half a minute a phone's clock may be before or after the centre's."""
DIGITS = 6
ISSUER = "网格巡访"


def new_secret() -> str:
    """Return a new random secret of 160 bits, as it is typed into a phone."""
    return pyotp.random_base32()


def clean(said: str) -> str:
    """Return a code as it was typed, without what only divides it: 123 456, K7MF-2xqa-9rtw."""
    plain = unicodedata.normalize("NFKC", said).lower()
    return "".join(sign for sign in plain if sign.isalnum())


def is_code(said: str) -> bool:
    """Tell whether what was typed looks like a code of a phone."""
    code = clean(said)
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def step_of(secret: str, said: str, at: datetime, after: int) -> int | None:
    """Return the time step a code is of, None when it is of none near ``at``, or when that step or
    a later one was used ``after`` already."""
    code, phone = clean(said), pyotp.TOTP(secret)
    now = phone.timecode(at)
    for step in range(max(now - DRIFT, 0), now + DRIFT + 1):
        right = hmac.compare_digest(phone.generate_otp(step).encode(), code.encode())
        if right and step > after:
            return step
    return None


def address_for(secret: str, account: str) -> str:
    """Return what a phone reads from the picture: the secret and whose it is."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)
