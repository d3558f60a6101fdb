"""The evening rush of a city's tenth: thousands of laptops come home to one small centre.

`python -m benchmarks.bench_rush [--laptops 3930] [--plot FILE]`   (QUICK=1: a few hundred)

The domain's city has 39,300 laptops, of which 58 % sync at 17:30 ± 45 min; its tenth, 3,930, comes
at 1.25 a second in the peak minute. Three parts, one after the other, on PostgreSQL with two
workers: a slice of that peak at its real rate; a burst at ten times that; and some hundred at once,
so that the centre has to turn laptops away. A laptop brings 30 changes of the day and every other
one a thin photo, by the real client code; every twentieth delivery is doubled, every fifth line is
cut, before or after the centre has stored what came.

Afterwards the books are compared: every change of every laptop lies in the database once, its
stream is whole, every acknowledged photo lies on the disk. The last line is one JSON object; exit
code 1 means a limit was missed.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import cpu, plots
from benchmarks.field_changes import Laptop
from benchmarks.field_force import Base, households, muster, opened, place_at_end
from benchmarks.rounds import judged, last_line, percentile, quick
from benchmarks.rush_books import reckoned
from benchmarks.servers import Database, Server, centre, workplace
from benchmarks.simulated_laptops import Book, Rusher, thin_photo
from sync_server.settings import Settings
from sync_server.store.photo_store import PhotoStore
from sync_server.store.tables import changes, photo_files, streams

CITY, PEAK_A_SECOND = 3_930, 1.25
"""A tenth of the city's laptops, and how many of them come each second of the peak minute."""
BURST = 10
CHANGES, PHOTO_SHARE, DOUBLED, CUT = 30, 0.47, 0.05, 0.20
HOUSEHOLDS_A_GRID, EDITS = 5, 2
AT_ONCE_S = 2.0
WARMING_UP = 16
PATIENCE_S = 300
P99_S, GROWTH = 2.0, 1.15


def main() -> int:
    """Run, print, plot; return 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--laptops", type=int, default=300 if quick() else CITY)
    parser.add_argument("--slice", type=float, default=20.0 if quick() else 60.0,
                        help="seconds of the real peak")  # fmt: skip
    parser.add_argument("--at-once", type=int, default=80 if quick() else 300,
                        help="laptops that come together at the end")  # fmt: skip
    parser.add_argument("--burst", type=float, default=BURST, help="times the real rate")
    parser.add_argument("--sqlite", action="store_true", help="on the embedded database")
    parser.add_argument("--folder", type=Path, help="where to work: a real disk")
    parser.add_argument("--plot", type=Path, default=plots.RESULTS / "rush.png")
    asked = parser.parse_args()
    with workplace("rush", asked.folder) as (folder, postgresql, about):
        told = run(folder, None if asked.sqlite else postgresql, asked)
    real, books = told["parts"]["real rate"], told["books"]
    limits = judged(
        {
            "p99 of a push at the real rate, seconds": (real["p99_s"], "<=", P99_S),
            "acknowledged changes missing": (books["missing"], "<=", 0),
            "changes stored twice": (books["twice"], "<=", 0),
            "acknowledged photos missing": (books["photos_missing"], "<=", 0),
            "laptops that did not finish": (books["unfinished"], "<=", 0),
            "answers nobody expected (5xx but busy)": (books["unexpected"], "<=", 0),
            "refusals for being busy without Retry-After": (books["impolite"], "<=", 0),
            "memory at the end, of that after warming up": (told["memory_growth"], "<=", GROWTH),
        }
    )
    draw(told.pop("drawn"), asked.laptops, asked.plot)
    return last_line("rush", about | told, limits)


def run(folder: Path, postgresql: Database | None, asked: argparse.Namespace) -> dict[str, Any]:
    """Prepare everybody's day, let them come, and compare the books."""
    rng = random.Random(17)
    url = postgresql.create("rush") if postgresql is not None else ""
    data = folder / "centre"
    prepared = opened(data, url)
    try:
        force = muster(prepared, asked.laptops + asked.at_once)
        base = households(prepared, force, HOUSEHOLDS_A_GRID)
        place_at_end(prepared, force)
    finally:
        prepared.store.close()
    rushers = equipped(force, base, rng)
    print(f"{len(rushers):,} laptops with {sum(len(one.changes) for one in rushers):,} changes and "
          f"{sum(len(one.photos) for one in rushers):,} photos", flush=True)  # fmt: skip

    # A centre has been at work since the morning when the evening comes.
    early = min(WARMING_UP, asked.laptops // 4)
    real = early + min(round(asked.slice * PEAK_A_SECOND), asked.laptops // 2)
    parts = {
        "warming up": (rushers[:early], PEAK_A_SECOND * 2),
        "real rate": (rushers[early:real], PEAK_A_SECOND),
        "burst": (rushers[real : asked.laptops], PEAK_A_SECOND * asked.burst),
        "at once": (rushers[asked.laptops :], max(asked.at_once, 1) / AT_ONCE_S),
    }
    book_of, figures, drawn = {}, {}, {"pushes": [], "memory": []}
    server = centre("centre", data, folder / "centre.log", database_url=url,
                    exchanges=Settings.exchanges_at_once)  # fmt: skip
    with server:
        begun = time.perf_counter()
        with cpu.MemoryWatch(server.pid) as memory:
            for name, (some, rate) in parts.items():
                book = book_of[name] = Book()
                figures[name] = part(server, postgresql, some, rate, book, rng, begun)
                shown(name, figures[name], rate)
                drawn["pushes"] += [(name, *one) for one in book.pushed_at]
        drawn["memory"] = memory.samples
        sizes = [size for _, size in memory.samples]
    books = compared(data, url, rushers, list(book_of.values()))
    logged = errors_in(folder / "centre.log")
    print(f"books: {books}; errors logged: {logged}", flush=True)
    plots.RESULTS.mkdir(exist_ok=True)
    shutil.copyfile(folder / "centre.log", plots.RESULTS / "rush-centre.log")
    return {
        "parts": figures, "books": books, "memory_growth": cpu.growth(sizes),
        "memory_mb": round(max(sizes) / 2**20), "laptops": len(rushers), "drawn": drawn,
        "errors_logged": logged,
    }  # fmt: skip


def equipped(force: Sequence[Laptop], base: Sequence[Base], rng: random.Random) -> list[Rusher]:
    """Give every laptop a day's work: visits, patrols, issues, shared households, photos."""
    homes: dict[str, list[Base]] = defaultdict(list)
    for one in base:
        homes[one.grid].append(one)
    return [_equipped(laptop, homes[laptop.grid], rng) for laptop in force]


def _equipped(laptop: Laptop, homes: list[Base], rng: random.Random) -> Rusher:
    photos = [thin_photo(rng)] if rng.random() < PHOTO_SHARE else []
    done = [laptop.work(rng) for _ in range(CHANGES - EDITS - len(photos))]
    for home in rng.sample(homes, EDITS):
        fields = {"phone": f"139{rng.randrange(10**8):08d}", "size": rng.randint(1, 6)}
        done.append(
            laptop.change(
                "household", "update", fields, record_id=home.record_id, base_version=home.version
            )
        )
    for content in photos:
        visit = next(one for one in done if one["kind"] in ("visit", "patrol"))
        fields = {
            "owner_type": visit["kind"], "owner_id": visit["record_id"], "use": "before",
            "taken_at": visit["made_at"], "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content), "width": 160, "height": 120,
        }  # fmt: skip
        done.append(laptop.change("photo", "create", fields))
    line = random.Random(rng.random())
    return Rusher(laptop, done, photos, line, doubles=rng.random() < DOUBLED, cut=CUT)


def part(
    server: Server,
    postgresql: Database | None,
    rushers: Sequence[Rusher],
    rate: float,
    book: Book,
    rng: random.Random,
    begun: float,
) -> dict[str, Any]:
    """Let these laptops come at this rate, by chance, and wait until all are done."""
    before = server.cpu_s(), cpu.seconds(postgresql.pid) if postgresql else 0.0
    over = threading.Event()
    threads, mine = [], time.process_time()
    start = due = time.perf_counter()
    for rusher in rushers:
        time.sleep(max(0.0, due - time.perf_counter()))
        thread = threading.Thread(
            target=rusher.run, args=(server.address, book, begun, over), daemon=True
        )
        thread.start()
        threads.append(thread)
        due += rng.expovariate(rate)
    deadline = time.perf_counter() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.perf_counter()))
    over.set()
    for thread in threads:
        thread.join(30)
    took = time.perf_counter() - start
    sent = sum(len(one.changes) for one in rushers)
    spent = server.cpu_s() - before[0]
    stored = cpu.seconds(postgresql.pid) - before[1] if postgresql else 0.0
    return {
        "laptops": len(rushers), "seconds": took, "laptops_s": len(rushers) / took,
        "changes_s": sent / took, "pushes": len(book.pushes_s),
        "p50_s": percentile(book.pushes_s, 50), "p95_s": percentile(book.pushes_s, 95),
        "p99_s": percentile(book.pushes_s, 99), "max_s": max(book.pushes_s, default=0.0),
        "home_p50_s": percentile(book.finished_s, 50),
        "home_p99_s": percentile(book.finished_s, 99),
        "faults": dict(book.faults), "outcomes": dict(book.outcomes),
        "turned_away": sum(book.retry_after.values()),
        "server_cpu_share": spent / took, "database_cpu_share": stored / took,
        "client_cpu_share": (time.process_time() - mine) / took,
        "cpu_s_per_1000": (spent + stored) / max(sent, 1) * 1000,
    }  # fmt: skip


def shown(name: str, one: dict[str, Any], rate: float) -> None:
    """Print one part."""
    print(
        f"{name}: {one['laptops']:,} laptops at {rate:.3g}/s in {one['seconds']:.0f} s; a push "
        f"p50 {one['p50_s']:.3f} p95 {one['p95_s']:.3f} p99 {one['p99_s']:.3f} s; all confirmed "
        f"p50 {one['home_p50_s']:.1f} p99 {one['home_p99_s']:.1f} s; turned away "
        f"{one['turned_away']:,}; faults {one['faults']}; outcomes {one['outcomes']}; CPU centre "
        f"{one['server_cpu_share']:.0%} database {one['database_cpu_share']:.0%} "
        f"clients {one['client_cpu_share']:.0%}",
        flush=True,
    )


# The books ------------------------------------------------------------------------------------


def compared(
    data: Path, url: str, rushers: Sequence[Rusher], books: Sequence[Book]
) -> dict[str, Any]:
    """Compare what the laptops made and were told with what lies in database and folder."""
    read = opened(data, url)
    try:
        with read.store.reading() as connection:
            mine = changes.c.device_id.is_not(None)
            rows = connection.execute(
                sa.select(changes.c.device_id, changes.c.change_id, changes.c.outcome).where(mine)
            ).all()
            ends = {
                row.stream: (row.known_seq, row.known_hash)
                for row in connection.execute(sa.select(streams))
            }
            kept = {
                (row.device_id, row.sha256) for row in connection.execute(sa.select(photo_files))
            }
    finally:
        read.store.close()
    files = PhotoStore(data / "photos")
    return reckoned(
        {one.laptop.device_id: one.changes for one in rushers},
        [(row.device_id, row.change_id) for row in rows],
        ends,
        {one.laptop.device_id: one.laptop.stream for one in rushers},
        books,
    ) | {
        "outcomes": dict(Counter(row.outcome for row in rows)),
        "photos_missing": sum(
            (device, digest) not in kept or files.photo(digest) is None
            for book in books
            for device, digests in book.photos.items()
            for digest in digests
        ),
        "photos": len(kept),
    }


def errors_in(log: Path) -> dict[str, int]:
    """Return the errors the centre wrote to its log, and how often each."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = Counter(one.partition(" ERROR ")[2][:160] for one in lines if " ERROR " in one)
    found.update(
        one[:160]
        for one in lines
        if one.startswith(("Traceback", "[", "sqlalchemy.exc")) and "rror" in one
    )
    return dict(found.most_common(8))


def draw(drawn: dict[str, Any], laptops: int, path: Path) -> None:
    """Plot how long pushes took over the rush, and the centre's memory."""
    figure, axes = plots.pictures(2, f"The rush: {laptops:,} laptops, one centre with two workers")
    by_part: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, at, took in drawn["pushes"]:
        by_part[name].append((at, took))
    for name, points in by_part.items():
        axes[0].scatter(*zip(*points, strict=True), s=5, alpha=0.5, label=name)
    axes[0].set_xlabel("seconds since the start")
    axes[0].set_ylabel("seconds of a push")
    axes[0].set_title("every answered push", fontsize=10)
    axes[0].set_yscale("log")
    axes[0].grid(True, alpha=0.3)
    axes[0].legend(fontsize=8)
    memory = [(at, size / 2**20) for at, size in drawn["memory"]]
    plots.lines(axes[1], {"centre, all processes": memory}, x="seconds since the start",
                y="MB resident", title="memory", log_x=False)  # fmt: skip
    plots.save(figure, path)


if __name__ == "__main__":
    raise SystemExit(main())
