"""Redrawing grids on the terminal, as the staff page 区域和网格 does."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from sync_server.cli.opening import opened
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, area_tree, grid_changes
from sync_server.services.accounts import User
from sync_server.settings import Settings


def add_options(add: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add both commands to the command line."""
    one = add(
        "split-grid",
        "把一个网格的几栋楼拆成新网格；不写 --buildings 则列出可拆的楼栋。",
        "Split some buildings of a grid off into a new one; without --buildings: list them.",
    )
    _shared(one)
    one.add_argument(
        "--buildings",
        nargs="+",
        default=[],
        metavar="NAME",
        help="划出去的楼栋，名称（“小区 楼号”）或记录号 (buildings that go, by name or id)",
    )
    one.add_argument("--name", default="", help="新网格的名称 (the new grid's name)")
    for side, zh, en in (
        ("old", "留下的网格由谁负责", "who keeps the old half"),
        ("new", "新网格由谁负责", "who gets the new one"),
    ):
        one.add_argument(
            f"--{side}",
            nargs="+",
            metavar="NO",
            help=f"{zh}，工号；不写则为现在的人 ({en}, by number; those who hold it now)",
        )
    one = add(
        "merge-grids",
        "把一个网格并入另一个网格，原网格失效。",
        "Merge a grid into another one; the first one ends.",
    )
    _shared(one)
    one.add_argument(
        "--into", required=True, metavar="CODE", help="并入的网格 (the grid it goes into)"
    )


def _shared(one: argparse.ArgumentParser) -> None:
    one.add_argument("--grid", required=True, metavar="CODE", help="网格代码 (the grid's code)")
    one.add_argument(
        "--by",
        required=True,
        metavar="NO",
        help="以谁的名义，工作人员工号 (in whose name, a staff number)",
    )


def split(settings: Settings, args: argparse.Namespace) -> None:
    """Split a grid and print the new one's code; without buildings: list those it has."""
    with opened(settings) as centre:
        with centre.store.reading() as connection:
            me = accounts.user_by_no(connection, centre.code, args.by)
            if not may(me.role, "areas"):
                raise Refusal("grids_not_his")
            _check_known(connection, me, args.grid)
            here = area_tree.buildings_of(connection, me, args.grid)
            if not args.buildings:
                for one in here:
                    print(f"{one.record_id}  {one.households:>6,}  {one.name}")
                return
            chosen = [_building(here, name) for name in args.buildings]
            node = area_tree.open_area(connection, me, args.grid, "zh").node
            present = [one.user_id for one in node.holders]
            keepers = {
                side: present if numbers is None else _people(connection, me, numbers)
                for side, numbers in (("old", args.old), ("new", args.new))
            }
        with _told(args.grid):
            code = grid_changes.split_grid(
                centre.store, me, args.grid, args.name, chosen, keepers, centre.clock()
            )
    print(code)


def merge(settings: Settings, args: argparse.Namespace) -> None:
    """Merge a grid into another one and print how many records went."""
    with opened(settings) as centre:
        with centre.store.reading() as connection:
            me = accounts.user_by_no(connection, centre.code, args.by)
            if not may(me.role, "areas"):
                raise Refusal("grids_not_his")
            _check_known(connection, me, args.grid)
            _check_known(connection, me, args.into)
        with _told(f"{args.grid} {args.into}"):
            count = grid_changes.merge_grids(
                centre.store, me, args.grid, args.into, centre.clock()
            )  # fmt: skip
    print(f"{count:,}")


@contextmanager
def _told(code: str) -> Iterator[None]:
    """Let refusals say what a page shows anyway."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code == "not_allowed":
            raise Refusal("grids_not_his") from None
        if refusal.code == "unknown_record":
            raise Refusal("unknown_grid", code=code) from None
        raise Refusal(refusal.code, **({"code": code} | refusal.facts)) from None


def _check_known(connection: sa.Connection, me: User, code: str) -> None:
    with _told(code):
        area_tree.find_area(connection, me, code)


def _building(here: Sequence[area_tree.BuildingChoice], name: str) -> str:
    """Return the building of a grid with this id or name."""
    wanted = "".join(name.split())
    found = [
        one.record_id
        for one in here
        if name == one.record_id or "".join(one.name.split()) == wanted
    ]
    if len(found) != 1:
        raise Refusal("unknown_building", name=name)
    return found[0]


def _people(connection: sa.Connection, me: User, numbers: Collection[str]) -> list[str]:
    return [accounts.user_by_no(connection, me.district, no).user_id for no in numbers]
