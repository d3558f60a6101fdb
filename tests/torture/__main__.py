"""``python -m tests.torture``: run the sections, print their figures, end with one line of JSON.

The exit status is 1 when anything was lost, damaged in silence, refused wrongly or left untested.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests import compiled
from tests.torture.databases import throw_away_postgres

SECTIONS = (
    "simulation",
    "kills",
    "power_cuts",
    "damage",
    "io_errors",
    "fuzz",
    "parallel",
    "photos",
    "failover",
)
OF_DATABASE = ("simulation", "kills", "fuzz", "parallel", "photos")
"""What goes otherwise on another database; the rest is about files and is run without."""
SEEDED = ("simulation",)
"""What follows from seeds that are counted on; the rest draws new ones at every run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit status."""
    args = _arguments(argv)
    logging.disable(logging.CRITICAL)  # thousands of refusals are meant
    began = time.monotonic()
    figures: dict[str, Any] = {"scale": args.scale}
    with _database(args) as database, pytest.MonkeyPatch.context() as patch:
        compiled.routes_once(patch)
        compiled.statements_once(patch)
        figures["database"] = "postgresql" if database else "sqlite"
        for name in _chosen(args, database):
            seed = {"first_seed": args.seed} if name in SEEDED else {}
            figures[name] = _section(name, args.scale, database, **seed)
            _show(name, figures[name])
    sections = [value for value in figures.values() if isinstance(value, dict)]
    figures["seconds"] = round(time.monotonic() - began, 1)
    figures["ok"] = all(section["ok"] for section in sections)
    print(json.dumps(figures, ensure_ascii=False), flush=True)
    return 0 if figures["ok"] else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="1: the full run; 0.01: a hundredth"
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="these sections alone")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="where the districts of the simulation begin (0 unless named)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--database-url",
        metavar="URL",
        help="a PostgreSQL server on which databases may be made and dropped",
    )
    where.add_argument("--postgres", action="store_true", help="start a PostgreSQL server for it")
    return parser.parse_args(argv)


@contextlib.contextmanager
def _database(args: argparse.Namespace) -> Iterator[str | None]:
    if args.postgres:
        with throw_away_postgres() as url:
            yield url
    else:
        yield args.database_url


def _chosen(args: argparse.Namespace, database: str | None) -> Sequence[str]:
    return args.only or (OF_DATABASE if database else SECTIONS)


def _section(name: str, scale: float, database: str | None, **seed: int) -> dict[str, Any]:
    """Run one section; a failure of its own counts as a violation."""
    print(f"== {name} (scale {scale:g})", flush=True)
    began = time.monotonic()
    try:
        module = importlib.import_module(f"tests.torture.{name}")
        found = dict(module.run(scale, database, **seed))
    except ModuleNotFoundError as missing:
        if missing.name != f"tests.torture.{name}":
            raise
        return {"absent": True, "ok": False}
    except Exception:
        found = {"violations": [traceback.format_exc()]}
    found["seconds"] = round(time.monotonic() - began, 1)
    found["ok"] = found.get("ok", True) is True and not list(_violations(found))
    return found


def _violations(found: Any) -> Iterator[Any]:
    """Give every violation, however deep."""
    if isinstance(found, dict):
        yield from found.get("violations") or ()
        for value in found.values():
            yield from _violations(value)


def _show(name: str, found: dict[str, Any]) -> None:
    for key, value in found.items():
        if isinstance(value, dict):
            figures = "  ".join(f"{k} {v}" for k, v in value.items() if k != "violations")
            print(f"   {key}: {figures}")
        elif key not in ("violations", "ok"):
            print(f"   {key}: {value}")
    for words in _violations(found):
        print(f"   VIOLATION {words}")
    print(f"   {name}: {'ok' if found['ok'] else 'FAILED'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
