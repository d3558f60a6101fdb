"""What the limits of taking in are judged by."""

from benchmarks.bench_ingest import CONTROL, OURS, SQLITE, wanted

NAME = "rate at the most stored, of that at 10,000"


def told(stored: int) -> dict:
    by_size = {str(one): {"to_control": 0.5} for one in (1_000, stored)}
    return {"first_send": {}, "by_stored": {OURS: by_size, SQLITE: {}}}


def test_a_store_no_larger_than_the_control_says_nothing_of_growth():
    assert wanted(told(CONTROL))[NAME][0] is None


def test_the_largest_store_is_judged():
    assert wanted(told(100_000))[NAME][0] == 0.5
    assert wanted(told(100_000))[f"SQLite: {NAME}"][0] is None
