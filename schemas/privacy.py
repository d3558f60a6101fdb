"""Masking: what is shown of a personal value until somebody unmasks it for a recorded reason."""

from __future__ import annotations

from typing import Literal

Privacy = Literal["open", "personal", "sensitive"]
Mask = Literal["name", "phone", "id_no", "text"]

HIDDEN = "●●●"


def mask_text(value: str, style: Mask) -> str:
    """Return ``value`` masked: 张*, 138****5678, 990101********001*, or wholly hidden.

    Lengths too short for their style are hidden wholly, so that a mask never shows a value.
    """
    if not value:
        return value
    if style == "name" and len(value) > 1:
        return value[0] + "*" * (len(value) - 1)
    if style == "phone" and len(value) >= 11:
        return value[:3] + "****" + value[-4:]
    if style == "id_no" and len(value) == 18:
        return value[:6] + "********" + value[14:17] + "*"
    return HIDDEN
