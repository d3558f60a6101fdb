"""Chance with a name: random streams, ids and exact splits that depend on the seed alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Literal, TypeVar

T = TypeVar("T")
PhoneUse = Literal["resident", "head", "contact", "shop"]
PHONE_USES: tuple[PhoneUse, ...] = ("resident", "head", "contact", "shop")


class Ids:
    """UUIDv7 ids: the time of the thing, then random bits of one named stream."""

    def __init__(self, rng: Random) -> None:
        self._bits = rng.getrandbits

    def at(self, moment: datetime) -> str:
        """Return the next id of a thing made at an aware ``moment``."""
        stamp = f"{int(moment.timestamp() * 1000):012x}"
        bits = self._bits(74)
        tail = f"7{bits >> 62:03x}{0x8000 | (bits >> 48) & 0x3FFF:04x}{bits & 0xFFFFFFFFFFFF:012x}"
        return f"{stamp[:8]}-{stamp[8:]}-{tail[:4]}-{tail[4:8]}-{tail[8:]}"


class Seed:
    """The world's one number, from which every named stream follows."""

    def __init__(self, value: int) -> None:
        self.value = value

    def stream(self, *name: str | int) -> Random:
        """Return a fresh random stream that depends on the seed and ``name`` alone."""
        text = "/".join(str(part) for part in (self.value, *name))
        return Random(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))

    def ids(self, *name: str | int) -> Ids:
        """Return the ids of the things called ``name``."""
        return Ids(self.stream("ids", *name))


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Split ``total`` into whole parts by ``weights``, largest remainders first, then by place."""
    whole = sum(weights)
    if total == 0 or whole <= 0:
        return [0] * len(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [math.floor(part) for part in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


def dealt(rng: Random, total: int, shares: Mapping[T, float]) -> list[T]:
    """Return ``total`` values in exactly these shares, shuffled."""
    counts = apportion(total, list(shares.values()))
    values = [value for value, count in zip(shares, counts, strict=True) for _ in range(count)]
    rng.shuffle(values)
    return values


def chosen(rng: Random, shares: Mapping[T, float]) -> T:
    """Return one value by its share (shares need not sum to anything)."""
    point = rng.random() * sum(shares.values())
    for value, share in shares.items():
        point -= share
        if point < 0:
            return value
    return value


def poisson(rng: Random, mean: float) -> int:
    """Return a Poisson number."""
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


class Phones:
    """Numbers nobody can have: 100, a range of its own per community and use, then six digits.

    A range never repeats a number, so that equal numbers in the world are planted ones.
    """

    def __init__(self, seed: Seed, community_no: int, use: PhoneUse) -> None:
        self._range = community_no * 10 + PHONE_USES.index(use)
        self._next = seed.stream("phones", use, community_no).randrange(10**6)

    def next(self) -> str:
        """Return a number not given out before."""
        self._next = (self._next + 654_321) % 10**6
        return f"100{self._range:02d}{self._next:06d}"
