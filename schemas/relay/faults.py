"""What can be wrong with a relay file, by a stable code."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "relay_not_ours",
    "relay_other_kind",
    "relay_newer",
    "relay_other_recipient",
    "relay_damaged",
    "relay_unsigned",
]


class RelayFault(Exception):
    """A relay file that cannot be used; nothing of it may be.

    relay_not_ours: no relay file at all; relay_other_kind: a receipt where a batch is wanted or the
    other way round; relay_newer: a later layout; relay_other_recipient: sealed to another key;
    relay_damaged: cut short, altered or misshapen; relay_unsigned: not by the device it names.
    """

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code
