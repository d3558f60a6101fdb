"""How fast a laptop's full download goes, beside the peers' in the same run.

`python -m benchmarks.bench_pull [--records 2000] [--rounds 5] [--plot FILE]`   (QUICK=1: short)

Every store holds eight times so many records of about 1 KB. Eight clients on keep-alive lines fetch
everything, page by page: ours eight grids, each by the laptop that holds it, through the exchange
(scope, order of commit, cursors, names of people); the peers one table or database. Every request
was made once before and is sent again as bytes, so that clients cost next to nothing.

The last line is one JSON object; exit code 1 means a limit was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks import plots
from benchmarks.contenders import (
    CLIENTS,
    Contender,
    Kinto,
    Ours,
    bare,
    kinto,
    our_centre,
    pouch,
    table,
)
from benchmarks.field_changes import SYNC, Laptop
from benchmarks.keepalive import Connection, Piece, drive, fine, request
from benchmarks.rounds import Figures, interleaved, judged, last_line, quick, ratio, rounds_asked
from benchmarks.servers import Database, workplace

PAGE = 500
OURS, SQLITE, PACKED = "ours", "ours, SQLite", "ours, packed"
BARE, TEXTS, POUCH, KINTO = "bare Flask", "bare Flask, texts", "pouchdb-server", "Kinto"
SIZE, KINTO_SIZE, KINTO_RECORDS = 100, 25, 1_000


def main() -> int:
    """Run, print, plot; return 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, help="rounds (default 5, with QUICK=1 2)")
    parser.add_argument("--records", type=int, default=1_000 if quick() else 2_000,
                        help="records of a client's full download")  # fmt: skip
    parser.add_argument("--no-peers", action="store_true", help="our centre alone")
    parser.add_argument("--folder", type=Path, help="where to work: a real disk with room")
    parser.add_argument("--plot", type=Path, default=plots.RESULTS / "pull.png")
    asked = parser.parse_args()
    asked.rounds = rounds_asked(asked.rounds)
    with workplace("pull", asked.folder) as (folder, postgresql, about):
        told = run(folder, postgresql, asked)
    rates = {name: one["records_s"] for name, one in told["pull"].items()}
    limits = judged(
        {
            "pull, of bare Flask": (ratio(rates[OURS], rates.get(BARE)), ">=", 0.6),
            "pull on SQLite, of bare Flask": (ratio(rates[SQLITE], rates.get(BARE)), ">=", 0.6),
        }
    )
    figure, axes = plots.pictures(1, "A full download, pages of 500")
    shown = {
        name: {"server": one["server_cpu_s_per_1000"], "database": one["database_cpu_s_per_1000"]}
        for name, one in told["pull"].items()
    }
    plots.bars(axes[0], shown, x="CPU s per 1,000 records", title="processor time")
    plots.save(figure, asked.plot)
    return last_line("pull", about | told | {"rounds": asked.rounds}, limits)


def run(folder: Path, postgresql: Database, asked: argparse.Namespace) -> dict[str, Any]:
    """Fill every store, walk through each once, then let everybody take turns."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        ours = enter(our_centre("ours", folder, postgresql))
        sqlite = enter(our_centre("ours_sqlite", folder, None))
        field: dict[str, tuple[Contender, list[list[Piece]]]] = {}
        for name, one in ((OURS, ours), (SQLITE, sqlite)):
            one.turn_of(asked.records * CLIENTS, SIZE)
            field[name] = (one, [walk_ours(one, laptop) for laptop in one.laptops])
        field[PACKED] = (ours, [packed(pages) for pages in field[OURS][1]])
        if not asked.no_peers:
            one = enter(bare("bare", folder, postgresql))
            fill(one, asked.records * CLIENTS, SIZE)
            field[BARE] = (one, shares(walk_bare(one, "/docs")))
            field[TEXTS] = (one, shares(walk_bare(one, "/texts")))
            pouched = enter(pouch(folder))
            if pouched is not None:
                fill(pouched, asked.records * CLIENTS, SIZE)
                field[POUCH] = (pouched, shares(walk_pouch(pouched)))
            slow = enter(kinto(folder, postgresql))
            if slow is not None:
                fill(slow, KINTO_RECORDS, KINTO_SIZE)
                field[KINTO] = (slow, [walk_kinto(slow, number) for number in range(CLIENTS)])

        def turn(name: str) -> Figures:
            one, pages = field[name]
            return Contender.measure(one, pages, check=fine)[1]

        for name, (one, _) in field.items():
            one.settle()
            turn(name)
        pull = interleaved(list(field), asked.rounds, turn)
    table("pull", pull)
    return {"pull": pull, "records": asked.records * CLIENTS}


def shares(pages: list[Piece]) -> list[list[Piece]]:
    """Return one download's pages dealt out among the clients."""
    return [pages[number::CLIENTS] for number in range(CLIENTS)]


def fill(one: Contender, count: int, size: int) -> None:
    """Store ``count`` records at a peer."""
    work: list[Iterable[Piece]] = one.prepare(size, max(1, count // size // CLIENTS))
    drive(one.server.address, work, check=one.check)


def walked(
    address: str, pieces: Callable[[Any], bytes | None], count: Callable[[Any], int]
) -> list[Piece]:
    """Fetch page by page, each request made from the answer before; return the requests."""
    line, told, found = Connection(address), None, []
    while (raw := pieces(told)) is not None:
        answer = line.ask(raw)
        fine(answer)
        told = answer
        found.append(Piece(raw, count(answer)))
    line.close()
    return [one for one in found if one.records]


def walk_ours(one: Ours, laptop: Laptop) -> list[Piece]:
    """Walk through a laptop's scope from the start."""
    address, headers = one.server.address, dict(laptop.headers)
    place: dict[str, Any] = {"cursor": None, "more": True}

    def following(answer: Any) -> bytes | None:
        if answer is not None:
            place.update(json.loads(answer.body))
        if not place["more"]:
            return None
        laptop.cursor = place["cursor"]
        return request(address, "POST", SYNC, laptop.body([], PAGE), headers)

    return walked(address, following, lambda answer: len(json.loads(answer.body)["updates"]))


def packed(pages: list[Piece]) -> list[Piece]:
    """Return the same requests, asking for packed answers."""
    head = b"Content-Type: application/json\r\n"
    return [
        Piece(page.raw.replace(head, head + b"Accept-Encoding: gzip\r\n", 1), page.records)
        for page in pages
    ]


def walk_bare(one: Contender, path: str) -> list[Piece]:
    """Walk through the bare table by id."""
    address = one.server.address

    def following(answer: Any) -> bytes | None:
        rows = json.loads(answer.body)["rows"] if answer is not None else None
        if rows == []:
            return None
        after = rows[-1]["id"] if rows else ""
        return request(address, "GET", f"{path}?after={after}&limit={PAGE}")

    return walked(address, following, lambda answer: len(json.loads(answer.body)["rows"]))


def walk_pouch(one: Contender) -> list[Piece]:
    """Walk through pouchdb-server's documents by id."""
    address = one.server.address

    def following(answer: Any) -> bytes | None:
        rows = json.loads(answer.body)["rows"] if answer is not None else None
        if rows == []:
            return None
        start = f"&startkey={quote(json.dumps(rows[-1]['id']))}&skip=1" if rows else ""
        path = f"/records/_all_docs?include_docs=true&limit={PAGE}{start}"
        return request(address, "GET", path, headers={"Accept": "application/json"})

    return walked(address, following, lambda answer: len(json.loads(answer.body)["rows"]))


def walk_kinto(one: Contender, client: int) -> list[Piece]:
    """Walk through a client's collection by Kinto's own next pages."""
    address = one.server.address

    def following(answer: Any) -> bytes | None:
        path = f"/v1{Kinto.collections}/c{client}/records?_limit={PAGE}"
        if answer is not None:
            following_page = answer.header("Next-Page")
            if not following_page:
                return None
            parts = urlsplit(following_page)
            path = f"{parts.path}?{parts.query}"
        return request(address, "GET", path, headers=Kinto.headers)

    return walked(address, following, lambda answer: len(json.loads(answer.body)["data"]))


if __name__ == "__main__":
    raise SystemExit(main())
