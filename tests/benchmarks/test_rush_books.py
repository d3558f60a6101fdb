"""The reckoning after a rush notices what is lost, doubled, broken or told impolitely."""

from __future__ import annotations

from benchmarks.rush_books import reckoned
from benchmarks.simulated_laptops import Book

MADE = {
    "d": [{"change_id": "a", "seq": 1, "hash": "h1"}, {"change_id": "b", "seq": 2, "hash": "h2"}]
}
STORED = [("d", "a"), ("d", "b")]
ENDS = {"s": (2, "h2")}


def book(**acknowledged: set[str]) -> Book:
    return Book(acknowledged=dict(acknowledged))


def told(stored=STORED, ends=ENDS, books=None):
    return reckoned(MADE, stored, ends, {"d": "s"}, books or [book(d={"a", "b"})])


def test_books_that_agree() -> None:
    found = told()
    assert (found["made"], found["acknowledged"], found["stored"]) == (2, 2, 2)
    for name in ("missing", "twice", "broken_streams", "unfinished", "unexpected", "impolite"):
        assert found[name] == 0


def test_an_acknowledged_change_that_is_not_stored_is_missing() -> None:
    assert told(stored=[("d", "a")])["missing"] == 1


def test_a_change_stored_twice_is_noticed() -> None:
    assert told(stored=[*STORED, ("d", "b")])["twice"] == 1


def test_a_stream_that_ends_early_means_a_laptop_that_did_not_finish() -> None:
    found = told(ends={"s": (1, "h1")})
    assert (found["broken_streams"], found["unfinished"]) == (1, 1)


def test_a_laptop_that_gave_up_counts_once_though_its_stream_ends_early_too() -> None:
    given_up = book(d={"a"})
    given_up.unfinished.append("d")
    assert told(ends={"s": (1, "h1")}, books=[given_up])["unfinished"] == 1
    assert told(books=[given_up])["unfinished"] == 1


def test_a_refusal_that_does_not_say_when_to_come_again_is_impolite() -> None:
    rude = book(d={"a", "b"})
    rude.retry_after[False] = 3
    rude.faults["server_error"] = 2
    found = told(books=[rude])
    assert (found["impolite"], found["unexpected"]) == (3, 2)
