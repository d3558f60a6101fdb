"""What a durable save on the laptop costs, beside plain SQLite in the same run.

`python -m benchmarks.bench_store [--samples 1500] [--documents 50000]`

Four inserts take turns, one operation each, so that a noisy moment hits all alike: standard
library SQLite (WAL, FULL) holding as many rows, SQLCipher without a key, our store with that many
documents, our store with 100. The last line is one JSON object; exit code 1 means a limit was
missed.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
import secrets
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher
from tinydb import where

from field_app.store.rows import RowStore
from field_app.store.tables import Document, DurableDB

P95_TO_SQLITE = 2.0
P95_LARGE_TO_SMALL = 1.3
SMALL = 100
KEY = secrets.token_bytes(32)
INDEXES = {"household": ["grid", "room"]}
WORDS = "网格员走访住户登记房屋出租情况良好消防通道畅通老人独居需关爱电动车楼道充电已劝导整改"


def record(rng: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    """A household of about 1 KB in UTF-8, under an id that sorts by time as a uuid7 does."""
    words = "".join(rng.choices(WORDS, k=240))
    fields = {
        "grid": f"3301{number % 40:08d}",
        "room": f"{number % 30 + 1}幢{number % 6 + 1}单元{number % 17 + 1}01",
        "head": words[:3],
        "phone": f"138{rng.randrange(10**8):08d}",
        "tags": ["独居老人", "出租户"],
        "note": words[3:],
        "visited_at": "2026-03-01T09:30:00+08:00",
        "people": rng.randrange(9),
    }
    return f"{number:012x}-7{rng.randrange(16**3):03x}-{rng.randrange(16**16):016x}", fields


def plain_rows(module: Any, path: Path, documents: list[tuple[str, str]]) -> Callable[..., None]:
    """Plain SQLite as one would write it: a table of text by id, WAL, FULL, one row a commit."""
    connection = module.connect(str(path), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE docs (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO docs VALUES (?, ?)", documents)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def insert(doc_id: str, fields: dict[str, Any]) -> None:
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO docs VALUES (?, ?)", (doc_id, body))
        connection.execute("COMMIT")

    return insert


def our_store(path: Path, documents: list[tuple[str, dict[str, Any]]]) -> DurableDB:
    """Our store with these households, opened afresh and its index in use."""
    rows = RowStore.create(path, KEY)
    with DurableDB(rows, INDEXES, document_id_class=str) as db:
        db.table("household").insert_multiple(Document(fields, id_) for id_, fields in documents)
    return opened(path)


def opened(path: Path) -> DurableDB:
    """Open a store and use its index once, as the laptop does."""
    db = DurableDB(RowStore.open(path, KEY), INDEXES, document_id_class=str)
    db.table("household").find_by("grid", "")
    return db


def inserting(db: DurableDB) -> Callable[..., None]:
    """One insert of a household."""
    table = db.table("household")

    def insert(doc_id: str, fields: dict[str, Any]) -> None:
        table.insert(Document(fields, doc_id))

    return insert


def saving(db: DurableDB) -> Callable[..., None]:
    """A saved record as the application does it: the view and the log in one commit."""
    view, log, numbers = db.table("household"), db.table("changes"), itertools.count(1)

    def save(doc_id: str, fields: dict[str, Any]) -> None:
        number = next(numbers)
        with db.transaction():
            view.upsert(Document(fields, doc_id))
            change = {"seq": number, "record_id": doc_id, "op": "put", "set": fields}
            log.insert(Document(change, f"{number:016d}"))

    return save


def updating(db: DurableDB) -> Callable[..., None]:
    """One field of a stored household changed by its id."""
    table = db.table("household")
    ids = itertools.cycle([document.doc_id for document in table][:1000])

    def update(_id: str, fields: dict[str, Any]) -> None:
        table.update({"note": fields["note"]}, doc_ids=[next(ids)])

    return update


def measure(
    ways: dict[str, Callable[..., None]], records: Iterator[Any], samples: int
) -> dict[str, list[float]]:
    """Milliseconds of each way, taken in turns whose order changes every round."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    rng = random.Random(7)
    for round_ in range(samples + 50):
        rng.shuffle(order)
        for name in order:
            doc_id, fields = next(records)
            start = time.perf_counter()
            ways[name](doc_id, fields)
            spent = (time.perf_counter() - start) * 1000
            if round_ >= 50:  # the first rounds warm caches up
                times[name].append(spent)
    return times


def at(times: list[float], percent: int) -> float:
    """A percentile."""
    return statistics.quantiles(times, n=100)[percent - 1]


def open_ms(path: Path) -> float:
    """Milliseconds to open a store, best of three: everything read, sealed pages checked."""
    spent = []
    for _ in range(3):
        gc.collect()
        start = time.perf_counter()
        db = DurableDB(RowStore.open(path, KEY), INDEXES, document_id_class=str)
        spent.append((time.perf_counter() - start) * 1000)
        db.close()
    return min(spent)


def first_scan_ms(path: Path) -> tuple[float, float]:
    """Milliseconds of the first full search after opening (decodes all) and of the next one."""
    db = DurableDB(RowStore.open(path, KEY), INDEXES, document_id_class=str)
    spent = []
    for _ in range(2):
        start = time.perf_counter()
        db.table("household").search(where("people") == 99)
        spent.append((time.perf_counter() - start) * 1000)
    db.close()
    return spent[0], spent[1]


def main() -> int:
    """Run, print the table and the JSON line; 0 when both limits are kept, else 1."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    options.add_argument("--samples", type=int, default=1500)
    options.add_argument("--documents", type=int, default=50_000)
    options.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-store-", dir=given.folder))
    try:
        figures = run(folder, given.samples, given.documents)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures))
    return 0 if figures["ok"] else 1


def run(folder: Path, samples: int, large: int) -> dict[str, Any]:
    """Measure and print; the figures are milliseconds unless the name says ratio."""
    rng = random.Random(1)
    documents = [record(rng, number) for number in range(large)]
    texts = [
        (id_, json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
        for id_, fields in documents
    ]
    size = statistics.mean(len(text.encode()) for _, text in texts)
    big = our_store(folder / "large.db", documents)
    small = our_store(folder / "small.db", documents[:SMALL])
    other = our_store(folder / "save.db", documents)
    ways = {
        "sqlite3": plain_rows(sqlite3, folder / "plain.db", texts),
        "sqlcipher3, no key": plain_rows(sqlcipher, folder / "nokey.db", texts),
        f"ours at {large:,}": inserting(big),
        f"ours at {SMALL}": inserting(small),
        "ours, update by id": updating(other),
        "ours, save record": saving(other),
    }
    del texts, documents
    records = (record(rng, number) for number in itertools.count(large))
    times = measure(ways, records, samples)
    for db in (big, small, other):
        db.close()
    sqlite, _, ours_large, ours_small, update, save = times.values()
    base = at(sqlite, 95)
    print(f"{samples} samples each, documents of {size:.0f} bytes; milliseconds")
    print(f"{'':24}{'p50':>8}{'p95':>8}{'p95 to sqlite3':>16}")
    for name, spent in times.items():
        p95 = at(spent, 95)
        print(f"{name:24}{at(spent, 50):8.3f}{p95:8.3f}{p95 / base:16.2f}")
    ten_thousand = folder / "ten.db"
    our_store(ten_thousand, [record(rng, number) for number in range(10_000)]).close()
    opening = {"open_10k_ms": open_ms(ten_thousand), "open_50k_ms": open_ms(folder / "large.db")}
    first, later = first_scan_ms(ten_thousand)
    to_sqlite = at(ours_large, 95) / base
    to_small = at(ours_large, 95) / at(ours_small, 95)
    figures = {
        "bench": "store",
        "ok": to_sqlite <= P95_TO_SQLITE and to_small <= P95_LARGE_TO_SMALL,
        "p95_ratio_to_sqlite": to_sqlite,
        "p95_ratio_50k_to_100": to_small,
        "sqlite_p50_ms": at(sqlite, 50),
        "sqlite_p95_ms": base,
        "insert_50k_p50_ms": at(ours_large, 50),
        "insert_50k_p95_ms": at(ours_large, 95),
        "insert_100_p50_ms": at(ours_small, 50),
        "insert_100_p95_ms": at(ours_small, 95),
        "update_by_id_ms": at(update, 50),
        "save_record_ms": at(save, 50),
        "save_record_p95_ms": at(save, 95),
        **opening,
        "first_scan_10k_ms": first,
        "scan_10k_ms": later,
        "documents": large,
        "samples": samples,
        "document_bytes": size,
    }
    for name in ("open_10k_ms", "open_50k_ms", "first_scan_10k_ms", "scan_10k_ms"):
        print(f"{name:24}{figures[name]:8.1f}")
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in figures.items()
    }


if __name__ == "__main__":
    raise SystemExit(main())
