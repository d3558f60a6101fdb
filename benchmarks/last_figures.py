"""The last runs' figures, as they stand in docs/performance.md and docs/scaling.md.

`python -m benchmarks.last_figures [--keep]` reads ``benchmarks/results/*.json``, which every run
leaves, and prints them as Markdown; ``--keep`` writes them between the marks in both pages and
takes the plots over into ``docs/images/``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.arithmetic import Prices, measured, table
from benchmarks.rounds import RESULTS

DOCS = RESULTS.parents[1] / "docs"
YES = {True: "yes", False: "**no**", None: "not measured"}


def rows(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a table."""
    names = list(head)
    text = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    text += [f"| {' | '.join(one)} |" for one in lines]
    return "\n".join(text)


def ingest(told: Mapping[str, Any]) -> str:
    """Return first send, batch sizes and what is stored; of ``--only-stored`` the last alone."""
    parts = [
        rows(
            ("first send, batches of 100", "records/s", "the same again", "CPU s per 1,000: server",
             "database", "clients", "spread of rounds"),
            (
                (name, f"{one['records_s']:,.0f}",
                 f"{one['resend_records_s']:,.0f}" if "resend_records_s" in one else "",
                 f"{one['server_cpu_s_per_1000']:.3f}", f"{one['database_cpu_s_per_1000']:.3f}",
                 f"{one['client_cpu_s_per_1000']:.3f}", f"{one.get('spread', 1):.2f}×")
                for name, one in told["first_send"].items()
            ),
        ),
        rows(
            ("records/s by batch", *told["by_size"]),
            (
                (name, *(f"{told['by_size'][size][name]['records_s']:,.0f}"
                         for size in told["by_size"]))
                for name in told["by_size"]["100"]
            ),
        ),
    ] if "first_send" in told else []  # fmt: skip
    sizes = list(next(iter(told["by_stored"].values())))
    parts.append(
        rows(
            ("of the rate at 10,000, by what is stored", *(f"{int(one):,}" for one in sizes)),
            (
                (name, *(f"{one[size]['to_control']:.2f}" for size in sizes))
                for name, one in told["by_stored"].items()
            ),
        )
    )
    return "\n\n".join(parts)


def pull(told: Mapping[str, Any]) -> str:
    """Return the full download."""
    return rows(
        ("full download, pages of 500", "records/s", "CPU s per 1,000: server", "database"),
        (
            (name, f"{one['records_s']:,.0f}", f"{one['server_cpu_s_per_1000']:.3f}",
             f"{one['database_cpu_s_per_1000']:.3f}")
            for name, one in told["pull"].items()
        ),
    )  # fmt: skip


def rush(told: Mapping[str, Any]) -> str:
    """Return the rush, part by part, and its books."""
    books = told["books"]
    return "\n\n".join(
        (
            rows(
                ("", "laptops", "came a second", "push p50", "p95", "p99", "all confirmed p50",
                 "p99", "turned away", "CPU centre", "database", "clients"),
                (
                    (name, f"{one['laptops']:,}", f"{one['laptops_s']:.2f}",
                     f"{one['p50_s']:.3f} s", f"{one['p95_s']:.3f} s", f"{one['p99_s']:.3f} s",
                     f"{one['home_p50_s']:.1f} s",
                     f"{one['home_p99_s']:.1f} s", f"{one['turned_away']:,}",
                     f"{one['server_cpu_share']:.0%}", f"{one['database_cpu_share']:.0%}",
                     f"{one['client_cpu_share']:.0%}")
                    for name, one in told["parts"].items()
                ),
            ),
            f"Books: {books['made']:,} changes made, {books['stored']:,} stored, "
            f"{books['missing']} missing, {books['twice']} stored twice, {books['unfinished']} "
            f"laptops unfinished, {books['photos']:,} photos, {books['photos_missing']} missing; "
            f"memory {told['memory_growth']:.2f} of what it was after warming up, at most "
            f"{told['memory_mb']} MB over all processes.",
        )
    )  # fmt: skip


def pages(told: Mapping[str, Any]) -> str:
    """Return the pages of both programs and the laptop's start."""
    own = told["laptop"]
    start = own["start"]
    tables = [
        rows(
            (f"{name}, {told[name]['records']:,} records", "median", "p95", "size"),
            (
                (page, f"{one['p50_s'] * 1000:.0f} ms", f"{one['p95_s'] * 1000:.0f} ms",
                 f"{one['kb']:.0f} KB")
                for page, one in told[name]["pages"].items()
            ),
        )
        for name in ("centre", "laptop")
    ]  # fmt: skip
    year = ", ".join(
        f"{name} {one['p50_s'] * 1000:.0f} ms" for name, one in told["year"]["pages"].items()
    )
    return "\n\n".join(
        (
            f"The laptop with {own['records']:,} records: first page after "
            f"{start['first_page_s']:.2f} s, 今日 {start['unlock_s']:.2f} s after the passphrase; "
            f"{start['fresh_mb']:.0f} MB then, {own['memory_mb']:.0f} MB after every page. "
            f"Statistics of World B's year: {year}.",
            *tables,
        )
    )


PARTS = {"ingest": ingest, "pull": pull, "rush": rush, "pages": pages}


def figures() -> dict[str, str]:
    """Return what the last runs found, by bench, and the arithmetic drawn from it."""
    found = {}
    for name, draw in PARTS.items():
        path = RESULTS / f"{name}.json"
        if not path.is_file():
            continue
        told = json.loads(path.read_text(encoding="utf-8"))
        found[name] = "\n\n".join((about(told), draw(told), limits(told)))
        if name == "ingest" and "first_send" in told:
            found["arithmetic"] = table(measured(told), Prices())
    return found


def about(told: Mapping[str, Any]) -> str:
    """Return what a run was measured on."""
    here = told["machine"]
    built = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    return (
        f"{here['cores']} cores ({here['processor']}), {here['memory_gb']} GB, an fsync of "
        f"{here['fsync_ms']} ms, {here['busy_before']:.0%} busy before the run; {built}."
    )


def limits(told: Mapping[str, Any]) -> str:
    """Return what was wanted and reached."""
    return rows(
        ("limit", "reached", "wanted", "kept"),
        (
            (
                name,
                "–" if one["figure"] is None else f"{one['figure']:,.3g}",
                one["limit"].replace(">=", "≥").replace("<=", "≤"),
                YES[one["kept"]],
            )
            for name, one in told["limits"].items()
        ),
    )


def written(page: str, found: Mapping[str, str]) -> str:
    """Return a page with the figures between their marks (``<!-- pull -->`` … ``<!-- end -->``)."""
    for name, text in found.items():
        marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = marks.sub(lambda mark, text=text: f"{mark[1]}\n{text}\n\n{mark[2]}", page)
    return page


def main() -> int:
    """Print what the last runs found, or keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keep", action="store_true", help="write it into the docs")
    found = figures()
    if not parser.parse_args().keep:
        print("\n\n".join(f"### {name}\n\n{text}" for name, text in found.items()))
        return 0
    for name in ("performance.md", "scaling.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        (DOCS / name).write_text(written(page, found), encoding="utf-8")
    for name in PARTS:
        if (RESULTS / f"{name}.png").is_file():
            shutil.copyfile(RESULTS / f"{name}.png", DOCS / "images" / f"bench-{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
