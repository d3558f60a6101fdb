"""What would be different on every run, made to follow from a seed: ids, and when a laptop dies."""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from field_app.store.errors import StoreFull
from field_app.store.rows import RowStore

_FIRST_MS = 0x01998A000000
"""The time in the first id; each id counts one millisecond on."""
HOUSES = ("field_app.", "sync_server.", "schemas.")


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
    """Burns down by one at every step that can be told from outside; at its end the laptop dies.

    Steps are: just before a commit of the store, just after it, before a request goes out, and
    before its answer comes in. Instead of dying the disk may be full at a commit (``full``).
    """

    def __init__(self) -> None:
        self._left: int | None = None
        self._full = False

    @contextmanager
    def lit(self, steps: int | None, *, full: bool = False) -> Iterator[None]:
        """Let it burn for so many steps while inside; None: it does not burn."""
        before = self._left, self._full
        self._left, self._full = steps, full
        try:
            yield
        finally:
            self._left, self._full = before

    def step(self) -> None:
        """Burn down by one; raise Killed at the end."""
        if self._left is None or self._full:
            return
        self._left -= 1
        if self._left < 0:
            raise Killed

    def commit(self) -> None:
        """Burn down by one before a commit; raise Killed or StoreFull at the end."""
        self.step()
        if self._full and self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise StoreFull("no space left")


@contextmanager
def following(seed: str, fuse: Fuse) -> Iterator[pytest.MonkeyPatch]:
    """Make ids follow from ``seed``, and every store of a laptop burn ``fuse`` when it commits."""
    ids, commit = Ids(seed), RowStore.commit

    def fused(self: RowStore, changes: Any) -> None:
        try:
            fuse.commit()
        except StoreFull as failure:
            self._failure = failure  # as a disk that refused leaves it: it only reads
            raise
        commit(self, changes)
        fuse.step()

    with pytest.MonkeyPatch.context() as patch:
        for module in _makers_of_ids():
            patch.setattr(module, "uuid7", ids)
        patch.setattr("uuid6.uuid7", ids)
        patch.setattr(RowStore, "commit", fused)
        yield patch


def _makers_of_ids() -> list[Any]:
    """Return the modules of both programs that make ids by a name of their own."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(HOUSES) and hasattr(module, "uuid7")
    ]


Tally = dict[str, int]
"""How often each kind of fault was injected."""


def count(tally: Tally, what: str, by: int = 1) -> None:
    """Count an injected fault."""
    tally[what] = tally.get(what, 0) + by


def one_of(chance: random.Random, weights: dict[Callable[..., Any], float]) -> Callable[..., Any]:
    """Return one of the keys, as often as its weight says."""
    (chosen,) = chance.choices(list(weights), list(weights.values()))
    return chosen
