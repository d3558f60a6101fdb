"""How fast pages come: the centre's on World A, the laptop's with 10,000 records, with its start.

`python -m benchmarks.bench_pages [--rounds 20] [--records 10000]`   (QUICK=1: World S)

Both programs run as people start them and are asked over a kept line, one page after the other, in
rounds. Beside them a bare Flask page (one SELECT, fifty rows, one template, gunicorn and
PostgreSQL). World A, and World B's year for the statistics, are built once and kept in `.bench/`:
its issues as the world draws them, its field work (1.3 million patrols and visits) as rows in bulk.
The laptop is started anew several times: until its first page, until it is unlocked, and what it
holds in memory after every page was looked at.

The last line is one JSON object; exit code 1 means a limit was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import sqlalchemy as sa

from benchmarks import cpu, field_year, plots
from benchmarks.bench_base_data import compound
from benchmarks.contenders import bare
from benchmarks.peers.installing import CACHE
from benchmarks.rounds import judged, last_line, percentile, quick
from benchmarks.servers import Database, Server, centre, free_port, workplace
from demo.laptop import Worker
from demo.pages import Visitor
from field_app.domain.identity import Identity
from field_app.domain.views import build_view, copy_of
from field_app.services.workspace import SETTINGS, Workspace, indexes, put_all
from field_app.store.vault import Vault
from schemas.catalogue import kind_of
from schemas.clock import written
from sync_server.domain.world.assembly import VERSION
from sync_server.services import demo_world, demo_year
from sync_server.services.accounts import hash_password
from sync_server.services.centre import open_centre
from sync_server.services.ids import new_id
from sync_server.settings import Settings
from sync_server.store.tables import records, users

PASSWORD = "correct horse battery"
WHO = "demo-district"
GRID = "990101100009003"
YEAR = "since=2025-01-01&until=2025-12-31"
STAFF = {
    "work to do": "/",
    "residents": "/records/resident?q={name}",
    "households": "/records/household",
    "visits": "/records/visit",
    "resident": "/records/resident/{resident}",
    "household file": "/households/{household}/file",
    "compound file": "/compounds/{compound}/file",
    "issues": "/issues",
    "issue": "/issues/{issue}",
    "conflicts": "/conflicts",
    "duplicates": "/duplicates",
    "refused": "/waiting/quarantined",
    "uploads": "/uploads",
    "laptops": "/devices",
    "laptops' accounts": "/accounts",
    "people": "/people",
    "areas": "/areas",
    "statistics": "/statistics",
    "field work": "/statistics/field",
    "coverage": "/coverage",
    "quality": "/quality",
    "services": "/services",
    "ledgers": "/ledgers",
}
LAPTOP = {
    "today": "/",
    "patrols": "/patrols",
    "visits": "/visits?q={room}",
    "find by name": "/find?q={name}",
    "find by pinyin": "/find?q=wangwei",
    "base data": "/base",
    "compound": "/base/compounds/{compound}",
    "household": "/base/households/{household}",
    "residents": "/records/resident/",
    "issues": "/issues",
    "new issue": "/issues/new",
    "outbox": "/outbox",
    "sync": "/sync",
    "coverage": "/coverage",
    "settings": "/settings",
}
PASSPHRASE = "正确的马 battery 42"
YEAR_ROUNDS = 5
"""A page of a whole year takes seconds: it is asked for less often."""
START_S, MEMORY_MB, YEAR_S, FILE_S = 1.5, 120.0, 1.0, 0.5


def main() -> int:
    """Run, print, plot; return 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5 if quick() else 20)
    parser.add_argument("--starts", type=int, default=3 if quick() else 7)
    parser.add_argument("--records", type=int, default=10_000, help="records on the laptop")
    parser.add_argument("--world", choices=["S", "A"], default="S" if quick() else "A")
    parser.add_argument("--part", type=int, default=40 if quick() else 1,
                        help="one N-th of World B's year")  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where to work: a real disk with room")
    parser.add_argument("--plot", type=Path, default=plots.RESULTS / "pages.png")
    asked = parser.parse_args()
    with workplace("pages", asked.folder) as (folder, postgresql, about):
        told = {
            "laptop": laptop(folder, asked),
            "centre": staff(folder, postgresql, asked),
            "year": year(folder, asked),
        }
    return ended(about, told, asked)


def ended(about: dict[str, Any], told: dict[str, Any], asked: argparse.Namespace) -> int:
    """Judge, draw and print the last line."""
    pages, start = told["centre"]["pages"], told["laptop"]["start"]
    own = told["laptop"]["pages"]
    limits = judged(
        {
            "laptop: start to the first page, seconds": (start["first_page_s"], "<=", START_S),
            "laptop: start and unlocking to 今日, seconds": (start["today_s"], "<=", START_S),
            "laptop: resident memory, MB": (told["laptop"]["memory_mb"], "<=", MEMORY_MB),
            "laptop: finding by name, seconds": (own["find by name"]["p50_s"], "<=", 0.3),
            "compound file, seconds": (pages["compound file"]["p50_s"], "<=", FILE_S),
            "statistics of World B's year, seconds": (
                max(one["p50_s"] for one in told["year"]["pages"].values()),
                "<=",
                YEAR_S,
            ),
        }
    )
    figure, axes = plots.pictures(2, "Pages: milliseconds until the whole page is there (median)")
    for axis, name in zip(axes, ("centre", "laptop"), strict=True):
        shown = {page: {"ms": one["p50_s"] * 1000} for page, one in told[name]["pages"].items()}
        plots.bars(axis, shown, x="ms", title=f"{name}, {told[name]['records']:,} records")
    plots.save(figure, asked.plot)
    return last_line("pages", about | told | {"rounds": asked.rounds}, limits)


def timed(
    ask: Callable[[str], requests.Response], pages: Mapping[str, str], rounds: int
) -> dict[str, dict[str, float]]:
    """Ask for every page in rounds; return median and 95th percentile by name."""
    spent: dict[str, list[float]] = {name: [] for name in pages}
    sizes = {}
    for number in range(rounds + 1):
        for name, path in pages.items():
            begun = time.perf_counter()
            answer = ask(path)
            took = time.perf_counter() - begun
            if answer.status_code != 200:
                raise SystemExit(f"{path} answered {answer.status_code}")
            if number:  # the first round warms caches up
                spent[name].append(took)
            sizes[name] = len(answer.content)
    return {
        name: {
            "p50_s": statistics.median(times),
            "p95_s": percentile(times, 95),
            "kb": sizes[name] / 1024,
        }
        for name, times in spent.items()
    }


def shown(what: str, pages: Mapping[str, Mapping[str, float]]) -> None:
    """Print a table of pages."""
    for name, one in pages.items():
        print(f"{what:8}{name:22}{one['p50_s'] * 1000:8.0f} ms  p95 {one['p95_s'] * 1000:7.0f} ms"
              f"{one['kb']:8.0f} KB", flush=True)  # fmt: skip


# The centre -----------------------------------------------------------------------------------


def world(name: str, build: Callable[[Path], None]) -> Path:
    """Return the data folder of a world built once, kept in ``.bench/``; a copy of it is brought up
    to date by the centre that opens it."""
    kept = CACHE / f"world-{name}-{VERSION}"
    if not kept.exists():
        print(f"building world {name} (once) …", flush=True)
        unfinished = kept.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        build(unfinished)
        unfinished.rename(kept)
    return kept


def build_town(name: str) -> Callable[[Path], None]:
    """Return what builds World S or A in a folder, with somebody to sign in."""

    def build(data: Path) -> None:
        opened = open_centre(Settings(data=data, district="990101"), lambda: datetime.now(UTC))
        try:
            demo_world.build(opened.store, name, now=datetime.now(UTC))  # type: ignore[arg-type]
            admit(opened.store)
        finally:
            opened.store.close()

    return build


def build_year(part: int) -> Callable[[Path], None]:
    """Return what builds World B's year in a folder: its issues lived through, its field work as
    rows written in bulk; with somebody to sign in."""

    def build(data: Path) -> None:
        opened = open_centre(Settings(data=data, district="990102"), lambda: datetime.now(UTC))
        try:
            demo_year.build_year(opened.store, part=part, now=datetime(2026, 1, 2, tzinfo=UTC))
            field_year.fill(opened.store, opened.code, 2025, part)
            admit(opened.store)
        finally:
            opened.store.close()

    return build


def admit(store: Any) -> None:
    """Give the demo's district staff the password used here."""
    with store.writing() as connection:
        connection.execute(
            sa.update(users).where(users.c.no == WHO).values(password_hash=hash_password(PASSWORD))
        )


@contextlib.contextmanager
def signed_in(
    kept: Path, folder: Path, name: str
) -> Iterator[tuple[Callable[[str], requests.Response], Server]]:
    """Serve a copy of a world and sign in; yield what asks for a page."""
    data = folder / name
    shutil.copytree(kept, data)
    with centre(name, data, folder / f"{name}.log") as server:
        visitor = Visitor(server.address)
        page = visitor.open("/sign-in")
        visitor.submit(page, page.form("no", "password"), {"no": WHO, "password": PASSWORD})
        yield asking(visitor), server


def asking(visitor: Visitor) -> Callable[[str], requests.Response]:
    """Return what asks for a page with somebody's session, over a kept line."""
    session = visitor._session
    return lambda path: session.get(visitor.base + path, timeout=120)


def staff(folder: Path, postgresql: Database, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure the staff's pages beside a bare one."""
    kept = world(asked.world, build_town(asked.world))
    with bare("bare", folder, postgresql) as peer, signed_in(kept, folder, "town") as (ask, server):
        peer.turn(100, 0.1)
        found, count = subjects(folder / "town")
        pages = {name: path.format(**found) for name, path in STAFF.items()}
        line = requests.Session()
        line.trust_env = False

        def either(path: str) -> requests.Response:
            if path == "bare":
                return line.get(f"{peer.server.address}/page", timeout=60)
            return ask(path)

        told = timed(either, {"(bare Flask page)": "bare", **pages}, asked.rounds)
        memory = cpu.resident(server.pid) / 2**20
    shown("centre", told)
    plain = told["(bare Flask page)"]["p50_s"]
    print(f"centre  {count:,} records, two workers hold {memory:.0f} MB")
    return {
        "world": asked.world, "records": count, "memory_mb": memory, "pages": told,
        "median_page_to_bare": statistics.median(
            one["p50_s"] for name, one in told.items() if not name.startswith("(")
        ) / plain,
    }  # fmt: skip


def subjects(data: Path) -> tuple[dict[str, str], int]:
    """Return records to look at, and how many there are."""
    opened = open_centre(Settings(data=data, district="990101"), lambda: datetime.now(UTC))
    found = {}
    try:
        with opened.store.reading() as connection:
            for kind in ("resident", "household", "compound", "issue"):
                wanted = (
                    sa.select(records.c.record_id, records.c.fields)
                    .where(records.c.district == "990101", records.c.kind == kind)
                    .order_by(records.c.record_id)
                    .limit(1)
                )
                row = connection.execute(wanted).one()
                found[kind] = row.record_id
                if kind == "resident":
                    found["name"] = quote(row.fields["name"])
            count = connection.execute(sa.select(sa.func.count()).select_from(records)).scalar_one()
    finally:
        opened.store.close()
    return found, int(count)


def year(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure the statistics of a year of a district."""
    kept = world(f"BS{asked.part}", build_year(asked.part))
    with signed_in(kept, folder, "year") as (ask, _):
        pages = {
            "year": f"/statistics?{YEAR}", "field work": f"/statistics/field?{YEAR}",
            "punctual sync": f"/statistics/timeliness?{YEAR}", "registers": "/statistics/registers",
        }  # fmt: skip
        told = timed(ask, pages, min(asked.rounds, YEAR_ROUNDS))
    shown("year", told)
    return {"part": asked.part, "pages": told}


# The laptop -----------------------------------------------------------------------------------


def laptop(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Start the laptop anew several times, look at every page, and weigh it."""
    data = folder / "laptop"
    found = equip(data, asked.records)
    starts: list[dict[str, float]] = []
    for number in range(asked.starts):
        with contextlib.ExitStack() as stack:
            begun = time.perf_counter()
            server = stack.enter_context(laptop_program(data, folder))
            visitor = Visitor(server.address)
            visitor.open("/unlock")
            first = time.perf_counter() - begun
            worker = Worker(server.address, visitor)
            unlocking = time.perf_counter()
            worker.unlock(PASSPHRASE)
            unlocked = time.perf_counter() - unlocking
            begun = time.perf_counter()
            visitor.open("/")
            starts.append(
                {
                    "first_page_s": first,
                    "unlock_s": unlocked,
                    "today_s": first + unlocked,
                    "today_again_s": time.perf_counter() - begun,
                    "fresh_mb": cpu.resident(server.pid) / 2**20,
                }
            )
            if number == asked.starts - 1:
                pages = {name: path.format(**found) for name, path in LAPTOP.items()}
                told = timed(asking(visitor), pages, asked.rounds)
                memory = cpu.resident(server.pid) / 2**20
    start = {name: statistics.median(one[name] for one in starts) for name in starts[0]}
    shown("laptop", told)
    print(
        f"laptop  {found['count']} records: first page {start['first_page_s']:.2f} s, unlocking to "
        f"今日 {start['unlock_s']:.2f} s; {start['fresh_mb']:.0f} MB then, {memory:.0f} MB after "
        "every page",
        flush=True,
    )
    return {"records": int(found["count"]), "start": start, "memory_mb": memory, "pages": told}


def laptop_program(data: Path, folder: Path) -> Server:
    """Return the laptop's program as its worker starts it."""
    port = free_port()
    command = [sys.executable, "-m", "field_app", "--data", str(data), "--port", str(port),
               "--no-browser", "--no-auto-sync"]  # fmt: skip
    return Server("laptop", command, port, folder / "laptop.log", poll_s=0.005)


def equip(data: Path, count: int) -> dict[str, str]:
    """Make a store with about ``count`` records of one grid, as pulls have brought them."""
    vault = Vault(data, indexes=indexes())
    store, _ = vault.create(new_id(), "林示例", PASSPHRASE)
    now = datetime.now(UTC)
    ws = Workspace(store.db, lambda: now)
    by_kind: dict[str, dict[str, Any]] = {}
    found: dict[str, str] = {"name": quote("王伟"), "room": quote("3-1-502")}
    made = 0
    for kind, one, area, fields in compound(count, random.Random(2), GRID):
        if made >= count:
            break
        update = {"record_id": one, "kind": kind, "schema": kind_of(kind).info.version,
                  "grid": area, "version": 1,
                  "first": {"author": "x", "made_at": written(now)},
                  "last": {"author": "x", "made_at": written(now)}}  # fmt: skip
        by_kind.setdefault(kind, {})[one] = build_view(copy_of(update, fields, None), [])
        found.setdefault(kind, one)
        made += 1
    identity = Identity(
        "http://127.0.0.1:9", new_id(), "本", "t", "11" * 32, "22" * 32, store.worker_id, "W1",
        "林示例", "worker", "990101", (GRID,), "33" * 32, "e", written(now),
    )  # fmt: skip
    with ws.db.transaction():
        put_all(ws.db, SETTINGS, {"cursor": {"value": "c"}, "identity": identity.document()})
        for kind, views in by_kind.items():
            put_all(ws.db, kind, views)
    store.close()
    return found | {"count": str(made)}


if __name__ == "__main__":
    raise SystemExit(main())
