"""How fast the centre takes changes in, beside its peers in the same run.

`python -m benchmarks.bench_ingest [--rounds 5] [--stored 100000] [--plot FILE]`   (QUICK=1: short)

The centre with two gunicorn workers on PostgreSQL and on SQLite; bare Flask + psycopg (one array
insert into one JSONB table, nothing checked), the same behind a plain marshmallow schema, Kinto and
pouchdb-server. Eight clients on keep-alive lines send prepared bytes, in turns of some two seconds;
clients, servers and databases share the machine. Every commit waits for the disk.

Measured: first send (validation, merge, history, receipts), the same bytes again, batches of 1 to
500, and the rate with 1,000 to STORED changes stored (STORED=10000000 fills for half an hour). The
last line is one JSON object; exit code 1 means a limit was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import filling, plots
from benchmarks.contenders import (
    AsALaptop,
    Contender,
    Kinto,
    Ours,
    bare,
    kinto,
    our_centre,
    pouch,
    table,
)
from benchmarks.field_changes import mean_bytes
from benchmarks.field_force import DISTRICT, opened, place_at_end
from benchmarks.rounds import (
    Figures,
    interleaved,
    judged,
    last_line,
    quick,
    ratio,
    rounds_asked,
)
from benchmarks.servers import Database, workplace
from sync_server.store.tables import changes

SIZE, SIZES = 100, (1, 10, 500)
KINTO_SIZE = 25
"""The largest batch Kinto takes unless it is told otherwise; its records go one by one anyway."""
COUCHDB_RATE = 1_960.0
"""First send into CouchDB 3.5 by _bulk_docs, batches of 100, measured once on two cores like these
(median of 4 rounds); it cannot be installed by this script."""
CONTROL = 10_000
OURS, SQLITE, LAPTOP, BARE = "ours", "ours, SQLite", "ours, as a laptop", "bare Flask"
CHECKED, POUCH, KINTO = "bare Flask + marshmallow", "pouchdb-server", "Kinto"


def main() -> int:
    """Run, print, plot; return 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, help="rounds (default 5, with QUICK=1 2)")
    parser.add_argument("--seconds", type=float, help="seconds of a turn")
    parser.add_argument(
        "--stored", type=int, default=int(os.environ.get("STORED") or 0),
        help="how many changes to store at most (default 100000; 0 with QUICK=1: 10000)",
    )  # fmt: skip
    parser.add_argument("--no-peers", action="store_true", help="our centre alone")
    parser.add_argument(
        "--only-stored", action="store_true", help="the rate by what is stored alone"
    )
    parser.add_argument("--folder", type=Path, help="where to work: a real disk with room")
    parser.add_argument("--plot", type=Path, default=plots.RESULTS / "ingest.png")
    asked = parser.parse_args()
    asked.rounds = rounds_asked(asked.rounds)
    asked.seconds = asked.seconds or (0.7 if quick() else 2.0)
    asked.stored = asked.stored or (10_000 if quick() else 100_000)

    with workplace("ingest", asked.folder) as (folder, postgresql, about):
        told = run(folder, postgresql, asked)
    limits = judged(wanted(told))
    draw(told, asked.plot)
    return last_line("ingest", about | told | {"rounds": asked.rounds}, limits)


def run(folder: Path, postgresql: Database, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that was asked for."""
    told: dict[str, Any] = {}
    if not asked.only_stored:
        told |= beside_peers(folder, postgresql, asked)
    told["by_stored"] = {
        OURS: by_stored(folder, postgresql, asked),
        SQLITE: by_stored(folder, None, asked),
    }
    told["stored_bytes_per_change"] = {
        name: list(one.values())[-1]["stored_bytes_per_change"]
        for name, one in told["by_stored"].items()
    }
    return told


# First send, resend, sizes of batches ---------------------------------------------------------


def beside_peers(folder: Path, postgresql: Database, asked: argparse.Namespace) -> dict[str, Any]:
    """Let everybody take turns; return figures by contender and by size of batches."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        field: dict[str, Contender] = {
            OURS: enter(our_centre("ours", folder, postgresql)),
            LAPTOP: enter(our_centre("ours_as_a_laptop", folder, postgresql, kind=AsALaptop)),
            SQLITE: enter(our_centre("ours_sqlite", folder, None)),
        }
        if not asked.no_peers:
            peers = {
                BARE: enter(bare("bare", folder, postgresql)),
                CHECKED: enter(bare("bare_checked", folder, postgresql, schema=True)),
                POUCH: enter(pouch(folder)),
                KINTO: enter(kinto(folder, postgresql)),
            }
            field |= {name: one for name, one in peers.items() if one is not None}
        for name, one in field.items():
            print(f"warming up: {name}", flush=True)
            one.turn(KINTO_SIZE if isinstance(one, Kinto) else SIZE, 1.0)
            one.settle()
        first = interleaved(list(field), asked.rounds, first_send(field, asked.seconds))
        ours = field[OURS]
        assert isinstance(ours, Ours)
        sample = [one.raw.partition(b"\r\n\r\n")[2] for one in ours.sent[0][:3]]
        table("first send", first)
        few = [name for name in (OURS, SQLITE, BARE, POUCH) if name in field]
        by_size = {size: sized(field, few, size, asked) for size in SIZES}
        check_books(folder, postgresql, field)
    by_size[SIZE] = {name: first[name] for name in few}
    return {
        "first_send": first,
        "change_bytes": mean_bytes(sample),
        "by_size": {str(size): by_size[size] for size in sorted(by_size)},
    }


def first_send(field: Mapping[str, Contender], seconds: float) -> Callable[[str], Figures]:
    """Return the turn of a round at the usual size; ours also send everything again."""

    def turn(name: str) -> Figures:
        one = field[name]
        figures = one.turn(KINTO_SIZE if isinstance(one, Kinto) else SIZE, seconds)
        if isinstance(one, Ours) and not isinstance(one, AsALaptop):
            again = one.resend()
            figures["resend_records_s"] = again["records_s"]
            figures["resend_cpu_s_per_1000"] = again["cpu_s_per_1000"]
        return figures

    return turn


def sized(
    field: Mapping[str, Contender], names: list[str], size: int, asked: argparse.Namespace
) -> dict[str, Figures]:
    """Return the figures at another size of batches, in shorter turns."""
    for name in names:
        field[name].rate *= 0.5 if size < SIZE else 1.0
    seconds = asked.seconds * 0.6
    return interleaved(names, min(asked.rounds, 3), lambda name: field[name].turn(size, seconds))


def check_books(folder: Path, postgresql: Database, field: Mapping[str, Contender]) -> None:
    """Compare what our clients were told was taken with what lies in the database."""
    for name in (OURS, LAPTOP, SQLITE):
        one = field[name]
        url = postgresql.server.url(one.name) if one.database is not None else ""
        centre = opened(folder / one.name, url)
        try:
            with centre.store.reading() as connection:
                count = connection.execute(sa.select(sa.func.count()).select_from(changes)).scalar()
        finally:
            centre.store.close()
        resent = getattr(one, "resent", 0)
        if count != one.stored - resent:
            raise SystemExit(f"{name}: {one.stored - resent} acknowledged, {count} stored")


# What is stored already -----------------------------------------------------------------------


def by_stored(
    folder: Path, postgresql: Database | None, asked: argparse.Namespace
) -> dict[str, Figures]:
    """Return the rate by how much is stored, each beside a control that stays at 10,000."""
    which = "postgresql" if postgresql is not None else "sqlite"
    told: dict[str, Figures] = {}
    with contextlib.ExitStack() as stack:
        if postgresql is not None:  # there is not room for both
            stack.callback(postgresql.drop, "grown_postgresql")
        field = {
            name: stack.enter_context(our_centre(f"{name}_{which}", folder, postgresql))
            for name in ("control", "grown")
        }
        fillings = {}
        for name, ours in field.items():
            ours.turn_of(1_000, 25)
            url = postgresql.server.url(ours.name) if postgresql is not None else ""
            centre = opened(folder / ours.name, url)
            stack.callback(centre.store.close)
            fillings[name] = (filling.Filling(centre.store.engine, DISTRICT), centre)
        fillings["control"][0].grow(CONTROL)
        place_at_end(fillings["control"][1], field["control"].laptops)
        for stored in filling.sizes(asked.stored):
            if stored == CONTROL:
                continue  # that is the control itself
            grown, centre = fillings["grown"]
            took = grown.grow(stored)
            place_at_end(centre, field["grown"].laptops)
            for ours in field.values():
                ours.turn(SIZE, 0.6)
            found = interleaved(["grown", "control"], asked.rounds, at_work(field, asked.seconds))
            for size, name in ((CONTROL, "control"), (stored, "grown")):
                told[str(size)] = found[name] | {
                    "to_control": found[name]["records_s"] / found["control"]["records_s"],
                    "stored_bytes_per_change": fillings[name][0].stored_bytes(),
                }
            one = told[str(stored)]
            one["filled_in_s"] = took
            print(
                f"{which:10} {stored:>10,} stored: {one['records_s']:7,.0f} records/s,"
                f" {one['to_control']:.2f} of the control at {CONTROL:,}"
                f" (filled in {took:.0f} s)",
                flush=True,
            )
    return dict(sorted(told.items(), key=lambda item: int(item[0])))


def at_work(field: Mapping[str, Ours], seconds: float) -> Callable[[str, int], Figures]:
    """Return the turn of a round at the usual size."""
    return lambda name: field[name].turn(SIZE, seconds)


# What comes of it -----------------------------------------------------------------------------


def wanted(told: Mapping[str, Any]) -> dict[str, tuple[float | None, str, float]]:
    """Return the limits with the figures they are about."""
    first = told.get("first_send", {})

    def rate(name: str) -> float | None:
        return first.get(name, {}).get("records_s")

    ours, sqlite = rate(OURS), rate(SQLITE)
    # Of what is stored no more than in the control there is nothing to say.
    largest = {
        name: one[most]
        for name, one in told["by_stored"].items()
        if one and int(most := max(one, key=int)) > CONTROL
    }
    found: dict[str, tuple[float | None, str, float]] = {
        "first send, of bare Flask": (ratio(ours, rate(BARE)), ">=", 0.5),
        "first send, times pouchdb-server": (ratio(ours, rate(POUCH)), ">=", 2.0),
        "first send, times CouchDB's rate measured elsewhere": (
            ratio(ours, COUCHDB_RATE), ">=", 2.0),
        "first send, times Kinto": (ratio(ours, rate(KINTO)), ">=", 40.0),
        "server CPU seconds per 1,000, without the database": (
            first.get(OURS, {}).get("server_cpu_s_per_1000"), "<=", 0.3),
        "SQLite, times pouchdb-server": (ratio(sqlite, rate(POUCH)), ">=", 1.5),
        "resend, times the first send": (
            ratio(first.get(OURS, {}).get("resend_records_s"), ours), ">=", 2.0),
        "SQLite: resend, times the first send": (
            ratio(first.get(SQLITE, {}).get("resend_records_s"), sqlite), ">=", 2.0),
    }  # fmt: skip
    if not first:
        found = {}
    found["rate at the most stored, of that at 10,000"] = (
        largest.get(OURS, {}).get("to_control"), ">=", 0.85)  # fmt: skip
    found["SQLite: rate at the most stored, of that at 10,000"] = (
        largest.get(SQLITE, {}).get("to_control"), ">=", 0.60)  # fmt: skip
    return found


def draw(told: Mapping[str, Any], path: Path) -> None:
    """Plot cost against batch size, cost against what is stored, and where the time goes."""
    parts = 3 if "first_send" in told else 1
    figure, axes = plots.pictures(parts, "Taking changes in: processor time per 1,000 records")
    stored = told["by_stored"]
    plots.lines(
        axes[-1],
        {name: [(float(n), f["cpu_s_per_1000"]) for n, f in one.items()]
         for name, one in stored.items()},
        x="changes stored", y="CPU s per 1,000", title="by what is stored (batches of 100)",
    )  # fmt: skip
    if "first_send" in told:
        names = list(told["by_size"][str(SIZE)])
        plots.lines(
            axes[0],
            {name: [(float(size), one[name]["cpu_s_per_1000"])
                    for size, one in told["by_size"].items() if name in one] for name in names},
            x="records per batch", y="CPU s per 1,000", title="by batch size", log_y=True,
        )  # fmt: skip
        plots.bars(
            axes[1],
            {name: {"server": one["server_cpu_s_per_1000"],
                    "database": one["database_cpu_s_per_1000"]}
             for name, one in told["first_send"].items() if name != KINTO},
            x="CPU s per 1,000", title="first send, batches of 100 (Kinto left out)",
        )  # fmt: skip
    plots.save(figure, path)


if __name__ == "__main__":
    raise SystemExit(main())
