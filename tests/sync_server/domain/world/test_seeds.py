"""Named chance: streams, ids and splits."""

import re
from datetime import UTC, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sync_server.domain.world.seeds import Phones, Seed, apportion, dealt
from sync_server.domain.world.shape import HOUSEHOLDS, PEOPLE, WEIGHTS


def test_a_stream_depends_on_seed_and_name_alone():
    draws = [Seed(seed).stream(*name).random() for seed in (1, 2) for name in (("a",), ("a", "b"))]
    assert len(set(draws)) == 4
    assert Seed(1).stream("a", "b").random() == draws[1]


def test_ids_are_uuid7_of_their_moment():
    at = datetime(2026, 9, 30, 8, 30, tzinfo=UTC)
    ids = Seed(1).ids("patrol", "x")
    first, second = ids.at(at), ids.at(at)
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first
    )
    assert int(first.replace("-", "")[:12], 16) == int(at.timestamp() * 1000)
    assert first != second
    assert Seed(1).ids("patrol", "x").at(at) == first


@given(st.integers(0, 100_000), st.lists(st.floats(0.01, 1000), min_size=1, max_size=30))
def test_a_split_loses_nothing_and_strays_by_less_than_one(total, weights):
    parts = apportion(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1.001


def test_largest_remainders_win():
    assert apportion(HOUSEHOLDS, WEIGHTS) == [4925, 4309, 4001, 3693, 3386, 3078, 2770, 2462, 2155]
    assert sum(apportion(PEOPLE, WEIGHTS)) == PEOPLE


def test_shares_are_dealt_exactly():
    dealt_out = dealt(Random(1), 200, {"a": 75, "b": 25})
    assert (dealt_out.count("a"), dealt_out.count("b")) == (150, 50)


def test_phones_are_nobodys_and_never_repeat():
    phones = [Phones(Seed(1), no, use) for no in (1, 9) for use in ("resident", "shop")]
    numbers = [one.next() for one in phones for _ in range(5_000)]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"100\d{8}", number) for number in numbers)
