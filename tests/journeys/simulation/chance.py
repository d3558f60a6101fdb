"""What would be different on every run, made to follow from a seed: ids, and when a laptop dies."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from field_app.store.rows import RowStore

_FIRST_MS = 0x01998A000000
"""The time in the first id; each id counts one millisecond on."""


class Killed(BaseException):
    """The laptop's power is gone: no code of it may catch this and go on."""


class Ids:
    """Makes the UUIDs of a run, in order of time as UUIDv7 are."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(f"ids {seed}")
        self._made = 0

    def __call__(self) -> uuid.UUID:
        """Return the next id."""
        self._made += 1
        tail = self._chance.getrandbits(74)
        high = (_FIRST_MS + self._made) << 16 | 0x7000 | tail >> 62
        return uuid.UUID(int=high << 64 | 2 << 62 | tail & (1 << 62) - 1)


class Fuse:
    """Burns down by one at every step that can be told from outside; kills the laptop at its end.

    Steps are: just before a commit of the store, just after it, before a request goes out, and
    before its answer comes in.
    """

    def __init__(self) -> None:
        self._left: int | None = None

    @contextmanager
    def lit(self, steps: int | None) -> Iterator[None]:
        """Let it burn for so many steps while inside; None: it does not burn."""
        self._left = steps
        try:
            yield
        finally:
            self._left = None

    def step(self) -> None:
        """Burn down by one; raise Killed at the end."""
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            raise Killed


@contextmanager
def following(seed: str, fuse: Fuse) -> Iterator[pytest.MonkeyPatch]:
    """Make ids follow from ``seed``, and every store of a laptop burn ``fuse`` when it commits."""
    ids, commit = Ids(seed), RowStore.commit

    def fused(self: RowStore, changes: Any) -> None:
        fuse.step()
        commit(self, changes)
        fuse.step()

    with pytest.MonkeyPatch.context() as patch:
        for module in ("records", "streams", "batch"):
            patch.setattr(f"field_app.services.{module}.uuid7", ids)
        patch.setattr("uuid6.uuid7", ids)
        patch.setattr(RowStore, "commit", fused)
        yield patch
