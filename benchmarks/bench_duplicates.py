"""How well and how fast duplicates are found in a generated district with planted ones.

`python -m benchmarks.bench_duplicates [--world A] [--planted 2000] [--seed 1]`   (QUICK=1: small)

World A has 80,000 residents in 30,779 households. Into it are planted (``benchmarks/planted.py``,
which knows nothing of how they are searched): residents entered twice with typos, homophones,
exchanged fields, after a move; as many who only look like others; households and shops likewise.
Everything is loaded into a centre's SQLite database and searched by the centre's own service.

A pair of residents that is listed and was not planted counts as wrong, even where the world itself
drew two people alike. The last line is one JSON object; exit code 1 means a limit was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from benchmarks.planted import Planted, Planter
from sync_server.domain.world import generate
from sync_server.domain.world.records import WorldRecord
from sync_server.domain.world.shape import DISTRICT
from sync_server.services.centre import open_centre
from sync_server.services.duplicates import likely_same, search_anew, search_duplicates
from sync_server.services.import_records import ImportedRecord, chunked, import_records
from sync_server.settings import Settings
from sync_server.store.duplicate_tables import duplicate_pairs
from sync_server.store.engine import Store

KINDS = ("compound", "building", "room", "shop", "household", "resident")
RECALL, PRECISION, SECONDS, MILLISECONDS = 0.95, 0.90, 60.0, 50.0
NOW = datetime(2026, 9, 30, 4, 0, tzinfo=UTC)
FAMILY = ("again", "homophone", "typo", "exchanged", "moved")


def base_data(world: str, seed: int) -> dict[str, list[ImportedRecord]]:
    """Return the base data of a generated world by kind."""
    found: dict[str, list[ImportedRecord]] = defaultdict(list)
    for record in generate(world, seed).records():  # type: ignore[arg-type]
        if record.kind in KINDS:
            names = WorldRecord.__slots__
            found[record.kind].append(
                ImportedRecord(**{name: getattr(record, name) for name in names})
            )
    return found


def load(store: Store, records: Iterable[ImportedRecord]) -> int:
    """Put records into the centre's database; return how many."""
    count = 0
    for some in chunked(records, 10_000):
        with store.writing() as connection:
            count += import_records(connection, DISTRICT, some, author=None, at=NOW)
    return count


def listed(store: Store) -> dict[str, set[tuple[str, str]]]:
    """Return the pairs the search lists, by kind."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    wanted = sa.select(
        duplicate_pairs.c.kind, duplicate_pairs.c.first_id, duplicate_pairs.c.second_id
    )
    with store.reading() as connection:
        for kind, first, second in connection.execute(wanted):
            found[kind].add((first, second))
    return found


def told(kind: str, planted: Planted, found: set[tuple[str, str]]) -> dict[str, Any]:
    """Return how many planted pairs of a kind were found and how many listed ones are right."""
    wanted = planted.pairs[kind]
    right = wanted & found
    by_sort = Counter(planted.sorts[ids] for ids in wanted)
    hits = Counter(planted.sorts[ids] for ids in right)
    return {
        "planted": len(wanted),
        "listed": len(found),
        "recall": round(len(right) / len(wanted), 4) if wanted else None,
        "precision": round(len(right) / len(found), 4) if found else None,
        "recall_by_sort": {name: round(hits[name] / count, 3) for name, count in by_sort.items()},
    }


def one_new(store: Store, planted: Planted, count: int) -> list[float]:
    """Return the milliseconds that looking for one new resident takes, for many."""
    rng = Random(5)
    people = [one for one in planted.records if one.kind == "resident"]
    times = []
    for one in rng.sample(people, min(count, len(people))):
        start = time.perf_counter()
        with store.reading() as connection:
            likely_same(connection, DISTRICT, "resident", one.fields, grid=one.grid)
        times.append((time.perf_counter() - start) * 1000)
    return times


def main() -> int:
    """Run and print; return 1 when a limit was missed."""
    quick = os.environ.get("QUICK") == "1"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--world", default="S" if quick else "A")
    parser.add_argument("--planted", type=int, default=100 if quick else 2_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()

    world = base_data(asked.world, asked.seed)
    planter = Planter(Random(f"planted {asked.seed}"), world)
    planter.people(asked.planted)
    planter.strangers(asked.planted)
    planter.households(max(5, asked.planted // 20))
    planter.shops(max(5, asked.planted // 20))
    planted = planter.planted
    print(f"world {asked.world}: {sum(map(len, world.values())):,} records, "
          f"{len(world['resident']):,} residents; {len(planted.records):,} planted")  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        centre = open_centre(Settings(data=Path(folder) / "centre", district=DISTRICT))
        try:
            store = centre.store
            changed = planted.changed
            load(
                store,
                (
                    replace(one, fields=changed.get(one.record_id, one.fields))
                    for kind in KINDS
                    for one in [*world[kind], *(r for r in planted.records if r.kind == kind)]
                ),
            )
            start, spent = time.perf_counter(), time.process_time()
            search_anew(store, DISTRICT, NOW)
            seconds = time.perf_counter() - start
            spent = time.process_time() - spent
            start = time.perf_counter()
            search_duplicates(store, DISTRICT, NOW)
            nothing_new = time.perf_counter() - start
            found = listed(store)
            times = one_new(store, planted, 50 if quick else 300)
        finally:
            centre.store.close()

    figures = {kind: told(kind, planted, found[kind]) for kind in ("resident", "household", "shop")}
    for kind, one in figures.items():
        print(
            f"{kind:10} planted {one['planted']:5} listed {one['listed']:5} recall {one['recall']}"
            f" precision {one['precision']} {one['recall_by_sort']}"
        )
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"in full {seconds:.1f} s (processor {spent:.1f} s)")
    print(f"nothing new {nothing_new * 1000:.0f} ms; "
          f"one new record {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")  # fmt: skip
    people = figures["resident"]
    ok = (
        people["recall"] >= RECALL
        and people["precision"] >= PRECISION
        and seconds <= SECONDS
        and p95 <= MILLISECONDS
    )
    summary = {
        "bench": "duplicates",
        "world": asked.world,
        "seed": asked.seed,
        "residents": len(world["resident"]),
        "recall": people["recall"],
        "precision": people["precision"],
        "seconds_in_full": round(seconds, 1),
        "processor_seconds_in_full": round(spent, 1),
        "ms_one_new": round(statistics.median(times), 1),
        "ms_one_new_p95": round(p95, 1),
        "kinds": figures,
        "ok": ok,
    }
    print(json.dumps(summary, ensure_ascii=False))
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
