"""World B on the command line: building its year, and comparing it with the golden numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from sync_server.cli.demo_facts import print_world
from sync_server.cli.opening import opened
from sync_server.domain.errors import Refusal
from sync_server.domain.world.year_places import DISTRICT
from sync_server.services.demo_year import build_year
from sync_server.services.demo_year_check import Compared, check_year
from sync_server.settings import Settings

NOT_DRAWN = (
    "户、人、驿站、志愿队和党员只知总数，不生成。",
    "Households, people, stations, teams and members are known as totals only: not drawn.",
)


def command(
    settings: Settings, args: argparse.Namespace, progress: Callable[[int, int], None]
) -> None:
    """Build World B and, when asked to, print its golden numbers beside what came out.

    Raises Refusal ``world_differs`` when they differ, ``no_files`` when asked for files: its issues
    exist only where they were handled.
    """
    if args.files or args.as_xlsx:
        raise Refusal("no_files")
    with opened(replace(settings, district=DISTRICT), beside=True) as centre:
        now = centre.clock()
        built = build_year(
            centre.store, seed=args.seed, today=args.today, part=args.part, now=now,
            progress=progress,
        )  # fmt: skip
        print_world(built.as_json(), built.accounts, as_json=args.json)
        if not args.json:
            for line in NOT_DRAWN:
                print(line)
        if args.check:
            with centre.store.reading() as connection:
                compared = check_year(connection, built.year, built.part, built.as_of)
            _print(compared)


def _print(compared: list[Compared]) -> None:
    for one in compared:
        mark = "" if one.fits else "  ≠"
        print(f"{one.name:32} {one.expected:>10} {one.found:>10}{mark}")
    wrong = sum(not one.fits for one in compared)
    if wrong:
        raise Refusal("world_differs", differences=wrong)
