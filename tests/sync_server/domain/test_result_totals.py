"""Results of campaigns add up exactly, whatever the order, and units never mix."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.fields import Amount
from sync_server.domain.result_totals import Entry, Total, add_up

entries = st.lists(
    st.builds(
        Entry,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["飞线整治", "充电桩"]),
        st.decimals(0, 10**8, places=2).map(str).map(Amount("x", "x").from_form),
        st.sampled_from(["ton", "set"]),
    ),
    max_size=30,
)


@given(entries, st.randoms())
def test_totals_are_exact_in_any_order_and_of_one_unit(some: list[Entry], chance) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)
    found = add_up(some)
    assert found == add_up(shuffled)
    assert sum((one.qty for one in found), Decimal(0)) == sum(
        (Decimal(one.qty) for one in some), Decimal(0)
    )
    assert sum(one.results for one in found) == len(some)
    assert len({(one.item, one.unit) for one in found}) == len(found)


def test_tenths_of_tons_lose_nothing() -> None:
    some = [Entry("a", "飞线整治", "0.1", "ton")] * 3 + [Entry("b", "飞线整治", "3.7", "ton")]
    assert add_up(some) == (Total("飞线整治", "ton", Decimal("4.0"), 4, 2),)
