"""The reckoning after a rush: what the laptops made and were told, against what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.simulated_laptops import Book


def reckoned(
    made: dict[str, list[dict[str, Any]]],
    stored: Sequence[tuple[str, str]],
    ends: dict[str, tuple[int, str]],
    stream_of: dict[str, str],
    books: Sequence[Book],
) -> dict[str, Any]:
    """Return how many acknowledged changes are missing or doubled, and which streams are not whole.

    ``made`` are the changes by device, ``stored`` (device, change) of every row, ``ends`` number
    and hash of every stream.
    """
    times = Counter(stored)
    acknowledged = {
        (device, change)
        for book in books
        for device, ids in book.acknowledged.items()
        for change in ids
    }
    everything = {(device, one["change_id"]) for device, all_ in made.items() for one in all_}
    broken = [
        device
        for device, all_ in made.items()
        if ends.get(stream_of[device]) != (all_[-1]["seq"], all_[-1]["hash"])
    ]
    return {
        "made": len(everything),
        "acknowledged": len(acknowledged),
        "stored": len(times),
        "missing": len((acknowledged | everything) - times.keys()),
        "twice": sum(count - 1 for count in times.values()),
        "broken_streams": len(broken),
        "unfinished": len({*broken, *(device for book in books for device in book.unfinished)}),
        "unexpected": sum(len(book.unexpected) for book in books)
        + sum(book.faults["server_error"] for book in books),
        "words": [words for book in books for words in book.unexpected[:3]],
        "impolite": sum(book.retry_after[False] for book in books),
    }
